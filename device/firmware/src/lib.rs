//! What would be flashed, but for the TCP/IP stack: one turn of a connection, as `main` or a task
//! of an RTOS calls it. `scripts/device.sh` links it and reads the sizes of its sections.

#![no_std]
#![forbid(unsafe_code)]

use coap_ws_core::{Connection, Fixed, Instant};
use coap_ws_device::{Device, Node};

/// The bytes of a configuration.
pub const BODY: usize = 1024;

/// One client that asks one thing at a time: a sensor behind a gateway.
pub type Small = Node<Fixed<1, 1, 1, 512>, 260, 256, 1>;
/// Messages of 1152 bytes, RFC 8323's base value, and a few observers.
pub type Usual = Node<Fixed<1, 4, 4, 2048>, 1156, BODY, 4>;
/// Messages of 4 KiB: BERT blocks.
pub type Large = Node<Fixed<4, 8, 8, 8192>, 4100, 4096, 8>;

/// The sizes of types on the target, told by the sizes of symbols.
pub mod sizes {
    use super::*;

    macro_rules! size {
        ($($name:ident: $of:ty;)*) => {
            $(#[doc = "As many bytes as the type has."]
            pub static $name: [u8; size_of::<$of>()] = [1; size_of::<$of>()];)*
        };
    }

    size! {
        SIZE_NODE_SMALL: Small;
        SIZE_NODE_USUAL: Usual;
        SIZE_NODE_LARGE: Large;
        SIZE_CONNECTION_1_1_1_512: Connection<Fixed<1, 1, 1, 512>>;
        SIZE_CONNECTION_1_4_4_2048: Connection<Fixed<1, 4, 4, 2048>>;
        SIZE_CONNECTION_4_8_8_8192: Connection<Fixed<4, 8, 8, 8192>>;
        SIZE_DEVICE: Device<BODY>;
    }
}

/// A TCP connection of some stack's.
pub trait Tcp {
    /// What has come and was not consumed: empty where nothing is there now, `None` at the end.
    fn received(&self) -> Option<&[u8]>;
    /// So many bytes of it are done with.
    fn consume(&mut self, count: usize);
    /// Takes what fits; how many bytes that was.
    fn write(&mut self, bytes: &[u8]) -> usize;
    /// Shuts the writing side down.
    fn shut_down(&mut self);
}

/// One turn of a connection; when to come again, `None` where it is over.
pub fn firmware_turn(
    micros: u64,
    node: &mut Usual,
    device: &mut Device<BODY>,
    tcp: &mut dyn Tcp,
) -> Option<u64> {
    let now = Instant::from_micros(micros);
    node.handle_timeout(now, device);
    loop {
        let taken = match tcp.received() {
            Some(bytes) => node.handle_bytes(now, bytes, device),
            None => {
                node.handle_end(now, device);
                0
            }
        };
        tcp.consume(taken);
        let output = node.socket().output();
        let written = if output.is_empty() { 0 } else { tcp.write(output) };
        node.handle_written(now, written, device);
        if taken == 0 && written == 0 {
            break;
        }
    }
    if node.socket().wants_shutdown() {
        tcp.shut_down();
    }
    if node.socket().is_done() { None } else { node.poll_timeout().map(Instant::as_micros) }
}

/// A new connection in its place.
pub fn firmware_accept(micros: u64, place: &mut Option<Usual>) {
    *place = Usual::new(Instant::from_micros(micros)).ok();
}

/// The device reboots by its watchdog.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

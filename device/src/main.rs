//! The device's code on a computer: the same nodes over `std::net`, in one thread.
//!
//! ```console
//! $ cargo run -p coap-ws-device -- 127.0.0.1:8683
//! $ coap-ws observe :8683/temperature -n 5
//! ```

use coap_ws_core::{Fixed, Instant};
use coap_ws_device::{Device, Node};
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::Duration;

/// The bytes of a configuration.
const BODY: usize = 2048;
/// Connections at once: one more waits in the system's queue.
const CONNECTIONS: usize = 24;

/// The sizes that docs/device.md calls usual.
type UsualNode = Node<Fixed<1, 4, 4, 2048>, 1156, BODY, 4>;

struct Served {
    stream: TcpStream,
    node: UsualNode,
    /// Whether the writing side is shut down.
    shut: bool,
    buffer: [u8; 512],
    /// What of the buffer the node has not taken yet.
    pending: std::ops::Range<usize>,
}

fn main() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8683".to_owned());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on coap+ws://{}", listener.local_addr()?);
    let start = std::time::Instant::now();
    let mut device = Device::<BODY>::default();
    let mut connections: [Option<Served>; CONNECTIONS] = Default::default();
    loop {
        let now = Instant::ZERO.saturating_add(start.elapsed());
        // A sensor that is always a little warmer, and starts again.
        let second = i32::try_from(start.elapsed().as_secs() % 100).unwrap_or(0);
        device.sense(200 + second);
        let mut moved = false;
        for place in &mut connections {
            if place.is_none() {
                *place = accept(&listener, now)?;
            }
            let Some(served) = place else { continue };
            match served.turn(now, &mut device) {
                Ok(progress) => moved |= progress,
                Err(_) => served.node.handle_end(now, &mut device),
            }
            if served.node.socket().is_done() {
                *place = None;
            }
        }
        // A device would sleep until an interrupt or its next deadline.
        if !moved {
            sleep(Duration::from_millis(2));
        }
    }
}

fn accept(listener: &TcpListener, now: Instant) -> Result<Option<Served>> {
    let stream = match listener.accept() {
        Ok((stream, _)) => stream,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    };
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let node = UsualNode::new(now).map_err(std::io::Error::other)?;
    Ok(Some(Served { stream, node, shut: false, buffer: [0; 512], pending: 0..0 }))
}

impl Served {
    /// Reads and writes what is possible now; whether anything was.
    fn turn(&mut self, now: Instant, device: &mut Device<BODY>) -> Result<bool> {
        let mut moved = false;
        self.node.handle_timeout(now, device);
        if self.pending.is_empty()
            && self.node.socket().wants_input()
            && let Some(count) = ready(self.stream.read(&mut self.buffer))?
        {
            if count == 0 {
                self.node.handle_end(now, device);
            }
            self.pending = 0..count;
            moved = true;
        }
        let taken = self.node.handle_bytes(now, &self.buffer[self.pending.clone()], device);
        self.pending.start += taken;
        moved |= taken > 0;
        while !self.node.socket().output().is_empty()
            && let Some(count) = ready(self.stream.write(self.node.socket().output()))?
        {
            self.node.handle_written(now, count, device);
            moved = true;
        }
        if self.node.socket().wants_shutdown() && !self.shut {
            self.shut = true;
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(moved)
    }
}

fn ready(result: Result<usize>) -> Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

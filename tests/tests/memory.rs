//! What connections cost of the heap, counted (threats.md §2, invariants 26 and 27).

mod meter;

use coap_ws_core::message::{Request, Response};
use coap_ws_core::{
    Config, Connection, Heap, Incoming, Instant, Limits, RequestOptions, Side, Storage, Transmit,
};
use coap_ws_tests::alloc::{Held, metered};
use coap_ws_tests::node::{Small, Tiny};
use meter::counted;
use std::sync::Arc;

const NOW: Instant = Instant::ZERO;

/// Two connections and what each of them holds of the heap beside itself.
struct Two<A: Storage, B: Storage> {
    client: Connection<A>,
    server: Connection<B>,
    client_held: Held,
    server_held: Held,
}

/// Runs a call under the meter.
macro_rules! on {
    ($held:expr, $call:expr) => {{
        let (result, usage) = metered(counted, || $call);
        $held.add(usage);
        result
    }};
}

impl<A: Storage, B: Storage> Two<A, B> {
    fn new(client: Config, server: Config) -> Two<A, B> {
        // The configuration may be shared, so it is not counted.
        let (client, server) = (A::Config::from(client), B::Config::from(server));
        let (mut client_held, mut server_held) = (Held::default(), Held::default());
        let client = on!(client_held, Connection::new(client)).expect("it is right");
        let server = on!(server_held, Connection::new(server)).expect("it is right");
        let mut two = Two { client, server, client_held, server_held };
        two.cross();
        two
    }

    /// Carries all messages across; answers what is asked. How many responses came.
    fn cross(&mut self) -> usize {
        let Two { client, server, client_held, server_held } = self;
        let mut responses = 0;
        loop {
            let mut moved = false;
            while let Some(Transmit::Message(bytes)) = on!(client_held, client.poll_transmit()) {
                moved = true;
                let told = on!(server_held, server.handle_message(NOW, bytes));
                if let Ok(Some(Incoming::Request { responder, .. })) = told {
                    let answer = Response::content(b"22.5");
                    assert!(on!(server_held, server.respond(NOW, responder, &answer)).is_ok());
                }
            }
            while let Some(Transmit::Message(bytes)) = on!(server_held, server.poll_transmit()) {
                moved = true;
                let told = on!(client_held, client.handle_message(NOW, bytes));
                responses += usize::from(matches!(told, Ok(Some(Incoming::Response { .. }))));
            }
            if !moved {
                return responses;
            }
        }
    }

    fn ask(&mut self) {
        let request = Request::get().segment("temperature");
        let options = RequestOptions::default();
        let id = on!(self.client_held, self.client.request(NOW, &request, options));
        assert!(id.is_ok());
        assert_eq!(self.cross(), 1);
    }
}

fn a_warm_get_allocates_nothing<A: Storage, B: Storage>(client: Config, server: Config) {
    let mut two = Two::<A, B>::new(client, server);
    (0..3).for_each(|_| two.ask());
    let before = (two.client_held.allocations, two.server_held.allocations);
    (0..1000).for_each(|_| two.ask());
    assert_eq!((two.client_held.allocations, two.server_held.allocations), before);
}

#[test]
fn a_warm_get_on_the_heap_allocates_nothing() {
    let config = Config::new;
    a_warm_get_allocates_nothing::<Heap, Heap>(config(Side::Initiator), config(Side::Acceptor));
}

#[test]
fn a_get_on_a_fixed_storage_allocates_nothing() {
    let (client, server) =
        (Config::fixed(Side::Initiator, 1152), Config::fixed(Side::Acceptor, 1152));
    a_warm_get_allocates_nothing::<Tiny, Small>(client.clone(), server.clone());
    // Not even when it is cold.
    let mut two = Two::<Tiny, Small>::new(client, server);
    two.ask();
    two.client.trim();
    assert_eq!(two.client_held.allocations + two.server_held.allocations, 0);
}

/// One exchange warms everything; what it took is little, and is given back.
#[test]
fn the_first_exchange_costs_little_and_is_given_back() {
    let mut two = Two::<Heap, Heap>::new(Config::new(Side::Initiator), Config::new(Side::Acceptor));
    two.ask();
    println!("after one exchange: {:?} and {:?}", two.client_held, two.server_held);
    assert!(two.client_held.bytes <= 256 && two.server_held.bytes <= 256);
    assert!(two.client_held.allocations <= 8 && two.server_held.allocations <= 8);
    on!(two.client_held, two.client.trim());
    on!(two.server_held, two.server.trim());
    assert_eq!((two.client_held.bytes, two.server_held.bytes), (0, 0));
}

/// What the README may say of an idle connection.
#[test]
fn an_idle_connection_is_small() {
    let two = Two::<Heap, Heap>::new(Config::new(Side::Initiator), Config::new(Side::Acceptor));
    let sizes = [
        ("Connection<Heap>", size_of::<Connection<Heap>>(), two.client_held.bytes as usize, 1536),
        ("Connection<Fixed<4, 4, 2, 1024>>", size_of::<Connection<Tiny>>(), 0, 2560),
    ];
    for (name, inline, heap, most) in sizes {
        println!("{name}: {inline} bytes, and {heap} of the heap when idle");
        assert!(inline + heap <= most, "{name}: {inline} + {heap} bytes, not {most}");
    }
}

#[test]
fn a_hundred_thousand_exchanges_leak_nothing() {
    let mut two = Two::<Heap, Heap>::new(Config::new(Side::Initiator), Config::new(Side::Acceptor));
    (0..100).for_each(|_| two.ask());
    let before = (two.client_held.bytes, two.server_held.bytes);
    (0..100_000).for_each(|_| two.ask());
    assert_eq!((two.client_held.bytes, two.server_held.bytes), before);
    assert_eq!(two.client.stats().responses_received, 100_100);
    assert_eq!(two.client.exchanges_in_flight() + two.server.requests_open(), 0);
}

/// A connection that is full in every way, and what that may cost.
fn full(config: &Config) -> (Held, Connection<Heap>) {
    let mut held = Held::default();
    let config = Arc::new(config.clone());
    let made = on!(held, Connection::<Heap>::new(Arc::clone(&config)));
    let mut c = made.expect("it is right");
    let csm = [0x00, 0xe1, 0x24, 0x00, 0x10, 0x00, 0x00];
    assert!(on!(held, c.handle_message(NOW, &csm)).is_ok());
    // All the peer may ask, unanswered.
    let mut number = 0_u32;
    while c.wants_input() && number < 3000 {
        number += 1;
        let [_, a, b, d] = number.to_be_bytes();
        let message = [0x03, 0x01, a, b, d];
        let told = on!(held, c.handle_message(NOW, &message));
        if let Ok(Some(Incoming::Request { responder, .. })) = told {
            // Never answered.
            let _ = responder;
        }
    }
    // All that we may ask: to just below high water, then one as large as it may be.
    let large = vec![b'x'; c.max_send() - 64];
    loop {
        let left = config.limits.write_high.saturating_sub(c.output_waiting());
        let size = if left > 200 { large.len().min(left - 100) } else { large.len() };
        let request = Request::put(&large[..size]);
        if on!(held, c.request(NOW, &request, RequestOptions::default())).is_err() {
            break;
        }
    }
    for _ in 0..10_000 {
        let _ = on!(held, c.handle_message(NOW, &[0x00, 0xe2]));
    }
    on!(held, c.abort(NOW, "enough"));
    (held, c)
}

#[test]
fn a_full_connection_stays_within_its_bound() {
    let with = |change: fn(&mut Limits)| {
        let mut config = Config::new(Side::Acceptor);
        change(&mut config.limits);
        config
    };
    let configs = [
        with(|_| {}),
        with(|limits| limits.max_exchanges = 1024),
        with(|limits| (limits.max_requests, limits.write_high) = (4096, 1 << 20)),
        with(|limits| (limits.max_send_size, limits.write_high, limits.write_low) = (2000, 500, 0)),
        with(|limits| (limits.max_exchanges, limits.max_requests) = (1, 1)),
    ];
    for config in configs {
        let bound = config.limits.bound();
        let (mut held, mut c) = full(&config);
        println!("full: {} bytes, {} at the peak, {bound} allowed", held.bytes, held.peak);
        assert!(held.peak <= bound as i64, "{held:?} of {bound}");
        assert!(
            held.peak * 10 >= bound as i64,
            "the bound is of another world: {held:?} of {bound}"
        );
        while on!(held, c.poll_transmit()).is_some() {}
        while on!(held, c.poll_event()).is_some() {}
        on!(held, c.trim());
        assert_eq!(held.bytes, 0, "{held:?}");
    }
}

/// What one large answer took is given back without being asked for.
#[test]
fn a_large_message_leaves_little_behind() {
    let mut held = Held::default();
    let config = Config::new(Side::Acceptor);
    let mut c = on!(held, Connection::<Heap>::new(config.clone())).expect("it is right");
    let _ = on!(held, c.handle_message(NOW, &[0x00, 0xe1, 0x23, 0x10, 0x00, 0x00]));
    let large = vec![b'x'; 500_000];
    let request = Request::put(&large);
    assert!(on!(held, c.request(NOW, &request, RequestOptions::default())).is_ok());
    assert!(held.bytes > 500_000);
    while on!(held, c.poll_transmit()).is_some() {}
    assert!(held.bytes <= 512, "{held:?}");
}

//! The bodies of the fuzz targets: plain functions of bytes that panic where something is not
//! as it must be. Ordinary tests compile and run them over seeds; `fuzz/` runs them for longer.

mod blocks;
mod codec;
mod observe;
mod pool;
mod served;
mod text;

pub use blocks::blocks;
pub use codec::{message, options};
pub use observe::observe;
pub use pool::pool;
pub use served::{block_server, links};
pub use text::uri;

use crate::calls::{Calls, Plan, Time};
use crate::node::Store;
use crate::tape::Tape;
use crate::world::{self, Options};
use coap_ws_core::Side;

/// A body by the name of its target.
pub type Body = fn(&[u8]);

/// Every body, by the name of its target.
pub const ALL: [(&str, Body); 11] = [
    ("message", message),
    ("options", options),
    ("uri", uri),
    ("connection_initiator", connection_initiator),
    ("connection_acceptor", connection_acceptor),
    ("pair_on_a_tape", pair_on_a_tape),
    ("blocks", blocks),
    ("block_server", block_server),
    ("observe", observe),
    ("pool", pool),
    ("links", links),
];

/// Any calls of the end that opened the connection.
pub fn connection_initiator(input: &[u8]) {
    connection(input, Side::Initiator);
}

/// Any calls of the end that accepted it.
pub fn connection_acceptor(input: &[u8]) {
    connection(input, Side::Acceptor);
}

fn connection(input: &[u8], side: Side) {
    let mut tape = Tape::new(input);
    let time = tape.pick(&[Time::Back, Time::Forward, Time::Any]);
    for store in [Store::Heap, Store::Tiny, Store::Small] {
        let mut tape = tape.clone();
        let plan = Plan { time, ..Plan::new(side, store) }.drawn(&mut tape);
        Calls::new(tape, plan).run();
    }
}

/// The simulation, with the input as its tape.
pub fn pair_on_a_tape(input: &[u8]) {
    let mut tape = Tape::new(input);
    let all = [Store::Heap, Store::Tiny, Store::Small];
    let stores = [tape.pick(&all), tape.pick(&all)];
    let hostile = tape.chance(85);
    let rest = tape.bytes(usize::MAX);
    // What a seed of the simulation has at most; longer only takes longer.
    let options = Options { hostile, ..Options::new(stores) };
    world::run(&rest[..rest.len().min(4096)], options);
}

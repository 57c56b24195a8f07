//! The simulation: two ends in one thread and in virtual time, with all draws from a tape.
//!
//! Each end is a real connection under watch with a model of an application and of a driver
//! above it, or a hostile generator of messages. Between them is a link of whole messages, in
//! order, that is slow, stands still and is cut. When the tape is over the faults are over too:
//! a fair tail of two minutes follows, after which nothing may be in flight.

mod app;
pub(crate) mod draw;
pub(crate) mod hostile;
mod link;
mod run;

pub use draw::Faults;

use crate::alloc::{Meter, uncounted};
use crate::node::Store;
use crate::seen::Seen;
use crate::tape::Tape;
use crate::watched::Watched;
use app::App;
use coap_ws_core::Side;
use hostile::Hostile;
use link::Link;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// How a world is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The storages of initiator and acceptor.
    pub stores: [Store; 2],
    /// Whether one end may be hostile.
    pub hostile: bool,
    /// Whether what happens is printed.
    pub print: bool,
    /// How the heap is counted.
    pub meter: Meter,
}

impl Options {
    /// Two ends on these storages, uncounted and unprinted.
    pub fn new(stores: [Store; 2]) -> Options {
        Options { stores, hostile: false, print: false, meter: uncounted }
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The same for two runs in which the same happened.
    pub hash: u64,
    /// What happened how often.
    pub seen: Seen,
    /// Steps that were made.
    pub steps: u64,
}

/// Runs one world to its end.
///
/// # Panics
///
/// Where something is not as it must be.
pub fn run(tape: &[u8], options: Options) -> Outcome {
    World::new(Tape::new(tape), options).run()
}

struct World<'t> {
    tape: Tape<'t>,
    /// Microseconds since the start.
    now: u64,
    faults: Faults,
    ends: [End; 2],
    /// What goes from each end to the other.
    links: [Link; 2],
    agenda: BinaryHeap<Reverse<(u64, u8, u64, What)>>,
    /// Numbers what is on the agenda.
    entries: u64,
    steps: u64,
    /// The tape is over, and so are the faults.
    fair: bool,
    print: bool,
    seen: Seen,
}

/// What is on the agenda. The number is that of an end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum What {
    /// Something is to be taken, sent or told.
    Pump(usize),
    /// The driver's timer.
    Timer(usize),
    /// The application wants something.
    Act(usize),
    /// A handler has come to its answer.
    Answer(usize, u64),
    /// Output may be taken again.
    Resume(usize),
    /// Output has not been taken for too long.
    WriteStall(usize),
    /// The connection breaks.
    Cut,
    /// A leap of an end's clock.
    Leap(usize),
}

enum End {
    Honest(Box<Honest>),
    Hostile(Box<Hostile>),
}

/// A connection, its driver and its application.
struct Honest {
    connection: Watched,
    app: App,
    /// How far its clock is ahead.
    skew: u64,
    /// When the driver's timer is set for, in the world's time.
    armed: Option<u64>,
    /// Since when output has not been taken.
    stuck: Option<u64>,
    /// The driver has handed the Close to the transport.
    closing: bool,
}

impl<'t> World<'t> {
    fn new(mut tape: Tape<'t>, options: Options) -> World<'t> {
        let faults = Faults::draw(&mut tape);
        let hostile = options.hostile.then(|| tape.index(2));
        let links = [Link::draw(&mut tape, &faults), Link::draw(&mut tape, &faults)];
        let ends = [Side::Initiator, Side::Acceptor].map(|side| {
            let index = side as usize;
            if hostile == Some(index) {
                return End::Hostile(Box::new(Hostile::draw(&mut tape)));
            }
            let store = options.stores[index];
            let config = faults.config(&mut tape, side, store);
            let connection = Watched::new(store, config, options.meter);
            let connection = connection.expect("the drawn configuration is right");
            End::Honest(Box::new(Honest {
                connection: connection.printing(options.print),
                app: App::draw(&mut tape),
                skew: 0,
                armed: None,
                stuck: None,
                closing: false,
            }))
        });
        let mut world = World {
            tape,
            now: 0,
            faults,
            ends,
            links,
            agenda: BinaryHeap::new(),
            entries: 0,
            steps: 0,
            fair: false,
            print: options.print,
            seen: Seen::default(),
        };
        for end in 0..2 {
            world.plan(0, What::Pump(end));
            world.plan(0, What::Act(end));
        }
        if world.faults.cuts {
            let at = world.tape.below(60_000_000);
            world.plan(at, What::Cut);
        }
        if world.faults.leaps {
            let at = world.tape.below(30_000_000);
            let end = world.tape.index(2);
            world.plan(at, What::Leap(end));
        }
        world
    }

    /// Puts something on the agenda; at equal time the order is drawn.
    fn plan(&mut self, after: u64, what: What) {
        let tie = if self.fair { 0 } else { self.tape.byte() };
        self.entries += 1;
        self.agenda.push(Reverse((self.now + after, tie, self.entries, what)));
    }

    fn log(&self, line: std::fmt::Arguments<'_>) {
        if self.print {
            eprintln!("{} ms: {line}", self.now / 1000);
        }
    }
}

/// Microseconds.
const fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

/// How long the drivers wait for output to be taken.
const WRITE_STALL: u64 = micros(Duration::from_secs(30));
/// How long the fair tail is.
const TAIL: u64 = micros(Duration::from_secs(120));

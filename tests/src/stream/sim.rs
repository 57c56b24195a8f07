//! A simulation of two engines over streams that a tape decides about: segments, latency,
//! windows, stalls, cuts, clocks, and two applications of few scruples.

use super::pair::Pair;
use super::pipe::{Manner, Pipe};
use crate::alloc::Meter;
use crate::tape::Tape;
use coap_ws_core::message::Request;
use coap_ws_core::{Instant, Rate, ReleaseOptions, RequestOptions, Side};
use coap_ws_driver::engine::{Engine, EngineConfig};
use std::time::Duration;

/// What a run came to, for comparison and for counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What each end told.
    pub told: [Vec<String>; 2],
    /// What each end said.
    pub said: [Vec<String>; 2],
}

/// What may go wrong in a run: each with even chances, so that some runs are quiet.
#[derive(Clone, Copy, Debug)]
struct Faults {
    stalls: bool,
    cuts: bool,
    leaps: bool,
    endings: bool,
    tiny: bool,
}

impl Faults {
    fn draw(tape: &mut Tape<'_>) -> Faults {
        let bits = tape.byte();
        let fault = |bit: u8| bits & 1 << bit != 0;
        Faults {
            stalls: fault(0),
            cuts: fault(1),
            leaps: fault(2),
            endings: fault(3),
            tiny: fault(4),
        }
    }
}

fn configure(side: Side, faults: Faults, tape: &mut Tape<'_>) -> EngineConfig {
    let mut config = EngineConfig::new(side);
    if faults.tiny {
        let limits = &mut config.connection.limits;
        limits.max_exchanges = tape.pick(&[64, 1, 3]);
        limits.max_requests = tape.pick(&[128, 1, 2]);
        limits.write_high = tape.pick(&[262_144, 300, 2_000]);
        limits.write_low = limits.write_high / tape.pick(&[4, 1]);
        limits.max_message_size = tape.pick(&[66_048, 1_152, 200]);
        config.control_frames = Rate { per_second: 20, burst: 64 };
        config.connection.request_timeout = Duration::from_secs(60);
    }
    config
}

/// Runs a tape to its end, then lets things come to rest.
///
/// # Panics
///
/// Where an invariant is broken.
pub fn run(tape: &mut Tape<'_>, meter: Meter) -> Trace {
    let faults = Faults::draw(tape);
    let sides = [Side::Initiator, Side::Acceptor];
    let configs = sides.map(|side| configure(side, faults, tape));
    let mut sim = Sim { pair: Pair::new(configs, [Manner::PLAIN; 2], meter), faults };
    if tape.chance(224) {
        // Most of what can happen happens behind the opening handshake.
        sim.pair.settle();
    }
    for pipe in &mut sim.pair.pipes {
        pipe.behave(Manner::draw(tape));
    }
    for end in &mut sim.pair.ends {
        end.holds = tape.chance(128);
        end.payload = vec![b'x'; tape.pick(&[2, 0, 50, 1_000, 20_000])];
    }
    while !tape.is_over() {
        sim.step(tape);
    }
    sim.rest();
    let said = |end: usize| {
        let frames = &sim.pair.ends[end].watch.frames;
        frames.iter().map(super::Frame::words).collect()
    };
    let said = [said(0), said(1)];
    Trace { told: sim.pair.ends.map(|end| end.told), said }
}

struct Sim {
    pair: Pair,
    faults: Faults,
}

impl Sim {
    fn step(&mut self, tape: &mut Tape<'_>) {
        let which = tape.index(2);
        match tape.below(16) {
            0..=3 => self.turns(which, 0, tape.below(40)),
            4..=6 => self.turns(which, 1, tape.below(40)),
            7..=9 => self.time(tape),
            10..=12 => self.ask(which, tape),
            13 => self.answer(which, tape),
            14 => self.odd(which, tape),
            _ => self.fault(which, tape),
        }
    }

    /// Turns of one end, or of both by turns.
    fn turns(&mut self, which: usize, other: usize, count: u64) {
        for turn in 0..=count {
            self.pair.turn(if turn % 2 == 0 { which } else { which ^ other });
        }
    }

    /// Time passes: to the next thing that happens, or to somewhere before or behind it.
    fn time(&mut self, tape: &mut Tape<'_>) {
        let now = self.pair.now;
        let next = self.pair.next().unwrap_or(now);
        let at = match tape.below(8) {
            0..=4 => next,
            5 => now + tape.below(2_000_000),
            6 if self.faults.leaps => now + tape.below(100_000_000),
            _ => now.midpoint(next.max(now)),
        };
        // Not so far that the handshake is over before it began.
        let opening = self.pair.ends.iter().any(|end| end.watch.engine().connection().is_none());
        self.pair.pass_to(if opening { at.min(next.max(now)) } else { at });
    }

    fn ask(&mut self, which: usize, tape: &mut Tape<'_>) {
        let now = Instant::from_micros(self.pair.now);
        let end = &mut self.pair.ends[which];
        let body = vec![b'y'; tape.pick(&[0, 1, 100, 1_100, 30_000])];
        let mut request = Request::put(&body).segment("room");
        if tape.chance(30) {
            request = request.no_response(tape.pick(&[26, 2, 24]));
        }
        let options = match tape.chance(40) {
            true => RequestOptions::default().timeout(Duration::from_millis(tape.below(5_000))),
            false => RequestOptions::default(),
        };
        let before = end.watch.open.len();
        let taken = end.watch.request(now, &request, options);
        assert_eq!(end.watch.open.len(), before + usize::from(taken.is_ok()), "(16)");
        if let Some(exchange) = taken.ok().filter(|_| tape.chance(30)) {
            end.watch.cancel(now, exchange);
        }
    }

    fn answer(&mut self, which: usize, tape: &mut Tape<'_>) {
        let end = &mut self.pair.ends[which];
        if end.held.is_empty() {
            return;
        }
        let index = tape.index(end.held.len());
        if tape.chance(240) {
            end.answer_held(index);
        } else {
            // Forgotten: the core answers 5.03 in its place.
            drop(end.held.swap_remove(index));
        }
    }

    /// Calls that change nothing, or nothing that is promised.
    fn odd(&mut self, which: usize, tape: &mut Tape<'_>) {
        let now = Instant::from_micros(self.pair.now);
        let watch = &mut self.pair.ends[which].watch;
        match tape.below(8) {
            0 => watch.call(Engine::trim),
            1 => watch.handle_timeout(now),
            2 => watch.handle_timeout(Instant::from_micros(self.pair.now / 2)),
            3 => watch.handle_bytes(now, b""),
            4 => watch.call(|engine| engine.handle_written(now, 0)),
            5 => drop(watch.call(|engine| engine.ping(now, true))),
            6 => drop(watch.call(|engine| engine.ping(now, false))),
            _ => drop(watch.interest()),
        }
    }

    fn fault(&mut self, which: usize, tape: &mut Tape<'_>) {
        let now = Instant::from_micros(self.pair.now);
        match tape.below(16) {
            0..=3 if self.faults.stalls => {
                let until = self.pair.now + tape.below(40_000_000);
                self.pair.pipes[which].stalled_until = until;
            }
            4..=7 => self.pair.pipes[which].behave(Manner::draw(tape)),
            8 if self.faults.cuts => {
                let left = tape.index(2_000);
                self.pair.pipes[which].lose_after(left);
            }
            9 if self.faults.cuts => self.pair.reset(which),
            10 if self.faults.cuts => self.pair.end(which),
            11 | 12 if self.faults.endings => {
                let options = ReleaseOptions::default().diagnostic("enough");
                let watch = &mut self.pair.ends[which].watch;
                let _ = watch.call(|engine| engine.release(now, options));
            }
            13 if self.faults.endings => {
                self.pair.ends[which].watch.call(|engine| engine.abort(now, "no more of this"));
            }
            14 if self.faults.endings => {
                // The end of an acceptor's patience, or what a proxy does.
                self.pair.pipes[which].shut_down(self.pair.now);
            }
            _ => {}
        }
    }

    /// No more faults: within two minutes all is answered or over, and then all ends (42).
    fn rest(&mut self) {
        for pipe in &mut self.pair.pipes {
            pipe.stalled_until = 0;
            pipe.behave(Manner { latency: 1_000, ..Manner::PLAIN });
        }
        for end in &mut self.pair.ends {
            end.holds = false;
            for index in (0..end.held.len()).rev() {
                end.answer_held(index);
            }
        }
        let limit = self.pair.now + 120_000_000;
        self.pair.settle();
        while let Some(next) = self.pair.next().filter(|next| *next <= limit) {
            self.pair.pass_to(next);
            self.pair.settle();
        }
        for end in &self.pair.ends {
            let in_flight = end.watch.open.len();
            assert_eq!(in_flight, 0, "{:?} still waits (42)", end.watch.side());
        }
        for end in &mut self.pair.ends {
            end.releases = true;
        }
        self.pair.run();
        // Only what a cut has left behind does not know that it is over.
        let lost = self.pair.pipes.iter().any(Pipe::has_lost);
        let over = self.pair.ends.iter().all(|end| end.watch.ended());
        assert!(over || lost || self.faults.cuts, "it does not end (42)");
        [0, 1].into_iter().for_each(|end| self.pair.reset(end));
        self.pair.settle();
        self.pair.check_end();
    }
}

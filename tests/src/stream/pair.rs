//! Two engines joined by pipes, each with an application that asks and answers.

use super::pipe::{Manner, Pipe};
use super::watch::{READ_CHUNK, Watch};
use super::words::words;
use crate::alloc::Meter;
use coap_ws_core::message::{Request, Response};
use coap_ws_core::{Instant, Refused, RefusedWhy, Responder, SendError, Side};
use coap_ws_driver::engine::{EngineConfig, Event};
use std::collections::VecDeque;

/// One end of a [`Pair`].
pub struct End {
    /// The engine.
    pub watch: Watch,
    /// What it told, in words.
    pub told: Vec<String>,
    /// Requests that are to be sent as soon as they are taken.
    pub wishes: VecDeque<String>,
    /// Answers that wait for room.
    waiting: VecDeque<Responder>,
    /// Whether requests are answered by [`End::answer_held`] only.
    pub holds: bool,
    /// Requests without an answer so far.
    pub held: Vec<Responder>,
    /// What its requests are answered with.
    pub payload: Vec<u8>,
    /// Whether it releases the connection when all its requests are over.
    pub releases: bool,
    eof: bool,
    shut: bool,
    /// Whether its stream was dropped.
    pub done: bool,
}

impl End {
    fn new(now: Instant, config: EngineConfig, meter: Meter) -> End {
        End {
            watch: Watch::new(now, config, meter),
            told: Vec::new(),
            wishes: VecDeque::new(),
            waiting: VecDeque::new(),
            holds: false,
            held: Vec::new(),
            payload: b"ok".to_vec(),
            releases: false,
            eof: false,
            shut: false,
            done: false,
        }
    }

    /// Everything that the application does about what it was told; whether it did anything.
    fn act(&mut self, now: Instant) -> bool {
        let mut moved = self.answer(now) | self.ask(now);
        while let Some(event) = self.watch.poll_event() {
            moved = true;
            self.told.push(words(&event));
            match event {
                Event::Request { responder, message } => {
                    if self.holds {
                        self.held.push(responder);
                    } else {
                        self.waiting.push_back(responder);
                    }
                    self.watch.drop(message);
                    self.answer(now);
                }
                other => self.watch.drop(other),
            }
            self.ask(now);
        }
        moved
    }

    /// Answers one of the requests that are held, now or as soon as there is room.
    pub fn answer_held(&mut self, index: usize) {
        let responder = self.held.swap_remove(index);
        self.waiting.push_back(responder);
    }

    fn answer(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while self.watch.engine().has_room() {
            let Some(responder) = self.waiting.pop_front() else { break };
            moved = true;
            let response = Response::content(&self.payload);
            if let Err(Refused { responder, why: RefusedWhy::NoRoom }) =
                self.watch.respond(now, responder, &response)
            {
                self.waiting.push_front(responder);
                return false;
            }
        }
        moved
    }

    fn ask(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(path) = self.wishes.front().cloned() {
            let get = Request::get().segment(&path);
            match self.watch.request(now, &get, Default::default()) {
                Err(SendError::Closed | SendError::Releasing) => self.wishes.clear(),
                Err(_) => return moved,
                Ok(_) => {
                    self.wishes.pop_front();
                    moved = true;
                }
            }
        }
        if self.releases && self.watch.open.is_empty() && self.watch.engine().connection().is_some()
        {
            self.releases = false;
            moved |= self.watch.call(|engine| engine.release(now, Default::default())).is_ok();
        }
        moved
    }
}

/// An initiator and an acceptor, in this order, and what is between them.
pub struct Pair {
    /// The ends.
    pub ends: [End; 2],
    /// From the initiator, and from the acceptor.
    pub pipes: [Pipe; 2],
    /// The time, in microseconds.
    pub now: u64,
}

impl Pair {
    /// Two engines with the defaults.
    pub fn plain(meter: Meter) -> Pair {
        let configs = [Side::Initiator, Side::Acceptor].map(EngineConfig::new);
        Pair::new(configs, [Manner::PLAIN; 2], meter)
    }

    /// Two engines that have nothing said to each other yet.
    pub fn new(configs: [EngineConfig; 2], manners: [Manner; 2], meter: Meter) -> Pair {
        let now = 1_000_000;
        let end = |config| End::new(Instant::from_micros(now), config, meter);
        Pair { ends: configs.map(end), pipes: manners.map(Pipe::new), now }
    }

    /// Runs until nothing moves at this time.
    ///
    /// # Panics
    ///
    /// Where that never happens.
    pub fn settle(&mut self) {
        for _ in 0..10_000_000 {
            let moved = [0, 1].map(|end| self.turn(end));
            if moved == [false; 2] {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Runs, timers included, until both streams are dropped or nothing will ever happen.
    ///
    /// # Panics
    ///
    /// Where that takes longer than a virtual hour.
    pub fn run(&mut self) {
        loop {
            self.settle();
            let Some(next) = self.next() else { return };
            self.pass_to(next);
            assert!(self.now < 3_600_000_000, "it never ends");
        }
    }

    /// When something will happen next; `None` where both are done.
    pub fn next(&self) -> Option<u64> {
        if self.ends.iter().all(|end| end.done) {
            return None;
        }
        let live = self.ends.iter().filter(|end| !end.done);
        let timers = live.filter_map(|end| end.watch.engine().poll_timeout());
        let pipes = self.pipes.iter().filter_map(Pipe::next).filter(|at| *at > self.now);
        timers.map(Instant::as_micros).chain(pipes).min()
    }

    /// It is that late now, and what is due happens.
    pub fn pass_to(&mut self, at: u64) {
        self.now = self.now.max(at);
        let now = Instant::from_micros(self.now);
        for end in self.ends.iter_mut().filter(|end| !end.done) {
            if end.watch.engine().poll_timeout().is_some_and(|due| due <= now) {
                end.watch.handle_timeout(now);
            }
        }
    }

    /// One turn of one end; whether anything moved.
    pub fn turn(&mut self, which: usize) -> bool {
        let now = Instant::from_micros(self.now);
        let [first, second] = &mut self.pipes;
        let (out, back) = if which == 0 { (first, second) } else { (second, first) };
        let end = &mut self.ends[which];
        let mut moved = end.act(now);
        if end.done {
            return moved;
        }
        let bytes = end.watch.write(now, out.room());
        moved |= !bytes.is_empty();
        out.write(self.now, &bytes);
        let interest = end.watch.interest();
        if interest.shutdown && !end.shut {
            (end.shut, moved) = (true, true);
            out.shut_down(self.now);
        }
        if interest.done {
            end.done = true;
            out.shut_down(self.now);
            return true;
        }
        if !interest.read {
            return moved;
        }
        let bytes = back.read(self.now, READ_CHUNK);
        if !bytes.is_empty() {
            end.watch.handle_bytes(now, &bytes);
        } else if back.has_ended(self.now) && !end.eof {
            end.eof = true;
            end.watch.call(|engine| engine.handle_eof(now));
        } else {
            return moved;
        }
        true
    }

    /// The stream of one end ends, whatever is on its way.
    pub fn end(&mut self, which: usize) {
        let now = Instant::from_micros(self.now);
        self.ends[which].watch.call(|engine| engine.handle_eof(now));
    }

    /// The stream of one end fails.
    pub fn reset(&mut self, which: usize) {
        let now = Instant::from_micros(self.now);
        self.ends[which].watch.call(|engine| engine.handle_error(now));
    }

    /// Checks that what was said not to be sent was never seen (25), and that every request has
    /// ended (15, 42).
    ///
    /// # Panics
    ///
    /// Where it is otherwise.
    pub fn check_end(&self) {
        for (end, peer) in [(0, 1), (1, 0)] {
            let (end, peer) = (&self.ends[end].watch, &self.ends[peer].watch);
            assert!(end.ended() && end.open.is_empty(), "{:?} is not over", end.side());
            let seen = peer.served.iter().find(|token| end.unsent.contains(*token));
            assert_eq!(seen, None, "said not to be sent, and came (25)");
        }
    }
}

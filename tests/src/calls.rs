//! Any call of one connection in any order, drawn from a tape.
//!
//! There is no link and no driver here, only a connection under watch and a peer that knows the
//! grammar: what any caller may do, whatever the integrator's page says.

use crate::alloc::{Meter, uncounted};
use crate::node::Store;
use crate::seen::Seen;
use crate::tape::Tape;
use crate::told::{Told, Wire};
use crate::watched::Watched;
use crate::world::Faults;
use crate::world::hostile::Hostile;
use coap_ws_core::message::{Code, ContentFormat, OptionNumber, Request, Response};
use coap_ws_core::{
    Closing, Config, ExchangeId, Flood, Instant, ReleaseOptions, RequestOptions, Responder, Side,
    Violation,
};
use std::collections::VecDeque;
use std::time::Duration;

/// How `now` is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Time {
    /// It goes on, in small and large steps.
    Forward,
    /// It also goes back.
    Back,
    /// As `Back`, but it is put right before it is handed in.
    Mended,
    /// It is any number there is.
    Any,
}

/// How the calls are drawn.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the connection keeps its things.
    pub store: Store,
    /// Its configuration.
    pub config: Config,
    /// How `now` is drawn.
    pub time: Time,
    /// How the heap is counted.
    pub meter: Meter,
    /// Whether what happens is printed.
    pub print: bool,
}

impl Plan {
    /// The defaults for a side and a storage.
    pub fn new(side: Side, store: Store) -> Plan {
        let config = store.config(side);
        Plan { store, config, time: Time::Back, meter: uncounted, print: false }
    }

    /// Limits and timeouts from the tape.
    #[must_use]
    pub fn drawn(mut self, tape: &mut Tape<'_>) -> Plan {
        self.config = Faults::draw(tape).config(tape, self.config.side, self.store);
        self
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The same where the same happened.
    pub hash: u64,
    /// The same where the same was sent and told.
    pub said: u64,
    /// What happened how often.
    pub seen: Seen,
}

/// A run of such calls.
pub struct Calls<'t> {
    tape: Tape<'t>,
    connection: Watched,
    peer: Hostile,
    /// What the peer has sent and the connection has not taken.
    incoming: VecDeque<Wire>,
    responders: Vec<Responder>,
    asked: Vec<ExchangeId>,
    now: u64,
    time: Time,
}

impl<'t> Calls<'t> {
    /// Draws from this tape.
    ///
    /// # Panics
    ///
    /// Where the plan's configuration is not right.
    pub fn new(mut tape: Tape<'t>, plan: Plan) -> Calls<'t> {
        let connection = Watched::new(plan.store, plan.config, plan.meter);
        Calls {
            connection: connection.expect("the configuration is right").printing(plan.print),
            peer: Hostile::draw(&mut tape),
            incoming: VecDeque::new(),
            responders: Vec::new(),
            asked: Vec::new(),
            now: 0,
            time: plan.time,
            tape,
        }
    }

    /// All of the tape, then the end.
    pub fn run(mut self) -> Run {
        while self.step() {}
        self.finish()
    }

    /// Makes calls that are wrong whatever the state is, which must change nothing.
    ///
    /// # Panics
    ///
    /// Where one is taken.
    pub fn wrong_calls(&mut self) {
        // Which counts as the latest time.
        let now = Instant::ZERO;
        let c = &mut self.connection;
        if !c.is_started() {
            // The first call of all starts the clock, whatever it is.
            return;
        }
        let options = RequestOptions::default();
        let long = "a".repeat(300);
        let twice = Request::get().accept(ContentFormat::CBOR).accept(ContentFormat::JSON);
        assert!(c.request(now, &Request::new(Code::CONTENT), options).is_err());
        assert!(c.request(now, &Request::get().segment(".."), options).is_err());
        assert!(c.request(now, &Request::get().segment(&long), options).is_err());
        assert!(c.request(now, &twice, options).is_err());
        let release = ReleaseOptions::default();
        assert!(c.release(now, release.alternatives(&[&long])).is_err());
        assert!(c.release(now, release.alternatives(&["ok.example", ""])).is_err());
        if let Some(responder) = self.responders.pop() {
            let refused = c.respond(now, responder, &Request::get()).expect_err("no response");
            let mut responder = refused.responder;
            if c.node().wants_response(&responder, Code::CONTENT) {
                let draft = Response::content(b"x").option(OptionNumber::ETAG, b"123456789");
                let refused = c.respond(now, responder, &draft);
                responder = refused.expect_err("no such ETag").responder;
            }
            self.responders.push(responder);
        }
    }

    /// The connection.
    pub fn connection(&mut self) -> &mut Watched {
        &mut self.connection
    }

    /// Makes one call; false where the tape is over.
    pub fn step(&mut self) -> bool {
        if self.tape.is_over() {
            return false;
        }
        let now = self.draw_now();
        match self.tape.below(32) {
            0..=8 => self.message(now),
            9..=12 => self.transmit(),
            13 | 14 => {
                self.connection.poll_event();
            }
            15 | 16 => self.connection.handle_timeout(now),
            17 => {
                let next = self.connection.poll_timeout().unwrap_or(now);
                if self.time != Time::Any {
                    self.now = self.now.max(next.as_micros().min(1 << 50));
                }
                self.connection.handle_timeout(next.min(Instant::from_micros(1 << 60)));
            }
            18..=21 => self.request(now),
            22..=24 => self.respond(now),
            25 => {
                if let Some(index) = self.some(self.asked.len()) {
                    self.connection.cancel(now, self.asked[index]);
                }
            }
            26 => {
                let custody = self.tape.chance(128);
                let _ = self.connection.ping(now, custody);
            }
            27 => self.connection.handle_alive(now),
            28 => self.connection.trim(),
            29 => {
                if let Some(index) = self.some(self.responders.len()) {
                    // Dropped: the core answers in the end.
                    drop(self.responders.swap_remove(index));
                }
            }
            30 => self.rest(),
            _ => self.ending(now),
        }
        true
    }

    /// Ends the connection and checks what is left.
    pub fn finish(mut self) -> Run {
        self.rest();
        let last = self.connection.now();
        self.connection.handle_closed(last, Closing::EndOfStream);
        for responder in std::mem::take(&mut self.responders) {
            let late = self.connection.respond(last, responder, &Response::changed());
            assert!(late.is_err(), "answered after the end");
        }
        self.rest();
        self.connection.check_idle();
        self.connection.trim();
        self.connection.check_trimmed();
        let c = &self.connection;
        Run { hash: c.hash(), said: c.said(), seen: *c.seen() }
    }

    fn draw_now(&mut self) -> Instant {
        let step = match self.tape.below(8) {
            0..=1 => self.tape.below(1_000_000),
            2 => self.tape.below(20_000_000),
            _ => 0,
        };
        self.now = self.now.saturating_add(step);
        let mut now = self.now;
        if self.time != Time::Forward && self.tape.chance(20) {
            now = now.saturating_sub(self.tape.below(30_000_000));
        }
        if self.time == Time::Any {
            let any = [0, 1, u64::MAX, u64::MAX - 1, 1 << 63, u64::MAX - 30_000_000];
            now = match self.tape.below(16) {
                0 => self.tape.pick(&any),
                _ => now,
            };
        }
        if self.time == Time::Mended {
            now = now.max(self.connection.now().as_micros());
        }
        Instant::from_micros(now)
    }

    fn some(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.tape.index(len))
    }

    fn message(&mut self, now: Instant) {
        if self.incoming.is_empty() {
            self.incoming.extend(self.peer.act(&mut self.tape));
        }
        // What ends a connection has its own place below.
        let Some(Wire::Message(bytes)) = self.incoming.pop_front() else { return };
        match self.connection.handle_message(now, &bytes) {
            Err(_) => self.incoming.push_front(Wire::Message(bytes)),
            Ok(Some(Told::Request { responder, .. })) => self.responders.push(responder),
            Ok(_) => {}
        }
    }

    fn transmit(&mut self) {
        if let Some(wire) = self.connection.poll_transmit() {
            self.peer.hear(&wire);
        }
    }

    fn request(&mut self, now: Instant) {
        let payload = [b'p'; 5000];
        let mut draft = match self.tape.below(8) {
            0..=4 => Request::get().segment("a"),
            5 => Request::post(&payload[..self.tape.index(64)]),
            6 => Request::put(&payload[..self.tape.index(5000)]),
            _ => Request::new(Code::from_byte(self.tape.byte())).segment("."),
        };
        if self.tape.chance(50) {
            draft = draft.no_response(self.tape.pick(&[26, 2, 8, 16, 127, 0]));
        }
        let mut options = RequestOptions::default();
        if self.tape.chance(80) {
            let any = [0, 1, 5_000_000, 60_000_000, u64::MAX];
            options = options.timeout(Duration::from_micros(self.tape.pick(&any)));
        }
        if self.tape.chance(2) {
            options = options.timeout(Duration::MAX);
        }
        if let Ok(id) = self.connection.request(now, &draft, options) {
            self.asked.push(id);
        }
    }

    fn respond(&mut self, now: Instant) {
        let Some(index) = self.some(self.responders.len()) else { return };
        let responder = self.responders.swap_remove(index);
        let payload = [b'r'; 3000];
        let draft = match self.tape.below(8) {
            0..=2 => Response::content(&payload[..self.tape.index(50)]),
            3 => Response::content(&payload[..self.tape.index(3000)]),
            4 => Response::error(Code::NOT_FOUND, ""),
            5 => Response::deleted(),
            6 => Response::new(Code::from_byte(self.tape.byte())),
            _ => Response::changed().uint(OptionNumber::NO_RESPONSE, 26),
        };
        if let Err(refused) = self.connection.respond(now, responder, &draft) {
            // Whatever is wrong with it, it comes back.
            self.responders.push(refused.responder);
            if self.responders.len() > 200 {
                drop(self.responders.remove(0));
            }
        }
    }

    /// Takes all that there is to take.
    fn rest(&mut self) {
        let mut fuel = 10_000;
        loop {
            let event = self.connection.poll_event().is_some();
            let wire = self.connection.poll_transmit();
            if let Some(wire) = &wire {
                self.peer.hear(wire);
            } else if !event {
                break;
            }
            fuel -= 1;
            assert!(fuel > 0, "polling goes on and on");
        }
        self.connection.check_rest();
    }

    fn ending(&mut self, now: Instant) {
        match self.tape.below(32) {
            0..=8 => {
                let long = "long ".repeat(self.tape.index(60));
                let addresses = ["a.example", "b.example:8683", &long];
                let options = ReleaseOptions::default()
                    .hold_off(Duration::from_secs(self.tape.pick(&[0, 30, u64::MAX])))
                    .alternatives(&addresses[..self.tape.index(4)])
                    .diagnostic(if self.tape.chance(99) { &long } else { "so long" });
                let _ = self.connection.release(now, options);
            }
            9 => {
                let text = self.tape.pick(&["", "enough", "é".repeat(60).leak()]);
                self.connection.abort(now, text);
            }
            10 => self.connection.handle_text(now),
            11 => self.connection.handle_oversized(now),
            12 => {
                let violation = self.tape.pick(&[
                    Violation::WebSocket { code: 1007 },
                    Violation::Flood(Flood::Control),
                    Violation::SettingsLate,
                ]);
                self.connection.handle_violation(now, violation);
            }
            13 => {
                let how = self.tape.pick(&[
                    Closing::Frame(None),
                    Closing::Frame(Some(1000)),
                    Closing::Frame(Some(4000)),
                    Closing::EndOfStream,
                    Closing::Error,
                    Closing::Done,
                    Closing::WriteStall,
                ]);
                self.connection.handle_closed(now, how);
            }
            _ => {}
        }
    }
}

//! One engine under test, a peer that is written down, and a clock that is told the time.

use super::frame::Frame;
use super::handshake::{self, REQUEST};
use super::watch::{READ_CHUNK, Watch};
use super::words::words;
use crate::alloc::{Meter, uncounted};
use coap_ws_core::message::{Request, Response};
use coap_ws_core::{Instant, Refused, RefusedWhy, Responder, Side};
use coap_ws_driver::engine::{Engine, EngineConfig, Event, Interest};
use std::time::Duration;

/// The peer's CSM of the requirements: 32 KiB and block-wise transfer.
pub const PEER_CSM: &[u8] = b"\x00\xe1\x22\x80\x00\x20";

/// What the application of a [`Bench`] does about requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Nothing for now: [`Bench::held`] has them.
    Hold,
    /// 2.05 with this payload, at once, or as soon as there is room.
    Ready(Vec<u8>),
}

/// An engine, driven as its documentation says, with everything it says and tells.
pub struct Bench {
    /// The engine, watched.
    pub watch: Watch,
    /// The time.
    pub now: Instant,
    /// The frames it wrote since they were last taken.
    pub said: Vec<Frame>,
    /// What it told since that was last taken, in words.
    pub told: Vec<String>,
    /// Requests without an answer so far.
    pub held: Vec<Responder>,
    /// What becomes of requests.
    pub answers: Answers,
    /// How many bytes the transport takes at a time; 0 where the peer does not read.
    pub write_size: usize,
    /// How many bytes the transport has at a time.
    pub read_size: usize,
    /// When the writing side was shut down, and after how many bytes.
    pub shut_down: Option<(Instant, u64)>,
    /// When the stream could be dropped.
    pub done: Option<Instant>,
    /// What its peer sent that it has not read.
    pub coming: Vec<u8>,
    fin: bool,
}

impl Bench {
    /// An engine with the defaults, before the opening handshake.
    pub fn raw(side: Side) -> Bench {
        Bench::with(EngineConfig::new(side), uncounted)
    }

    /// An engine with its opening handshake done and both CSMs exchanged.
    pub fn open(side: Side) -> Bench {
        Bench::raw(side).opened()
    }

    /// An engine of this configuration, before the opening handshake; what it holds of the heap
    /// is counted by `meter`, and never above its bound.
    ///
    /// # Panics
    ///
    /// Where the configuration is refused.
    pub fn with(config: EngineConfig, meter: Meter) -> Bench {
        let now = Instant::from_micros(1_000_000);
        Bench {
            watch: Watch::new(now, config, meter),
            now,
            said: Vec::new(),
            told: Vec::new(),
            held: Vec::new(),
            answers: Answers::Ready(b"ok".to_vec()),
            write_size: usize::MAX,
            read_size: READ_CHUNK,
            shut_down: None,
            done: None,
            coming: Vec::new(),
            fin: false,
        }
    }

    /// The engine, to look at.
    pub const fn engine(&self) -> &Engine {
        self.watch.engine()
    }

    /// How many bytes it wrote.
    pub const fn written(&self) -> u64 {
        self.watch.written
    }

    /// The same engine after its opening handshake and both CSMs, with empty records.
    #[must_use]
    pub fn opened(mut self) -> Bench {
        self.shake();
        self.peer(Frame::binary(PEER_CSM));
        assert_eq!(self.take_told(), ["opened", "settings 32768"]);
        assert_eq!(self.take_said(), ["csm"]);
        self
    }

    /// Does the opening handshake.
    pub fn shake(&mut self) {
        self.run();
        let answer = self.greeting();
        self.feed(&answer);
    }

    /// What the peer says in the opening handshake.
    pub fn greeting(&self) -> Vec<u8> {
        match self.watch.side() {
            Side::Initiator => handshake::answer(&self.watch.head),
            Side::Acceptor => REQUEST.as_bytes().to_vec(),
        }
    }

    /// The peer sends a frame, masked where it has to be.
    pub fn peer(&mut self, frame: Frame) {
        let bytes = self.from_peer(frame);
        self.feed(&bytes);
    }

    /// The bytes of a frame of the peer's.
    pub fn from_peer(&self, frame: Frame) -> Vec<u8> {
        match self.watch.side() {
            Side::Acceptor => frame.masked().bytes(),
            Side::Initiator => frame.bytes(),
        }
    }

    /// The peer sends bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.coming.extend_from_slice(bytes);
        self.run();
    }

    /// The peer shuts its writing side down.
    pub fn fin(&mut self) {
        self.fin = true;
        self.run();
    }

    /// The stream breaks.
    pub fn reset(&mut self) {
        let now = self.now;
        self.coming.clear();
        self.call(|engine| engine.handle_error(now));
        self.run();
    }

    /// Time passes; what is due on the way happens when it is due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        let mut fired = 0;
        while let Some(due) = self.engine().poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.tick();
            fired += 1;
            assert!(fired < 1000, "a storm of timers");
        }
        self.now = end;
    }

    /// A call of `handle_timeout` now, due or not.
    pub fn tick(&mut self) {
        self.watch.handle_timeout(self.now);
        self.run();
    }

    /// Sends a GET of one path segment and hands its number back.
    ///
    /// # Panics
    ///
    /// Where the engine does not take it.
    pub fn get(&mut self, path: &str) -> u64 {
        let get = Request::get().segment(path);
        let sent = self.watch.request(self.now, &get, Default::default());
        self.run();
        sent.expect("a request").get()
    }

    /// Answers the oldest request that is held; false where there is no room.
    ///
    /// # Panics
    ///
    /// Where none is held, or it is refused for another reason.
    pub fn answer(&mut self, payload: &[u8]) -> bool {
        let responder = self.held.remove(0);
        match self.watch.respond(self.now, responder, &Response::content(payload)) {
            Err(Refused { responder, why: RefusedWhy::NoRoom }) => {
                self.held.insert(0, responder);
                false
            }
            // Or it is over already.
            Ok(()) | Err(Refused { why: RefusedWhy::Expired | RefusedWhy::Closed, .. }) => true,
            Err(refused) => panic!("{refused}"),
        }
    }

    /// What it said since the last time, in words.
    pub fn take_said(&mut self) -> Vec<String> {
        self.said.drain(..).map(|frame| frame.words()).collect()
    }

    /// What it told since the last time, in words.
    pub fn take_told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// What the transport is to do now.
    pub fn interest(&mut self) -> Interest {
        self.watch.interest()
    }

    /// Calls the engine.
    pub fn call<T>(&mut self, act: impl FnOnce(&mut Engine) -> T) -> T {
        self.watch.call(act)
    }

    /// Loops until nothing moves.
    pub fn run(&mut self) {
        for _ in 0..1_000_000 {
            let mut moved = self.tell();
            moved |= self.write();
            moved |= self.read();
            if !moved {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    fn tell(&mut self) -> bool {
        let mut moved = self.catch_up();
        while let Some(event) = self.watch.poll_event() {
            moved = true;
            self.told.push(words(&event));
            if let Event::Request { responder, message } = event {
                self.held.push(responder);
                self.watch.drop(message);
            } else {
                self.watch.drop(event);
            }
            self.catch_up();
        }
        moved
    }

    /// Gives the answers that are ready and have room.
    fn catch_up(&mut self) -> bool {
        let Answers::Ready(payload) = self.answers.clone() else { return false };
        let mut moved = false;
        if self.engine().is_ending() {
            self.held.clear();
        }
        while !self.held.is_empty() && self.engine().has_room() && self.answer(&payload) {
            moved = true;
        }
        moved
    }

    fn write(&mut self) -> bool {
        let known = self.watch.frames.len();
        let written = self.watch.write(self.now, self.write_size).len();
        assert!(written == 0 || self.shut_down.is_none(), "output behind the end of it");
        self.said.extend_from_slice(&self.watch.frames[known..]);
        written > 0
    }

    fn read(&mut self) -> bool {
        let (now, Interest { read, shutdown, done, .. }) = (self.now, self.interest());
        if shutdown && self.shut_down.is_none() {
            self.shut_down = Some((now, self.watch.written));
        }
        if done && self.done.is_none() {
            self.done = Some(now);
        }
        if !read {
            return false;
        }
        let ready = self.coming.len().min(self.read_size);
        if ready > 0 {
            let bytes: Vec<u8> = self.coming.drain(..ready).collect();
            self.watch.handle_bytes(now, &bytes);
        } else if self.fin {
            self.call(|engine| engine.handle_eof(now));
        }
        ready > 0 || self.fin
    }
}

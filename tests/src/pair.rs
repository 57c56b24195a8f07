//! Two connections in virtual time, for tests that read like a story.
//!
//! ```
//! use coap_ws_core::{Heap, Side::{Acceptor, Initiator}};
//! use coap_ws_core::message::Response;
//! use coap_ws_tests::pair::{Pair, get, seconds};
//!
//! let mut pair = Pair::<Heap, Heap>::new();
//! let asked = pair.request(Initiator, &get("weather"));
//! pair.run_for(seconds(1));
//! let (responder, question) = pair.take_request(Acceptor);
//! assert_eq!(question.view().payload(), b"");
//! pair.respond(Acceptor, responder, &Response::content(b"sunny"));
//! pair.run_for(seconds(1));
//! let (answered, answer) = pair.take_response(Initiator);
//! assert_eq!((answered, answer.view().payload()), (asked, &b"sunny"[..]));
//! ```

use crate::alloc::uncounted;
use crate::node::Store;
use crate::told::{Told, Wire};
use crate::watched::Watched;
use coap_ws_core::message::{Encode, OwnedMessage, Request};
use coap_ws_core::{
    Closing, Config, Event, ExchangeId, Instant, Phase, ReleaseOptions, RequestOptions, Responder,
    Side, Storage,
};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

/// Two connections, what is on its way between them, and what they said.
pub struct Pair<A, B> {
    now: Instant,
    latency: Duration,
    /// How many messages may be on their way to one end.
    window: usize,
    ends: [End; 2],
    storages: PhantomData<(A, B)>,
}

struct End {
    connection: Watched,
    /// What is on its way to this end.
    incoming: VecDeque<(Instant, Wire)>,
    told: VecDeque<Told>,
    /// It does not read.
    stalled: bool,
    /// Its transport is gone.
    gone: bool,
    /// It has sent a Close.
    closing: bool,
    /// Messages that its transport has taken.
    taken: usize,
}

impl<A: Storage + 'static, B: Storage + 'static> Pair<A, B> {
    /// Two ends with the defaults, a millisecond apart.
    pub fn new() -> Pair<A, B> {
        Pair::with(|_| {})
    }

    /// Two ends whose defaults are changed.
    pub fn with(change: impl Fn(&mut Config)) -> Pair<A, B> {
        let end = |store: Store, side| {
            let mut config = store.config(side);
            change(&mut config);
            let connection = Watched::new(store, config, uncounted);
            End {
                connection: connection.expect("the test's configuration is right"),
                incoming: VecDeque::new(),
                told: VecDeque::new(),
                stalled: false,
                gone: false,
                closing: false,
                taken: 0,
            }
        };
        let ends = [end(Store::of::<A>(), Side::Initiator), end(Store::of::<B>(), Side::Acceptor)];
        let latency = Duration::from_millis(1);
        Pair { now: Instant::ZERO, latency, window: usize::MAX, ends, storages: PhantomData }
    }

    /// How long a message is on its way.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// How many messages may be on their way to one end.
    #[must_use]
    pub fn window(mut self, messages: usize) -> Self {
        self.window = messages;
        self
    }

    /// The connection at an end.
    pub fn connection(&mut self, side: Side) -> &mut Watched {
        &mut self.ends[side as usize].connection
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How many messages the transport of an end has taken, the Close included.
    pub fn taken(&self, side: Side) -> usize {
        self.ends[side as usize].taken
    }

    /// Sends a request, which must be taken.
    pub fn request(&mut self, side: Side, message: &dyn Encode) -> ExchangeId {
        let now = self.now;
        let taken = self.connection(side).request(now, message, RequestOptions::default());
        taken.expect("the request is taken")
    }

    /// Answers a request, which must be possible.
    pub fn respond(&mut self, side: Side, responder: Responder, message: &dyn Encode) {
        let now = self.now;
        let taken = self.connection(side).respond(now, responder, message);
        taken.expect("the response is taken");
    }

    /// Releases the connection.
    pub fn release(&mut self, side: Side) {
        let now = self.now;
        let taken = self.connection(side).release(now, ReleaseOptions::default());
        taken.expect("the release is taken");
    }

    /// An end stops reading.
    pub fn stall(&mut self, side: Side) {
        self.ends[side as usize].stalled = true;
    }

    /// It reads again.
    pub fn resume(&mut self, side: Side) {
        self.ends[side as usize].stalled = false;
        self.settle();
    }

    /// The connection breaks; what is on its way is lost.
    pub fn cut(&mut self) {
        for end in &mut self.ends {
            end.incoming.clear();
            end.connection.handle_closed(self.now, Closing::Error);
        }
        self.settle();
    }

    /// Lets time go by, and all happen that is due.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        self.settle();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            for side in 0..2 {
                let due = self.ends[side].connection.poll_timeout();
                if due.is_some_and(|due| due <= self.now) {
                    self.ends[side].connection.handle_timeout(self.now);
                }
            }
            self.settle();
        }
        self.now = end;
    }

    /// What an end was told since it was last asked.
    pub fn told(&mut self, side: Side) -> Vec<Told> {
        self.ends[side as usize].told.drain(..).collect()
    }

    /// The next thing that an end was told, and that `wanted` takes; the rest stays.
    ///
    /// # Panics
    ///
    /// Where there is none.
    pub fn take<T>(&mut self, side: Side, mut wanted: impl FnMut(Told) -> Result<T, Told>) -> T {
        let told = &mut self.ends[side as usize].told;
        for _ in 0..told.len() {
            let Some(first) = told.pop_front() else { break };
            match wanted(first) {
                Ok(taken) => return taken,
                Err(other) => told.push_back(other),
            }
        }
        panic!("the {side:?} was told nothing of the kind, but {told:?}")
    }

    /// The next request that an end was shown.
    pub fn take_request(&mut self, side: Side) -> (Responder, OwnedMessage) {
        self.take(side, |told| match told {
            Told::Request { responder, message } => Ok((responder, message)),
            other => Err(other),
        })
    }

    /// The next response that an end got.
    pub fn take_response(&mut self, side: Side) -> (ExchangeId, OwnedMessage) {
        self.take(side, |told| match told {
            Told::Response { exchange, message } => Ok((exchange, message)),
            other => Err(other),
        })
    }

    /// The next event that an end was told.
    pub fn take_event(&mut self, side: Side) -> Event {
        self.take(side, |told| match told {
            Told::Event(event) => Ok(event),
            other => Err(other),
        })
    }

    /// Moves all that can move now.
    pub fn settle(&mut self) {
        loop {
            let moved = (0..2).fold(false, |moved, side| self.step(side) | moved);
            if !moved {
                break;
            }
        }
        for side in 0..2 {
            if self.has_room(side) {
                self.ends[side].connection.check_rest();
            }
        }
    }

    fn has_room(&self, side: usize) -> bool {
        let peer = &self.ends[1 - side];
        self.ends[side].gone || !peer.stalled && peer.incoming.len() < self.window
    }

    /// Moves what one end can move.
    fn step(&mut self, side: usize) -> bool {
        let (now, arrival) = (self.now, self.now.saturating_add(self.latency));
        let mut moved = false;
        let end = &mut self.ends[side];
        while let Some((_, wire)) = end.incoming.front().filter(|(at, _)| *at <= now) {
            match wire {
                _ if end.stalled => break,
                Wire::Message(bytes) => match end.connection.handle_message(now, bytes) {
                    Ok(told) => end.told.extend(told),
                    Err(_) => break,
                },
                Wire::Text => end.connection.handle_text(now),
                Wire::Oversized => end.connection.handle_oversized(now),
                Wire::Close(code) => end.connection.handle_closed(now, Closing::Frame(*code)),
                Wire::End => {
                    let how = if end.closing { Closing::Done } else { Closing::EndOfStream };
                    end.connection.handle_closed(now, how);
                }
                Wire::Broken => end.connection.handle_closed(now, Closing::Error),
            }
            end.incoming.pop_front();
            moved = true;
        }
        while let Some(event) = self.ends[side].connection.poll_event() {
            self.ends[side].told.push_back(Told::Event(event));
            moved = true;
        }
        while self.has_room(side)
            && let Some(wire) = self.ends[side].connection.poll_transmit()
        {
            self.ends[side].closing |= matches!(wire, Wire::Close(_));
            self.ends[side].taken += 1;
            self.ends[1 - side].incoming.push_back((arrival, wire));
            moved = true;
        }
        let end = &mut self.ends[side];
        if end.connection.node().phase() == Phase::Closed && !end.gone {
            end.gone = true;
            self.ends[1 - side].incoming.push_back((arrival, Wire::End));
            moved = true;
        }
        moved
    }

    /// When something is due.
    fn next(&self) -> Option<Instant> {
        let arrivals = self.ends.iter().filter(|end| !end.stalled);
        let arrivals = arrivals.filter_map(|end| end.incoming.front().map(|(at, _)| *at));
        let timers = self.ends.iter().filter_map(|end| end.connection.poll_timeout());
        arrivals.filter(|at| *at > self.now).chain(timers).min()
    }
}

impl<A: Storage + 'static, B: Storage + 'static> Default for Pair<A, B> {
    fn default() -> Self {
        Pair::new()
    }
}

/// A GET of one path segment.
pub fn get(segment: &str) -> Request<'_> {
    Request::get().segment(segment)
}

/// So many seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many milliseconds.
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

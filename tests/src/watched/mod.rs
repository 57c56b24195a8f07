//! A connection under watch: every call is made through here, and after every call all that
//! must always hold is checked.

mod command;
mod happened;

use crate::alloc::{Held, Meter, metered};
use crate::model::{Model, ensure};
use crate::node::{Node, Store};
use crate::seen::Seen;
use crate::told::Wire;
use crate::trace::Trace;
use coap_ws_core::{
    Config, ConfigError, Event, Instant, PeerSettings, Phase, Responder, Side, Stats,
};

/// A connection, its model, and what it holds of the heap.
pub struct Watched {
    node: Box<dyn Node>,
    model: Model,
    meter: Meter,
    held: Held,
    heap_bound: usize,
    output_bound: usize,
    trace: Trace,
}

/// All that can be seen of a connection, by the names of its methods.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    pub phase: Phase,
    pub stats: Stats,
    pub peer: Option<PeerSettings>,
    pub exchanges: usize,
    pub requests: usize,
    pub output: usize,
    pub input: bool,
    pub room: bool,
    pub max_send: usize,
    pub timeout: Option<Instant>,
}

impl Watched {
    /// A new connection.
    ///
    /// # Errors
    ///
    /// As [`Connection::new`](coap_ws_core::Connection::new).
    pub fn new(store: Store, config: Config, meter: Meter) -> Result<Watched, ConfigError> {
        let name = match config.side {
            Side::Initiator => "initiator",
            Side::Acceptor => "acceptor",
        };
        let heap_bound = match store {
            Store::Heap => config.limits.bound(),
            _ => 0,
        };
        let output_bound = config.limits.output_bound().min(store.output());
        let model = Model::new(name, &config, store);
        let (node, held) = store.connect(config, meter)?;
        let mut watched =
            Watched { node, model, meter, held, heap_bound, output_bound, trace: Trace::default() };
        watched.check();
        Ok(watched)
    }

    /// Prints what happens to standard error.
    #[must_use]
    pub fn printing(mut self, print: bool) -> Watched {
        self.trace = Trace::new(print);
        self
    }

    /// What was seen.
    pub fn seen(&self) -> &Seen {
        &self.model.seen
    }

    /// The same where the same happened.
    pub fn hash(&self) -> u64 {
        self.trace.hash()
    }

    /// The same where the same was sent and told, whatever led to it; but for `Room`, which
    /// refused commands lead to.
    pub fn said(&self) -> u64 {
        self.trace.said()
    }

    /// What it holds of the heap; nothing where nobody counts.
    pub fn held(&self) -> Held {
        self.held
    }

    /// The latest time that it was told.
    pub fn now(&self) -> Instant {
        self.model.now
    }

    /// Whether it was ever told the time.
    pub fn is_started(&self) -> bool {
        self.model.is_started()
    }

    /// The connection's own account of itself.
    pub fn node(&self) -> &dyn Node {
        &*self.node
    }

    /// All that can be seen of it.
    pub fn snapshot(&self) -> Snapshot {
        let node = &self.node;
        Snapshot {
            phase: node.phase(),
            stats: node.stats(),
            peer: node.peer_settings(),
            exchanges: node.exchanges_in_flight(),
            requests: node.requests_open(),
            output: node.output_waiting(),
            input: node.wants_input(),
            room: node.has_room(),
            max_send: node.max_send(),
            timeout: node.poll_timeout(),
        }
    }

    /// What is to be sent.
    pub fn poll_transmit(&mut self) -> Option<Wire> {
        // The copy of the message is not the connection's.
        let (transmit, usage) = metered(self.meter, || self.node.poll_transmit());
        let wire = transmit.map(Wire::of);
        self.held.add(usage);
        self.model.sync(self.node.phase());
        if let Some(wire) = &wire {
            match wire {
                Wire::Message(bytes) => self.line(0, bytes, format_args!("> {bytes:02x?}")),
                other => self.line(1, &[], format_args!("> {other:?}")),
            }
            self.model.transmit(wire);
        }
        self.check();
        wire
    }

    /// What is to be told.
    pub fn poll_event(&mut self) -> Option<Event> {
        let (event, usage) = metered(self.meter, || self.node.poll_event());
        self.held.add(usage);
        self.model.sync(self.node.phase());
        if let Some(event) = event {
            let text = format!("{event:?}");
            let kind = if event == Event::Room { 14 } else { 2 };
            self.line(kind, text.as_bytes(), format_args!("! {text}"));
            self.model.event(event);
        }
        self.check();
        event
    }

    /// When time is to be told.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.node.poll_timeout()
    }

    /// Memory is to be given back.
    pub fn trim(&mut self) {
        let before = self.snapshot();
        let ((), usage) = metered(self.meter, || self.node.trim());
        self.held.add(usage);
        self.model.seen.trims += 1;
        self.unchanged(before);
        self.check();
    }

    /// Whether this request may still be answered.
    pub fn may_respond(&self, responder: &Responder) -> bool {
        self.model.may_respond(responder.id().arrival())
    }

    /// Whether this request of the peer has had all its time.
    pub fn is_due(&self, arrival: u64) -> bool {
        self.model.is_due(arrival)
    }

    /// All is handed out and told: checks that it is so, and that asking again changes
    /// nothing.
    pub fn check_rest(&mut self) {
        let before = self.snapshot();
        for _ in 0..2 {
            ensure!(self.model, self.poll_event().is_none(), "an event out of nothing");
            ensure!(self.model, self.poll_transmit().is_none(), "output out of nothing");
        }
        self.unchanged(before);
        self.model.check_rest(&*self.node);
    }

    /// Nothing is in flight any more.
    pub fn check_idle(&self) {
        self.model.check_idle();
    }

    /// It is closed and trimmed: its configuration is all that it still holds of the heap.
    ///
    /// # Panics
    ///
    /// Where it holds more.
    pub fn check_trimmed(&self) {
        // Two counts of handles stand before a shared value.
        let config = size_of::<coap_ws_core::Config>() + 2 * size_of::<usize>();
        let held = self.held.bytes;
        let expected = [0, i64::try_from(config).unwrap_or(i64::MAX)];
        assert!(expected.contains(&held), "closed and trimmed, and it holds {held} bytes");
    }

    /// Before a call that tells the time.
    fn begin(&mut self, now: Instant) -> Snapshot {
        let mut before = self.snapshot();
        if !self.model.is_started() {
            // The first call of all starts the clock, whatever comes of it.
            before.timeout = None;
        }
        self.model.advance(now);
        before
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut (dyn Node + 'static)) -> T) -> T {
        let (result, usage) = metered(self.meter, || call(&mut *self.node));
        self.held.add(usage);
        result
    }

    fn line(&mut self, kind: u8, bytes: &[u8], line: std::fmt::Arguments<'_>) {
        let (name, now) = (self.model.name, self.model.now);
        let (what, line) = ((kind, now, bytes), format_args!("{now:?} {name} {line}"));
        // Output and events have the first numbers.
        if kind < 3 { self.trace.say(what, line) } else { self.trace.add(what, line) }
    }

    fn unchanged(&mut self, before: Snapshot) {
        let mut after = self.snapshot();
        if before.timeout.is_none() && before.phase != Phase::Closed {
            after.timeout = None;
        }
        ensure!(self.model, before == after, "{before:?} has become {after:?}");
    }

    fn check(&mut self) {
        self.model.check(&*self.node);
        let (output, most) = (self.node.output_waiting(), self.output_bound);
        ensure!(self.model, output <= most, "{output} bytes wait, {most} are allowed");
        let (held, most) = (self.held, self.heap_bound as i64);
        ensure!(self.model, held.peak <= most, "{held:?} of the heap, {most} are allowed");
        ensure!(self.model, held.bytes >= 0, "{held:?} of the heap");
    }
}

//! A connection under watch: every call is made through here, and after every call all that
//! must always hold is checked.

use crate::alloc::{Held, Meter, metered};
use crate::model::{Model, Want, ensure};
use crate::node::{Node, Store};
use crate::seen::Seen;
use crate::told::{Told, Wire};
use crate::trace::Trace;
use coap_ws_core::message::{Encode, Message, OptionNumber, encode_message};
use coap_ws_core::{
    Closing, Config, ConfigError, Event, ExchangeId, Instant, NotNow, PeerSettings, Phase, PingId,
    Refused, RefusedWhy, ReleaseOptions, RequestOptions, Responder, SendError, Side, Stats,
    Violation,
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

/// All that can be seen of a connection.
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
        let mut watched = Watched {
            node,
            model,
            meter,
            held,
            heap_bound,
            output_bound,
            trace: Trace::default(),
        };
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

    /// What it holds of the heap; nothing where nobody counts.
    pub fn held(&self) -> Held {
        self.held
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

    /// A message came.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn handle_message(
        &mut self,
        now: Instant,
        bytes: &[u8],
    ) -> Result<Option<Told>, NotNow> {
        let before = self.begin(now);
        let (told, usage) = metered(self.meter, || self.node.handle_message(now, bytes));
        self.held.add(usage);
        let told = told.map(|incoming| incoming.map(Told::of));
        self.line(3, bytes, format_args!("< {bytes:02x?} ! {told:?}"));
        match &told {
            Err(NotNow) => {
                ensure!(self.model, !before.input, "input was wanted, and not taken");
                self.model.seen.not_now += 1;
                self.unchanged(before);
            }
            Ok(told) if !before.phase.is_live() => {
                ensure!(self.model, told.is_none(), "after the end: {told:?}");
                self.unchanged(before);
            }
            Ok(told) => {
                ensure!(self.model, before.input, "no input was wanted, and it was taken");
                let violated = self.node.stats().violations > before.stats.violations;
                self.model.message(bytes, told.as_ref(), violated);
            }
        }
        self.check();
        told
    }

    /// A text message came.
    pub fn handle_text(&mut self, now: Instant) {
        self.violation(now, "text", |node| node.handle_text(now));
    }

    /// The header of a too large message came.
    pub fn handle_oversized(&mut self, now: Instant) {
        self.violation(now, "oversized", |node| node.handle_oversized(now));
    }

    /// The framer saw a rule broken.
    pub fn handle_violation(&mut self, now: Instant, violation: Violation) {
        self.violation(now, "violation", |node| node.handle_violation(now, violation));
    }

    /// Some byte came.
    pub fn handle_alive(&mut self, now: Instant) {
        self.begin(now);
        self.call(|node| node.handle_alive(now));
        self.model.hear();
        self.line(4, &[], format_args!("< alive"));
        self.check();
    }

    /// The WebSocket connection ended.
    pub fn handle_closed(&mut self, now: Instant, how: Closing) {
        self.begin(now);
        self.call(|node| node.handle_closed(now, how));
        self.line(5, &[], format_args!("< closed {how:?}"));
        ensure!(self.model, self.node.phase() == Phase::Closed, "it is not closed");
        self.check();
    }

    /// Time went by.
    pub fn handle_timeout(&mut self, now: Instant) {
        let before = self.begin(now);
        self.call(|node| node.handle_timeout(now));
        self.model.timeout(before.timeout);
        self.line(6, &[], format_args!("@ {:?}", self.model.now));
        self.check();
        self.model.timed_out(before.timeout, self.node.poll_timeout());
    }

    /// A request is to be sent.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn request(
        &mut self,
        now: Instant,
        message: &dyn Encode,
        options: RequestOptions,
    ) -> Result<ExchangeId, SendError> {
        let before = self.begin(now);
        let id = self.call(|node| node.request(now, message, options));
        self.line(7, &[], format_args!("request {:?}: {id:?}", message.code()));
        match id {
            Ok(id) => {
                let timeout = options.timeout.unwrap_or(self.node.config().request_timeout);
                self.model.request(id, timeout, no_response(message));
            }
            Err(error) => self.send_error(before, error, Want::Exchange),
        }
        self.check();
        id
    }

    /// A request of the peer is to be answered.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn respond(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &dyn Encode,
    ) -> Result<(), Refused> {
        let (before, code) = (self.begin(now), message.code());
        let arrival = responder.id().arrival();
        let wanted = self.node.wants_response(&responder, code);
        let done = self.call(|node| node.respond(now, responder, message));
        self.line(8, &[], format_args!("respond {arrival} {code:?}: {done:?}"));
        match &done {
            Ok(()) => {
                let sent = self.node.stats().responses_sent > before.stats.responses_sent;
                ensure!(self.model, sent == wanted, "wanted {wanted}, sent {sent}");
                self.model.respond(arrival, code);
            }
            Err(Refused { why, responder }) => {
                ensure!(self.model, responder.id().arrival() == arrival, "another responder");
                match why {
                    RefusedWhy::NoRoom => {
                        self.model.seen.respond_no_room += 1;
                        self.model.refused(Want::Output);
                    }
                    RefusedWhy::Expired => self.model.seen.respond_expired += 1,
                    RefusedWhy::TooLarge { size, limit } => {
                        self.model.seen.too_large += 1;
                        ensure!(self.model, size > limit, "{size} bytes of {limit} are too many");
                    }
                    _ => {}
                }
                self.unchanged(before);
            }
        }
        self.check();
        done
    }

    /// Nobody waits for this request any more.
    pub fn cancel(&mut self, now: Instant, exchange: ExchangeId) -> bool {
        self.begin(now);
        let cancelled = self.call(|node| node.cancel(now, exchange));
        self.line(9, &[], format_args!("cancel {exchange:?}: {cancelled}"));
        self.model.cancel(exchange, cancelled);
        self.check();
        cancelled
    }

    /// A Ping is to be sent.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn ping(&mut self, now: Instant, custody: bool) -> Result<PingId, SendError> {
        let before = self.begin(now);
        let id = self.call(|node| node.ping(now, custody));
        self.line(10, &[], format_args!("ping {custody}: {id:?}"));
        match id {
            Ok(id) => self.model.ping(id),
            Err(error) => self.send_error(before, error, Want::Ping),
        }
        self.check();
        id
    }

    /// The connection is to end in good order.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn release(
        &mut self,
        now: Instant,
        options: ReleaseOptions<'_>,
    ) -> Result<(), SendError> {
        let before = self.begin(now);
        let done = self.call(|node| node.release(now, options));
        self.line(11, &[], format_args!("release: {done:?}"));
        match done {
            Ok(()) => self.model.release(),
            Err(error) => self.send_error(before, error, Want::Output),
        }
        self.check();
        done
    }

    /// The connection is to end at once.
    pub fn abort(&mut self, now: Instant, diagnostic: &str) {
        self.begin(now);
        self.call(|node| node.abort(now, diagnostic));
        self.line(12, &[], format_args!("abort"));
        ensure!(self.model, !self.node.phase().is_live(), "aborted, and alive");
        self.check();
    }

    /// What is to be sent.
    pub fn poll_transmit(&mut self) -> Option<Wire> {
        // The copy of the message is not the connection's.
        let (transmit, usage) = metered(self.meter, || self.node.poll_transmit());
        let wire = transmit.map(Wire::of);
        self.held.add(usage);
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
        let event = self.call(Node::poll_event);
        if let Some(event) = event {
            let text = format!("{event:?}");
            self.line(2, text.as_bytes(), format_args!("! {text}"));
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
        self.call(Node::trim);
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

    fn violation(&mut self, now: Instant, what: &str, call: impl FnOnce(&mut dyn Node)) {
        let before = self.begin(now);
        self.call(call);
        self.line(13, what.as_bytes(), format_args!("< {what}"));
        ensure!(self.model, !self.node.phase().is_live(), "a rule was broken, and it lives");
        let violations = self.node.stats().violations - before.stats.violations;
        ensure!(self.model, violations == u64::from(before.phase.is_live()), "{violations}");
        self.model.seen.violations += violations;
        self.check();
    }

    fn send_error(&mut self, before: Snapshot, error: SendError, slot: Want) {
        let seen = &mut self.model.seen;
        match error {
            SendError::NoRoom => {
                seen.no_room += 1;
                self.model.refused(Want::Output);
            }
            SendError::TooManyExchanges => {
                seen.no_slot += 1;
                self.model.refused(slot);
            }
            SendError::AwaitingSettings => {
                seen.awaiting_settings += 1;
                ensure!(self.model, before.peer.is_none(), "the CSM is here");
            }
            SendError::TooLarge { size, limit } => {
                seen.too_large += 1;
                ensure!(self.model, size > limit, "{size} bytes of {limit} are too many");
            }
            SendError::Closed => {
                ensure!(self.model, !before.phase.is_live(), "closed in {:?}", before.phase);
            }
            SendError::Releasing => {
                let draining = matches!(before.phase, Phase::Draining(_));
                ensure!(self.model, draining, "releasing in {:?}", before.phase);
            }
            _ => {}
        }
        self.unchanged(before);
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

    fn call<T>(&mut self, call: impl FnOnce(&mut dyn Node) -> T) -> T {
        let (result, usage) = metered(self.meter, || call(&mut *self.node));
        self.held.add(usage);
        result
    }

    fn line(&mut self, kind: u8, bytes: &[u8], line: std::fmt::Arguments<'_>) {
        let (name, now) = (self.model.name, self.model.now);
        self.trace.add((kind, now, bytes), format_args!("{now:?} {name} {line}"));
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

/// The No-Response bitmap that a message would carry.
fn no_response(message: &dyn Encode) -> u8 {
    let Ok(size) = encode_message(&mut [], &[], &message) else { return 0 };
    let mut bytes = vec![0; size];
    let written = encode_message(&mut bytes, &[], &message);
    assert_eq!(written, Ok(size), "encoded twice, and not the same");
    let message = Message::parse(&bytes).expect("what is encoded can be parsed");
    let bits = message.uint(OptionNumber::NO_RESPONSE);
    bits.and_then(|bits| u8::try_from(bits).ok()).unwrap_or(0)
}

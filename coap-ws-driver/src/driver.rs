//! One future that moves bytes, time and events of one connection.

mod io;
mod notifying;

use crate::accept::{AcceptHook, Verdict};
use crate::answers::Answers;
use crate::asks::Asks;
use crate::body::{self, Asked, BlockMemory, Bodies, Cutting, Inbound, Peer};
use crate::engine::{Engine, Event, ReleaseNotice};
use crate::error::{Closed, ConnectError};
use crate::handler::Handler;
use crate::mailbox::{Command, Mailbox, lost};
use crate::parked::Parked;
use crate::remote::{OpenedInfo, Remote, RemoteInfo};
use crate::request::Request;
use crate::response::Response;
use crate::spans::{ConnectionSpan, Spanned, serving};
use crate::transport::{Timer, Transport};
use crate::watches::Watches;
use coap_ws_core::message::{Code, OwnedMessage};
use coap_ws_core::{Connection, Instant, RefusedWhy, ReleaseOptions, Responder, SendError};
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How much is read at a time, in bytes.
pub const READ_CHUNK: usize = 16 * 1024;

thread_local! {
    /// Read into by all connections of a thread, so that an idle one keeps none.
    static SCRATCH: Cell<Box<[u8]>> = Cell::default();
}

/// Drives one connection to its end. Spawn it; it alone owns the engine and the stream.
///
/// What one read brings is handled message by message, ready answers are gathered, and one
/// write takes them. After one chunk the task yields to its neighbours.
#[must_use = "a connection that is not driven does nothing"]
pub struct Driver<T, C, H: Handler> {
    engine: Engine,
    transport: T,
    timer: C,
    handler: H,
    mailbox: Arc<Mailbox>,
    remote: Remote,
    span: ConnectionSpan,
    asks: Asks,
    bodies: Bodies,
    answers: Answers<Spanned<H::Future>>,
    /// `None` where nobody observes: most connections.
    watches: Option<Box<Watches<Spanned<H::Future>>>>,
    accept: Option<AcceptHook>,
    /// What the application is to say about the peer.
    verdict: Option<Verdict>,
    /// Requests whose handlers wait for room.
    parked: Parked,
    /// A Release that waits for room.
    release: Option<Box<ReleaseNotice>>,
    diagnostic: Option<String>,
    /// How the stream broke.
    broken: Option<std::io::Error>,
    /// What the timer is set to: never later than the next deadline.
    armed: Option<Instant>,
    flushed: bool,
    shut_down: bool,
}

impl<T: Transport, C: Timer, H: Handler> Driver<T, C, H> {
    /// The driver of a connection, and the handle of its other end.
    pub fn new(
        mut engine: Engine,
        transport: T,
        timer: C,
        handler: H,
        info: RemoteInfo,
    ) -> (Remote, Driver<T, C, H>) {
        engine.understand(body::UNDERSTOOD);
        let permits = engine.config().connection.limits.max_exchanges;
        let mailbox = Arc::new(Mailbox::new(permits));
        let span = ConnectionSpan::new(engine.config().connection.side, &info);
        let config = engine.shared_config();
        let remote = Remote::new(Arc::clone(&mailbox), info, Cutting::of(config.clone()));
        let bodies = Bodies::new(config);
        let driver = Driver {
            engine,
            transport,
            timer,
            handler,
            mailbox,
            remote: remote.clone(),
            span,
            asks: Asks::default(),
            bodies,
            answers: Answers::new(),
            watches: None,
            accept: None,
            verdict: None,
            parked: Parked::default(),
            release: None,
            diagnostic: None,
            broken: None,
            armed: None,
            flushed: true,
            shut_down: false,
        };
        (remote, driver)
    }

    /// Asks `accept` whether the peer may connect. The engine's configuration must say
    /// [`ask`](crate::engine::EngineConfig::ask).
    pub fn with_accept(mut self, accept: AcceptHook) -> Self {
        self.accept = Some(accept);
        self
    }

    /// What bodies in blocks take of the heap counts with that of other connections.
    pub(crate) fn with_block_memory(mut self, memory: Arc<BlockMemory>) -> Self {
        self.bodies.share(memory);
        self
    }

    /// Everything that can move without the transport; whether anything did.
    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for command in self.mailbox.take() {
            moved = true;
            self.command(command);
        }
        moved |= self.hear_verdict(cx);
        moved |= self.retry() | self.release();
        while self.may_answer() {
            let Some((responder, response)) = self.answers.poll_next(cx) else { break };
            if !self.respond(responder, response) {
                break;
            }
            moved = true;
        }
        while self.may_answer()
            && let Some((responder, message)) = self.parked.pop()
        {
            self.start(cx, responder, message);
            moved = true;
        }
        moved |= self.notify(cx);
        while let Some(event) = self.engine.poll_event() {
            moved = true;
            self.event(cx, event);
            self.retry();
        }
        if self.engine.is_ending() {
            self.drop_handlers();
        }
        moved
    }

    /// Nobody will hear their answers.
    fn drop_handlers(&mut self) {
        if !(self.answers.is_empty() && self.parked.is_empty()) {
            self.parked.clear();
            self.answers.clear();
        }
        self.bodies.clear();
        // Observers end with their connection (OBS-11).
        self.watches = None;
    }

    /// Sends requests that have waited for something; whether anything moved.
    fn retry(&mut self) -> bool {
        // Most connections never ask anything: they need not look at the clock.
        self.asks.is_waiting() && self.asks.retry(&mut self.engine, self.timer.now())
    }

    /// Whether the application has said something about the peer.
    fn hear_verdict(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(verdict) = &mut self.verdict else { return false };
        let Poll::Ready(outcome) = verdict.as_mut().poll(cx) else { return false };
        self.verdict = None;
        let now = self.timer.now();
        match outcome {
            Ok(upgrade) => self.engine.admit(now, upgrade.head),
            Err(status) => self.engine.refuse(now, status),
        }
        true
    }

    fn command(&mut self, command: Command) {
        let now = self.timer.now();
        match command {
            Command::Request(ask) => {
                self.asks.push(*ask, now);
                // Sent now, so that it goes before a Release that was asked for after it.
                self.asks.retry(&mut self.engine, now);
            }
            Command::Alarm { ticket, limit, reply } => {
                self.asks.set_alarm(ticket, limit.at(now), reply);
            }
            Command::Cancel(ticket) => self.asks.cancel(&mut self.engine, ticket, now),
            Command::LeaveOff => self.engine.leave_off(now),
            Command::Settled(reply) => {
                let known = self.engine.connection().and_then(Connection::peer_settings);
                self.asks.wait_for_settings(known.is_some(), reply);
            }
            Command::Ping { custody, reply } => {
                self.asks.ping(&mut self.engine, custody, reply, now);
            }
            Command::Release(notice) => {
                self.release.get_or_insert(notice);
                self.release();
            }
            Command::Abort(diagnostic) => self.engine.abort(now, &diagnostic),
        }
    }

    /// Sends the Release that somebody wants; whether anything moved. Where there is no room
    /// for it, it waits.
    fn release(&mut self) -> bool {
        let Some(notice) = self.release.take() else { return false };
        let now = self.timer.now();
        let alternatives: Vec<&str> = notice.alternatives.iter().map(String::as_str).collect();
        let diagnostic = notice.diagnostic.as_deref().unwrap_or_default();
        let options = ReleaseOptions::default()
            .hold_off(notice.hold_off)
            .alternatives(&alternatives)
            .diagnostic(diagnostic);
        match self.engine.release(now, options) {
            Err(SendError::NoRoom) => {
                self.release = Some(notice);
                return false;
            }
            // There is nothing to release yet.
            Err(SendError::AwaitingSettings) => self.engine.abort(now, diagnostic),
            // What it says cannot be said: it goes out without.
            Err(SendError::Encode(_) | SendError::TooLarge { .. })
                if *notice != ReleaseNotice::default() =>
            {
                self.release = Some(Box::default());
                return self.release();
            }
            // Released before, or over.
            Ok(()) | Err(_) => {}
        }
        true
    }

    fn event(&mut self, cx: &mut Context<'_>, event: Event) {
        match event {
            Event::Opened(opened) => {
                let (authority, head) = (opened.authority, opened.head);
                self.span.opened();
                self.remote.shared().tell_opened(OpenedInfo { authority, head });
                // A panic is told by the process' own hook; the connection lives (T78).
                let told = || self.handler.connected(&self.remote);
                let _ = catch_unwind(AssertUnwindSafe(told));
            }
            Event::Asked(head) => match &self.accept {
                Some(accept) => self.verdict = Some(accept.ask(*head, self.remote.info().clone())),
                // Nobody has a say.
                None => self.engine.admit(self.timer.now(), *head),
            },
            Event::OpeningFailed(error) => {
                self.verdict = None;
                let error = match self.broken.take() {
                    Some(broken) => ConnectError::of_stream(broken),
                    None => ConnectError::Opening(error),
                };
                self.span.failed();
                self.remote.shared().tell_failed(error);
                self.closed(&lost());
            }
            Event::Settings(settings) => {
                self.span.settings(&settings);
                self.remote.shared().said().settings = Some(settings);
                self.asks.settle();
            }
            Event::Request { responder, message } => {
                let next = match self.may_answer() && self.parked.is_empty() {
                    true => Some((responder, message)),
                    false => self.parked.push(responder, message),
                };
                if let Some((responder, message)) = next {
                    self.start(cx, responder, message);
                }
            }
            Event::Response { exchange, message, last: true } => {
                let response = Response::received(&message);
                match message.view().is_to_be_continued() {
                    true => self.asks.continued(exchange, response, &self.mailbox),
                    false => self.asks.answered(exchange, response),
                }
            }
            Event::Response { exchange, message, last: false } => {
                self.asks.notified(exchange, Response::received(&message));
            }
            Event::Unusable { exchange, error } => self.asks.unusable(exchange, error),
            Event::Pong { ping, custody } => self.asks.pong(ping, custody),
            Event::Release(notice) => {
                self.diagnostic.clone_from(&notice.diagnostic);
                self.remote.tell_released(notice);
            }
            Event::Abort(notice) => self.diagnostic = notice.diagnostic,
            Event::Core(event) => self.core_event(event),
        }
    }

    fn core_event(&mut self, event: coap_ws_core::Event) {
        use coap_ws_core::Event as Core;
        let diagnostic = self.diagnostic.as_deref();
        match event {
            Core::Failed { exchange, error, sent } => {
                self.asks.failed(exchange, error, sent, diagnostic);
            }
            Core::Silent(exchange) => self.asks.answered(exchange, Response::new(Code::EMPTY)),
            Core::Expired(id) => {
                self.parked.expire(id);
                self.bodies.recall(id);
                self.answers.expire(id);
                self.end_registration(id);
            }
            Core::NotificationDue(observer) => self.notification_due(observer),
            Core::ObserverGone(observer) => self.observer_gone(observer),
            Core::PingFailed { ping, error } => self.asks.ping_failed(ping, error, diagnostic),
            Core::Closed(reason) => {
                let diagnostic = self.diagnostic.take();
                let closed = Closed { reason, diagnostic };
                self.span.ended(&closed);
                self.closed(&closed);
            }
            // `Room` is what `retry` looks for by itself.
            _ => {}
        }
    }

    /// Calls the handler of a request, or answers it where that is not the handler's business.
    fn start(&mut self, cx: &mut Context<'_>, responder: Responder, message: OwnedMessage) {
        if !self.remote.is_addressed_by(message.view()) {
            let refusal = Response::error(Code::NOT_FOUND, "not a name of this server (Uri-Host)");
            self.respond(responder, refusal);
            return;
        }
        let inbound = match body::is_in_blocks(&message.view()) {
            true => self.blocks(message),
            false => self.bodies.whole(message),
        };
        let (message, asked) = match inbound {
            Inbound::Handle(message, asked) => (message, asked),
            Inbound::Answer(response, asked) => {
                self.answer(responder, asked, response);
                return;
            }
        };
        let id = responder.id();
        let request = Request::new(message, self.remote.clone());
        // What asks for a later block observes nothing (BLK-23).
        if asked.as_ref().is_none_or(Asked::is_first) {
            self.before_handler(&responder, &request);
        }
        let call = || serving(request.method(), || self.handler.call(request));
        match self.answers.start(cx, responder, call) {
            Some((responder, response)) => _ = self.answer(responder, asked, response),
            None => self.bodies.remember(id, asked),
        }
    }

    /// What becomes of a request with a Block option.
    fn blocks(&mut self, message: OwnedMessage) -> Inbound {
        let request = Request::new(message.clone(), self.remote.clone());
        let takes = || self.handler.takes_blocks(&request);
        if catch_unwind(AssertUnwindSafe(takes)).unwrap_or(false) {
            return Inbound::Handle(message, None);
        }
        let peer = Peer::of(self.engine.config(), self.engine.connection());
        self.bodies.receive(self.timer.now(), message, peer)
    }

    /// Whether output is low enough for an answer: half of what stops reading, so that there is
    /// room for a large one, and reading goes on.
    fn may_answer(&self) -> bool {
        let most = self.engine.config().connection.limits.write_high / 2;
        let waiting = self.engine.connection().map(Connection::output_waiting);
        self.engine.has_room() && waiting.is_some_and(|waiting| waiting <= most)
    }

    /// Gives an answer to the connection; false where it has to wait for room.
    fn respond(&mut self, responder: Responder, response: Response) -> bool {
        let asked = self.bodies.recall(responder.id());
        self.answer(responder, asked, response)
    }

    /// As [`respond`](Driver::respond), with what has to be known of the request.
    fn answer(&mut self, responder: Responder, asked: Option<Asked>, response: Response) -> bool {
        let now = self.timer.now();
        let mut part = None;
        if let Some(asked) = asked.as_ref().filter(|asked| self.bodies.cuts(asked, &response)) {
            let peer = Peer::of(self.engine.config(), self.engine.connection());
            part = Some(self.bodies.cut(now, asked, &response, peer));
        }
        let told = self.hand_over(responder, part.as_ref().unwrap_or(&response));
        let Err(mut refused) = told else { return true };
        if let (RefusedWhy::TooLarge { .. }, Some(asked), None) = (refused.why, &asked, &part) {
            let peer = Peer::of(self.engine.config(), self.engine.connection());
            let part = self.bodies.cut(now, asked, &response, peer);
            match self.hand_over(refused.responder, &part) {
                Ok(()) => return true,
                Err(again) => refused = again,
            }
        }
        let (code, text) = match refused.why {
            RefusedWhy::NoRoom => {
                self.bodies.remember(refused.responder.id(), asked);
                self.answers.keep(refused.responder, response);
                return false;
            }
            // The request is over: the peer has heard 5.03, or hears nothing any more.
            RefusedWhy::Expired | RefusedWhy::Closed => return true,
            RefusedWhy::TooLarge { .. } => (Code::INTERNAL_SERVER_ERROR, refused.to_string()),
            _ => (Code::INTERNAL_SERVER_ERROR, "the response cannot be encoded".to_owned()),
        };
        self.end_registration(refused.responder.id());
        let error = Response::error(code, text);
        if let Err(refused) = self.engine.respond(now, refused.responder, &error)
            && refused.why == RefusedWhy::NoRoom
        {
            self.answers.keep(refused.responder, error);
            return false;
        }
        true
    }

    fn closed(&mut self, closed: &Closed) {
        self.drop_handlers();
        self.mailbox.close(closed.clone());
        // Before those who wait: they may ask again at once.
        self.remote.tell_closed(closed);
        self.asks.close(closed);
        self.remote.shared().tell_ended();
    }
}

impl<T, C, H> Future for Driver<T, C, H>
where
    T: Transport + Unpin,
    C: Timer + Unpin,
    H: Handler + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let span = this.span.share();
        let _entered = span.enter();
        this.mailbox.register(cx.waker());
        if let Some(watches) = &mut this.watches {
            watches.polled();
        }
        loop {
            match this.run(cx) {
                Ok(done) => {
                    ready!(done);
                    // Whoever still waits is told, whatever happened.
                    this.closed(&lost());
                    return Poll::Ready(());
                }
                Err(broken) => {
                    this.broken = Some(broken);
                    // Nothing of it is called again.
                    this.flushed = true;
                    this.engine.handle_error(this.timer.now());
                }
            }
        }
    }
}

impl<T, C, H: Handler> Drop for Driver<T, C, H> {
    /// A runtime that drops the task takes the connection with it.
    fn drop(&mut self) {
        self.mailbox.close(lost());
        self.remote.tell_closed(&lost());
        // Who waits is told whether the request had left.
        self.asks.close(&lost());
        self.remote.shared().tell_ended();
        self.mailbox.forget();
    }
}

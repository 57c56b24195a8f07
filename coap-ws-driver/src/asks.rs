//! Our requests and Pings in the driver: those that wait to be sent, and those that wait for
//! their answers. Bounded by the mailbox's permits.

use crate::engine::Engine;
use crate::error::{Closed, Error, ErrorKind, PingFailure};
use crate::feed::Feed;
use crate::mailbox::{Answer, Ask, Mailbox, Reply, Ticket};
use crate::outgoing::Outgoing;
use crate::permits::Permit;
use crate::response::Response;
use crate::transfer::{Part, Transfer};
use coap_ws_core::{
    ExchangeId, Instant, PingError, PingId, RequestError, RequestOptions, ResponseError, SendError,
    Sent,
};
use futures_channel::oneshot;
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Asks {
    /// Not sent yet: for lack of room, or of the peer's CSM.
    waiting: VecDeque<Waiting>,
    sent: HashMap<ExchangeId, Sending>,
    /// Observations that nobody listens to any more, and whose server does not know it yet.
    leaving: VecDeque<(ExchangeId, Watched)>,
    /// Requests that have no permit yet, and when they have waited too long.
    alarms: Vec<(Ticket, Instant, oneshot::Sender<()>)>,
    pings: Vec<(PingId, oneshot::Sender<Result<bool, PingFailure>>)>,
    /// Who waits for the peer's CSM.
    settling: Vec<oneshot::Sender<()>>,
}

struct Waiting {
    ask: Ask,
    deadline: Option<Instant>,
}

struct Sending {
    ticket: Ticket,
    /// `None` once an observation has its first answer.
    reply: Option<Reply>,
    watched: Option<Watched>,
    part: Part,
    /// Given back with the exchange.
    _permit: Permit,
}

/// An observation of ours.
struct Watched {
    feed: Arc<Feed>,
    /// What registered it: deregistering repeats it (OBS-07).
    request: Outgoing,
}

impl Asks {
    /// Takes a request; `retry` sends it.
    pub(crate) fn push(&mut self, ask: Ask, now: Instant) {
        let deadline = match self.take_alarm(ask.ticket) {
            Some(deadline) => Some(deadline),
            None => ask.limit.as_ref().map(|limit| limit.at(now)),
        };
        self.waiting.push_back(Waiting { ask, deadline });
    }

    /// The time of a request counts already, though it waits for its permit.
    pub(crate) fn set_alarm(&mut self, ticket: Ticket, at: Instant, reply: oneshot::Sender<()>) {
        self.alarms.push((ticket, at, reply));
    }

    fn take_alarm(&mut self, ticket: Ticket) -> Option<Instant> {
        let index = self.alarms.iter().position(|(other, ..)| *other == ticket)?;
        Some(self.alarms.swap_remove(index).1)
    }

    /// Tells when the peer's CSM is here.
    pub(crate) fn wait_for_settings(&mut self, known: bool, reply: oneshot::Sender<()>) {
        match known {
            true => _ = reply.send(()),
            false => self.settling.push(reply),
        }
    }

    /// The peer's CSM is here.
    pub(crate) fn settle(&mut self) {
        for reply in self.settling.drain(..) {
            let _ = reply.send(());
        }
    }

    /// Whether anything waits to be sent.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.leaving.is_empty()
    }

    /// Sends what can be sent, in order; whether anything moved. A request that waits for the
    /// peer's CSM does not hold up smaller ones.
    pub(crate) fn retry(&mut self, engine: &mut Engine, now: Instant) -> bool {
        let mut moved = self.leave(engine, now);
        let mut index = 0;
        while let Some(waiting) = self.waiting.get(index) {
            if !may_ask(engine) {
                break;
            }
            let left = waiting.deadline.map(|deadline| deadline.saturating_since(now));
            if left == Some(Duration::ZERO) {
                // Its time is up: `expire` says so.
                index = index.saturating_add(1);
                continue;
            }
            let mut options = RequestOptions::default();
            (options.timeout, options.observe) = (left, waiting.ask.feed.is_some());
            options.operation = waiting.ask.part.operation();
            match engine.request(now, &*waiting.ask.message, options) {
                Ok(exchange) => {
                    if let Some(Waiting { ask, .. }) = self.waiting.remove(index) {
                        self.sent.insert(exchange, Sending::of(ask));
                    }
                }
                Err(SendError::AwaitingSettings) => {
                    index = index.saturating_add(1);
                    continue;
                }
                // Until there is room, or until the connection's own end tells what happened.
                Err(SendError::NoRoom | SendError::TooManyExchanges | SendError::Closed) => break,
                Err(error) => {
                    if let Some(Waiting { ask, .. }) = self.waiting.remove(index) {
                        let _ = ask.reply.send(Err(Error::unsent(error.into())));
                    }
                }
            }
            moved = true;
        }
        moved
    }

    /// The caller has dropped its future.
    pub(crate) fn cancel(&mut self, engine: &mut Engine, ticket: Ticket, now: Instant) {
        self.waiting.retain(|waiting| waiting.ask.ticket != ticket);
        self.take_alarm(ticket);
        let found = self.sent.iter().find(|(_, sending)| sending.ticket == ticket);
        let Some(exchange) = found.map(|(exchange, _)| *exchange) else { return };
        match self.sent.remove(&exchange).and_then(|sending| sending.watched) {
            Some(watched) => {
                self.leaving.push_back((exchange, watched));
                self.leave(engine, now);
            }
            None => _ = engine.cancel(now, exchange),
        }
    }

    /// Deregisters observations that were dropped, as far as there is room (OBS-06); whether
    /// anything moved. As many wait as there are exchanges: each has its place in the core.
    fn leave(&mut self, engine: &mut Engine, now: Instant) -> bool {
        let mut moved = false;
        while let Some((exchange, watched)) = self.leaving.front()
            && may_ask(engine)
        {
            match engine.deregister(now, *exchange, &watched.request) {
                Err(SendError::NoRoom | SendError::AwaitingSettings) => break,
                Ok(()) => {}
                // The peer takes less than it did: then silence has to do.
                Err(_) => _ = engine.cancel(now, *exchange),
            }
            self.leaving.pop_front();
            moved = true;
        }
        moved
    }

    pub(crate) fn ping(
        &mut self,
        engine: &mut Engine,
        custody: bool,
        reply: oneshot::Sender<Result<bool, PingFailure>>,
        now: Instant,
    ) {
        match engine.ping(now, custody) {
            Ok(ping) => self.pings.push((ping, reply)),
            Err(error) => {
                let _ = reply.send(Err(PingFailure::Send(error)));
            }
        }
    }

    pub(crate) fn answered(&mut self, exchange: ExchangeId, response: Response) {
        self.end(exchange, Ok(response));
    }

    /// As `answered`, with a response that says that more follows.
    pub(crate) fn continued(
        &mut self,
        exchange: ExchangeId,
        response: Response,
        mailbox: &Arc<Mailbox>,
    ) {
        let Some(mut sending) = self.sent.remove(&exchange) else { return };
        let transfer = mem::replace(&mut sending.part, Part::Whole).goes_on(mailbox);
        sending.end(Ok(response), transfer);
    }

    /// A response has come behind which others follow.
    pub(crate) fn notified(&mut self, exchange: ExchangeId, response: Response) {
        let Some(sending) = self.sent.get_mut(&exchange) else { return };
        let Some(Watched { feed, .. }) = &sending.watched else { return };
        match sending.reply.take() {
            Some(reply) => {
                feed.begin();
                // Where nobody waits any more, it is being cancelled.
                let _ = reply.send(Ok(Answer { response, transfer: None }));
            }
            None => feed.push(response),
        }
    }

    pub(crate) fn unusable(&mut self, exchange: ExchangeId, error: ResponseError) {
        self.end(exchange, Err(Error::new(ErrorKind::Unusable(error), Sent::Maybe)));
    }

    pub(crate) fn failed(
        &mut self,
        exchange: ExchangeId,
        error: RequestError,
        sent: Sent,
        diagnostic: Option<&str>,
    ) {
        self.end(exchange, Err(Error::failed(error, sent, diagnostic)));
    }

    fn end(&mut self, exchange: ExchangeId, outcome: Result<Response, Error>) {
        if let Some(sending) = self.sent.remove(&exchange) {
            sending.end(outcome, None);
        }
    }

    pub(crate) fn pong(&mut self, ping: PingId, custody: bool) {
        self.end_ping(ping, Ok(custody));
    }

    pub(crate) fn ping_failed(&mut self, ping: PingId, error: PingError, diagnostic: Option<&str>) {
        self.end_ping(ping, Err(PingFailure::of(error, diagnostic)));
    }

    fn end_ping(&mut self, ping: PingId, outcome: Result<bool, PingFailure>) {
        if let Some(index) = self.pings.iter().position(|(other, _)| *other == ping) {
            let (_, reply) = self.pings.swap_remove(index);
            let _ = reply.send(outcome);
        }
    }

    /// Ends what has waited too long to be sent.
    pub(crate) fn expire(&mut self, now: Instant) {
        let due = |waiting: &Waiting| waiting.deadline.is_some_and(|deadline| deadline <= now);
        while let Some(index) = self.waiting.iter().position(due) {
            if let Some(Waiting { ask, .. }) = self.waiting.remove(index) {
                let _ = ask.reply.send(Err(Error::unsent(ErrorKind::Timeout)));
            }
        }
        while let Some(index) = self.alarms.iter().position(|(_, at, _)| *at <= now) {
            let _ = self.alarms.swap_remove(index).2.send(());
        }
    }

    /// When something that waits to be sent has waited too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.iter().filter_map(|waiting| waiting.deadline);
        waiting.chain(self.alarms.iter().map(|(_, at, _)| *at)).min()
    }

    /// The connection is over: whoever still waits is told.
    pub(crate) fn close(&mut self, closed: &Closed) {
        let kind = || ErrorKind::Closed(closed.clone());
        self.alarms.clear();
        self.settling.clear();
        for Waiting { ask, .. } in self.waiting.drain(..) {
            let _ = ask.reply.send(Err(Error::unsent(kind())));
        }
        // The core has ended its exchanges before; this is for a connection without a core.
        for (_, sending) in self.sent.drain() {
            sending.end(Err(Error::new(kind(), Sent::Maybe)), None);
        }
        self.leaving.clear();
        for (_, reply) in self.pings.drain(..) {
            let _ = reply.send(Err(PingFailure::Closed(closed.clone())));
        }
    }
}

impl Sending {
    fn of(ask: Ask) -> Sending {
        let Ask { ticket, message, reply, permit, part, feed, .. } = ask;
        part.asked();
        let watched =
            feed.map(|feed| Watched { feed, request: Outgoing::clone(&message).without_etags() });
        Sending { ticket, reply: Some(reply), watched, part, _permit: permit }
    }

    /// Where nobody waits any more, nobody is told.
    fn end(self, outcome: Result<Response, Error>, transfer: Option<Arc<Transfer>>) {
        match (self.reply, self.watched) {
            (Some(reply), _) => {
                _ = reply.send(outcome.map(|response| Answer { response, transfer }));
            }
            (None, Some(watched)) => watched.feed.end(outcome),
            (None, None) => {}
        }
    }
}

/// Whether output is low enough for a request. Requests never bring it above high water: there
/// nothing is read any more, and two peers that upload would wait for each other for ever.
fn may_ask(engine: &Engine) -> bool {
    let low = engine.config().connection.limits.write_low;
    engine.connection().is_none_or(|connection| connection.output_waiting() <= low)
}

//! Our requests and Pings in the driver: those that wait to be sent, and those that wait for
//! their answers. Bounded by the mailbox's permits.

use crate::engine::Engine;
use crate::error::{Closed, Error, ErrorKind, PingFailure};
use crate::mailbox::{Ask, Ticket};
use crate::permits::Permit;
use crate::response::Response;
use coap_ws_core::{
    ExchangeId, Instant, PingError, PingId, RequestError, RequestOptions, ResponseError, SendError,
    Sent,
};
use futures_channel::oneshot;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

type Reply = oneshot::Sender<Result<Response, Error>>;

#[derive(Default)]
pub(crate) struct Asks {
    /// Not sent yet: for lack of room, or of the peer's CSM.
    waiting: VecDeque<Waiting>,
    sent: HashMap<ExchangeId, Sending>,
    /// Requests that have no permit yet, and when they have waited too long.
    alarms: Vec<(Ticket, Instant, oneshot::Sender<()>)>,
    pings: Vec<(PingId, oneshot::Sender<Result<bool, PingFailure>>)>,
}

struct Waiting {
    ask: Ask,
    deadline: Option<Instant>,
}

struct Sending {
    ticket: Ticket,
    reply: Reply,
    /// Given back with the exchange.
    _permit: Permit,
}

impl Asks {
    /// Takes a request; `retry` sends it.
    pub(crate) fn push(&mut self, ask: Ask, now: Instant) {
        let deadline = match self.take_alarm(ask.ticket) {
            Some(deadline) => Some(deadline),
            None => ask.timeout.map(|timeout| now.saturating_add(timeout)),
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

    /// Whether anything waits to be sent.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends what can be sent, in order; whether anything moved. A request that waits for the
    /// peer's CSM does not hold up smaller ones.
    pub(crate) fn retry(&mut self, engine: &mut Engine, now: Instant) -> bool {
        let mut moved = false;
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
            let options = match left {
                Some(left) => RequestOptions::default().timeout(left),
                None => RequestOptions::default(),
            };
            match engine.request(now, &waiting.ask.message, options) {
                Ok(exchange) => {
                    if let Some(Waiting { ask, .. }) = self.waiting.remove(index) {
                        let Ask { ticket, reply, permit, .. } = ask;
                        let sending = Sending { ticket, reply, _permit: permit };
                        self.sent.insert(exchange, sending);
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
        if let Some(exchange) = found.map(|(exchange, _)| *exchange) {
            self.sent.remove(&exchange);
            engine.cancel(now, exchange);
        }
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
            // Where nobody waits any more, nobody is told.
            let _ = sending.reply.send(outcome);
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
        for Waiting { ask, .. } in self.waiting.drain(..) {
            let _ = ask.reply.send(Err(Error::unsent(kind())));
        }
        // The core has ended its exchanges before; this is for a connection without a core.
        for (_, sending) in self.sent.drain() {
            let _ = sending.reply.send(Err(Error::new(kind(), Sent::Maybe)));
        }
        for (_, reply) in self.pings.drain(..) {
            let _ = reply.send(Err(PingFailure::Closed(closed.clone())));
        }
    }
}

/// Whether output is low enough for a request. Requests never bring it above high water: there
/// nothing is read any more, and two peers that upload would wait for each other for ever.
fn may_ask(engine: &Engine) -> bool {
    let low = engine.config().connection.limits.write_low;
    engine.connection().is_none_or(|connection| connection.output_waiting() <= low)
}

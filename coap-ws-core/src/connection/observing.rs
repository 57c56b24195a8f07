//! Observations in both directions (RFC 7641, RFC 8323 §7).

use super::Connection;
use super::command::DEREGISTER;
use crate::error::{NotifyError, Refused, RefusedWhy, SendError};
use crate::exchange::ExchangeId;
use crate::message::{Code, Encode, Message, Observe, OptionNumber, WithObserve};
use crate::observe::{FIRST_SEQUENCE, ObserverId};
use crate::queue::Lane;
use crate::served::{Responder, Return};
use crate::storage::Storage;
use crate::time::Instant;

impl<S: Storage> Connection<S> {
    /// Answers a request that wants to be told of changes, and takes its sender as an observer:
    /// the response gets an Observe option. From then on
    /// [`mark_changed`](Connection::mark_changed) leads to
    /// [`NotificationDue`](crate::Event::NotificationDue), and that to
    /// [`notify`](Connection::notify).
    ///
    /// A request with the token of an observer updates that one's registration.
    ///
    /// `None` where it is a plain answer: the request does not ask for it, the response is no
    /// success, or [`max_observers`](crate::Limits::max_observers) watch already (OBS-02). So it
    /// may be used for every request to what can be observed.
    ///
    /// # Errors
    ///
    /// As [`respond`](Connection::respond).
    pub fn observe(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &impl Encode,
    ) -> Result<Option<ObserverId>, Refused> {
        self.advance(now);
        let back = self.served.find(responder.id()).filter(|_| self.phase.is_live());
        let wanted = |back: &Return| back.register && !back.unwanted(message.code());
        let Some(back) = back.filter(wanted).filter(|_| message.code().is_success()) else {
            return self.respond(now, responder, message).map(|()| None);
        };
        // The same token again updates the registration, there is never a second one (OBS-12).
        let known = self.observers.by_token(&back.token);
        let Some(place) = known.map_or_else(|| self.observers.vacancy().ok(), |_| Some(0)) else {
            return self.respond(now, responder, message).map(|()| None);
        };
        let next = known.and_then(|id| self.observers.next(id));
        let sequence = next.map_or(FIRST_SEQUENCE, |(_, sequence)| sequence);
        let first = WithObserve { message, observe: Observe::Write(sequence) };
        if let Err(why) = self.push_response(&back.token, &first) {
            return Err(Refused { responder, why });
        }
        self.stats.responses_sent = self.stats.responses_sent.saturating_add(1);
        self.served.close(responder.id());
        let id = known.unwrap_or_else(|| self.observers.register(place, back.token));
        self.observers.renumber(id, sequence);
        self.settle();
        Ok(Some(id))
    }

    /// What an observer watches has changed. However often that is said before the
    /// notification leaves, there will be one, of how things are then (OBS-18). False where the
    /// observer is gone.
    pub fn mark_changed(&mut self, now: Instant, observer: ObserverId) -> bool {
        self.advance(now);
        self.observers.mark_changed(observer)
    }

    /// Tells an observer how things are. A response of class 4 or 5 ends the observation
    /// (OBS-03).
    ///
    /// # Errors
    ///
    /// [`NotifyError`]; nothing has changed.
    pub fn notify(
        &mut self,
        now: Instant,
        observer: ObserverId,
        message: &impl Encode,
    ) -> Result<(), NotifyError> {
        self.advance(now);
        let code = message.code();
        if !code.is_response() {
            return Err(NotifyError::Refused(RefusedWhy::NotAResponse(code)));
        }
        let live = self.phase.is_live();
        let next = self.observers.next(observer).filter(|_| live).ok_or(NotifyError::Gone)?;
        let (token, sequence) = next;
        let goes_on = code.is_success();
        let observe = if goes_on { Observe::Write(sequence) } else { Observe::Strip };
        let pushed = self.push_response(&token, &WithObserve { message, observe });
        pushed.map_err(NotifyError::Refused)?;
        match goes_on {
            true => self.observers.notified(observer),
            false => self.observers.remove(observer),
        }
        self.stats.notifications_sent = self.stats.notifications_sent.saturating_add(1);
        Ok(())
    }

    /// Ends an observation of ours: its request once more with the same token and Observe 1
    /// (RFC 7641 §3.6, RFC 8323 §7.4; OBS-06, OBS-07). `request` is the one that was sent, with
    /// all its options but ETag. Nothing is told of the observation any more; its token stays in
    /// use until the final response, or for `request_timeout` (OBS-10).
    ///
    /// Where it has not been handed out yet, it is not sent, and neither is this. Where it is
    /// over already, nothing happens. Where either end has released the connection it is
    /// cancelled only: no request may follow, and the end of the connection is the end of it.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing has changed.
    pub fn deregister(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        request: &impl Encode,
    ) -> Result<(), SendError> {
        self.advance(now);
        if !self.exchanges.is_observation(exchange) || !self.phase.may_request() {
            self.cancel(now, exchange);
            return Ok(());
        }
        if !request.code().is_request() {
            return Err(SendError::NotARequest(request.code()));
        }
        let limit = self.max_send();
        let leaving = WithObserve { message: request, observe: Observe::Write(DEREGISTER) };
        let token = exchange.token();
        let pushed = self.queue.push(Lane::Command, token.as_bytes(), &leaving, limit);
        pushed.map_err(|error| self.send_error(error, limit))?;
        let deadline = self.now.saturating_add(self.config.request_timeout);
        self.exchanges.leave(exchange, deadline);
        self.set_deadline(deadline);
        Ok(())
    }

    /// What the Observe option of a request does by itself; false where the request is answered
    /// already: too many changes (T68).
    pub(super) fn observe_came(&mut self, message: &Message<'_>, back: &Return) -> bool {
        if message.option(OptionNumber::OBSERVE).is_none() {
            return true;
        }
        if !self.budgets.observe_changes.spend(self.now, self.config.limits.observe_changes) {
            self.refuse(back, Code::TOO_MANY_REQUESTS, "too many observe changes");
            return false;
        }
        if message.observe() == Some(DEREGISTER) {
            // Whatever the method: an entry is its token (OBS-08, OBS-09).
            self.observers.end(&back.token);
            // Nor does one begin that is still being answered: nobody would end it.
            self.served.forget_registrations(&back.token);
        }
        true
    }
}

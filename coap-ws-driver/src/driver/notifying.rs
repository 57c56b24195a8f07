//! Observers in the task of their connection (RFC 7641 §4).

use super::Driver;
use crate::body::Peer;
use crate::handler::Handler;
use crate::request::Request;
use crate::response::Response;
use crate::spans::serving;
use crate::transport::{Timer, Transport};
use crate::watches::{Asked, Watches};
use coap_ws_core::message::{Code, OwnedMessage};
use coap_ws_core::{NotifyError, ObserverId, Refused, RefusedWhy, RequestId, Responder};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

impl<T: Transport, C: Timer, H: Handler> Driver<T, C, H> {
    /// A request is about to be handled: whether it wants to be told of changes of something
    /// that tells them.
    pub(super) fn before_handler(&mut self, responder: &Responder, request: &Request) {
        if !request.view().registers() {
            return;
        }
        // Where it panics, so will the handler, and that has an answer.
        let told = catch_unwind(AssertUnwindSafe(|| self.handler.notifier(request)));
        if let Ok(Some(notifier)) = told {
            let watches = self.watches.get_or_insert_with(|| Box::new(Watches::new()));
            watches.ask(responder.id(), notifier, request);
        }
    }

    /// Hands an answer to the connection; the first one of an observer registers it.
    pub(super) fn hand_over(
        &mut self,
        responder: Responder,
        response: &Response,
    ) -> Result<(), Refused> {
        let (now, id) = (self.timer.now(), responder.id());
        let asked = self.end_registration(id).filter(|_| response.code().is_success());
        let asked = asked.and_then(|asked| Some((asked.notifier.reserve()?, asked)));
        let (Some((place, asked)), Some(watches)) = (asked, &mut self.watches) else {
            return self.engine.respond(now, responder, response);
        };
        match self.engine.observe(now, responder, response) {
            Ok(Some(observer)) => {
                let place = place.join(&self.mailbox);
                if watches.open(observer, asked, place, response) {
                    self.engine.mark_changed(now, observer);
                }
                Ok(())
            }
            // There are as many observers as may be, or the answer was not wanted.
            Ok(None) => Ok(()),
            Err(refused) => {
                if matches!(refused.why, RefusedWhy::NoRoom | RefusedWhy::TooLarge { .. }) {
                    watches.keep_asked(id, asked);
                }
                Err(refused)
            }
        }
    }

    /// Notifies those that are to be, as far as there is room; whether anything moved.
    pub(super) fn notify(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = self.mailbox.take_stir();
        let Some(watches) = &mut self.watches else { return moved };
        if moved {
            let now = self.timer.now();
            for observer in watches.stale() {
                self.engine.mark_changed(now, observer);
            }
        }
        while self.may_answer() {
            let Some(next) = self.next_notification(cx) else { break };
            if let Poll::Ready((observer, response)) = next
                && !self.tell(observer, response)
            {
                break;
            }
            moved = true;
        }
        moved
    }

    /// One that is ready, or what comes of the handler of the next one that is due.
    fn next_notification(&mut self, cx: &mut Context<'_>) -> Option<Poll<(ObserverId, Response)>> {
        let watches = self.watches.as_mut()?;
        if let Some(ready) = watches.poll_next(cx) {
            return Some(Poll::Ready(ready));
        }
        let until = self.timer.now().saturating_add(self.engine.config().connection.answer_timeout);
        watches.start(cx, until, |request| serving(request.method(), || self.handler.call(request)))
    }

    /// Tells a notification, or its first block where it is not to go whole (BLK-19).
    fn tell_part(&mut self, observer: ObserverId, response: &Response) -> Result<(), NotifyError> {
        let now = self.timer.now();
        let peer = Peer::of(self.engine.config(), self.engine.connection());
        let limited = |message: &OwnedMessage| self.bodies.limits(message, response);
        let message = self.watches.as_ref().and_then(|watches| watches.message(observer));
        if !message.is_some_and(limited) {
            let outcome = self.engine.notify(now, observer, response);
            let Err(NotifyError::Refused(RefusedWhy::TooLarge { .. })) = outcome else {
                return outcome;
            };
        }
        let message = self.watches.as_ref().and_then(|watches| watches.message(observer));
        let Some(message) = message else { return Err(NotifyError::Gone) };
        let part = self.bodies.first_block(now, message, response, peer);
        self.engine.notify(now, observer, &part)
    }

    /// A request has its answer, or will have none: what it wanted to be told of.
    pub(super) fn end_registration(&mut self, id: RequestId) -> Option<Asked> {
        self.watches.as_mut()?.take_asked(id)
    }

    /// There is room to tell an observer something.
    pub(super) fn notification_due(&mut self, observer: ObserverId) {
        if let Some(watches) = &mut self.watches {
            watches.now_due(observer);
        }
    }

    /// An observation is over.
    pub(super) fn observer_gone(&mut self, observer: ObserverId) {
        let Some(watches) = &mut self.watches else { return };
        watches.end(observer);
        if watches.is_empty() {
            self.watches = None;
        }
    }

    /// Gives a notification to the connection; false where it has to wait for room.
    fn tell(&mut self, observer: ObserverId, response: Response) -> bool {
        let now = self.timer.now();
        let Some(watches) = &mut self.watches else { return true };
        let mut response = watches.check(observer, response);
        let mut outcome = self.tell_part(observer, &response);
        if let Err(NotifyError::Refused(why)) = &outcome
            && *why != RefusedWhy::NoRoom
        {
            response = Response::error(Code::INTERNAL_SERVER_ERROR, why.to_string());
            outcome = self.engine.notify(now, observer, &response);
        }
        match outcome {
            Ok(()) if response.code().is_success() => {
                if self.watches.as_mut().is_some_and(|watches| watches.told(observer)) {
                    self.engine.mark_changed(now, observer);
                }
            }
            Err(NotifyError::Refused(RefusedWhy::NoRoom)) => {
                if let Some(watches) = &mut self.watches {
                    watches.keep(observer, response);
                }
                return false;
            }
            // An error ends the observation (OBS-03).
            Ok(()) | Err(_) => self.observer_gone(observer),
        }
        true
    }
}

//! What a message means to calls and requests.

use super::Session;
use super::calls::Entry;
use crate::answer::{Failure, Outcome};
use crate::call::Taken;
use crate::options::Draft;
use crate::serving::Request;
use coap_ws_core::message::{Code, Message};
use coap_ws_core::{ExchangeId, Incoming, RefusedWhy, Responder};

impl Session {
    pub(super) fn take_message(&mut self, bytes: &[u8]) {
        let Some(connection) = &mut self.connection else { return };
        // It was asked whether it takes one.
        let Ok(Some(incoming)) = connection.handle_message(self.now, bytes) else { return };
        match incoming {
            Incoming::Response { exchange, message, last } => {
                self.take_response(exchange, &message, last);
            }
            Incoming::Failed { exchange, error } => {
                if let Some(index) = self.calls.by_exchange(exchange) {
                    self.touch(index);
                    self.call_failed(index, Failure::Protocol(error.to_string()));
                }
            }
            Incoming::Request { responder, message } => self.take_request(responder, &message),
            Incoming::Release(release) => {
                self.link.held_off(release.hold_off(), &self.settings);
            }
            _ => {}
        }
    }

    fn take_response(&mut self, exchange: ExchangeId, message: &Message<'_>, last: bool) {
        let Some(peer) = self.peer() else { return };
        let Some(index) = self.calls.by_exchange(exchange) else { return };
        self.touch(index);
        let Some(entry) = self.calls.get(index) else { return };
        let mut superseded = None;
        if entry.watching == Some(exchange) {
            // A newer state: what is left of the one before is of no interest (OBS-18).
            entry.call.drop_download();
            superseded = entry.exchange.take();
            entry.wants = None;
            entry.last = last;
            if last {
                entry.watching = None;
            }
        } else {
            entry.exchange = None;
        }
        match entry.call.take(message, peer.bert) {
            Ok(Taken::More) => {
                let timeout = entry.call.timeout().unwrap_or(self.settings.request_timeout);
                entry.wants = Some(self.now.saturating_add(timeout));
            }
            Ok(Taken::Whole(answer)) => {
                let call = entry.id;
                let last = !entry.call.observes() || entry.last || !answer.code.is_success();
                self.outcomes.push_back(Outcome::Response { call, answer, last });
                if last && let Some(entry) = self.calls.remove(index) {
                    self.drop_exchanges(&entry);
                }
            }
            Err(error) => {
                self.call_failed(index, Failure::Protocol(error.to_string()));
            }
        }
        if let (Some(exchange), Some(connection)) = (superseded, &mut self.connection) {
            connection.cancel(self.now, exchange);
        }
    }

    fn touch(&mut self, index: usize) {
        if let Some(entry) = self.calls.get(index) {
            entry.touched = true;
        }
    }

    fn take_request(&mut self, responder: Responder, message: &Message<'_>) {
        let Some(peer) = self.peer() else { return };
        self.requests = self.requests.wrapping_add(1);
        let limit = self.settings.max_request_body;
        match self.serving.take(self.requests, responder, message, peer, limit) {
            Request::Whole(id, request) => {
                self.outcomes.push_back(Outcome::Request { id, request });
            }
            Request::Answered(responder, draft) => self.send_answer(responder, &draft),
        }
    }

    pub(super) fn answer(&mut self, id: u32, answer: &Draft) {
        let Some(peer) = self.peer() else { return };
        if let Some((responder, part)) = self.serving.answer(id, answer, peer) {
            self.send_answer(responder, &part);
        }
    }

    /// What cannot be sent becomes an error that can; what has no room waits for it.
    fn send_answer(&mut self, responder: Responder, draft: &Draft) {
        let Some(connection) = &mut self.connection else { return };
        let Err(refused) = connection.respond(self.now, responder, draft) else { return };
        if matches!(refused.why, RefusedWhy::NoRoom) {
            self.answers_waiting.push_back((refused.responder, draft.clone()));
            return;
        }
        let error = Draft::error(Code::INTERNAL_SERVER_ERROR, "the answer cannot be sent");
        let _ = connection.respond(self.now, refused.responder, &error);
    }

    /// Answers for which there was no room.
    pub(super) fn send_answers(&mut self) {
        for _ in 0..self.answers_waiting.len() {
            if let Some((responder, draft)) = self.answers_waiting.pop_front() {
                self.send_answer(responder, &draft);
            }
        }
    }

    /// Nothing is to be heard of a call any more.
    pub(super) fn forget_call(&mut self, call: u32) {
        let Some(index) = self.calls.by_id(call) else { return };
        let Some(entry) = self.calls.get(index) else { return };
        let fetching = entry.exchange.take();
        if entry.watching.is_some() {
            entry.leaving = true;
            entry.wants = None;
        } else {
            self.calls.remove(index);
        }
        if let (Some(exchange), Some(connection)) = (fetching, &mut self.connection) {
            connection.cancel(self.now, exchange);
        }
    }

    /// The page closes: what was not sent will not be, what is watched is not any more.
    pub(super) fn close_calls(&mut self) {
        let in_flight =
            |entry: &Entry| entry.exchange.is_some() || entry.wants.is_some() && entry.touched;
        for entry in self.calls.drain(|entry| !in_flight(entry) || entry.call.observes()) {
            self.drop_exchanges(&entry);
            if !entry.leaving {
                let (failure, sent) = (Failure::Closed, entry.touched);
                self.outcomes.push_back(Outcome::Failed { call: entry.id, failure, sent });
            }
        }
    }

    pub(super) fn drop_exchanges(&mut self, entry: &Entry) {
        let Some(connection) = &mut self.connection else { return };
        for exchange in entry.exchange.into_iter().chain(entry.watching) {
            connection.cancel(self.now, exchange);
        }
    }
}

//! Observing in the mock server (RFC 7641).

use super::mutation::Wrong;
use super::server::{Observer, Server};
use coap_ws_conform::wire::message::{Block, Code, Message};
use coap_ws_conform::wire::names::*;

impl Server {
    /// /obs: everybody can change it, and be told.
    pub(super) fn observed(&mut self, request: &Message) -> Message {
        match request.code {
            Code::GET => self.register(request),
            Code::PUT => {
                let format = request.number(CONTENT_FORMAT);
                let value = (request.payload.clone(), format);
                self.world.state().store.insert("/obs".to_owned(), value);
                self.world.state().changes += 1;
                let _ = self.world.changed.send(());
                Message::new(Code::CHANGED)
            }
            _ => Message::new(Code::METHOD_NOT_ALLOWED).payload("GET and PUT"),
        }
    }

    fn register(&mut self, request: &Message) -> Message {
        let (body, format) = self.world.state().store.get("/obs").cloned().unwrap_or_default();
        let response = self.represent(request, &body, format);
        let token = request.token.clone();
        match request.number(OBSERVE) {
            Some(n) if n == 0 || (n != 1 && self.is(Wrong::ObserveAny)) => {
                if self.is(Wrong::RegisterError) {
                    return Message::new(Code::INTERNAL_ERROR).option(OBSERVE, []).payload("no");
                }
                if self.is(Wrong::ObserveOne) {
                    self.observers.clear();
                }
                if !self.is(Wrong::ObserveDoubles) {
                    self.observers.retain(|observer| observer.token != token);
                }
                let szx = request.first(BLOCK2).map_or(6, |value| Block::parse(value).szx);
                self.observers.push(Observer { token, szx, told: 0 });
                self.observe_option(response)
            }
            Some(1) => {
                let known = self.observers.iter().any(|observer| observer.token == token);
                if !known && self.is(Wrong::DeregisterUnknown) {
                    return Message::new(Code::NOT_FOUND).payload("no such observer");
                }
                let ignored = self.is(Wrong::NrDeregisters) && request.has(NO_RESPONSE);
                if !self.is(Wrong::DeregisterKept) && !ignored {
                    self.observers.retain(|observer| observer.token != token);
                    if self.is(Wrong::ObserveByToken) {
                        self.world.state().answered.insert(token, Message::new(Code::EMPTY));
                    }
                }
                match self.is(Wrong::DeregisterObserves) {
                    true => self.observe_option(response),
                    false => response,
                }
            }
            _ => response,
        }
    }

    fn observe_option(&self, response: Message) -> Message {
        if self.is(Wrong::ObserveLong) {
            return response.option(OBSERVE, [1, 2, 3, 4]);
        }
        response.uint(OBSERVE, self.world.state().changes)
    }

    /// Tells all observers of this connection.
    pub(super) async fn notify(&mut self) {
        let (body, mut format) = self.world.state().store.get("/obs").cloned().unwrap_or_default();
        if self.is(Wrong::ObserveOtherFormat) {
            format = Some(42);
        }
        for at in 0..self.observers.len() {
            let observer = self.observers[at].clone();
            self.observers[at].told += 1;
            let stops = self.is(Wrong::ObserveStops) && observer.told >= 5;
            let ended = self.is(Wrong::ObserveByToken)
                && self.world.state().answered.contains_key(&observer.token);
            if stops || ended {
                continue;
            }
            let szx = if self.is(Wrong::ObserveWhole) { 6 } else { observer.szx };
            let plain = Message::new(Code::GET).token(&observer.token);
            let large: Vec<u8> = body.iter().copied().cycle().take(200).collect();
            // Long enough for more than one small block.
            let body = if observer.szx < 6 { &large } else { &body };
            let response = self.represent(&plain, body, format).token(&observer.token);
            let response = match self.is(Wrong::ObserveLost) {
                true => response,
                false => self.observe_option(response),
            };
            let request = match observer.szx {
                6 => plain,
                _ => plain.option(BLOCK2, Block::new(0, false, szx).value()),
            };
            let fitted = self.fitted(&request, response);
            self.send(&fitted).await;
        }
    }
}

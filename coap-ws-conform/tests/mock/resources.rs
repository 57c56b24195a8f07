//! The resources of the mock server.

use super::mutation::Wrong;
use super::server::Server;
use super::world::Stored;
use coap_ws_conform::wire::message::{Code, Message};
use coap_ws_conform::wire::names::*;

const CORE: &str = "</hello>;ct=0,</slow>;ct=0,</reverse>,</store>,</large>;ct=42,</obs>;obs;ct=0,\
                    </query>,</path/sub1>,</location-query>,</multi-format>,</validate>";

/// The body of /large.
pub(super) fn large() -> Vec<u8> {
    (0..5000u32).map(|n| (n % 251) as u8).collect()
}

/// An ETag of what it is of.
pub(super) fn etag(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(7u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(*byte));
    sum.to_be_bytes().to_vec()
}

fn text(code: Code, text: &str) -> Message {
    Message::new(code).payload(text)
}

impl Server {
    /// What a resource answers, whole.
    pub(super) fn resource(&mut self, path: &str, request: &Message) -> Message {
        let get = matches!(request.code, Code::GET) || self.is(Wrong::MethodsTaken);
        if path.starts_with("/store/") {
            return self.store(path, request);
        }
        match path {
            "/obs" => return self.observed(request),
            "/location-query" if request.code == Code::POST => {
                let created = Message::new(Code::CREATED);
                return match self.is(Wrong::LocationMissing) {
                    true => created.option(MAX_AGE, []),
                    false => created.option(LOCATION_QUERY, "first=1"),
                };
            }
            _ => {}
        }
        let known = match path {
            "/hello" | "/query" | "/validate" => Some((b"hello".to_vec(), 0)),
            "/path/sub1" => Some((b"sub1".to_vec(), 0)),
            "/large" => Some((large(), 42)),
            "/multi-format" if request.number(ACCEPT) == Some(41) => Some((b"<a/>".to_vec(), 41)),
            "/multi-format" => Some((b"a".to_vec(), 0)),
            "/.well-known/core" if !self.is(Wrong::CoreMissing) => Some((self.core(request), 40)),
            "/" => Some((b"root".to_vec(), 0)),
            _ => None,
        };
        match known {
            None => text(Code::NOT_FOUND, "nothing is here"),
            Some(_) if !get => text(Code::METHOD_NOT_ALLOWED, "GET only"),
            Some((body, format)) => {
                let response = self.represent(request, &body, Some(format));
                if request.has(OBSERVE) && self.is(Wrong::ObserveRefused) {
                    return text(Code::METHOD_NOT_ALLOWED, "no observers");
                }
                let unknown = request.number(OBSERVE) == Some(1);
                if unknown && self.is(Wrong::DeregisterUnknown) {
                    return text(Code::NOT_FOUND, "no such observer");
                }
                if unknown && self.is(Wrong::DeregisterObserves) {
                    return response.option(OBSERVE, []);
                }
                response
            }
        }
    }

    fn core(&self, request: &Message) -> Vec<u8> {
        if self.is(Wrong::CoreText) {
            return b"what there is: hello".to_vec();
        }
        if request.has(URI_QUERY) && !self.is(Wrong::CoreUnfiltered) {
            return Vec::new();
        }
        CORE.as_bytes().to_vec()
    }

    /// 2.05, 2.03 or 4.06.
    pub(super) fn represent(&self, request: &Message, body: &[u8], format: Option<u64>) -> Message {
        let accept = request.number(ACCEPT);
        let refused = accept.is_some() && accept != format && !self.is(Wrong::AcceptIgnored);
        if refused || (accept.is_some() && self.is(Wrong::AcceptRefused)) {
            return text(Code::NOT_ACCEPTABLE, "not in that format");
        }
        let constant = self.is(Wrong::EtagConstant);
        let tag = if constant { b"one".to_vec() } else { etag(body) };
        if request.all(ETAG).any(|known| known == tag) {
            let valid = Message::new(Code::VALID).option(ETAG, tag);
            return if self.is(Wrong::ValidBody) { valid.payload(body) } else { valid };
        }
        let mut response = Message::new(Code::CONTENT).option(ETAG, tag).payload(body);
        if let Some(format) = format {
            response = response.uint(CONTENT_FORMAT, format);
        }
        response
    }

    fn store(&mut self, path: &str, request: &Message) -> Message {
        let stored = self.world.state().store.get(path).cloned();
        if let Some(refusal) = self.condition(request, stored.as_ref()) {
            return refusal;
        }
        match request.code {
            Code::GET => match stored {
                Some((body, format)) => self.represent(request, &body, format),
                None => text(Code::NOT_FOUND, "nothing is stored"),
            },
            Code::PUT | Code::POST => match self.body(path, request) {
                Ok(body) => self.keep(path, request, body, stored.is_some()),
                Err(answer) => answer,
            },
            Code::DELETE => {
                self.world.state().store.remove(path);
                match stored.is_none() && self.is(Wrong::DeleteOnce) {
                    true => text(Code::NOT_FOUND, "nothing is stored"),
                    false => Message::new(Code::DELETED),
                }
            }
            _ => text(Code::METHOD_NOT_ALLOWED, "not that"),
        }
    }

    pub(super) fn condition(&self, request: &Message, stored: Option<&Stored>) -> Option<Message> {
        if self.is(Wrong::ConditionsIgnored) {
            return None;
        }
        // Behind the first block If-None-Match has been evaluated.
        let later = request.number(BLOCK1).is_some_and(|value| value >> 4 > 0);
        let matches =
            |tag: &[u8]| stored.is_some_and(|(body, _)| tag.is_empty() || tag == etag(body));
        let none = request.has(IF_NONE_MATCH) && stored.is_some() && !later;
        let some = request.has(IF_MATCH) && !request.all(IF_MATCH).any(matches);
        (none || some).then(|| text(Code::PRECONDITION_FAILED, "not so"))
    }

    fn keep(&mut self, path: &str, request: &Message, mut body: Vec<u8>, there: bool) -> Message {
        if self.is(Wrong::PutForgets) {
            body.truncate(1);
        }
        let format = request.number(CONTENT_FORMAT);
        self.world.state().store.insert(path.to_owned(), (body, format));
        let code = match there {
            false if !self.is(Wrong::PutAlwaysChanged) => Code::CREATED,
            _ => Code::CHANGED,
        };
        if request.code == Code::POST && self.is(Wrong::PostContent) {
            return Message::new(Code::CONTENT);
        }
        let response = Message::new(code);
        match request.first(BLOCK1) {
            Some(block) => response.option(BLOCK1, block),
            None => response,
        }
    }
}

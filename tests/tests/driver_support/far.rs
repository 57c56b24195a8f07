//! The other end: an engine in the hands of the test.

use super::Time;
use coap_ws_core::message::{Code, Encode, OwnedMessage};
use coap_ws_core::{CloseReason, ExchangeId, ObserverId, RequestOptions, Responder};
use coap_ws_driver::Response;
use coap_ws_driver::engine::{Engine, Event, OpeningError};
use std::rc::Rc;

/// Answers a request, if it is to be answered now.
type Answer = Box<dyn FnMut(&OwnedMessage) -> Option<Response>>;

/// An engine, and what it has told.
pub(crate) struct Far {
    pub(crate) engine: Engine,
    time: Rc<Time>,
    /// How it answers by itself.
    pub(crate) answer: Option<Answer>,
    /// What it has not answered.
    pub(crate) requests: Vec<(Responder, OwnedMessage)>,
    pub(crate) responses: Vec<(ExchangeId, OwnedMessage)>,
    /// Whether each of them was the last of its request.
    pub(crate) lasts: Vec<bool>,
    /// Its answers let those who want to observe do so.
    pub(crate) observable: bool,
    /// Who observes it.
    pub(crate) observers: Vec<ObserverId>,
    /// Who has ceased to.
    pub(crate) gone: Vec<ObserverId>,
    pub(crate) closed: Option<CloseReason>,
    pub(crate) failed: Option<OpeningError>,
    pub(crate) released: bool,
    pub(crate) aborted: Option<String>,
    /// It takes no byte.
    pub(crate) deaf: bool,
    /// It lets no byte go.
    pub(crate) mute: bool,
    /// No deadline of its own is kept.
    pub(crate) timeless: bool,
}

impl Far {
    pub(super) fn new(engine: Engine, time: Rc<Time>) -> Far {
        Far {
            engine,
            time,
            answer: None,
            requests: Vec::new(),
            responses: Vec::new(),
            lasts: Vec::new(),
            observable: false,
            observers: Vec::new(),
            gone: Vec::new(),
            closed: None,
            failed: None,
            released: false,
            aborted: None,
            deaf: false,
            mute: false,
            timeless: false,
        }
    }

    /// Whether it reads now.
    pub(super) fn reads(&mut self) -> bool {
        !self.deaf && self.engine.interest().read
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.engine.handle_bytes(self.time.now(), bytes);
    }

    pub(super) fn is_done(&mut self) -> bool {
        let interest = self.engine.interest();
        !self.mute && (interest.done || interest.shutdown)
    }

    pub(super) fn timeout(&mut self) {
        self.engine.handle_timeout(self.time.now());
    }

    /// Takes what the engine tells; whether there was anything.
    pub(crate) fn poll(&mut self, ended: bool) -> bool {
        let mut moved = false;
        if ended && self.engine.interest().read {
            self.engine.handle_eof(self.time.now());
            moved = true;
        }
        while let Some(event) = self.engine.poll_event() {
            moved = true;
            match event {
                Event::Request { responder, message } => {
                    let answer = self.answer.as_mut().and_then(|answer| answer(&message));
                    match answer {
                        Some(response) => self.respond(responder, &response),
                        None => self.requests.push((responder, message)),
                    }
                }
                Event::Response { exchange, message, last } => {
                    self.responses.push((exchange, message));
                    self.lasts.push(last);
                }
                Event::Core(coap_ws_core::Event::ObserverGone(observer)) => {
                    self.gone.push(observer);
                }
                Event::Release(_) => self.released = true,
                Event::Abort(notice) => self.aborted = Some(notice.diagnostic.unwrap_or_default()),
                Event::OpeningFailed(error) => self.failed = Some(error),
                other => self.closed = other.closed().or(self.closed),
            }
        }
        moved
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        self.take_some(usize::MAX)
    }

    pub(super) fn take_some(&mut self, most: usize) -> Vec<u8> {
        if self.mute {
            return Vec::new();
        }
        let output = self.engine.output();
        let bytes = output[..output.len().min(most)].to_vec();
        self.engine.handle_written(self.time.now(), bytes.len());
        bytes
    }

    /// Answers every request with this.
    pub(crate) fn answers(
        &mut self,
        answer: impl FnMut(&OwnedMessage) -> Option<Response> + 'static,
    ) {
        self.answer = Some(Box::new(answer));
    }

    pub(crate) fn request(&mut self, request: &impl Encode) -> ExchangeId {
        let options = RequestOptions::default();
        self.engine.request(self.time.now(), request, options).expect("it can be sent")
    }

    /// Registers an observation.
    pub(crate) fn observe(&mut self, request: &impl Encode) -> ExchangeId {
        let options = RequestOptions::default().observe();
        self.engine.request(self.time.now(), request, options).expect("it can be sent")
    }

    /// Ends an observation.
    pub(crate) fn deregister(&mut self, exchange: ExchangeId, request: &impl Encode) {
        self.engine.deregister(self.time.now(), exchange, request).expect("it can be sent");
    }

    /// Tells the last one who has begun to observe it.
    pub(crate) fn notify(&mut self, response: &impl Encode) {
        let observer = *self.observers.last().expect("somebody observes it");
        self.engine.notify(self.time.now(), observer, response).expect("it can be sent");
    }

    /// The texts of all responses so far.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |(_, message): &(ExchangeId, OwnedMessage)| {
            String::from_utf8_lossy(&message.payload()).into_owned()
        };
        self.responses.iter().map(text).collect()
    }

    pub(crate) fn respond(&mut self, responder: Responder, response: &impl Encode) {
        if self.observable {
            let observer = self.engine.observe(self.time.now(), responder, response);
            self.observers.extend(observer.expect("it can be sent"));
            return;
        }
        self.engine.respond(self.time.now(), responder, response).expect("it can be sent");
    }

    /// Answers the oldest request that waits.
    pub(crate) fn respond_next(&mut self, response: &impl Encode) -> OwnedMessage {
        let (responder, message) = self.requests.remove(0);
        self.respond(responder, response);
        message
    }

    /// The codes of all responses so far.
    pub(crate) fn codes(&self) -> Vec<Code> {
        self.responses.iter().map(|(_, message)| message.view().code()).collect()
    }

    /// The paths of the requests that wait.
    pub(crate) fn paths(&self) -> Vec<String> {
        let path = |message: &OwnedMessage| {
            let number = coap_ws_core::message::OptionNumber::URI_PATH;
            let mut text = String::new();
            for segment in message.view().options_of(number) {
                text.push('/');
                text.push_str(&String::from_utf8_lossy(segment));
            }
            text
        };
        self.requests.iter().map(|(_, message)| path(message)).collect()
    }

    /// How many requests of ours it still works on: what was not cancelled or answered there.
    pub(crate) fn open(&self) -> usize {
        self.engine.connection().map_or(0, coap_ws_core::Connection::requests_open)
    }
}

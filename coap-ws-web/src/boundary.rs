//! The boundary to JavaScript: plain values in, plain values out. Nothing is decided here.

use crate::answer::{Answer, Outcome, Output};
use crate::call::Ask;
use crate::session::Session;
use crate::settings::{Refused, Settings};
use bytes::Bytes;
use coap_ws_core::Instant;
use coap_ws_core::message::{Code, OptionNumber};
use std::time::Duration;
use wasm_bindgen::prelude::wasm_bindgen;

/// A [`Session`], with time in milliseconds.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WebSession {
    session: Session,
    fault: Option<Refused>,
}

/// What is asked, put together option by option.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WebAsk {
    ask: Ask,
}

/// What the WebSocket is to do: a `url` to open, `data` to send, or a `code` to close with.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WebOutput {
    output: Output,
}

/// What the page is told.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WebOutcome {
    outcome: Outcome,
}

#[wasm_bindgen]
impl WebSession {
    /// As [`Session::new`]; a URI that cannot be is thrown as a string.
    #[wasm_bindgen(constructor)]
    pub fn new(
        now: f64,
        uri: &str,
        serves: bool,
        reconnects: bool,
        request_timeout: f64,
        keepalive: f64,
        seed: f64,
    ) -> Result<WebSession, String> {
        let mut settings = Settings { serves, reconnects, ..Settings::default() };
        if request_timeout > 0.0 {
            settings.request_timeout = duration(request_timeout);
        }
        if keepalive >= 0.0 {
            settings.keepalive = Some(duration(keepalive)).filter(|time| !time.is_zero());
        }
        let session = Session::new(instant(now), uri, settings, seed.to_bits());
        let session = session.map_err(|refused| refused.to_string())?;
        Ok(WebSession { session, fault: None })
    }

    /// The URI in normal form.
    #[wasm_bindgen(getter)]
    pub fn uri(&self) -> String {
        self.session.uri().to_owned()
    }

    /// As [`Session::handle_open`].
    pub fn opened(&mut self, now: f64) {
        self.session.handle_open(instant(now));
    }

    /// As [`Session::handle_message`].
    pub fn message(&mut self, now: f64, data: Vec<u8>) {
        self.session.handle_message(instant(now), data);
    }

    /// As [`Session::handle_text`].
    pub fn text(&mut self, now: f64) {
        self.session.handle_text(instant(now));
    }

    /// As [`Session::handle_closed`].
    pub fn closed(&mut self, now: f64, code: u16) {
        self.session.handle_closed(instant(now), code);
    }

    /// As [`Session::handle_timeout`].
    pub fn timeout(&mut self, now: f64) {
        self.session.handle_timeout(instant(now));
    }

    /// As [`Session::request`]; `undefined` where it is refused, with [`fault`](Self::fault).
    pub fn request(&mut self, now: f64, reference: &str, ask: WebAsk) -> Option<u32> {
        self.session
            .request(instant(now), reference, ask.ask)
            .map_err(|refused| self.fault = Some(refused))
            .ok()
    }

    /// The kind of what was refused last.
    pub fn fault_kind(&self) -> Option<String> {
        self.fault.as_ref().map(|refused| refused.kind().to_owned())
    }

    /// What was refused last, in words.
    pub fn fault(&self) -> Option<String> {
        self.fault.as_ref().map(ToString::to_string)
    }

    /// As [`Session::cancel`].
    pub fn cancel(&mut self, now: f64, call: u32) {
        self.session.cancel(instant(now), call);
    }

    /// As [`Session::respond`], with code, options and body of `answer`.
    pub fn respond(&mut self, now: f64, id: u32, answer: WebAsk) {
        let Ask { code, options, body, .. } = answer.ask;
        self.session.respond(instant(now), id, code, options, body);
    }

    /// As [`Session::close`].
    pub fn close(&mut self, now: f64) {
        self.session.close(instant(now));
    }

    /// As [`Session::poll_output`].
    pub fn output(&mut self, now: f64, buffered: f64) -> Option<WebOutput> {
        let output = self.session.poll_output(instant(now), buffered as usize)?;
        Some(WebOutput { output })
    }

    /// As [`Session::poll_outcome`].
    pub fn outcome(&mut self) -> Option<WebOutcome> {
        self.session.poll_outcome().map(|outcome| WebOutcome { outcome })
    }

    /// In how many milliseconds [`timeout`](Self::timeout) is to be called.
    pub fn wait(&self, now: f64) -> Option<f64> {
        let due = self.session.poll_timeout()?;
        // A timer that came a little early would come again at once.
        Some((due.saturating_since(instant(now)).as_secs_f64() * 1000.0).ceil())
    }
}

#[wasm_bindgen]
impl WebAsk {
    /// By the code's byte: a method, or a response code where it is an answer.
    #[wasm_bindgen(constructor)]
    pub fn new(code: u8) -> WebAsk {
        WebAsk { ask: Ask::new(Code::from_byte(code)) }
    }

    /// Adds an option.
    pub fn option(&mut self, number: u16, value: Vec<u8>) {
        self.ask.options.add(OptionNumber::new(number), value);
    }

    /// Sets the body.
    pub fn body(&mut self, body: Vec<u8>) {
        self.ask.body = Bytes::from(body);
    }

    /// Sets the timeout, in milliseconds.
    pub fn timeout(&mut self, timeout: f64) {
        self.ask.timeout = Some(duration(timeout));
    }

    /// Wants to be told of changes.
    pub fn observe(&mut self) {
        self.ask.observe = true;
    }
}

#[wasm_bindgen]
impl WebOutput {
    /// The URL to open a WebSocket to.
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> Option<String> {
        match &self.output {
            Output::Dial(url) => Some(url.clone()),
            _ => None,
        }
    }

    /// The binary message to send.
    #[wasm_bindgen(getter)]
    pub fn data(&mut self) -> Option<Vec<u8>> {
        match &mut self.output {
            Output::Send(data) => Some(std::mem::take(data)),
            _ => None,
        }
    }

    /// The status code to close with.
    #[wasm_bindgen(getter)]
    pub fn code(&self) -> Option<u16> {
        match &self.output {
            Output::Close { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The reason to close with.
    #[wasm_bindgen(getter)]
    pub fn reason(&self) -> String {
        match &self.output {
            Output::Close { reason, .. } => (*reason).to_owned(),
            _ => String::new(),
        }
    }
}

#[wasm_bindgen]
impl WebOutcome {
    /// Which of them it is.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> String {
        match &self.outcome {
            Outcome::Open => "open",
            Outcome::Lost { .. } => "lost",
            Outcome::Closed { .. } => "closed",
            Outcome::Response { .. } => "response",
            Outcome::Failed { .. } => "failed",
            Outcome::Request { .. } => "request",
            Outcome::Expired { .. } => "expired",
        }
        .to_owned()
    }

    /// The call or the request.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> u32 {
        match &self.outcome {
            Outcome::Response { call: id, .. }
            | Outcome::Failed { call: id, .. }
            | Outcome::Request { id, .. }
            | Outcome::Expired { id } => *id,
            _ => 0,
        }
    }

    /// Whether it is the last of its call; of a failed call: whether the server may have seen
    /// it; of the end: whether it was a clean one.
    #[wasm_bindgen(getter)]
    pub fn flag(&self) -> bool {
        match &self.outcome {
            Outcome::Response { last: flag, .. }
            | Outcome::Failed { sent: flag, .. }
            | Outcome::Closed { clean: flag, .. } => *flag,
            _ => false,
        }
    }

    /// Whether there never was a connection.
    #[wasm_bindgen(getter)]
    pub fn refused(&self) -> bool {
        matches!(self.outcome, Outcome::Closed { refused: true, .. })
    }

    /// Why, for people.
    #[wasm_bindgen(getter)]
    pub fn text(&self) -> String {
        match &self.outcome {
            Outcome::Lost { reason, .. } | Outcome::Closed { reason, .. } => reason.clone(),
            Outcome::Failed { failure, .. } => failure.to_string(),
            _ => String::new(),
        }
    }

    /// The kind of failure.
    #[wasm_bindgen(getter)]
    pub fn failure(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Failed { failure, .. } => Some(failure.kind().to_owned()),
            _ => None,
        }
    }

    /// In how many milliseconds the next attempt is made.
    #[wasm_bindgen(getter)]
    pub fn retry_in(&self) -> Option<f64> {
        match &self.outcome {
            Outcome::Lost { retry_in, .. } => Some(retry_in.as_secs_f64() * 1000.0),
            _ => None,
        }
    }

    /// The code's byte of a response or request.
    #[wasm_bindgen(getter)]
    pub fn code(&self) -> u8 {
        self.answer().map_or(0, |answer| answer.code.to_byte())
    }

    /// The body of a response or request: once, it is not copied.
    #[wasm_bindgen(getter)]
    pub fn body(&mut self) -> Vec<u8> {
        match &mut self.outcome {
            Outcome::Response { answer, .. } | Outcome::Request { request: answer, .. } => {
                std::mem::take(&mut answer.body).into()
            }
            _ => Vec::new(),
        }
    }

    /// The number of the option at `index`, in the order of the wire; `undefined` behind the
    /// last.
    pub fn option_number(&self, index: usize) -> Option<u16> {
        Some(self.answer()?.options.iter().nth(index)?.0.get())
    }

    /// The value of the option at `index`.
    pub fn option_value(&self, index: usize) -> Vec<u8> {
        let option = self.answer().and_then(|answer| answer.options.iter().nth(index));
        option.map_or_else(Vec::new, |(_, value)| value.to_vec())
    }

    fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Response { answer, .. } | Outcome::Request { request: answer, .. } => {
                Some(answer)
            }
            _ => None,
        }
    }
}

/// Milliseconds of a clock that never goes back.
fn instant(now: f64) -> Instant {
    // A float that does not fit becomes the nearest that does.
    Instant::from_micros((now * 1000.0) as u64)
}

fn duration(ms: f64) -> Duration {
    Duration::from_millis(ms as u64)
}

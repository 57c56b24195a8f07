//! A model of an application: it asks, answers late or never, loses interest, and tries again
//! when there is room.

use crate::tape::Tape;
use crate::told::Told;
use crate::watched::Watched;
use coap_ws_core::message::{Code, ContentFormat, OptionNumber, Request, Response};
use coap_ws_core::{
    Event, ExchangeId, Instant, Refused, RefusedWhy, ReleaseOptions, RequestOptions, Responder,
    SendError,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The application of one end.
pub(super) struct App {
    /// Requests of its own, the ones that are over included.
    asked: Vec<ExchangeId>,
    /// Who is owed an answer, by number.
    handlers: BTreeMap<u64, Handler>,
    /// Which handler waits for which request of its own.
    nested: BTreeMap<u64, u64>,
    /// Commands that were refused for lack of room.
    waiting: VecDeque<Wish>,
    /// How much it asks for.
    eager: u32,
    pub(super) asked_back: u64,
    pub(super) dropped: u64,
}

struct Handler {
    responder: Responder,
    answer: Answer,
}

/// What a handler will say.
#[derive(Clone, Copy, Debug)]
struct Answer {
    size: usize,
    error: bool,
}

/// What the application wants.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Ask(Ask),
    Answer(u64),
    Ping { custody: bool },
}

#[derive(Clone, Copy, Debug)]
struct Ask {
    size: usize,
    options: usize,
    no_response: Option<u8>,
    timeout: Option<Duration>,
    /// The handler that asks.
    back: Option<u64>,
}

const PAYLOAD: [u8; 8192] = [b'x'; 8192];
/// A path segment to repeat.
const SEGMENTS: [&str; 4] = ["a", "room", "temperature", ""];

impl App {
    pub(super) fn draw(tape: &mut Tape<'_>) -> App {
        App {
            asked: Vec::new(),
            handlers: BTreeMap::new(),
            nested: BTreeMap::new(),
            waiting: VecDeque::new(),
            eager: tape.pick(&[200, 60, 255]),
            asked_back: 0,
            dropped: 0,
        }
    }

    /// Does one thing out of its own will; whether the connection is to end.
    pub(super) fn act(&mut self, c: &mut Watched, now: Instant, tape: &mut Tape<'_>, end: bool) {
        if tape.chance(self.eager) {
            let ask = Ask::draw(tape);
            return self.wish(c, now, Wish::Ask(ask));
        }
        match tape.below(16) {
            0..=4 => self.cancel(c, now, tape),
            5 | 6 => self.wish(c, now, Wish::Ping { custody: tape.chance(128) }),
            7 => c.trim(),
            8 if end => {
                let options = ReleaseOptions::default().hold_off(Duration::from_secs(5));
                let _ = c.release(now, options.diagnostic("enough"));
            }
            9 if end && tape.chance(64) => c.abort(now, "no more of this"),
            10 => self.answer_again(c, now, tape),
            11 => {
                // The fault of the caller changes nothing.
                let draft = Request::new(Code::CONTENT);
                let refused = c.request(now, &draft, RequestOptions::default());
                assert!(refused.is_err(), "a response was taken for a request");
                let draft = Request::get().segment("..").segment(".");
                let refused = c.request(now, &draft, RequestOptions::default());
                assert!(refused.is_err(), "dot segments were taken");
            }
            _ => {}
        }
    }

    fn cancel(&mut self, c: &mut Watched, now: Instant, tape: &mut Tape<'_>) {
        if !self.asked.is_empty() {
            // One of the last few, mostly still in flight.
            let back = 1 + tape.index(self.asked.len().min(6));
            let id = self.asked[self.asked.len() - back];
            if c.cancel(now, id) {
                self.over(c, now, id);
            }
        }
    }

    /// Answers a request that a handler was to answer later, now, with something else.
    fn answer_again(&mut self, c: &mut Watched, now: Instant, tape: &mut Tape<'_>) {
        let index = tape.index(self.handlers.len());
        if let Some(number) = self.handlers.keys().nth(index).copied() {
            self.answer(c, now, number);
        }
    }

    /// Reacts to what is told; how long the handler that began takes, if one did.
    pub(super) fn told(
        &mut self,
        c: &mut Watched,
        now: Instant,
        tape: &mut Tape<'_>,
        told: Told,
    ) -> Option<(u64, u64)> {
        match told {
            Told::Request { responder, .. } => return self.serve(c, now, tape, responder),
            Told::Response { exchange, .. }
            | Told::Failed { exchange, .. }
            | Told::Event(Event::Failed { exchange, .. } | Event::Silent(exchange)) => {
                self.over(c, now, exchange);
            }
            Told::Event(Event::Room) => {
                for wish in std::mem::take(&mut self.waiting) {
                    self.wish(c, now, wish);
                }
            }
            Told::Event(Event::Closed(_)) => {
                // Whoever still waits is told no, and that is all.
                for wish in std::mem::take(&mut self.waiting) {
                    self.wish(c, now, wish);
                }
                assert!(self.waiting.is_empty(), "a closed connection asks to wait");
                for number in self.handlers.keys().copied().collect::<Vec<_>>() {
                    self.answer(c, now, number);
                }
            }
            _ => {}
        }
        None
    }

    fn serve(
        &mut self,
        c: &mut Watched,
        now: Instant,
        tape: &mut Tape<'_>,
        responder: Responder,
    ) -> Option<(u64, u64)> {
        let number = responder.id().arrival();
        let how = tape.below(16);
        if how == 15 {
            // Nothing comes of it, and the core answers in the end.
            self.dropped += 1;
            return None;
        }
        let size = match how {
            14 => 100_000,
            13 => 900 + tape.index(400),
            _ => tape.index(40),
        };
        let answer = Answer { size, error: tape.chance(64) };
        self.handlers.insert(number, Handler { responder, answer });
        match how {
            0..=5 | 13 | 14 => self.answer(c, now, number),
            6..=9 => return Some((number, tape.below(400_000))),
            10 => return Some((number, tape.below(40_000_000))),
            11 => {
                self.asked_back += 1;
                let ask = Ask { back: Some(number), ..Ask::draw(tape) };
                self.wish(c, now, Wish::Ask(ask));
            }
            // Never.
            _ => {}
        }
        None
    }

    /// A handler has come to its answer.
    pub(super) fn answer(&mut self, c: &mut Watched, now: Instant, number: u64) {
        let Some(Handler { mut responder, answer }) = self.handlers.remove(&number) else { return };
        if !answer.error && answer.size == 0 {
            // Wrong first: the responder comes back.
            let Err(refused) = c.respond(now, responder, &Request::get()) else {
                panic!("a request was taken for a response")
            };
            responder = refused.responder;
        }
        let open = c.may_respond(&responder);
        let live = c.node().phase().is_live();
        match c.respond(now, responder, &answer.response()) {
            Ok(()) => {}
            Err(Refused { responder, why: RefusedWhy::NoRoom }) => {
                self.handlers.insert(number, Handler { responder, answer });
                self.waiting.push_back(Wish::Answer(number));
            }
            Err(Refused { responder, why: RefusedWhy::TooLarge { .. } }) => {
                // As RFC 7252 has it: say so, in short.
                let answer = Answer { size: 1, error: true };
                self.handlers.insert(number, Handler { responder, answer });
                self.answer(c, now, number);
            }
            Err(Refused { why: RefusedWhy::Closed, .. }) => assert!(!live, "not closed at all"),
            // It has expired, and that is told or about to be.
            Err(Refused { why: RefusedWhy::Expired, .. }) => {
                assert!(!open || c.is_due(number), "request #{number} has not expired");
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// A request of its own is over.
    fn over(&mut self, c: &mut Watched, now: Instant, id: ExchangeId) {
        if let Some(number) = self.nested.remove(&id.get()) {
            self.answer(c, now, number);
        }
    }

    fn wish(&mut self, c: &mut Watched, now: Instant, wish: Wish) {
        let refused = match wish {
            Wish::Answer(number) => return self.answer(c, now, number),
            Wish::Ping { custody } => c.ping(now, custody).err(),
            Wish::Ask(ask) => match ask.send(c, now) {
                Ok(id) => {
                    self.asked.push(id);
                    if let Some(number) = ask.back {
                        self.nested.insert(id.get(), number);
                    }
                    None
                }
                Err(error) => Some(error),
            },
        };
        match (refused, wish) {
            (Some(SendError::NoRoom | SendError::TooManyExchanges), _) => {
                self.waiting.push_back(wish);
            }
            (Some(_), Wish::Ask(Ask { back: Some(number), .. })) => self.answer(c, now, number),
            _ => {}
        }
    }

    /// Nobody waits for room any more, but who owes an answer.
    pub(super) fn give_up(&mut self) {
        self.waiting.retain(|wish| matches!(wish, Wish::Answer(_)));
    }

    /// Commands that wait for room.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl Ask {
    fn draw(tape: &mut Tape<'_>) -> Ask {
        let size = match tape.below(16) {
            0..=9 => 0,
            10..=13 => tape.index(200),
            14 => 1000 + tape.index(300),
            _ => tape.index(6000),
        };
        let no_response = match tape.below(8) {
            0..=5 => None,
            6 => Some(26),
            _ => Some(tape.byte()),
        };
        let timeout = tape.chance(80).then(|| Duration::from_millis(tape.below(50_000)));
        Ask { size, options: tape.index(6), no_response, timeout, back: None }
    }

    fn send(self, c: &mut Watched, now: Instant) -> Result<ExchangeId, SendError> {
        let mut draft = match self.size {
            0 => Request::get(),
            size => Request::put(&PAYLOAD[..size]).content_format(ContentFormat::OCTET_STREAM),
        };
        for index in 0..self.options {
            draft = draft.segment(SEGMENTS[index % SEGMENTS.len()]);
        }
        if let Some(bits) = self.no_response {
            draft = draft.no_response(bits);
        }
        let mut options = RequestOptions::default();
        options.timeout = self.timeout;
        c.request(now, &draft, options)
    }
}

impl Answer {
    fn response(&self) -> Response<'static> {
        let payload = &PAYLOAD[..self.size.min(PAYLOAD.len())];
        if self.error {
            let text = std::str::from_utf8(payload).expect("it is ASCII");
            return Response::error(Code::NOT_FOUND, text);
        }
        if self.size == 3 {
            // The transport unsets it.
            return Response::changed().uint(OptionNumber::NO_RESPONSE, 2);
        }
        Response::content(payload)
    }
}

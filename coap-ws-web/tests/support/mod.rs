//! A session and a server of the core, with a network of two queues and a clock by hand.

#![allow(dead_code, reason = "each test program uses a part of it")]

use coap_ws_core::block::{
    Bert, Block, BlockSize, More, RequestAssembly, Room, Serving, acknowledge,
};
use coap_ws_core::message::{Code, Message, OptionNumber, Request, Response};
use coap_ws_core::{
    Config, Connection, Event, Heap, Incoming, Instant, ObserverId, Responder, Side, Transmit,
};
use coap_ws_web::{Ask, Outcome, Output, Session, Settings};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the server at the other end is and has.
pub(crate) struct Server {
    pub(crate) connection: Connection<Heap>,
    pub(crate) store: BTreeMap<String, Vec<u8>>,
    /// Answers to requests of ours.
    pub(crate) answers: Vec<(Code, Vec<u8>)>,
    /// Paths and observe values of what was asked, in order.
    pub(crate) asked: Vec<(Code, String, Option<u32>)>,
    pub(crate) observers: Vec<ObserverId>,
    /// The Close that it was sent, as code.
    pub(crate) closed_with: Option<u16>,
    pub(crate) closed: bool,
    /// Whether it keeps requests to itself.
    pub(crate) mute: bool,
    pub(crate) state: u32,
    assembly: RequestAssembly,
    body: Vec<u8>,
    tag: Option<Vec<u8>>,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) session: Session,
    pub(crate) server: Option<Server>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) dialled: Vec<String>,
    pub(crate) closes: Vec<u16>,
    pub(crate) buffered: usize,
    /// The most that the session has ever had in the WebSocket.
    pub(crate) most_buffered: usize,
    /// Whether what is sent stays in the WebSocket.
    pub(crate) clogged: bool,
    pub(crate) sent: Vec<Vec<u8>>,
    pub(crate) server_config: Config,
}

impl World {
    pub(crate) fn new(settings: Settings) -> World {
        let now = Instant::from_micros(7_000_000);
        let session = Session::new(now, "coap+ws://example.net:8080/base/", settings, 42).unwrap();
        let mut server_config = Config::new(Side::Acceptor);
        server_config.understood = &[OptionNumber::BLOCK1, OptionNumber::BLOCK2];
        World {
            now,
            session,
            server: None,
            outcomes: Vec::new(),
            dialled: Vec::new(),
            closes: Vec::new(),
            buffered: 0,
            most_buffered: 0,
            clogged: false,
            sent: Vec::new(),
            server_config,
        }
    }

    /// With a connection.
    pub(crate) fn open(settings: Settings) -> World {
        let mut world = World::new(settings);
        world.run();
        world.accept();
        world.run();
        assert_eq!(world.outcomes.remove(0), Outcome::Open);
        world
    }

    pub(crate) fn accept(&mut self) {
        self.server = Some(Server::new(self.server_config.clone()));
        self.session.handle_open(self.now);
    }

    /// Until nothing moves.
    pub(crate) fn run(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.session.poll_output(self.now, self.buffered) {
                moved = true;
                self.carry(output);
            }
            while let Some(outcome) = self.session.poll_outcome() {
                moved = true;
                self.outcomes.push(outcome);
            }
            let server = self.server.as_mut();
            for message in server.map_or_else(Vec::new, |server| server.outputs(self.now)) {
                moved = true;
                self.session.handle_message(self.now, message);
            }
            if let Some(server) = self.server.as_mut().filter(|s| s.closed_with.is_some()) {
                let code = server.closed_with.unwrap_or(1005);
                self.server = None;
                moved = true;
                self.session.handle_closed(self.now, code);
            }
            if !moved {
                return;
            }
        }
    }

    fn carry(&mut self, output: Output) {
        match output {
            Output::Dial(url) => self.dialled.push(url),
            Output::Send(data) => {
                self.sent.push(data.clone());
                if self.clogged {
                    self.buffered += data.len();
                    self.most_buffered = self.most_buffered.max(self.buffered);
                } else if let Some(server) = &mut self.server {
                    server.handle(self.now, &data);
                }
            }
            Output::Close { code, .. } => {
                self.closes.push(code);
                if self.server.take().is_some() {
                    self.session.handle_closed(self.now, code);
                }
            }
        }
    }

    /// Time goes by, with the timers that fall into it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    pub(crate) fn lose(&mut self) {
        self.server = None;
        self.session.handle_closed(self.now, 1006);
        self.run();
    }

    pub(crate) fn ask(&mut self, code: Code, path: &str, body: &[u8]) -> u32 {
        let mut ask = Ask::new(code);
        ask.body = body.to_vec().into();
        self.session.request(self.now, path, ask).unwrap()
    }

    pub(crate) fn observe(&mut self, path: &str) -> u32 {
        let mut ask = Ask::new(Code::GET);
        ask.observe = true;
        self.session.request(self.now, path, ask).unwrap()
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        self.server.as_mut().unwrap()
    }

    /// The one response that came, to this call.
    pub(crate) fn response(&mut self, call: u32) -> (Code, Vec<u8>) {
        match self.outcomes.remove(0) {
            Outcome::Response { call: which, answer, last: true } if which == call => {
                (answer.code, answer.body.to_vec())
            }
            other => panic!("{other:?}"),
        }
    }

    /// The states that came of an observation.
    pub(crate) fn states(&mut self, call: u32) -> Vec<Vec<u8>> {
        let taken = std::mem::take(&mut self.outcomes);
        let state = |outcome| match outcome {
            Outcome::Response { call: which, answer, last: false } if which == call => {
                answer.body.to_vec()
            }
            other => panic!("{other:?}"),
        };
        taken.into_iter().map(state).collect()
    }
}

impl Server {
    fn new(config: Config) -> Server {
        Server {
            connection: Connection::new(config).unwrap(),
            store: BTreeMap::new(),
            answers: Vec::new(),
            asked: Vec::new(),
            observers: Vec::new(),
            closed_with: None,
            closed: false,
            mute: false,
            state: 0,
            assembly: RequestAssembly::new(1 << 20),
            body: Vec::new(),
            tag: None,
        }
    }

    fn outputs(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::NotificationDue(id) => {
                    let body = self.body_of("watched");
                    let response = Response::content(&body);
                    self.connection.notify(now, id, &response).unwrap();
                }
                Event::ObserverGone(id) => self.observers.retain(|other| *other != id),
                Event::Closed(_) => self.closed = true,
                _ => {}
            }
        }
        while let Some(transmit) = self.connection.poll_transmit() {
            match transmit {
                Transmit::Message(bytes) => messages.push(bytes.to_vec()),
                Transmit::Close { code, .. } => self.closed_with = Some(code),
                _ => {}
            }
        }
        messages
    }

    pub(crate) fn change(&mut self, now: Instant) {
        self.state += 1;
        for id in &self.observers {
            self.connection.mark_changed(now, *id);
        }
    }

    pub(crate) fn get(&mut self, now: Instant, request: &Request<'_>) {
        let _ = self.connection.request(now, request, Default::default()).unwrap();
    }

    fn handle(&mut self, now: Instant, data: &[u8]) {
        match self.connection.handle_message(now, data).unwrap() {
            Some(Incoming::Request { responder, message }) => {
                let path: Vec<_> = message
                    .options_of(OptionNumber::URI_PATH)
                    .map(|s| String::from_utf8_lossy(s).into_owned())
                    .collect();
                let path = path.join("/");
                self.asked.push((message.code(), path.clone(), message.observe()));
                if !self.mute {
                    self.answer(now, responder, &message, &path);
                }
            }
            Some(Incoming::Response { message, .. }) => {
                self.answers.push((message.code(), message.as_bytes().to_vec()));
            }
            _ => {}
        }
    }

    fn body_of(&self, path: &str) -> Vec<u8> {
        match path {
            "watched" => format!("state {}", self.state).into_bytes(),
            _ => self.store.get(path).cloned().unwrap_or_default(),
        }
    }

    fn peer(&self) -> (u32, Bert) {
        let theirs = self.connection.peer_settings().unwrap();
        let ours = self.connection.config().limits.max_message_size;
        (self.connection.max_send() as u32, Bert::between(ours, &theirs))
    }

    /// A part of what was posted, to who posted it.
    fn rest_of_the_echo(&mut self, now: Instant, responder: Responder, message: &Message<'_>) {
        if message.option(OptionNumber::REQUEST_TAG) != self.tag.as_deref() {
            let error = Response::error(Code::REQUEST_ENTITY_INCOMPLETE, "another operation");
            return self.connection.respond(now, responder, &error).unwrap();
        }
        let body = self.body_of("echo");
        let (max_send, bert) = self.peer();
        let room = Room::new(max_send, 40);
        let serving = Serving { body_len: body.len() as u64, largest: BlockSize::Bert, room, bert };
        let slice = serving.slice(Block::of(message, OptionNumber::BLOCK2)).unwrap();
        let mut response = Response::changed()
            .payload(slice.of(&body).unwrap())
            .uint(OptionNumber::BLOCK2, slice.block().to_uint());
        if let Some(block) = Block::of(message, OptionNumber::BLOCK1) {
            let ack = acknowledge(block, More::No, BlockSize::Bert, bert).to_uint();
            response = response.uint(OptionNumber::BLOCK1, ack);
        }
        self.connection.respond(now, responder, &response).unwrap();
    }

    fn answer(&mut self, now: Instant, responder: Responder, message: &Message<'_>, path: &str) {
        let (max_send, bert) = self.peer();
        if path == "echo" && self.store.contains_key("echo") {
            return self.rest_of_the_echo(now, responder, message);
        }
        if message.code() == Code::PUT || message.code() == Code::POST {
            let mut response = Response::changed();
            if let Some(block) = Block::of(message, OptionNumber::BLOCK1) {
                let piece = self.assembly.handle_block(block, message.payload().len(), bert);
                let piece = match piece {
                    Ok(piece) => piece,
                    Err(refusal) => {
                        let error = Response::error(refusal.code(), refusal.describe());
                        return self.connection.respond(now, responder, &error).unwrap();
                    }
                };
                if piece.is_first() {
                    self.body.clear();
                }
                self.body.extend_from_slice(message.payload());
                let ack = acknowledge(block, piece.more, BlockSize::Bert, bert).to_uint();
                response = response.uint(OptionNumber::BLOCK1, ack);
                if piece.more == More::Yes {
                    let response = Response::new(Code::CONTINUE).uint(OptionNumber::BLOCK1, ack);
                    return self.connection.respond(now, responder, &response).unwrap();
                }
            } else {
                self.body = message.payload().to_vec();
            }
            self.store.insert(path.to_owned(), std::mem::take(&mut self.body));
            if path == "echo" {
                self.tag = message.option(OptionNumber::REQUEST_TAG).map(<[u8]>::to_vec);
                return self.rest_of_the_echo(now, responder, message);
            }
            return self.connection.respond(now, responder, &response).unwrap();
        }
        if message.code() == Code::DELETE {
            self.store.remove(path);
            return self.connection.respond(now, responder, &Response::deleted()).unwrap();
        }
        let body = self.body_of(path);
        if path != "watched" && !self.store.contains_key(path) {
            let error = Response::error(Code::NOT_FOUND, "no such thing");
            return self.connection.respond(now, responder, &error).unwrap();
        }
        let asked = Block::of(message, OptionNumber::BLOCK2);
        let room = Room::new(max_send, 40);
        let body_len = body.len() as u64;
        let serving = Serving { body_len, largest: BlockSize::Bert, room, bert };
        let tag = [self.state as u8 + 1];
        if serving.is_whole(asked, room) {
            let response = Response::content(&body);
            let id = self.connection.observe(now, responder, &response).unwrap();
            self.observers.extend(id);
            return;
        }
        let slice = serving.slice(asked).unwrap();
        let response = Response::content(slice.of(&body).unwrap())
            .uint(OptionNumber::BLOCK2, slice.block().to_uint())
            .option(OptionNumber::ETAG, &tag);
        self.connection.respond(now, responder, &response).unwrap();
    }
}

/// Bytes of which a lost or doubled piece shows.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

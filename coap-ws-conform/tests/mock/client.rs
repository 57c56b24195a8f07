//! The mock client: it asks for one URI, says what came of it, and goes.

use super::mutation_client::Odd;
use coap_ws_conform::case::Boxed;
use coap_ws_conform::client::{Ended, Guests, Visit};
use coap_ws_conform::conn::Settings;
use coap_ws_conform::wire::http::{self, Head};
use coap_ws_conform::wire::message::{Code, Message};
use coap_ws_conform::wire::names::*;
use coap_ws_conform::wire::{Frame, FrameReader, Opcode, hex};
use std::io;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// Clients that come when they are called.
pub(crate) struct Called {
    pub(crate) odd: Option<Odd>,
    /// Whether they register an observation.
    pub(crate) observes: bool,
    pub(crate) serial: Mutex<u8>,
}

impl Guests for Called {
    fn next(&self, path: &str) -> Boxed<io::Result<Visit>> {
        let (odd, observes, path) = (self.odd, self.observes, path.to_owned());
        let mut serial = self.serial.lock().unwrap();
        *serial = serial.wrapping_add(1);
        let serial = *serial;
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            let (tell, told) = oneshot::channel();
            tokio::spawn(async move {
                let mut client = Client::new(theirs, odd, observes, path, serial);
                let _ = tell.send(client.run().await);
            });
            let ended: Boxed<Option<Ended>> = Box::pin(async move { told.await.ok() });
            Ok(Visit { stream: Box::new(ours), ended })
        })
    }
}

pub(super) struct Client {
    pub(super) io: DuplexStream,
    odd: Option<Odd>,
    pub(super) observes: bool,
    path: String,
    serial: u8,
    pub(super) reader: FrameReader,
    pub(super) partial: Option<Vec<u8>>,
    pub(super) peer: Settings,
    csm_sent: bool,
    /// The request that waits for its response.
    pub(super) request: Option<Message>,
    pub(super) tokens: u8,
    pub(super) body: Vec<u8>,
    pub(super) etag: Option<Vec<u8>>,
    pub(super) notified: Option<u64>,
    pub(super) ended: Option<Ended>,
    pub(super) over: bool,
    pub(super) releasing: bool,
}

impl Client {
    fn new(io: DuplexStream, odd: Option<Odd>, observes: bool, path: String, serial: u8) -> Client {
        let limit = if odd == Some(Odd::HugeWaits) { u64::MAX } else { 70_000 };
        let limit = if odd == Some(Odd::LimitPass) { 1 << 20 } else { limit };
        Client {
            io,
            odd,
            observes,
            path,
            serial,
            reader: FrameReader::new(limit),
            partial: None,
            peer: Settings::default(),
            csm_sent: false,
            request: None,
            tokens: 0x10,
            body: Vec::new(),
            etag: None,
            notified: None,
            ended: None,
            over: false,
            releasing: false,
        }
    }

    pub(super) fn is(&self, odd: Odd) -> bool {
        self.odd == Some(odd)
    }

    async fn run(&mut self) -> Ended {
        let failure = Ended { success: false, output: Vec::new() };
        let key = http::key(if self.is(Odd::KeyConstant) { [9; 16] } else { [self.serial; 16] });
        let head = self.head(&key);
        let _ = self.io.write_all(&head.bytes()).await;
        if self.is(Odd::Hasty) {
            self.send_csm().await;
        }
        let Some(rest) = self.switched(&key).await else { return failure };
        if !self.is(Odd::CsmWaits) {
            self.send_csm().await;
            self.ask().await;
        }
        self.converse(rest).await;
        self.ended.take().unwrap_or(failure)
    }

    fn head(&self, key: &str) -> Head {
        let head = http::upgrade("mock:8683", key);
        match self.odd {
            Some(Odd::TargetIsPath) => head.starting(format!("GET {} HTTP/1.1", self.path)),
            Some(Odd::HostMissing) => head.without("Host"),
            Some(Odd::UpgradeMissing) => head.without("Upgrade"),
            Some(Odd::ConnectionOther) => head.with("Connection", "keep-alive"),
            Some(Odd::VersionEight) => head.with("Sec-WebSocket-Version", "8"),
            Some(Odd::KeyShort) => head.with("Sec-WebSocket-Key", "AAAA"),
            Some(Odd::ProtocolMissing) => head.without("Sec-WebSocket-Protocol"),
            Some(Odd::ProtocolList) => head.with("Sec-WebSocket-Protocol", "coap, mqtt"),
            _ => head,
        }
    }

    /// Reads the response of the handshake; what follows it, if it is good.
    async fn switched(&mut self, key: &str) -> Option<Vec<u8>> {
        let by = Instant::now() + Duration::from_secs(20);
        let mut buffer = Vec::new();
        let (head, length) = loop {
            let mut space = vec![0; 4096];
            match timeout_at(by, self.io.read(&mut space)).await {
                Ok(Ok(n)) if n > 0 => buffer.extend(&space[..n]),
                Err(_) if self.is(Odd::SwitchingForever) => std::future::pending().await,
                _ => return None,
            }
            if let Some(parsed) = Head::parse(&buffer) {
                break parsed;
            }
            if self.is(Odd::HeadOneRead) {
                return None;
            }
        };
        let switching = head.lists("upgrade", "websocket") && head.lists("connection", "upgrade");
        let exact = head.first("upgrade") == Some("websocket")
            && head.first("connection") == Some("Upgrade");
        let known = http::switching("").fields;
        let fussy = head
            .fields
            .iter()
            .any(|(name, _)| !known.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)));
        let protocols: Vec<&str> = head.all("sec-websocket-protocol").collect();
        let good = (head.status() == 101 || self.is(Odd::StatusUnread))
            && (switching || self.is(Odd::SwitchingUnread) || self.is(Odd::StatusUnread))
            && (exact || !self.is(Odd::KeywordsExact))
            && !(fussy && self.is(Odd::FieldsFussy))
            && (protocols == ["coap"]
                || self.is(Odd::ProtocolUnread)
                || self.is(Odd::StatusUnread))
            && (head.first("sec-websocket-accept") == Some(&http::accept(key))
                || self.is(Odd::AcceptUnread)
                || self.is(Odd::StatusUnread))
            && (head.first("sec-websocket-extensions").is_none() || self.is(Odd::ExtensionsUnread));
        if !good {
            return None;
        }
        let rest = buffer.split_off(length);
        Some(if self.is(Odd::RestLost) { Vec::new() } else { rest })
    }

    pub(super) async fn send_csm(&mut self) {
        if !self.csm_sent && !self.is(Odd::CsmNever) {
            self.csm_sent = true;
            self.send(&hex("00e1 23011170 20")).await;
        }
    }

    /// The request.
    pub(super) async fn ask(&mut self) {
        if self.request.is_some() {
            return;
        }
        let mut request = self.options(&self.path);
        if self.observes {
            request = request.option(OBSERVE, []);
        }
        if self.is(Odd::UriHost) {
            request = request.option(URI_HOST, "mock");
        }
        self.say_request(request).await;
    }

    pub(super) async fn say_request(&mut self, request: Message) {
        self.tokens += 1;
        let request = request.token(&[self.tokens]);
        self.send(&request.bytes()).await;
        self.request = Some(request);
    }

    /// A URI's path and query as options (RFC 7252 §6.4).
    fn options(&self, uri: &str) -> Message {
        let (path, query) = match uri.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (uri, None),
        };
        let mut segments: Vec<String> = Vec::new();
        let all: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        for (at, segment) in all.iter().enumerate() {
            let dots = segment.replace("%2e", ".").replace("%2E", ".");
            match dots.as_str() {
                "." | ".." if !self.is(Odd::UriDots) => {
                    if dots == ".." {
                        segments.pop();
                    }
                    if at + 1 == all.len() {
                        segments.push(String::new());
                    }
                }
                _ => segments.push(self.decoded(segment)),
            }
        }
        if self.is(Odd::UriSlashes) {
            segments.retain(|segment| !segment.is_empty());
        }
        if segments == [""] && !self.is(Odd::UriRoot) {
            segments.clear();
        }
        if self.is(Odd::UriFlat) {
            segments = vec![segments.join("/")];
        }
        let mut request = Message::new(Code::GET);
        for segment in segments {
            request = request.option(URI_PATH, segment);
        }
        let query = query.filter(|query| !(query.is_empty() && self.is(Odd::QueryEmpty)));
        for part in query.into_iter().flat_map(|query| match self.is(Odd::QueryWhole) {
            true => vec![query],
            false => query.split('&').collect(),
        }) {
            request = request.option(URI_QUERY, self.decoded(part));
        }
        request
    }

    fn decoded(&self, text: &str) -> String {
        if self.is(Odd::UriEncoded) {
            return text.to_owned();
        }
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            rest = tail;
            match (first, tail) {
                (b'%', [a, b, tail @ ..]) => {
                    bytes.extend(hex(&String::from_utf8_lossy(&[*a, *b])));
                    rest = tail;
                }
                _ => bytes.push(*first),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.frame(Frame::binary(bytes)).await;
    }

    pub(super) async fn frame(&mut self, frame: Frame) {
        let frame = if self.is(Odd::Unmasked) { frame } else { frame.masked([5, 6, 7, 8]) };
        let _ = self.io.write_all(&frame.bytes()).await;
    }

    pub(super) async fn abort(&mut self, blame: Option<u16>, text: &str) {
        self.send_csm().await;
        let mut abort = Message::new(Code::ABORT).payload(text);
        if let Some(option) = blame.filter(|_| !self.is(Odd::BlameNobody)) {
            abort = abort.uint(BAD_CSM_OPTION, u64::from(option));
        }
        self.send(&abort.bytes()).await;
        self.close(1002).await;
    }

    pub(super) async fn close(&mut self, code: u16) {
        self.frame(Frame::new(Opcode::CLOSE, code.to_be_bytes())).await;
        self.end().await;
    }

    pub(super) async fn end(&mut self) {
        self.over = true;
        let _ = self.io.shutdown().await;
        let mut space = vec![0; 4096];
        let by = Instant::now() + Duration::from_secs(1);
        while matches!(timeout_at(by, self.io.read(&mut space)).await, Ok(Ok(n)) if n > 0) {}
    }
}

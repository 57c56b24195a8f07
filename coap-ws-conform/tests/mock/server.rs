//! A connection of the mock server: its state, its loop, and what it sends.

use super::http;
use super::mutation::Wrong;
use super::world::World;
use coap_ws_conform::conn::Settings;
use coap_ws_conform::wire::message::{Code, Message};
use coap_ws_conform::wire::names::*;
use coap_ws_conform::wire::{Frame, FrameReader, Opcode};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep_until, timeout};

/// What it takes, and says that it takes.
pub(super) const OUR_LIMIT: u64 = 70_000;
/// The longest token that it takes.
pub(super) const OUR_TOKEN: u64 = 300;

/// A response that is not due yet.
pub(super) struct Pending {
    pub(super) due: Instant,
    pub(super) request: Message,
    pub(super) response: Message,
}

/// An observer.
#[derive(Clone)]
pub(super) struct Observer {
    pub(super) token: Vec<u8>,
    pub(super) szx: u8,
    pub(super) told: u32,
}

pub(super) struct Server {
    pub(super) io: DuplexStream,
    pub(super) world: Arc<World>,
    pub(super) number: usize,
    pub(super) reader: FrameReader,
    pub(super) partial: Option<(Opcode, Vec<u8>)>,
    pub(super) fragments: usize,
    pub(super) half_since: Option<Instant>,
    pub(super) peer: Settings,
    pub(super) csm_sent: bool,
    pub(super) pending: Vec<Pending>,
    pub(super) custody: Vec<Vec<u8>>,
    pub(super) observers: Vec<Observer>,
    /// Our own request: its token, and the request that waits for its response.
    pub(super) asked: Option<(Vec<u8>, Message)>,
    pub(super) releasing: bool,
    pub(super) over: bool,
    pub(super) backlog: Vec<Vec<u8>>,
    /// Messages in this read, and on this connection.
    pub(super) in_read: usize,
    pub(super) count: usize,
    pub(super) seen: Vec<Vec<u8>>,
    pub(super) answers: usize,
}

/// The task of a connection.
pub(super) async fn serve(mut io: DuplexStream, world: Arc<World>, number: usize) {
    let Some(rest) = http::accept(&mut io, &world).await else {
        world.dead.fetch_or(world.is(Wrong::VanishKills), Ordering::Relaxed);
        return;
    };
    let limit = match () {
        () if world.is(Wrong::HugeWaits) => u64::MAX,
        () if world.is(Wrong::OverLimitPass) => OUR_LIMIT * 2,
        () => OUR_LIMIT,
    };
    let mut server = Server {
        io,
        number,
        reader: FrameReader::new(limit),
        partial: None,
        fragments: 0,
        half_since: None,
        peer: Settings::default(),
        csm_sent: false,
        pending: Vec::new(),
        custody: Vec::new(),
        observers: Vec::new(),
        asked: None,
        releasing: false,
        over: false,
        backlog: Vec::new(),
        in_read: 0,
        count: 0,
        seen: Vec::new(),
        answers: 0,
        world,
    };
    server.run(rest).await;
}

impl Server {
    pub(super) fn is(&self, wrong: Wrong) -> bool {
        self.world.is(wrong)
    }

    async fn run(&mut self, rest: Vec<u8>) {
        self.begin().await;
        let (mut changed, mut fell) = (self.world.changed.subscribe(), self.world.fell.subscribe());
        let csm_by = Instant::now() + Duration::from_secs(10);
        self.take(&rest).await;
        let mut last = Instant::now();
        while !self.over {
            let mut space = vec![0; 32 * 1024];
            let far = Instant::now() + Duration::from_secs(3600);
            let due = self.next_due().unwrap_or(far);
            let csm_due = if self.peer.csm { far } else { csm_by };
            let half = self.half_since.map_or(far, |since| since + Duration::from_secs(30));
            let idle = if self.is(Wrong::IdleCloses) { last + Duration::from_secs(1) } else { far };
            tokio::select! {
                biased;
                read = self.io.read(&mut space) => {
                    last = Instant::now();
                    match read {
                        Ok(n) if n > 0 => self.take(&space[..n]).await,
                        _ => self.vanished().await,
                    }
                }
                () = sleep_until(due) => self.ripe().await,
                () = sleep_until(csm_due) => self.no_csm().await,
                () = sleep_until(half) => self.half().await,
                () = sleep_until(idle) => return,
                Ok(()) = changed.recv() => self.notify().await,
                Ok(()) = fell.recv(), if self.world.is(Wrong::AbortOthers) => return,
            }
        }
    }

    /// What is sent before anything has come.
    async fn begin(&mut self) {
        if self.is(Wrong::FirstFrameCut) {
            let _ = self.io.write_all(&[0x87]).await;
        }
        if !self.world.one_of(&[Wrong::CsmNever, Wrong::CsmLate]) {
            self.send_csm().await;
        }
        if self.is(Wrong::WsPings) {
            self.frame(Frame::new(Opcode::PING, "")).await;
        }
        if self.world.one_of(&[Wrong::LeftoversMove, Wrong::ObserversMove]) {
            let leftovers = std::mem::take(&mut self.world.state().leftovers);
            for message in leftovers {
                self.send(&message).await;
            }
        }
    }

    pub(super) async fn send_csm(&mut self) {
        if self.csm_sent || self.is(Wrong::CsmNever) {
            return;
        }
        self.csm_sent = true;
        let mut csm = Message::new(Code::CSM);
        if !self.is(Wrong::CsmBare) {
            csm = csm.uint(MAX_MESSAGE_SIZE, OUR_LIMIT);
            let etl = if self.is(Wrong::EtlSent) { 4 } else { OUR_TOKEN };
            if !self.is(Wrong::TokenLongPass) {
                csm = csm.uint(EXTENDED_TOKEN_LENGTH, etl);
            }
            csm = csm.option(BLOCK_WISE_TRANSFER, []);
        }
        if self.is(Wrong::SignalingCriticalSent) {
            csm = csm.option(99, []);
        }
        if self.is(Wrong::CsmHuge) {
            csm = csm.payload([b'.'; 1200]);
        }
        self.send(&csm).await;
    }

    /// Sends a message, wrong as it is to be.
    pub(super) async fn send(&mut self, message: &Message) {
        let mut message = message.clone();
        let others = message.code != Code::CSM;
        if self.is(Wrong::LenSent) && others {
            message.len = 1;
        }
        if self.is(Wrong::CsmLate) && others && !self.csm_sent {
            self.put(&message.bytes()).await;
            Box::pin(self.send_csm()).await;
            return;
        }
        if self.is(Wrong::DiagnosticLatin) && message.code.is_error() {
            message.payload = b"n\xe9ant".to_vec();
        }
        let mut bytes = message.bytes();
        if self.is(Wrong::MalformedSent) && message.code.is_error() {
            bytes = Message { payload: Vec::new(), ..message.clone() }.bytes();
            bytes.push(0xff);
        }
        self.put(&bytes).await;
    }

    /// Sends bytes as one WebSocket message.
    async fn put(&mut self, bytes: &[u8]) {
        let mut frame = Frame::binary(bytes);
        if self.is(Wrong::TextSent) && bytes.get(1) == Some(&Code::PONG.0) {
            frame.opcode = Opcode::TEXT;
        }
        if self.is(Wrong::Masks) {
            frame = frame.masked([1, 2, 3, 4]);
        }
        if self.is(Wrong::RsvSent) {
            frame = frame.rsv(1);
        }
        if self.is(Wrong::LengthPadded) {
            frame = frame.length(coap_ws_conform::wire::frame::LengthForm::Eight);
        }
        if self.is(Wrong::Fragments) {
            let (start, rest) = bytes.split_at(1);
            self.frame(Frame::binary(start).unfinished()).await;
            self.frame(Frame::new(Opcode::CONTINUATION, rest)).await;
            return;
        }
        self.frame(frame).await;
    }

    pub(super) async fn frame(&mut self, frame: Frame) {
        let _ = timeout(Duration::from_secs(5), self.io.write_all(&frame.bytes())).await;
    }

    /// Says why, closes, and processes nothing more.
    pub(super) async fn abort(&mut self, blame: Option<u64>, text: &str) {
        let _ = self.world.fell.send(());
        if !self.csm_sent && !self.is(Wrong::CsmLate) {
            self.send_csm().await;
        }
        let mut abort = Message::new(Code::ABORT).payload(text);
        if self.is(Wrong::AbortWordless) {
            abort.payload.clear();
        }
        let blame = if self.is(Wrong::BlameBad) { blame.map(|_| 7) } else { blame };
        if let Some(option) = blame.filter(|_| !self.is(Wrong::BlameNobody)) {
            abort = abort.uint(BAD_CSM_OPTION, option);
        }
        self.send(&abort).await;
        if self.is(Wrong::AbortLeaves) {
            return;
        }
        if self.is(Wrong::AbortChatty) {
            for pending in std::mem::take(&mut self.pending) {
                self.send(&pending.response).await;
            }
        }
        self.close(1002).await;
    }

    /// Sends a Close and ends.
    pub(super) async fn close(&mut self, code: u16) {
        let code = if self.is(Wrong::CloseCodeOdd) { 1011 } else { code };
        self.frame(Frame::close(code, "")).await;
        self.end().await;
    }

    /// Shuts the sending half down, and reads for a while what nobody wants any more.
    pub(super) async fn end(&mut self) {
        self.over = true;
        let _ = self.io.shutdown().await;
        let mut space = vec![0; 32 * 1024];
        let draining = async { while matches!(self.io.read(&mut space).await, Ok(n) if n > 0) {} };
        let _ = timeout(Duration::from_secs(2), draining).await;
    }

    async fn no_csm(&mut self) {
        match self.is(Wrong::CsmForever) {
            true => std::future::pending().await,
            false => self.abort(None, "no CSM").await,
        }
    }

    async fn half(&mut self) {
        match self.is(Wrong::HalfForever) {
            true => self.half_since = None,
            false => self.close(1008).await,
        }
    }

    /// The other end has nothing more to send.
    async fn vanished(&mut self) {
        if self.is(Wrong::VanishKills) {
            self.world.dead.store(true, Ordering::Relaxed);
        }
        if self.is(Wrong::LeftoversMove) {
            let left = std::mem::take(&mut self.pending).into_iter().map(|p| p.response);
            self.world.state().leftovers.extend(left);
        }
        if self.is(Wrong::ObserversMove) && !self.observers.is_empty() {
            let notification = Message::new(Code::CONTENT).token(&self.observers[0].token);
            self.world.state().leftovers.push(notification.option(OBSERVE, []));
        }
        let _ = self.io.shutdown().await;
        self.over = true;
    }
}

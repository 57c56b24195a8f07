//! One connection to the peer: bytes out, events in, everything written down.

pub mod event;
mod expect;
pub mod log;
mod open;
pub mod rules;
pub mod settings;
mod watch;

pub use event::{End, Ending, Event};
pub use log::Log;
pub use open::Reply;
pub use settings::Settings;

use crate::case::{Outcome, Stop};
use crate::wire::message::{Block, Code, Message};
use crate::wire::{Frame, FrameError, FrameReader, Opcode, annotate, hex, names};
use log::Way;
use rules::{Rule, Rules};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

/// A transport: TCP, or memory in tests.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Frames above this are not taken from any peer.
const LIMIT: u64 = 16 << 20;

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For what has to come.
    pub answer: Duration,
    /// For what must not come.
    pub quiet: Duration,
}

/// A connection.
pub struct Conn {
    stream: Box<dyn Stream>,
    /// Its number in the log.
    number: usize,
    pub log: Log,
    rules: Rules,
    pub patience: Patience,
    reader: FrameReader,
    partial: Option<(Opcode, Vec<u8>)>,
    /// Whether we opened it, and so mask.
    initiator: bool,
    /// What the peer's CSMs have said.
    pub peer: Settings,
    /// What ours have said.
    pub ours: Settings,
    watch: watch::Watch,
    ready: VecDeque<Event>,
    /// Messages that came while something else was waited for.
    pub kept: Vec<Message>,
    /// Whether requests of the peer are answered 5.01 as they come.
    pub refuses: bool,
    serial: u16,
}

impl Conn {
    pub fn new(stream: Box<dyn Stream>, initiator: bool, context: &ConnContext) -> Conn {
        Conn {
            stream,
            number: context.log.connection(),
            log: context.log.clone(),
            rules: context.rules.clone(),
            patience: context.patience,
            reader: FrameReader::new(LIMIT),
            partial: None,
            initiator,
            peer: Settings::default(),
            ours: Settings::default(),
            watch: watch::Watch::default(),
            ready: VecDeque::new(),
            kept: Vec::new(),
            refuses: true,
            serial: 0,
        }
    }

    /// A token that this connection has not had.
    pub fn token(&mut self) -> Vec<u8> {
        self.serial += 1;
        vec![0xc0 | (self.serial >> 8) as u8, self.serial as u8]
    }

    /// Sends hexadecimal digits as one binary message.
    pub async fn send(&mut self, digits: &str) {
        self.send_bytes(&hex(digits)).await;
    }

    /// Sends a message.
    pub async fn say(&mut self, message: &Message) {
        self.send_bytes(&message.bytes()).await;
    }

    /// Sends bytes as one binary message.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.sent(bytes);
        let frame = self.frame(Frame::binary(bytes));
        self.note(Way::Out, bytes, annotate::message(bytes));
        self.write(&frame.bytes()).await;
    }

    /// Sends several messages in one write.
    pub async fn send_together(&mut self, messages: &[Vec<u8>]) {
        let mut all = Vec::new();
        for bytes in messages {
            self.sent(bytes);
            self.note(Way::Out, bytes, annotate::message(bytes));
            all.extend(self.frame(Frame::binary(bytes)).bytes());
        }
        self.write(&all).await;
    }

    /// Sends one message many times in one write, and writes that down once.
    pub async fn send_flood(&mut self, bytes: &[u8], count: usize) {
        self.note(Way::Out, bytes, format!("{count} times: {}", annotate::message(bytes)));
        let mut all = Vec::new();
        for _ in 0..count {
            self.sent(bytes);
            all.extend(self.frame(Frame::binary(bytes)).bytes());
        }
        self.write(&all).await;
    }

    /// Sends a frame, masked when that is ours to do.
    pub async fn send_frame(&mut self, frame: Frame) {
        let frame = self.frame(frame);
        self.send_raw_frame(&frame).await;
    }

    /// Sends a frame as it is.
    pub async fn send_raw_frame(&mut self, frame: &Frame) {
        self.watch.pings += usize::from(frame.opcode == Opcode::PING);
        let bytes = frame.bytes();
        self.note(Way::Out, &bytes, framed(frame));
        self.write(&bytes).await;
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, bytes: &[u8], text: &str) {
        self.note(Way::Out, bytes, text);
        self.write(bytes).await;
    }

    /// Tells the watch that a request with this token went out, in frames of a case's own.
    pub fn asked(&mut self, token: &[u8]) {
        self.watch.asked(token);
    }

    /// Masks where this end has to.
    pub fn frame(&self, frame: Frame) -> Frame {
        if self.initiator { frame.masked(random_key()) } else { frame }
    }

    /// The next event, [`Event::Nothing`] if there is none by then.
    pub async fn event(&mut self, by: Instant) -> Event {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            match self.reader.take() {
                Ok(Some((frame, raw))) => {
                    if let Some(event) = self.take_frame(frame, &raw) {
                        return event;
                    }
                }
                Ok(None) => match timeout_at(by, self.fill()).await {
                    Err(_) => return Event::Nothing,
                    Ok(None) => {}
                    Ok(Some(end)) => {
                        self.note(Way::Note, &[], end.text());
                        return Event::End(end);
                    }
                },
                Err(error) => return self.broken_frame(&error),
            }
        }
    }

    /// Closes the sending half.
    pub async fn shutdown(&mut self) {
        self.note(Way::Note, &[], "we shut our sending half down");
        let _ = poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await;
    }

    /// Writes all of it, taking what comes meanwhile so that two full pipes cannot lock up. A
    /// connection that is gone shows with the next event.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        let writing = poll_fn(|cx| {
            while !left.is_empty() {
                match Pin::new(&mut self.stream).poll_write(cx, left) {
                    Poll::Ready(Ok(n)) if n > 0 => left = &left[n..],
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => {
                        let mut space = [0; 4096];
                        let mut buf = ReadBuf::new(&mut space);
                        match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                            Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                                self.reader.feed(buf.filled());
                            }
                            Poll::Ready(_) => return Poll::Ready(()),
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                }
            }
            Pin::new(&mut self.stream).poll_flush(cx).map(|_| ())
        });
        let by = Instant::now() + self.patience.answer * 5;
        if timeout_at(by, writing).await.is_err() {
            self.note(Way::Note, &[], "the peer does not take what we send");
        }
    }

    /// Reads once into the reader; the end, if that is what came.
    async fn fill(&mut self) -> Option<End> {
        let mut space = [0; 16 * 1024];
        let mut buf = ReadBuf::new(&mut space);
        let read = poll_fn(|cx| Pin::new(&mut self.stream).poll_read(cx, &mut buf)).await;
        match read {
            Ok(()) if buf.filled().is_empty() => Some(End::Fin),
            Ok(()) => {
                self.reader.feed(buf.filled());
                None
            }
            Err(_) => Some(End::Reset),
        }
    }

    fn take_frame(&mut self, frame: Frame, raw: &[u8]) -> Option<Event> {
        self.watch_frame(&frame, raw);
        if frame.opcode.is_control() {
            self.note(Way::In, raw, framed(&frame));
            return Some(self.take_control(frame));
        }
        let (opcode, mut bytes) = match self.partial.take() {
            None => (frame.opcode, Vec::new()),
            Some(partial) => partial,
        };
        bytes.extend(&frame.payload);
        if !frame.fin {
            self.partial = Some((opcode, bytes));
            return None;
        }
        if opcode != Opcode::BINARY {
            self.note(Way::In, raw, framed(&frame));
            return Some(Event::Text(bytes));
        }
        self.note(Way::In, &bytes, annotate::message(&bytes));
        Some(match Message::parse(&bytes) {
            Ok(message) => {
                self.watch_message(&message, &bytes);
                self.take_settings(&message);
                Event::Message(message)
            }
            Err(error) => {
                let text = format!("{} at byte {}", error.why, error.at);
                self.breaks(Rule::WellFormed, &bytes, text.clone());
                Event::Malformed(bytes, text)
            }
        })
    }

    fn take_control(&mut self, frame: Frame) -> Event {
        match frame.opcode {
            Opcode::CLOSE => Event::Close(frame.payload),
            Opcode::PING => Event::WsPing(frame.payload),
            Opcode::PONG => Event::WsPong(frame.payload),
            other => Event::Broken(format!("a frame with opcode {:x}", other.0)),
        }
    }

    fn broken_frame(&mut self, error: &FrameError) -> Event {
        let text = match error {
            FrameError::TooLong(length) => format!("a frame that claims {length} bytes"),
            FrameError::LengthBit => "a frame with the top bit of its length set".to_owned(),
        };
        self.breaks(Rule::Length, &[], text.clone());
        Event::Broken(text)
    }

    fn take_settings(&mut self, message: &Message) {
        if message.code == Code::CSM {
            self.peer.apply(message);
        }
    }

    /// What our own messages mean for what may come back.
    fn sent(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else {
            self.watch.wild = true;
            return;
        };
        self.watch.wild |= message.len != 0;
        if message.code == Code::CSM && message.len == 0 {
            self.ours.apply(&message);
        }
        if message.code.is_request() {
            self.watch.asked(&message.token);
        }
        let bert = [names::BLOCK1, names::BLOCK2].into_iter().any(|option| {
            message.all(option).any(|value| value.len() <= 3 && Block::parse(value).szx == 7)
        });
        self.watch.bert |= bert;
    }

    pub(crate) fn note(&self, way: Way, bytes: &[u8], text: impl Into<String>) {
        self.log.add(self.number, way, bytes, text);
    }

    /// What happened in place of what was expected, as a deviation.
    pub(crate) fn instead<T>(&self, event: &Event, wanted: &str) -> Outcome<T> {
        Err(Stop::Deviates(match event {
            Event::Nothing => {
                format!("{wanted}: nothing came within {} ms", self.patience.answer.as_millis())
            }
            other => format!("{wanted}: {}", other.text()),
        }))
    }
}

/// What every connection of a case shares.
#[derive(Clone, Debug)]
pub struct ConnContext {
    pub log: Log,
    pub rules: Rules,
    pub patience: Patience,
}

/// A mask nobody can foresee (RFC 6455 §5.3).
pub fn random_key() -> [u8; 4] {
    let mut key = [0x37, 0xfa, 0x21, 0x3d];
    // Without randomness the mask is a legal one still.
    let _ = getrandom::fill(&mut key);
    key
}

/// A frame in words.
pub fn framed(frame: &Frame) -> String {
    let mut text = format!("frame: {}", frame.opcode.name());
    if !frame.fin {
        text.push_str(", not the last of its message");
    }
    if frame.rsv != 0 {
        text.push_str(&format!(", RSV bits {:03b}", frame.rsv));
    }
    match frame.opcode {
        Opcode::CLOSE => text.push_str(&format!(" {}", annotate::close(&frame.payload))),
        _ => text.push_str(&format!(", payload {}", annotate::bytes(&frame.payload))),
    }
    text
}

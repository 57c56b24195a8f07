//! Frames: the gauge in front, tungstenite behind, memory on both sides.

use crate::gauge::{DataKind, FrameEnd, FrameLimits, FrameViolation, Gauge, Receiver, Step};
use bytes::Bytes;
use std::io::{self, Read, Write};
use tungstenite::error::Error;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, FrameHeader};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Message, Utf8Bytes};

/// Reads frames from bytes and writes frames into bytes.
///
/// At a message boundary tungstenite's state is a constant, so it is made when it is needed
/// and can be dropped when it is not.
pub(super) struct Framer {
    receiver: Receiver,
    gauge: Gauge,
    /// Boxed, so that an idle connection does not keep its place.
    context: Option<Box<WebSocketContext>>,
    max_message: usize,
    max_send: usize,
}

/// What the next frames brought.
#[derive(Debug)]
pub(super) enum Frame {
    /// A whole binary message.
    Message(Bytes),
    /// A whole text message.
    Text,
    /// A Ping or a Pong; a Ping is answered already.
    Control,
    /// The peer's Close with its status code, if it had one. Our answer is written already.
    Close(Option<u16>),
}

/// Why the peer's frames are not read any further.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// A message above the limit, told from its header.
    TooLarge,
    /// A rule of RFC 6455, with the status code that closes for it.
    Protocol(u16),
}

impl Framer {
    pub(super) fn new(receiver: Receiver, limits: FrameLimits, max_send: usize) -> Framer {
        let max_message = limits.max_message_size;
        Framer {
            receiver,
            gauge: Gauge::new(receiver, limits),
            context: None,
            max_message,
            max_send,
        }
    }

    /// Reads on in `input` until something is complete; how many bytes that took.
    ///
    /// Answers to the peer's Ping and Close go to `output`. After a [`Fault`] it must not be
    /// called again.
    pub(super) fn read(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(usize, Option<Frame>), Fault> {
        let mut taken = 0_usize;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let Step::Pass { bytes, frame_end } = self.gauge.next(rest)? else {
                return Ok((taken, None));
            };
            taken = taken.saturating_add(bytes);
            let mut lent = Lent { input: rest.get(..bytes).unwrap_or_default(), output };
            let context = self.context();
            let message = read_one(context, &mut lent)?;
            match frame_end {
                Some(FrameEnd::Message(kind)) => {
                    return Ok((taken, message.map(|message| of_kind(kind, message))));
                }
                Some(end) if end.is_control() => {
                    // An answer that tungstenite holds goes out now. A server's context says
                    // `ConnectionClosed` once it has answered a Close.
                    let _ = context.flush(&mut lent);
                    return Ok((taken, Some(control(end, message))));
                }
                _ => {}
            }
        }
    }

    /// Writes one binary message, unfragmented (WS-25).
    pub(super) fn write(&mut self, message: &[u8], output: &mut Vec<u8>) {
        if self.receiver == Receiver::Server {
            // A server masks nothing (WS-18): header and bytes, without a message in between.
            let opcode = OpCode::Data(Data::Binary);
            let header = FrameHeader { is_final: true, opcode, ..FrameHeader::default() };
            let formatted = header.format(message.len() as u64, output);
            debug_assert!(formatted.is_ok(), "memory takes everything");
            output.extend_from_slice(message);
            return;
        }
        // tungstenite draws a fresh mask from a CSPRNG for each frame (WS-18, T33).
        let context = self.context();
        let frame = Message::Binary(Bytes::copy_from_slice(message));
        let written = context.write(&mut Lent { input: &[], output }, frame);
        debug_assert!(written.is_ok(), "memory takes everything");
        if message.len() > KEEP {
            // Its own buffer is as large as the message was.
            self.trim();
        }
    }

    /// Writes our Close, after which nothing is written.
    pub(super) fn close(&mut self, code: u16, reason: &'static str, output: &mut Vec<u8>) {
        let context = self.context();
        let reason = Utf8Bytes::from_static(reason);
        let frame = CloseFrame { code: CloseCode::from(code), reason };
        let mut lent = Lent { input: &[], output };
        // Also right after an error of `read`: it only must not be read again.
        let _ = context.close(&mut lent, Some(frame));
        let _ = context.flush(&mut lent);
    }

    /// Whether the peer owes us the rest of a frame or a message (T22).
    pub(super) const fn message_open(&self) -> bool {
        self.gauge.message_open()
    }

    /// Gives tungstenite's buffers back, where its state is a constant.
    pub(super) fn trim(&mut self) {
        if !self.gauge.message_open() {
            self.release();
        }
    }

    /// Gives them back in any state: nothing is read or written after that.
    pub(super) fn release(&mut self) {
        self.context = None;
    }

    fn context(&mut self) -> &mut WebSocketContext {
        let Framer { receiver, max_message, max_send, .. } = *self;
        self.context.get_or_insert_with(|| {
            let role = match receiver {
                Receiver::Server => Role::Server,
                Receiver::Client => Role::Client,
            };
            // The gauge refuses first; tungstenite's own limit is the second line.
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(0)
                .max_write_buffer_size(max_send.saturating_add(1024))
                .max_message_size(Some(max_message))
                .max_frame_size(Some(max_message))
                .accept_unmasked_frames(false);
            Box::new(WebSocketContext::new(role, Some(config)))
        })
    }

    /// Heap that the framer holds at most: a message in pieces, and one as a whole.
    pub(super) const fn bound(limits: &FrameLimits, max_send: usize) -> usize {
        limits
            .max_message_size
            .saturating_mul(2)
            .saturating_add(max_send)
            .saturating_add(1024)
            .saturating_add(size_of::<WebSocketContext>())
    }
}

/// After a longer message, in bytes, tungstenite's buffers are given back at once.
const KEEP: usize = 16 * 1024;

/// Over memory a small buffer is as fast as a large one; the default costs 128 KiB.
const READ_BUFFER: usize = 256;

/// Reads what is lent to the end; a message if there was one.
fn read_one(context: &mut WebSocketContext, lent: &mut Lent<'_>) -> Result<Option<Message>, Fault> {
    match context.read(lent) {
        Ok(message) => Ok(Some(message)),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(Error::Capacity(_)) => Err(Fault::TooLarge),
        Err(Error::Utf8(_)) => Err(Fault::Protocol(1007)),
        Err(_) => Err(Fault::Protocol(1002)),
    }
}

fn of_kind(kind: DataKind, message: Message) -> Frame {
    match (kind, message) {
        (DataKind::Binary, Message::Binary(bytes)) => Frame::Message(bytes),
        _ => Frame::Text,
    }
}

fn control(end: FrameEnd, message: Option<Message>) -> Frame {
    match (end, message) {
        (FrameEnd::Close, Some(Message::Close(frame))) => {
            Frame::Close(frame.map(|frame| u16::from(frame.code)))
        }
        (FrameEnd::Close, _) => Frame::Close(None),
        _ => Frame::Control,
    }
}

impl From<FrameViolation> for Fault {
    fn from(violation: FrameViolation) -> Fault {
        match violation {
            FrameViolation::TooLarge { .. } => Fault::TooLarge,
            other => Fault::Protocol(other.close_code()),
        }
    }
}

/// What tungstenite takes for a socket: reads from a slice, writes to a vector.
struct Lent<'a> {
    input: &'a [u8],
    output: &'a mut Vec<u8>,
}

impl Read for Lent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = buffer.len().min(self.input.len());
        let (now, later) = self.input.split_at(n);
        if let Some(room) = buffer.get_mut(..n) {
            room.copy_from_slice(now);
        }
        self.input = later;
        Ok(n)
    }
}

impl Write for Lent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

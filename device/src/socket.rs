//! One connection in fixed memory: the bytes of TCP in, the bytes for TCP out, one deadline.

use crate::frames::{self, Frames, MAX_CONTROL, Whole};
use crate::opening::{ACCEPTED, Opening, Refusal};
use coap_ws_core::message::{Message, OptionNumber};
use coap_ws_core::{
    Budget, Closing, Config, ConfigError, Connection, Event, Flood, Incoming, Instant, Rate,
    Responder, Side, Storage, Transmit, Violation,
};
use core::time::Duration;
use edge_ws::FrameType;

/// What is above a connection.
pub trait Application<S: Storage> {
    /// The peer wants something: to be answered at once or later, by
    /// [`respond`](Connection::respond) or [`observe`](Connection::observe).
    fn request(
        &mut self,
        now: Instant,
        connection: &mut Connection<S>,
        responder: Responder,
        message: &Message<'_>,
    );

    /// What no message carried.
    fn event(&mut self, now: Instant, connection: &mut Connection<S>, event: Event);
}

/// A WebSocket that speaks CoAP, as its server sees it. All it has is in the value: two buffers of
/// `FRAME` bytes and a [`Connection`].
///
/// A loop gives it what was read ([`handle_bytes`](Socket::handle_bytes)), writes
/// [`output`](Socket::output), and calls [`handle_timeout`](Socket::handle_timeout) when
/// [`poll_timeout`](Socket::poll_timeout) is over. When it [wants the writing side shut
/// down](Socket::wants_shutdown), it is to be shut down; when it [is done](Socket::is_done), the
/// TCP connection is to be closed.
#[derive(Debug)]
pub struct Socket<S: Storage, const FRAME: usize> {
    stage: Stage,
    connection: Connection<S>,
    frames: Frames,
    input: [u8; FRAME],
    output: Output<FRAME>,
    /// A control frame that is owed as soon as there is room.
    owed: Option<Owed>,
    control: Budget,
    /// Since when a message of the peer's is incomplete.
    begun: Option<Instant>,
}

#[derive(Debug)]
enum Stage {
    Opening {
        head: Opening,
        until: Instant,
    },
    Open,
    /// The last bytes are being written.
    Ending,
    /// The writing side is shut down; what still comes is thrown away (WS-45).
    Draining {
        until: Instant,
        left: usize,
    },
    Done,
}

#[derive(Clone, Copy, Debug)]
enum Owed {
    Pong,
    Close(Option<u16>),
}

#[derive(Debug)]
struct Output<const FRAME: usize> {
    bytes: [u8; FRAME],
    at: usize,
    end: usize,
    /// When the transport took something last, or had nothing to take.
    moved: Instant,
}

/// How long a head may take (T01).
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a message may take (T22).
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the transport may take nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long, and how much, is read behind our last byte.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
const DRAIN_BYTES: usize = 64 * 1024;
/// Control frames of the peer's (T25).
const CONTROL: Rate = Rate { per_second: 50, burst: 200 };
/// The longest header of a frame of ours, in bytes: messages are below 64 KiB.
pub const HEADER: usize = 4;

impl<S: Storage, const FRAME: usize> Socket<S, FRAME> {
    /// Room for the 101 and for a Pong.
    const ENOUGH: () = assert!(FRAME >= 192 && FRAME < 65_536 + HEADER, "FRAME is 192 to 65,539");

    /// The largest message that it takes, in bytes: what its CSM announces.
    pub const MAX_MESSAGE: usize = FRAME.saturating_sub(HEADER);

    /// A TCP connection that has just been accepted, on which the peer may observe so many things.
    /// `understood` are the critical options that the application processes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where the storage has too little room.
    pub fn new(
        now: Instant,
        observers: usize,
        understood: &'static [OptionNumber],
    ) -> Result<Socket<S, FRAME>, ConfigError> {
        const { Self::ENOUGH }
        let most = u32::try_from(Self::MAX_MESSAGE).unwrap_or(u32::MAX);
        let mut config = Config::fixed(Side::Acceptor, most);
        // What does not fit into `output` with its header is not sent; blocks are cut to it.
        config.limits.max_send_size = most;
        config.understood = understood;
        config.limits.max_observers = observers;
        Ok(Socket {
            stage: Stage::Opening {
                head: Opening::default(),
                until: now.saturating_add(OPENING_TIMEOUT),
            },
            connection: Connection::new(config)?,
            frames: Frames::default(),
            input: [0; FRAME],
            output: Output { bytes: [0; FRAME], at: 0, end: 0, moved: now },
            owed: None,
            control: Budget::default(),
            begun: None,
        })
    }

    /// Bytes have come. How many were taken: the others are to be offered again once
    /// [`wants_input`](Socket::wants_input).
    pub fn handle_bytes(
        &mut self,
        now: Instant,
        bytes: &[u8],
        application: &mut impl Application<S>,
    ) -> usize {
        let mut taken = 0_usize;
        while self.wants_input() {
            let rest = bytes.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let more = match &mut self.stage {
                Stage::Opening { head, .. } => {
                    let (more, verdict) = head.read(rest);
                    if let Some(verdict) = verdict {
                        self.opened(verdict);
                    }
                    more
                }
                Stage::Open => self.read(now, rest, application),
                Stage::Draining { left, .. } => {
                    *left = left.saturating_sub(rest.len());
                    if *left == 0 {
                        self.stage = Stage::Done;
                    }
                    rest.len()
                }
                Stage::Ending | Stage::Done => rest.len(),
            };
            taken = taken.saturating_add(more);
            self.advance(now, application);
        }
        taken
    }

    /// So many bytes of [`output`](Socket::output) were taken by the transport.
    pub fn handle_written(
        &mut self,
        now: Instant,
        count: usize,
        application: &mut impl Application<S>,
    ) {
        self.output.at = self.output.at.saturating_add(count).min(self.output.end);
        if count > 0 {
            self.output.moved = now;
        }
        self.advance(now, application);
    }

    /// The peer sends no more, or the transport has failed.
    pub fn handle_end(&mut self, now: Instant, application: &mut impl Application<S>) {
        self.connection.handle_closed(now, Closing::EndOfStream);
        self.stage = Stage::Done;
        self.advance(now, application);
    }

    /// It is `now`; also to be called when the application has changed something.
    pub fn handle_timeout(&mut self, now: Instant, application: &mut impl Application<S>) {
        match self.stage {
            Stage::Opening { until, .. } if until <= now => self.opened(Err(Refusal::Timeout)),
            Stage::Draining { until, .. } if until <= now => self.stage = Stage::Done,
            Stage::Done => {}
            _ if self.stalled().is_some_and(|at| at <= now) => {
                self.connection.handle_closed(now, Closing::WriteStall);
                self.stage = Stage::Done;
            }
            Stage::Open if self.late().is_some_and(|at| at <= now) => {
                self.begun = None;
                self.connection.handle_violation(now, Violation::MessageLate);
            }
            _ => {}
        }
        self.advance(now, application);
    }

    /// When to call [`handle_timeout`](Socket::handle_timeout); `None` where nothing is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.stage {
            Stage::Opening { until, .. } | Stage::Draining { until, .. } => Some(until),
            Stage::Open => earlier(self.connection.poll_timeout(), self.late()),
            Stage::Ending => None,
            Stage::Done => return None,
        };
        earlier(own, self.stalled())
    }

    /// What is to be written next.
    pub fn output(&self) -> &[u8] {
        self.output.bytes.get(self.output.at..self.output.end).unwrap_or_default()
    }

    /// Whether bytes would be taken. False only while there is output to be written first.
    pub fn wants_input(&self) -> bool {
        match self.stage {
            Stage::Open => self.connection.wants_input() && self.owed.is_none(),
            Stage::Done => false,
            _ => true,
        }
    }

    /// Whether the writing side of the transport is to be shut down.
    pub fn wants_shutdown(&self) -> bool {
        matches!(self.stage, Stage::Draining { .. } | Stage::Done)
    }

    /// Whether it is over: the transport is to be closed, and the value dropped.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// The connection above the WebSocket. After a command, call
    /// [`handle_timeout`](Socket::handle_timeout).
    pub fn connection(&mut self) -> &mut Connection<S> {
        &mut self.connection
    }

    fn opened(&mut self, verdict: Result<crate::opening::Accept, Refusal>) {
        self.stage = Stage::Open;
        let parts: [&[u8]; 3] = match &verdict {
            Ok(accept) => [ACCEPTED, accept, b"\r\n\r\n"],
            Err(refusal) => {
                self.stage = Stage::Ending;
                [refusal.response(), &[], &[]]
            }
        };
        self.output.put(&parts);
    }

    fn read(&mut self, now: Instant, bytes: &[u8], application: &mut impl Application<S>) -> usize {
        let connection = &mut self.connection;
        connection.handle_alive(now);
        let (taken, whole) = match self.frames.read(bytes, limited(&mut self.input)) {
            Ok(step) => step,
            Err(violation) => {
                connection.handle_violation(now, violation);
                // Nothing of what follows can be read.
                return bytes.len();
            }
        };
        match whole {
            Some(Whole::Message(len)) => {
                let message = self.input.get(..len).unwrap_or_default();
                // Asked before the bytes were read; reading them takes no room.
                if let Ok(Some(Incoming::Request { responder, message })) =
                    connection.handle_message(now, message)
                {
                    application.request(now, connection, responder, &message);
                }
            }
            Some(Whole::Ping | Whole::Pong) if !self.control.spend(now, CONTROL) => {
                connection.handle_violation(now, Violation::Flood(Flood::Control));
            }
            Some(Whole::Ping) => self.owed = Some(Owed::Pong),
            Some(Whole::Close(code)) => {
                connection.handle_closed(now, Closing::Frame(code));
                self.owed = Some(Owed::Close(code));
            }
            Some(Whole::Pong) | None => {}
        }
        self.begun = self.frames.is_open().then(|| self.begun.unwrap_or(now));
        taken
    }

    /// Tells the application what there is to tell, and fills the output.
    fn advance(&mut self, now: Instant, application: &mut impl Application<S>) {
        if matches!(self.stage, Stage::Opening { .. }) {
            return;
        }
        self.connection.handle_timeout(now);
        while let Some(event) = self.connection.poll_event() {
            application.event(now, &mut self.connection, event);
        }
        if !self.output().is_empty() {
            return;
        }
        match self.stage {
            Stage::Open => self.fill(now),
            Stage::Ending => {
                self.connection.handle_closed(now, Closing::Done);
                self.stage =
                    Stage::Draining { until: now.saturating_add(DRAIN_TIMEOUT), left: DRAIN_BYTES };
                while let Some(event) = self.connection.poll_event() {
                    application.event(now, &mut self.connection, event);
                }
            }
            _ => {}
        }
    }

    fn fill(&mut self, now: Instant) {
        self.output.moved = now;
        match self.owed.take() {
            Some(Owed::Pong) => self.output.frame(FrameType::Pong, &[self.frames.control()]),
            Some(Owed::Close(code)) => {
                let bytes = code.map(u16::to_be_bytes);
                let bytes = bytes.as_ref().map_or(&[][..], |bytes| bytes);
                self.output.frame(FrameType::Close, &[bytes]);
                self.stage = Stage::Ending;
            }
            None => match self.connection.poll_transmit() {
                Some(Transmit::Message(bytes)) => {
                    self.output.frame(FrameType::Binary(false), &[bytes]);
                }
                Some(Transmit::Close { code, reason }) => {
                    let room = MAX_CONTROL.saturating_sub(2);
                    let reason = reason.as_bytes();
                    let reason = reason.get(..reason.len().min(room)).unwrap_or_default();
                    self.output.frame(FrameType::Close, &[&code.to_be_bytes(), reason]);
                    self.stage = Stage::Ending;
                }
                _ => {}
            },
        }
    }

    fn late(&self) -> Option<Instant> {
        Some(self.begun?.saturating_add(MESSAGE_TIMEOUT))
    }

    fn stalled(&self) -> Option<Instant> {
        let waiting = !self.output().is_empty();
        waiting.then(|| self.output.moved.saturating_add(STALL_TIMEOUT))
    }
}

impl<const FRAME: usize> Output<FRAME> {
    fn put(&mut self, parts: &[&[u8]]) {
        (self.at, self.end) = (0, 0);
        for part in parts {
            let end = self.end.saturating_add(part.len());
            if let Some(place) = self.bytes.get_mut(self.end..end) {
                place.copy_from_slice(part);
                self.end = end;
            }
        }
    }

    /// Only called where nothing waits, and with what `max_send_size` lets through.
    fn frame(&mut self, kind: FrameType, payload: &[&[u8]]) {
        let written = frames::write(kind, payload, &mut self.bytes);
        debug_assert!(written.is_some(), "a frame is no larger than its buffer");
        (self.at, self.end) = (0, written.unwrap_or(0));
    }
}

/// A message has as much room as its answer, which needs a header.
fn limited(input: &mut [u8]) -> &mut [u8] {
    let len = input.len().saturating_sub(HEADER);
    input.get_mut(..len).unwrap_or_default()
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

//! What happened: bytes, the end of the stream, and what they mean.

use super::event::Event;
use super::framer::{Fault, Frame};
use super::tap::Way;
use super::{Engine, Shutdown, Stage};
use bytes::{Buf, Bytes};
use coap_ws_core::{CloseReason, Closing, Connection, Flood, Heap, Instant, Violation};

impl Engine {
    /// Bytes have come. All are taken; give them only while [`Interest::read`](super::Interest)
    /// is true, since what is not parsed yet is kept.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        self.advance(now);
        if bytes.is_empty() || self.eof {
            return;
        }
        self.active();
        self.config.tap.bytes(Way::In, bytes);
        if let Some(connection) = &mut self.connection {
            connection.handle_alive(self.now);
        }
        match &mut self.stage {
            Stage::Opening(opening) if !opening.is_asked() => self.open_with(bytes),
            Stage::Opening(_) | Stage::Open | Stage::Closing => self.input.extend_from_slice(bytes),
            Stage::Lingering(linger) => {
                linger.discarded = linger.discarded.saturating_add(bytes.len());
            }
            Stage::Done => {}
        }
    }

    /// The stream has ended: the peer will send nothing more. What came before is still
    /// parsed. A transport that has failed is [`handle_error`](Engine::handle_error).
    pub fn handle_eof(&mut self, now: Instant) {
        self.advance(now);
        self.eof = true;
    }

    /// The transport has failed: reset, unreachable, TLS broken. Nothing more can be sent.
    pub fn handle_error(&mut self, now: Instant) {
        self.advance(now);
        self.eof = true;
        self.discard();
        self.gone(Closing::Error);
    }

    /// What happened, message by message: the next message is parsed when this is called and
    /// there is room for what it may cause. `None` until something moves.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.event.take() {
                return Some(event);
            }
            let told = self.connection.as_mut().and_then(Connection::poll_event);
            if let Some(event) = told {
                return Some(Event::Core(event));
            }
            if !self.parse() && !self.see_end() {
                return None;
            }
        }
    }

    /// Parses until one frame is complete; false where nothing moved.
    fn parse(&mut self) -> bool {
        // What came of the frames before goes ahead of what comes of the next one, an Abort and
        // a Close above all: the order does not depend on how the input was cut.
        self.pull();
        if self.input.is_empty() || !self.parses() {
            return false;
        }
        let before = self.output.len();
        let frame = self.framer.read(&self.input, &mut self.output);
        self.output_came(before);
        match frame {
            Ok((taken, frame)) => {
                self.input.advance(taken);
                self.watch_message();
                let moved = frame.is_some();
                let answered = self.output.len().saturating_sub(before);
                if let Some(frame) = frame {
                    self.take(frame, answered);
                }
                moved
            }
            Err(fault) => {
                self.broken(fault);
                true
            }
        }
    }

    /// `answered` bytes of output were written for it already.
    fn take(&mut self, frame: Frame, answered: usize) {
        match frame {
            Frame::Message(bytes) => self.take_message(&bytes),
            Frame::Text => self.with_core(Connection::handle_text),
            Frame::Control => {
                self.pongs = self.pongs.saturating_add(answered);
                if !self.control.spend(self.now, self.config.control_frames) {
                    let flood = Violation::Flood(Flood::Control);
                    self.with_core(|connection, now| connection.handle_violation(now, flood));
                }
            }
            Frame::Close(code) => self.take_close(code),
        }
    }

    fn take_message(&mut self, bytes: &Bytes) {
        self.config.tap.message(Way::In, bytes);
        let Some(connection) = &mut self.connection else { return };
        // `NotNow` cannot be: `parse` asked whether there is room.
        let incoming = connection.handle_message(self.now, bytes).ok().flatten();
        self.event = incoming.and_then(|incoming| Event::of(incoming, bytes));
    }

    /// The peer's Close: our answer is in the output already, and is the last of it (WS-31).
    fn take_close(&mut self, code: Option<u16>) {
        self.discard();
        let how = match self.stage {
            // It answers ours.
            Stage::Closing => Closing::Done,
            _ => Closing::Frame(code),
        };
        self.with_core(|connection, now| connection.handle_closed(now, how));
        self.linger();
        if !self.is_acceptor()
            && let Stage::Lingering(linger) = &mut self.stage
        {
            linger.shutdown = Shutdown::Theirs;
        }
    }

    /// The frames cannot be read any further: nothing behind the fault is looked at (WS-35).
    fn broken(&mut self, fault: Fault) {
        self.discard();
        if matches!(self.stage, Stage::Closing) {
            // Both ends were closing anyway; our Close may still be on its way.
            self.with_core(|connection, now| connection.handle_closed(now, Closing::Done));
            return self.linger();
        }
        self.with_core(|connection, now| match fault {
            Fault::TooLarge => connection.handle_oversized(now),
            Fault::Protocol(code) => {
                connection.handle_violation(now, Violation::WebSocket { code });
            }
        });
    }

    /// The end of the stream, once all before it is parsed; whether anything came of it.
    fn see_end(&mut self) -> bool {
        if !self.eof {
            return false;
        }
        match self.stage {
            Stage::Opening(_) => self.opening_cut(),
            Stage::Open | Stage::Closing => {
                if !self.input.is_empty() && !self.parses() {
                    // What is left is parsed when there is room.
                    return false;
                }
                // What is ready still leaves: the peer may have shut down one direction only
                // (T32).
                self.pull_all();
                let how = match self.stage {
                    Stage::Closing => Closing::Done,
                    _ => Closing::EndOfStream,
                };
                self.with_core(|connection, now| connection.handle_closed(now, how));
                self.linger();
                self.drain();
            }
            Stage::Lingering(_) | Stage::Done => return false,
        }
        true
    }

    /// The stream is of no use any more.
    pub(super) fn gone(&mut self, how: Closing) {
        if matches!(self.stage, Stage::Opening(_)) {
            return self.opening_cut();
        }
        self.with_core(|connection, now| connection.handle_closed(now, how));
        self.finish();
    }

    pub(super) fn with_core(&mut self, act: impl FnOnce(&mut Connection<Heap>, Instant)) {
        if let Some(connection) = &mut self.connection {
            act(connection, self.now);
        }
    }

    /// Whether the peer's Close is worth waiting for: only where both ends part in good order.
    pub(super) fn parts_in_order(&self) -> bool {
        let reason = self.connection.as_ref().and_then(Connection::close_reason);
        reason == Some(CloseReason::Released)
    }

    /// A message that has begun must end in time, whatever comes in between (T22).
    pub(super) fn watch_message(&mut self) {
        if !self.framer.message_open() {
            self.timers.message = None;
        } else if self.timers.message.is_none() {
            let deadline = self.now.saturating_add(self.config.message_timeout);
            self.timers.message = Some(deadline);
        }
    }
}

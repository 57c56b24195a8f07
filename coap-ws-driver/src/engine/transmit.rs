//! What is to be written, and the way out.

use super::tap::Way;
use super::{Engine, Linger, OUTPUT_CHUNK, Shutdown, Stage};
use bytes::BytesMut;
use coap_ws_core::{Closing, Instant, Transmit};

impl Engine {
    /// `n` bytes of [`output`](Engine::output) were written.
    pub fn handle_written(&mut self, now: Instant, n: usize) {
        self.advance(now);
        if n == 0 {
            return;
        }
        self.timers.progress = self.now;
        self.active();
        let from = self.written;
        self.written = self.written.saturating_add(n).min(self.output.len());
        self.config.tap.bytes(Way::Out, self.output.get(from..self.written).unwrap_or_default());
        if self.written == self.output.len() {
            self.output.clear();
            (self.written, self.pongs) = (0, 0);
            if self.output.capacity() > OUTPUT_CHUNK.saturating_mul(2) {
                // A large message has left; the next ones are small again.
                self.output = Vec::new();
            }
        }
        self.pull();
    }

    /// Takes what the connection has, one write ahead of the transport: what waits longer
    /// waits in the connection's queue, where it is counted. Once the end is decided all that
    /// is left is taken, with the Close: on a slow link `close_timeout` is not for both.
    pub(super) fn pull(&mut self) {
        let live = self.connection.as_ref().is_none_or(|connection| connection.phase().is_live());
        self.pull_up_to(if live { OUTPUT_CHUNK } else { usize::MAX });
    }

    pub(super) fn pull_all(&mut self) {
        self.pull_up_to(usize::MAX);
    }

    fn pull_up_to(&mut self, most: usize) {
        if !matches!(self.stage, Stage::Open) {
            return;
        }
        if self.written >= OUTPUT_CHUNK && self.written >= self.output.len() / 2 {
            // A transport that takes little at a time must not make the buffer grow; nor is a
            // large message moved more than once.
            self.output.drain(..self.written);
            self.written = 0;
        }
        let before = self.output.len();
        while self.output.len().saturating_sub(self.written) < most {
            let Some(connection) = &mut self.connection else { break };
            match connection.poll_transmit() {
                Some(Transmit::Message(bytes)) => {
                    self.config.tap.message(Way::Out, bytes);
                    self.framer.write(bytes, &mut self.output);
                }
                Some(Transmit::Close { code, reason }) => {
                    self.framer.close(code, reason, &mut self.output);
                    self.close_sent();
                    break;
                }
                Some(_) | None => break,
            }
        }
        self.output_came(before);
    }

    /// There may be more output than the `before` bytes: where there was none, the time of the
    /// transport starts now (T53).
    pub(super) fn output_came(&mut self, before: usize) {
        if before == 0 && !self.output.is_empty() {
            self.timers.progress = self.now;
        }
    }

    /// Our Close is in the output.
    fn close_sent(&mut self) {
        if self.parts_in_order() {
            self.stage = Stage::Closing;
        } else {
            // After a violation, an Abort or a timeout nothing of the peer's matters.
            self.discard();
            self.with_core(|connection, now| connection.handle_closed(now, Closing::Done));
            self.linger();
        }
    }

    /// From here on only what is in the output leaves.
    pub(super) fn linger(&mut self) {
        let until = self.now.saturating_add(self.config.write_stall_timeout);
        self.stage = Stage::Lingering(Linger { discarded: 0, until, shutdown: Shutdown::Ours });
        self.framer.release();
        self.timers.message = None;
        let deadline = self.now.saturating_add(self.config.linger_timeout);
        self.timers.stage = Some(deadline);
    }

    /// The peer has ended the stream and reads on, perhaps: a fixed time for what is left (T32).
    pub(super) fn drain(&mut self) {
        let deadline = self.now.saturating_add(self.config.drain_after_fin);
        if let Stage::Lingering(linger) = &mut self.stage {
            linger.until = deadline;
            self.timers.stage = Some(deadline);
        }
    }

    /// The stream is of no use any more, and neither is what was kept for it.
    pub(super) fn finish(&mut self) {
        self.stage = Stage::Done;
        (self.timers.stage, self.timers.message) = (None, None);
        (self.output, self.written, self.pongs) = (Vec::new(), 0, 0);
        self.input = BytesMut::new();
        self.framer.release();
    }
}

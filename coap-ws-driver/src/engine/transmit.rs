//! What is to be written, and the way out.

use super::{Engine, OUTPUT_CHUNK, Stage};
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
        self.written = self.written.saturating_add(n).min(self.output.len());
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
            if self.output.capacity() > OUTPUT_CHUNK.saturating_mul(2) {
                // A large message has left; the next ones are small again.
                self.output = Vec::new();
            }
        }
        self.pull();
    }

    /// Takes what the connection has, one write ahead of the transport: what waits longer
    /// waits in the connection's queue, where it is counted.
    pub(super) fn pull(&mut self) {
        self.pull_up_to(OUTPUT_CHUNK);
    }

    pub(super) fn pull_all(&mut self) {
        self.pull_up_to(usize::MAX);
    }

    fn pull_up_to(&mut self, most: usize) {
        if !matches!(self.stage, Stage::Open) {
            return;
        }
        if self.written >= OUTPUT_CHUNK {
            // A transport that takes little at a time must not make the buffer grow.
            self.output.drain(..self.written);
            self.written = 0;
        }
        let before = self.output.len();
        while self.output.len().saturating_sub(self.written) < most {
            let Some(connection) = &mut self.connection else { break };
            match connection.poll_transmit() {
                Some(Transmit::Message(bytes)) => {
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
        self.stage = Stage::Lingering { discarded: 0 };
        self.framer.trim();
        self.timers.message = None;
        let deadline = self.now.saturating_add(self.config.linger_timeout);
        self.timers.stage = Some(deadline);
    }
}

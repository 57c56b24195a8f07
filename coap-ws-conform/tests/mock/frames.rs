//! Frames as the mock server takes them.

use super::mutation::Wrong;
use super::server::{OUR_LIMIT, Server};
use coap_ws_conform::wire::frame::LengthForm;
use coap_ws_conform::wire::message::{Code, Message};
use coap_ws_conform::wire::{Frame, FrameError, Opcode};
use std::sync::atomic::Ordering;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

impl Server {
    /// Takes what one read has brought.
    pub(super) async fn take(&mut self, bytes: &[u8]) {
        let resumed = !self.reader.rest().is_empty();
        self.reader.feed(bytes);
        self.in_read = 0;
        while !self.over {
            match self.reader.take() {
                Ok(Some((frame, raw))) => {
                    if resumed && self.is(Wrong::FrameInOneRead) {
                        return self.close(1002).await;
                    }
                    self.take_frame(frame, &raw).await;
                }
                Ok(None) => break,
                Err(error) => return self.take_broken(&error).await,
            }
        }
        let half = !self.reader.rest().is_empty() || self.partial.is_some();
        self.half_since = match half {
            true => self.half_since.or(Some(Instant::now())),
            false => None,
        };
    }

    async fn take_broken(&mut self, error: &FrameError) {
        match error {
            FrameError::LengthBit if self.is(Wrong::HugeWaits) => {}
            FrameError::LengthBit => self.fail(1002).await,
            FrameError::TooLong(length) => {
                if self.is(Wrong::HugeExhausts) && *length == 1 << 40 {
                    self.world.dead.store(true, Ordering::Relaxed);
                    return self.close(1009).await;
                }
                self.abort(None, "too large").await;
            }
        }
    }

    /// A rule of RFC 6455 is broken.
    async fn fail(&mut self, code: u16) {
        if self.is(Wrong::ReadsOn) {
            self.frame(Frame::close(code, "")).await;
            return;
        }
        self.close(code).await;
    }

    async fn take_frame(&mut self, frame: Frame, raw: &[u8]) {
        let zero = frame.mask == Some([0; 4]) && self.is(Wrong::MaskZeroRefused);
        let unmasked = frame.mask.is_none() && !self.is(Wrong::UnmaskedPass);
        let rsv = frame.rsv != 0 && !self.is(Wrong::RsvPass);
        let padded = frame.length != LengthForm::Minimal && !self.is(Wrong::LengthLax);
        let long = raw.len() > 131 && raw.len() < 3000 && self.is(Wrong::Length126Refused);
        let longer = raw.len() > 65_536 && self.is(Wrong::Length65536Refused);
        if zero || unmasked || rsv || padded || long || longer {
            return self.fail(1002).await;
        }
        match frame.opcode {
            Opcode::CONTINUATION | Opcode::TEXT | Opcode::BINARY => self.take_data(frame).await,
            Opcode::CLOSE | Opcode::PING | Opcode::PONG => self.take_control(frame).await,
            _ if self.is(Wrong::OpcodePass) => {}
            _ => self.fail(1002).await,
        }
    }

    async fn take_data(&mut self, frame: Frame) {
        let continues = frame.opcode == Opcode::CONTINUATION;
        if self.is(Wrong::FragmentsRefused) && (continues || !frame.fin) {
            return self.close(1003).await;
        }
        if continues != self.partial.is_some() && !self.is(Wrong::FragmentRulesPass) {
            return self.fail(1002).await;
        }
        let (opcode, mut bytes) = match continues {
            true => self.partial.take().unwrap_or((Opcode::CONTINUATION, Vec::new())),
            false => (frame.opcode, Vec::new()),
        };
        bytes.extend(&frame.payload);
        self.fragments = if frame.fin { 0 } else { self.fragments + 1 };
        let many = self.fragments > 256 && !self.is(Wrong::EmptyFragments);
        let lax = [Wrong::FragmentsUnlimited, Wrong::OverLimitPass, Wrong::HugeWaits];
        let large = bytes.len() as u64 > OUR_LIMIT && !self.world.one_of(&lax);
        if many || large {
            return self.close(1009).await;
        }
        if !frame.fin {
            self.partial = Some((opcode, bytes));
            return;
        }
        match opcode {
            Opcode::BINARY => self.take_message(bytes).await,
            Opcode::TEXT if self.is(Wrong::TextTaken) => self.take_message(bytes).await,
            Opcode::TEXT if self.is(Wrong::TextPass) => {}
            Opcode::TEXT if std::str::from_utf8(&bytes).is_err() => self.close(1007).await,
            Opcode::TEXT => {
                self.send(&Message::new(Code::ABORT).payload("text")).await;
                self.close(1003).await;
            }
            _ => {}
        }
    }

    async fn take_control(&mut self, frame: Frame) {
        let wrong = !frame.fin || frame.payload.len() > 125;
        if wrong && !self.is(Wrong::ControlRulesPass) {
            return self.fail(1002).await;
        }
        match frame.opcode {
            Opcode::PING => {
                if self.is(Wrong::ControlInsideLost) {
                    self.partial = None;
                }
                let mut data = frame.payload;
                if self.is(Wrong::WsPongCut) {
                    data.truncate(10);
                }
                if !self.is(Wrong::WsPingUnanswered) {
                    data.truncate(125);
                    self.frame(Frame::new(Opcode::PONG, data)).await;
                }
            }
            Opcode::PONG if self.is(Wrong::PongAborts) => self.abort(None, "pong").await,
            Opcode::PONG => {}
            _ => self.take_close(&frame.payload).await,
        }
    }

    async fn take_close(&mut self, body: &[u8]) {
        let code = body.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
        let reason = body.get(2..).unwrap_or_default();
        let sendable = |code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let answer = match code {
            _ if self.is(Wrong::CloseEchoesAll) => body.get(..2).unwrap_or_default().to_vec(),
            Some(4000) if self.is(Wrong::Close4000Refused) => 1002u16.to_be_bytes().to_vec(),
            _ if std::str::from_utf8(reason).is_err() => 1007u16.to_be_bytes().to_vec(),
            Some(code) if sendable(code) => code.to_be_bytes().to_vec(),
            None if body.is_empty() => Vec::new(),
            _ => 1002u16.to_be_bytes().to_vec(),
        };
        if self.is(Wrong::CloseWaits) {
            for pending in std::mem::take(&mut self.pending) {
                tokio::time::sleep_until(pending.due).await;
                self.send(&pending.response).await;
            }
        }
        if !self.is(Wrong::CloseUnanswered) {
            self.frame(Frame::new(Opcode::CLOSE, &answer)).await;
        }
        if self.is(Wrong::CloseTwice) {
            self.frame(Frame::new(Opcode::CLOSE, answer)).await;
        }
        if self.is(Wrong::CloseThenData) {
            self.send(&Message::new(Code::PING).token(b"!")).await;
        }
        if self.is(Wrong::CloseLeavesTcp) {
            std::future::pending::<()>().await;
        }
        let _ = self.io.flush().await;
        self.end().await;
    }
}

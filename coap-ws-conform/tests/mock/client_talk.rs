//! What the mock client does with what comes.

use super::client::Client;
use super::mutation_client::Odd;
use coap_ws_conform::client::Ended;
use coap_ws_conform::wire::frame::LengthForm;
use coap_ws_conform::wire::message::{Block, Code, Message};
use coap_ws_conform::wire::names::{self, *};
use coap_ws_conform::wire::{Frame, Opcode};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

impl Client {
    /// Until it has its answer, or knows that there will be none.
    pub(super) async fn converse(&mut self, rest: Vec<u8>) {
        let by = Instant::now() + Duration::from_secs(30);
        let csm_by = Instant::now() + Duration::from_secs(10);
        self.reader.feed(&rest);
        while !self.over {
            match self.reader.take() {
                Ok(Some((frame, raw))) => self.take_frame(frame, &raw).await,
                Ok(None) => {
                    let mut space = vec![0; 16 * 1024];
                    let missing = !self.peer.csm && !self.is(Odd::CsmForever);
                    let until = if missing { csm_by } else { by };
                    match timeout_at(until, self.io.read(&mut space)).await {
                        Ok(Ok(n)) if n > 0 => self.reader.feed(&space[..n]),
                        Err(_) if missing => self.abort(None, "no CSM").await,
                        Err(_) if self.is(Odd::CsmForever) => std::future::pending().await,
                        _ => return,
                    }
                }
                Err(_) => self.abort(None, "too large").await,
            }
            // One answer is enough; what stands behind it is looked at first.
            let stays = self.releasing && self.is(Odd::ReleaseIgnored);
            if self.ended.is_some() && self.reader.rest().is_empty() && !self.over && !stays {
                return self.close(1000).await;
            }
        }
    }

    async fn take_frame(&mut self, frame: Frame, raw: &[u8]) {
        let _ = raw;
        let wrong = (frame.mask.is_some() && !self.is(Odd::MaskedPass))
            || (frame.rsv != 0 && !self.is(Odd::RsvPass))
            || (frame.length != LengthForm::Minimal && !self.is(Odd::LengthLax))
            || (frame.opcode.is_control()
                && frame.payload.len() > 125
                && !self.is(Odd::ControlPass));
        if wrong {
            return self.close(1002).await;
        }
        match frame.opcode {
            Opcode::PING if self.is(Odd::PingUnanswered) => {}
            Opcode::PING => {
                let data = &frame.payload[..frame.payload.len().min(125)];
                self.frame(Frame::new(Opcode::PONG, data)).await;
            }
            Opcode::PONG => {}
            Opcode::CLOSE => {
                if !self.is(Odd::CloseUnanswered) {
                    self.frame(Frame::new(Opcode::CLOSE, &frame.payload)).await;
                }
                self.end().await;
            }
            Opcode::TEXT if self.is(Odd::TextPass) => {}
            Opcode::TEXT => self.close(1003).await,
            Opcode::BINARY | Opcode::CONTINUATION => self.take_data(frame).await,
            _ if self.is(Odd::OpcodePass) => {}
            _ => self.close(1002).await,
        }
    }

    async fn take_data(&mut self, frame: Frame) {
        let continues = frame.opcode == Opcode::CONTINUATION;
        if continues && self.partial.is_none() {
            if !self.is(Odd::OpcodePass) {
                self.close(1002).await;
            }
            return;
        }
        if self.is(Odd::FragmentsRefused) && (continues || !frame.fin) {
            return self.close(1003).await;
        }
        let mut bytes = self.partial.take().unwrap_or_default();
        bytes.extend(frame.payload);
        if !frame.fin {
            self.partial = Some(bytes);
            return;
        }
        match Message::parse(&bytes) {
            Ok(message) if message.len != 0 => {
                if !self.is(Odd::LenPass) {
                    self.abort(None, "Len").await;
                }
            }
            Ok(message) => self.take_message(message).await,
            Err(error) => self.take_malformed(error.why).await,
        }
    }

    async fn take_malformed(&mut self, why: &str) {
        let passes = match why {
            "no header" | "half a header" => self.is(Odd::ShortPass),
            "token length 15" => self.is(Odd::Tkl15Pass),
            "the token is cut short" => self.is(Odd::TokenCutPass),
            "a payload marker without a payload" => self.is(Odd::MarkerPass),
            "option delta 15" => self.is(Odd::Delta15Pass),
            "option length 15" => self.is(Odd::Length15Pass),
            "an option number above 65535" => self.is(Odd::NumberPass),
            "an Empty message with more than a header" => self.is(Odd::EmptyMorePass),
            _ => self.is(Odd::ValueCutPass),
        };
        if passes {
            return;
        }
        match self.is(Odd::MalformedCloses) {
            true => self.close(1002).await,
            false => self.abort(None, why).await,
        }
    }

    async fn take_message(&mut self, message: Message) {
        let first = !self.peer.csm && message.code != Code::CSM && message.code != Code::EMPTY;
        if first && message.code != Code::ABORT && !self.is(Odd::CsmMissingPass) {
            return self.abort(None, "no CSM").await;
        }
        match message.code {
            Code::EMPTY if self.is(Odd::EmptyAnswered) => {
                self.send(&Message::new(Code::NOT_FOUND).payload("?").bytes()).await;
            }
            Code::EMPTY => {}
            code if code.is_signaling() => self.take_signaling(message).await,
            code if code.is_request() => self.take_request(&message).await,
            code if code.is_response() || self.is(Odd::ClassThreeTaken) => {
                self.take_response(message).await;
            }
            _ => {
                let ours = self.request.as_ref().is_some_and(|own| own.token == message.token);
                if ours {
                    self.done(false, b"a reserved class");
                }
            }
        }
    }

    async fn take_signaling(&mut self, message: Message) {
        let unknown = |parity: u16| {
            let options = message.options.iter();
            options
                .map(|(n, _)| *n)
                .find(|n| n % 2 == parity && names::option(message.code, *n).is_none())
        };
        if let Some(option) = unknown(1).filter(|_| !self.is(Odd::CriticalPass)) {
            let blame = (message.code == Code::CSM).then_some(option);
            return self.abort(blame, "a critical option").await;
        }
        let again = message.code == Code::CSM && self.peer.csm && self.is(Odd::CsmOnce);
        let elective = unknown(0).is_some() && self.is(Odd::ElectiveFatal);
        if again || elective || (message.code == Code::PONG && self.is(Odd::PongFatal)) {
            return self.abort(None, "not to our taste").await;
        }
        match message.code {
            Code::CSM => {
                self.peer.apply(&message);
                if self.is(Odd::CsmWaits) {
                    self.send_csm().await;
                    self.ask().await;
                }
            }
            Code::PING if !self.is(Odd::Pongless) => {
                let lost = self.is(Odd::PongTokenLost);
                let token = if lost { Vec::new() } else { message.token };
                let pong = Message::new(Code::PONG).token(&token);
                self.send(&pong.payload("pong").bytes()).await;
            }
            Code::RELEASE if self.is(Odd::ReleaseFatal) => self.abort(None, "released").await,
            Code::RELEASE if self.is(Odd::ReleaseFails) => self.close(1000).await,
            // It waits for its answer, and closes then.
            Code::RELEASE => self.releasing = true,
            Code::ABORT if self.is(Odd::AbortedAborts) => self.abort(None, "back").await,
            Code::ABORT if self.is(Odd::AbortedReads) => {}
            Code::ABORT => self.close(1000).await,
            Code::PING | Code::PONG => {}
            _ if self.is(Odd::UnassignedFatal) => self.abort(None, "unassigned").await,
            _ => {}
        }
    }

    async fn take_request(&mut self, request: &Message) {
        let ours = self.request.as_ref().is_some_and(|own| own.token == request.token);
        if self.is(Odd::ServesNothing) || (ours && self.is(Odd::TokensShared)) {
            return;
        }
        let code = if self.is(Odd::ServesAll) { Code::CONTENT } else { Code::NOT_IMPLEMENTED };
        let answer = Message::new(code).token(&request.token).payload("no server");
        self.send(&answer.bytes()).await;
    }

    fn done(&mut self, success: bool, output: &[u8]) {
        if self.ended.is_none() || self.is(Odd::LastCounts) {
            self.ended = Some(Ended { success, output: output.to_vec() });
        }
        if !self.is(Odd::LastCounts) {
            self.request = None;
        }
    }

    async fn take_response(&mut self, answer: Message) {
        let Some(request) = self.request.clone() else { return self.orphan().await };
        let prefix = self.is(Odd::TokenPrefix) && answer.token.starts_with(&request.token);
        if answer.token != request.token && !prefix {
            return self.orphan().await;
        }
        if self.is(Odd::TakesNothing) {
            return;
        }
        let critical = answer.options.iter().any(|(n, _)| {
            let place = names::option(answer.code, *n).map(|info| info.place);
            n % 2 == 1 && !matches!(place, Some(names::In::Both | names::In::Response))
        });
        let elective = answer
            .options
            .iter()
            .any(|(n, _)| n % 2 == 0 && names::option(answer.code, *n).is_none());
        let refused = (critical && !self.is(Odd::ResponseCriticalTaken))
            || (elective && self.is(Odd::ResponseElectiveRefused))
            || (answer.code == Code(0x5e) && self.is(Odd::UnknownSuccessFails));
        if refused {
            return self.done(false, b"rejected");
        }
        if answer.code == Code(0x81) && answer.has(ECHO) && !self.is(Odd::EchoIgnored) {
            let echo = answer.first(ECHO).unwrap_or_default().to_vec();
            let again = Message { token: Vec::new(), ..request };
            return self.say_request(again.option(ECHO, echo)).await;
        }
        if answer.has(OBSERVE) && self.observes {
            return self.notified(&answer);
        }
        let success =
            answer.code.is_success() || self.is(Odd::ErrorsTaken) || answer.code.class() == 3;
        if let Some(value) = answer.first(BLOCK2).filter(|_| success) {
            let block = Block::parse(value);
            return self.take_block(&request, &answer, block).await;
        }
        self.done(success, &answer.payload);
        if self.releasing && !self.is(Odd::ReleaseIgnored) {
            self.close(1000).await;
        }
    }

    async fn orphan(&mut self) {
        if self.is(Odd::OrphansFatal) {
            self.abort(None, "a response to nothing").await;
        }
    }

    /// Three notifications are what it waits for.
    fn notified(&mut self, answer: &Message) {
        let value = answer.number(OBSERVE);
        let older = self.notified.is_some() && value <= self.notified;
        if older && self.is(Odd::ObserveOrders) {
            return;
        }
        self.notified = value.max(self.notified);
        self.tokens += 1;
        if self.tokens > 0x13 {
            let payload = answer.payload.clone();
            self.done(true, &payload);
        }
    }

    async fn take_block(&mut self, request: &Message, answer: &Message, block: Block) {
        let etag = answer.first(ETAG).map(<[u8]>::to_vec);
        let first = self.body.is_empty();
        let other = !first && etag != self.etag && !self.is(Odd::BlockEtags);
        let moved = block.offset() != self.body.len() && !self.is(Odd::BlockNumbers);
        if other || moved {
            return self.done(false, b"blocks that do not fit");
        }
        self.etag = etag;
        self.body.extend(&answer.payload);
        if !block.more {
            let body = self.body.clone();
            return self.done(true, &body);
        }
        let szx = if self.is(Odd::BlockLarger) { 6 } else { block.szx };
        let unit = Block::new(0, false, szx).unit();
        let mut num = (self.body.len() / unit) as u32;
        if self.is(Odd::BertBlocks) {
            num = block.num + 1;
        }
        let mut next = Message { token: Vec::new(), ..request.clone() };
        next.options.retain(|(number, _)| *number != BLOCK2);
        if self.is(Odd::BlockBare) {
            next.options.clear();
        }
        self.say_request(next.option(BLOCK2, Block::new(num, false, szx).value())).await;
    }
}

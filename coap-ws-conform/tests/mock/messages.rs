//! CoAP messages as the mock server takes them: format first, then what they are.

use super::mutation::Wrong;
use super::server::{OUR_LIMIT, OUR_TOKEN, Pending, Server};
use coap_ws_conform::wire::FormatError;
use coap_ws_conform::wire::message::{Code, Message};
use coap_ws_conform::wire::names;
use tokio::time::Instant;

impl Server {
    pub(super) async fn take_message(&mut self, bytes: Vec<u8>) {
        self.in_read += 1;
        self.count += 1;
        if self.is(Wrong::OnePerRead) && self.in_read > 1 {
            return;
        }
        if self.is(Wrong::FloodSilent) && self.count > 40 {
            return;
        }
        let busy = !self.pending.is_empty() || self.asked.is_some();
        let is_response = bytes.get(1).is_some_and(|code| Code(*code).is_response());
        if self.is(Wrong::HeadOfLine) && busy && !is_response {
            self.backlog.push(bytes);
            return;
        }
        if bytes.len() == 2 && self.is(Wrong::TwoBytesDropped) {
            return;
        }
        if bytes.len() as u64 == OUR_LIMIT && self.is(Wrong::LimitOffByOne) {
            return self.abort(None, "too large").await;
        }
        match Message::parse(&bytes) {
            Ok(message) => match self.malformed(&message) {
                Some(why) => self.reject(&bytes, &FormatError { at: 0, why }).await,
                None => self.take_parsed(message).await,
            },
            Err(error) => self.reject(&bytes, &error).await,
        }
    }

    /// What the reader leaves to be judged.
    fn malformed(&self, message: &Message) -> Option<&'static str> {
        let short = self.world.one_of(&[Wrong::TokenLongPass]);
        let longest = if short { 8 } else { OUR_TOKEN };
        let long = message.token.len() as u64 > longest;
        let response_long = self.is(Wrong::TokenLongResponse) && message.token.len() > 8;
        let refused = self.is(Wrong::TokenLongRefused) && message.token.len() > 11;
        let any = |test: fn(&[u8]) -> bool| message.options.iter().any(|(_, value)| test(value));
        if message.len != 0 && !self.is(Wrong::LenPass) {
            return Some("Len is not 0");
        }
        if message.code.is_response() {
            return response_long.then_some("a long token");
        }
        if (long && !self.is(Wrong::TokenLongPass)) || refused {
            return Some("a long token");
        }
        if self.is(Wrong::PayloadFfRefused) && message.payload.first() == Some(&0xff) {
            return Some("two markers");
        }
        if self.is(Wrong::ValueFfRefused) && any(|value| value.contains(&0xff)) {
            return Some("a marker in a value");
        }
        if self.is(Wrong::LengthByteBad) && any(|value| (13..269).contains(&value.len())) {
            return Some("a length");
        }
        if self.is(Wrong::LengthBytesBad) && any(|value| value.len() >= 269) {
            return Some("a length");
        }
        if self.is(Wrong::LongestNibbleBad) && any(|value| value.len() == 12) {
            return Some("a length");
        }
        if self.is(Wrong::Code31Aborts) && message.code == Code(0xff) {
            return Some("a marker in the code");
        }
        None
    }

    /// A message that is none.
    async fn reject(&mut self, bytes: &[u8], error: &FormatError) {
        let first = bytes.get(1).map_or(Code::EMPTY, |code| Code(*code));
        let passes = match error.why {
            "no header" | "half a header" if self.is(Wrong::ShortPass) => {
                return self.close(1011).await;
            }
            "token length 15" => self.is(Wrong::Tkl15Pass),
            "the token is cut short" | "the extension of the token length is missing" => {
                self.is(Wrong::TokenCutPass)
            }
            "a payload marker without a payload" => self.is(Wrong::MarkerPass),
            "option delta 15" => self.is(Wrong::Delta15Pass),
            "option length 15" => self.is(Wrong::Length15Pass),
            "the extension of an option is missing" | "an option value is cut short" => {
                self.is(Wrong::ValueCutPass)
                    || (self.is(Wrong::CsmInvalidPass) && first == Code::CSM)
            }
            "an option number above 65535" => self.is(Wrong::NumberPass),
            "an Empty message with more than a header" => self.is(Wrong::EmptyMorePass),
            _ => false,
        };
        if passes {
            if first == Code::CSM {
                self.peer.csm = true;
            }
            return;
        }
        if self.is(Wrong::MalformedWedges) {
            return std::future::pending().await;
        }
        if self.is(Wrong::MalformedCloses) {
            return self.close(1007).await;
        }
        if self.is(Wrong::MalformedProcessed) && first.is_request() {
            let token = bytes.get(2..3).unwrap_or_default();
            self.send(&Message::new(Code::CONTENT).token(token)).await;
        }
        if self.is(Wrong::AbortLost) {
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let mut space = [0; 1024];
            let more = tokio::io::AsyncReadExt::read(&mut self.io, &mut space);
            let more = tokio::time::timeout(std::time::Duration::from_millis(5), more).await;
            if matches!(more, Ok(Ok(n)) if n > 0) {
                self.over = true;
                return;
            }
        }
        self.abort(None, error.why).await;
    }

    async fn take_parsed(&mut self, message: Message) {
        if !self.peer.csm && message.code != Code::CSM {
            return self.before_csm(message).await;
        }
        self.dispatch(message).await;
    }

    /// Something comes before the CSM.
    async fn before_csm(&mut self, message: Message) {
        match message.code {
            Code::EMPTY if self.is(Wrong::EmptyFirstFatal) => self.abort(None, "no CSM").await,
            Code::EMPTY => {}
            Code::RELEASE | Code::ABORT if self.is(Wrong::FirstReleasePass) => {}
            Code::ABORT if self.is(Wrong::AbortedAborts) => self.abort(None, "back").await,
            Code::ABORT | Code::RELEASE => self.close(1000).await,
            _ if self.is(Wrong::CsmMissingPass) => self.dispatch(message).await,
            _ if self.is(Wrong::CsmMissingCloses) => self.close(1000).await,
            _ => self.abort(None, "the first message is no CSM").await,
        }
    }

    pub(super) async fn dispatch(&mut self, message: Message) {
        if message.code.is_request() {
            return self.take_request(message).await;
        }
        if message.code.is_response()
            || (self.is(Wrong::ClassThreeTaken) && message.code.class() == 3)
        {
            return self.take_response(message).await;
        }
        if message.code.is_signaling() {
            return self.take_signaling(message).await;
        }
        if message.code == Code::EMPTY {
            if self.is(Wrong::EmptyAnswered) {
                self.send(&Message::new(Code::NOT_FOUND)).await;
            }
            return;
        }
        if self.is(Wrong::ClassesAnswered) {
            let answer = Message::new(Code::METHOD_NOT_ALLOWED).token(&message.token);
            self.send(&answer).await;
        }
        if self.is(Wrong::ClassesFatal) {
            self.abort(None, "a reserved class").await;
        }
    }

    /// A response: to the one request that we ask, or to nobody.
    async fn take_response(&mut self, message: Message) {
        let ours = self.asked.as_ref().is_some_and(|(token, _)| {
            let prefix = self.is(Wrong::TokenPrefix) && message.token.starts_with(token);
            *token == message.token || prefix
        });
        if !ours {
            return self.orphan(&message).await;
        }
        let Some((_, outer)) = self.asked.take() else { return };
        let critical = message
            .options
            .iter()
            .any(|(number, _)| number % 2 == 1 && names::option(message.code, *number).is_none());
        if critical && self.is(Wrong::CriticalFatal) {
            return self.close(1002).await;
        }
        let taken = self.is(Wrong::UnknownErrorTaken)
            || (message.code.is_success() || message.code.class() == 3)
                && (!critical || self.is(Wrong::CriticalTaken))
                && (!self.is(Wrong::UnknownSuccessFails) || message.code != Code(0x5e));
        let response = match taken {
            true => Message::new(Code::CONTENT).payload(&message.payload),
            false => Message::new(Code(0xa2)).payload("you did not say"),
        };
        self.respond(&outer, response).await;
        self.catch_up().await;
    }

    async fn orphan(&mut self, message: &Message) {
        if self.is(Wrong::TokensShared) {
            self.pending.retain(|pending| pending.request.token != message.token);
        }
        if self.is(Wrong::OrphansAnswered) {
            self.send(&Message::new(Code::NOT_FOUND).token(&message.token)).await;
        }
        let second = self.is(Wrong::SecondAnswerFatal) && self.answers > 0;
        if self.is(Wrong::OrphansFatal) || second {
            self.abort(None, "a response to nothing").await;
        }
    }

    /// What has waited for something to be done.
    pub(super) async fn catch_up(&mut self) {
        while self.is(Wrong::HeadOfLine) && self.pending.is_empty() && self.asked.is_none() {
            if self.backlog.is_empty() || self.over {
                return;
            }
            let bytes = self.backlog.remove(0);
            self.count -= 1;
            Box::pin(self.take_message(bytes)).await;
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.pending.iter().map(|pending| pending.due).min()
    }

    /// Sends what is due.
    pub(super) async fn ripe(&mut self) {
        let now = Instant::now();
        let all = std::mem::take(&mut self.pending);
        let (due, left): (Vec<Pending>, Vec<Pending>) =
            all.into_iter().partition(|pending| pending.due <= now);
        self.pending = left;
        for pending in due {
            self.respond(&pending.request, pending.response).await;
        }
        self.settle().await;
        self.catch_up().await;
    }

    /// With nothing pending, Pongs with Custody may go, and the connection if it is released.
    pub(super) async fn settle(&mut self) {
        if !self.pending.is_empty() || self.over {
            return;
        }
        for token in std::mem::take(&mut self.custody) {
            let pong = Message::new(Code::PONG).token(&token);
            self.send(&pong.option(names::CUSTODY, [])).await;
        }
        if self.releasing {
            self.close(1000).await;
        }
    }
}

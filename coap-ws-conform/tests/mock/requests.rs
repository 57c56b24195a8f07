//! Requests as the mock server takes them, and how its responses leave.

use super::mutation::Wrong;
use super::options::Checked;
use super::server::{Pending, Server};
use coap_ws_conform::wire::message::{Code, Message};
use coap_ws_conform::wire::names::*;
use std::time::Duration;
use tokio::time::Instant;

impl Server {
    pub(super) async fn take_request(&mut self, request: Message) {
        if self.forgets(&request).await {
            return;
        }
        let checked = match self.check(&request) {
            Checked::Go(checked) => checked,
            Checked::Close(code) => return self.close(code).await,
            Checked::Refuse(_) if self.is(Wrong::OptionsFatal) => {
                return self.abort(None, "a bad option").await;
            }
            Checked::Refuse(refusal) => return self.respond(&request, refusal).await,
        };
        if let Some(refusal) = self.refusal(&checked) {
            return self.respond(&request, refusal).await;
        }
        if self.is(Wrong::HostSilent) && checked.first(URI_HOST).is_some_and(|host| host != b"mock")
        {
            return;
        }
        let path = self.path(&checked);
        match path.as_str() {
            "/slow" => self.slow(checked).await,
            "/reverse" => self.reverse(checked).await,
            _ => {
                let response = self.resource(&path, &checked);
                if self.world.one_of(&[Wrong::ReleaseAtOnce, Wrong::HalfCloseDrops]) {
                    return self.later(checked, response);
                }
                self.respond(&checked, response).await;
            }
        }
    }

    /// Answers when this read is done with.
    pub(super) fn later(&mut self, request: Message, response: Message) {
        self.pending.push(Pending { due: Instant::now(), request, response });
    }

    /// Mutations that drop a request.
    async fn forgets(&mut self, request: &Message) -> bool {
        let token = request.token.clone();
        let again = self.seen.contains(&token);
        let twice = self.is(Wrong::TokenOnce) && again;
        let empty = self.is(Wrong::EmptyTokenLost) && token.is_empty();
        let ours = self.is(Wrong::TokensShared)
            && self.asked.as_ref().is_some_and(|(own, _)| *own == token);
        let many = self.is(Wrong::PipelineShort) && self.in_read > 8;
        let silent = self.is(Wrong::ManySilent) && request.options.len() > 100;
        let with_csm = self.is(Wrong::PipelineForbidden) && self.count == 2 && self.in_read == 2;
        if request.has(NO_RESPONSE) && self.is(Wrong::NrFatal) {
            self.close(1002).await;
            return true;
        }
        self.seen.push(token);
        twice || empty || ours || many || silent || with_csm
    }

    /// What is refused before any resource is looked at.
    fn refusal(&self, request: &Message) -> Option<Message> {
        let answer = |code: Code, text: &str| Some(Message::new(code).payload(text));
        let hops = request.first(HOP_LIMIT);
        let bad_hops = hops.is_some_and(|value| value.len() != 1 || value[0] == 0);
        if bad_hops && !self.is(Wrong::HopsIgnored) {
            return answer(Code::BAD_REQUEST, "Hop-Limit");
        }
        if request.has(SIZE1) && self.is(Wrong::Size1Refused) {
            return answer(Code::BAD_REQUEST, "Size1");
        }
        if request.has(PROXY_URI) && !self.is(Wrong::ProxyIgnored) {
            return answer(Code::PROXYING, "no proxy");
        }
        if request.has(PROXY_SCHEME) && !self.is(Wrong::ProxySchemeIgnored) {
            return answer(Code::PROXYING, "no proxy");
        }
        let dots = request.all(URI_PATH).any(|segment| segment == b"." || segment == b"..");
        if dots && !self.is(Wrong::DotsResolved) {
            return answer(Code::BAD_OPTION, "dots in the path");
        }
        if request.code == Code::GET && !request.payload.is_empty() && self.is(Wrong::PayloadOfGet)
        {
            return answer(Code::BAD_REQUEST, "a payload");
        }
        if request.code.0 > Code::IPATCH.0 && !self.is(Wrong::MethodsTaken) {
            let code = match self.is(Wrong::MethodNotImplemented) {
                true => Code::NOT_IMPLEMENTED,
                false => Code::METHOD_NOT_ALLOWED,
            };
            return answer(code, "no such method");
        }
        None
    }

    /// The path, with what mutations make of it.
    fn path(&self, request: &Message) -> String {
        let mut segments: Vec<String> = Vec::new();
        for segment in request.all(URI_PATH) {
            let mut segment = String::from_utf8_lossy(segment).into_owned();
            if self.is(Wrong::PathsFold) {
                segment = segment.to_ascii_lowercase();
            }
            if self.is(Wrong::PercentDecoded) {
                segment = segment.replace("%68", "h");
            }
            match segment.as_str() {
                "." if self.is(Wrong::DotsResolved) => {}
                ".." if self.is(Wrong::DotsResolved) => {
                    segments.pop();
                }
                // One that splits at slashes cannot tell.
                _ => segments.push(match self.is(Wrong::SlashSplits) {
                    true => segment,
                    false => segment.replace('/', "\\"),
                }),
            }
        }
        if self.is(Wrong::PathsFlat) && segments.first().is_some_and(|s| s != ".well-known") {
            segments.truncate(1);
        }
        format!("/{}", segments.join("/"))
    }

    async fn slow(&mut self, request: Message) {
        if self.is(Wrong::PendingOne) {
            self.pending.clear();
        }
        let response = Message::new(Code::CONTENT).uint(CONTENT_FORMAT, 0).payload("slow");
        let due = Instant::now() + Duration::from_millis(300);
        self.pending.push(Pending { due, request, response });
    }

    /// Asks the client for /hello.
    async fn reverse(&mut self, request: Message) {
        if self.is(Wrong::AsksNothing) {
            let response = Message::new(Code::CONTENT).payload("whatever");
            return self.respond(&request, response).await;
        }
        let mut token = vec![0x77];
        if self.is(Wrong::TokenOwnLong) {
            token = vec![0x77; 9];
        }
        let question = Message::new(Code::GET).token(&token).path("/hello");
        self.asked = Some((token, request));
        self.send(&question).await;
    }

    /// Sends a response, as it fits and if it is wanted.
    pub(super) async fn respond(&mut self, request: &Message, response: Message) {
        let mut response = self.dressed(request, response);
        if self.is(Wrong::TokensGlobal) {
            let mut state = self.world.state();
            let known = state.answered.entry(request.token.clone()).or_insert(response.clone());
            response = known.clone();
        }
        if self.hidden(request, response.code) {
            return;
        }
        let mut fitted = self.fitted(request, response);
        let bare = fitted.bytes().len() == 2 && !self.is(Wrong::ShortSent);
        if bare {
            fitted = fitted.option(MAX_AGE, []);
        }
        // Not even the bare response fits: the token is longer than what is taken back.
        let limit = self.peer.max_message_size as usize;
        if fitted.bytes().len() > limit.max(64)
            && !self.world.one_of(&[Wrong::TokenOverLimit, Wrong::MmsIgnored, Wrong::BlocksLarge])
            && Message::new(fitted.code).token(&fitted.token).bytes().len() > limit
        {
            return self.abort(None, "no response fits").await;
        }
        self.answers += 1;
        let second = self.is(Wrong::Twice).then(|| fitted.clone());
        if self.is(Wrong::ClassSent) {
            self.send(&Message { code: Code(0x65), ..fitted.clone() }).await;
        }
        self.send(&fitted).await;
        if let Some(second) = second {
            self.send(&second).await;
        }
    }

    /// The token, and what mutations add.
    fn dressed(&self, request: &Message, response: Message) -> Message {
        let mut response = response.token(&request.token);
        if self.is(Wrong::ErrorsLoseToken) && response.code.is_error() {
            response.token.clear();
        }
        if self.is(Wrong::TokensAreText) {
            let end = response.token.iter().position(|byte| *byte == 0);
            response.token.truncate(end.unwrap_or(usize::MAX));
        }
        if self.is(Wrong::TokenCut) {
            response.token.truncate(7);
        }
        if response.code == Code::CONTENT {
            if self.is(Wrong::LongOptionSent) {
                response = response.option(ETAG, b"123456789");
            }
            if self.is(Wrong::EtagTwice) {
                response = response.option(ETAG, b"1").option(ETAG, b"2");
            }
            if self.is(Wrong::PlaceSent) {
                response = response.option(URI_PATH, "a");
            }
            if self.is(Wrong::DefaultSent) {
                response = response.option(MAX_AGE, [60]);
            }
            if self.is(Wrong::UintLong) {
                response = response.option(MAX_AGE, [0, 10]);
            }
            if self.is(Wrong::BertAlways) && !response.has(BLOCK2) {
                response = response.option(BLOCK2, [7]);
            }
        }
        if response.code.is_error() {
            if self.is(Wrong::ObserveOnErrors) {
                response = response.option(OBSERVE, []);
            }
            if response.payload.is_empty()
                && response.token.is_empty()
                && !self.is(Wrong::ShortSent)
            {
                response = response.payload("an error");
            }
            if self.is(Wrong::ShortSent) {
                response.payload.clear();
            }
        }
        response
    }

    /// Whether No-Response hides it (RFC 7967).
    fn hidden(&self, request: &Message, code: Code) -> bool {
        let Some(value) = request.first(NO_RESPONSE) else { return false };
        let n = coap_ws_conform::wire::number(value) as u8;
        if self.is(Wrong::NrZeroHides) {
            return true;
        }
        if self.is(Wrong::NrOneBit) {
            return n == 26;
        }
        if self.is(Wrong::NrHidesErrors) && code.is_error() && n != 0 {
            return true;
        }
        if self.is(Wrong::NrHidesSuccess) && code.is_success() && n != 0 {
            return true;
        }
        n & 1 << (code.class() - 1) != 0
    }
}

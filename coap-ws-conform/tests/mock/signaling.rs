//! Signaling messages as the mock server takes them.

use super::mutation::Wrong;
use super::server::Server;
use coap_ws_conform::conn::Settings;
use coap_ws_conform::wire::message::{Code, Message};
use coap_ws_conform::wire::names::*;
use tokio::time::Instant;

impl Server {
    pub(super) async fn take_signaling(&mut self, message: Message) {
        if message.code == Code::ABORT {
            return self.take_abort(&message).await;
        }
        if let Some(option) = self.unknown_critical(&message) {
            let csm = message.code == Code::CSM || self.is(Wrong::BlameOthers);
            return self.abort(csm.then_some(u64::from(option)), "a critical option").await;
        }
        let elective =
            message.options.iter().any(|(n, _)| n % 2 == 0 && option(message.code, *n).is_none());
        let payload = !message.payload.is_empty() && self.is(Wrong::SignalingPayloadFatal);
        let token = message.code == Code::CSM
            && !message.token.is_empty()
            && self.is(Wrong::SignalingTokenFatal);
        let lengths = self.is(Wrong::SignalingLengthFatal) && wrong_lengths(&message);
        let fatal =
            (elective && self.is(Wrong::SignalingElectiveFatal)) || payload || token || lengths;
        if fatal {
            return self.abort(None, "not to our taste").await;
        }
        match message.code {
            Code::CSM => self.take_csm(&message).await,
            Code::PING => self.take_ping(&message).await,
            Code::PONG => self.take_pong(&message).await,
            Code::RELEASE => self.take_release(&message).await,
            _ if self.is(Wrong::UnassignedFatal) => self.abort(None, "unassigned").await,
            _ => {}
        }
    }

    fn unknown_critical(&self, message: &Message) -> Option<u16> {
        let unknown = |n: u16| {
            let passes = self.is(Wrong::SignalingCriticalPass)
                || (self.is(Wrong::SignalingOscorePass) && n == OSCORE);
            n % 2 == 1 && !passes
        };
        message.options.iter().map(|(n, _)| *n).find(|n| unknown(*n))
    }

    async fn take_csm(&mut self, csm: &Message) {
        let before = self.peer;
        if before.csm && self.is(Wrong::CsmOnce) {
            return self.abort(None, "a second CSM").await;
        }
        if self.is(Wrong::CsmFlood) && self.in_read > 8 {
            self.over = true;
            return std::future::pending().await;
        }
        let size = csm.first(MAX_MESSAGE_SIZE);
        let etl = csm.number(EXTENDED_TOKEN_LENGTH);
        let zeros = size.is_some_and(|value| value.len() > 1 && value[0] == 0);
        let fatal = (self.is(Wrong::MmsLarge) && size.is_some_and(|value| value.len() == 4))
            || (self.is(Wrong::ZerosRefused) && zeros)
            || (self.is(Wrong::EtlLowFatal) && etl.is_some_and(|n| n < 8))
            || (self.is(Wrong::EtlHighFatal) && etl.is_some_and(|n| n > 65_804))
            || (self.is(Wrong::EtlOnce) && before.extended_token_length > 8 && etl.is_some());
        if fatal {
            return self.abort(None, "not to our taste").await;
        }
        if self.is(Wrong::CsmResets) {
            self.peer = Settings::default();
        }
        if self.is(Wrong::MmsUnknown) && !before.csm {
            self.peer.max_message_size = 8 << 20;
        }
        self.peer.apply(csm);
        if self.is(Wrong::MmsFirstOnly) && before.csm {
            self.peer.max_message_size = before.max_message_size;
        }
        if self.is(Wrong::SettingsGlobal) {
            let mut state = self.world.state();
            let smallest = state.settings.max_message_size.min(self.peer.max_message_size);
            state.settings.max_message_size = smallest;
            self.peer.max_message_size = smallest;
        }
        if self.peer.max_message_size < 32 && !self.is(Wrong::MmsZeroPass) {
            self.peer.max_message_size = before.max_message_size;
            self.abort(Some(u64::from(MAX_MESSAGE_SIZE)), "too small").await;
        }
    }

    async fn take_ping(&mut self, ping: &Message) {
        let asks = ping.first(CUSTODY);
        if asks.is_some_and(|value| !value.is_empty()) && self.is(Wrong::CustodyValueFatal) {
            return self.abort(None, "custody").await;
        }
        if self.is(Wrong::PongOnce) && self.seen.contains(&ping.token) {
            return;
        }
        self.seen.push(ping.token.clone());
        let shared = self.is(Wrong::PingTokenShared) && self.seen.len() > 1;
        if shared && self.seen[..self.seen.len() - 1].contains(&ping.token) {
            return;
        }
        let idle = self.pending.is_empty();
        let asks = asks.is_some_and(<[u8]>::is_empty);
        let mut pong = Message::new(Code::PONG).token(&ping.token);
        if self.is(Wrong::PongTokenLost) {
            pong.token.clear();
        }
        if pong.token.is_empty() && !self.is(Wrong::ShortSent) {
            pong = pong.payload("pong");
        }
        if self.is(Wrong::ReleaseAtOnce) {
            return self.later(ping.clone(), pong);
        }
        if (self.is(Wrong::CustodyAtOnce) && asks) || self.is(Wrong::CustodyAlways) {
            return self.send(&pong.option(CUSTODY, [])).await;
        }
        let waits = !idle && (asks || self.is(Wrong::PongWaits));
        if waits && !self.is(Wrong::CustodyUnsaid) {
            self.custody.push(ping.token.clone());
            return;
        }
        if asks && idle && !self.is(Wrong::CustodyUnsaid) {
            pong = pong.option(CUSTODY, []);
        }
        self.send(&pong).await;
    }

    async fn take_pong(&mut self, pong: &Message) {
        if self.is(Wrong::PongCustodyFatal) && pong.has(CUSTODY) {
            return self.abort(None, "custody").await;
        }
        if self.is(Wrong::PongAnswered) && pong.token != b"?" {
            self.send(&Message::new(Code::PING).token(b"?")).await;
            self.send(&Message::new(Code::NOT_FOUND).token(&pong.token)).await;
        }
    }

    async fn take_release(&mut self, release: &Message) {
        let alternative = release.first(ALTERNATIVE_ADDRESS).is_some_and(|value| !value.is_empty());
        if (alternative && self.is(Wrong::AlternativeFatal))
            || (release.has(HOLD_OFF) && self.is(Wrong::HoldOffFatal))
        {
            return self.abort(None, "not to our taste").await;
        }
        if self.is(Wrong::ReleaseIgnored) {
            return;
        }
        if self.is(Wrong::ReleaseFatal) {
            return self.abort(None, "released").await;
        }
        self.releasing = true;
        if self.is(Wrong::ReleaseAtOnce) {
            self.pending.clear();
        }
        // What is ready goes first.
        for pending in &mut self.pending {
            pending.due = pending.due.max(Instant::now());
        }
        self.settle().await;
    }

    async fn take_abort(&mut self, _: &Message) {
        if self.is(Wrong::AbortedStays) {
            return;
        }
        if self.is(Wrong::AbortedAborts) {
            return self.abort(None, "back").await;
        }
        if self.is(Wrong::AbortedAnswers) {
            for pending in std::mem::take(&mut self.pending) {
                tokio::time::sleep_until(pending.due).await;
                self.send(&pending.response).await;
            }
        }
        self.close(1000).await;
    }
}

fn wrong_lengths(message: &Message) -> bool {
    let mut last = None;
    message.options.iter().any(|(n, value)| {
        let info = option(message.code, *n);
        let repeated = last == Some(*n) && info.is_some_and(|info| !info.repeatable);
        last = Some(*n);
        let fits = info.is_none_or(|info| (info.shortest..=info.longest).contains(&value.len()));
        !fits || repeated
    })
}

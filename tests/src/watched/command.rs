//! What the application wants: each call, and whether it was right.

use super::{Snapshot, Watched};
use crate::model::{Want, ensure};
use coap_ws_core::message::{Encode, Message, OptionNumber, encode_message};
use coap_ws_core::{
    ExchangeId, Instant, Phase, PingId, Refused, RefusedWhy, ReleaseOptions, RequestOptions,
    Responder, SendError,
};

impl Watched {
    /// A request is to be sent.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn request(
        &mut self,
        now: Instant,
        message: &dyn Encode,
        options: RequestOptions,
    ) -> Result<ExchangeId, SendError> {
        let before = self.begin(now);
        let id = self.call(|node| node.request(now, message, options));
        self.line(7, &[], format_args!("request {:?}: {id:?}", message.code()));
        match id {
            Ok(id) => {
                let timeout = options.timeout.unwrap_or(self.node.config().request_timeout);
                self.model.request(id, timeout, no_response(message));
            }
            Err(error) => self.send_error(before, error, Want::Exchange),
        }
        self.check();
        id
    }

    /// A request of the peer is to be answered.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn respond(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &dyn Encode,
    ) -> Result<(), Refused> {
        let (before, code) = (self.begin(now), message.code());
        let arrival = responder.id().arrival();
        let wanted = self.node.wants_response(&responder, code);
        let done = self.call(|node| node.respond(now, responder, message));
        self.line(8, &[], format_args!("respond {arrival} {code:?}: {done:?}"));
        match &done {
            Ok(()) => {
                let sent = self.node.stats().responses_sent > before.stats.responses_sent;
                ensure!(self.model, sent == wanted, "wanted {wanted}, sent {sent}");
                self.model.respond(arrival, code);
            }
            Err(Refused { why, responder }) => {
                ensure!(self.model, responder.id().arrival() == arrival, "another responder");
                match why {
                    RefusedWhy::NoRoom => {
                        self.model.seen.respond_no_room += 1;
                        self.model.refused(Want::Output);
                    }
                    RefusedWhy::Expired => self.model.seen.respond_expired += 1,
                    RefusedWhy::TooLarge { size, limit } => {
                        self.model.seen.too_large += 1;
                        ensure!(self.model, size > limit, "{size} bytes of {limit} are too many");
                    }
                    _ => {}
                }
                self.unchanged(before);
            }
        }
        self.check();
        done
    }

    /// Nobody waits for this request any more.
    pub fn cancel(&mut self, now: Instant, exchange: ExchangeId) -> bool {
        self.begin(now);
        let cancelled = self.call(|node| node.cancel(now, exchange));
        self.line(9, &[], format_args!("cancel {exchange:?}: {cancelled}"));
        self.model.cancel(exchange, cancelled);
        self.check();
        cancelled
    }

    /// A Ping is to be sent.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn ping(&mut self, now: Instant, custody: bool) -> Result<PingId, SendError> {
        let before = self.begin(now);
        let id = self.call(|node| node.ping(now, custody));
        self.line(10, &[], format_args!("ping {custody}: {id:?}"));
        match id {
            Ok(id) => self.model.ping(id),
            Err(error) => self.send_error(before, error, Want::Ping),
        }
        self.check();
        id
    }

    /// The connection is to end in good order.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn release(&mut self, now: Instant, options: ReleaseOptions<'_>) -> Result<(), SendError> {
        let before = self.begin(now);
        let done = self.call(|node| node.release(now, options));
        self.line(11, &[], format_args!("release: {done:?}"));
        match done {
            Ok(()) => self.model.release(),
            Err(error) => self.send_error(before, error, Want::Output),
        }
        self.check();
        done
    }

    /// The connection is to end at once.
    pub fn abort(&mut self, now: Instant, diagnostic: &str) {
        self.begin(now);
        self.call(|node| node.abort(now, diagnostic));
        self.line(12, &[], format_args!("abort"));
        ensure!(self.model, !self.node.phase().is_live(), "aborted, and alive");
        self.check();
    }

    fn send_error(&mut self, before: Snapshot, error: SendError, slot: Want) {
        let seen = &mut self.model.seen;
        match error {
            SendError::NoRoom => {
                seen.no_room += 1;
                self.model.refused(Want::Output);
            }
            SendError::TooManyExchanges => {
                seen.no_slot += 1;
                self.model.refused(slot);
            }
            SendError::AwaitingSettings => {
                seen.awaiting_settings += 1;
                ensure!(self.model, before.peer.is_none(), "the CSM is here");
            }
            SendError::TooLarge { size, limit } => {
                seen.too_large += 1;
                ensure!(self.model, size > limit, "{size} bytes of {limit} are too many");
            }
            SendError::Closed => {
                ensure!(self.model, !before.phase.is_live(), "closed in {:?}", before.phase);
            }
            SendError::Releasing => {
                let draining = matches!(before.phase, Phase::Draining(_));
                ensure!(self.model, draining, "releasing in {:?}", before.phase);
            }
            _ => {}
        }
        self.unchanged(before);
    }
}

/// The No-Response bitmap that a message would carry.
fn no_response(message: &dyn Encode) -> u8 {
    let Ok(size) = encode_message(&mut [], &[], &message) else { return 0 };
    let mut bytes = vec![0; size];
    let written = encode_message(&mut bytes, &[], &message);
    assert_eq!(written, Ok(size), "encoded twice, and not the same");
    let message = Message::parse(&bytes).expect("what is encoded can be parsed");
    let bits = message.uint(OptionNumber::NO_RESPONSE);
    bits.and_then(|bits| u8::try_from(bits).ok()).unwrap_or(0)
}

//! What the connection hands out, and whether it may.

use super::{Model, disclaims, ensure, spell};
use crate::told::Wire;
use coap_ws_core::message::{Code, Kind, Message, OptionNumber};

impl Model {
    /// Something was handed out.
    pub(crate) fn transmit(&mut self, wire: &Wire) {
        ensure!(self, !self.sent.close, "{wire:?} after the Close");
        self.progress();
        let bytes = match wire {
            Wire::Message(bytes) => bytes,
            Wire::Close(_) => {
                ensure!(self, !self.phase.is_live(), "a Close in {:?}", self.phase);
                self.sent.close = true;
                return;
            }
            other => panic!("{other:?} was handed out"),
        };
        ensure!(self, self.sent.aborts == 0, "{bytes:02x?} after the Abort");
        let (len, max) = (bytes.len(), self.max_send);
        ensure!(self, len <= max, "{len} bytes where {max} may be sent");
        let message = Message::parse(bytes);
        ensure!(self, message.is_ok(), "{bytes:02x?} is no message: {message:?}");
        let Ok(message) = message else { return };
        let code = message.code();
        let first = self.sent.messages == 0;
        self.sent.messages += 1;
        ensure!(self, (code == Code::CSM) == first, "message {} is {code:?}", self.sent.messages);
        match (code.kind(), code) {
            (Kind::Request, _) => self.request_out(&message),
            (Kind::Response, _) => self.response_out(&message),
            (_, Code::CSM) => {}
            (_, Code::PING) => self.ping_out(message.token()),
            (_, Code::PONG) => self.pong_out(&message),
            (_, Code::RELEASE) => {
                self.sent.releases += 1;
                let asked = self.released.ours.is_some() && self.sent.releases == 1;
                ensure!(self, asked, "a Release that nobody asked for");
            }
            (_, Code::ABORT) => {
                self.seen.aborts_sent += 1;
                self.sent.aborts += 1;
                ensure!(self, !self.phase.is_live(), "an Abort in {:?}", self.phase);
                ensure!(self, message.diagnostic().is_some(), "an Abort without a reason");
            }
            _ => panic!("{code:?} was handed out"),
        }
        let bare = message.token().is_empty() && len == 2;
        ensure!(self, !bare, "{code:?} of two bytes, which not every peer hears");
    }

    fn request_out(&mut self, message: &Message<'_>) {
        let token = message.token();
        let mut all = self.exchanges.values_mut();
        let known = all.find(|exchange| exchange.token == token && !exchange.handed_out);
        let found = known.map(|exchange| exchange.handed_out = true).is_some();
        ensure!(self, found, "the request {token:02x?} was cancelled, or sent before");
    }

    fn response_out(&mut self, message: &Message<'_>) {
        let (token, code) = (message.token(), message.code());
        let Some(owed) = self.owed.get_mut(token) else {
            panic!("the {} answers {token:02x?}, which nobody asked", self.name);
        };
        let meant = owed.iter().position(|request| !disclaims(request.no_response, code));
        // Where a token is in use twice, any of the two may be meant.
        let meant = meant.or_else(|| self.doubled.contains(token).then_some(0));
        let meant = meant.and_then(|index| owed.remove(index)).is_some();
        ensure!(self, meant, "{code:?} to {token:02x?}, which is answered or disclaims it");
        let stripped = message.option(OptionNumber::NO_RESPONSE).is_none();
        ensure!(self, stripped, "a response with No-Response");
    }

    fn ping_out(&mut self, token: &[u8]) {
        let mut all = self.pings.iter_mut().filter(|(_, ping)| !ping.handed_out);
        if let Some((_, ping)) = all.find(|(id, _)| spell(**id) == token) {
            ping.handed_out = true;
        } else if self.issued.contains(token) {
            // Its time was over before it was sent; the Ping goes out all the same.
        } else {
            self.seen.keepalive_pings += 1;
            let due = self.clock.keepalives > 0;
            ensure!(self, due, "a Ping {token:02x?} that nobody asked for");
            self.clock.keepalives -= 1;
            self.issued.insert(token.to_vec());
        }
    }

    fn pong_out(&mut self, message: &Message<'_>) {
        let token = message.token();
        let custody = message.options().any(|option| option.number.get() == 2);
        let answers = |ping: &super::PeerPing| {
            ping.token == token && (!custody || ping.custody && !self.is_owed_before(ping.after))
        };
        let known = self.pinged.iter().position(|ping| ping.custody == custody && answers(ping));
        // A plain Pong to a Ping for custody: of two with one token, the later one.
        let known = known.or_else(|| self.pinged.iter().rposition(answers));
        ensure!(self, known.is_some(), "a Pong {token:02x?} (custody {custody}) to no Ping");
        if let Some(index) = known {
            self.pinged.remove(index);
        }
        let counter = match custody {
            true => &mut self.seen.custody_pongs,
            false => &mut self.seen.plain_pongs,
        };
        *counter += 1;
    }

    /// Whether any of the first requests has no answer yet.
    fn is_owed_before(&self, arrivals: u64) -> bool {
        let over = |request: &super::Request| {
            // Expired and disclaimed, which is told later.
            request.deadline <= self.now
                && disclaims(request.no_response, Code::SERVICE_UNAVAILABLE)
        };
        let owed = self.owed.iter().filter(|(token, _)| !self.doubled.contains(*token));
        let mut owed = owed.flat_map(|(_, owed)| owed);
        owed.any(|request| request.arrival <= arrivals && !over(request))
    }
}

//! What the mock server makes of options before it looks at what is asked.

use super::mutation::Wrong;
use super::server::Server;
use coap_ws_conform::wire::message::{Code, Message};
use coap_ws_conform::wire::names::{self, Format, In, OptionInfo};

/// Critical options that are registered, and that it does not have.
const UNSUPPORTED: &[u16] = &[names::OSCORE, names::Q_BLOCK1, names::Q_BLOCK2, 21];

/// What is said to a request: go on with it, or this.
pub(super) enum Checked {
    Go(Message),
    Refuse(Message),
    Close(u16),
}

impl Server {
    /// Leaves only options that are known, of a good length, and in their first occurrence.
    pub(super) fn check(&self, request: &Message) -> Checked {
        let mut kept: Vec<(u16, Vec<u8>)> = Vec::new();
        let (mut last, mut before) = (None, 0);
        for (written, value) in &request.options {
            let number = self.read_as(*written, before);
            before = *written;
            let info = self.info(number);
            let again = last == Some(number);
            last = Some(number);
            let repeats = again && info.is_none_or(|info| !info.repeatable);
            // ETag can be repeated in requests.
            let repeats = repeats && (number != names::ETAG || self.is(Wrong::RepeatsStrict));
            let repeats = repeats && !self.is(Wrong::RepeatsTaken);
            let repeats = repeats || (again && self.is(Wrong::RepeatsStrict));
            let misfits = info.is_some_and(|info| self.misfits(info, value));
            if self.is(Wrong::Utf8Fatal) && is_text(number) && std::str::from_utf8(value).is_err() {
                return Checked::Close(1011);
            }
            let odd = self.refuses(number, value, repeats, misfits);
            if odd {
                return Checked::Refuse(self.bad_option(request, number));
            }
            let place = info.is_some_and(|info| info.place == In::Response);
            if info.is_some() && !repeats && !misfits && !place {
                kept.push((number, value.clone()));
            }
        }
        Checked::Go(Message { options: kept, ..request.clone() })
    }

    /// How a number is misread by a mutation.
    fn read_as(&self, number: u16, before: u16) -> u16 {
        let delta = number - before;
        let byte = self.is(Wrong::DeltaByteBad) && (13..269).contains(&delta);
        let bytes = self.is(Wrong::DeltaBytesBad) && delta >= 269;
        if byte || bytes { number - 1 } else { number }
    }

    fn info(&self, number: u16) -> Option<&'static OptionInfo> {
        let unsupported = UNSUPPORTED.contains(&number);
        names::option(Code::GET, number).filter(|_| !unsupported)
    }

    fn misfits(&self, info: &OptionInfo, value: &[u8]) -> bool {
        if info.number == names::HOP_LIMIT {
            // RFC 8768 has a rule of its own.
            return false;
        }
        if self.is(Wrong::LengthUnchecked) {
            return false;
        }
        if info.number == names::NO_RESPONSE && self.is(Wrong::NrTwoBytes) {
            return false;
        }
        !(info.shortest..=info.longest).contains(&value.len())
    }

    /// Whether an option is answered 4.02.
    fn refuses(&self, number: u16, value: &[u8], repeats: bool, misfits: bool) -> bool {
        let critical = number % 2 == 1;
        let unknown = self.info(number).is_none();
        let text = is_text(number) && std::str::from_utf8(value).is_err();
        let zeros = number == names::ACCEPT && value.len() > 1 && value[0] == 0;
        let place = self.info(number).is_some_and(|info| info.place == In::Response);
        (unknown && critical && !self.is(Wrong::CriticalIgnored))
            || (unknown && !critical && number != 0 && self.is(Wrong::ElectiveRefused))
            || (number == 0 && self.is(Wrong::OptionZeroRefused))
            || (critical && (repeats || misfits || text))
            || (repeats && self.is(Wrong::RepeatsStrict))
            || (misfits && self.is(Wrong::LengthStrict))
            || (zeros && self.is(Wrong::ZerosRefused))
            || (place && self.is(Wrong::PlaceStrict))
            || self.refuses_value(number, value)
    }

    /// Mutations about one option.
    fn refuses_value(&self, number: u16, value: &[u8]) -> bool {
        let is = |wrong, option| self.is(wrong) && number == option;
        is(Wrong::HostRefused, names::URI_HOST)
            || is(Wrong::PortRefused, names::URI_PORT)
            || is(Wrong::QueryRefused, names::URI_QUERY)
            || is(Wrong::HopsRefused, names::HOP_LIMIT)
            || (is(Wrong::EmptyQueryRefused, names::URI_QUERY) && value.is_empty())
            || (is(Wrong::EmptySegmentRefused, names::URI_PATH) && value.is_empty())
            || (is(Wrong::PathShort, names::URI_PATH) && value.len() > 200)
            || (is(Wrong::AsciiOnly, names::URI_PATH) && !value.is_ascii())
            || (is(Wrong::BlockWiseLie, names::BLOCK1) || is(Wrong::BlockWiseLie, names::BLOCK2))
    }

    fn bad_option(&self, request: &Message, number: u16) -> Message {
        let refusal = Message::new(Code::BAD_OPTION).token(&request.token);
        match self.is(Wrong::BadOptionWordless) {
            true => refusal,
            false => refusal.payload(format!("option {number}")),
        }
    }
}

fn is_text(number: u16) -> bool {
    names::option(Code::GET, number).is_some_and(|info| info.format == Format::Text)
}

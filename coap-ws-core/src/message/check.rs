//! Option processing: what an endpoint does about options it does not know, that are too
//! long or come twice (RFC 7252 §5.4). None of it costs the connection (FMT-27).

use super::decode::well_formed;
use super::option::Direction;
use super::{Code, Message, OptionNumber, OptionRef};

/// Why a request is answered with an error before anybody sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestFault {
    /// The response code: 4.00, 4.02, 4.05 or 5.05.
    pub code: Code,
    /// The option that is at fault, where it is one.
    pub option: Option<OptionNumber>,
    /// What is wrong, for the diagnostic payload (OPT-03).
    pub text: &'static str,
}

/// Looks through a request as RFC 7252 §5.4 asks. `understood` are critical options that the
/// application processes itself, beyond those that every endpoint must; `max_options` is the
/// most options a request may have (T38).
///
/// # Errors
///
/// The response that the request gets instead.
pub fn check_request(
    message: &Message<'_>,
    understood: &[OptionNumber],
    max_options: usize,
) -> Result<(), RequestFault> {
    let fault = |code, option, text| Err(RequestFault { code, option, text });
    if message.code().name().is_none() {
        return fault(Code::METHOD_NOT_ALLOWED, None, "unknown method");
    }
    let mut last = None;
    let mut proxy = None;
    for (index, option) in message.options().enumerate() {
        if index >= max_options {
            return fault(Code::BAD_REQUEST, None, "too many options");
        }
        let number = option.number;
        let repeated = last == Some(number);
        last = Some(number);
        match number {
            // A wrong Hop-Limit is 4.00 whatever the general rule says (PRX-10); a second one
            // is ignored (PRX-11).
            OptionNumber::HOP_LIMIT
                if !repeated && option.uint().is_none_or(|n| n == 0 || option.value.len() != 1) =>
            {
                return fault(Code::BAD_REQUEST, Some(number), "Hop-Limit must be 1 to 255");
            }
            OptionNumber::PROXY_URI | OptionNumber::PROXY_SCHEME
                if !understood.contains(&number) =>
            {
                proxy = Some(number);
            }
            _ => {}
        }
        if let Some(text) = unrecognized(option, repeated, understood, Direction::Request) {
            return fault(Code::BAD_OPTION, Some(number), text);
        }
    }
    match proxy {
        Some(number) => fault(Code::PROXYING_NOT_SUPPORTED, Some(number), "not a proxy"),
        None => Ok(()),
    }
}

/// Looks through a response: the first critical option that cannot be processed makes it
/// unusable (OPT-04, OPT-06, OPT-08).
pub fn check_response(message: &Message<'_>, understood: &[OptionNumber]) -> Option<OptionNumber> {
    let mut last = None;
    message.options().find_map(|option| {
        let repeated = last == Some(option.number);
        last = Some(option.number);
        unrecognized(option, repeated, understood, Direction::Response).map(|_| option.number)
    })
}

/// Why a critical option counts as unrecognized, `None` where it may stay.
fn unrecognized(
    option: OptionRef<'_>,
    repeated: bool,
    understood: &[OptionNumber],
    direction: Direction,
) -> Option<&'static str> {
    let number = option.number;
    if !number.is_critical() {
        return None;
    }
    let Some(spec) = number.spec() else {
        return (!understood.contains(&number)).then_some("unknown critical option");
    };
    if !supported(number) && !understood.contains(&number) {
        return Some("unsupported critical option");
    }
    if spec.direction != Direction::Both && spec.direction != direction {
        return Some("critical option not defined here");
    }
    if !spec.allows(option.value.len()) {
        return Some("option value of wrong length");
    }
    if repeated && !spec.repeatable {
        return Some("option given twice");
    }
    if !well_formed(spec.format, option.value) {
        return Some("option value is not UTF-8");
    }
    let dots = matches!(option.value, b"." | b"..");
    (number == OptionNumber::URI_PATH && dots).then_some("dot segment in the path")
}

/// The critical options of RFC 7252 that any endpoint must know. Blocks, OSCORE and the like
/// are the business of who says so. The proxy options get an answer of their own.
const fn supported(number: OptionNumber) -> bool {
    matches!(
        number,
        OptionNumber::IF_MATCH
            | OptionNumber::URI_HOST
            | OptionNumber::IF_NONE_MATCH
            | OptionNumber::URI_PORT
            | OptionNumber::URI_PATH
            | OptionNumber::URI_QUERY
            | OptionNumber::ACCEPT
            | OptionNumber::PROXY_URI
            | OptionNumber::PROXY_SCHEME
    )
}

/// The No-Response bitmap of a request, 0 where there is none (NR-01, NR-06).
pub(crate) fn no_response(message: &Message<'_>) -> u8 {
    message.uint(OptionNumber::NO_RESPONSE).and_then(|bits| u8::try_from(bits).ok()).unwrap_or(0)
}

/// Whether a No-Response bitmap disclaims the class of a response; undefined bits mean
/// nothing (NR-02, NR-05).
pub(crate) const fn disclaims(bitmap: u8, code: Code) -> bool {
    match code.class() {
        2 => bitmap & 2 != 0,
        4 => bitmap & 8 != 0,
        5 => bitmap & 16 != 0,
        _ => false,
    }
}

/// The bitmap that disclaims every class.
pub(crate) const DISCLAIM_ALL: u8 = 2 | 8 | 16;

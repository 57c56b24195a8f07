//! Conditional requests (RFC 7252 §5.10.8) and validation (§5.10.6.2).

use super::{Message, OptionNumber};

/// Whether the conditions of a request hold, given the ETag of what is there now, `None` where
/// nothing is. Where they do not, the answer is 4.12 and nothing is done (OPT-18).
///
/// If-Match holds where any of its values is the ETag, or one is empty and there is anything
/// (OPT-19). If-None-Match holds where there is nothing.
///
/// ```
/// use coap_ws_core::message::{Message, conditions_hold};
/// // PUT with an empty If-Match: only change what is there.
/// let request = Message::parse(&[0x01, 0x03, 0x07, 0x10]).unwrap();
/// assert!(conditions_hold(&request, Some(b"v1")));
/// assert!(!conditions_hold(&request, None));
/// ```
pub fn conditions_hold(request: &Message<'_>, current: Option<&[u8]>) -> bool {
    if request.option(OptionNumber::IF_NONE_MATCH).is_some() && current.is_some() {
        return false;
    }
    let mut wanted = request.options_of(OptionNumber::IF_MATCH).peekable();
    if wanted.peek().is_none() {
        return true;
    }
    current.is_some_and(|etag| wanted.any(|value| value.is_empty() || value == etag))
}

/// Whether a request knows this ETag: then 2.03 with it, and no payload, says all (OPT-22).
pub fn knows_etag(request: &Message<'_>, etag: &[u8]) -> bool {
    request.options_of(OptionNumber::ETAG).any(|known| known == etag)
}

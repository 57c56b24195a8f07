//! What one connection may serve.

use crate::message::uri::{Authority, Scheme, Uri};
use alloc::string::{String, ToString};
use core::fmt;

/// What a connection is for: scheme, host and port, and who we are to it. A connection is
/// never shared across any of them (RFC 8323 §8.6; RFC 9175 §2.3).
///
/// ```
/// use coap_ws_core::message::uri::Uri;
/// use coap_ws_core::pool::PoolKey;
/// let key = |text| PoolKey::of(&Uri::parse(text).unwrap(), 0);
/// assert_eq!(key("coap+ws://Example.org/a"), key("coap+ws://example.org:80/b?c"));
/// assert_ne!(key("coap+ws://example.org"), key("coaps+ws://example.org"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PoolKey {
    secure: bool,
    /// In normal form; without the port that the scheme has anyway.
    authority: String,
    identity: u64,
}

impl PoolKey {
    /// The key of a URI. `identity` is the application's name for the TLS configuration and
    /// whatever else tells one caller from another; 0 where there is one only.
    pub fn of(uri: &Uri<'_>, identity: u64) -> PoolKey {
        let authority = uri.authority().to_string();
        PoolKey { secure: uri.scheme().is_secure(), authority, identity }
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        match self.secure {
            true => Scheme::CoapsWs,
            false => Scheme::CoapWs,
        }
    }

    /// Host and port, in normal form: the Host header of the opening handshake.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What [`of`](PoolKey::of) was given.
    pub const fn identity(&self) -> u64 {
        self.identity
    }

    /// An authority that was told us, for the scheme of this key: `None` where it is none, or
    /// is this key's own.
    pub(super) fn alternative(&self, text: &str) -> Option<String> {
        let authority = Authority::parse(text).ok()?;
        let authority = Uri::from_authority(self.scheme(), authority).authority().to_string();
        (authority != self.authority).then_some(authority)
    }
}

impl fmt::Display for PoolKey {
    /// The URI of the host's root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/", self.scheme().as_str(), self.authority)
    }
}

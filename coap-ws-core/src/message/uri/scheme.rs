//! The two schemes and what follows from them.

use core::fmt;

/// The two URI schemes of CoAP over WebSockets (RFC 8323 §8.3, §8.4).
///
/// They name different origins even when the authority is the same (`URI-19`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `coap+ws`: a WebSocket over TCP, port 80 unless the URI says otherwise.
    CoapWs,
    /// `coaps+ws`: a WebSocket over TLS, port 443 unless the URI says otherwise.
    CoapsWs,
}

impl Scheme {
    /// The scheme of this name, compared without regard to case (`URI-05`).
    ///
    /// ```
    /// use coap_ws_core::message::uri::Scheme;
    ///
    /// assert_eq!(Scheme::from_name("COAP+WS"), Some(Scheme::CoapWs));
    /// assert_eq!(Scheme::from_name("coap"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::CoapWs, Self::CoapsWs].into_iter().find(|s| name.eq_ignore_ascii_case(s.as_str()))
    }

    /// The name in URIs, and as the value of a Proxy-Scheme option.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CoapWs => "coap+ws",
            Self::CoapsWs => "coaps+ws",
        }
    }

    /// The scheme of the WebSocket URI below it: `ws` or `wss`.
    #[must_use]
    pub const fn ws_scheme(self) -> &'static str {
        match self {
            Self::CoapWs => "ws",
            Self::CoapsWs => "wss",
        }
    }

    /// The TCP port of a URI without one (`URI-01`, `URI-02`).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::CoapWs => 80,
            Self::CoapsWs => 443,
        }
    }

    /// Whether the connection runs over TLS.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::CoapsWs)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! A name that a server is known by: `coap+ws://host[:port]` or `coaps+ws://host[:port]`.

use super::authority::{Authority, AuthorityError, Host};
use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The two schemes of CoAP over WebSockets (RFC 8323 §8.3, §8.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `coap+ws`: no TLS, port 80.
    #[default]
    CoapWs,
    /// `coaps+ws`: TLS, port 443.
    CoapsWs,
}

impl Scheme {
    /// The port meant where a URI states none (RFC 8323 §8.3, §8.4).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::CoapWs => 80,
            Self::CoapsWs => 443,
        }
    }

    /// The scheme as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CoapWs => "coap+ws",
            Self::CoapsWs => "coaps+ws",
        }
    }
}

/// What clients call a server: scheme, host, and a port if it matters.
///
/// ```
/// use coap_ws_driver::policy::PublicUri;
///
/// let uri: PublicUri = "coaps+ws://Example.org:8443/".parse()?;
/// assert_eq!(uri.to_string(), "coaps+ws://example.org:8443");
/// # Ok::<_, coap_ws_driver::policy::PublicUriError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PublicUri {
    /// Whether clients use TLS to reach the server, be it a proxy that ends it.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port, if one is stated; without, a `Host` header may name any.
    pub port: Option<u16>,
}

impl PublicUri {
    /// Whether a request for `host` was meant for this name (T11).
    pub(super) fn matches(&self, host: &Authority) -> bool {
        let default = self.scheme.default_port();
        self.host == host.host && self.port.is_none_or(|port| port == host.port.unwrap_or(default))
    }
}

impl FromStr for PublicUri {
    type Err = PublicUriError;

    fn from_str(text: &str) -> Result<Self, PublicUriError> {
        let (scheme, authority) = split_uri(text)?;
        let Authority { host, port } = authority.parse().map_err(PublicUriError::Authority)?;
        Ok(Self { scheme, host, port })
    }
}

impl fmt::Display for PublicUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Why a text is no name of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicUriError {
    /// The scheme is not `coap+ws` or `coaps+ws`.
    Scheme,
    /// A path, a query or a fragment follows the host.
    Path,
    /// The host or the port is wrong.
    Authority(AuthorityError),
}

impl fmt::Display for PublicUriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str(
                "a public URI begins with coaps+ws:// where clients reach the server by TLS \
                 (as with https:// and wss://), with coap+ws:// where they do not",
            ),
            Self::Path => f.write_str(
                "a public URI ends after host and port: the name of a server, not of a resource",
            ),
            Self::Authority(error) => error.fmt(f),
        }
    }
}

impl Error for PublicUriError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Authority(error) => Some(error),
            Self::Scheme | Self::Path => None,
        }
    }
}

/// The only place here that takes a URI apart; one `/` after the host means nothing more.
fn split_uri(text: &str) -> Result<(Scheme, &str), PublicUriError> {
    let (scheme, rest) = text.split_once("://").ok_or(PublicUriError::Scheme)?;
    let scheme = [Scheme::CoapWs, Scheme::CoapsWs]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
        .ok_or(PublicUriError::Scheme)?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(PublicUriError::Path);
    }
    Ok((scheme, authority))
}

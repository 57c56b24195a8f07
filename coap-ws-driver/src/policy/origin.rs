//! Where a web page came from, as browsers say it (RFC 6454, RFC 6455 §10.2).

use super::authority::{Authority, AuthorityError, Host};
use super::public_uri::Scheme;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The value of an `Origin` header: `null`, or a scheme with host and port.
///
/// Two are equal when they mean the same: case, a trailing dot and a stated default port do not
/// count. Like [`Authority`], one that was parsed is safe to print.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// `null`: a page that has no origin to tell, such as a sandboxed frame or a local file.
    Null,
    /// `scheme://host[:port]`.
    #[non_exhaustive]
    Site {
        /// The scheme in lower case, mostly `http` or `https`.
        scheme: String,
        /// The host.
        host: Host,
        /// The port, the scheme's default filled in; `None` where a scheme has none.
        port: Option<u16>,
    },
}

impl Origin {
    /// Whether this is the origin of pages under `scheme`, `host` and `port` (`None`: default).
    pub(super) fn is_of(&self, scheme: Scheme, host: &Host, port: Option<u16>) -> bool {
        match self {
            Self::Null => false,
            Self::Site { scheme: name, host: mine, port: stated } => {
                web_scheme(name) == Some(scheme)
                    && mine == host
                    && *stated == Some(port.unwrap_or(scheme.default_port()))
            }
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text == "null" {
            return Ok(Self::Null);
        }
        let (scheme, authority) = text.split_once("://").ok_or(OriginError::Form)?;
        if !is_scheme(scheme) || authority.contains('/') {
            return Err(OriginError::Form);
        }
        let scheme = scheme.to_ascii_lowercase();
        let Authority { host, port } = authority.parse().map_err(OriginError::Authority)?;
        let port = port.or_else(|| web_scheme(&scheme).map(Scheme::default_port));
        Ok(Self::Site { scheme, host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Site { scheme, host, port } = self else {
            return f.write_str("null");
        };
        write!(f, "{scheme}://{host}")?;
        match port {
            Some(port) if web_scheme(scheme).map(Scheme::default_port) != Some(*port) => {
                write!(f, ":{port}")
            }
            _ => Ok(()),
        }
    }
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// It is neither `null` nor `scheme://host[:port]`.
    Form,
    /// Its host or port is wrong.
    Authority(AuthorityError),
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str(
                "an origin is scheme://host[:port] without a path, such as https://example.org",
            ),
            Self::Authority(error) => error.fmt(f),
        }
    }
}

impl Error for OriginError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Form => None,
            Self::Authority(error) => Some(error),
        }
    }
}

/// Which of our schemes runs on the same ports and with the same protection as a web scheme.
fn web_scheme(name: &str) -> Option<Scheme> {
    match name {
        "http" | "ws" => Some(Scheme::CoapWs),
        "https" | "wss" => Some(Scheme::CoapsWs),
        _ => None,
    }
}

/// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` (RFC 3986 §3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

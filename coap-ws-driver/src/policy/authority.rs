//! `host[:port]`, as in a `Host` header, an origin, a URI: parsed once into a form that compares.

use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The longest DNS name in text form without its trailing dot (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
/// The longest label of a DNS name (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// The host of a URI or a `Host` header, in a form that compares: names in lower case and without
/// the trailing dot, addresses as addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host {
    /// A DNS name: labels of letters, digits, `-` and `_`. International names come as punycode.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in brackets when written.
    V6(Ipv6Addr),
}

impl Host {
    /// Whether this names the machine itself whatever DNS says: `localhost`, `*.localhost`
    /// (RFC 6761 §6.3), `127.0.0.0/8`, `[::1]`.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::V4(address) => address.is_loopback(),
            Self::V6(address) => address.is_loopback(),
        }
    }

    fn from_name(text: &str) -> Result<Self, AuthorityError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let last = name.rsplit('.').next().unwrap_or(name);
        // A last label that is a number makes it an address (WHATWG URL, "ends in a number"); the
        // odd spellings of one (127.1, 0x7f000001) must not pass as names.
        if is_number(last) {
            return name.parse().map(Self::V4).map_err(|_| AuthorityError::Host);
        }
        if name.len() > MAX_NAME || !name.split('.').all(is_label) {
            return Err(AuthorityError::Host);
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// `host[:port]` (RFC 3986 §3.2 without user information).
///
/// Its `Display` holds nothing but letters, digits and `-_.:[]`, so it may go into a log or an
/// answer, whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port, if one is stated.
    pub port: Option<u16>,
}

impl FromStr for Authority {
    type Err = AuthorityError;

    fn from_str(text: &str) -> Result<Self, AuthorityError> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(AuthorityError::Host)?;
            let address = address.parse().map_err(|_| AuthorityError::Host)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if rest.is_empty() => None,
                None => return Err(AuthorityError::Port),
            };
            return Ok(Self { host: Host::V6(address), port });
        }
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self { host: Host::from_name(host)?, port: parse_port(port)? })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Why a text is no `host[:port]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The host is empty, or neither a DNS name nor an address.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => {
                "the host is neither a DNS name nor an address; write an international name in \
                 its xn-- form and an IPv6 address in brackets"
            }
            Self::Port => "the port is not a number from 1 to 65535",
        })
    }
}

impl Error for AuthorityError {}

/// `port = *DIGIT`: an empty one is the same as none (RFC 3986 §3.2.3).
fn parse_port(text: &str) -> Result<Option<u16>, AuthorityError> {
    if text.is_empty() {
        return Ok(None);
    }
    // `u16::from_str` would take a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AuthorityError::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(AuthorityError::Port),
        Ok(port) => Ok(Some(port)),
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    let decimal = !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    decimal || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

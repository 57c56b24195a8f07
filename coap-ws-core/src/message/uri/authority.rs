//! Hosts and authorities: `example.org`, `[::1]:8080`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::component::Component;
use super::part::Part;
use super::{Decoded, MAX_URI_LENGTH, UriError, UriErrorKind};

/// The host of a URI: a name, or an IP address.
///
/// `Display` writes the normal form (RFC 7252 §6.3): lower case, percent-encoding only for
/// non-ASCII characters, an IPv6 address in brackets and as RFC 5952 recommends. Two hosts are
/// equal when their normal forms are.
///
/// ```
/// use coap_ws_core::message::uri::Uri;
///
/// let uri = Uri::parse("coap+ws://[2001:DB8:0::1]/")?;
/// assert!(uri.host().is_ip_literal());
/// assert_eq!(uri.host().text(), "2001:DB8:0::1");
/// assert_eq!(uri.host().to_string(), "[2001:db8::1]");
/// # Ok::<(), coap_ws_core::message::uri::UriError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// As in the URI, with the brackets.
    written: &'a str,
    ip: Option<IpAddr>,
}

impl<'a> Host<'a> {
    /// Whether the host is an IPv4 or IPv6 address and not a name.
    #[must_use]
    pub const fn is_ip_literal(&self) -> bool {
        self.ip.is_some()
    }

    /// The address, if the host is one: there is nothing to look up, and no SNI to send.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The host as it was written, but an IPv6 address without its brackets, as resolvers and
    /// TLS stacks want it. Case and percent-encoding are untouched.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.written.trim_matches(['[', ']'])
    }

    /// The value of a Uri-Host option for this host: lowercased, then percent-decoded
    /// (RFC 7252 §6.4 step 5, `URI-09`). An IPv6 address keeps its brackets and its spelling.
    ///
    /// ```
    /// use coap_ws_core::message::uri::Uri;
    ///
    /// let uri = Uri::parse("coap+ws://EX%41MPLE/")?;
    /// assert!(uri.host().option_value().eq_bytes(b"exAmple"));
    /// # Ok::<(), coap_ws_core::message::uri::UriError>(())
    /// ```
    #[must_use]
    pub const fn option_value(&self) -> Decoded<'a> {
        let component = match self.ip {
            Some(IpAddr::V6(_)) => Component::IpLiteral,
            _ => Component::Host,
        };
        Decoded::new(self.written, component)
    }

    /// An upper bound of the length in normal form.
    pub(super) const fn len_bound(&self) -> usize {
        match self.ip {
            Some(IpAddr::V6(_)) => "[1111:2222:3333:4444:5555:6666:7777:8888]".len(),
            _ => self.written.len(),
        }
    }

    /// A host without brackets.
    fn name(part: Part<'a>) -> Result<Self, UriError> {
        if part.text.is_empty() {
            return Err(part.error(UriErrorKind::EmptyHost));
        }
        Component::Host.check(part)?;
        Ok(Self { written: part.text, ip: ipv4(Decoded::new(part.text, Component::Host)) })
    }

    /// A host that begins with a bracket, and what follows it.
    fn bracketed(part: Part<'a>) -> Result<(Self, Part<'a>), UriError> {
        let (open, rest) = part.until(b"]");
        let after = rest.strip("]").ok_or(part.error(UriErrorKind::InvalidIpv6))?;
        let address = open.strip("[").unwrap_or(open);
        if address.text.contains('%') {
            return Err(address.until(b"%").1.error(UriErrorKind::ZoneId));
        }
        let ip: Ipv6Addr =
            address.text.parse().map_err(|_| address.error(UriErrorKind::InvalidIpv6))?;
        let length = part.text.len().saturating_sub(after.text.len());
        let written = part.text.get(..length).unwrap_or_default();
        Ok((Self { written, ip: Some(ip.into()) }, after))
    }
}

/// A name that is an IPv4 address, once decoded: `%31.0.0.1` is equivalent to `1.0.0.1`.
fn ipv4(name: Decoded<'_>) -> Option<IpAddr> {
    let mut text = [0_u8; "255.255.255.255".len()];
    let text = text.get_mut(..name.len())?;
    text.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
    let address: Ipv4Addr = core::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.into())
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]"),
            _ => self.option_value().fmt(f),
        }
    }
}

impl fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({self})")
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        let lowercase = |host: &Self| host.option_value().bytes().map(|b| b.to_ascii_lowercase());
        match (self.ip, other.ip) {
            (None, None) => lowercase(self).eq(lowercase(other)),
            (a, b) => a == b,
        }
    }
}

impl Eq for Host<'_> {}

/// A host and perhaps a port: the `Host` header field of a handshake (`WS-16`), the value of an
/// Alternative-Address option (RFC 8323 §5.5).
///
/// `Display` writes the normal form of the host, and `:port` if there is one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    host: Host<'a>,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host` or `host:port`.
    ///
    /// # Errors
    ///
    /// As for the authority of a URI: userinfo, an empty host, a port out of range. An
    /// Alternative-Address with such an error is passed over (`REL-14`).
    ///
    /// ```
    /// use coap_ws_core::message::uri::Authority;
    ///
    /// let authority = Authority::parse("example.net:8080")?;
    /// assert_eq!(authority.host().text(), "example.net");
    /// assert_eq!(authority.port(), Some(8080));
    /// assert!(Authority::parse("user@example.net").is_err());
    /// # Ok::<(), coap_ws_core::message::uri::UriError>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        if text.len() > MAX_URI_LENGTH {
            return Err(UriError::new(UriErrorKind::TooLong, MAX_URI_LENGTH));
        }
        Self::from_part(Part::whole(text))
    }

    pub(super) const fn new(host: Host<'a>, port: Option<u16>) -> Self {
        Self { host, port }
    }

    pub(super) fn from_part(part: Part<'a>) -> Result<Self, UriError> {
        let (_, at) = part.until(b"@");
        if !at.text.is_empty() {
            return Err(at.error(UriErrorKind::Userinfo));
        }
        let (host, rest) = if part.text.starts_with('[') {
            Host::bracketed(part)?
        } else if part.text.bytes().filter(|byte| *byte == b':').count() > 1 {
            return Err(part.error(UriErrorKind::MissingBrackets));
        } else {
            let (name, rest) = part.until(b":");
            (Host::name(name)?, rest)
        };
        let port = match rest.strip(":") {
            Some(digits) => parse_port(digits)?,
            None if rest.text.is_empty() => None,
            None => return Err(rest.error(UriErrorKind::InvalidCharacter)),
        };
        Ok(Self { host, port })
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port, if one was given.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}

/// Digits, or nothing for the default port (`URI-24`). Port 0 cannot be connected to.
fn parse_port(digits: Part<'_>) -> Result<Option<u16>, UriError> {
    if digits.text.is_empty() {
        return Ok(None);
    }
    // `u16::from_str` would take a `+`.
    let port = digits.text.bytes().all(|b| b.is_ascii_digit()).then(|| digits.text.parse().ok());
    let port = port.flatten().filter(|port| *port != 0);
    port.map(Some).ok_or(digits.error(UriErrorKind::InvalidPort))
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

impl fmt::Debug for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({self})")
    }
}

//! From options back to a URI (RFC 7252 §6.5, RFC 8323 §8.7).

use core::fmt;
use core::net::Ipv6Addr;

use super::component::{Component, MAX_VALUE_LENGTH};
use super::{Scheme, Uri};

/// Writes the URI of a request: its normal form, which reads back as the same options.
///
/// `host` is the value of the Uri-Host option, or else the host of the handshake's `Host` header
/// field; `port` is the Uri-Port option or else the port connected to, and is left out when it is
/// the default of the scheme (`URI-17`). Behind a proxy scheme and port are those the peer sees
/// (`URI-16`). `path` and `query` are the values of Uri-Path and Uri-Query; without a path the
/// result has `/`, as it has for a single empty Uri-Path.
///
/// # Errors
///
/// When a value cannot stand in a URI, see [`ComposeError`]. What had been written before the
/// error was found stays in `out`; a wrong host or port is found before anything is written.
///
/// ```
/// use coap_ws_core::message::uri::{ComposeError, Scheme, compose};
///
/// let mut uri = String::new();
/// let (path, query) = ([b"a/b", b"~c!"], [b"d&e"]);
/// let path = path.iter().map(|value| &value[..]);
/// let query = query.iter().map(|value| &value[..]);
/// compose(&mut uri, Scheme::CoapWs, b"example.org", 80, path, query)?;
/// assert_eq!(uri, "coap+ws://example.org/a%2Fb/~c!?d%26e");
///
/// let refused = compose(&mut uri, Scheme::CoapWs, b"a b", 80, [], []);
/// assert_eq!(refused, Err(ComposeError::InvalidHost));
/// # Ok::<(), ComposeError>(())
/// ```
pub fn compose<'i, W: fmt::Write + ?Sized>(
    out: &mut W,
    scheme: Scheme,
    host: &[u8],
    port: u16,
    path: impl IntoIterator<Item = &'i [u8]>,
    query: impl IntoIterator<Item = &'i [u8]>,
) -> Result<(), ComposeError> {
    let host = ComposedHost::new(host)?;
    if port == 0 {
        return Err(ComposeError::InvalidPort);
    }
    write!(out, "{scheme}://{host}")?;
    if port != scheme.default_port() {
        write!(out, ":{port}")?;
    }
    let mut path = path.into_iter().peekable();
    if path.peek().is_none() {
        out.write_char('/')?;
    }
    write_path(out, path)?;
    write_query(out, query)
}

impl Uri<'_> {
    /// Writes the URI that a response's Location-Path and Location-Query values name, this URI
    /// being that of the request (RFC 7252 §5.10.7, `URI-25`).
    ///
    /// The path of a location is always absolute. Without Location-Path the path of the request
    /// stands; without either option the location is the request URI.
    ///
    /// # Errors
    ///
    /// As [`compose()`].
    ///
    /// ```
    /// use coap_ws_core::message::uri::{ComposeError, Uri};
    ///
    /// let request = Uri::parse("coap+ws://h/things?kind=led").unwrap();
    /// let mut location = String::new();
    /// request.compose_location(&mut location, [&b"things"[..], b"7"], [])?;
    /// assert_eq!(location, "coap+ws://h/things/7");
    /// # Ok::<(), ComposeError>(())
    /// ```
    pub fn compose_location<'i, W: fmt::Write + ?Sized>(
        &self,
        out: &mut W,
        path: impl IntoIterator<Item = &'i [u8]>,
        query: impl IntoIterator<Item = &'i [u8]>,
    ) -> Result<(), ComposeError> {
        let mut path = path.into_iter().peekable();
        let mut query = query.into_iter().peekable();
        if path.peek().is_some() {
            write!(out, "{}://{}", self.scheme, self.authority())?;
            write_path(out, path)?;
        } else if query.peek().is_some() {
            self.write_origin_and_path(out)?;
        } else {
            write!(out, "{self}")?;
        }
        write_query(out, query)
    }
}

/// RFC 7252 §6.5 step 6.
fn write_path<'i>(
    out: &mut (impl fmt::Write + ?Sized),
    path: impl IntoIterator<Item = &'i [u8]>,
) -> Result<(), ComposeError> {
    path.into_iter().try_for_each(|segment| {
        if matches!(segment, b"." | b"..") {
            return Err(ComposeError::DotSegment);
        }
        write_value(out, '/', Component::Segment, segment)
    })
}

/// RFC 7252 §6.5 step 8.
fn write_query<'i>(
    out: &mut (impl fmt::Write + ?Sized),
    query: impl IntoIterator<Item = &'i [u8]>,
) -> Result<(), ComposeError> {
    let mut mark = '?';
    query.into_iter().try_for_each(|argument| {
        let mark = core::mem::replace(&mut mark, '&');
        write_value(out, mark, Component::Query, argument)
    })
}

fn write_value(
    out: &mut (impl fmt::Write + ?Sized),
    mark: char,
    component: Component,
    value: &[u8],
) -> Result<(), ComposeError> {
    check_value(value)?;
    out.write_char(mark)?;
    Ok(component.encode(out, value.iter().copied())?)
}

/// What the format of these options asks for (RFC 7252 §5.10, table 4).
fn check_value(value: &[u8]) -> Result<&str, ComposeError> {
    if value.len() > MAX_VALUE_LENGTH {
        return Err(ComposeError::TooLong);
    }
    core::str::from_utf8(value).map_err(|_| ComposeError::InvalidUtf8)
}

/// A host that RFC 7252 §6.5 step 2 lets pass (`URI-18`).
enum ComposedHost<'i> {
    Name(&'i [u8]),
    Ipv6(Ipv6Addr),
}

impl<'i> ComposedHost<'i> {
    fn new(host: &'i [u8]) -> Result<Self, ComposeError> {
        let text = check_value(host)?;
        if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            return address.parse().map(Self::Ipv6).map_err(|_| ComposeError::InvalidHost);
        }
        // `%` does not pass either: options hold no percent-encoding (§5.10.1), and written as it
        // is, it would name another host than the option does.
        if text.is_empty() || !text.bytes().all(|byte| Component::Host.holds(byte)) {
            return Err(ComposeError::InvalidHost);
        }
        Ok(Self::Name(host))
    }
}

impl fmt::Display for ComposedHost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => Component::Host.encode(f, name.iter().copied()),
            Self::Ipv6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Why options do not give a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComposeError {
    /// The host is empty, or neither a name nor an address: a server that needs the URI answers
    /// 4.00 or 4.02 (RFC 7252 §6.5 step 2, `URI-18`).
    InvalidHost,
    /// The port is 0.
    InvalidPort,
    /// A Uri-Path of `.` or `..`, which RFC 7252 §5.10.1 forbids: no URI can carry it (`URI-27`).
    DotSegment,
    /// A value is not UTF-8.
    InvalidUtf8,
    /// A value is longer than 255 bytes.
    TooLong,
    /// The output refused a write, for instance because it is full.
    Write,
}

impl From<fmt::Error> for ComposeError {
    fn from(_: fmt::Error) -> Self {
        Self::Write
    }
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidHost => {
                "the host is not a name or IP address that can stand in a URI (RFC 7252 §6.5)"
            }
            Self::InvalidPort => "the port is 0, which cannot be connected to",
            Self::DotSegment => "a path segment is `.` or `..` (RFC 7252 §5.10.1)",
            Self::InvalidUtf8 => "an option value is not UTF-8 (RFC 7252 §3.2)",
            Self::TooLong => "an option value is longer than 255 bytes (RFC 7252 §5.10)",
            Self::Write => "the URI could not be written: the output is full or failed",
        })
    }
}

impl core::error::Error for ComposeError {}

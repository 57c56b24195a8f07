//! `coap+ws` and `coaps+ws` URIs: taken apart into options, put together from options.
//!
//! Everything here borrows the text it was given; nothing allocates. A URI is checked once, by
//! [`Uri::parse`] or [`Uri::join`]; afterwards every getter is infallible, and every part fits
//! the option it goes into.
//!
//! ```
//! use coap_ws_core::message::uri::Uri;
//!
//! let uri = Uri::parse("coap+ws://example.org/sensors/temperature?u=Cel")?;
//!
//! // Where to connect, and what the WebSocket handshake asks for (RFC 8323 §8.3) …
//! assert_eq!(uri.port(), 80);
//! assert_eq!(uri.ws_uri().to_string(), "ws://example.org/.well-known/coap");
//! // … and what goes into the request (RFC 7252 §6.4).
//! assert!(uri.path_segments().map(|s| s.to_string()).eq(["sensors", "temperature"]));
//! assert!(uri.queries().map(|q| q.to_string()).eq(["u=Cel"]));
//! # Ok::<(), coap_ws_core::message::uri::UriError>(())
//! ```
//!
//! The other direction, from a request's options to its URI, is [`compose()`].

mod authority;
mod component;
mod compose;
mod error;
mod parse;
mod part;
mod path;
mod scheme;
#[cfg(test)]
mod tests;

pub use authority::{Authority, Host};
pub use component::{Decoded, DecodedBytes};
pub use compose::{ComposeError, compose};
pub use error::{UriError, UriErrorKind};
pub use scheme::Scheme;

use core::fmt;

use self::component::Component;
use self::path::{Path, PathSegments};
use crate::message::OptionNumber;

/// The resource every CoAP-over-WebSockets handshake asks for, whatever the path of the
/// `coap+ws` URI (RFC 8323 §8.3, RFC 8307).
pub const WS_PATH: &str = "/.well-known/coap";

/// The longest URI in bytes, as given and in normal form, be it parsed or joined. (An IPv6 host
/// counts as 41 bytes.)
///
/// About twice what a Proxy-Uri option can hold (1034 bytes, RFC 7252 §5.10). The limit bounds
/// the work on hostile text, and the table in which dot segments are resolved.
pub const MAX_URI_LENGTH: usize = 2048;

/// A valid `coap+ws` or `coaps+ws` URI, borrowing its text (RFC 8323 §8.3, §8.4).
///
/// [`Display`](fmt::Display) writes the normal form of RFC 7252 §6.3 (`URI-22`): scheme and host
/// in lower case, no default port, no dot segments, a path of at least `/`, percent-encoding only
/// where it is needed and in upper case. Two URIs are equal when they name the same resource, so
/// when scheme, host, port and all option values are the same:
///
/// ```
/// use coap_ws_core::message::uri::Uri;
///
/// let uri = Uri::parse("COAP+WS://EX.org:80/a/../%7Eb")?;
/// assert_eq!(uri.to_string(), "coap+ws://ex.org/~b");
/// assert_eq!(uri, Uri::parse("coap+ws://ex.org/~b")?);
/// # Ok::<(), coap_ws_core::message::uri::UriError>(())
/// ```
///
/// `Debug` shows the authority and counts the rest: paths and queries may carry secrets, and a
/// debug print ends up in logs.
#[derive(Clone, Copy)]
pub struct Uri<'a> {
    scheme: Scheme,
    host: Host<'a>,
    port: u16,
    path: Path<'a>,
    query: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads an absolute URI.
    ///
    /// # Errors
    ///
    /// What is wrong and where, see [`UriErrorKind`]: among others a scheme that is not one of
    /// the two (`URI-05`), a missing host (`URI-03`), userinfo (`URI-04`), a fragment (`URI-06`),
    /// a part longer than the 255 bytes of an option.
    ///
    /// ```
    /// use coap_ws_core::message::uri::{Uri, UriErrorKind};
    ///
    /// let error = Uri::parse("coap+ws://h/a#f").unwrap_err();
    /// assert_eq!((error.kind, error.offset), (UriErrorKind::Fragment, 13));
    /// ```
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        parse::absolute(text)
    }

    /// The root resource of an authority, for instance of an Alternative-Address, which keeps
    /// the scheme of the present connection (RFC 8323 §5.5, `REL-09`).
    ///
    /// ```
    /// use coap_ws_core::message::uri::{Authority, Scheme, Uri};
    ///
    /// let uri = Uri::from_authority(Scheme::CoapWs, Authority::parse("example.net:8080")?);
    /// assert_eq!(uri.ws_uri().to_string(), "ws://example.net:8080/.well-known/coap");
    /// # Ok::<(), coap_ws_core::message::uri::UriError>(())
    /// ```
    #[must_use]
    pub fn from_authority(scheme: Scheme, authority: Authority<'a>) -> Self {
        let port = authority.port().unwrap_or(scheme.default_port());
        Self { scheme, host: authority.host(), port, path: Path::root(), query: None }
    }

    /// Resolves a URI reference against this URI (RFC 3986 §5.2): a URI of either scheme,
    /// `//host/path`, `/path`, `path`, `?query` or nothing.
    ///
    /// The base counts in its normal form, so joining gives the same as printing it, parsing
    /// that and joining then.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), with offsets into `reference`. Also when a fourth relative path
    /// is joined to the result of three, which takes allocation
    /// ([`UriErrorKind::TooManyJoins`]).
    ///
    /// ```
    /// use coap_ws_core::message::uri::Uri;
    ///
    /// let base = Uri::parse("coap+ws://h/sensors/temperature?u=Cel")?;
    /// assert_eq!(base.join("humidity")?.to_string(), "coap+ws://h/sensors/humidity");
    /// assert_eq!(base.join("../led?on")?.to_string(), "coap+ws://h/led?on");
    /// assert_eq!(base.join("/.well-known/core")?.to_string(), "coap+ws://h/.well-known/core");
    /// assert_eq!(base.join("coaps+ws://other")?.to_string(), "coaps+ws://other/");
    /// # Ok::<(), coap_ws_core::message::uri::UriError>(())
    /// ```
    pub fn join(&self, reference: &'a str) -> Result<Self, UriError> {
        parse::reference(self, reference)
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> Host<'a> {
        self.host
    }

    /// The TCP port: the one given, else the default of the scheme (`URI-24`).
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, without the port if it is the default of the scheme. Its `Display` is the
    /// `Host` header field of the handshake (`WS-16`).
    ///
    /// ```
    /// use coap_ws_core::message::uri::Uri;
    ///
    /// let host = |uri| Uri::parse(uri).map(|uri| uri.authority().to_string());
    /// assert_eq!(host("coap+ws://Example.org:8080/")?, "example.org:8080");
    /// assert_eq!(host("coaps+ws://[::1]:443/a")?, "[::1]");
    /// # Ok::<(), coap_ws_core::message::uri::UriError>(())
    /// ```
    #[must_use]
    pub fn authority(&self) -> Authority<'a> {
        let port = Some(self.port).filter(|port| *port != self.scheme.default_port());
        Authority::new(self.host, port)
    }

    /// The WebSocket URI to connect to: `ws://authority/.well-known/coap`, or `wss://…`
    /// (`URI-01`, `URI-02`).
    #[must_use]
    pub fn ws_uri(&self) -> impl fmt::Display + Copy + use<'a> {
        WsUri { scheme: self.scheme, authority: self.authority() }
    }

    /// Whether both URIs have the same scheme, host (in normal form) and port, and so the same
    /// server: then a connection may be shared, and Uri-Host and Uri-Port say nothing new.
    #[must_use]
    pub fn same_authority(&self, other: &Uri<'_>) -> bool {
        self.scheme == other.scheme && self.host == other.host && self.port == other.port
    }

    /// The values of the Uri-Path options, in order (RFC 7252 §6.4 step 8).
    ///
    /// Dot segments are resolved first, percent-encoded ones too (`URI-14`, `URI-27`). No path
    /// and `/` give none; a trailing slash gives an empty last segment (`URI-11`).
    ///
    /// ```
    /// use coap_ws_core::message::uri::Uri;
    ///
    /// let uri = Uri::parse("coap+ws://h/a/%2e%2E/b%2Fc/")?;
    /// let mut segments = uri.path_segments();
    /// assert!(segments.next().is_some_and(|s| s.eq_bytes(b"b/c")));
    /// assert!(segments.next().is_some_and(|s| s.is_empty()));
    /// assert!(segments.next().is_none());
    /// # Ok::<(), coap_ws_core::message::uri::UriError>(())
    /// ```
    pub fn path_segments(&self) -> impl Iterator<Item = Decoded<'a>> + Clone + use<'a> {
        PathSegments::new(self.path)
    }

    /// The values of the Uri-Query options, in order: the query split at `&` (RFC 7252 §6.4
    /// step 9). A `?` with nothing behind it is one empty value (`URI-12`).
    pub fn queries(&self) -> impl Iterator<Item = Decoded<'a>> + Clone + use<'a> {
        let arguments = self.query.into_iter().flat_map(|query| query.split('&'));
        arguments.map(|argument| Decoded::new(argument, Component::Query))
    }

    /// The Uri-Path and Uri-Query options of a request for this URI, ascending as the message
    /// format wants them.
    ///
    /// Uri-Host and Uri-Port are not among them: they are sent only when they differ from what
    /// the connection implies (`URI-07`, `URI-10`), which a URI alone cannot tell. Their values
    /// are [`Host::option_value`] and [`port`](Self::port).
    ///
    /// ```
    /// use coap_ws_core::message::uri::Uri;
    ///
    /// let uri = Uri::parse("coap+ws://h/a/b?c")?;
    /// let options = uri.option_values().map(|(number, value)| (number.get(), value.to_string()));
    /// assert!(options.eq([(11, "a".into()), (11, "b".into()), (15, "c".into())]));
    /// # Ok::<(), coap_ws_core::message::uri::UriError>(())
    /// ```
    pub fn option_values(
        &self,
    ) -> impl Iterator<Item = (OptionNumber, Decoded<'a>)> + Clone + use<'a> {
        let path = self.path_segments().map(|segment| (OptionNumber::URI_PATH, segment));
        path.chain(self.queries().map(|query| (OptionNumber::URI_QUERY, query)))
    }

    /// An upper bound of the length in normal form: dot segments and percent-encoding count as
    /// they were written, an IPv6 address as the longest there is.
    fn len_bound(&self) -> usize {
        let port = match self.authority().port() {
            None => 0,
            Some(..10) => ":1".len(),
            Some(..100) => ":10".len(),
            Some(..1000) => ":100".len(),
            Some(..10_000) => ":1000".len(),
            Some(_) => ":10000".len(),
        };
        let query = self.query.map_or(0, |query| query.len().saturating_add(1));
        [self.scheme.as_str().len(), "://".len(), self.host.len_bound(), port, query]
            .into_iter()
            .fold(self.path.len(), usize::saturating_add)
    }

    fn write_origin_and_path(&self, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        write!(out, "{}://{}", self.scheme, self.authority())?;
        let mut segments = self.path_segments().peekable();
        if segments.peek().is_none() {
            out.write_char('/')?;
        }
        segments.try_for_each(|segment| write!(out, "/{segment}"))
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_origin_and_path(f)?;
        let mut mark = '?';
        self.queries()
            .try_for_each(|query| write!(f, "{}{query}", core::mem::replace(&mut mark, '&')))
    }
}

impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uri")
            .field("scheme", &self.scheme)
            .field("authority", &self.authority())
            .field("segments", &self.path_segments().count())
            .field("queries", &self.queries().count())
            .finish()
    }
}

impl PartialEq for Uri<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.same_authority(other)
            && self.path_segments().eq(other.path_segments())
            && self.queries().eq(other.queries())
    }
}

impl Eq for Uri<'_> {}

#[derive(Clone, Copy)]
struct WsUri<'a> {
    scheme: Scheme,
    authority: Authority<'a>,
}

impl fmt::Display for WsUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{WS_PATH}", self.scheme.ws_scheme(), self.authority)
    }
}

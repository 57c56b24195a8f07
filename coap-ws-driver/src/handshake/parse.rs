//! From the bytes of a complete head to the types of `http`.

use super::head_error::{HeadError, Malformed, Smell};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, Version, request, response};
use httparse::Status;

/// A head that a [`HeadReader`](super::HeadReader) can read: [`http::request::Parts`] or
/// [`http::response::Parts`], no other.
pub trait Head: Sized + Syntax {}

impl Head for request::Parts {}
impl Head for response::Parts {}

/// What a byte at the beginning of a head tells.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Opening {
    /// It may still be HTTP or not.
    Plausible,
    /// It looks like HTTP from here.
    Settled,
}

/// How the two kinds of heads differ. Nobody outside can name it, which seals [`Head`].
#[doc(hidden)]
pub trait Syntax: Sized {
    /// Judges the byte that follows `before` plausible ones at the very beginning.
    fn opening(before: usize, byte: u8) -> Result<Opening, HeadError>;

    /// Parses a complete head of at most so many header lines.
    fn parse(bytes: &[u8], max_headers: usize) -> Result<Self, HeadError>;
}

impl Syntax for request::Parts {
    /// `method SP`: a method is a token (RFC 9110 §9.1).
    fn opening(before: usize, byte: u8) -> Result<Opening, HeadError> {
        match byte {
            b' ' if before > 0 => Ok(Opening::Settled),
            byte if is_token(byte) => Ok(Opening::Plausible),
            byte => Err(not_http(before, byte)),
        }
    }

    fn parse(bytes: &[u8], max_headers: usize) -> Result<Self, HeadError> {
        let mut lines = vec![httparse::EMPTY_HEADER; max_headers];
        let mut parsed = httparse::Request::new(&mut lines);
        let status = parsed.parse(bytes).map_err(|error| request_error(bytes, error))?;
        agreed(status, bytes.len())?;
        let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
            return Err(Malformed::StartLine.into());
        };
        // `http::Uri` would quietly drop a fragment, which has no place in a target (RFC 9112
        // §3.2).
        if target.contains('#') {
            return Err(Malformed::Target.into());
        }
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = Method::from_bytes(method.as_bytes()).map_err(|_| Malformed::StartLine)?;
        head.uri = Uri::try_from(target).map_err(|_| Malformed::Target)?;
        head.version = version(parsed.version);
        head.headers = headers(parsed.headers)?;
        Ok(head)
    }
}

impl Syntax for response::Parts {
    /// `HTTP/1.`: RFC 6455 asks for 1.1, but a proxy may say no as 1.0.
    fn opening(before: usize, byte: u8) -> Result<Opening, HeadError> {
        const PREFIX: &[u8] = b"HTTP/1.";
        let mut rest = PREFIX.iter().skip(before);
        match (rest.next(), rest.next()) {
            (Some(expected), _) if *expected != byte => Err(not_http(before, byte)),
            (Some(_), Some(_)) => Ok(Opening::Plausible),
            (_, None) | (None, _) => Ok(Opening::Settled),
        }
    }

    fn parse(bytes: &[u8], max_headers: usize) -> Result<Self, HeadError> {
        let mut lines = vec![httparse::EMPTY_HEADER; max_headers];
        let mut parsed = httparse::Response::new(&mut lines);
        agreed(parsed.parse(bytes).map_err(Malformed::from)?, bytes.len())?;
        let (mut head, ()) = Response::new(()).into_parts();
        let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
        head.status = status.ok_or(Malformed::StartLine)?;
        head.version = version(parsed.version);
        head.headers = headers(parsed.headers)?;
        Ok(head)
    }
}

/// Two parsers of one head must see its end at the same place: ours, which is strict about lines,
/// and httparse, which is not.
fn agreed(status: Status<usize>, length: usize) -> Result<(), Malformed> {
    if status == Status::Complete(length) { Ok(()) } else { Err(Malformed::StartLine) }
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 }
}

fn headers(lines: &[httparse::Header<'_>]) -> Result<HeaderMap, Malformed> {
    let mut map = HeaderMap::new();
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Malformed::Header)?;
        let value = HeaderValue::from_bytes(line.value).map_err(|_| Malformed::Header)?;
        map.try_append(name, value).map_err(|_| Malformed::Header)?;
    }
    Ok(map)
}

fn request_error(bytes: &[u8], error: httparse::Error) -> HeadError {
    if bytes.starts_with(b"PRI * HTTP/2") {
        HeadError::NotHttp(Smell::Http2)
    } else if bytes.starts_with(b"PROXY ") {
        HeadError::NotHttp(Smell::ProxyProtocol)
    } else {
        Malformed::from(error).into()
    }
}

/// A guess at what speaks, by the first byte that cannot be HTTP: the sooner it is told, the
/// sooner a wrong port or scheme is found.
fn not_http(before: usize, byte: u8) -> HeadError {
    HeadError::NotHttp(match (before, byte) {
        (_, b'\r' | b'\n' | b' ') => return Malformed::StartLine.into(),
        // The type of a TLS record: alert or handshake (RFC 8446 §5.1).
        (0, 0x15 | 0x16) => Smell::Tls,
        // A final text or binary frame (RFC 6455 §5.2).
        (0, 0x81 | 0x82) => Smell::WebSocketFrame,
        // A CSM: no token, so the first byte ends in 0; the code 7.01 follows it or a length
        // (RFC 8323 §3.2).
        (1 | 2, 0xe1) => Smell::CoapTcp,
        (0, byte) if byte & 0x0f == 0 && !byte.is_ascii_graphic() => Smell::CoapTcp,
        _ => Smell::Unknown,
    })
}

/// `tchar` (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

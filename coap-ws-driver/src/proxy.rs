//! Through an HTTP proxy by CONNECT (RFC 9110 §9.3.6; WS-38).

use crate::handshake::{HandshakeLimits, HeadError, HeadReader};
use crate::policy::{Authority, AuthorityError};
use crate::transport::Transport;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::response::Parts;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::str::FromStr;

/// An HTTP proxy that makes tunnels: `http://[user:password@]host:port`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    authorization: Option<String>,
}

/// Text that names no proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyParseError {
    /// It does not start with `http://`.
    Scheme,
    /// Its host or port is none.
    Authority(AuthorityError),
}

impl fmt::Display for ProxyParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("a proxy is written http://host:port"),
            Self::Authority(error) => write!(f, "the proxy's address cannot be used: {error}"),
        }
    }
}

impl std::error::Error for ProxyParseError {}

impl FromStr for Proxy {
    type Err = ProxyParseError;

    fn from_str(text: &str) -> Result<Proxy, ProxyParseError> {
        let rest = text.strip_prefix("http://").ok_or(ProxyParseError::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        let authority: Authority = address.parse().map_err(ProxyParseError::Authority)?;
        let host = authority.host.to_string();
        let host = host.trim_matches(['[', ']']).to_owned();
        let authorization = user.map(|user| format!("Basic {}", STANDARD.encode(user)));
        Ok(Proxy { host, port: authority.port.unwrap_or(80), authorization })
    }
}

impl Proxy {
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Asks for a tunnel to `authority` (`host:port`, the port always stated).
    pub(crate) async fn tunnel(
        &self,
        stream: &mut impl Transport,
        authority: &str,
    ) -> Result<(), ProxyError> {
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(authorization) = &self.authorization {
            request.push_str("Proxy-Authorization: ");
            request.push_str(authorization);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        write_all(stream, request.as_bytes()).await.map_err(ProxyError::Io)?;
        let head = read_head(stream).await?;
        if head.status.is_success() { Ok(()) } else { Err(ProxyError::Status(head.status)) }
    }
}

impl fmt::Debug for Proxy {
    /// Without the credentials (T92).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

/// Why a proxy made no tunnel.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// It cannot be reached, or has closed.
    Io(io::Error),
    /// It answered, but not with 2xx.
    Status(http::StatusCode),
    /// What it answered is no HTTP.
    Head(HeadError),
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Status(status) if status.as_u16() == 407 => {
                f.write_str("it wants credentials (407); write http://user:password@host:port")
            }
            Self::Status(status) => write!(f, "it answered {status}; does it allow this port?"),
            Self::Head(error) => write!(f, "its answer cannot be used: {error}"),
        }
    }
}

impl std::error::Error for ProxyError {}

async fn write_all(stream: &mut impl Transport, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = poll_fn(|cx| stream.poll_write(cx, bytes)).await?;
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(n..).unwrap_or_default();
    }
    poll_fn(|cx| stream.poll_flush(cx)).await
}

/// The proxy's answer, byte by byte: what follows it belongs to the tunnel, and nothing is
/// expected before we have spoken.
async fn read_head(stream: &mut impl Transport) -> Result<Parts, ProxyError> {
    let mut reader = HeadReader::<Parts>::new(HandshakeLimits::default());
    loop {
        let mut byte = [0];
        if poll_fn(|cx| stream.poll_read(cx, &mut byte)).await.map_err(ProxyError::Io)? == 0 {
            return Err(ProxyError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        let head = reader.push(&byte).map_err(ProxyError::Head)?.head;
        if let Some(head) = head.filter(|head| !head.status.is_informational()) {
            return Ok(head);
        }
    }
}

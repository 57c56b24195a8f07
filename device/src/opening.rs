//! The opening handshake of a server (RFC 6455 §4.2, RFC 8323 §4.1), in the room of one line.
//!
//! Fields that say nothing about the handshake are passed over whatever their length, so a head
//! with long cookies needs no more memory than a short one.

use sha1::{Digest, Sha1};

/// The longest line that is looked at, in bytes. A field that matters and is longer is refused.
pub const MAX_LINE: usize = 160;

/// The most bytes of a head. 16 KiB: what browsers send, cookies included.
pub const MAX_HEAD: usize = 16 * 1024;

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const PATH: &str = "/.well-known/coap";

/// How the 101 begins; the accept value and a blank line follow.
pub(crate) const ACCEPTED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Protocol: coap\r\nSec-WebSocket-Accept: ";

/// The value of Sec-WebSocket-Accept.
pub type Accept = [u8; 28];

/// Why a handshake is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no opening handshake for the subprotocol `coap`.
    NotCoap,
    /// It comes from a web page. A device serves none, so none has a reason to ask (SEC-08).
    Origin,
    /// The path is another than `/.well-known/coap`.
    Path,
    /// The method is not GET.
    Method,
    /// The head did not come in time.
    Timeout,
    /// The version of the WebSocket protocol is not 13 (WS-12).
    Version,
    /// The head, or a line of it that matters, is too large.
    TooLarge,
    /// It is not HTTP/1.1.
    HttpVersion,
}

impl Refusal {
    /// The whole answer.
    pub const fn response(self) -> &'static [u8] {
        match self {
            Self::NotCoap => {
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Self::Origin => {
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Self::Path => {
                b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Self::Method => {
                b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nConnection: close\r\n\
                  Content-Length: 0\r\n\r\n"
            }
            Self::Timeout => {
                b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Self::Version => {
                b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n\
                  Connection: close, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                  Content-Length: 0\r\n\r\n"
            }
            Self::TooLarge => {
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\
                  Content-Length: 0\r\n\r\n"
            }
            Self::HttpVersion => {
                b"HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\n\
                  Content-Length: 0\r\n\r\n"
            }
        }
    }
}

/// Reads the head of a request as it comes.
#[derive(Debug)]
pub struct Opening {
    line: heapless::Vec<u8, MAX_LINE>,
    /// Bytes of the current line that did not fit.
    cut: bool,
    total: usize,
    begun: bool,
    seen: Seen,
}

/// What the lines so far have said.
#[derive(Debug, Default)]
struct Seen {
    host: bool,
    upgrade: bool,
    connection: bool,
    version: bool,
    protocol: bool,
    key: Option<[u8; 24]>,
}

impl Default for Opening {
    fn default() -> Opening {
        Opening {
            line: heapless::Vec::new(),
            cut: false,
            total: 0,
            begun: false,
            seen: Seen::default(),
        }
    }
}

impl Opening {
    /// Takes bytes up to the end of the head; how many, and the verdict once there is one. After a
    /// verdict it must not be called again.
    pub fn read(&mut self, input: &[u8]) -> (usize, Option<Result<Accept, Refusal>>) {
        let mut taken = 0_usize;
        for &byte in input {
            taken = taken.saturating_add(1);
            if let Some(verdict) = self.byte(byte) {
                return (taken, Some(verdict));
            }
        }
        (taken, None)
    }

    fn byte(&mut self, byte: u8) -> Option<Result<Accept, Refusal>> {
        self.total = self.total.saturating_add(1);
        if self.total > MAX_HEAD {
            return Some(Err(Refusal::TooLarge));
        }
        if byte != b'\n' {
            self.cut |= self.line.push(byte).is_err();
            return None;
        }
        let line = core::mem::take(&mut self.line);
        let cut = core::mem::take(&mut self.cut);
        let text = match line.strip_suffix(b"\r") {
            // The \r of a line that was cut is among what was left out.
            _ if cut => &line,
            Some(text) => text,
            // A bare line feed is read in two ways by two servers (T15).
            None => return Some(Err(Refusal::NotCoap)),
        };
        if text.is_empty() && self.begun {
            return Some(self.verdict());
        }
        let judged = if self.begun { self.field(text, cut) } else { request_line(text, cut) };
        self.begun = true;
        judged.err().map(Err)
    }

    fn field(&mut self, line: &[u8], cut: bool) -> Result<(), Refusal> {
        let colon = line.iter().position(|byte| *byte == b':');
        let parts = colon.and_then(|at| Some((line.get(..at)?, line.get(at.checked_add(1)?..)?)));
        let Some((name, value)) = parts else {
            return Err(if cut { Refusal::TooLarge } else { Refusal::NotCoap });
        };
        // A space before the colon, or a line folded: both smuggle (RFC 9112 §5.1, §5.2).
        if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
            return Err(Refusal::NotCoap);
        }
        let value = value.trim_ascii();
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let known = KNOWN.iter().any(|field| is(field));
        if known && cut {
            return Err(Refusal::TooLarge);
        }
        let seen = &mut self.seen;
        if is("Host") {
            // Whatever it is called: it cannot know its names, and no web page gets here.
            once(&mut seen.host, !value.is_empty())
        } else if is("Origin") {
            Err(Refusal::Origin)
        } else if is("Upgrade") {
            seen.upgrade |= lists(value, "websocket");
            Ok(())
        } else if is("Connection") {
            seen.connection |= lists(value, "upgrade");
            Ok(())
        } else if is("Sec-WebSocket-Version") {
            once(&mut seen.version, value == b"13").map_err(|_| Refusal::Version)
        } else if is("Sec-WebSocket-Protocol") {
            seen.protocol |= elements(value).any(|offered| offered == b"coap");
            Ok(())
        } else if is("Sec-WebSocket-Key") {
            let key = value.try_into().ok().filter(is_key);
            let first = seen.key.is_none() && key.is_some();
            seen.key = key;
            if first { Ok(()) } else { Err(Refusal::NotCoap) }
        } else if is("Transfer-Encoding") || is("Content-Length") && value != b"0" {
            Err(Refusal::NotCoap)
        } else {
            Ok(())
        }
    }

    fn verdict(&self) -> Result<Accept, Refusal> {
        let seen = &self.seen;
        if !(seen.host && seen.upgrade && seen.connection && seen.protocol) {
            return Err(Refusal::NotCoap);
        }
        if !seen.version {
            return Err(Refusal::Version);
        }
        seen.key.as_ref().map(accept).ok_or(Refusal::NotCoap)
    }
}

const KNOWN: [&str; 9] = [
    "Host",
    "Origin",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Key",
    "Transfer-Encoding",
    "Content-Length",
];

fn request_line(line: &[u8], cut: bool) -> Result<(), Refusal> {
    if cut {
        return Err(Refusal::TooLarge);
    }
    let text = core::str::from_utf8(line).map_err(|_| Refusal::NotCoap)?;
    let mut words = text.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::NotCoap);
    };
    match version {
        "HTTP/1.1" => {}
        _ if version.starts_with("HTTP/") => return Err(Refusal::HttpVersion),
        _ => return Err(Refusal::NotCoap),
    }
    if method != "GET" {
        return Err(Refusal::Method);
    }
    // An absolute target is to be taken too (RFC 9112 §3.2.2).
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => target,
    };
    if path == PATH { Ok(()) } else { Err(Refusal::Path) }
}

/// Notes a field that is to come once and with a valid value.
fn once(seen: &mut bool, valid: bool) -> Result<(), Refusal> {
    let first = !core::mem::replace(seen, true);
    if first && valid { Ok(()) } else { Err(Refusal::NotCoap) }
}

fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn lists(value: &[u8], word: &str) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether it is base64 of 16 bytes: 22 characters and two signs of padding (WS-43).
fn is_key(key: &[u8; 24]) -> bool {
    let (digits, padding) = key.split_at(22);
    padding == b"==" && digits.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// Base64 of the SHA-1 of the key and the GUID (RFC 6455 §4.2.2; WS-10).
fn accept(key: &[u8; 24]) -> Accept {
    let hash: [u8; 20] = Sha1::new().chain_update(key).chain_update(GUID).finalize().into();
    let mut text = [b'='; 28];
    for (triple, four) in hash.chunks(3).zip(text.chunks_mut(4)) {
        let bytes = [0, 1, 2].map(|at| u32::from(triple.get(at).copied().unwrap_or(0)));
        let bits = (bytes[0] << 16) | (bytes[1] << 8) | bytes[2];
        // Two bytes are three digits, three are four.
        for (digit, shift) in
            four.iter_mut().zip([18, 12, 6, 0]).take(triple.len().saturating_add(1))
        {
            let index = ((bits >> shift) & 63) as usize;
            *digit = DIGITS.get(index).copied().unwrap_or(b'=');
        }
    }
    text
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

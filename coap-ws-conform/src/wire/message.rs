//! CoAP messages as they travel over WebSockets (RFC 8323 §4.2, RFC 7252 §3, RFC 8974 §2.1).

use super::{number, uint};
use std::fmt;

/// A code: three bits of class, five of detail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u8);

impl Code {
    pub const EMPTY: Code = Code(0x00);
    pub const GET: Code = Code(0x01);
    pub const POST: Code = Code(0x02);
    pub const PUT: Code = Code(0x03);
    pub const DELETE: Code = Code(0x04);
    pub const FETCH: Code = Code(0x05);
    pub const PATCH: Code = Code(0x06);
    pub const IPATCH: Code = Code(0x07);
    pub const CREATED: Code = Code(0x41);
    pub const DELETED: Code = Code(0x42);
    pub const VALID: Code = Code(0x43);
    pub const CHANGED: Code = Code(0x44);
    pub const CONTENT: Code = Code(0x45);
    pub const CONTINUE: Code = Code(0x5f);
    pub const BAD_REQUEST: Code = Code(0x80);
    pub const BAD_OPTION: Code = Code(0x82);
    pub const NOT_FOUND: Code = Code(0x84);
    pub const METHOD_NOT_ALLOWED: Code = Code(0x85);
    pub const NOT_ACCEPTABLE: Code = Code(0x86);
    pub const INCOMPLETE: Code = Code(0x88);
    pub const PRECONDITION_FAILED: Code = Code(0x8c);
    pub const TOO_LARGE: Code = Code(0x8d);
    pub const INTERNAL_ERROR: Code = Code(0xa0);
    pub const NOT_IMPLEMENTED: Code = Code(0xa1);
    pub const UNAVAILABLE: Code = Code(0xa3);
    pub const PROXYING: Code = Code(0xa5);
    pub const CSM: Code = Code(0xe1);
    pub const PING: Code = Code(0xe2);
    pub const PONG: Code = Code(0xe3);
    pub const RELEASE: Code = Code(0xe4);
    pub const ABORT: Code = Code(0xe5);

    /// The three bits before the point.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// Whether a client sends it.
    pub const fn is_request(self) -> bool {
        self.class() == 0 && self.0 != 0
    }

    /// Whether a server sends it.
    pub const fn is_response(self) -> bool {
        matches!(self.class(), 2 | 4 | 5)
    }

    /// Whether the connection is what it is about.
    pub const fn is_signaling(self) -> bool {
        self.class() == 7
    }

    /// Whether it says that it worked.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Whether it is 4.xx or 5.xx.
    pub const fn is_error(self) -> bool {
        matches!(self.class(), 4 | 5)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.0 & 0x1f)?;
        super::names::code(*self).map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why bytes are no message, and the offset at which that shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    pub at: usize,
    pub why: &'static str,
}

/// A message. What is put in is what is written, in ascending order of option numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The Len nibble, which is 0 over WebSockets. Read as it comes.
    pub len: u8,
    pub code: Code,
    pub token: Vec<u8>,
    pub options: Vec<(u16, Vec<u8>)>,
    pub payload: Vec<u8>,
}

impl Message {
    pub fn new(code: Code) -> Message {
        Message { len: 0, code, token: Vec::new(), options: Vec::new(), payload: Vec::new() }
    }

    pub fn token(mut self, token: &[u8]) -> Message {
        self.token = token.to_vec();
        self
    }

    pub fn option(mut self, option: u16, value: impl AsRef<[u8]>) -> Message {
        self.options.push((option, value.as_ref().to_vec()));
        self
    }

    pub fn uint(self, option: u16, value: u64) -> Message {
        self.option(option, uint(value))
    }

    pub fn payload(mut self, payload: impl AsRef<[u8]>) -> Message {
        self.payload = payload.as_ref().to_vec();
        self
    }

    /// The options of a path and query, `/a/b?c&d` (RFC 7252 §6.4); nothing is percent-decoded.
    pub fn path(mut self, path: &str) -> Message {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        if !path.is_empty() {
            for segment in path.split('/') {
                self = self.option(super::names::URI_PATH, segment);
            }
        }
        for part in query.into_iter().flat_map(|query| query.split('&')) {
            self = self.option(super::names::URI_QUERY, part);
        }
        self
    }

    /// The values of an option, in order.
    pub fn all(&self, option: u16) -> impl Iterator<Item = &[u8]> {
        self.options.iter().filter(move |(n, _)| *n == option).map(|(_, value)| value.as_slice())
    }

    /// The first value of an option.
    pub fn first(&self, option: u16) -> Option<&[u8]> {
        self.all(option).next()
    }

    /// That as a number.
    pub fn number(&self, option: u16) -> Option<u64> {
        self.first(option).map(number)
    }

    pub fn has(&self, option: u16) -> bool {
        self.first(option).is_some()
    }

    /// The path that its Uri-Path options are, for reading.
    pub fn uri_path(&self) -> String {
        let segments: Vec<_> =
            self.all(super::names::URI_PATH).map(String::from_utf8_lossy).collect();
        format!("/{}", segments.join("/"))
    }

    /// The bytes, without a frame around them.
    pub fn bytes(&self) -> Vec<u8> {
        let (tkl, ext) = nibble(self.token.len());
        let mut out = vec![self.len << 4 | tkl, self.code.0];
        out.extend(ext);
        out.extend(&self.token);
        let mut options: Vec<_> = self.options.iter().collect();
        options.sort_by_key(|(option, _)| *option);
        let mut last = 0;
        for (option, value) in options {
            let (delta, delta_ext) = nibble(usize::from(option - last));
            let (length, length_ext) = nibble(value.len());
            out.push(delta << 4 | length);
            out.extend(delta_ext.into_iter().chain(length_ext));
            out.extend(value);
            last = *option;
        }
        if !self.payload.is_empty() {
            out.push(0xff);
            out.extend(&self.payload);
        }
        out
    }

    /// Reads a whole WebSocket message. The Len nibble is only noted.
    pub fn parse(bytes: &[u8]) -> Result<Message, FormatError> {
        let mut rest = Rest { bytes, at: 0 };
        let first = rest.byte("no header")?;
        let code = Code(rest.byte("half a header")?);
        let missing = "the extension of the token length is missing";
        let token_length = rest.extended(first & 15, "token length 15", missing)?;
        let token = rest.take(token_length, "the token is cut short")?.to_vec();
        let mut message = Message { len: first >> 4, token, ..Message::new(code) };
        let mut last = 0usize;
        while let Some(byte) = rest.next() {
            if byte == 0xff {
                message.payload = rest.take(bytes.len() - rest.at, "")?.to_vec();
                if message.payload.is_empty() {
                    return Err(rest.error("a payload marker without a payload"));
                }
                break;
            }
            let missing = "the extension of an option is missing";
            let delta = rest.extended(byte >> 4, "option delta 15", missing)?;
            let length = rest.extended(byte & 15, "option length 15", missing)?;
            last += delta;
            let Ok(option) = u16::try_from(last) else {
                return Err(rest.error("an option number above 65535"));
            };
            let value = rest.take(length, "an option value is cut short")?.to_vec();
            message.options.push((option, value));
        }
        if code == Code::EMPTY && bytes.len() > 2 {
            return Err(FormatError { at: 2, why: "an Empty message with more than a header" });
        }
        Ok(message)
    }
}

/// The nibble and the extension bytes of a length or delta. Nothing here is above 65804.
fn nibble(value: usize) -> (u8, Vec<u8>) {
    match value {
        0..=12 => (value as u8, Vec::new()),
        13..=268 => (13, vec![(value - 13) as u8]),
        _ => (14, ((value - 269) as u16).to_be_bytes().to_vec()),
    }
}

struct Rest<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Rest<'b> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn byte(&mut self, why: &'static str) -> Result<u8, FormatError> {
        self.next().ok_or(FormatError { at: self.at, why })
    }

    fn take(&mut self, length: usize, why: &'static str) -> Result<&'b [u8], FormatError> {
        let end = self.at + length;
        let taken = self.bytes.get(self.at..end).ok_or(FormatError { at: self.at, why })?;
        self.at = end;
        Ok(taken)
    }

    fn extended(
        &mut self,
        nibble: u8,
        reserved: &'static str,
        missing: &'static str,
    ) -> Result<usize, FormatError> {
        Ok(match nibble {
            13 => usize::from(self.byte(missing)?) + 13,
            14 => {
                let high = self.byte(missing)?;
                usize::from(u16::from_be_bytes([high, self.byte(missing)?])) + 269
            }
            15 => return Err(self.error(reserved)),
            small => usize::from(small),
        })
    }

    fn error(&self, why: &'static str) -> FormatError {
        FormatError { at: self.at, why }
    }
}

/// A Block1 or Block2 value (RFC 7959 §2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    pub num: u32,
    pub more: bool,
    pub szx: u8,
}

impl Block {
    pub const fn new(num: u32, more: bool, szx: u8) -> Block {
        Block { num, more, szx }
    }

    pub fn value(self) -> Vec<u8> {
        uint(u64::from(self.num) << 4 | u64::from(self.more) << 3 | u64::from(self.szx))
    }

    pub fn parse(value: &[u8]) -> Block {
        let n = number(value);
        Block { num: (n >> 4) as u32, more: n & 8 != 0, szx: (n & 7) as u8 }
    }

    /// The unit of its number, in bytes; BERT counts in 1024 (RFC 8323 §6).
    pub const fn unit(self) -> usize {
        1 << (if self.szx < 6 { self.szx + 4 } else { 10 })
    }

    /// Where in the body it begins.
    pub const fn offset(self) -> usize {
        self.num as usize * self.unit()
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = if self.szx == 7 { "BERT".to_owned() } else { self.unit().to_string() };
        write!(f, "{}/{}/{size}", self.num, u8::from(self.more))
    }
}

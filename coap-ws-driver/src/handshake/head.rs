//! Finds the end of an HTTP/1.1 head in bytes that come in any pieces.

use super::head_error::{HeadError, Malformed};
use super::parse::{Head, Opening};
use std::marker::PhantomData;
use std::{fmt, mem};

/// How large an HTTP head may be.
///
/// Beyond is 431 (T04, T05). Both count for all that one [`HeadReader`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeLimits {
    /// Bytes up to and with the blank line. Default 16,384: room for the cookies of a browser, as
    /// with Node.js; nginx has 8 KiB a line, tungstenite 64.
    pub max_bytes: usize,
    /// Header lines. Default 100, as with hyper; a browser sends 15 to 20, and proxies add a few.
    pub max_headers: usize,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self { max_bytes: 16 * 1024, max_headers: 100 }
    }
}

/// What became of bytes given to a [`HeadReader`].
#[derive(Clone)]
#[must_use = "bytes beyond `taken` belong to no head and must not be lost"]
#[non_exhaustive]
pub struct Progress<H> {
    /// How many of the bytes belonged to the head. All, unless it is complete; then what follows
    /// is WebSocket data (RFC 6455 §4.1, WS-44).
    pub taken: usize,
    /// The head, once it is complete.
    pub head: Option<H>,
}

impl<H> fmt::Debug for Progress<H> {
    /// Without the head: it may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let complete = self.head.is_some();
        f.debug_struct("Progress").field("taken", &self.taken).field("complete", &complete).finish()
    }
}

/// Reads heads of `H`: [`http::request::Parts`] or [`http::response::Parts`].
///
/// It is strict, because a head that two parsers read differently is what request smuggling is
/// made of (T15): lines end with CRLF and nothing else, no control characters, no folded lines, no
/// empty line in front. Bytes that cannot become a head are refused at once, with a guess at what
/// they are ([`Smell`](super::Smell)).
///
/// However the bytes are cut, each is looked at once when it comes and twice when the head is
/// complete and parsed (T04, T06). The buffer holds what came and is gone when the head is.
///
/// After a head the next byte begins another (an interim response may precede the final one, RFC
/// 9110 §15.2). After an error every further call returns that error.
pub struct HeadReader<H> {
    limits: HandshakeLimits,
    /// The head so far.
    buffer: Vec<u8>,
    at: At,
    /// Bytes and header lines of all heads.
    bytes: usize,
    headers: usize,
    work: u64,
    failed: Option<HeadError>,
    head: PhantomData<fn() -> H>,
}

/// Where in a head the next byte stands.
#[derive(Clone, Copy, Debug)]
enum At {
    /// In the first line, this many bytes in, where it must still prove to be one of HTTP.
    Opening(usize),
    Line,
    /// Behind the CR of a line.
    LineCr,
    LineStart,
    /// Behind the CR of the blank line.
    BlankCr,
}

impl<H: Head> HeadReader<H> {
    /// A reader with limits of your own; `default()` has the usual ones.
    pub fn new(limits: HandshakeLimits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            at: At::Opening(0),
            bytes: 0,
            headers: 0,
            work: 0,
            failed: None,
            head: PhantomData,
        }
    }

    /// Takes bytes up to the end of the head.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress<H>, HeadError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance(bytes).inspect_err(|error| {
            self.failed = Some(*error);
            self.buffer = Vec::new();
        })
    }

    /// How many bytes were looked at so far, each as often as it was: at most four times what was
    /// taken (T04).
    pub fn work(&self) -> u64 {
        self.work
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<Progress<H>, HeadError> {
        for (before, byte) in bytes.iter().enumerate() {
            if self.step(*byte)? {
                let taken = before.saturating_add(1);
                self.keep(bytes.get(..taken).unwrap_or(bytes));
                return Ok(Progress { taken, head: Some(self.finish()?) });
            }
        }
        self.keep(bytes);
        Ok(Progress { taken: bytes.len(), head: None })
    }

    /// Looks at one byte; `true` if it ends the head.
    fn step(&mut self, byte: u8) -> Result<bool, HeadError> {
        if self.bytes >= self.limits.max_bytes {
            return Err(HeadError::TooLarge { max_bytes: self.limits.max_bytes });
        }
        self.bytes = self.bytes.saturating_add(1);
        self.work = self.work.saturating_add(1);
        self.at = match (self.at, byte) {
            (At::Opening(before), _) => match H::opening(before, byte)? {
                Opening::Plausible => At::Opening(before.saturating_add(1)),
                Opening::Settled => At::Line,
            },
            (At::LineCr, b'\n') => At::LineStart,
            (At::BlankCr, b'\n') => return Ok(true),
            (At::LineCr | At::BlankCr, _) => return Err(Malformed::BareCr.into()),
            (_, b'\n') => return Err(Malformed::BareLf.into()),
            (At::Line, b'\r') => At::LineCr,
            (At::LineStart, b'\r') => At::BlankCr,
            (At::LineStart, b' ' | b'\t') => return Err(Malformed::Fold.into()),
            (_, byte) if byte.is_ascii_control() && byte != b'\t' => {
                return Err(Malformed::Control.into());
            }
            (At::Line, _) => At::Line,
            (At::LineStart, _) => {
                if self.headers >= self.limits.max_headers {
                    let max_headers = self.limits.max_headers;
                    return Err(HeadError::TooManyHeaders { max_headers });
                }
                self.headers = self.headers.saturating_add(1);
                At::Line
            }
        };
        Ok(false)
    }

    /// Keeps bytes that `step` has counted; the buffer doubles, but not beyond the limit.
    fn keep(&mut self, bytes: &[u8]) {
        let needed = self.buffer.len().saturating_add(bytes.len());
        if needed > self.buffer.capacity() {
            let doubled = self.buffer.capacity().saturating_mul(2).min(self.limits.max_bytes);
            self.buffer.reserve_exact(needed.max(doubled).saturating_sub(self.buffer.len()));
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn finish(&mut self) -> Result<H, HeadError> {
        let buffer = mem::take(&mut self.buffer);
        self.at = At::Opening(0);
        // httparse looks at each byte once, the types of `http` look at them once more.
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        self.work = self.work.saturating_add(length.saturating_mul(2));
        H::parse(&buffer, self.headers)
    }
}

impl<H: Head> Default for HeadReader<H> {
    fn default() -> Self {
        Self::new(HandshakeLimits::default())
    }
}

impl<H> fmt::Debug for HeadReader<H> {
    /// Without the bytes: they may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadReader")
            .field("at", &self.at)
            .field("bytes", &self.bytes)
            .field("headers", &self.headers)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

//! One host, path segment or query argument: which characters it may have, and its bytes.

use core::fmt;

use super::part::Part;
use super::{UriError, UriErrorKind};

/// The longest value of Uri-Host, Uri-Path and Uri-Query (RFC 7252 §5.10, table 4).
pub(super) const MAX_VALUE_LENGTH: usize = 255;

/// Where a text stands in the URI, which decides what must be percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Component {
    Host,
    /// An IPv6 address with its brackets.
    IpLiteral,
    Segment,
    /// One argument of the query, so without `&`.
    Query,
}

impl Component {
    /// Whether the byte stands for itself (RFC 7252 §6.5 steps 2, 6 and 8; `URI-15`).
    pub(super) const fn keeps(self, byte: u8) -> bool {
        match byte {
            b'&' => !matches!(self, Self::Query),
            b':' => !matches!(self, Self::Host),
            b'@' => matches!(self, Self::Segment | Self::Query),
            b'/' | b'?' => matches!(self, Self::Query),
            b'[' | b']' => matches!(self, Self::IpLiteral),
            // The rest of "unreserved" and "sub-delims" (RFC 3986 §2.2, §2.3).
            b'!' | b'$' | b'\''..=b'.' | b';' | b'=' | b'_' | b'~' => true,
            _ => byte.is_ascii_alphanumeric(),
        }
    }

    /// Whether an option may hold the byte and still give a URI: a host name is made of
    /// `reg-name` characters and percent-encoded non-ASCII ones (RFC 7252 §6.5 step 2).
    pub(super) const fn holds(self, byte: u8) -> bool {
        !matches!(self, Self::Host) || !byte.is_ascii() || self.keeps(byte)
    }

    const fn ignores_case(self) -> bool {
        matches!(self, Self::Host | Self::IpLiteral)
    }

    /// Writes bytes so that they read back as the same bytes: `%` and upper-case hexadecimal
    /// for what does not stand for itself (RFC 7252 §6.5), hosts in lower case (§6.3).
    pub(super) fn encode(
        self,
        out: &mut (impl fmt::Write + ?Sized),
        mut bytes: impl Iterator<Item = u8>,
    ) -> fmt::Result {
        bytes.try_for_each(|byte| match byte {
            _ if !self.keeps(byte) => write!(out, "%{byte:02X}"),
            _ if self.ignores_case() => out.write_char(byte.to_ascii_lowercase().into()),
            _ => out.write_char(byte.into()),
        })
    }

    /// Refuses what is not a text of this component with UTF-8 of at most 255 bytes in it.
    pub(super) fn check(self, part: Part<'_>) -> Result<(), UriError> {
        let mut text = part.text.as_bytes();
        while let Some((&first, rest)) = text.split_first() {
            let offset = part.at(part.text.len().saturating_sub(text.len()));
            let fail = |kind| UriError::new(kind, offset);
            let (byte, rest) = match first {
                b'%' => unescape(rest).ok_or(fail(UriErrorKind::InvalidPercentEncoding))?,
                _ if self.keeps(first) => (first, rest),
                _ => return Err(fail(UriErrorKind::InvalidCharacter)),
            };
            if !self.holds(byte) {
                return Err(fail(UriErrorKind::InvalidHost));
            }
            text = rest;
        }
        self.check_decoded(part)
    }

    fn check_decoded(self, part: Part<'_>) -> Result<(), UriError> {
        let value = Decoded::new(part.text, self);
        let length = value.len();
        if length == part.text.len() && length <= MAX_VALUE_LENGTH {
            return Ok(()); // nothing is encoded, so all is ASCII
        }
        let mut decoded = [0_u8; MAX_VALUE_LENGTH];
        let decoded = decoded.get_mut(..length);
        let decoded = decoded.ok_or(part.error(UriErrorKind::ComponentTooLong))?;
        decoded.iter_mut().zip(value.bytes()).for_each(|(place, byte)| *place = byte);
        let Err(error) = core::str::from_utf8(decoded) else { return Ok(()) };
        let mut bytes = value.bytes();
        bytes.by_ref().take(error.valid_up_to()).for_each(drop);
        let index = part.text.len().saturating_sub(bytes.rest.len());
        Err(UriError::new(UriErrorKind::InvalidUtf8, part.at(index)))
    }
}

/// The byte after a `%`, and what follows it.
fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = text else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(((digit(high)? << 4) | digit(low)?, rest))
}

/// The value of one Uri-Host, Uri-Path or Uri-Query option, still percent-encoded in the URI it
/// borrows from.
///
/// It is UTF-8 of at most 255 bytes. Decoding happens exactly once (`URI-13`), while the bytes
/// are read. `Display` encodes them again, so `%2F` stays `%2F` but `%7e` becomes `~`. Two values
/// are equal when their bytes are. `Debug` shows the length only, as values may be secret.
///
/// ```
/// use coap_ws_core::message::uri::Uri;
///
/// let uri = Uri::parse("coap+ws://h/%7ea%2fb")?;
/// let segment = uri.path_segments().next().unwrap();
/// assert_eq!(segment.len(), 4);
/// assert_eq!(segment.bytes().collect::<Vec<u8>>(), b"~a/b");
/// assert_eq!(segment.to_string(), "~a%2Fb");
/// # Ok::<(), coap_ws_core::message::uri::UriError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Decoded<'a> {
    text: &'a str,
    component: Component,
}

impl<'a> Decoded<'a> {
    /// A text that [`Component::check`] has passed.
    pub(super) const fn new(text: &'a str, component: Component) -> Self {
        Self { text, component }
    }

    /// The length of the option value in bytes, at most 255.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether the option value is empty, as that of a trailing slash.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The bytes of the option value.
    #[must_use]
    pub const fn bytes(&self) -> DecodedBytes<'a> {
        DecodedBytes { rest: self.text.as_bytes(), lowercase: self.component.ignores_case() }
    }

    /// Whether the option value is these bytes.
    #[must_use]
    pub fn eq_bytes(&self, bytes: &[u8]) -> bool {
        self.bytes().eq(bytes.iter().copied())
    }
}

impl fmt::Display for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.component.encode(f, self.bytes())
    }
}

impl fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoded({} bytes)", self.len())
    }
}

impl PartialEq for Decoded<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for Decoded<'_> {}

/// The bytes of a [`Decoded`] value.
#[derive(Clone)]
pub struct DecodedBytes<'a> {
    rest: &'a [u8],
    lowercase: bool,
}

impl Iterator for DecodedBytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        if first == b'%'
            && let Some((byte, rest)) = unescape(rest)
        {
            self.rest = rest;
            return Some(byte);
        }
        self.rest = rest;
        // Lowercase first, decode second: `%41` stays `A` (URI-09).
        Some(if self.lowercase { first.to_ascii_lowercase() } else { first })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let escapes = self.rest.iter().filter(|byte| **byte == b'%').count();
        let length = self.rest.len().saturating_sub(escapes.saturating_mul(2));
        (length, Some(length))
    }
}

impl ExactSizeIterator for DecodedBytes<'_> {}

impl core::iter::FusedIterator for DecodedBytes<'_> {}

impl fmt::Debug for DecodedBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodedBytes({} left)", self.len())
    }
}

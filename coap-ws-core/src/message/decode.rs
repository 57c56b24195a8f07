//! A message as a view of its bytes (RFC 8323 §4.2, RFC 7252 §3.1, RFC 8974 §2.1).

use super::{Code, ContentFormat, OptionFormat, OptionNumber};
use core::fmt;

/// Why bytes are no CoAP message, and where. On a WebSocket this costs the connection
/// (RFC 8323 §5.6; FMT-25).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FormatError {
    /// What is wrong.
    pub kind: FormatErrorKind,
    /// The offset of the first byte that cannot be right, from the start of the message.
    pub offset: usize,
}

/// The ways in which bytes are no CoAP message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FormatErrorKind {
    /// Fewer than the two bytes of a header (WS-37).
    HeaderTruncated,
    /// The Len nibble is not 0, as it must be on WebSockets (FMT-01, FMT-02).
    LengthNibble,
    /// Token length 15 (FMT-07).
    TokenLengthReserved,
    /// The token, or the extension of its length, runs past the end (FMT-09).
    TokenTruncated,
    /// Code 0.00 with a token, options or a payload (FMT-11).
    EmptyNotEmpty,
    /// Delta nibble 15 in a byte that is not the payload marker (FMT-17).
    OptionDeltaReserved,
    /// Length nibble 15 (FMT-18).
    OptionLengthReserved,
    /// An option runs past the end (FMT-19).
    OptionTruncated,
    /// The option numbers add up to more than 65535 (FMT-20).
    OptionNumberOverflow,
    /// A payload marker with nothing behind it (FMT-12).
    PayloadMissing,
}

impl FormatErrorKind {
    /// What is wrong, in a few words that fit an Abort's diagnostic payload.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::HeaderTruncated => "message shorter than its 2-byte header",
            Self::LengthNibble => "Len nibble is not 0 (TCP or UDP framing?)",
            Self::TokenLengthReserved => "token length 15 is reserved",
            Self::TokenTruncated => "token runs past the end of the message",
            Self::EmptyNotEmpty => "code 0.00 with a token or anything after the header",
            Self::OptionDeltaReserved => "option delta 15 is reserved",
            Self::OptionLengthReserved => "option length 15 is reserved",
            Self::OptionTruncated => "option runs past the end of the message",
            Self::OptionNumberOverflow => "option number above 65535",
            Self::PayloadMissing => "payload marker without a payload",
        }
    }

    /// The section that asks for it.
    pub const fn section(self) -> &'static str {
        match self {
            Self::HeaderTruncated | Self::LengthNibble => "RFC 8323 §4.2",
            Self::TokenLengthReserved | Self::TokenTruncated => "RFC 8974 §2.1",
            Self::EmptyNotEmpty => "RFC 7252 §4.1",
            Self::OptionDeltaReserved
            | Self::OptionLengthReserved
            | Self::OptionTruncated
            | Self::OptionNumberOverflow => "RFC 7252 §3.1",
            Self::PayloadMissing => "RFC 7252 §3",
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {}; {})", self.kind.describe(), self.offset, self.kind.section())
    }
}

impl core::error::Error for FormatError {}

/// Where the parts of a message lie in its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    code: Code,
    token_start: u8,
    options_start: u32,
    /// Where the payload marker is, or the end.
    options_end: u32,
}

/// A CoAP message, lent from the bytes of one WebSocket message.
///
/// Parsing checks the whole of it once; what is read afterwards cannot fail.
///
/// ```
/// use coap_ws_core::message::{Code, Message, OptionNumber};
/// let message = Message::parse(&[0x01, 0x45, 0x42, 0xc0, 0xff, b'h', b'i'])?;
/// assert_eq!(message.code(), Code::CONTENT);
/// assert_eq!(message.token(), [0x42]);
/// assert_eq!(message.uint(OptionNumber::CONTENT_FORMAT), Some(0));
/// assert_eq!(message.payload(), b"hi");
/// # Ok::<(), coap_ws_core::message::FormatError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Message<'m> {
    bytes: &'m [u8],
    layout: Layout,
}

impl<'m> Message<'m> {
    /// Reads one WebSocket message.
    ///
    /// # Errors
    ///
    /// [`FormatError`] where the bytes are no CoAP message. Unknown options, unknown codes,
    /// wrong option lengths and bad UTF-8 are none of its business (FMT-27).
    pub fn parse(bytes: &'m [u8]) -> Result<Message<'m>, FormatError> {
        let (code, token_start, options_start) = header(bytes)?;
        if code == Code::EMPTY && bytes.len() > 2 {
            return Err(FormatError { kind: FormatErrorKind::EmptyNotEmpty, offset: 2 });
        }
        let mut options = Options { rest: bytes.get(options_start..).unwrap_or(&[]), number: 0 };
        loop {
            match options.step() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err((kind, rest)) => {
                    return Err(FormatError { kind, offset: bytes.len().saturating_sub(rest) });
                }
            }
        }
        // What is left is the marker and the payload, or nothing.
        let options_end = bytes.len().saturating_sub(options.rest.len());
        let layout = Layout {
            code,
            token_start,
            options_start: u32::try_from(options_start).unwrap_or(u32::MAX),
            options_end: u32::try_from(options_end).unwrap_or(u32::MAX),
        };
        Ok(Message { bytes, layout })
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn from_layout(bytes: &'m [u8], layout: Layout) -> Message<'m> {
        Message { bytes, layout }
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.layout.code
    }

    /// The token: opaque, compared by length and bytes (TOK-04, TOK-10).
    pub fn token(&self) -> &'m [u8] {
        let start = usize::from(self.layout.token_start);
        self.bytes.get(start..self.options_start()).unwrap_or(&[])
    }

    /// The options in the order of the wire, repeated and unknown ones included.
    pub fn options(&self) -> Options<'m> {
        let end = self.layout.options_end as usize;
        Options { rest: self.bytes.get(self.options_start()..end).unwrap_or(&[]), number: 0 }
    }

    /// The payload, empty where there is none.
    pub fn payload(&self) -> &'m [u8] {
        match self.bytes.get(self.layout.options_end as usize..) {
            Some([_marker, payload @ ..]) => payload,
            _ => &[],
        }
    }

    /// The bytes it was parsed from.
    pub const fn as_bytes(&self) -> &'m [u8] {
        self.bytes
    }

    /// What follows the token: options, marker and payload, the same bytes as over UDP.
    pub fn tail(&self) -> &'m [u8] {
        self.bytes.get(self.options_start()..).unwrap_or(&[])
    }

    /// The first value of an option. A value whose length the registry does not allow is
    /// passed over, as if it were not there (RFC 7252 §5.4.3; OPT-06).
    pub fn option(&self, number: OptionNumber) -> Option<&'m [u8]> {
        self.options_of(number).next()
    }

    /// All values of an option, without those of a length that is not allowed.
    pub fn options_of(
        &self,
        number: OptionNumber,
    ) -> impl Iterator<Item = &'m [u8]> + Clone + use<'m> {
        self.options()
            .filter(move |option| option.number == number)
            .map(|option| option.value)
            .filter(move |value| number.spec().is_none_or(|spec| spec.allows(value.len())))
    }

    /// The first value of an option as an unsigned integer; `None` also where it has more
    /// than four bytes.
    pub fn uint(&self, number: OptionNumber) -> Option<u32> {
        decode_uint(self.option(number)?)
    }

    /// The Content-Format, `None` where the sender did not say (OPT-26).
    pub fn content_format(&self) -> Option<ContentFormat> {
        let number = self.uint(OptionNumber::CONTENT_FORMAT)?;
        u16::try_from(number).ok().map(ContentFormat::new)
    }

    /// The Content-Format that the request wants (RFC 7252 §5.10.4).
    pub fn accept(&self) -> Option<ContentFormat> {
        let number = self.uint(OptionNumber::ACCEPT)?;
        u16::try_from(number).ok().map(ContentFormat::new)
    }

    /// The Observe option: in a request 0 registers and 1 deregisters, other values mean
    /// nothing; in a response it says that more will follow (RFC 7641 §2; OBS-01).
    pub fn observe(&self) -> Option<u32> {
        self.uint(OptionNumber::OBSERVE)
    }

    /// Whether a request registers an observer: GET or FETCH with Observe 0 (RFC 7641 §2,
    /// RFC 8132 §2.4; OBS-01).
    pub fn registers(&self) -> bool {
        matches!(self.code(), Code::GET | Code::FETCH) && self.observe() == Some(0)
    }

    /// Whether a response says that its operation is not done: 2.31, or a success with a block
    /// of its body behind which others follow (RFC 7959 §2.2, §2.9.1).
    pub fn is_to_be_continued(&self) -> bool {
        const MORE: u32 = 8;
        let code = self.code();
        let more = || self.uint(OptionNumber::BLOCK2).is_some_and(|block| block & MORE != 0);
        code == Code::CONTINUE || code.is_success() && more()
    }

    /// The payload of an error or a signal as text for people (RFC 7252 §5.5.2), `None`
    /// where there is none or it is no UTF-8.
    pub fn diagnostic(&self) -> Option<&'m str> {
        let payload = self.payload();
        if payload.is_empty() || self.content_format().is_some() && !self.code().is_signal() {
            return None;
        }
        core::str::from_utf8(payload).ok()
    }

    fn options_start(&self) -> usize {
        self.layout.options_start as usize
    }
}

impl fmt::Debug for Message<'_> {
    /// Code, token length, option numbers and lengths; never a value (T92).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} token={}B", self.code(), self.token().len())?;
        for option in self.options() {
            write!(f, " {}:{}B", option.number.get(), option.value.len())?;
        }
        write!(f, " payload={}B", self.payload().len())
    }
}

/// One option of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OptionRef<'m> {
    /// Its number.
    pub number: OptionNumber,
    /// Its value as on the wire.
    pub value: &'m [u8],
}

impl OptionRef<'_> {
    /// The value as an unsigned integer, `None` where it has more than four bytes.
    pub fn uint(&self) -> Option<u32> {
        decode_uint(self.value)
    }
}

impl fmt::Debug for OptionRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}B", self.number, self.value.len())
    }
}

/// The options of a message, in the order of the wire.
#[derive(Clone, Debug)]
pub struct Options<'m> {
    rest: &'m [u8],
    number: u16,
}

impl<'m> Options<'m> {
    /// The next option; the error says how many bytes were left at the fault.
    fn step(&mut self) -> Result<Option<OptionRef<'m>>, (FormatErrorKind, usize)> {
        let left = self.rest.len();
        let Some((&first, rest)) = self.rest.split_first() else { return Ok(None) };
        if first == 0xff {
            // A marker only where an option could start (FMT-14).
            return if rest.is_empty() {
                Err((FormatErrorKind::PayloadMissing, left))
            } else {
                Ok(None)
            };
        }
        let fail = |kind| (kind, left);
        let (delta, rest) = extended(first >> 4, rest)
            .map_err(|e| fail(e.unwrap_or(FormatErrorKind::OptionDeltaReserved)))?;
        let (len, rest) = extended(first & 0x0f, rest)
            .map_err(|e| fail(e.unwrap_or(FormatErrorKind::OptionLengthReserved)))?;
        let number = u32::from(self.number).saturating_add(delta);
        let number =
            u16::try_from(number).map_err(|_| fail(FormatErrorKind::OptionNumberOverflow))?;
        let (value, rest) =
            rest.split_at_checked(len as usize).ok_or(fail(FormatErrorKind::OptionTruncated))?;
        self.number = number;
        self.rest = rest;
        Ok(Some(OptionRef { number: OptionNumber::new(number), value }))
    }
}

impl<'m> Iterator for Options<'m> {
    type Item = OptionRef<'m>;

    fn next(&mut self) -> Option<OptionRef<'m>> {
        self.step().ok().flatten()
    }
}

impl core::iter::FusedIterator for Options<'_> {}

/// A delta or a length with its extension (RFC 7252 §3.1); `Err(None)` for the reserved 15.
fn extended(nibble: u8, rest: &[u8]) -> Result<(u32, &[u8]), Option<FormatErrorKind>> {
    Ok(match nibble {
        0..=12 => (u32::from(nibble), rest),
        13 => {
            let (&[byte], rest) =
                rest.split_first_chunk().ok_or(Some(FormatErrorKind::OptionTruncated))?;
            (u32::from(byte).saturating_add(13), rest)
        }
        14 => {
            let (&bytes, rest) =
                rest.split_first_chunk().ok_or(Some(FormatErrorKind::OptionTruncated))?;
            (u32::from(u16::from_be_bytes(bytes)).saturating_add(269), rest)
        }
        _ => return Err(None),
    })
}

/// The code, and where token and options start.
fn header(bytes: &[u8]) -> Result<(Code, u8, usize), FormatError> {
    let fail = |kind, offset| FormatError { kind, offset };
    let &[first, code, ref rest @ ..] = bytes else {
        return Err(fail(FormatErrorKind::HeaderTruncated, bytes.len()));
    };
    if first >> 4 != 0 {
        return Err(fail(FormatErrorKind::LengthNibble, 0));
    }
    let code = Code::from_byte(code);
    let truncated = fail(FormatErrorKind::TokenTruncated, bytes.len());
    // The extension sits behind the code, right before the token (FMT-06).
    let (len, start) = match first & 0x0f {
        tkl @ 0..=12 => (u32::from(tkl), 2u8),
        13 => {
            let &[byte, ..] = rest else { return Err(truncated) };
            (u32::from(byte).saturating_add(13), 3)
        }
        14 => {
            let &[high, low, ..] = rest else { return Err(truncated) };
            (u32::from(u16::from_be_bytes([high, low])).saturating_add(269), 4)
        }
        _ => return Err(fail(FormatErrorKind::TokenLengthReserved, 0)),
    };
    let end = usize::from(start).saturating_add(len as usize);
    if end > bytes.len() {
        return Err(truncated);
    }
    Ok((code, start, end))
}

/// An unsigned integer of at most four bytes, leading zeros allowed (FMT-23).
pub(crate) fn decode_uint(value: &[u8]) -> Option<u32> {
    if value.len() > 4 {
        return None;
    }
    Some(value.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
}

/// Whether a value can be read as its format asks: strings are UTF-8 (OPT-16).
pub(crate) fn well_formed(format: OptionFormat, value: &[u8]) -> bool {
    format != OptionFormat::String || core::str::from_utf8(value).is_ok()
}

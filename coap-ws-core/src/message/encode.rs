//! Writing messages: options in ascending order, then the payload (RFC 7252 §3.1).

use super::{Code, OptionNumber};
use core::fmt;

/// What can be sent as a request or a response. The connection adds the token.
///
/// [`Request`](super::Request) and [`Response`](super::Response) are the ready-made ones; a
/// type of your own writes its options straight from where they are.
pub trait Encode {
    /// The method or the response code.
    fn code(&self) -> Code;

    /// Writes options in ascending order, then the payload. It may be called more than once
    /// for one message and must write the same each time.
    ///
    /// # Errors
    ///
    /// Whatever the encoder says; hand it on.
    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError>;
}

impl<T: Encode + ?Sized> Encode for &T {
    fn code(&self) -> Code {
        T::code(self)
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        T::encode(self, out)
    }
}

/// A message that was read can be sent on: its options and payload, not its token.
impl Encode for super::Message<'_> {
    fn code(&self) -> Code {
        super::Message::code(self)
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        for option in self.options() {
            out.option(option.number, option.value)?;
        }
        out.payload(self.payload())
    }
}

/// Why a message cannot be written: always the fault of who wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// An option came after one with a higher number.
    OptionOrder(OptionNumber),
    /// The value is shorter or longer than the option allows (OPT-13), or than the format
    /// can express.
    OptionLength(OptionNumber),
    /// A second value of an option that has at most one.
    OptionRepeated(OptionNumber),
    /// `.` or `..` as a path segment (OPT-15).
    DotSegment,
    /// An option after the payload, or a second payload.
    AfterPayload,
    /// More options than the draft has places for.
    TooManyOptions,
    /// The token is longer than the format can express (RFC 8974 §2.1).
    TokenLength,
    /// Two calls of [`Encode::encode`] wrote different bytes.
    Unsteady,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OptionOrder(n) => write!(f, "{n} was written after an option of higher number"),
            Self::OptionLength(n) => write!(f, "the value of {n} has a length it may not have"),
            Self::OptionRepeated(n) => write!(f, "{n} was given twice, it has one value at most"),
            Self::DotSegment => f.write_str("`.` and `..` are no path segments; resolve them"),
            Self::AfterPayload => f.write_str("nothing can be written after the payload"),
            Self::TooManyOptions => f.write_str("more options than a draft can hold"),
            Self::TokenLength => write!(f, "a token has at most {MAX_LENGTH} bytes"),
            Self::Unsteady => f.write_str("the message was encoded twice and came out different"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Writes one message into a slice, and goes on counting where the slice ends, so that one
/// pass tells the size.
#[derive(Debug)]
pub struct Encoder<'b> {
    buffer: &'b mut [u8],
    len: usize,
    last: OptionNumber,
    payload: bool,
    /// The transport unsets No-Response in responses.
    strip: Option<OptionNumber>,
    no_response: u8,
    observe: Observe,
}

/// What becomes of the Observe option, which is the connection's business (RFC 7641 §2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Observe {
    /// It is written as it comes.
    Keep,
    /// It is left out.
    Strip,
    /// This value is written, whatever comes.
    Write(u32),
}

/// A message with a word on its Observe option.
pub(crate) struct WithObserve<'a, M> {
    pub(crate) message: &'a M,
    pub(crate) observe: Observe,
}

impl<M: Encode> Encode for WithObserve<'_, M> {
    fn code(&self) -> Code {
        self.message.code()
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        out.observe = self.observe;
        self.message.encode(out)?;
        out.write_observe()
    }
}

impl<'b> Encoder<'b> {
    /// Starts a message with its header and token (FMT-01, FMT-05, FMT-06).
    pub(crate) fn new(buffer: &'b mut [u8], code: Code, token: &[u8]) -> Encoder<'b> {
        let strip = code.is_response().then_some(OptionNumber::NO_RESPONSE);
        let last = OptionNumber::new(0);
        let mut encoder = Encoder {
            buffer,
            len: 0,
            last,
            payload: false,
            strip,
            no_response: 0,
            observe: Observe::Keep,
        };
        let (nibble, extension, extension_len) = split_length(token.len());
        encoder.put(&[nibble, code.to_byte()]);
        encoder.put(extension.get(..extension_len).unwrap_or(&[]));
        encoder.put(token);
        encoder
    }

    /// Writes an option. Numbers ascend; the same number again is a repeated option.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] where the order is wrong, a path has a dot segment, or no option can be
    /// so long. What the registry says of the option is not looked at.
    pub fn option(&mut self, number: OptionNumber, value: &[u8]) -> Result<(), EncodeError> {
        if number == OptionNumber::URI_PATH || number == OptionNumber::LOCATION_PATH {
            dot_segment(value)?;
        }
        if self.begin(number, value.len())? {
            self.put(value);
        }
        if let (OptionNumber::NO_RESPONSE, [bits]) = (number, value) {
            self.no_response = *bits;
        }
        Ok(())
    }

    /// Writes an unsigned integer in as few bytes as it needs (FMT-22).
    ///
    /// # Errors
    ///
    /// As [`option`](Encoder::option).
    pub fn uint(&mut self, number: OptionNumber, value: u32) -> Result<(), EncodeError> {
        let bytes = value.to_be_bytes();
        let skip = (value.leading_zeros() / 8) as usize;
        self.option(number, bytes.get(skip..).unwrap_or(&[]))
    }

    /// Writes an option whose `len` bytes come one by one.
    ///
    /// # Errors
    ///
    /// As [`option`](Encoder::option); [`EncodeError::Unsteady`] where there are not `len`.
    pub fn option_from(
        &mut self,
        number: OptionNumber,
        len: usize,
        bytes: impl Iterator<Item = u8>,
    ) -> Result<(), EncodeError> {
        if !self.begin(number, len)? {
            return Ok(());
        }
        let end = self.len.saturating_add(len);
        for byte in bytes.take(len) {
            self.put(&[byte]);
        }
        if self.len == end { Ok(()) } else { Err(EncodeError::Unsteady) }
    }

    /// Writes the marker and the payload; an empty payload writes nothing (FMT-12).
    ///
    /// # Errors
    ///
    /// [`EncodeError::AfterPayload`] for a second payload.
    pub fn payload(&mut self, payload: &[u8]) -> Result<(), EncodeError> {
        if self.payload {
            return Err(EncodeError::AfterPayload);
        }
        self.write_observe()?;
        if !payload.is_empty() {
            self.payload = true;
            self.put(&[0xff]);
            self.put(payload);
        }
        Ok(())
    }

    /// How many bytes the message has, whether or not they had room.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The No-Response bitmap that was written, 0 where none was.
    pub(crate) fn no_response(&self) -> u8 {
        self.no_response
    }

    /// Header and delta of an option; false where the option is stripped.
    fn begin(&mut self, number: OptionNumber, len: usize) -> Result<bool, EncodeError> {
        if self.payload {
            return Err(EncodeError::AfterPayload);
        }
        if number < self.last {
            return Err(EncodeError::OptionOrder(number));
        }
        if len > MAX_LENGTH {
            return Err(EncodeError::OptionLength(number));
        }
        if self.strip == Some(number) {
            return Ok(false);
        }
        if number >= OptionNumber::OBSERVE {
            self.write_observe()?;
        }
        if number == OptionNumber::OBSERVE && self.observe != Observe::Keep {
            return Ok(false);
        }
        self.head(number, delta_from(self.last, number), len);
        Ok(true)
    }

    /// The Observe option that the connection wants, once its place has come.
    fn write_observe(&mut self) -> Result<(), EncodeError> {
        let Observe::Write(value) = self.observe else { return Ok(()) };
        let number = OptionNumber::OBSERVE;
        self.observe = Observe::Strip;
        let bytes = value.to_be_bytes();
        let bytes = bytes.get((value.leading_zeros() / 8) as usize..).unwrap_or(&[]);
        self.head(number, delta_from(self.last, number), bytes.len());
        self.put(bytes);
        Ok(())
    }

    fn head(&mut self, number: OptionNumber, delta: u16, len: usize) {
        self.last = number;
        let (delta_nibble, delta_bytes, delta_len) = split_length(usize::from(delta));
        let (len_nibble, len_bytes, len_len) = split_length(len);
        self.put(&[(delta_nibble << 4) | len_nibble]);
        self.put(delta_bytes.get(..delta_len).unwrap_or(&[]));
        self.put(len_bytes.get(..len_len).unwrap_or(&[]));
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(room) = self.buffer.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
        }
        self.len = end;
    }
}

const fn delta_from(last: OptionNumber, number: OptionNumber) -> u16 {
    number.get().saturating_sub(last.get())
}

fn dot_segment(value: &[u8]) -> Result<(), EncodeError> {
    if value == b"." || value == b".." { Err(EncodeError::DotSegment) } else { Ok(()) }
}

/// Checks an option against the registry, for who builds messages. Signaling has numbers of
/// its own and does not come through here.
pub(crate) fn check_option(number: OptionNumber, len: usize) -> Result<(), EncodeError> {
    match number.spec() {
        Some(spec) if !spec.allows(len) => Err(EncodeError::OptionLength(number)),
        _ if len > MAX_LENGTH => Err(EncodeError::OptionLength(number)),
        _ => Ok(()),
    }
}

/// The longest option value or token that the format can express: 65535 + 269.
const MAX_LENGTH: usize = 65_804;

/// A nibble and its extension: 13 one byte, 14 two (RFC 7252 §3.1, RFC 8974 §2.1).
fn split_length(value: usize) -> (u8, [u8; 2], usize) {
    match value {
        0..=12 => (u8::try_from(value).unwrap_or(0), [0, 0], 0),
        13..=268 => (13, [u8::try_from(value.saturating_sub(13)).unwrap_or(0), 0], 1),
        _ => {
            let extension = u16::try_from(value.saturating_sub(269)).unwrap_or(u16::MAX);
            (14, extension.to_be_bytes(), 2)
        }
    }
}

/// Writes a whole message with a token of the caller's choice: for tests, tools and custom
/// transports. A connection chooses its tokens itself.
///
/// Returns the size of the message; where that is above `buffer.len()`, what was written is
/// no message.
///
/// # Errors
///
/// As [`Encode::encode`], and [`EncodeError::TokenLength`].
pub fn encode_message(
    buffer: &mut [u8],
    token: &[u8],
    message: &impl Encode,
) -> Result<usize, EncodeError> {
    if token.len() > MAX_LENGTH {
        return Err(EncodeError::TokenLength);
    }
    let mut encoder = Encoder::new(buffer, message.code(), token);
    message.encode(&mut encoder)?;
    Ok(encoder.len())
}

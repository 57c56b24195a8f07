//! Requests and responses to be sent, without a heap: everything is borrowed.

use super::encode::check_option;
use super::uri::{Decoded, Uri};
use super::{Code, ContentFormat, Encode, EncodeError, Encoder, OptionNumber};
use core::marker::PhantomData;

/// Options that a draft has places for. A type of your own that implements
/// [`Encode`] has no such limit.
pub const MAX_DRAFT_OPTIONS: usize = 24;

/// A request to be sent.
///
/// ```
/// use coap_ws_core::message::{encode_message, ContentFormat, Request};
/// let request = Request::put(b"22.5").segment("room").content_format(ContentFormat::TEXT);
/// let mut buffer = [0; 32];
/// let len = encode_message(&mut buffer, &[7], &request)?;
/// assert_eq!(buffer[..len], *b"\x01\x03\x07\xb4room\x10\xff22.5");
/// # Ok::<(), coap_ws_core::message::EncodeError>(())
/// ```
pub type Request<'a> = Draft<'a, kind::Request>;

/// A response to be sent.
///
/// ```
/// use coap_ws_core::message::{Code, Response};
/// let hot = Response::content(b"22.5").max_age(10);
/// let none = Response::error(Code::NOT_FOUND, "no such room");
/// # let _ = (hot, none);
/// ```
pub type Response<'a> = Draft<'a, kind::Response>;

/// What a draft is to become; only the constructors differ.
pub mod kind {
    /// A request.
    #[derive(Clone, Copy, Debug)]
    pub enum Request {}
    /// A response.
    #[derive(Clone, Copy, Debug)]
    pub enum Response {}
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Bytes(&'a [u8]),
    Uint(u32),
    Uri(Decoded<'a>),
}

/// A message to be sent: a code, options in any order, a payload.
///
/// A fault of an option is kept and told when the message is sent, so that building reads as
/// one line.
#[derive(Clone, Debug)]
pub struct Draft<'a, K> {
    code: Code,
    options: heapless::Vec<(OptionNumber, Value<'a>), MAX_DRAFT_OPTIONS>,
    payload: &'a [u8],
    fault: Option<EncodeError>,
    kind: PhantomData<K>,
}

impl<'a> Request<'a> {
    /// A GET (RFC 7252 §5.8.1).
    pub fn get() -> Request<'a> {
        Draft::new(Code::GET)
    }

    /// A POST of `payload` (RFC 7252 §5.8.2).
    pub fn post(payload: &'a [u8]) -> Request<'a> {
        Draft::new(Code::POST).payload(payload)
    }

    /// A PUT of `payload` (RFC 7252 §5.8.3).
    pub fn put(payload: &'a [u8]) -> Request<'a> {
        Draft::new(Code::PUT).payload(payload)
    }

    /// A DELETE (RFC 7252 §5.8.4).
    pub fn delete() -> Request<'a> {
        Draft::new(Code::DELETE)
    }

    /// A FETCH, whose payload says what is wanted (RFC 8132 §2).
    pub fn fetch(format: ContentFormat, payload: &'a [u8]) -> Request<'a> {
        Draft::new(Code::FETCH).content_format(format).payload(payload)
    }

    /// Adds path and query of a URI (RFC 7252 §6.4). Host and port are the connection's.
    #[must_use]
    pub fn uri(self, uri: &Uri<'a>) -> Self {
        uri.option_values()
            .fold(self, |draft, (number, value)| draft.add(number, Value::Uri(value)))
    }

    /// Adds one segment of the path, as it is: no percent-encoding, `/` is data (OPT-17).
    #[must_use]
    pub fn segment(self, segment: &'a str) -> Self {
        self.option(OptionNumber::URI_PATH, segment.as_bytes())
    }

    /// Adds one argument of the query.
    #[must_use]
    pub fn query(self, argument: &'a str) -> Self {
        self.option(OptionNumber::URI_QUERY, argument.as_bytes())
    }

    /// Wants this format (RFC 7252 §5.10.4).
    #[must_use]
    pub fn accept(self, format: ContentFormat) -> Self {
        self.uint(OptionNumber::ACCEPT, u32::from(format.get()))
    }

    /// Says which classes of responses are not wanted (RFC 7967 §2.1): 2 is 2.xx, 8 is 4.xx,
    /// 16 is 5.xx, 26 all of them.
    #[must_use]
    pub fn no_response(self, bitmap: u8) -> Self {
        self.uint(OptionNumber::NO_RESPONSE, u32::from(bitmap))
    }
}

impl<'a> Response<'a> {
    /// 2.05 with a representation.
    pub fn content(payload: &'a [u8]) -> Response<'a> {
        Draft::new(Code::CONTENT).payload(payload)
    }

    /// 2.01.
    pub fn created() -> Response<'a> {
        Draft::new(Code::CREATED)
    }

    /// 2.04.
    pub fn changed() -> Response<'a> {
        Draft::new(Code::CHANGED)
    }

    /// 2.02.
    pub fn deleted() -> Response<'a> {
        Draft::new(Code::DELETED)
    }

    /// 2.03: what the client has, by its ETag, is still right (OPT-22).
    pub fn valid(etag: &'a [u8]) -> Response<'a> {
        Draft::new(Code::VALID).option(OptionNumber::ETAG, etag)
    }

    /// 4.xx or 5.xx with a text for people (RFC 7252 §5.5.2).
    pub fn error(code: Code, diagnostic: &'a str) -> Response<'a> {
        Draft::new(code).payload(diagnostic.as_bytes())
    }

    /// How long the representation is fresh, in seconds. 60 where it is not said (OPT-24).
    #[must_use]
    pub fn max_age(self, seconds: u32) -> Self {
        self.uint(OptionNumber::MAX_AGE, seconds)
    }
}

impl<'a, K> Draft<'a, K> {
    /// A message of any code.
    pub fn new(code: Code) -> Self {
        let options = heapless::Vec::new();
        Draft { code, options, payload: &[], fault: None, kind: PhantomData }
    }

    /// Sets the payload.
    #[must_use]
    pub fn payload(mut self, payload: &'a [u8]) -> Self {
        self.payload = payload;
        self
    }

    /// Adds an option.
    #[must_use]
    pub fn option(self, number: OptionNumber, value: &'a [u8]) -> Self {
        self.add(number, Value::Bytes(value))
    }

    /// Adds an option that is an unsigned integer.
    #[must_use]
    pub fn uint(self, number: OptionNumber, value: u32) -> Self {
        self.add(number, Value::Uint(value))
    }

    /// Says what the payload is (RFC 7252 §5.10.3).
    #[must_use]
    pub fn content_format(self, format: ContentFormat) -> Self {
        self.uint(OptionNumber::CONTENT_FORMAT, u32::from(format.get()))
    }

    fn add(mut self, number: OptionNumber, value: Value<'a>) -> Self {
        // A response has one ETag at most (OPT-21).
        let one = number == OptionNumber::ETAG && self.code.is_response();
        let repeatable = !one && number.spec().is_none_or(|spec| spec.repeatable);
        let place = self.options.iter().take_while(|(other, _)| *other <= number).count();
        if !repeatable && self.options.iter().any(|(other, _)| *other == number) {
            self.fault = self.fault.or(Some(EncodeError::OptionRepeated(number)));
        } else if let Err(fault) = check_option(number, value.len()) {
            self.fault = self.fault.or(Some(fault));
        } else if self.options.insert(place, (number, value)).is_err() {
            self.fault = self.fault.or(Some(EncodeError::TooManyOptions));
        }
        self
    }
}

impl Value<'_> {
    fn len(&self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.len(),
            Value::Uint(value) => {
                (32_usize.saturating_sub(value.leading_zeros() as usize)).div_ceil(8)
            }
            Value::Uri(value) => value.len(),
        }
    }
}

impl<K> Encode for Draft<'_, K> {
    fn code(&self) -> Code {
        self.code
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        for (number, value) in &self.options {
            match value {
                Value::Bytes(bytes) => out.option(*number, bytes)?,
                Value::Uint(value) => out.uint(*number, *value)?,
                Value::Uri(value) => out.option_from(*number, value.len(), value.bytes())?,
            }
        }
        out.payload(self.payload)
    }
}

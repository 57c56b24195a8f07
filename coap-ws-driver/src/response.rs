//! Responses, owned: what a client gets and what a handler gives.

use crate::options::Options;
use bytes::Bytes;
use coap_ws_core::block::Block;
use coap_ws_core::message::{
    Code, ContentFormat, Encode, EncodeError, Encoder, OptionNumber, OwnedMessage,
};
use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

/// A response: any class, errors too.
///
/// ```
/// use coap_ws_driver::Response;
/// use coap_ws_core::message::{Code, ContentFormat};
/// let response = Response::content("22.5").content_format(ContentFormat::TEXT).max_age(5);
/// assert_eq!(response.success()?.text()?, "22.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    code: Code,
    options: Options,
    payload: Bytes,
}

impl Response {
    /// A response of any code.
    pub fn new(code: Code) -> Response {
        Response { code, options: Options::default(), payload: Bytes::new() }
    }

    /// 2.05 with a representation.
    pub fn content(payload: impl Into<Bytes>) -> Response {
        Response::new(Code::CONTENT).payload(payload)
    }

    /// 4.xx or 5.xx with a text for people (RFC 7252 §5.5.2).
    pub fn error(code: Code, diagnostic: impl Into<String>) -> Response {
        Response::new(code).payload(diagnostic.into())
    }

    /// 4.29: the client asks too often, and may ask again after this time (RFC 8516 §3).
    pub fn too_many_requests(retry_after: Duration) -> Response {
        let seconds =
            retry_after.as_secs().saturating_add(u64::from(retry_after.subsec_nanos() > 0));
        let response = Response::error(Code::TOO_MANY_REQUESTS, "too many requests");
        response.max_age(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    pub(crate) fn received(message: &OwnedMessage) -> Response {
        let options = Options::of(message);
        Response { code: message.view().code(), options, payload: message.payload() }
    }

    /// Sets the payload.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Bytes>) -> Response {
        self.payload = payload.into();
        self
    }

    /// Says what the payload is (RFC 7252 §5.10.3).
    #[must_use]
    pub fn content_format(mut self, format: ContentFormat) -> Response {
        self.options.set_uint(OptionNumber::CONTENT_FORMAT, u32::from(format.get()));
        self
    }

    /// How long the representation is fresh, in seconds (RFC 7252 §5.10.5).
    #[must_use]
    pub fn max_age(mut self, seconds: u32) -> Response {
        self.options.set_uint(OptionNumber::MAX_AGE, seconds);
        self
    }

    /// Names the representation (RFC 7252 §5.10.6); 1 to 8 bytes.
    #[must_use]
    pub fn etag(mut self, etag: impl Into<Bytes>) -> Response {
        self.options.set(OptionNumber::ETAG, etag.into());
        self
    }

    /// Adds an option; its value goes out as it is.
    #[must_use]
    pub fn option(mut self, number: OptionNumber, value: impl Into<Bytes>) -> Response {
        self.options.add(number, value.into());
        self
    }

    /// The block that it is.
    pub(crate) fn block(&self, number: OptionNumber) -> Option<Block> {
        self.options.uint(number).and_then(Block::from_uint)
    }

    /// Without what is said of blocks, for who gets it whole.
    pub(crate) fn without_blocks(mut self) -> Response {
        for number in [OptionNumber::BLOCK1, OptionNumber::BLOCK2, OptionNumber::SIZE2] {
            self.options.remove(number);
        }
        self
    }

    pub(crate) fn set(&mut self, number: OptionNumber, value: Bytes) {
        self.options.set(number, value);
    }

    pub(crate) fn set_uint(&mut self, number: OptionNumber, value: u32) {
        self.options.set_uint(number, value);
    }

    pub(crate) fn remove(&mut self, number: OptionNumber) {
        self.options.remove(number);
    }

    pub(crate) fn has(&self, number: OptionNumber) -> bool {
        self.options.iter().any(|(other, _)| other == number)
    }

    /// The response code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The payload.
    pub const fn body(&self) -> &Bytes {
        &self.payload
    }

    /// The Content-Format, `None` where the sender did not say.
    pub fn format(&self) -> Option<ContentFormat> {
        self.options.content_format()
    }

    /// How long it may be taken for how things are, from when it came: its Max-Age, 60 s where
    /// it says none (RFC 7252 §5.10.5, RFC 7641 §3.3.1).
    pub fn fresh_for(&self) -> Duration {
        const DEFAULT_MAX_AGE: u32 = 60;
        let seconds = self.options.uint(OptionNumber::MAX_AGE).unwrap_or(DEFAULT_MAX_AGE);
        Duration::from_secs(u64::from(seconds))
    }

    /// The first value of an option.
    pub fn option_value(&self, number: OptionNumber) -> Option<&Bytes> {
        self.options.values(number).next()
    }

    /// The first value of an option, as an unsigned integer.
    pub fn option_uint(&self, number: OptionNumber) -> Option<u32> {
        self.options.uint(number)
    }

    /// All options in ascending order.
    pub fn options(&self) -> impl Iterator<Item = (OptionNumber, &Bytes)> {
        self.options.iter()
    }

    /// This response if it is a success, else an error that says what it is.
    ///
    /// # Errors
    ///
    /// [`ErrorResponse`] for 4.xx and 5.xx.
    pub fn success(self) -> Result<Response, ErrorResponse> {
        if self.code.is_success() {
            Ok(self)
        } else {
            Err(ErrorResponse { response: Box::new(self) })
        }
    }

    /// The payload as text.
    ///
    /// # Errors
    ///
    /// [`NotText`] where it is no UTF-8.
    pub fn text(&self) -> Result<String, NotText> {
        match std::str::from_utf8(&self.payload) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(NotText { valid_up_to: error.valid_up_to() }),
        }
    }
}

impl fmt::Debug for Response {
    /// Code, option numbers and lengths; never a value (T92).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{:?} payload={}B", self.code, self.options, self.payload.len())
    }
}

impl Encode for Response {
    fn code(&self) -> Code {
        self.code
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        self.options.encode(out)?;
        out.payload(&self.payload)
    }
}

/// For handlers whose error is a response.
impl From<Response> for ErrorResponse {
    fn from(response: Response) -> ErrorResponse {
        ErrorResponse { response: Box::new(response) }
    }
}

impl From<ErrorResponse> for Response {
    fn from(error: ErrorResponse) -> Response {
        *error.response
    }
}

/// A response of class 4 or 5, as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorResponse {
    response: Box<Response>,
}

impl ErrorResponse {
    /// The response itself.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// How long not to ask the like again, where the server says that it is asked too much:
    /// 4.29 or 5.03 with a Max-Age, 60 s without (RFC 8516 §4, RFC 7252 §5.9.3.4).
    ///
    /// ```
    /// use coap_ws_driver::Response;
    /// use std::time::Duration;
    /// let refused = Response::too_many_requests(Duration::from_millis(1500)).success();
    /// assert_eq!(refused.unwrap_err().retry_after(), Some(Duration::from_secs(2)));
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        let busy =
            matches!(self.response.code, Code::TOO_MANY_REQUESTS | Code::SERVICE_UNAVAILABLE);
        let seconds = self.response.option_uint(OptionNumber::MAX_AGE).unwrap_or(60);
        busy.then(|| Duration::from_secs(seconds.into()))
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {:?}", self.response.code)?;
        match self.response.text() {
            Ok(text) if !text.is_empty() && self.response.format().is_none() => {
                write!(f, ": {}", text.escape_debug())
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ErrorResponse {}

/// A payload that is no UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText {
    valid_up_to: usize,
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the payload is no UTF-8 text from byte {} on", self.valid_up_to)
    }
}

impl std::error::Error for NotText {}

/// What a handler may return.
pub trait IntoResponse {
    /// The response that it stands for.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

/// 2.05 as text.
impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        Response::content(self).content_format(ContentFormat::TEXT)
    }
}

/// 2.05 as text.
impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::content(self).content_format(ContentFormat::TEXT)
    }
}

/// 2.05 as bytes.
impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        Response::content(self).content_format(ContentFormat::OCTET_STREAM)
    }
}

/// 2.05 as bytes.
impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Bytes::from(self).into_response()
    }
}

/// A code alone.
impl IntoResponse for Code {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

/// A code with what else makes a response.
impl<T: IntoResponse> IntoResponse for (Code, T) {
    fn into_response(self) -> Response {
        Response { code: self.0, ..self.1.into_response() }
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

/// What the peer that was asked has answered.
impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        *self.response
    }
}

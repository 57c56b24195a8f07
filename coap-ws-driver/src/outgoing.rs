//! Requests to be sent.

use crate::endpoint::Target;
use crate::error::{Error, ErrorKind};
use crate::observation::ObserveBuilder;
use crate::options::Options;
use crate::remote::Remote;
use crate::response::Response;
use bytes::Bytes;
use coap_ws_core::SendError;
use coap_ws_core::message::uri::Uri;
use coap_ws_core::message::{Code, ContentFormat, Encode, EncodeError, Encoder, OptionNumber};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A request, owned, without its token.
#[derive(Clone)]
pub(crate) struct Outgoing {
    code: Code,
    options: Options,
    payload: Bytes,
}

impl Outgoing {
    /// What repeats a registration (RFC 7641 §3.6; OBS-07).
    pub(crate) fn without_etags(mut self) -> Outgoing {
        self.options.remove(OptionNumber::ETAG);
        self
    }
}

impl fmt::Debug for Outgoing {
    /// Code, option numbers and lengths; never a value (T92).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{:?} payload={}B", self.code, self.options, self.payload.len())
    }
}

impl Encode for Outgoing {
    fn code(&self) -> Code {
        self.code
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        self.options.encode(out)?;
        out.payload(&self.payload)
    }
}

impl Outgoing {
    /// Names the host and the port of a URI, where the message does not: what it is sent by
    /// implies others (REL-18).
    pub(crate) fn name_host(&mut self, uri: &Uri<'_>) {
        if self.options.values(OptionNumber::URI_HOST).next().is_none() {
            let host = uri.host().option_value().bytes().collect();
            self.options.set(OptionNumber::URI_HOST, host);
            self.options.set_uint(OptionNumber::URI_PORT, u32::from(uri.port()));
        }
    }
}

/// Through what a request is sent.
#[derive(Clone, Debug)]
pub(crate) enum Via {
    Remote(Remote),
    Client(Arc<Target>),
}

/// A request in the making: options in any order, then [`send`](RequestBuilder::send).
#[derive(Clone, Debug)]
#[must_use = "a request is only sent by `send`"]
pub struct RequestBuilder {
    via: Via,
    message: Outgoing,
    timeout: Option<Duration>,
    fault: Option<ErrorKind>,
}

impl RequestBuilder {
    pub(crate) fn new(via: Via, code: Code, base: Option<&str>, reference: &str) -> Self {
        let mut options = Options::default();
        let fault = target(&mut options, base, reference).err();
        let message = Outgoing { code, options, payload: Bytes::new() };
        RequestBuilder { via, message, timeout: None, fault }
    }

    /// Sets the payload.
    pub fn body(mut self, payload: impl Into<Bytes>) -> Self {
        self.message.payload = payload.into();
        self
    }

    /// Says what the payload is (RFC 7252 §5.10.3).
    pub fn content_format(mut self, format: ContentFormat) -> Self {
        self.message.options.set_uint(OptionNumber::CONTENT_FORMAT, u32::from(format.get()));
        self
    }

    /// Wants this format (RFC 7252 §5.10.4).
    pub fn accept(mut self, format: ContentFormat) -> Self {
        self.message.options.set_uint(OptionNumber::ACCEPT, u32::from(format.get()));
        self
    }

    /// Only if what is there has this ETag; empty: if there is anything (RFC 7252 §5.10.8.1).
    pub fn if_match(self, etag: impl Into<Bytes>) -> Self {
        self.option(OptionNumber::IF_MATCH, etag)
    }

    /// Only if nothing is there (RFC 7252 §5.10.8.2).
    pub fn if_none_match(mut self) -> Self {
        self.message.options.set(OptionNumber::IF_NONE_MATCH, Bytes::new());
        self
    }

    /// What is known already, by its ETag: the answer may be 2.03 (RFC 7252 §5.10.6.2).
    pub fn etag(self, etag: impl Into<Bytes>) -> Self {
        self.option(OptionNumber::ETAG, etag)
    }

    /// Says which classes of responses are not wanted (RFC 7967 §2.1): 2 is 2.xx, 8 is 4.xx, 16
    /// is 5.xx. With 26, none at all, the future is ready as soon as the request is handed to
    /// the transport; what it gives then has [`Code::EMPTY`] and stands for no message. With
    /// less, silence ends as a timeout.
    pub fn no_response(mut self, bitmap: u8) -> Self {
        self.message.options.set_uint(OptionNumber::NO_RESPONSE, u32::from(bitmap));
        self
    }

    /// Adds an option; its value goes out as it is.
    pub fn option(mut self, number: OptionNumber, value: impl Into<Bytes>) -> Self {
        self.message.options.add(number, value.into());
        self
    }

    /// Waits this long for the response, connecting included; `request_timeout` of the
    /// configuration otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Wants to be told of changes too (RFC 7641): a GET, or a FETCH (RFC 8132 §2.4).
    pub fn observe(self) -> ObserveBuilder {
        ObserveBuilder::new(self)
    }

    pub(crate) fn into_parts(self) -> Result<(Via, Outgoing, Option<Duration>), Error> {
        match self.fault {
            Some(fault) => Err(Error::unsent(fault)),
            None => Ok((self.via, self.message, self.timeout)),
        }
    }

    /// The message as it will be sent, but for its token: for tools that show or measure it.
    ///
    /// # Errors
    ///
    /// What [`send`](RequestBuilder::send) would say before it sends anything.
    pub fn message(&self) -> Result<impl Encode + '_, Error> {
        match &self.fault {
            Some(fault) => Err(Error::unsent(fault.clone())),
            None => Ok(&self.message),
        }
    }

    /// Sends it and waits for the response. Any response is `Ok`, 4.xx and 5.xx too. Nothing is
    /// sent twice that may have arrived, whatever the answer (CODE-12, CODE-13).
    ///
    /// # Errors
    ///
    /// [`Error`], which knows whether the request may have been processed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request: where it has not left yet, it is not sent.
    pub async fn send(self) -> Result<Response, Error> {
        if let Some(fault) = self.fault {
            return Err(Error::unsent(fault));
        }
        match self.via {
            Via::Remote(remote) => remote.send(self.message, self.timeout).await,
            Via::Client(target) => target.send(self.message, self.timeout).await,
        }
    }
}

/// Path and query of a URI reference as options. On a connection without a base URI only a
/// path makes sense (URI-23).
fn target(options: &mut Options, base: Option<&str>, reference: &str) -> Result<(), ErrorKind> {
    // Only the path and the query of the stand-in are used.
    let own = Uri::parse(base.unwrap_or("coap+ws://peer/")).map_err(ErrorKind::Uri)?;
    let uri = own.join(reference).map_err(ErrorKind::Uri)?;
    if !uri.same_authority(&own) || base.is_none() && reference.contains("://") {
        return Err(ErrorKind::OtherAuthority);
    }
    for (number, value) in uri.option_values() {
        options.add(number, value.bytes().collect());
    }
    Ok(())
}

impl From<SendError> for ErrorKind {
    fn from(error: SendError) -> ErrorKind {
        ErrorKind::Send(error)
    }
}

//! Requests to be sent.

use crate::body::{Exchange, InUse, Manner, Progress, ProgressHook, Source, StreamedResponse};
use crate::endpoint::{Lease, Target};
use crate::error::{Error, ErrorKind};
use crate::observation::ObserveBuilder;
use crate::options::Options;
use crate::remote::Remote;
use crate::response::Response;
use bytes::Bytes;
use coap_ws_core::SendError;
use coap_ws_core::block::{Block, BlockSize};
use coap_ws_core::message::uri::Uri;
use coap_ws_core::message::{Code, ContentFormat, Encode, EncodeError, Encoder, OptionNumber};
use futures_util::Stream;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

/// A request, owned, without its token.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) code: Code,
    pub(crate) options: Options,
    pub(crate) payload: Bytes,
}

impl Outgoing {
    /// Whether it has Block options of its own.
    pub(crate) fn is_in_blocks(&self) -> bool {
        self.has(OptionNumber::BLOCK1) || self.has(OptionNumber::BLOCK2)
    }

    pub(crate) fn has(&self, number: OptionNumber) -> bool {
        self.options.iter().any(|(other, _)| other == number)
    }

    /// Whether some class of responses is not wanted (RFC 7967 §2.1).
    pub(crate) fn no_response(&self) -> bool {
        self.options.uint(OptionNumber::NO_RESPONSE).is_some_and(|bits| bits != 0)
    }

    /// Its Request-Tag, where it has one.
    pub(crate) fn tag(&self) -> Option<&Bytes> {
        self.options.values(OptionNumber::REQUEST_TAG).next()
    }

    /// Whether asking it again from the start is the same as asking once: it is safe, and has
    /// nothing that would have to be sent again.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.code == Code::GET && self.payload.is_empty()
    }

    /// The same request, which asks for this block of its answer.
    pub(crate) fn with_block2(&self, block: Block) -> Outgoing {
        let mut message = self.clone();
        message.options.set_uint(OptionNumber::BLOCK2, block.to_uint());
        message
    }
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
///
/// ```
/// use coap_ws_driver::core::message::{Code, ContentFormat};
/// use coap_ws_tokio::Client;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let app = coap_ws_tokio::Router::new()
/// #     .get("/hello", async || "hi")
/// #     .put("/store/x", async || coap_ws_driver::core::message::Code::CHANGED);
/// # let server = coap_ws_tokio::Server::bind("localhost:0").await?;
/// # let base = format!("coap+ws://localhost:{}", server.local_addrs().next().unwrap().port());
/// # tokio::spawn(server.serve(app).into_future());
/// let client = Client::connect(&base).await?;
/// let answer = client
///     .put("/store/x")
///     .body(r#"{"on":true}"#)
///     .content_format(ContentFormat::JSON)
///     .send()
///     .await?;
/// assert_eq!(answer.code(), Code::CHANGED);
///
/// // An error knows whether the request may have been processed.
/// let error = client.get("coap+ws://elsewhere.example/").send().await.unwrap_err();
/// assert_eq!(error.sent(), coap_ws_driver::core::Sent::No);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request is only sent by `send`"]
pub struct RequestBuilder {
    via: Via,
    message: Outgoing,
    timeout: Option<Duration>,
    fault: Option<ErrorKind>,
    manner: Manner,
}

impl RequestBuilder {
    pub(crate) fn new(via: Via, code: Code, base: Option<&str>, reference: &str) -> Self {
        let mut options = Options::default();
        let fault = target(&mut options, base, reference).err();
        let message = Outgoing { code, options, payload: Bytes::new() };
        RequestBuilder { via, message, timeout: None, fault, manner: Manner::default() }
    }

    /// Sets the body. What is too large for one message to this peer goes in blocks
    /// (RFC 7959 §2.5).
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

    /// Waits this long for the response, connecting included. Where it goes in blocks, the time
    /// is for all of them together. Otherwise each message has `request_timeout` of the
    /// configuration: a large body may take as long as it moves.
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

    /// The largest block for this request and its response; otherwise
    /// [`BlockWise::size`](crate::engine::BlockWise) of the configuration.
    pub fn block_size(mut self, size: BlockSize) -> Self {
        self.manner.size = Some(size);
        self
    }

    /// Calls `hook` after each block of a body that goes in blocks.
    pub fn progress(mut self, hook: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.manner.progress = ProgressHook::new(hook);
        self
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

    /// Sends it and waits for the response, whole. Any response is `Ok`, 4.xx and 5.xx too.
    /// Nothing is sent twice that may have arrived, whatever the answer (CODE-12, CODE-13); but
    /// a body in blocks that the peer has lost in the middle (4.08) begins anew, once.
    ///
    /// Bodies that need more than one message go in blocks both ways, which are put together
    /// here, up to `max_response_body`. A GET whose representation changes meanwhile is started
    /// again, at most twice.
    ///
    /// # Errors
    ///
    /// [`Error`], which knows whether the request may have been processed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request: where it has not left yet, it is not sent, and
    /// of a body in blocks no more is sent or asked for.
    pub async fn send(self) -> Result<Response, Error> {
        if let Some(fault) = self.fault {
            return Err(Error::unsent(fault));
        }
        match self.via {
            Via::Remote(remote) => self.manner.by(remote, self.timeout).run(self.message).await,
            Via::Client(target) => target.send(self.manner, self.message, self.timeout).await,
        }
    }

    /// Sends it with a body that is not held whole: what `body` gives goes in blocks as they
    /// are acknowledged (Block1), at most 64 KiB are read ahead. `len` says how long the body
    /// is, where that is known; a body of another length is an error.
    ///
    /// # Errors
    ///
    /// As [`send`](RequestBuilder::send), and [`ErrorKind::Body`] for what `body` says. With
    /// block-wise transfer switched off, [`ErrorKind::BlockWiseOff`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](RequestBuilder::send); what was taken from `body` is lost.
    pub async fn send_stream<S>(self, body: S, len: Option<u64>) -> Result<Response, Error>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let (exchange, message, _lease) = self.connected().await?;
        if !exchange.remote.cutting().wise().enabled {
            return Err(Error::unsent(ErrorKind::BlockWiseOff));
        }
        exchange.run_stream(message, Source::stream(Box::pin(body), len)).await
    }

    /// Sends it and gives the response out as it comes, without holding its body whole.
    ///
    /// # Errors
    ///
    /// As [`send`](RequestBuilder::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](RequestBuilder::send).
    pub async fn send_streaming(self) -> Result<StreamedResponse, Error> {
        let (exchange, message, lease) = self.connected().await?;
        let in_use = lease.map(|lease| Box::new(lease) as InUse);
        exchange.run_streaming(message, in_use).await
    }

    /// The connection that it goes by, what is to be sent, and the use of the connection.
    async fn connected(self) -> Result<(Exchange, Outgoing, Option<Lease>), Error> {
        if let Some(fault) = self.fault {
            return Err(Error::unsent(fault));
        }
        let (remote, left, lease) = match self.via {
            Via::Remote(remote) => (remote, self.timeout, None),
            Via::Client(target) => {
                let until = target.until(self.timeout);
                let lease = target.lease(until).await?;
                (lease.remote().clone(), target.left(until), Some(lease))
            }
        };
        Ok((self.manner.by(remote, left), self.message, lease))
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

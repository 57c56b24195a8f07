//! Requests of the peer, owned: what a handler gets.

use crate::remote::Remote;
use crate::response::{ErrorResponse, Response};
use bytes::Bytes;
use coap_ws_core::message::uri::{self, ComposeError, Scheme};
use coap_ws_core::message::{
    Code, ContentFormat, Message, OptionNumber, OwnedMessage, conditions_hold,
};
use std::fmt;

/// A request of the peer.
///
/// ```
/// use coap_ws_driver::{Request, Response, Router};
///
/// let app = Router::new().get("/rooms/{room}", async |request: Request| {
///     let room = request.param("room").unwrap_or_default();
///     match request.query("unit") {
///         Some("f") => Response::content(format!("{room}: 70 F")),
///         None | Some("c") => Response::content(format!("{room}: 21 C")),
///         Some(_) => Response::error(coap_ws_driver::core::message::Code::BAD_OPTION, "unit=c or f"),
///     }
/// });
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct Request {
    message: OwnedMessage,
    remote: Remote,
    params: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn new(message: OwnedMessage, remote: Remote) -> Request {
        Request { message, remote, params: Vec::new() }
    }

    pub(crate) fn with_params(self, params: Vec<(String, String)>) -> Request {
        Request { params, ..self }
    }

    /// The same for keeping: no buffer that others share is kept alive by it.
    pub(crate) fn detached(&self) -> Request {
        Request { message: self.message.detach(), ..self.clone() }
    }

    /// How many bytes its message has.
    pub(crate) fn size(&self) -> usize {
        self.view().as_bytes().len()
    }

    pub(crate) const fn message(&self) -> &OwnedMessage {
        &self.message
    }

    /// The method.
    pub fn method(&self) -> Code {
        self.view().code()
    }

    /// Who asks: it can be asked back, now or later.
    pub const fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The segments of the path, as they are: no percent-encoding, `/` is data (OPT-17).
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        // A critical string option that is no UTF-8 never gets here (OPT-16).
        let values = self.view().options_of(OptionNumber::URI_PATH);
        values.filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The path as in a URI: `/a/b`, percent-encoded.
    pub fn path(&self) -> String {
        let mut text = String::new();
        let written = uri::compose(
            &mut text,
            Scheme::CoapWs,
            b"h",
            Scheme::CoapWs.default_port(),
            self.view().options_of(OptionNumber::URI_PATH),
            std::iter::empty(),
        );
        debug_assert!(written.is_ok(), "segments were checked when the request was read");
        text.strip_prefix("coap+ws://h").unwrap_or(&text).to_owned()
    }

    /// The arguments of the query.
    pub fn queries(&self) -> impl Iterator<Item = &str> + Clone {
        let values = self.view().options_of(OptionNumber::URI_QUERY);
        values.filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The value of the first query argument `name=value`.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.queries().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
    }

    /// What stands in the path where the route has `{name}`.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The URI that was asked for (RFC 8323 §8.7), at the end that accepted the connection.
    ///
    /// # Errors
    ///
    /// [`ComposeError`] where the options do not make one, or where there is no host to name:
    /// a request to a WebSocket client has no URI (URI-23).
    pub fn uri(&self) -> Result<String, ComposeError> {
        let scheme = if self.remote.info().secure { Scheme::CoapsWs } else { Scheme::CoapWs };
        let authority = self.remote.authority();
        let default_host = authority.map(|authority| authority.host.to_string());
        let host = self.view().option(OptionNumber::URI_HOST);
        let host = host.or(default_host.as_deref().map(str::as_bytes));
        let host = host.ok_or(ComposeError::InvalidHost)?;
        let port = self.view().uint(OptionNumber::URI_PORT).and_then(|p| u16::try_from(p).ok());
        let port = port.or(authority.and_then(|authority| authority.port));
        let mut text = String::new();
        uri::compose(
            &mut text,
            scheme,
            host,
            port.unwrap_or(scheme.default_port()),
            self.view().options_of(OptionNumber::URI_PATH),
            self.view().options_of(OptionNumber::URI_QUERY),
        )?;
        Ok(text)
    }

    /// The payload; ignored where the method defines none (OPT-11).
    pub fn body(&self) -> Bytes {
        self.message.payload()
    }

    /// What the payload is.
    pub fn format(&self) -> Option<ContentFormat> {
        self.view().content_format()
    }

    /// What the answer should be.
    pub fn accept(&self) -> Option<ContentFormat> {
        self.view().accept()
    }

    /// Judges If-Match and If-None-Match by the ETag of what is there now, `None` where nothing
    /// is. To be asked before anything is done.
    ///
    /// # Errors
    ///
    /// The 4.12 that the request gets instead (RFC 7252 §5.10.8).
    ///
    /// ```no_run
    /// use coap_ws_driver::{ErrorResponse, Request};
    /// use coap_ws_core::message::Code;
    /// fn put(request: &Request, current: Option<&[u8]>) -> Result<Code, ErrorResponse> {
    ///     request.precondition(current)?;
    ///     Ok(if current.is_some() { Code::CHANGED } else { Code::CREATED })
    /// }
    /// ```
    pub fn precondition(&self, current: Option<&[u8]>) -> Result<(), ErrorResponse> {
        match conditions_hold(&self.view(), current) {
            true => Ok(()),
            false => {
                let text = "the condition is not met";
                Err(Response::error(Code::PRECONDITION_FAILED, text).into())
            }
        }
    }

    /// The message as a view, for options that have no method here.
    pub fn view(&self) -> Message<'_> {
        self.message.view()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

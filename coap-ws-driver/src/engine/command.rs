//! Commands: what the application wants. Each is the connection's own.

use super::{Engine, Stage};
use coap_ws_core::message::{Code, Encode};
use coap_ws_core::{
    ExchangeId, Instant, PingId, Refused, RefusedWhy, ReleaseOptions, RequestOptions, Responder,
    SendError,
};

impl Engine {
    /// As [`Connection::request`](coap_ws_core::Connection::request). The driver need not wait
    /// for the peer's CSM, but for [`Opened`](super::Event::Opened).
    ///
    /// # Errors
    ///
    /// [`SendError`]; [`SendError::AwaitingSettings`] before the opening handshake is done.
    pub fn request(
        &mut self,
        now: Instant,
        message: &impl Encode,
        options: RequestOptions,
    ) -> Result<ExchangeId, SendError> {
        self.advance(now);
        let connection = self.connection.as_mut().ok_or(SendError::AwaitingSettings)?;
        connection.request(self.now, message, options)
    }

    /// As [`Connection::respond`](coap_ws_core::Connection::respond).
    ///
    /// # Errors
    ///
    /// [`Refused`], with the responder back.
    pub fn respond(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &impl Encode,
    ) -> Result<(), Refused> {
        self.advance(now);
        match self.connection.as_mut() {
            Some(connection) => connection.respond(self.now, responder, message),
            None => Err(Refused { responder, why: RefusedWhy::Closed }),
        }
    }

    /// As [`Connection::wants_response`](coap_ws_core::Connection::wants_response).
    pub fn wants_response(&self, responder: &Responder, code: Code) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.wants_response(responder, code))
    }

    /// As [`Connection::cancel`](coap_ws_core::Connection::cancel).
    pub fn cancel(&mut self, now: Instant, exchange: ExchangeId) -> bool {
        self.advance(now);
        let now = self.now;
        self.connection.as_mut().is_some_and(|connection| connection.cancel(now, exchange))
    }

    /// As [`Connection::leave_off`](coap_ws_core::Connection::leave_off).
    pub fn leave_off(&mut self, now: Instant) {
        self.advance(now);
        if let Some(connection) = self.connection.as_mut() {
            connection.leave_off(self.now);
        }
    }

    /// As [`Connection::ping`](coap_ws_core::Connection::ping).
    ///
    /// # Errors
    ///
    /// [`SendError`]; [`SendError::AwaitingSettings`] before the opening handshake is done.
    pub fn ping(&mut self, now: Instant, custody: bool) -> Result<PingId, SendError> {
        self.advance(now);
        let connection = self.connection.as_mut().ok_or(SendError::AwaitingSettings)?;
        connection.ping(self.now, custody)
    }

    /// As [`Connection::release`](coap_ws_core::Connection::release).
    ///
    /// # Errors
    ///
    /// [`SendError`]; [`SendError::AwaitingSettings`] before the opening handshake is done.
    pub fn release(&mut self, now: Instant, options: ReleaseOptions<'_>) -> Result<(), SendError> {
        self.advance(now);
        let connection = self.connection.as_mut().ok_or(SendError::AwaitingSettings)?;
        connection.release(self.now, options)
    }

    /// As [`Connection::abort`](coap_ws_core::Connection::abort). Before the opening handshake
    /// is done, it ends that.
    pub fn abort(&mut self, now: Instant, diagnostic: &str) {
        self.advance(now);
        match &mut self.connection {
            Some(connection) => connection.abort(self.now, diagnostic),
            None if matches!(self.stage, Stage::Opening(_)) => self.opening_cut(),
            // A refusal is on its way, and that is an end too (WS-43).
            None => {}
        }
    }
}

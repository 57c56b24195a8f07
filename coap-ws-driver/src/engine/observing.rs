//! Observations in both directions. Each command is the connection's own.

use super::Engine;
use coap_ws_core::message::Encode;
use coap_ws_core::{
    ExchangeId, Instant, NotifyError, ObserverId, Refused, RefusedWhy, Responder, SendError,
};

impl Engine {
    /// As [`Connection::observe`](coap_ws_core::Connection::observe).
    ///
    /// # Errors
    ///
    /// [`Refused`], with the responder back.
    pub fn observe(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &impl Encode,
    ) -> Result<Option<ObserverId>, Refused> {
        self.advance(now);
        match self.connection.as_mut() {
            Some(connection) => connection.observe(self.now, responder, message),
            None => Err(Refused { responder, why: RefusedWhy::Closed }),
        }
    }

    /// As [`Connection::mark_changed`](coap_ws_core::Connection::mark_changed).
    pub fn mark_changed(&mut self, now: Instant, observer: ObserverId) -> bool {
        self.advance(now);
        let now = self.now;
        self.connection.as_mut().is_some_and(|connection| connection.mark_changed(now, observer))
    }

    /// As [`Connection::notify`](coap_ws_core::Connection::notify).
    ///
    /// # Errors
    ///
    /// [`NotifyError`].
    pub fn notify(
        &mut self,
        now: Instant,
        observer: ObserverId,
        message: &impl Encode,
    ) -> Result<(), NotifyError> {
        self.advance(now);
        let connection = self.connection.as_mut().ok_or(NotifyError::Gone)?;
        connection.notify(self.now, observer, message)
    }

    /// As [`Connection::deregister`](coap_ws_core::Connection::deregister).
    ///
    /// # Errors
    ///
    /// [`SendError`].
    pub fn deregister(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        request: &impl Encode,
    ) -> Result<(), SendError> {
        self.advance(now);
        let connection = self.connection.as_mut().ok_or(SendError::Closed)?;
        connection.deregister(self.now, exchange, request)
    }
}

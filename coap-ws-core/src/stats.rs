//! What a connection has counted.

/// Counters of one connection. They only grow, and stop at their largest value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages that came.
    pub messages_received: u64,
    /// Messages that were handed out.
    pub messages_sent: u64,
    /// Requests that were taken from the application.
    pub requests_sent: u64,
    /// Requests of the peer.
    pub requests_received: u64,
    /// Requests of the peer over `max_requests`: answered 5.03.
    pub requests_refused: u64,
    /// Responses that were queued for the application.
    pub responses_sent: u64,
    /// Notifications that were queued for the application (RFC 7641).
    pub notifications_sent: u64,
    /// Responses that were not sent because the request disclaimed them (RFC 7967).
    pub responses_suppressed: u64,
    /// Responses that came.
    pub responses_received: u64,
    /// Responses to requests that were over: normal after a cancel or a timeout (TOK-13).
    pub responses_late: u64,
    /// Responses to nothing that we ever asked.
    pub responses_unmatched: u64,
    /// Pongs and errors that the core answered by itself.
    pub answered_by_core: u64,
    /// Empty messages: the peer's keepalive.
    pub empty_received: u64,
    /// Messages of reserved classes: ignored (CODE-05).
    pub reserved_received: u64,
    /// Rules that the peer broke; one ends the connection.
    pub violations: u64,
}

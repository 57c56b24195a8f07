//! Opening handshakes that failed: something listens there, but no connection came of it.

use super::{Attempt, Failure};
use crate::exit::Exit;
use coap_ws_tokio::handshake::{HandshakeError, HeadError};

/// What the server's answer comes to.
pub(super) fn failure(error: &HandshakeError, attempt: &Attempt) -> Failure {
    match error {
        HandshakeError::Status { status, location, .. } => {
            let what = format!("the server refused the WebSocket: HTTP {status}");
            refused(what, status.as_u16(), location.as_deref(), attempt)
        }
        HandshakeError::Head(HeadError::NotHttp(smell)) => Failure::new(
            Exit::Connect,
            "what answers there is no HTTP, so no WebSocket",
            smell.to_string(),
            "check the port; CoAP over TCP and UDP have schemes and tools of their own",
        ),
        HandshakeError::SubprotocolMissing
        | HandshakeError::SubprotocolWrong
        | HandshakeError::SubprotocolRepeated => Failure::new(
            Exit::Connect,
            "the server speaks WebSocket, but not CoAP",
            error.to_string(),
            "check host and port; a server of CoAP answers with Sec-WebSocket-Protocol: coap",
        ),
        HandshakeError::Closed => Failure::new(
            Exit::Connect,
            "the server closed the connection within the opening handshake",
            "it takes no WebSocket on this port, or wants TLS",
            "check the port; aiocoap closes like that for a path that is not its own",
        ),
        HandshakeError::TimedOut => Failure::new(
            Exit::Timeout,
            "the server did not answer the opening handshake in time",
            "something listens there but speaks no HTTP, or wants TLS",
            "check the port; --timeout SECONDS waits longer",
        ),
        error => Failure::new(
            Exit::Connect,
            "the opening handshake failed",
            error.to_string(),
            "-vv shows it",
        ),
    }
}

/// A request of the opening handshake that cannot be made: the fault is on this side.
pub(super) fn unusable(error: &HandshakeError) -> Failure {
    Failure::new(
        Exit::Usage,
        "the opening handshake cannot be made like that",
        error.to_string(),
        "look at -H and at the host of the URI",
    )
}

/// HTTP's own ways to say no.
fn refused(what: String, status: u16, location: Option<&str>, attempt: &Attempt) -> Failure {
    let (why, advice) = match status {
        300..=399 => match location {
            Some(place) => (
                format!("it sends us to {place}, and redirects are not followed"),
                "that address, with coap+ws:// (coaps+ws:// for https://)".to_owned(),
            ),
            None => (
                "it sends us elsewhere, and redirects are not followed".to_owned(),
                "the address that it serves CoAP at".to_owned(),
            ),
        },
        401 | 407 => (
            "it wants credentials, or does not know those it got".to_owned(),
            "-H \"Authorization: …\"".to_owned(),
        ),
        403 => (
            "it does not go by this name, or does not serve this Origin".to_owned(),
            format!(
                "leave out -H Origin, or start the server with --public-uri {} or --allow-origin \
                 ORIGIN",
                public(attempt)
            ),
        ),
        404 | 405 | 410 | 501 => (
            "it is a web server without CoAP at /.well-known/coap (RFC 8323 §8.3)".to_owned(),
            "check host and port; a proxy must pass /.well-known/coap on to the CoAP server"
                .to_owned(),
        ),
        400 | 426 => (
            "it does not see the request of a WebSocket: it may want TLS, or a proxy drops the \
             Upgrade"
                .to_owned(),
            "-vv shows what was sent; a proxy must pass on Upgrade and Connection".to_owned(),
        ),
        431 => {
            ("the header fields are too large for it".to_owned(), "fewer or shorter -H".to_owned())
        }
        408 | 429 | 500..=599 => (
            "it, or the server behind it, is down or has too much to do".to_owned(),
            "try again in a while".to_owned(),
        ),
        200..=299 => {
            ("it serves something else there".to_owned(), "check host and port".to_owned())
        }
        _ => (
            "a server of WebSockets answers 101 (RFC 6455 §4.2)".to_owned(),
            "-vv shows its answer".to_owned(),
        ),
    };
    Failure::new(Exit::Connect, what, why, advice)
}

/// What the server would have to be called.
fn public(attempt: &Attempt) -> String {
    let uri = coap_ws_tokio::core::message::uri::Uri::parse(&attempt.uri);
    uri.map_or_else(|_| "URI".to_owned(), |uri| format!("{}://{}", uri.scheme(), uri.authority()))
}

//! Connections that did not come about.

use super::{Attempt, Failure, handshake};
use crate::exit::Exit;
use crate::tls;
use coap_ws_tokio::ConnectError;
use coap_ws_tokio::core::message::uri::Uri;
use coap_ws_tokio::engine::{EngineError, OpeningError};
use coap_ws_tokio::tls::TlsFailure;
use std::io::{self, ErrorKind};

pub(super) fn failure(error: &ConnectError, attempt: &Attempt) -> Failure {
    match error {
        ConnectError::Uri(error) => Failure::uri(&attempt.uri, *error),
        ConnectError::Resolve { host, source } => Failure::new(
            Exit::Connect,
            format!("no address for `{host}`: {source}"),
            "the name is unknown to DNS and to /etc/hosts, or there is no network",
            "check the spelling, or write the IP address",
        ),
        ConnectError::Tcp { address, source } => tcp(address, source, attempt),
        ConnectError::TlsMissing => Failure::without_tls(),
        ConnectError::Tls(error) if error.is::<TlsFailure>() => {
            error.downcast_ref().map_or_else(Failure::without_tls, tls::failure)
        }
        ConnectError::Tls(error) => Failure::new(
            Exit::Connect,
            format!("the TLS handshake failed: {error}"),
            "certificate, name or protocol version do not suit",
            "the name that the certificate is for; coap+ws:// if the port has no TLS",
        ),
        ConnectError::Opening(OpeningError::Handshake(error)) => handshake::failure(error, attempt),
        ConnectError::Config(EngineError::Handshake(error)) => handshake::unusable(error),
        ConnectError::Stream(error) => Failure::new(
            Exit::Connect,
            format!("the connection broke within the opening handshake: {error}"),
            "what listens there wants something else than HTTP, such as TLS, or went away",
            "check the port; -vv shows how far it came",
        ),
        ConnectError::Proxy { proxy, error } => Failure::new(
            Exit::Connect,
            format!("no tunnel through the proxy {proxy}: {error}"),
            "the proxy is not there, or does not let us through to that host and port",
            "check the proxy, or connect without it",
        ),
        ConnectError::Timeout => Failure::new(
            Exit::Timeout,
            format!("no connection{}", attempt.limit()),
            "the host does not answer: it is down, or a firewall drops what is sent",
            "check host and port; --timeout SECONDS waits longer",
        ),
        error => Failure::new(
            Exit::Connect,
            "no connection",
            error.to_string(),
            "-vv shows what was said",
        ),
    }
}

fn tcp(address: &str, source: &io::Error, attempt: &Attempt) -> Failure {
    let (exit, why, advice) = match source.kind() {
        ErrorKind::ConnectionRefused => {
            (Exit::Connect, "nothing listens there".to_owned(), refused(attempt))
        }
        ErrorKind::TimedOut => (
            Exit::Timeout,
            "the host is down, or a firewall drops what is sent".to_owned(),
            "check host and port".to_owned(),
        ),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => (
            Exit::Connect,
            "there is no way to that address from here".to_owned(),
            "check the network, or the address".to_owned(),
        ),
        ErrorKind::PermissionDenied => (
            Exit::Connect,
            "the system does not allow it: a firewall or a sandbox".to_owned(),
            "allow it, or run it elsewhere".to_owned(),
        ),
        _ => {
            (Exit::Connect, "the system says no more".to_owned(), "check host and port".to_owned())
        }
    };
    Failure::new(exit, format!("cannot connect to {address}: {source}"), why, advice)
}

/// Is a server running, and on the port that is meant?
fn refused(attempt: &Attempt) -> String {
    let host = attempt.host();
    match Uri::parse(&attempt.uri) {
        Ok(uri) if uri.authority().port().is_none() => format!(
            "state the port: without one {} means {}, but `coap-ws serve` listens on 8683: \
             {host}:8683/…",
            uri.scheme(),
            uri.port()
        ),
        Ok(uri) => format!(
            "is the server running? `coap-ws serve --demo --listen {host}:{}` starts one",
            uri.port()
        ),
        Err(_) => "is the server running?".to_owned(),
    }
}

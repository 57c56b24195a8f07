use super::{Attempt, Failure, closed, connecting};
use crate::exit::Exit;
use crate::paint::Paint;
use coap_ws_tokio::ConnectError;
use coap_ws_tokio::core::message::uri::Uri;
use coap_ws_tokio::core::{CloseReason, Violation};
use std::io;

fn attempt(uri: &str) -> Attempt {
    Attempt { uri: uri.to_owned(), timeout: None, quiet: false }
}

#[track_caller]
fn has(failure: &Failure, exit: Exit, parts: [&str; 3]) {
    assert_eq!(failure.exit(), exit, "{failure:?}");
    let told = failure.tell(Paint::plain());
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    for ((line, name), part) in lines.iter().zip(["error: ", "because: ", "try: "]).zip(parts) {
        assert!(line.starts_with(name) && line.contains(part), "`{part}` in `{line}`");
    }
}

#[test]
fn a_refused_connection_names_the_port_that_is_meant() {
    let refused = |uri| {
        let source = io::ErrorKind::ConnectionRefused.into();
        let error = ConnectError::Tcp { address: "h:80".into(), source };
        connecting::failure(&error, &attempt(uri))
    };
    let parts = ["cannot connect to h:80", "nothing listens", "listens on 8683: h:8683/"];
    has(&refused("coap+ws://h/x"), Exit::Connect, parts);
    let parts = ["h:80", "nothing listens", "coap-ws serve --demo --listen h:9000"];
    has(&refused("coap+ws://h:9000/x"), Exit::Connect, parts);
}

#[test]
fn a_wrong_scheme_is_mended() {
    let wrong = |uri: &str| Failure::uri(uri, Uri::parse(uri).unwrap_err());
    let parts = ["`coap://h/a`", "not one of CoAP over WebSockets", "coap+ws://h/a"];
    has(&wrong("coap://h/a"), Exit::Usage, parts);
    has(&wrong("https://h/a"), Exit::Usage, ["https", "scheme", "coaps+ws://h/a"]);
    has(&wrong("coap+ws://h:0/"), Exit::Usage, ["h:0", "port", "1 to 65535"]);
}

#[test]
fn how_a_connection_ended_decides_the_exit_code() {
    let closed = closed::failure;
    let parts = ["released the connection before it answered, and says: bye", "§5.5", "again"];
    has(&closed(CloseReason::Released, Some("bye")), Exit::Released, parts);
    has(&closed(CloseReason::ClosedByPeer(1001), None), Exit::Released, ["closed", "", ""]);
    has(&closed(CloseReason::ClosedByPeer(1009), None), Exit::Protocol, ["1009", "large", ""]);
    // The words of a peer stay on their line.
    let parts = ["aborted the connection, and says: a\\nb\\u{1b}", "§5.6", "-vv"];
    has(&closed(CloseReason::AbortedByPeer, Some("a\nb\x1b")), Exit::Protocol, parts);
    let late = CloseReason::Violation(Violation::SettingsLate);
    has(&closed(late, None), Exit::Protocol, ["no CSM in time", "does not speak CoAP", ""]);
    has(&closed(CloseReason::Lost, None), Exit::Protocol, ["lost", "proxy", "again"]);
    has(&closed(CloseReason::KeepaliveTimeout, None), Exit::Timeout, ["dead", "hangs", "again"]);
}

//! Errors in three parts: what, why likely, what to try; for each stage of its own.

use crate::fake;
use crate::support::{Served, run};

#[test]
fn a_refused_connection() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = format!("coap-ws serve --demo --listen {free}");
    let parts = ["cannot connect to 127.0.0.1:", "nothing listens there", start.as_str()];
    run(&["get", &free.to_string()]).fails(3, parts);
}

#[test]
fn an_unknown_host() {
    let parts = ["no address for `no-such-host.invalid`", "unknown to DNS", "IP address"];
    run(&["get", "no-such-host.invalid:8683/x"]).fails(3, parts);
}

#[test]
fn tls_that_is_not_there() {
    let server = Served::demo();
    let parts = ["TLS handshake failed", "not one for coaps+ws", "coap+ws://"];
    run(&["get", &format!("coaps+ws://{}/", server.at)]).fails(3, parts);
}

#[test]
fn refusals_at_the_upgrade() {
    let cases = [
        ("404 Not Found", "", "HTTP 404", "without CoAP", "/.well-known/coap"),
        ("401 Unauthorized", "", "HTTP 401", "credentials", "-H \"Authorization"),
        ("426 Upgrade Required", "", "HTTP 426", "proxy drops the Upgrade", "-vv"),
        ("302 Found", "Location: http://x/y\r\n", "HTTP 302", "to http://x/y", "that address"),
        ("503 Service Unavailable", "", "HTTP 503", "too much to do", "again"),
        ("200 OK", "", "HTTP 200", "something else", "host and port"),
    ];
    for (status, header, what, why, advice) in cases {
        let answer = format!("HTTP/1.1 {status}\r\n{header}Content-Length: 0\r\n\r\n");
        let server = fake::http(answer.leak());
        run(&["get", &server]).fails(3, [what, why, advice]);
    }
}

#[test]
fn a_foreign_origin_and_a_foreign_host() {
    let server = Served::demo();
    let parts = ["HTTP 403", "does not serve this Origin", "--allow-origin"];
    server.ask(&["get", "-H", "Origin: http://evil.example"], "/hello").fails(3, parts);
    let named = Served::with(&["--demo", "--public-uri", "coap+ws://example.org"]);
    let public = format!("--public-uri coap+ws://{}", named.at);
    named.ask(&["get"], "/hello").fails(3, ["HTTP 403", "this name", public.as_str()]);
}

#[test]
fn what_is_no_http() {
    let server = fake::http("SSH-2.0-OpenSSH_9.7\r\n");
    run(&["get", &server]).fails(3, ["no HTTP", "right port?", "check the port"]);
    let server = fake::http("\x15\x03\x01\x00\x02\x02\x46");
    run(&["get", &server]).fails(3, ["no HTTP", "TLS", "check the port"]);
}

#[test]
fn a_server_that_just_closes() {
    let server = fake::tcp(drop);
    run(&["get", &server]).ends(3);
    let server = fake::tcp(|mut stream| {
        let mut request = [0; 4096];
        let _ = std::io::Read::read(&mut stream, &mut request);
    });
    run(&["get", &server]).fails(3, ["closed the connection", "", "aiocoap closes like that"]);
}

#[test]
fn a_websocket_without_coap() {
    // The accept key is wrong as well, but that is looked at first.
    let server = fake::http(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: x\r\n\r\n",
    );
    run(&["get", &server]).fails(3, ["opening handshake failed", "not for our key", "-vv"]);
}

#[test]
fn a_header_that_cannot_be_set() {
    let server = Served::demo();
    let parts = ["cannot be made like that", "sets upgrade itself", "look at -H"];
    server.ask(&["get", "-H", "Upgrade: x"], "/hello").fails(2, parts);
}

#[test]
fn a_request_that_is_too_large() {
    // This server takes 1152 bytes and no more. A body would go in blocks; an option cannot.
    let server = fake::websocket(|socket| socket.send(fake::CSM));
    let option = format!("65000={}", "x".repeat(2000));
    let ran = run(&["get", "-O", &option, &server]);
    assert!(ran.err.contains("the request has 2,0"), "{}", ran.err);
    ran.fails(2, ["only 1152 may be sent", "§5.3.1", "send less"]);
    let server = fake::websocket(|socket| socket.send(fake::CSM));
    let ran = run(&["put", "-d", "x", "-O", &option, &server]);
    ran.fails(2, ["no room for a block", "path and options", "fewer options"]);
}

#[test]
fn uris_that_are_none() {
    let cases = [
        ("http://h/x", "`http://h/x`", "the scheme", "coap+ws://h/x"),
        ("wss://h/x", "`wss://h/x`", "the scheme", "coaps+ws://h/x"),
        ("h:99999/x", "`coap+ws://h:99999/x`", "port", "1 to 65535"),
        ("h/a b", "`coap+ws://h/a b`", "a character", "%20"),
        ("h/a#b", "`coap+ws://h/a#b`", "fragment", "coap+ws://HOST"),
        ("", "`coap+ws://`", "the host is", "coap+ws://HOST"),
    ];
    for (uri, what, why, advice) in cases {
        for verb in ["get", "ping", "discover"] {
            run(&[verb, uri]).fails(2, [what, why, advice]);
        }
    }
}

#[test]
fn listening_that_does_not_work() {
    let server = Served::demo();
    let parts = ["cannot listen on 127.0.0.1:", "another program listens", "--listen"];
    run(&["serve", "--listen", &server.at]).fails(3, parts);
    run(&["serve", "--listen", "127.0.0.1"]).fails(2, ["has no port", "a colon", "localhost:8683"]);
    run(&["serve", "--listen", "192.0.2.1:0"])
        .fails(3, ["192.0.2.1", "no such address", "0.0.0.0"]);
}

/// Colours are for terminals; here nothing is one.
#[test]
fn nothing_is_coloured_in_a_pipe() {
    let ran = run(&["get", "coap://h"]).ends(2);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
}

//! `serve`: readiness, policy, log, and its end in good order.

use crate::support::{Served, finish, program, run};
use std::io::{BufRead, BufReader};
use std::process::Child;

/// A GET of `/slow`, once the server has its request.
fn slow(server: &Served, ms: u32) -> Child {
    let uri = server.uri(&format!("/slow?ms={ms}"));
    let mut child = program().args(["get", "-v", &uri]).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("> GET") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "the request was not sent");
    }
    std::thread::spawn(move || err.lines().count());
    // Sent is not yet handled: a request that came later would wait its turn behind it.
    server.ask(&["get"], "/hello").ends(0);
    std::thread::sleep(std::time::Duration::from_millis(50));
    child
}

#[test]
fn sigterm_lets_what_is_begun_be_finished() {
    let server = Served::demo();
    let child = slow(&server, 700);
    server.signal("TERM");
    server.logs("stopping");
    finish(child).says("that took 700 ms");
    let at = server.at.clone();
    server.ended().ends(0);
    run(&["get", &at]).ends(3);
}

#[test]
fn a_second_signal_ends_at_once() {
    let server = Served::demo();
    let child = slow(&server, 10_000);
    server.signal("INT");
    server.logs("stopping");
    server.signal("TERM");
    server.ended().ends(130);
    // The client is told what happened: the connection was lost, or was released before.
    let code = finish(child).code;
    assert!(matches!(code, Some(7 | 8)), "{code:?}");
}

#[test]
fn every_address_is_told() {
    let args = ["serve", "--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0", "--demo"];
    let mut child = program().args(args).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for host in ["127.0.0.1", "127.0.0.2"] {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let at = line.trim_end().strip_prefix("listening on coap+ws://").unwrap();
        assert!(at.starts_with(host), "{line}");
        run(&["get", &format!("{at}/hello")]).says("hello from coap-ws");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn without_demo_nothing_is_served_and_it_says_so() {
    let server = Served::with(&[]);
    server.logs("--demo serves resources");
    server.ask(&["get"], "/hello").ends(4);
    server.ask(&["discover"], "").says("");
}

#[test]
fn v_logs_connections_requests_and_refusals() {
    let server = Served::with(&["--demo", "-v"]);
    server.ask(&["get"], "/slow?ms=1").ends(0);
    server.logs(" connected");
    let line = server.logs("GET /slow?ms=1");
    assert!(line.contains("2.05 Content  14 bytes"), "{line}");
    server.logs("released");
    server.ask(&["get", "-H", "Origin: http://evil.example"], "/hello").ends(3);
    server.logs("refused 403 Forbidden: pages of origin http://evil.example may not");
    // Text of a client cannot drive the terminal of who reads the log.
    server.ask(&["get"], "/a%1Bb").ends(4);
    assert!(!server.logs("4.04").contains('\x1b'));
}

#[test]
fn vv_logs_messages_byte_by_byte() {
    let server = Served::with(&["--demo", "-vv"]);
    server.ask(&["get"], "/hello").ends(0);
    server.logs("< GET  token ");
    server.logs("Uri-Path \"hello\" (11 = 0 + 11, length 5)");
    server.logs("> 2.05 Content");
}

#[test]
fn origins_by_name() {
    let foreign = ["get", "-H", "Origin: https://app.example"];
    let named = Served::with(&["--demo", "--allow-origin", "https://app.example"]);
    named.ask(&foreign, "/hello").ends(0);
    named.ask(&["get", "-H", "Origin: https://evil.example"], "/hello").ends(3);
    let any = Served::with(&["--demo", "--allow-origin", "*"]);
    any.ask(&foreign, "/hello").ends(0);
}

#[test]
fn a_public_name_is_the_only_one() {
    let server = Served::with(&["--demo", "--public-uri", "coap+ws://localhost"]);
    let port = server.at.rsplit_once(':').unwrap().1;
    run(&["get", &format!("localhost:{port}/hello")]).ends(0);
    server.ask(&["get"], "/hello").ends(3);
}

#[cfg(feature = "async-std")]
#[test]
fn on_async_std_it_is_the_same() {
    let server = Served::with(&["--demo", "--runtime", "async-std", "-v"]);
    server.ask(&["get"], "/hello").says("hello from coap-ws");
    // Timers and tasks too: what waits, what ticks, what asks back.
    server.ask(&["get"], "/slow?ms=20").says("that took 20 ms");
    let seen = server.ask(&["observe", "-n", "2"], "/time").ends(0);
    assert_eq!(seen.text().lines().count(), 2);
    server.ask(&["get", "--serve"], "/reverse").says("hello from coap-ws");
    let child = slow(&server, 700);
    server.signal("TERM");
    server.logs("stopping");
    finish(child).says("that took 700 ms");
    server.ended().ends(0);
    run(&["serve", "--runtime", "none"]).ends(2);
}

//! The exit codes are a promise: one test for each.

use crate::fake;
use crate::support::{Served, finish, program, run, signal};
use std::io::{BufRead, BufReader, Read};

#[test]
fn exit_0_is_success() {
    Served::demo().ask(&["get"], "/hello").ends(0);
}

#[test]
fn exit_2_is_usage() {
    for args in [
        &["get"][..],
        &["got", "x"],
        &["get", "h", "--accept", "colours"],
        &["get", "h", "--timeout", "0"],
        &["get", "h", "-H", "no colon"],
        &["get", "h", "-O", "70000=x"],
        &["get", "h", "--etag", ""],
        &["put", "h", "--no-response", "256"],
        &["ping", "h", "-c", "0"],
        &["decode"],
        &["serve", "--public-uri", "http://x"],
        &["serve", "--allow-origin", "x"],
    ] {
        let ran = run(args).ends(2);
        assert!(ran.err.contains("error: "), "{args:?}: {}", ran.err);
    }
    run(&["get", "coap://h/x"]).fails(2, ["`coap://h/x`", "the scheme is not", "coap+ws://h/x"]);
}

#[test]
fn exit_3_is_no_connection() {
    // Bound and closed again: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    run(&["get", &free.to_string()]).ends(3);
    run(&["ping", &free.to_string()]).ends(3);
    run(&["get", "coaps+ws://127.0.0.1:1/"]).ends(3);
}

#[test]
fn exit_4_and_5_are_the_class_of_the_answer() {
    let server = Served::demo();
    server.ask(&["get"], "/nothing").ends(4);
    server.ask(&["delete"], "/hello").ends(4);
    server.ask(&["get"], "/reverse").ends(5);
}

#[test]
fn exit_6_is_a_timeout() {
    let server = Served::demo();
    let parts = ["no answer within 0.3 s", "may have been processed", "--timeout SECONDS"];
    server.ask(&["get", "--timeout", "0.3"], "/slow?ms=5000").fails(6, parts);
    // Something that takes connections and says nothing.
    let silent = fake::tcp(|mut stream| while matches!(stream.read(&mut [0; 99]), Ok(1..)) {});
    run(&["get", "--timeout", "0.3", &silent]).ends(6);
    let deaf = fake::websocket(|socket| socket.send(fake::CSM));
    run(&["ping", "-c", "1", "--timeout", "0.3", &deaf]).fails(6, ["no Pong", "gone", "waits"]);
}

#[test]
fn exit_7_is_a_broken_protocol_or_an_abort() {
    let aborts = fake::websocket(|socket| {
        socket.asked();
        socket.send(b"\x00\xe5\xffbad\x1b day");
    });
    let parts = ["aborted the connection, and says: bad", "§5.6", "-vv"];
    let ran = run(&["get", &aborts]).fails(7, parts);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);

    let garbage = fake::websocket(|socket| {
        socket.asked();
        socket.send(&[0x01, 0x45, 0x42, 0xff]);
    });
    let parts = ["payload marker without a payload", "no CoAP message", "-vv"];
    run(&["get", &garbage]).fails(7, parts);

    let no_csm = fake::websocket(|socket| socket.send(&[0x00, 0x45]));
    run(&["get", &no_csm]).fails(7, ["must be a CSM", "first message", "-vv"]);

    let text = fake::websocket(|socket| socket.raw(b"\x81\x02hi"));
    run(&["get", &text]).fails(7, ["text message", "something else", "-vv"]);

    let cut = fake::websocket(|socket| {
        socket.asked();
        socket.cut();
    });
    run(&["get", &cut]).fails(7, ["lost", "without a WebSocket Close", "try again"]);

    let critical = fake::websocket(|socket| {
        let token = socket.asked();
        socket.answer(&token, 0x45, &[0x90]);
    });
    run(&["get", &critical]).fails(7, ["critical option", "§5.4.1", "-v shows"]);
}

#[test]
fn exit_7_is_a_message_that_decode_refuses() {
    run(&["decode", "014542ff"]).ends(7);
}

#[test]
fn exit_8_is_a_release_before_the_answer() {
    let released = fake::websocket(|socket| {
        socket.asked();
        socket.send(b"\x00\xe4\xffgoing home");
        // The client waits for an answer that is still on its way; here none is.
        socket.raw(&[0x88, 2, 0x03, 0xe8]);
    });
    let parts = ["released the connection before it answered", "§5.5", "try again"];
    let ran = run(&["get", &released]).fails(8, parts);
    assert!(ran.err.contains("and says: going home"), "{}", ran.err);

    let closed = fake::websocket(|socket| {
        socket.asked();
        socket.raw(&[0x88, 2, 0x03, 0xe9]);
    });
    run(&["get", &closed]).fails(8, ["closed the connection", "shuts down", "try again"]);
}

#[test]
fn exit_130_is_interrupted() {
    let server = Served::demo();
    let mut child = program().args(["get", "-v", &server.uri("/slow?ms=9000")]).spawn().unwrap();
    // Once the request is out, Ctrl-C is looked after.
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("> GET") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0);
    }
    signal(&child, "INT");
    finish(child).ends(130);

    let mut child =
        program().args(["ping", "-c", "9", "-i", "30", &server.uri("")]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    signal(&child, "INT");
    let mut last = String::new();
    out.read_line(&mut last).unwrap();
    assert!(last.starts_with("1 sent, 1 answered"), "{last}");
    finish(child).ends(130);
}

//! The opening handshake as an engine does it: what leaves when, and what follows the 101.

use coap_ws_core::{Instant, Side};
use coap_ws_driver::engine::{Engine, EngineConfig};
use coap_ws_driver::policy::Policy;
use coap_ws_tests::alloc::uncounted;
use coap_ws_tests::stream::handshake::{REQUEST, answer, field, head_end, status};
use coap_ws_tests::stream::{Bench, Frame, hex};
use std::time::Duration;

/// The request with one line changed.
fn request(line: &str, instead: &str) -> Vec<u8> {
    assert!(REQUEST.contains(line));
    REQUEST.replacen(line, instead, 1).into_bytes()
}

/// An acceptor that got these bytes.
fn acceptor(bytes: &[u8]) -> Bench {
    let mut bench = Bench::raw(Side::Acceptor);
    bench.feed(bytes);
    bench
}

/// An initiator that got its answer, changed.
fn initiator(change: impl FnOnce(String) -> String) -> Bench {
    let mut bench = Bench::raw(Side::Initiator);
    bench.run();
    let answer = String::from_utf8(answer(&bench.watch.head)).expect("a head is text");
    bench.feed(change(answer).as_bytes());
    bench
}

// WS-01, WS-02, WS-03, WS-16, WS-42
#[test]
fn a_client_sends_its_request_and_waits() {
    let mut bench = Bench::raw(Side::Initiator);
    bench.run();
    let head = String::from_utf8(bench.watch.head.clone()).expect("a head is text");
    assert!(head.starts_with("GET /.well-known/coap HTTP/1.1\r\nHost: localhost:8683\r\n"));
    assert_eq!(field(&bench.watch.head, "sec-websocket-protocol"), "coap");
    assert_eq!(field(&bench.watch.head, "sec-websocket-key").len(), 24);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.written(), head.len() as u64, "a byte before the 101");
    let answer = bench.greeting();
    bench.feed(&answer);
    assert_eq!(bench.take_said(), ["csm"]);

    let mut other = Bench::raw(Side::Initiator);
    other.run();
    assert_ne!(
        field(&bench.watch.head, "sec-websocket-key"),
        field(&other.watch.head, "sec-websocket-key")
    );
}

// WS-01, WS-06, CSM-01
#[test]
fn a_server_says_nothing_until_the_request_is_complete() {
    let request = REQUEST.as_bytes();
    let mut bench = Bench::raw(Side::Acceptor);
    for byte in &request[..request.len() - 1] {
        bench.feed(&[*byte]);
        assert_eq!((bench.written(), bench.interest().read), (0, true));
    }
    bench.feed(&request[request.len() - 1..]);
    assert_eq!((status(&bench.watch.head), bench.take_told()), (101, vec!["opened".into()]));
}

// WS-44, CSM-01, CSM-02
#[test]
fn the_csm_is_in_the_flush_of_the_101() {
    let now = Instant::ZERO;
    let config = EngineConfig::new(Side::Acceptor);
    let mut engine = Engine::acceptor(now, config, Policy::default()).expect("an engine");
    engine.handle_bytes(now, REQUEST.as_bytes());
    let output = engine.output();
    let head = head_end(output).expect("a whole head");
    assert_eq!(status(&output[..head]), 101);
    let (frame, read) = Frame::read(&output[head..]).expect("a frame behind the head");
    assert_eq!((frame.words().as_str(), head + read), ("csm", output.len()));

    // And the initiator's, in the first flush after it has read the 101.
    let config = EngineConfig::new(Side::Initiator);
    let mut engine =
        Engine::initiator(now, config, "localhost", &Default::default()).expect("an engine");
    let request = engine.output().to_vec();
    engine.handle_written(now, request.len());
    engine.handle_bytes(now, &answer(&request));
    let (frame, read) = Frame::read(engine.output()).expect("a frame");
    assert_eq!((frame.words().as_str(), read), ("csm", engine.output().len()));
}

// WS-44
#[test]
fn frames_in_the_segment_of_the_head_are_not_lost() {
    for side in [Side::Acceptor, Side::Initiator] {
        let frames = |bench: &Bench| {
            let csm = bench.from_peer(Frame::binary(hex("00e122048020")));
            [csm, bench.from_peer(Frame::binary(hex("01e242")))].concat()
        };
        let started = || {
            let mut bench = Bench::raw(side);
            bench.run();
            // The key differs each time, and so does what answers it.
            let stream = [bench.greeting(), frames(&bench)].concat();
            (bench, stream)
        };
        for cut in 0..=started().1.len() {
            let (mut bench, stream) = started();
            bench.feed(&stream[..cut]);
            bench.feed(&stream[cut..]);
            assert_eq!(bench.take_told(), ["opened", "settings 1152"], "cut at {cut}");
            assert_eq!(bench.take_said(), ["csm", "01e342"], "cut at {cut}");
        }
    }
}

// WS-04, WS-06, WS-12, WS-43
#[test]
fn a_server_refuses_with_an_http_answer_and_then_ends() {
    let cases = [
        (request("/.well-known/coap", "/"), 404),
        (request("/.well-known/coap", "/.well-known/coap/"), 404),
        (request("Sec-WebSocket-Protocol: coap\r\n", ""), 400),
        (request("Protocol: coap", "Protocol: mqtt"), 400),
        (request("Version: 13", "Version: 8"), 426),
        (request("GET", "POST"), 405),
        (request("HTTP/1.1", "HTTP/1.0"), 400),
        (request("dGhlIHNhbXBsZSBub25jZQ==", "AAAA"), 400),
        (request("Upgrade: websocket\r\n", ""), 426),
        (request("Connection: Upgrade\r\n", ""), 400),
        (request("Host: localhost:8683\r\n", ""), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
    ];
    for (bytes, expected) in cases {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut bench = acceptor(&bytes);
        let got = status(&bench.watch.head);
        assert!(
            got == expected || expected == 426 && got == 400 || expected == 405 && got == 400,
            "{text}: {got}"
        );
        let told = bench.take_told();
        assert!(told.len() == 1 && told[0].starts_with("opening failed: Refused"), "{told:?}");
        assert!(bench.said.is_empty() && bench.engine().connection().is_none());
        assert_eq!(bench.shut_down, Some((bench.now, bench.written())), "{text}");
        assert_eq!(bench.done, None, "the peer may still read");
        bench.feed(REQUEST.as_bytes());
        assert_eq!(bench.take_told(), [""; 0], "nothing after a refusal counts");
        bench.fin();
        assert_eq!(bench.done, Some(bench.now));
    }
}

// WS-05, WS-11, WS-15, WS-43
#[test]
fn a_server_takes_what_is_legal() {
    let cases = [
        request("Protocol: coap", "Protocol: foo, coap"),
        request("Protocol: coap", "Protocol: foo\r\nSec-WebSocket-Protocol: coap"),
        request("Connection: Upgrade", "connection: Keep-Alive, upgrade"),
        request("GET /", "GET http://localhost:8683/"),
        request("Version: 13", "Version: 13\r\nX-Unknown: yes"),
        request("Version: 13", "Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate"),
    ];
    for bytes in cases {
        let mut bench = acceptor(&bytes);
        assert_eq!(status(&bench.watch.head), 101, "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(field(&bench.watch.head, "sec-websocket-protocol"), "coap");
        let head = String::from_utf8(bench.watch.head.clone()).expect("a head is text");
        assert!(!head.to_ascii_lowercase().contains("extensions"), "{head}");
        assert_eq!(bench.take_said(), ["csm"]);
    }
}

// WS-07, WS-08, WS-09, WS-10, WS-13, WS-42
#[test]
fn a_client_fails_and_sends_no_frame() {
    let protocol = "Sec-WebSocket-Protocol: coap\r\n";
    let twice = format!("{protocol}{protocol}");
    let deflate = format!("{protocol}Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let cases: [(&str, Bench); 9] = [
        ("SubprotocolMissing", initiator(|head| head.replace(protocol, ""))),
        ("SubprotocolWrong", initiator(|head| head.replace(": coap", ": mqtt"))),
        ("SubprotocolRepeated", initiator(|head| head.replace(protocol, &twice))),
        ("AcceptWrong", initiator(|head| head.replace("Accept: ", "Accept: A"))),
        ("Extension", initiator(|head| head.replace(protocol, &deflate))),
        ("Status", initiator(|_| "HTTP/1.1 403 Forbidden\r\n\r\n".into())),
        ("302", initiator(|_| "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n".into())),
        ("Upgrade", initiator(|head| head.replace("Upgrade: websocket", "Upgrade: h2c"))),
        ("NotHttp", initiator(|_| "SSH-2.0-OpenSSH_9.2\r\n".into())),
    ];
    for (expected, mut bench) in cases {
        let told = bench.take_told();
        assert!(told.len() == 1 && told[0].contains(expected), "{expected}: {told:?}");
        assert!(
            bench.said.is_empty() && bench.written() == bench.watch.head.len() as u64,
            "{expected}"
        );
        bench.fin();
        assert!(bench.done.is_some(), "{expected}");
        assert_eq!(bench.engine().poll_timeout(), None, "{expected}");
    }
}

// WS-04, WS-43, WS-44
#[test]
fn an_application_that_is_asked_has_the_last_word() {
    let asked = || {
        let mut config = EngineConfig::new(Side::Acceptor);
        config.ask = true;
        let mut bench = Bench::with(config, uncounted);
        let csm = bench.from_peer(Frame::binary(hex("00e122048020")));
        let get = bench.from_peer(Frame::binary(hex("0101aa")));
        bench.feed(&[REQUEST.as_bytes(), &csm, &get].concat());
        // Nothing is said, and no more is read, until it has spoken.
        assert_eq!((bench.take_told(), bench.written()), (vec!["asked".into()], 0));
        assert!(!bench.interest().read && bench.interest() == bench.interest());
        bench
    };
    let head = || http::Request::new(()).into_parts().0;
    let mut bench = asked();
    let now = bench.now;
    bench.call(|engine| engine.admit(now, head()));
    bench.run();
    assert_eq!(status(&bench.watch.head), 101);
    assert_eq!(bench.take_told(), ["opened", "settings 1152", "request 0101aa"]);
    assert_eq!(bench.take_said(), ["csm", "0145aaff6f6b"]);

    let mut bench = asked();
    bench.call(|engine| engine.refuse(now, http::StatusCode::FORBIDDEN));
    bench.call(|engine| engine.admit(now, head()));
    bench.run();
    assert_eq!((status(&bench.watch.head), bench.said.len()), (403, 0));
    assert_eq!(bench.take_told().len(), 1);
    bench.fin();
    assert_eq!(bench.done, Some(now));

    let mut bench = asked();
    bench.pass(Duration::from_secs(11));
    assert_eq!((status(&bench.watch.head), bench.take_told().len()), (408, 1));
    bench.call(|engine| engine.admit(now, head()));
    bench.run();
    assert!(bench.engine().connection().is_none());
}

// WS-01
#[test]
fn a_stream_that_ends_within_the_handshake_is_told_once() {
    for side in [Side::Acceptor, Side::Initiator] {
        let bench = || {
            let mut bench = Bench::raw(side);
            bench.run();
            bench
        };
        let greeting = bench().greeting();
        for cut in 0..greeting.len() {
            for broken in [false, true] {
                let mut bench = bench();
                bench.feed(&greeting[..cut]);
                if broken {
                    bench.reset();
                } else {
                    bench.fin();
                }
                let told = bench.take_told();
                assert!(told.len() == 1 && told[0].contains("Closed"), "cut at {cut}: {told:?}");
                assert_eq!(bench.done, Some(bench.now), "cut at {cut}");
                assert!(!bench.interest().write, "cut at {cut}");
                bench.feed(&greeting[cut..]);
                bench.pass(Duration::from_secs(60));
                assert_eq!(bench.take_told(), [""; 0], "cut at {cut}");
            }
        }
    }
}

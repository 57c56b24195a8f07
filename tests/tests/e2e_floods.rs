//! Foreign peers that flood a real server, beside one that does not: nobody else notices, it
//! costs the server at most 512 KiB, and it is cut in time.

mod e2e_support;
mod flood_support;

use e2e_support::frame;
use flood_support::{Counted, Cut, MOST, PATIENCE, beside_a_canary, close_status, flood, open};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// One flood, its cost, and the status that it is closed with where it reads.
fn floods(reads: bool, piece: &[u8]) -> Cut {
    let server = Counted::start();
    let cut = beside_a_canary(server.port, || flood(&server, reads, piece));
    println!("cut after {:?}, {} bytes in, {} bytes of heap", cut.after, cut.written, cut.cost);
    assert!(cut.cost <= MOST, "{} bytes of heap", cut.cost);
    // Until the socket's buffers are full, it is none that does not read.
    assert!(cut.after < 8 * PATIENCE, "{:?}", cut.after);
    cut
}

fn closes(piece: &[u8], status: u16) {
    let cut = floods(true, &piece.repeat(64));
    assert_eq!(close_status(&cut.said), Some(status));
}

// T24
#[test]
fn t24_empty_messages() {
    closes(&frame(2, &[0, 0]), 1008);
}

// T25
#[test]
fn t25_websocket_pings_whose_pongs_are_not_read() {
    floods(false, &frame(9, &[7; 125]).repeat(64));
}

// T51
#[test]
fn t51_settings() {
    let alternating = [frame(2, &[0x00, 0xe1, 0x22, 0x04, 0x80]), frame(2, &[0x00, 0xe1])];
    closes(&alternating.concat(), 1008);
}

// T53: never cut for the Pings, but for not reading their Pongs.
#[test]
fn t53_pings_whose_pongs_are_not_read() {
    let cut = floods(false, &frame(2, &[0x08, 0xe2, 1, 2, 3, 4, 5, 6, 7, 8]).repeat(256));
    assert!(cut.after >= PATIENCE / 2, "{:?}", cut.after);
}

// T61
#[test]
fn t61_requests_whose_answers_are_not_read() {
    floods(false, &frame(2, b"\x01\x01\x07\xb4kilo").repeat(256));
}

// T61, T64: all with one token, over the cap answered 5.03.
#[test]
fn t61_requests_that_are_never_answered_and_not_read_either() {
    floods(false, &frame(2, b"\x01\x01\x07\xb5never").repeat(256));
}

// T65
#[test]
fn t65_responses_to_nothing() {
    closes(&frame(2, &[0x04, 0x45, 0xff, 0xff, 0xff, 0xfe]), 1008);
}

// T38: parsed lazily, and over the cap 4.00.
#[test]
fn t38_option_bombs() {
    let server = Counted::start();
    let mut bomb = vec![0x01, 0x01, 0x07, 0xb0];
    bomb.resize(6000, 0);
    let bombs = frame(2, &bomb).repeat(50);
    let cost = beside_a_canary(server.port, || {
        server.costs(|| {
            let mut stream = open(server.port);
            stream.write_all(&bombs).unwrap();
            let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
            // 4.00 with a token of one byte.
            while said.windows(3).filter(|three| *three == [0x01, 0x80, 0x07]).count() < 50 {
                let n = stream.read(&mut buffer).expect("each is answered");
                assert!(n > 0, "the connection lives");
                said.extend_from_slice(&buffer[..n]);
            }
        })
    });
    println!("{cost} bytes of heap");
    assert!(cost <= MOST / 4, "{cost} bytes of heap");
}

/// What an HTTP server says to a handshake with these fields, up to the end of the stream.
fn handshake(port: u16, host: &str, field: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = e2e_support::head(port, "/.well-known/coap");
    let head = head.replace(&format!("127.0.0.1:{port}"), host);
    stream.write_all(head.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n")).as_bytes()).unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    said
}

// T10, T11: refused one after the other, which leaves nothing behind.
#[test]
fn t10_t11_pages_and_names_from_elsewhere() {
    let server = Counted::start();
    let cost = beside_a_canary(server.port, || {
        server.costs(|| {
            for _ in 0..100 {
                let said = handshake(server.port, "localhost", "Origin: https://evil.example");
                assert!(
                    said.starts_with("HTTP/1.1 403 ") && said.contains("allow-origin"),
                    "{said}"
                );
                let said = handshake(server.port, "attacker.example", "X: y");
                assert!(said.starts_with("HTTP/1.1 403 ") && said.contains("public-uri"), "{said}");
            }
        })
    });
    println!("{cost} bytes of heap");
    assert!(cost <= MOST, "{cost} bytes of heap");
}

// T01, T02, T07: many handshakes that are begun and not ended.
#[test]
fn t07_half_open_handshakes() {
    let server = Counted::start();
    let cost = beside_a_canary(server.port, || {
        server.costs(|| {
            let begun: Vec<_> = (0..100)
                .map(|n| {
                    let mut stream =
                        std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
                    let head = e2e_support::head(server.port, "/.well-known/coap");
                    stream.write_all(&head.as_bytes()[..n]).unwrap();
                    stream
                })
                .collect();
            for mut stream in begun {
                stream.set_read_timeout(Some(4 * PATIENCE)).unwrap();
                let mut said = String::new();
                stream.read_to_string(&mut said).expect("it is cut");
                assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
            }
        })
    });
    println!("{} bytes of heap each", cost / 100);
    assert!(cost <= MOST, "{cost} bytes of heap");
}

// T21
#[test]
fn t21_fragments_without_end() {
    // A first frame without FIN, then continuations of one byte.
    let first = [0x02, 0x81, 0, 0, 0, 0, 0x01];
    let more = [0x00, 0x81, 0, 0, 0, 0, 0x01].repeat(1000);
    let cut = floods(true, &[&first[..], &more].concat());
    assert_eq!(close_status(&cut.said), Some(1008));
}

/// What the server says to `bytes` behind the CSM, up to the end of the stream.
fn answer(port: u16, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let mut stream = open(port);
    let start = Instant::now();
    stream.write_all(bytes).unwrap();
    stream.set_read_timeout(Some(4 * PATIENCE)).unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => said.extend_from_slice(&buffer[..n]),
            // A reset behind the last word.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("it is not cut: {error}"),
        }
    }
    (said, start.elapsed())
}

// T37, T44, T47, T49, T52: each is told why, by an Abort and 1002, while others are served.
#[test]
fn t37_t49_t52_messages_that_break_a_rule() {
    let server = Counted::start();
    let cases: [(&str, &[u8]); 6] = [
        ("a token of 13 bytes", b"\x0d\x01\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"),
        ("a length nibble", b"\x10\x01\xb0"),
        ("Max-Message-Size of 1", b"\x00\xe1\x21\x01"),
        ("a critical option in a CSM", b"\x00\xe1\x91\x01"),
        ("a critical option in a Ping", b"\x01\xe2\x07\x91\x01"),
        ("an option beyond the end", b"\x00\x01\xbe"),
    ];
    beside_a_canary(server.port, || {
        for (name, message) in cases {
            let (said, after) = answer(server.port, &frame(2, message));
            assert_eq!(close_status(&said), Some(1002), "{name}: {said:02x?}");
            assert!(said.windows(1).any(|byte| byte == [0xe5]), "{name}: no Abort");
            assert!(after < 2 * PATIENCE, "{name}: {after:?}");
        }
    });
}

// T46, T47: who never says its CSM, and who asks before it.
#[test]
fn t46_t47_no_settings_or_too_late() {
    let server = Counted::start();
    let port = server.port;
    beside_a_canary(port, || {
        for (message, least) in [(&b""[..], PATIENCE / 2), (b"\x01\x01\x07", Duration::ZERO)] {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            let head = e2e_support::head(port, "/.well-known/coap");
            let start = Instant::now();
            stream.write_all(head.as_bytes()).unwrap();
            if !message.is_empty() {
                stream.write_all(&frame(2, message)).unwrap();
            }
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said);
            let end = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            assert_eq!(close_status(&said[end..]), Some(1002), "{:02x?}", &said[end..]);
            assert!(start.elapsed() >= least && start.elapsed() < 4 * PATIENCE);
        }
    });
}

// T57: who releases and never closes is closed.
#[test]
fn t57_a_release_that_is_not_followed_by_a_close() {
    let server = Counted::start();
    beside_a_canary(server.port, || {
        let (said, after) = answer(server.port, &frame(2, &[0x00, 0xe4]));
        assert!(close_status(&said).is_some(), "{said:02x?}");
        assert!(after < 4 * PATIENCE, "{after:?}");
    });
}

// T78, T79: handlers that panic, and some that never return.
#[test]
fn t78_t79_handlers_that_panic_and_handlers_that_never_return() {
    let server = Counted::start();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // The panics of this test are no news.
        if info.payload().downcast_ref::<&str>() != Some(&"as it was told to") {
            hook(info);
        }
    }));
    beside_a_canary(server.port, || {
        let mut stream = open(server.port);
        stream.set_read_timeout(Some(4 * PATIENCE)).unwrap();
        for n in 0..50_u8 {
            stream.write_all(&frame(2, &[b"\x01\x01", &[n][..], b"\xb5panic"].concat())).unwrap();
            let never = [b"\x01\x01", &[n | 0x80][..], b"\xb5never"].concat();
            stream.write_all(&frame(2, &never)).unwrap();
        }
        let (mut panicked, mut given_up) = (0, 0);
        let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
        while panicked + given_up < 100 {
            let n = stream.read(&mut buffer).expect("every request is answered");
            assert!(n > 0, "the connection lives");
            said.extend_from_slice(&buffer[..n]);
            // 5.00 and 5.03 with a token of one byte.
            let count = |code| said.windows(2).filter(|two| *two == [0x01, code]).count();
            (panicked, given_up) = (count(0xa0), count(0xa3));
        }
        assert_eq!((panicked, given_up), (50, 50));
    });
}

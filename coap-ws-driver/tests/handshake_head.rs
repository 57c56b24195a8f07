//! Reading heads: limits at L and L+1 (T04, T05), linear work (T04, T06), what is no HTTP, and
//! nothing lost (WS-44).

mod handshake_support;

use coap_ws_driver::handshake::{HandshakeLimits, HeadError, HeadReader, Refusal, Smell};
use handshake_support::{FRAMES, REQUEST, RESPONSE, cuts, edit, read};
use http::{request, response};

type Requests = HeadReader<request::Parts>;
type Responses = HeadReader<response::Parts>;

fn limits(max_bytes: usize, max_headers: usize) -> HandshakeLimits {
    let mut limits = HandshakeLimits::default();
    limits.max_bytes = max_bytes;
    limits.max_headers = max_headers;
    limits
}

#[test]
fn defaults() {
    assert_eq!(HandshakeLimits::default(), limits(16 * 1024, 100));
}

#[test]
fn bytes_at_the_limit_and_one_more() {
    for length in [REQUEST.len(), 4096, 16 * 1024] {
        let filler = format!("coap\r\nCookie: {}\r\n\r\n", "x".repeat(length - REQUEST.len()));
        let text = edit(REQUEST, &[("coap\r\n\r\n", &filler)]);
        let head = if length == REQUEST.len() { REQUEST } else { &text[..] };
        for pieces in [vec![head.as_bytes()], head.as_bytes().chunks(1).collect()] {
            let mut fits = Requests::new(limits(head.len(), 100));
            let (taken, parts) = read(&mut fits, &pieces).expect("it fits");
            assert!(taken == head.len() && parts.is_some());

            let error = HeadError::TooLarge { max_bytes: head.len() - 1 };
            let mut short = Requests::new(limits(head.len() - 1, 100));
            assert_eq!(read(&mut short, &pieces).expect_err("too large"), error);
            assert_eq!(Refusal::from(error).status(), 431);
        }
    }
}

#[test]
fn header_lines_at_the_limit_and_one_more() {
    for count in [6, 7, 100] {
        let more: String = (6..count).map(|n| format!("X-{n}: y\r\n")).collect();
        let head = edit(REQUEST, &[("coap\r\n\r\n", &format!("coap\r\n{more}\r\n"))]);
        for pieces in [vec![head.as_bytes()], head.as_bytes().chunks(1).collect()] {
            let (_, parts) =
                read(&mut Requests::new(limits(16 * 1024, count)), &pieces).expect("it fits");
            assert_eq!(parts.expect("complete").headers.len(), count);

            let error = HeadError::TooManyHeaders { max_headers: count - 1 };
            let mut short = Requests::new(limits(16 * 1024, count - 1));
            assert_eq!(read(&mut short, &pieces).expect_err("too many"), error);
            assert_eq!(Refusal::from(error).status(), 431);
        }
    }
    // 2,000 lines are refused at the 101st (T05).
    let mut reader = Requests::default();
    let many =
        edit(REQUEST, &[("coap\r\n\r\n", &format!("coap\r\n{}\r\n", "a:\r\n".repeat(2000)))]);
    let error = read(&mut reader, &[many.as_bytes()]).expect_err("too many");
    assert_eq!(error, HeadError::TooManyHeaders { max_headers: 100 });
    assert!(reader.work() < 1000);
}

/// 20 MB in whatever pieces cost no more than the limit, and an honest head in single bytes costs
/// what it costs whole.
#[test]
fn work_is_linear() {
    for size in [1, 7, 1000, 100_000] {
        let mut reader = Requests::default();
        let piece = "x".repeat(size);
        let mut pushed = 0;
        let error = loop {
            pushed += size;
            match reader.push(piece.as_bytes()) {
                Ok(progress) => assert_eq!(progress.taken, size),
                Err(error) => break error,
            }
        };
        assert_eq!(error, HeadError::TooLarge { max_bytes: 16 * 1024 });
        assert!(pushed <= 16 * 1024 + size);
        for _ in 0..20_000_000 / 100_000 {
            assert_eq!(reader.push(&[b'x'; 100_000]).expect_err("still"), error);
        }
        assert_eq!(reader.work(), 16 * 1024);
    }
    let filler = format!("coap\r\n{}\r\n", "X-Filler: 0123456789012345678901234567\r\n".repeat(90));
    let head = edit(REQUEST, &[("coap\r\n\r\n", &filler)]);
    for size in [1, 2, 3, 100, head.len()] {
        let mut reader = Requests::default();
        let pieces: Vec<_> = head.as_bytes().chunks(size).collect();
        assert!(read(&mut reader, &pieces).expect("legal").1.is_some());
        assert!(reader.work() <= 4 * head.len() as u64, "{}", reader.work());
        assert_eq!(reader.work(), 3 * head.len() as u64);
    }
}

/// What is no HTTP is told by its first bytes.
#[test]
fn smells() {
    let requests: &[(&[u8], Smell)] = &[
        (b"\x16", Smell::Tls),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", Smell::Tls),
        (b"\x15\x03\x01", Smell::Tls),
        (b"\x00\xe1", Smell::CoapTcp),
        (b"\x50\xe1\x23\x10\x00\x00\x20", Smell::CoapTcp), // libcoap: the 0x50 is a `P`.
        (b"\x70\xe1", Smell::CoapTcp),
        (b"\xd0\x01\xe1", Smell::CoapTcp),
        (b"\x82\x82\x37\xfa\x21\x3d\x37\x1b", Smell::WebSocketFrame),
        (b"\x81", Smell::WebSocketFrame),
        (b"\x7f\x01", Smell::Unknown),
        (b"\xffabc", Smell::Unknown),
        (b"(GET", Smell::Unknown),
        (b"GET\0", Smell::Unknown),
    ];
    for (bytes, smell) in requests {
        for pieces in cuts(bytes) {
            let error = read(&mut Requests::default(), &pieces).expect_err("no HTTP");
            assert_eq!(error, HeadError::NotHttp(*smell), "{bytes:x?}");
        }
        assert_eq!(Refusal::from(HeadError::NotHttp(*smell)).status(), 400);
    }
    let responses: &[(&[u8], Smell)] = &[
        (b"\x15\x03\x03\x00\x02\x02\x46", Smell::Tls),
        (b"\x16\x03\x03", Smell::Tls),
        (b"\x00\xe1", Smell::CoapTcp),
        (b"\x82\x02\x00\xe1", Smell::WebSocketFrame),
        (b"SSH-2.0-OpenSSH_9.7", Smell::Unknown),
        (b"HTTP/2 200", Smell::Unknown),
        (b"ICY 200 OK", Smell::Unknown),
        (b"http/1.1 101", Smell::Unknown),
    ];
    for (bytes, smell) in responses {
        for pieces in cuts(bytes) {
            let error = read(&mut Responses::default(), &pieces).expect_err("no HTTP");
            assert_eq!(error, HeadError::NotHttp(*smell), "{bytes:x?}");
        }
    }
    let tls = HeadError::NotHttp(Smell::Tls).to_string();
    assert_eq!(tls, "this looks like TLS: is coaps+ws meant?");
}

/// A reader goes on with the next head, and leaves alone what follows it.
#[test]
fn heads_in_a_row() {
    let bytes = [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", RESPONSE.as_bytes(), FRAMES];
    let bytes = bytes.concat();
    let mut reader = Responses::default();
    let (first, early) = read(&mut reader, &[&bytes]).expect("legal");
    assert_eq!(early.expect("a head").status, 103);
    let (second, final_head) = read(&mut reader, &[&bytes[first..]]).expect("legal");
    assert_eq!(final_head.expect("a head").status, 101);
    assert_eq!(&bytes[first + second..], FRAMES);

    // Each begins anew, as HTTP or not.
    let error = reader.push(b"\x16\x03").expect_err("no HTTP");
    assert_eq!(error, HeadError::NotHttp(Smell::Tls));

    // Both count for the limits.
    let mut reader = Responses::new(limits(RESPONSE.len() + 10, 100));
    let (taken, _) = read(&mut reader, &[RESPONSE.as_bytes()]).expect("legal");
    assert_eq!(taken, RESPONSE.len());
    assert!(read(&mut reader, &[&RESPONSE.as_bytes()[..10]]).is_ok());
    assert!(read(&mut reader, &[b"x"]).is_err());
}

/// After an error no byte changes anything.
#[test]
fn errors_stay() {
    for wrong in ["GET / HTTP/1.1\n", "\x16", "GET  / HTTP/1.1\r\n\r\n", "GET /# HTTP/1.1\r\n\r\n"]
    {
        let mut reader = Requests::default();
        let error = reader.push(wrong.as_bytes()).expect_err(wrong);
        for _ in 0..2 {
            let work = reader.work();
            assert_eq!(reader.push(REQUEST.as_bytes()).expect_err(wrong), error);
            assert_eq!(reader.work(), work);
        }
    }
}

/// Nothing is asked of an empty read, and no limit is so small that it panics.
#[test]
fn corners() {
    let mut reader = Requests::default();
    let (taken, head) = read(&mut reader, &[b"", b"", b""]).expect("nothing");
    assert!(taken == 0 && head.is_none());
    assert!(read(&mut Requests::new(limits(0, 0)), &[b"G"]).is_err());
    let bare = b"GET / HTTP/1.1\r\n\r\n";
    assert!(read(&mut Requests::new(limits(bare.len(), 0)), &[bare]).expect("legal").1.is_some());
}

/// `Debug` shows no header: it may hold credentials.
#[test]
fn debug_is_silent() {
    let mut reader = Requests::default();
    let secret = b"GET /secret HTTP/1.1\r\nAuthorization: secret\r\n\r";
    let progress = reader.push(secret).expect("legal");
    assert!(!format!("{reader:?} {progress:?}").contains("secret"));
    let progress = reader.push(b"\n").expect("legal");
    assert_eq!(format!("{progress:?}"), "Progress { taken: 1, complete: true }");
}

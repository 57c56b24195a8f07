//! `-v`, `-vv`, `--timing`.

use crate::support::Served;

#[test]
fn v_shows_messages() {
    let server = Served::demo();
    let ran = server.ask(&["get", "-v"], "/hello").says("hello from coap-ws");
    for line in [
        "> 7.01 CSM  Max-Message-Size 66048  Block-Wise-Transfer",
        "< 7.01 CSM  Max-Message-Size 66048  Block-Wise-Transfer",
        "> GET  token ",
        "< 2.05 Content  token ",
        "> 7.04 Release",
    ] {
        assert!(ran.err.lines().any(|shown| shown.starts_with(line)), "{line}: {}", ran.err);
    }
}

#[test]
fn vv_shows_handshake_frames_and_bytes() {
    let server = Served::demo();
    let ran = server.ask(&["get", "-vv", "-H", "X-Test: 1"], "/hello").ends(0);
    for line in [
        "> GET /.well-known/coap HTTP/1.1",
        "> Sec-WebSocket-Protocol: coap",
        "> x-test: 1",
        "< HTTP/1.1 101 Switching Protocols",
        "    b5 68 65 6c 6c 6f  Uri-Path \"hello\" (11 = 0 + 11, length 5)",
        "< status 1000",
    ] {
        assert!(ran.err.lines().any(|shown| shown.starts_with(line)), "{line}: {}", ran.err);
    }
    assert!(ran.err.contains("  frame: binary, masked, 9 bytes"), "{}", ran.err);
    // A refusal is shown with its words.
    let ran = server.ask(&["get", "-vv", "-H", "Origin: http://evil.example"], "/hello").ends(3);
    assert!(ran.err.contains("< pages of origin http://evil.example may not"), "{}", ran.err);
}

#[test]
fn timing_shows_the_stages() {
    let server = Served::demo();
    let ran = server.ask(&["get", "--timing"], "/slow?ms=50").ends(0);
    let line = ran.err.lines().find(|line| line.starts_with("timing: ")).unwrap();
    for stage in ["name and TCP ", "handshake ", "answer ", "in all "] {
        assert!(line.contains(stage), "{line}");
    }
    let answer = line.split("answer ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(answer.parse::<f64>().unwrap() >= 50.0, "{line}");
}

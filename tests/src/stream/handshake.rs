//! The opening handshake, written by the tester.

use coap_ws_driver::handshake::sec_websocket_accept;

/// The request of a client that is as it should be.
pub const REQUEST: &str = "GET /.well-known/coap HTTP/1.1\r\n\
    Host: localhost:8683\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: coap\r\n\r\n";

/// The 101 that answers a client's request.
///
/// # Panics
///
/// Where the request has no key.
pub fn answer(request: &[u8]) -> Vec<u8> {
    let accept = sec_websocket_accept(field(request, "sec-websocket-key").as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: coap\r\n\r\n"
    )
    .into_bytes()
}

/// The value of a header field that is there once.
///
/// # Panics
///
/// Where it is not.
pub fn field(head: &[u8], name: &str) -> String {
    let head = std::str::from_utf8(head).expect("a head is text");
    let fields = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let mut values = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    let value = values.next().unwrap_or_else(|| panic!("no {name} in {head}")).1.to_owned();
    assert!(values.next().is_none(), "{name} twice in {head}");
    value
}

/// The status of an answer.
///
/// # Panics
///
/// Where it is none.
pub fn status(head: &[u8]) -> u16 {
    let text = std::str::from_utf8(head).expect("a head is text");
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line")
}

/// Where a head ends: behind its blank line.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

//! Peers that speak bytes, on plain threads: what misbehaves needs no runtime.

use coap_ws_driver::handshake::sec_websocket_accept;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A CSM without options.
pub(crate) const CSM: &[u8] = &[0x00, 0xe1];
/// A CSM with a Max-Message-Size of 66,048 bytes, which takes 64 KiB in one message.
pub(crate) const LARGE_CSM: &[u8] = &[0x00, 0xe1, 0x23, 0x01, 0x02, 0x00];
/// `GET /hello` with the token 07.
pub(crate) const GET_HELLO: &[u8] = b"\x01\x01\x07\xb5hello";

/// The opcode of a binary frame, and of a Close.
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;

/// A connection and what has come on it.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
}

/// Takes one connection on a thread of its own.
pub(crate) fn listen(script: impl FnOnce(Wire) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    std::thread::spawn(move || script(Wire::of(listener.accept().expect("somebody comes").0)));
    port
}

/// The request of an opening handshake.
pub(crate) fn head(port: u16, more: &str) -> String {
    format!(
        "GET /.well-known/coap HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// A client's frame, with a mask of zeros.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(opcode, 0x80, payload.len());
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A server's frame.
pub(crate) fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(opcode, 0, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn header(opcode: u8, mask: u8, len: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(len).expect("a short payload").to_be_bytes();
    match len {
        0..=125 => vec![0x80 | opcode, mask | low],
        _ => vec![0x80 | opcode, mask | 126, high, low],
    }
}

impl Wire {
    fn of(stream: TcpStream) -> Wire {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it can wait");
        Wire { stream, input: Vec::new() }
    }

    pub(crate) fn connect(port: u16) -> Wire {
        Wire::of(TcpStream::connect(("127.0.0.1", port)).expect("it listens"))
    }

    /// Connects and opens the WebSocket connection; nothing of CoAP is said yet.
    pub(crate) fn open(port: u16) -> Wire {
        let mut wire = Wire::connect(port);
        wire.send(head(port, "").as_bytes());
        assert!(wire.head().starts_with("HTTP/1.1 101 "));
        wire
    }

    /// As the server: takes the opening handshake; nothing of CoAP is said yet.
    pub(crate) fn accept(&mut self) {
        let head = self.head();
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = sec_websocket_accept(key.expect("it has a key").as_bytes());
        self.send(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Protocol: coap\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
    }

    /// Sends, as far as the peer still listens.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Whether more has come.
    fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let n = self.stream.read(&mut buffer).unwrap_or(0);
        self.input.extend_from_slice(&buffer[..n]);
        n > 0
    }

    /// The head of an HTTP message; what has come of it where the stream ends.
    pub(crate) fn head(&mut self) -> String {
        loop {
            let end = self.input.windows(4).position(|four| four == b"\r\n\r\n");
            if end.is_some() || !self.more() {
                let len = end.map_or(self.input.len(), |end| end + 4);
                let head = self.input.drain(..len).collect();
                return String::from_utf8(head).expect("ASCII");
            }
        }
    }

    /// The next frame's opcode and payload, `None` at the end of the stream.
    pub(crate) fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, payload, len)) = parse(&self.input) {
                self.input.drain(..len);
                return Some((opcode, payload));
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// Waits for a message with this code.
    pub(crate) fn message(&mut self, code: u8) -> Vec<u8> {
        loop {
            let (_, payload) = self.frame().expect("the message comes");
            if payload.get(1) == Some(&code) {
                return payload;
            }
        }
    }

    /// The status of the Close with which the connection ends.
    pub(crate) fn close_status(&mut self) -> u16 {
        loop {
            match self.frame().expect("a Close comes") {
                (CLOSE, payload) => return u16::from_be_bytes([payload[0], payload[1]]),
                _ => continue,
            }
        }
    }

    /// Reads to the end of the stream.
    pub(crate) fn rest(&mut self) -> String {
        while self.more() {}
        String::from_utf8_lossy(&self.input).into_owned()
    }
}

fn parse(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (len, mut start) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10),
        len => (usize::from(len), 2),
    };
    let mut mask = [0; 4];
    if second & 0x80 != 0 {
        mask.copy_from_slice(bytes.get(start..start + 4)?);
        start += 4;
    }
    let payload = bytes.get(start..start + len)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
    Some((first & 0x0f, payload.collect(), start + len))
}

/// A wire between client and server that can be cut.
pub(crate) struct Cable {
    pub(crate) port: u16,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    pub(crate) fn to(server: u16) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let ends: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let kept = Arc::clone(&ends);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.expect("a connection");
                let Ok(far) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
                    kept.lock().unwrap().push(clone(from));
                    let (mut from, mut to) = (clone(from), clone(to));
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Cable { port, ends }
    }

    /// Ends whatever goes through it; what connects later goes through again.
    pub(crate) fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

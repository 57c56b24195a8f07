//! A peer that speaks bytes.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A TCP connection and what has come on it.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
}

/// A frame of the server's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// The request of an opening handshake.
pub(crate) fn head(port: u16, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A client's frame with a mask of zeros.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A CSM without options.
pub(crate) const CSM: [u8; 2] = [0x00, 0xe1];

impl Raw {
    pub(crate) async fn connect(port: u16) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
        Raw { stream, input: Vec::new() }
    }

    /// Connects and opens the WebSocket connection; the CSM is sent.
    pub(crate) async fn open(port: u16) -> Raw {
        let mut raw = Raw::connect(port).await;
        raw.send(head(port, "/.well-known/coap").as_bytes()).await;
        let head = raw.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw.send(&frame(2, &CSM)).await;
        raw
    }

    /// Sends, as far as the peer still listens.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    async fn more(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.input).await
    }

    /// The head of an HTTP answer.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.input.drain(..end + 4).collect();
                return String::from_utf8(head).expect("ASCII");
            }
            assert!(self.more().await.expect("it answers") > 0, "it closes without a word");
        }
    }

    /// The next frame, `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, len)) = parse(&self.input) {
                self.input.drain(..len);
                return Some(frame);
            }
            match self.more().await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// All frames up to the end of the stream.
    pub(crate) async fn frames(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }

    /// Whatever comes, up to the end.
    pub(crate) async fn rest(&mut self) -> String {
        while matches!(self.more().await, Ok(1..)) {}
        String::from_utf8_lossy(&self.input).into_owned()
    }
}

fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (len, start) = match second {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10),
        len => (usize::from(len), 2),
    };
    let payload = bytes.get(start..start + len)?.to_vec();
    Some((Frame { opcode: first & 0x0f, payload }, start + len))
}

/// A CSM without options, as a client's frame.
pub(crate) const CSM_FRAME: &[u8] = b"\x82\x82\0\0\0\0\x00\xe1";

/// `GET /hello` with the token 07, as a client's frame.
pub(crate) const GET_HELLO: &[u8] = b"\x82\x89\0\0\0\0\x01\x01\x07\xb5hello";

//! Servers that misbehave: a listener whose one connection is a test's own.

use coap_ws_driver::handshake::{HeadReader, decide};
use coap_ws_driver::policy::Policy;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A CSM without options that say anything unusual.
pub(crate) const CSM: &[u8] = &[0x00, 0xe1, 0x22, 0x04, 0x80, 0x20];

/// Accepts one connection and does what it is told to; gives a short URI.
pub(crate) fn tcp(act: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        act(stream);
    });
    at
}

/// Reads the request of the opening handshake and answers with these bytes.
pub(crate) fn http(answer: &'static str) -> String {
    tcp(move |mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        // Whoever asked goes first: no reset takes the answer away.
        let _ = stream.read(&mut request);
    })
}

/// A WebSocket whose server side is a test's.
pub(crate) struct Socket(TcpStream);

/// Completes the opening handshake, then does what it is told to.
pub(crate) fn websocket(act: impl FnOnce(&mut Socket) + Send + 'static) -> String {
    tcp(move |mut stream| {
        let mut reader = HeadReader::<http::request::Parts>::default();
        let mut byte = [0];
        let head = loop {
            stream.read_exact(&mut byte).unwrap();
            if let Some(head) = reader.push(&byte).unwrap().head {
                break head;
            }
        };
        let accept = decide(&head, &Policy::default()).unwrap();
        stream.write_all(&accept.response_head()).unwrap();
        let mut socket = Socket(stream);
        act(&mut socket);
        socket.rest();
    })
}

impl Socket {
    /// Sends one binary message.
    pub(crate) fn send(&mut self, message: &[u8]) {
        let length = u8::try_from(message.len()).unwrap();
        assert!(length < 126);
        self.raw(&[&[0x82, length], message].concat());
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// The next message or control frame, unmasked.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let mut header = [0; 2];
        self.0.read_exact(&mut header).unwrap();
        let length = usize::from(header[1] & 0x7f);
        assert!(length < 126, "the tests send short messages");
        let (mut mask, mut payload) = ([0; 4], vec![0; length]);
        self.0.read_exact(&mut mask).unwrap();
        self.0.read_exact(&mut payload).unwrap();
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        payload
    }

    /// Says CSM, hears CSM and the first request; gives its token.
    pub(crate) fn asked(&mut self) -> Vec<u8> {
        self.send(CSM);
        assert_eq!(self.receive()[1], 0xe1, "the first message is a CSM");
        let request = self.receive();
        let length = usize::from(request[0] & 15);
        request[2..2 + length].to_vec()
    }

    /// Answers a request: code, options and payload as on the wire.
    pub(crate) fn answer(&mut self, token: &[u8], code: u8, rest: &[u8]) {
        let length = u8::try_from(token.len()).unwrap();
        self.send(&[&[length, code], token, rest].concat());
    }

    /// Ends the stream without a WebSocket Close.
    pub(crate) fn cut(&mut self) {
        self.0.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Reads until the other end closes.
    fn rest(&mut self) {
        let mut scratch = [0; 256];
        while matches!(self.0.read(&mut scratch), Ok(n) if n > 0) {}
    }
}

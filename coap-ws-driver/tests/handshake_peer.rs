//! Against another's handshake: tungstenite's client and server over a socket pair.

use coap_ws_driver::handshake::{ClientHandshake, HeadReader, decide};
use coap_ws_driver::policy::Policy;
use http::{HeaderMap, request};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use tungstenite::Message;
use tungstenite::handshake::server::{Request, Response};

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let initiator = TcpStream::connect(listener.local_addr()?)?;
    Ok((initiator, listener.accept()?.0))
}

/// An empty CSM from a server, unmasked.
const CSM: &[u8] = b"\x82\x02\x00\xe1";

#[test]
fn their_client() -> io::Result<()> {
    let (initiator, mut acceptor) = pair()?;
    let theirs = thread::spawn(move || {
        let request = http::Request::get("ws://localhost/.well-known/coap")
            .header("host", "localhost")
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-key", tungstenite::handshake::client::generate_key())
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", "coap")
            .body(())
            .expect("a request");
        let (mut socket, _) = tungstenite::client(request, initiator).expect("a handshake");
        socket.read().expect("a message")
    });
    let mut reader = HeadReader::<request::Parts>::default();
    let mut chunk = [0; 256];
    let head = loop {
        let count = acceptor.read(&mut chunk)?;
        assert!(count > 0, "closed");
        let progress = reader.push(&chunk[..count]).expect("a legal head");
        if let Some(head) = progress.head {
            break head;
        }
    };
    let accept = decide(&head, &Policy::default()).expect("a handshake");
    acceptor.write_all(&[&accept.response_head(), CSM].concat())?;
    assert_eq!(theirs.join().expect("no panic"), Message::binary(b"\x00\xe1".to_vec()));
    Ok(())
}

#[test]
fn their_server() -> io::Result<()> {
    let (mut initiator, acceptor) = pair()?;
    let theirs = thread::spawn(move || {
        #[allow(clippy::result_large_err)] // tungstenite's type.
        let choose = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/.well-known/coap");
            let offered = request.headers()["sec-websocket-protocol"].clone();
            response.headers_mut().insert("sec-websocket-protocol", offered);
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(acceptor, choose).expect("a handshake");
        socket.send(Message::binary(b"\x00\xe1".to_vec())).expect("sent");
    });
    let mut handshake = ClientHandshake::new("localhost", &HeaderMap::new()).expect("a host");
    initiator.write_all(handshake.request())?;
    let mut rest = Vec::new();
    loop {
        let mut chunk = [0; 256];
        let count = initiator.read(&mut chunk)?;
        let progress = handshake.handle_bytes(&chunk[..count]).expect("a handshake");
        rest.extend_from_slice(&chunk[progress.taken..count]);
        if progress.head.is_some() {
            break;
        }
        assert!(count > 0, "closed");
    }
    theirs.join().expect("no panic");
    initiator.read_to_end(&mut rest)?;
    assert_eq!(rest, CSM);
    Ok(())
}

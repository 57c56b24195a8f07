//! Handlers of `coap-handler-implementations` over a connection without a heap.

use coap_handler::Handler;
use coap_handler_implementations::{
    HandlerBuilder, ReportingHandlerBuilder, SimpleRendered, new_dispatcher,
};
use coap_message::{MinimalWritableMessage, MutableWritableMessage, ReadableMessage};
use coap_ws_core::block::{Block, BlockSize, More};
use coap_ws_core::message::{Code, OptionNumber, OwnedMessage, Request};
use coap_ws_core::{Config, Connection, Fixed, Incoming, Instant, RequestOptions, Side, Transmit};
use coap_ws_handler::{UNDERSTOOD, answer};

type Node = Connection<Fixed<1, 1, 1, 1024>>;

const NOW: Instant = Instant::ZERO;

fn long() -> &'static str {
    Box::leak((0..100).map(|n| format!("{n:04}\n")).collect::<String>().into_boxed_str())
}

fn tree() -> impl Handler {
    new_dispatcher()
        .at(&["hello"], SimpleRendered("world"))
        .at(&["long"], SimpleRendered(long()))
        .with_wkc()
}

/// What a client is answered whose peer serves `handler` with a buffer of so many bytes.
fn ask(handler: &mut impl Handler, request: &Request<'_>, room: usize) -> OwnedMessage {
    ask_with(handler, request, RequestOptions::default(), room)
}

fn ask_with(
    handler: &mut impl Handler,
    request: &Request<'_>,
    options: RequestOptions,
    room: usize,
) -> OwnedMessage {
    let mut config = Config::fixed(Side::Acceptor, 256);
    config.understood = UNDERSTOOD;
    let mut server = Node::new(config).unwrap();
    let mut config = Config::fixed(Side::Initiator, 256);
    config.understood = UNDERSTOOD;
    let mut client = Node::new(config).unwrap();
    client.request(NOW, request, options).unwrap();
    let mut buffer = vec![0; room];
    while let Some(Transmit::Message(bytes)) = client.poll_transmit() {
        if let Some(Incoming::Request { responder, message }) =
            server.handle_message(NOW, bytes).unwrap()
        {
            answer(handler, NOW, &mut server, responder, &message, &mut buffer).unwrap();
        }
    }
    assert_eq!(server.observers(), 0);
    while let Some(Transmit::Message(bytes)) = server.poll_transmit() {
        assert!(bytes.len() <= 256, "above what the peer takes");
        if let Some(Incoming::Response { message, .. }) = client.handle_message(NOW, bytes).unwrap()
        {
            return OwnedMessage::parse(message.as_bytes().to_vec().into()).unwrap();
        }
    }
    panic!("no answer");
}

// TOK-01, CODE-08
#[test]
fn a_tree_of_handlers_answers_by_path() {
    let mut tree = tree();
    let hello = ask(&mut tree, &Request::get().segment("hello"), 256);
    assert_eq!((hello.view().code(), hello.view().payload()), (Code::CONTENT, &b"world"[..]));
    let links = ask(&mut tree, &Request::get().segment(".well-known").segment("core"), 256);
    assert_eq!(links.view().code(), Code::CONTENT);
    assert!(String::from_utf8_lossy(links.view().payload()).contains("</hello>"));
    for (request, code) in [
        (Request::get().segment("nothing"), Code::NOT_FOUND),
        (Request::delete().segment("hello"), Code::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(ask(&mut tree, &request, 256).view().code(), code);
    }
}

// BLK-07, CSM-18: the handler cuts what does not fit into the peer's messages
#[test]
fn a_long_representation_comes_in_blocks() {
    let mut tree = tree();
    let (mut body, mut at) = (Vec::new(), Block::first(BlockSize::B1024));
    loop {
        let request = Request::get().segment("long").uint(OptionNumber::BLOCK2, at.to_uint());
        let answer = ask(&mut tree, &request, 256);
        assert_eq!(answer.view().code(), Code::CONTENT);
        body.extend_from_slice(answer.view().payload());
        let block = Block::of(&answer.view(), OptionNumber::BLOCK2).unwrap();
        assert!(block.size() < BlockSize::B256, "with its options it would be above 256 bytes");
        if !block.more().is_set() {
            break;
        }
        at = Block::at(body.len() as u64, More::No, block.size()).unwrap();
    }
    assert_eq!(body, long().as_bytes());
}

// OBS-02: a plain answer says no
#[test]
fn a_registration_gets_a_plain_answer() {
    let options = RequestOptions::default().observe();
    let hello = ask_with(&mut tree(), &Request::get().segment("hello"), options, 256);
    assert_eq!((hello.view().payload(), hello.view().observe()), (&b"world"[..], None));
}

/// Writes a code that is none of a response's, or more than fits.
struct Wrong(u8, usize);

impl Handler for Wrong {
    type RequestData = ();
    type ExtractRequestError = core::convert::Infallible;
    type BuildResponseError<M: MinimalWritableMessage> = M::UnionError;

    fn extract_request_data<M: ReadableMessage>(
        &mut self,
        _: &M,
    ) -> Result<(), Self::ExtractRequestError> {
        Ok(())
    }

    fn estimate_length(&mut self, (): &()) -> usize {
        self.1
    }

    fn build_response<M: MutableWritableMessage>(
        &mut self,
        response: &mut M,
        (): (),
    ) -> Result<(), Self::BuildResponseError<M>> {
        use coap_message::Code as _;
        response.set_code(M::Code::new(self.0)?);
        response.set_payload(&vec![b'x'; self.1])?;
        Ok(())
    }
}

// CODE-02, CSM-16
#[test]
fn a_handler_that_is_wrong_is_answered_for() {
    let get = Request::get();
    // A request's code, and a signal's.
    for code in [0x01, 0xe2] {
        assert_eq!(ask(&mut Wrong(code, 1), &get, 256).view().code(), Code::INTERNAL_SERVER_ERROR);
    }
    // What fits to the byte, and one byte more: header 2, marker 1.
    assert_eq!(ask(&mut Wrong(0x45, 97), &get, 100).view().payload().len(), 97);
    assert_eq!(ask(&mut Wrong(0x45, 98), &get, 100).view().code(), Code::INTERNAL_SERVER_ERROR);
    // No buffer at all is an answer too.
    for room in 0..3 {
        let code = ask(&mut Wrong(0x45, 1), &get, room).view().code();
        assert_eq!(code, Code::INTERNAL_SERVER_ERROR, "{room}");
    }
}

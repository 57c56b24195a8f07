//! Notifications: what is told to an observer when one message does not hold it.

use super::{Bodies, Inbound, Peer};
use crate::engine::EngineConfig;
use crate::response::Response;
use coap_ws_core::Instant;
use coap_ws_core::block::{Bert, Block};
use coap_ws_core::message::{OptionNumber, OwnedMessage, Request, encode_message};

const BLOCK2: OptionNumber = OptionNumber::BLOCK2;
const NOW: Instant = Instant::ZERO;

fn message(request: &Request<'_>) -> OwnedMessage {
    let mut bytes = vec![0; encode_message(&mut [], &[1, 2], request).unwrap()];
    encode_message(&mut bytes, &[1, 2], request).unwrap();
    OwnedMessage::parse(bytes.into()).unwrap()
}

fn bodies() -> Bodies {
    Bodies::new(EngineConfig::new(coap_ws_core::Side::Acceptor).into())
}

fn peer(max_send: u32) -> Peer {
    Peer { max_send, bert: Bert::Accepted }
}

fn said(response: &Response) -> String {
    response.block(BLOCK2).map_or("-".into(), |block: Block| block.to_string())
}

fn registration() -> Request<'static> {
    Request::get().segment("x").uint(OptionNumber::OBSERVE, 0)
}

/// The size of a notification: with the token and an Observe option of three bytes.
fn size(response: &Response) -> usize {
    let observed = response.clone().option(OptionNumber::OBSERVE, vec![1, 2, 3]);
    encode_message(&mut [], &[1, 2], &observed).unwrap()
}

// BLK-19
#[test]
fn a_large_notification_is_its_first_block_and_the_rest_is_asked_for_plainly() {
    let mut bodies = bodies();
    let state = Response::content(vec![7; 5000]).etag(vec![1]);
    let first = bodies.first_block(NOW, &message(&registration()), &state, peer(1152));
    assert_eq!(said(&first), "0/1/1024");
    assert!(size(&first) <= 1152);
    // Without Observe, and it is of the same state.
    let next = Request::get().segment("x").uint(BLOCK2, 0x16);
    let Inbound::Answer(answer, Some(asked)) = bodies.receive(NOW, message(&next), peer(1152))
    else {
        panic!("it is kept");
    };
    assert_eq!(said(&bodies.cut(NOW, &asked, &answer, peer(1152))), "1/1/1024");
    let small =
        bodies.first_block(NOW, &message(&registration()), &Response::content("x"), peer(1152));
    assert_eq!(said(&small), "-", "what fits goes whole");
}

// BLK-19
#[test]
fn a_notification_fits_with_its_observe_option_whatever_the_peer_takes() {
    for max in 64..600 {
        let mut bodies = bodies();
        let state = Response::content(vec![7; 700]);
        let first = bodies.first_block(NOW, &message(&registration()), &state, peer(max));
        assert!(size(&first) <= max as usize, "{} above {max}", size(&first));
        assert!(first.code().is_success(), "{max}");
    }
}

// BLK-23
#[test]
fn the_size_of_the_registration_is_the_limit_of_all_notifications() {
    let mut bodies = bodies();
    let state = Response::content(vec![7; 200]);
    // Block 0 of 64 bytes; and a number that observes no single block.
    for block in [0x02, 0x32] {
        let registration = message(&registration().uint(BLOCK2, block));
        let first = bodies.first_block(NOW, &registration, &state, peer(1152));
        assert_eq!((said(&first).as_str(), first.body().len()), ("0/1/64", 64));
    }
}

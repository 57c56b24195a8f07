//! Large bodies of requests of the server and of the page's answers.

mod support;

use coap_ws_core::block::{Block, BlockSize, More};
use coap_ws_core::message::{Code, Message, OptionNumber, Request};
use coap_ws_web::{Options, Outcome, Settings};
use support::{World, bytes};

fn serving() -> World {
    let mut settings = Settings::default();
    settings.serves = true;
    settings.max_request_body = 5000;
    World::open(settings)
}

/// Sends one block of a PUT, and gives the code of the answer.
fn put(world: &mut World, body: &[u8], num: u32, more: More) -> Code {
    let block = Block::new(num, more, BlockSize::B1024).unwrap();
    let at = num as usize * 1024;
    let end = body.len().min(at + 1024);
    let request =
        Request::put(&body[at..end]).segment("up").uint(OptionNumber::BLOCK1, block.to_uint());
    let now = world.now;
    world.server().get(now, &request);
    world.run();
    world.server().answers.pop().map_or(Code::EMPTY, |(code, _)| code)
}

// BLK-12, BLK-13, BLK-15
#[test]
fn the_body_of_a_request_is_put_together_up_to_a_limit() {
    let mut world = serving();
    let body = bytes(5000);
    for num in 0..4 {
        assert_eq!(put(&mut world, &body, num, More::Yes), Code::CONTINUE);
    }
    assert_eq!(put(&mut world, &body, 4, More::No), Code::EMPTY);
    let Outcome::Request { id, request } = world.outcomes.remove(0) else { panic!() };
    assert!(request.body == body);
    assert_eq!(request.options.get(OptionNumber::BLOCK1), None);
    world.session.respond(world.now, id, Code::CHANGED, Options::default(), Default::default());
    world.run();
    let (code, message) = world.server().answers.remove(0);
    let block = Block::of(&Message::parse(&message).unwrap(), OptionNumber::BLOCK1);
    assert_eq!((code, block.unwrap().num()), (Code::CHANGED, 4));

    // One byte above.
    let body = bytes(5001);
    for num in 0..4 {
        assert_eq!(put(&mut world, &body, num, More::Yes), Code::CONTINUE);
    }
    assert_eq!(put(&mut world, &body, 4, More::No), Code::REQUEST_ENTITY_TOO_LARGE);
    // A gap.
    assert_eq!(put(&mut world, &body, 0, More::Yes), Code::CONTINUE);
    assert_eq!(put(&mut world, &body, 2, More::Yes), Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(world.outcomes, []);
}

// BLK-07, BLK-09
#[test]
fn a_large_answer_is_cut_and_the_handler_runs_once() {
    let mut world = serving();
    let body = bytes(200_000);
    let now = world.now;
    world.server().get(now, &Request::get().segment("down"));
    world.run();
    let Outcome::Request { id, .. } = world.outcomes.remove(0) else { panic!() };
    world.session.respond(now, id, Code::CONTENT, Options::default(), body.clone().into());
    world.run();
    let mut got = Vec::new();
    let mut tag = None;
    loop {
        let (_, bytes) = world.server().answers.remove(0);
        let message = Message::parse(&bytes).unwrap();
        let block = Block::of(&message, OptionNumber::BLOCK2).unwrap();
        assert_eq!(block.offset(), got.len() as u64);
        got.extend_from_slice(message.payload());
        let etag = message.option(OptionNumber::ETAG).unwrap().to_vec();
        assert_eq!(*tag.get_or_insert_with(|| etag.clone()), etag);
        if !block.more().is_set() {
            break;
        }
        let next = Block::at(got.len() as u64, More::No, block.size()).unwrap();
        let request = Request::get().segment("down").uint(OptionNumber::BLOCK2, next.to_uint());
        world.server().get(now, &request);
        world.run();
    }
    assert!(got == body);
    assert_eq!(world.outcomes, []);
}

//! The peer's requests with large bodies: put together for the handler.

mod driver_support;

use coap_ws_core::message::{Code, ContentFormat, OptionNumber, Request as Draft};
use coap_ws_core::{ExchangeId, Side};
use coap_ws_driver::engine::EngineConfig;
use coap_ws_driver::{Request, Response, Router};
use driver_support::blocks::{block, far, pattern, said};
use driver_support::{Rig, config};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const BLOCK1: OptionNumber = OptionNumber::BLOCK1;
const SECOND: Duration = Duration::from_secs(1);

/// What handlers have seen: each body.
type Bodies = Arc<Mutex<Vec<Vec<u8>>>>;

fn app() -> (Router, Bodies) {
    let bodies = Bodies::default();
    let log = Arc::clone(&bodies);
    let keep = move |request: Request| {
        log.lock().unwrap().push(request.body().to_vec());
        assert!(request.view().option(BLOCK1).is_none(), "a handler sees no blocks");
        std::future::ready(Code::CHANGED)
    };
    (Router::new().put("/x", keep.clone()).put("/y", keep), bodies)
}

fn rig_with(near: EngineConfig, max_message_size: u32) -> (Rig<Router>, Bodies) {
    let (app, bodies) = app();
    (Rig::new(near, far(Side::Initiator, max_message_size), app).opened(), bodies)
}

fn rig() -> (Rig<Router>, Bodies) {
    rig_with(config(Side::Acceptor), 66_048)
}

fn draft<'a>(path: &'a str, text: &str, payload: &'a [u8]) -> Draft<'a> {
    Draft::put(payload).segment(path).uint(BLOCK1, block(text).to_uint())
}

/// The answer to one request: its code, what it says of Block1 and Size1.
fn told(rig: &mut Rig<Router>, request: &Draft<'_>) -> (Code, String, Option<u32>) {
    let id: ExchangeId = rig.far.request(request);
    rig.run();
    let answers = std::mem::take(&mut rig.far.responses);
    let answer = answers.into_iter().find(|(other, _)| *other == id).expect("it is answered").1;
    (answer.view().code(), said(&answer, BLOCK1), answer.view().uint(OptionNumber::SIZE1))
}

fn code(rig: &mut Rig<Router>, path: &str, text: &str, payload: &[u8]) -> Code {
    told(rig, &draft(path, text, payload)).0
}

const CONTINUE: Code = Code::CONTINUE;
const CHANGED: Code = Code::CHANGED;
const INCOMPLETE: Code = Code::REQUEST_ENTITY_INCOMPLETE;
const TOO_LARGE: Code = Code::REQUEST_ENTITY_TOO_LARGE;

// BLK-12, BLK-24
#[test]
fn a_handler_sees_one_whole_request() {
    let (mut rig, bodies) = rig();
    let body = pattern(40);
    let first = draft("x", "0/1/16", &body[..16]).content_format(ContentFormat::CBOR);
    assert_eq!(told(&mut rig, &first), (CONTINUE, "0/1/16".into(), None));
    assert!(bodies.lock().unwrap().is_empty(), "not before it is complete");
    let second = draft("x", "1/1/16", &body[16..32]).content_format(ContentFormat::CBOR);
    assert_eq!(told(&mut rig, &second), (CONTINUE, "1/1/16".into(), None));
    let last = draft("x", "2/0/16", &body[32..]).content_format(ContentFormat::CBOR);
    assert_eq!(told(&mut rig, &last), (CHANGED, "2/0/16".into(), None));
    assert_eq!(*bodies.lock().unwrap(), [pattern(40)]);
}

#[test]
fn bodies_of_one_block_and_of_none_are_whole_too() {
    let (mut rig, bodies) = rig();
    assert_eq!(code(&mut rig, "x", "0/0/16", &pattern(9)), CHANGED);
    assert_eq!(code(&mut rig, "x", "0/0/64", &[]), CHANGED);
    assert_eq!(code(&mut rig, "x", "0/1/16", &pattern(16)), CONTINUE);
    assert_eq!(code(&mut rig, "x", "1/0/16", &[]), CHANGED);
    assert_eq!(*bodies.lock().unwrap(), [pattern(9), vec![], pattern(16)]);
}

// BERT-01, BERT-02, BERT-04, BERT-08
#[test]
fn bert_blocks_are_as_many_as_they_are_made_of() {
    let (mut rig, bodies) = rig();
    let body = pattern(12_903);
    let first = told(&mut rig, &draft("x", "0/1/BERT", &body[..3072]));
    assert_eq!(first, (CONTINUE, "0/1/BERT".into(), None));
    let second = told(&mut rig, &draft("x", "3/1/BERT", &body[3072..8192]));
    assert_eq!(second.1, "3/1/BERT", "the request's number, not the last block's");
    assert_eq!(code(&mut rig, "x", "8/0/BERT", &body[8192..]), CHANGED);
    assert_eq!(*bodies.lock().unwrap(), [body]);
}

// BERT-02, T77
#[test]
fn a_bert_block_that_is_no_multiple_of_1024_is_4_00() {
    let (mut rig, bodies) = rig();
    for len in [0, 1, 1023, 1025, 1500] {
        assert_eq!(code(&mut rig, "x", "0/1/BERT", &pattern(len)), Code::BAD_REQUEST, "{len}");
    }
    assert!(bodies.lock().unwrap().is_empty());
    assert!(rig.far.closed.is_none());
}

// BLK-04, T75
#[test]
fn szx_7_is_4_00_where_bert_is_switched_off() {
    let mut near = config(Side::Acceptor);
    near.block_wise.bert = false;
    let (mut rig, _) = rig_with(near, 66_048);
    assert_eq!(code(&mut rig, "x", "0/1/BERT", &pattern(1024)), Code::BAD_REQUEST);
    let get = Draft::get().segment("x").uint(OptionNumber::BLOCK2, 7);
    assert_eq!(told(&mut rig, &get).0, Code::BAD_REQUEST);
}

// BERT-13
#[test]
fn szx_7_is_taken_though_we_have_not_offered_it_and_answered_with_6() {
    let mut near = config(Side::Acceptor);
    near.connection.limits.max_message_size = 1152;
    let (mut rig, bodies) = rig_with(near, 66_048);
    let told = told(&mut rig, &draft("x", "0/1/BERT", &pattern(1024)));
    assert_eq!(told, (CONTINUE, "0/1/1024".into(), None));
    assert_eq!(code(&mut rig, "x", "1/0/1024", b"x"), CHANGED);
    assert_eq!(bodies.lock().unwrap()[0].len(), 1025);
}

// BLK-05, T73
#[test]
fn a_block_of_another_length_than_its_size_is_4_00_and_ends_the_body() {
    let (mut rig, bodies) = rig();
    assert_eq!(code(&mut rig, "x", "0/1/16", &pattern(16)), CONTINUE);
    assert_eq!(code(&mut rig, "x", "1/1/16", &pattern(15)), Code::BAD_REQUEST);
    assert_eq!(code(&mut rig, "x", "2/0/16", &pattern(1)), INCOMPLETE);
    assert!(bodies.lock().unwrap().is_empty());
}

// BLK-13, T73
#[test]
fn a_gap_a_repetition_and_a_beginning_in_the_middle_are_4_08() {
    let (mut rig, bodies) = rig();
    assert_eq!(code(&mut rig, "x", "1/0/16", &pattern(9)), INCOMPLETE);
    for wrong in ["2/1/16", "3/0/16"] {
        assert_eq!(code(&mut rig, "x", "0/1/16", &pattern(16)), CONTINUE);
        assert_eq!(code(&mut rig, "x", wrong, &pattern(16)), INCOMPLETE, "{wrong}");
    }
    assert_eq!(code(&mut rig, "x", "0/1/16", &pattern(16)), CONTINUE);
    assert_eq!(code(&mut rig, "x", "1/1/16", &pattern(16)), CONTINUE);
    assert_eq!(code(&mut rig, "x", "1/1/16", &pattern(16)), INCOMPLETE, "once more");
    assert!(bodies.lock().unwrap().is_empty());
}

// T73
#[test]
fn the_size_may_change_in_the_middle_at_the_same_byte() {
    let (mut rig, bodies) = rig();
    let body = pattern(80);
    assert_eq!(code(&mut rig, "x", "0/1/64", &body[..64]), CONTINUE);
    assert_eq!(code(&mut rig, "x", "4/0/16", &body[64..]), CHANGED);
    assert_eq!(*bodies.lock().unwrap(), [body]);
}

// BLK-17
#[test]
fn a_first_block_begins_anew() {
    let (mut rig, bodies) = rig();
    assert_eq!(code(&mut rig, "x", "0/1/16", &[1; 16]), CONTINUE);
    assert_eq!(code(&mut rig, "x", "0/1/16", &[2; 16]), CONTINUE);
    assert_eq!(code(&mut rig, "x", "1/0/16", &[3]), CHANGED);
    let expected = [&[2; 16][..], &[3]].concat();
    assert_eq!(*bodies.lock().unwrap(), [expected]);
}

// BLK-14
#[test]
fn another_content_format_in_the_middle_is_4_08() {
    let (mut rig, bodies) = rig();
    let first = draft("x", "0/1/16", &[1; 16]).content_format(ContentFormat::CBOR);
    assert_eq!(told(&mut rig, &first).0, CONTINUE);
    let other = draft("x", "1/0/16", b"x").content_format(ContentFormat::JSON);
    assert_eq!(told(&mut rig, &other).0, INCOMPLETE);
    assert!(bodies.lock().unwrap().is_empty());
}

// BLK-20
#[test]
fn if_none_match_counts_as_the_first_block_has_it() {
    let seen: Arc<Mutex<Vec<bool>>> = Arc::default();
    let log = Arc::clone(&seen);
    let app = Router::new().put("/x", move |request: Request| {
        let has = request.view().option(OptionNumber::IF_NONE_MATCH).is_some();
        log.lock().unwrap().push(has);
        std::future::ready(Code::CREATED)
    });
    let mut rig = Rig::new(config(Side::Acceptor), far(Side::Initiator, 1152), app).opened();
    let first = draft("x", "0/1/16", &[1; 16]).option(OptionNumber::IF_NONE_MATCH, &[]);
    assert_eq!(told(&mut rig, &first).0, CONTINUE);
    assert_eq!(code(&mut rig, "x", "1/0/16", b"x"), Code::CREATED);
    assert_eq!(*seen.lock().unwrap(), [true]);
}

// T74, BLK-17
#[test]
fn bodies_of_different_operations_are_never_mixed() {
    let (mut rig, bodies) = rig();
    // Of the same path, by Request-Tag: none, an empty one, and two values; and another path.
    let tags: [Option<&[u8]>; 4] = [None, Some(b""), Some(b"1"), Some(b"2")];
    let of = |text: &str, tag: Option<&'static [u8]>, payload: &'static [u8]| {
        let draft = draft("x", text, payload);
        match tag {
            Some(tag) => draft.option(OptionNumber::REQUEST_TAG, tag),
            None => draft,
        }
    };
    const FILL: [[u8; 16]; 4] = [[0; 16], [1; 16], [2; 16], [3; 16]];
    for (tag, fill) in tags.into_iter().zip(&FILL) {
        assert_eq!(told(&mut rig, &of("0/1/16", tag, fill)).0, CONTINUE);
    }
    for (tag, fill) in tags.into_iter().zip(&FILL).rev() {
        assert_eq!(told(&mut rig, &of("1/0/16", tag, &fill[..1])).0, CHANGED);
    }
    assert_eq!(code(&mut rig, "y", "1/0/16", b"x"), INCOMPLETE, "another path");
    let expected: Vec<_> = FILL.iter().rev().map(|fill| vec![fill[0]; 17]).collect();
    assert_eq!(*bodies.lock().unwrap(), expected);
}

fn limited(bytes: u64) -> EngineConfig {
    let mut near = config(Side::Acceptor);
    near.block_wise.max_request_body = bytes;
    near
}

// BLK-15, BLK-21, T73
#[test]
fn a_body_of_the_limit_is_taken_and_one_byte_more_is_4_13_with_the_limit() {
    let (mut rig, bodies) = rig_with(limited(40), 66_048);
    for (last, told) in
        [(8, (CHANGED, "2/0/16".to_owned(), None)), (9, (TOO_LARGE, "-".into(), Some(40)))]
    {
        assert_eq!(code(&mut rig, "x", "0/1/16", &pattern(16)), CONTINUE);
        assert_eq!(code(&mut rig, "x", "1/1/16", &pattern(16)), CONTINUE);
        assert_eq!(self::told(&mut rig, &draft("x", "2/0/16", &pattern(last))), told);
    }
    assert_eq!(bodies.lock().unwrap().len(), 1);
    // What is announced is refused at once, and a lie buys nothing.
    let lie = draft("x", "0/1/16", &[0; 16]).uint(OptionNumber::SIZE1, u32::MAX);
    assert_eq!(told(&mut rig, &lie), (TOO_LARGE, "-".into(), Some(40)));
    let honest = draft("x", "0/1/16", &[0; 16]).uint(OptionNumber::SIZE1, 40);
    assert_eq!(told(&mut rig, &honest).0, CONTINUE);
    assert_eq!(EngineConfig::new(Side::Acceptor).block_wise.max_request_body, 1 << 20);
}

// T72
#[test]
fn the_fifth_body_at_a_time_drops_the_oldest_of_its_connection() {
    let (mut rig, bodies) = rig();
    let tagged =
        |text: &str, tag: u32| draft("x", text, &[7; 16]).uint(OptionNumber::REQUEST_TAG, tag);
    for tag in 1..=4 {
        assert_eq!(told(&mut rig, &tagged("0/1/16", tag)).0, CONTINUE);
    }
    // One that goes on is not the oldest any more.
    assert_eq!(told(&mut rig, &tagged("1/1/16", 1)).0, CONTINUE);
    assert_eq!(told(&mut rig, &tagged("0/1/16", 5)).0, CONTINUE);
    assert_eq!(told(&mut rig, &tagged("1/0/16", 2)).0, INCOMPLETE);
    for (tag, last) in [(1, "2/0/16"), (3, "1/0/16"), (4, "1/0/16"), (5, "1/0/16")] {
        assert_eq!(told(&mut rig, &tagged(last, tag)).0, CHANGED, "{tag}");
    }
    assert_eq!(bodies.lock().unwrap().len(), 4);
}

// T72
#[test]
fn the_memory_of_a_connection_is_limited_and_the_oldest_gives_way() {
    let mut near = config(Side::Acceptor);
    near.block_wise.memory = 6000;
    let (mut rig, _) = rig_with(near, 66_048);
    let tagged = |text: &str, tag: u32, payload: &'static [u8]| {
        draft("x", text, payload).uint(OptionNumber::REQUEST_TAG, tag)
    };
    static BODY: [u8; 2048] = [1; 2048];
    assert_eq!(told(&mut rig, &tagged("0/1/BERT", 1, &BODY)).0, CONTINUE);
    assert_eq!(told(&mut rig, &tagged("0/1/BERT", 2, &BODY)).0, CONTINUE);
    assert_eq!(told(&mut rig, &tagged("0/1/BERT", 3, &BODY)).0, CONTINUE);
    assert_eq!(told(&mut rig, &tagged("2/0/BERT", 1, b"x")).0, INCOMPLETE);
    assert_eq!(told(&mut rig, &tagged("2/0/BERT", 3, b"x")).0, CHANGED);
    // More than there is for all: refused, and the connection lives.
    static LARGE: [u8; 8192] = [1; 8192];
    assert_eq!(told(&mut rig, &tagged("0/1/BERT", 4, &LARGE)).0, Code::SERVICE_UNAVAILABLE);
    assert_eq!(code(&mut rig, "x", "0/0/16", b"x"), CHANGED);
}

// BLK-16, T72
#[test]
fn a_body_that_does_not_go_on_is_dropped_after_a_minute() {
    for (wait, outcome) in [(59, CHANGED), (61, INCOMPLETE)] {
        let (mut rig, _) = rig();
        assert_eq!(code(&mut rig, "x", "0/1/16", &pattern(16)), CONTINUE);
        rig.advance(50 * SECOND);
        assert_eq!(code(&mut rig, "x", "1/1/16", &pattern(16)), CONTINUE, "each block counts");
        rig.advance(wait * SECOND);
        assert_eq!(code(&mut rig, "x", "2/0/16", b"x"), outcome, "{wait} s");
    }
}

// BLK-01, BERT-12
#[test]
fn switched_off_and_q_block_are_4_02() {
    let mut near = config(Side::Acceptor);
    near.block_wise = false.into();
    let (mut off, bodies) = rig_with(near, 66_048);
    assert_eq!(code(&mut off, "x", "0/1/16", &pattern(16)), Code::BAD_OPTION);
    let get = Draft::get().segment("x").uint(OptionNumber::BLOCK2, 6);
    assert_eq!(told(&mut off, &get).0, Code::BAD_OPTION);
    let (mut on, _) = rig();
    for number in [OptionNumber::Q_BLOCK1, OptionNumber::Q_BLOCK2] {
        let request = Draft::put(b"x").segment("x").uint(number, 6);
        assert_eq!(told(&mut on, &request).0, Code::BAD_OPTION);
    }
    assert!(bodies.lock().unwrap().is_empty());
}

// BLK-11
#[test]
fn a_preferred_size_is_told_with_the_first_block() {
    let mut near = config(Side::Acceptor);
    near.block_wise.size = coap_ws_core::block::BlockSize::B64;
    let (mut rig, bodies) = rig_with(near, 66_048);
    let first = told(&mut rig, &draft("x", "0/1/1024", &pattern(1024)));
    assert_eq!(first, (CONTINUE, "0/1/64".into(), None));
    assert_eq!(code(&mut rig, "x", "16/0/64", b"x"), CHANGED);
    assert_eq!(bodies.lock().unwrap()[0].len(), 1025);
}

#[test]
fn a_route_may_take_the_blocks_as_they_come() {
    let blocks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&blocks);
    let app = Router::new().put("/x", async || Code::CHANGED).in_blocks("/sink").put(
        "/sink",
        move |request: Request| {
            count.fetch_add(1, Ordering::Relaxed);
            let block = coap_ws_core::block::Block::of(&request.view(), BLOCK1).unwrap();
            let value = driver_support::blocks::uint(block.to_uint());
            std::future::ready(Response::new(Code::CONTINUE).option(BLOCK1, value))
        },
    );
    let mut rig = Rig::new(config(Side::Acceptor), far(Side::Initiator, 1152), app).opened();
    let told = told(&mut rig, &draft("sink", "7/1/16", &[1; 16]));
    assert_eq!(told, (CONTINUE, "7/1/16".into(), None));
    assert_eq!(blocks.load(Ordering::Relaxed), 1);
    assert_eq!(code(&mut rig, "x", "7/1/16", &[1; 16]), INCOMPLETE, "the others as ever");
}

// BERT-10
#[test]
fn what_we_announce_suits_bert() {
    let size = EngineConfig::new(Side::Acceptor).connection.limits.max_message_size;
    assert_eq!(size / 1024, 64);
    assert!((256..1024).contains(&(size % 1024)), "and a few hundred bytes for the options");
}

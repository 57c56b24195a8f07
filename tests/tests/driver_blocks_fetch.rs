//! Large answers to our requests: fetched block by block and put together.

mod driver_support;

use coap_ws_core::block::{Block, BlockError, BlockSize};
use coap_ws_core::message::{Code, ContentFormat, OptionNumber, OwnedMessage};
use coap_ws_core::{ResponseError, Side};
use coap_ws_driver::engine::{BlockWise, EngineConfig};
use coap_ws_driver::{Error, ErrorKind, NoHandler, Response};
use driver_support::blocks::{Seen, blocks, far, pattern, said, seen, uint, with};
use driver_support::{Rig, Task, config};
use std::sync::{Arc, Mutex};

const BLOCK2: OptionNumber = OptionNumber::BLOCK2;

fn rig(near: EngineConfig, max_message_size: u32) -> Rig<NoHandler> {
    Rig::new(near, far(Side::Acceptor, max_message_size), NoHandler).opened()
}

fn near(block_wise: impl Into<BlockWise>) -> EngineConfig {
    let mut config = config(Side::Initiator);
    config.block_wise = block_wise.into();
    config
}

fn answers(
    rig: &mut Rig<NoHandler>,
    mut answer: impl FnMut(usize, &OwnedMessage) -> Response + 'static,
) -> Seen {
    let seen = seen();
    let log = Seen::clone(&seen);
    rig.far.answers(move |message| {
        let index = log.borrow().len();
        log.borrow_mut().push(message.clone());
        Some(answer(index, message))
    });
    seen
}

/// The block that is asked for, of this body, in blocks of at most `size` bytes.
fn part(message: &OwnedMessage, body: &[u8], size: BlockSize) -> Response {
    let asked = Block::of(&message.view(), BLOCK2).unwrap_or(Block::first(size));
    let unit = asked.size().min(size).bytes() as usize;
    let start = asked.offset() as usize;
    let end = (start + unit).min(body.len());
    let more = u8::from(end < body.len());
    let response = Response::content(body[start..end].to_vec());
    with(response, BLOCK2, &format!("{}/{more}/{unit}", start / unit))
}

fn get(rig: &mut Rig<NoHandler>) -> Result<Response, Error> {
    let request = rig.remote.get("/large?x=1").accept(ContentFormat::CBOR);
    rig.finish(request.send())
}

fn block_error(outcome: Result<Response, Error>) -> BlockError {
    match outcome.unwrap_err().kind() {
        ErrorKind::Block(error) => *error,
        other => panic!("{other:?}"),
    }
}

// BLK-07, BLK-08
#[test]
fn the_rest_is_asked_for_with_the_same_options_and_put_together() {
    let mut rig = rig(near(true), 1152);
    let seen = answers(&mut rig, |_, message| {
        let response = part(message, &pattern(300), BlockSize::B128).etag(vec![1]).max_age(7);
        response.option(OptionNumber::SIZE2, uint(300))
    });
    let whole = get(&mut rig).unwrap();
    assert_eq!(whole.body(), &pattern(300));
    assert_eq!(whole.option_uint(OptionNumber::MAX_AGE), Some(7));
    assert_eq!((whole.option_value(BLOCK2), whole.option_value(OptionNumber::SIZE2)), (None, None));
    assert_eq!(blocks(&seen, BLOCK2), ["-", "1/0/128", "2/0/128"]);
    let seen = seen.borrow();
    for message in seen.iter() {
        let view = message.view();
        assert_eq!(view.accept(), Some(ContentFormat::CBOR));
        assert_eq!(view.option(OptionNumber::URI_QUERY), Some(&b"x=1"[..]));
    }
    assert_ne!(seen[0].view().token(), seen[1].view().token());
}

// BLK-07, BLK-22
#[test]
fn a_preferred_size_is_asked_for_at_once_and_a_smaller_one_is_obeyed() {
    let mut rig = rig(near(BlockSize::B64), 1152);
    let seen = answers(&mut rig, |index, message| {
        let size = if index < 2 { BlockSize::B64 } else { BlockSize::B16 };
        part(message, &pattern(180), size)
    });
    assert_eq!(get(&mut rig).unwrap().body(), &pattern(180));
    let asked = blocks(&seen, BLOCK2);
    assert_eq!(asked[..4], ["0/0/64", "1/0/64", "2/0/64", "9/0/16"]);
}

// BLK-09, T76
#[test]
fn a_representation_that_changes_is_fetched_anew_at_most_twice() {
    for changes in 0..=3_usize {
        let mut rig = rig(near(true), 1152);
        let mut left = changes;
        let seen = answers(&mut rig, move |_, message| {
            let second = said(message, BLOCK2).starts_with("1/");
            left = left.saturating_sub(usize::from(second));
            // After the first block it is another one, as often as that.
            let state = (changes - left) as u8;
            part(message, &pattern(40), BlockSize::B16).etag(vec![state + 1])
        });
        let outcome = get(&mut rig);
        match changes {
            0..=2 => assert_eq!(outcome.unwrap().body(), &pattern(40)),
            _ => assert_eq!(block_error(outcome), BlockError::EtagChanged),
        }
        let firsts = blocks(&seen, BLOCK2).iter().filter(|b| b.starts_with('0')).count();
        assert_eq!(firsts, changes.min(2), "as often it was asked for from the start again");
    }
}

// T76
#[test]
fn what_is_not_repeatable_is_not_repeated_for_a_changed_answer() {
    let mut rig = rig(near(true), 1152);
    let seen = answers(&mut rig, |index, message| {
        part(message, &pattern(40), BlockSize::B16).etag(vec![index as u8 + 1])
    });
    let request = rig.remote.post("/large").body("x");
    let outcome = rig.finish(request.send());
    assert_eq!(block_error(outcome), BlockError::EtagChanged);
    assert_eq!(seen.borrow().len(), 2);
}

// T76
#[test]
fn another_block_than_the_one_that_was_asked_for_is_an_error() {
    let mut rig = rig(near(true), 1152);
    answers(&mut rig, |_, _| with(Response::content(pattern(16)), BLOCK2, "0/1/16"));
    assert_eq!(block_error(get(&mut rig)), BlockError::WrongNumber);
}

// BLK-05, T76
#[test]
fn a_block_that_is_too_short_is_an_error() {
    let mut rig = rig(near(true), 1152);
    answers(&mut rig, |_, _| with(Response::content(pattern(15)), BLOCK2, "0/1/16"));
    assert_eq!(block_error(get(&mut rig)), BlockError::Malformed);
}

// T76
#[test]
fn an_answer_that_never_ends_does_at_the_limit_and_one_of_that_size_does_not() {
    let limited = || {
        let mut config = near(true);
        config.block_wise.max_response_body = 160;
        config
    };
    let mut at = rig(limited(), 1152);
    answers(&mut at, |_, message| part(message, &pattern(160), BlockSize::B16));
    assert_eq!(get(&mut at).unwrap().body().len(), 160);
    let mut above = rig(limited(), 1152);
    let seen = answers(&mut above, |index, _| {
        with(Response::content(pattern(16)), BLOCK2, &format!("{index}/1/16"))
    });
    assert_eq!(block_error(get(&mut above)), BlockError::TooLarge { limit: 160 });
    assert_eq!(seen.borrow().len(), 11);
}

// BERT-03, BERT-04
#[test]
fn bert_blocks_of_any_length_are_put_together() {
    let mut rig = rig(near(true), 66_048);
    let body = pattern(12_903);
    let cuts = [0_usize, 3072, 8192, 12_903];
    let whole = body.clone();
    let seen = answers(&mut rig, move |index, _| {
        let (start, end) = (cuts[index], cuts[index + 1]);
        let more = u8::from(index < 2);
        let response = Response::content(whole[start..end].to_vec());
        with(response, BLOCK2, &format!("{}/{more}/BERT", start / 1024))
    });
    assert_eq!(get(&mut rig).unwrap().body(), &body);
    assert_eq!(blocks(&seen, BLOCK2), ["-", "3/0/BERT", "8/0/BERT"]);
}

// BLK-04
#[test]
fn szx_7_fails_the_transfer_where_bert_is_switched_off() {
    let mut config = near(true);
    config.block_wise.bert = false;
    let mut rig = rig(config, 66_048);
    answers(&mut rig, |_, _| with(Response::content(pattern(1024)), BLOCK2, "0/1/BERT"));
    assert_eq!(block_error(get(&mut rig)), BlockError::Malformed);
}

// BLK-01, CSM-18
#[test]
fn switched_off_a_block_is_a_critical_option_that_is_not_understood() {
    let mut rig = rig(near(false), 1152);
    let seen = answers(&mut rig, |_, message| part(message, &pattern(40), BlockSize::B16));
    let error = get(&mut rig).unwrap_err();
    let unusable = ErrorKind::Unusable(ResponseError::CriticalOption(BLOCK2));
    assert_eq!(format!("{:?}", error.kind()), format!("{unusable:?}"));
    assert_eq!(seen.borrow().len(), 1);
}

#[test]
fn an_error_in_the_middle_is_the_answer() {
    let mut rig = rig(near(true), 1152);
    answers(&mut rig, |index, message| match index {
        0 => part(message, &pattern(40), BlockSize::B16),
        _ => Response::error(Code::NOT_FOUND, "gone"),
    });
    assert_eq!(get(&mut rig).unwrap().code(), Code::NOT_FOUND);
}

// BLK-18
#[test]
fn after_a_body_in_blocks_its_answer_comes_in_blocks() {
    let mut rig = rig(near(true), 1152);
    let seen = answers(&mut rig, |_, message| {
        let block1 = said(message, OptionNumber::BLOCK1);
        if block1.contains("/1/") {
            return with(Response::new(Code::CONTINUE), OptionNumber::BLOCK1, &block1);
        }
        let response = part(message, &pattern(40), BlockSize::B16);
        match block1.as_str() {
            "-" => response,
            block1 => with(response, OptionNumber::BLOCK1, block1),
        }
    });
    let request = rig.remote.post("/large").body(pattern(2000));
    assert_eq!(rig.finish(request.send()).unwrap().body(), &pattern(40));
    assert_eq!(blocks(&seen, OptionNumber::BLOCK1), ["0/1/1024", "1/0/1024", "-", "-"]);
    assert_eq!(blocks(&seen, BLOCK2), ["-", "-", "1/0/16", "2/0/16"]);
    let seen = seen.borrow();
    assert!(seen[2].payload().is_empty());
    let tag = |m: &OwnedMessage| m.view().option(OptionNumber::REQUEST_TAG).map(<[u8]>::to_vec);
    assert_eq!(tag(&seen[3]), tag(&seen[0]), "it is the same operation");
}

// BLK-18
#[test]
fn a_dropped_fetch_asks_for_no_more() {
    let mut rig = rig(near(true), 1152);
    let mut task = Task::new(rig.remote.get("/large").send());
    task.run(100);
    rig.run();
    rig.far.respond_next(&with(Response::content(pattern(16)), BLOCK2, "0/1/16"));
    rig.run();
    task.run(100);
    rig.run();
    assert_eq!(rig.far.requests.len(), 1);
    task.drop_it();
    rig.far.respond_next(&with(Response::content(pattern(16)), BLOCK2, "1/1/16"));
    rig.run();
    assert!(rig.far.requests.is_empty());
}

#[test]
fn a_streamed_answer_gives_block_by_block_and_asks_only_when_it_is_read() {
    let mut rig = rig(near(true), 1152);
    let seen = answers(&mut rig, |_, message| {
        let response = part(message, &pattern(40), BlockSize::B16).etag(vec![1]);
        response.option(OptionNumber::SIZE2, uint(40))
    });
    let told: Arc<Mutex<Vec<_>>> = Arc::default();
    let log = Arc::clone(&told);
    let request = rig.remote.get("/large");
    let request = request.progress(move |p| log.lock().unwrap().push((p.received, p.to_receive)));
    let mut response = rig.finish(request.send_streaming()).unwrap();
    assert_eq!(response.size(), Some(40));
    assert_eq!(response.head().option_value(OptionNumber::ETAG).map(|e| e.to_vec()), Some(vec![1]));
    rig.run();
    assert_eq!(seen.borrow().len(), 1, "no more than what was asked for");
    let mut body = Vec::new();
    while let Some(chunk) = rig.finish(response.chunk()).unwrap() {
        assert!(chunk.len() <= 16);
        body.extend_from_slice(&chunk);
    }
    assert_eq!(body, pattern(40));
    assert_eq!(response.read(), 40);
    assert_eq!(*told.lock().unwrap(), [(16, Some(40)), (32, Some(40)), (40, Some(40))]);
}

// BLK-09
#[test]
fn a_streamed_answer_that_changes_is_an_error_at_once() {
    let mut rig = rig(near(true), 1152);
    answers(&mut rig, |index, message| {
        part(message, &pattern(40), BlockSize::B16).etag(vec![index as u8 + 1])
    });
    let mut response = rig.finish(rig.remote.get("/large").send_streaming()).unwrap();
    assert_eq!(rig.finish(response.chunk()).unwrap().unwrap().len(), 16);
    let error = rig.finish(response.chunk()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Block(BlockError::EtagChanged)), "{error}");
    assert!(rig.finish(response.chunk()).unwrap().is_none());
}

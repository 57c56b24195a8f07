//! Our requests with large bodies: what goes over the wire, block by block.

mod driver_support;

use coap_ws_core::block::{BlockError, BlockSize};
use coap_ws_core::message::{Code, ContentFormat, OptionNumber, OwnedMessage};
use coap_ws_core::{SendError, Sent, Side};
use coap_ws_driver::engine::EngineConfig;
use coap_ws_driver::{Error, ErrorKind, NoHandler, Response};
use driver_support::blocks::{Seen, block, blocks, far, pattern, seen, uint, with};
use driver_support::{Rig, Task, config};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const BLOCK1: OptionNumber = OptionNumber::BLOCK1;
const SECOND: Duration = Duration::from_secs(1);

fn rig(near: EngineConfig, far: EngineConfig) -> Rig<NoHandler> {
    Rig::new(near, far, NoHandler).opened()
}

fn to(max_message_size: u32) -> Rig<NoHandler> {
    rig(config(Side::Initiator), far(Side::Acceptor, max_message_size))
}

/// A far end that takes every block, and says 2.04 to the last.
fn takes(rig: &mut Rig<NoHandler>) -> Seen {
    answers(rig, |_, message| {
        let block = coap_ws_core::block::Block::of(&message.view(), BLOCK1)?;
        let code = if block.more().is_set() { Code::CONTINUE } else { Code::CHANGED };
        Some(with(Response::new(code), BLOCK1, &block.to_string()))
    })
}

/// A far end that answers by the number of the request; `None` is 2.04.
fn answers(
    rig: &mut Rig<NoHandler>,
    mut answer: impl FnMut(usize, &OwnedMessage) -> Option<Response> + 'static,
) -> Seen {
    let seen = seen();
    let log = Seen::clone(&seen);
    rig.far.answers(move |message| {
        let index = log.borrow().len();
        log.borrow_mut().push(message.clone());
        Some(answer(index, message).unwrap_or_else(|| Response::new(Code::CHANGED)))
    });
    seen
}

fn put(rig: &mut Rig<NoHandler>, body: Vec<u8>) -> Result<Response, Error> {
    let request = rig.remote.put("/large").body(body).content_format(ContentFormat::OCTET_STREAM);
    rig.finish(request.send())
}

/// The body that the blocks make.
fn joined(seen: &Seen) -> Vec<u8> {
    seen.borrow().iter().flat_map(|message| message.payload().to_vec()).collect()
}

// CSM-18, BLK-08, BLK-20, BLK-21, BLK-24, FMT-28
#[test]
fn a_large_body_goes_block_by_block() {
    let mut rig = to(1152);
    let seen = takes(&mut rig);
    let request = rig.remote.put("/large").body(pattern(2500)).if_none_match();
    let answer = rig.finish(request.content_format(ContentFormat::CBOR).send()).unwrap();
    assert_eq!(answer.code(), Code::CHANGED);
    assert_eq!(answer.option_value(BLOCK1), None, "the caller sees no blocks");
    assert_eq!(blocks(&seen, BLOCK1), ["0/1/1024", "1/1/1024", "2/0/1024"]);
    assert_eq!(joined(&seen), pattern(2500));
    let seen = seen.borrow();
    let tag = |m: &OwnedMessage| m.view().option(OptionNumber::REQUEST_TAG).map(<[u8]>::to_vec);
    for (index, message) in seen.iter().enumerate() {
        let view = message.view();
        assert_eq!(view.content_format(), Some(ContentFormat::CBOR), "in every block");
        let first = index == 0;
        assert_eq!(view.option(OptionNumber::IF_NONE_MATCH).is_some(), first);
        assert_eq!(view.uint(OptionNumber::SIZE1), first.then_some(2500));
        assert!(view.as_bytes().len() <= 1152);
        assert!(tag(message).is_some() && tag(message) == tag(&seen[0]));
    }
    let tokens: Vec<_> = seen.iter().map(|message| message.view().token().to_vec()).collect();
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "each is its own exchange");
}

// BLK-17
#[test]
fn two_bodies_for_one_resource_have_tags_of_their_own() {
    let mut rig = to(1152);
    let seen = takes(&mut rig);
    let one = rig.remote.put("/large").body(pattern(2000)).send();
    let two = rig.remote.put("/large").body(pattern(3000)).send();
    let both = rig.finish(futures_util::future::join(one, two));
    both.0.unwrap();
    both.1.unwrap();
    let tag = |m: &OwnedMessage| m.view().option(OptionNumber::REQUEST_TAG).map(<[u8]>::to_vec);
    let seen = seen.borrow();
    let first: Vec<_> = seen.iter().filter(|m| tag(m) == tag(&seen[0])).collect();
    let len =
        |messages: &[&OwnedMessage]| messages.iter().map(|m| m.payload().len()).sum::<usize>();
    assert_eq!((first.len(), len(&first)), (2, 2000));
    assert_eq!(seen.len(), 5);
}

// BERT-06, BERT-07, CSM-22, FMT-28
#[test]
fn both_csms_make_it_bert_and_every_message_fits() {
    for max in [1153, 2304, 4096, 66_048] {
        let mut rig = to(max);
        let seen = takes(&mut rig);
        put(&mut rig, pattern(200_000)).unwrap();
        assert_eq!(joined(&seen), pattern(200_000));
        let seen = seen.borrow();
        let largest = seen.iter().map(|m| m.view().as_bytes().len()).max().unwrap();
        assert!(largest <= max as usize, "{largest} above {max}");
        assert!(largest + 1024 > max as usize, "{largest}: no larger block would fit into {max}");
        let first = driver_support::blocks::said(&seen[0], BLOCK1);
        assert_eq!(first, "0/1/BERT", "{max}");
    }
}

// CSM-22, BERT-06
#[test]
fn exactly_1152_is_not_bert_and_below_it_blocks_shrink() {
    for (max, size) in [(1152, "0/1/1024"), (600, "0/1/512"), (100, "0/1/64"), (64, "0/1/32")] {
        let mut rig = to(max);
        let seen = takes(&mut rig);
        put(&mut rig, pattern(3000)).unwrap();
        assert_eq!(blocks(&seen, BLOCK1)[0], size, "{max}");
        assert_eq!(joined(&seen), pattern(3000));
        assert!(seen.borrow().iter().all(|m| m.view().as_bytes().len() <= max as usize));
    }
}

// BLK-11, BERT-09
#[test]
fn a_smaller_size_in_an_answer_is_followed_at_the_same_byte() {
    let mut rig = to(66_048);
    let seen = answers(&mut rig, |index, message| {
        let said = driver_support::blocks::said(message, BLOCK1);
        Some(match index {
            0 => with(Response::new(Code::CONTINUE), BLOCK1, "0/1/512"),
            _ if said.contains("/1/") => with(Response::new(Code::CONTINUE), BLOCK1, &said),
            _ => with(Response::new(Code::CHANGED), BLOCK1, &said),
        })
    });
    put(&mut rig, pattern(67_000)).unwrap();
    let blocks = blocks(&seen, BLOCK1);
    let first = seen.borrow()[0].payload().len();
    assert_eq!(blocks[0], "0/1/BERT");
    assert_eq!(blocks[1], format!("{}/1/512", first / 512));
    assert_eq!(joined(&seen), pattern(67_000));
}

// BLK-15
#[test]
fn a_4_13_with_a_smaller_size_starts_again_with_it() {
    let mut rig = to(1152);
    let seen = answers(&mut rig, |index, message| {
        let said = driver_support::blocks::said(message, BLOCK1);
        Some(match index {
            0 => with(Response::new(Code::REQUEST_ENTITY_TOO_LARGE), BLOCK1, "0/1/256"),
            _ if said.contains("/1/") => with(Response::new(Code::CONTINUE), BLOCK1, &said),
            _ => with(Response::new(Code::CHANGED), BLOCK1, &said),
        })
    });
    assert_eq!(put(&mut rig, pattern(1300)).unwrap().code(), Code::CHANGED);
    let sizes = ["0/1/1024", "0/1/256", "1/1/256", "2/1/256", "3/1/256", "4/1/256", "5/0/256"];
    assert_eq!(blocks(&seen, BLOCK1), sizes);
}

// BLK-15
#[test]
fn a_4_13_without_a_hint_is_the_answer() {
    let mut rig = to(1152);
    let seen = answers(&mut rig, |_, _| Some(Response::new(Code::REQUEST_ENTITY_TOO_LARGE)));
    let answer = put(&mut rig, pattern(1300)).unwrap();
    assert_eq!(answer.code(), Code::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(seen.borrow().len(), 1);
}

// BLK-15
#[test]
fn a_4_13_to_a_whole_body_is_a_hint_to_try_blocks_once() {
    for (size1, asked) in [(None, 3), (Some(100), 1), (Some(10_000), 3)] {
        let mut rig = to(66_048);
        let seen = answers(&mut rig, move |_, message| {
            let said = driver_support::blocks::said(message, BLOCK1);
            let refusal = Response::new(Code::REQUEST_ENTITY_TOO_LARGE);
            Some(match (said.as_str(), size1) {
                ("-", Some(size)) => refusal.option(OptionNumber::SIZE1, uint(size)),
                ("-", None) => refusal,
                (said, _) if said.contains("/1/") => {
                    with(Response::new(Code::CONTINUE), BLOCK1, said)
                }
                (said, _) => with(Response::new(Code::CHANGED), BLOCK1, said),
            })
        });
        put(&mut rig, pattern(2000)).unwrap();
        assert_eq!(seen.borrow().len(), asked, "Size1 {size1:?}");
    }
}

// BLK-13
#[test]
fn a_4_08_is_answered_with_the_whole_body_once_more_and_the_second_is_final() {
    let mut rig = to(1152);
    let seen = answers(&mut rig, |index, message| {
        let said = driver_support::blocks::said(message, BLOCK1);
        Some(match index {
            1 | 3 => Response::new(Code::REQUEST_ENTITY_INCOMPLETE),
            _ => with(Response::new(Code::CONTINUE), BLOCK1, &said),
        })
    });
    let answer = put(&mut rig, pattern(3000)).unwrap();
    assert_eq!(answer.code(), Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(blocks(&seen, BLOCK1), ["0/1/1024", "1/1/1024", "0/1/1024", "1/1/1024"]);
}

// NR-16
#[test]
fn no_response_does_not_go_with_more_than_one_block() {
    let mut rig = to(1152);
    let seen = takes(&mut rig);
    let request = rig.remote.put("/large").body(pattern(2000)).no_response(2);
    let error = rig.finish(request.send()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Block(BlockError::NoResponse)), "{error}");
    assert_eq!(error.sent(), Sent::No);
    assert!(seen.borrow().is_empty());
    let request = rig.remote.put("/large").body(pattern(1000)).no_response(8);
    rig.finish(request.send()).unwrap();
    assert_eq!(blocks(&seen, BLOCK1), ["-"], "one message may have it");
}

/// A CSM of the peer with this Max-Message-Size, as its frame.
fn lower(rig: &mut Rig<NoHandler>, max: u16) {
    let [high, low] = max.to_be_bytes();
    rig.wire.borrow_mut().give(&[0x82, 5, 0x00, 0xe1, 0x22, high, low]);
    rig.run();
}

// T50, BERT-11, CSM-22
#[test]
fn a_lowered_limit_holds_from_the_next_block_on() {
    let mut rig = to(4096);
    let mut task = Task::new(rig.remote.put("/large").body(pattern(10_000)).send());
    let mut log = Vec::new();
    let mut received = Vec::new();
    for round in 0.. {
        task.run(1000);
        rig.run();
        if task.is_done() {
            break;
        }
        let Some((_, message)) = rig.far.requests.first() else { continue };
        let said = driver_support::blocks::said(message, BLOCK1);
        received.extend_from_slice(&message.payload());
        log.push((said.clone(), message.view().as_bytes().len()));
        match log.len() {
            1 => lower(&mut rig, 1152),
            2 => lower(&mut rig, 600),
            _ => {}
        }
        let code = if said.contains("/1/") { Code::CONTINUE } else { Code::CHANGED };
        rig.far.respond_next(&with(Response::new(code), BLOCK1, &said));
        rig.run();
        assert!(round < 100, "{log:?}");
    }
    assert_eq!(task.output.unwrap().unwrap().code(), Code::CHANGED);
    assert_eq!(received, pattern(10_000));
    assert_eq!(log[0].0, "0/1/BERT");
    assert_eq!(log[1].0, "3/1/1024", "BERT is off, the byte is the same");
    assert_eq!(log[2].0, "8/1/512");
    assert!(log[1].1 <= 1152 && log[2..].iter().all(|(_, size)| *size <= 600), "{log:?}");
}

// T50
#[test]
fn a_block_that_waits_to_be_sent_obeys_a_limit_that_was_lowered_meanwhile() {
    let mut rig = to(4096);
    let seen = takes(&mut rig);
    // Cut for 4096, and not handed to the connection yet.
    let mut task = Task::new(rig.remote.put("/large").body(pattern(10_000)).send());
    task.run(100);
    lower(&mut rig, 600);
    while !task.is_done() {
        task.run(100);
        rig.run();
    }
    task.output.unwrap().unwrap();
    assert_eq!(joined(&seen).len(), 10_000);
    let late = seen.borrow().iter().skip(1).all(|m| m.view().as_bytes().len() <= 600);
    assert!(late, "{:?}", blocks(&seen, BLOCK1));
}

// BERT-06, CSM-05
#[test]
fn a_body_that_is_asked_for_before_the_csm_waits_for_it() {
    let mut near = config(Side::Initiator);
    // Too large for any message, so that it is cut at once.
    near.connection.limits.max_send_size = 8192;
    let mut rig = Rig::new(near, far(Side::Acceptor, 66_048), NoHandler);
    let seen = takes(&mut rig);
    let request = rig.remote.put("/large").body(pattern(20_000)).send();
    rig.finish(request).unwrap();
    assert_eq!(blocks(&seen, BLOCK1)[0], "0/1/BERT");
    assert!(seen.borrow().iter().all(|m| m.view().as_bytes().len() <= 8192));
}

// CSM-18
#[test]
fn switched_off_the_error_is_that_it_is_too_large() {
    let mut near = config(Side::Initiator);
    near.block_wise = false.into();
    let mut rig = rig(near, far(Side::Acceptor, 1152));
    let seen = takes(&mut rig);
    let error = put(&mut rig, pattern(2000)).unwrap_err();
    let too_large =
        matches!(error.kind(), ErrorKind::Send(SendError::TooLarge { limit: 1152, .. }));
    assert!(too_large, "{error}");
    assert!(seen.borrow().is_empty());
}

// CSM-18
#[test]
fn where_not_even_sixteen_bytes_fit_the_error_says_so() {
    let mut rig = to(64);
    let request = rig.remote.put(&format!("/{}", "long".repeat(12))).body(pattern(100));
    let error = rig.finish(request.send()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Block(BlockError::NoRoom)), "{error}");
    assert_eq!(error.sent(), Sent::No);
}

// BLK-22
#[test]
fn a_preferred_size_cuts_what_would_fit_too_and_is_asked_for() {
    let mut near = config(Side::Initiator);
    near.block_wise = BlockSize::B64.into();
    let mut rig = rig(near, far(Side::Acceptor, 66_048));
    let seen = takes(&mut rig);
    put(&mut rig, pattern(130)).unwrap();
    assert_eq!(blocks(&seen, BLOCK1), ["0/1/64", "1/1/64", "2/0/64"]);
    let block2 = OptionNumber::BLOCK2;
    assert_eq!(blocks(&seen, block2), ["-", "-", "0/0/64"], "with the last block");
    put(&mut rig, pattern(64)).unwrap();
    assert_eq!(blocks(&seen, BLOCK1)[3..], ["-"], "one that fits into a block needs none");
}

// T76
#[test]
fn an_answer_to_another_block_ends_the_transfer() {
    let mut rig = to(1152);
    answers(&mut rig, |_, _| Some(with(Response::new(Code::CONTINUE), BLOCK1, "7/1/1024")));
    let error = put(&mut rig, pattern(3000)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Block(BlockError::WrongNumber)), "{error}");
    assert_eq!(error.sent(), Sent::Maybe);
}

// BLK-24
#[test]
fn a_dropped_transfer_sends_no_more() {
    let mut rig = to(1152);
    let mut task = Task::new(rig.remote.put("/large").body(pattern(5000)).send());
    // The first try is to send it whole.
    while rig.far.requests.is_empty() {
        task.run(100);
        rig.run();
    }
    assert_eq!(rig.far.requests.len(), 1, "one at a time");
    task.drop_it();
    rig.far.respond_next(&with(Response::new(Code::CONTINUE), BLOCK1, "0/1/1024"));
    rig.advance(5 * SECOND);
    assert_eq!(rig.far.requests.len(), 0);
    assert_eq!(rig.far.open(), 0);
}

/// Each block is answered after so long; how it ends, and after how many blocks.
fn slow(each: Duration, timeout: Option<Duration>) -> (Result<Response, Error>, usize) {
    let mut rig = to(1152);
    let mut request = rig.remote.put("/large").body(pattern(5000));
    if let Some(timeout) = timeout {
        request = request.timeout(timeout);
    }
    let mut task = Task::new(request.send());
    let mut answered = 0;
    for _ in 0..1000 {
        task.run(100);
        rig.run();
        if let Some(outcome) = task.output.take() {
            return (outcome, answered);
        }
        rig.advance(each);
        if let Some((_, message)) = rig.far.requests.first() {
            let said = driver_support::blocks::said(message, BLOCK1);
            let code = if said.contains("/1/") { Code::CONTINUE } else { Code::CHANGED };
            rig.far.respond_next(&with(Response::new(code), BLOCK1, &said));
            answered += 1;
        }
        rig.run();
    }
    panic!("it never ends");
}

#[test]
fn a_timeout_is_for_all_blocks_together_and_without_it_each_has_its_own() {
    // The far end would be answered 5.03 by its own core after 25 s.
    let (outcome, blocks) = slow(20 * SECOND, None);
    assert_eq!((outcome.unwrap().code(), blocks), (Code::CHANGED, 5), "100 s in all");
    let (outcome, blocks) = slow(20 * SECOND, Some(50 * SECOND));
    let error = outcome.unwrap_err();
    assert!(error.is_timeout() && error.sent() == Sent::Maybe, "{error}");
    assert_eq!(blocks, 2);
}

#[test]
fn progress_is_told_after_each_block() {
    let mut rig = to(1152);
    takes(&mut rig);
    let told: Arc<Mutex<Vec<_>>> = Arc::default();
    let log = Arc::clone(&told);
    let request = rig.remote.put("/large").body(pattern(2500));
    let request =
        request.progress(move |p| log.lock().unwrap().push((p.sent, p.to_send, p.received)));
    rig.finish(request.send()).unwrap();
    let to_send = Some(2500);
    assert_eq!(*told.lock().unwrap(), [(1024, to_send, 0), (2048, to_send, 0)]);
}

#[test]
fn blocks_of_the_callers_own_are_left_alone() {
    let mut rig = to(1152);
    let seen = takes(&mut rig);
    let own = uint(block("3/1/16").to_uint());
    let request = rig.remote.put("/large").body(pattern(16)).option(BLOCK1, own);
    let answer = rig.finish(request.send()).unwrap();
    assert_eq!(answer.code(), Code::CONTINUE);
    assert!(answer.option_value(BLOCK1).is_some());
    assert_eq!(blocks(&seen, BLOCK1), ["3/1/16"]);
}

//! Large answers to the peer's requests: cut as it wants and as it fits.

mod driver_support;

use coap_ws_core::block::{Block, BlockSize, More};
use coap_ws_core::message::{Code, ContentFormat, OptionNumber, OwnedMessage, Request as Draft};
use coap_ws_core::{ExchangeId, Side};
use coap_ws_driver::engine::EngineConfig;
use coap_ws_driver::{Request, Response, Router};
use driver_support::blocks::{block, far, pattern, said};
use driver_support::{Rig, config};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

const BLOCK2: OptionNumber = OptionNumber::BLOCK2;
const SECOND: Duration = Duration::from_secs(1);

/// `/x` has so many bytes; how often its handlers ran.
fn app(len: usize) -> (Router, Arc<AtomicUsize>) {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let answer = move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Response::content(pattern(len)))
    };
    let app = Router::new().get("/x", answer.clone()).post("/x", answer);
    (app.get("/hello", async || "hi"), ran)
}

fn rig_of(near: EngineConfig, max: u32, app: Router) -> Rig<Router> {
    Rig::new(near, far(Side::Initiator, max), app).opened()
}

fn ask(rig: &mut Rig<Router>, request: &Draft<'_>) -> OwnedMessage {
    let id: ExchangeId = rig.far.request(request);
    rig.run();
    let answers = std::mem::take(&mut rig.far.responses);
    answers.into_iter().find(|(other, _)| *other == id).expect("it is answered").1
}

fn get<'a>(text: &str) -> Draft<'a> {
    let draft = Draft::get().segment("x");
    if text == "-" { draft } else { draft.uint(BLOCK2, block(text).to_uint()) }
}

fn etag(message: &OwnedMessage) -> Vec<u8> {
    message.view().option(OptionNumber::ETAG).map(<[u8]>::to_vec).unwrap_or_default()
}

/// Fetches all of it, as a client does; the messages.
fn fetch(rig: &mut Rig<Router>, first: &str) -> Vec<OwnedMessage> {
    let mut messages = vec![ask(rig, &get(first))];
    let mut at = 0;
    loop {
        let last = messages.last().unwrap();
        assert_eq!(last.view().code(), Code::CONTENT);
        let Some(block) = Block::of(&last.view(), BLOCK2) else { return messages };
        assert_eq!(block.offset(), at);
        at += last.payload().len() as u64;
        if !block.more().is_set() {
            return messages;
        }
        let next = Block::at(at, More::No, block.size()).unwrap();
        messages.push(ask(rig, &get(&next.to_string())));
    }
}

fn joined(messages: &[OwnedMessage]) -> Vec<u8> {
    messages.iter().flat_map(|message| message.payload().to_vec()).collect()
}

// CSM-18, BLK-09, BLK-10, BLK-21
#[test]
fn what_does_not_fit_goes_in_blocks_unasked_with_an_etag_and_its_size() {
    let (app, ran) = app(5000);
    let mut rig = rig_of(config(Side::Acceptor), 1152, app);
    let messages = fetch(&mut rig, "-");
    assert_eq!(joined(&messages), pattern(5000));
    let blocks: Vec<_> = messages.iter().map(|m| said(m, BLOCK2)).collect();
    assert_eq!(blocks, ["0/1/1024", "1/1/1024", "2/1/1024", "3/1/1024", "4/0/1024"]);
    assert!(messages.iter().all(|m| m.view().as_bytes().len() <= 1152));
    assert!(!etag(&messages[0]).is_empty());
    assert!(messages.iter().all(|m| etag(m) == etag(&messages[0])));
    let sizes: Vec<_> = messages.iter().map(|m| m.view().uint(OptionNumber::SIZE2)).collect();
    assert_eq!(sizes, [Some(5000), None, None, None, None]);
    assert_eq!(ran.load(Ordering::Relaxed), 1, "the answer is kept for its next blocks");
}

// BERT-05, BERT-07, CSM-22
#[test]
fn with_bert_as_much_as_fits() {
    let (app, _) = app(200_000);
    let mut rig = rig_of(config(Side::Acceptor), 4096, app);
    let messages = fetch(&mut rig, "-");
    assert_eq!(joined(&messages), pattern(200_000));
    assert_eq!(said(&messages[0], BLOCK2), "0/1/BERT");
    assert_eq!(messages[0].payload().len(), 3072);
    assert!(messages.iter().all(|m| m.view().as_bytes().len() <= 4096));
    // A client that says 6 gets 6.
    assert_eq!(said(&ask(&mut rig, &get("0/0/1024")), BLOCK2), "0/1/1024");
}

// BLK-06, BLK-07
#[test]
fn the_size_that_is_asked_for_is_obeyed_and_m_means_nothing() {
    let (app, ran) = app(300);
    let mut rig = rig_of(config(Side::Acceptor), 66_048, app);
    assert_eq!(said(&ask(&mut rig, &get("0/0/64")), BLOCK2), "0/1/64");
    assert_eq!(said(&ask(&mut rig, &get("1/1/64")), BLOCK2), "1/1/64");
    assert_eq!(said(&ask(&mut rig, &get("8/0/16")), BLOCK2), "8/1/16", "smaller in the middle");
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    let whole = ask(&mut rig, &get("-"));
    assert_eq!((said(&whole, BLOCK2).as_str(), whole.payload().len()), ("-", 300));
    assert!(etag(&whole).is_empty(), "what goes whole is not touched");
}

// BLK-21
#[test]
fn size2_is_told_where_it_is_asked_for_however_little_room_there_is() {
    let (app, _) = app(300);
    let mut rig = rig_of(config(Side::Acceptor), 64, app);
    assert_eq!(ask(&mut rig, &get("-")).view().uint(OptionNumber::SIZE2), None);
    let asked = ask(&mut rig, &get("-").option(OptionNumber::SIZE2, &[]));
    assert_eq!(asked.view().uint(OptionNumber::SIZE2), Some(300));
    assert!(asked.view().as_bytes().len() <= 64);
}

// BLK-25, T75
#[test]
fn every_number_has_an_answer_at_every_size() {
    let (app, _) = app(100);
    let mut rig = rig_of(config(Side::Acceptor), 66_048, app);
    for size in BlockSize::ALL {
        let end = 100_u32.div_ceil(size.bytes());
        for num in [0, 1, end - 1, end, end + 1, 0xf_fffe, 0xf_ffff] {
            let block = Block::new(num, More::No, size).unwrap();
            let answer = ask(&mut rig, &get(&block.to_string()));
            let expected = if num < end { Code::CONTENT } else { Code::BAD_REQUEST };
            assert_eq!(answer.view().code(), expected, "{block}");
        }
    }
    assert!(rig.far.closed.is_none());
}

// BLK-25
#[test]
fn the_first_block_of_nothing_is_empty() {
    let (app, _) = app(0);
    let mut rig = rig_of(config(Side::Acceptor), 66_048, app);
    let answer = ask(&mut rig, &get("0/0/64"));
    assert_eq!((answer.view().code(), said(&answer, BLOCK2).as_str()), (Code::CONTENT, "0/0/64"));
    assert_eq!(ask(&mut rig, &get("1/0/64")).view().code(), Code::BAD_REQUEST);
}

// BLK-09, BLK-10
#[test]
fn each_representation_has_an_etag_of_its_own_and_the_applications_own_is_kept() {
    let state = Arc::new(AtomicU8::new(0));
    let now = Arc::clone(&state);
    let app = Router::new().get("/x", move |request: Request| {
        let body = vec![now.load(Ordering::Relaxed); 40];
        let response = Response::content(body);
        std::future::ready(match request.accept() {
            Some(format) => response.content_format(format),
            None => response,
        })
    });
    let app = app.get("/own", async || Response::content(vec![0; 40]).etag(vec![9, 9]));
    let mut rig = rig_of(config(Side::Acceptor), 66_048, app);
    let first = etag(&ask(&mut rig, &get("0/0/16")));
    assert_eq!(etag(&ask(&mut rig, &get("0/0/32"))), first, "the same bytes, the same tag");
    let other = etag(&ask(&mut rig, &get("0/0/16").accept(ContentFormat::CBOR)));
    assert_ne!(other, first, "another format is another representation");
    state.store(1, Ordering::Relaxed);
    assert_eq!(etag(&ask(&mut rig, &get("1/0/16"))), first, "of the one that is kept");
    assert_ne!(etag(&ask(&mut rig, &get("0/0/16"))), first);
    let own = Draft::get().segment("own").uint(BLOCK2, 0);
    assert_eq!(etag(&ask(&mut rig, &own)), [9, 9]);
}

// BLK-16
#[test]
fn an_answer_is_kept_for_a_minute_then_a_get_runs_again_and_a_post_is_4_08() {
    let (app, ran) = app(300);
    let mut rig = rig_of(config(Side::Acceptor), 66_048, app);
    let post = |text: &str| Draft::post(b"").segment("x").uint(BLOCK2, block(text).to_uint());
    for (wait, again) in [(59, 0), (61, 1)] {
        ran.store(0, Ordering::Relaxed);
        ask(&mut rig, &get("0/0/64"));
        assert_eq!(ask(&mut rig, &post("0/0/64")).view().code(), Code::CONTENT);
        rig.advance(wait * SECOND);
        let next = ask(&mut rig, &get("1/0/64"));
        assert_eq!((next.view().code(), said(&next, BLOCK2).as_str()), (Code::CONTENT, "1/1/64"));
        assert_eq!(ran.load(Ordering::Relaxed), 2 + again, "{wait} s");
        let next = ask(&mut rig, &post("1/0/64")).view().code();
        let expected = if again > 0 { Code::REQUEST_ENTITY_INCOMPLETE } else { Code::CONTENT };
        assert_eq!(next, expected, "{wait} s");
    }
}

// T72
#[test]
fn an_answer_above_the_memory_is_not_kept_and_made_again() {
    let (app, ran) = app(5000);
    let mut near = config(Side::Acceptor);
    near.block_wise.memory = 4096;
    let mut rig = rig_of(near, 1152, app);
    assert_eq!(joined(&fetch(&mut rig, "-")), pattern(5000));
    assert_eq!(ran.load(Ordering::Relaxed), 5);
}

// BLK-18
#[test]
fn a_large_answer_to_a_body_in_blocks_comes_in_blocks() {
    let (app, ran) = app(300);
    let mut rig = rig_of(config(Side::Acceptor), 66_048, app);
    let block1 = OptionNumber::BLOCK1;
    let post = |payload| Draft::post(payload).segment("x").uint(OptionNumber::REQUEST_TAG, 5);
    let first = ask(&mut rig, &post(&[0; 16]).uint(block1, block("0/1/16").to_uint()));
    assert_eq!((first.view().code(), said(&first, BLOCK2).as_str()), (Code::CONTINUE, "-"));
    let last = post(b"x").uint(block1, block("1/0/16").to_uint());
    let last = ask(&mut rig, &last.uint(BLOCK2, block("0/0/128").to_uint()));
    assert_eq!((said(&last, block1), said(&last, BLOCK2)), ("1/0/16".into(), "0/1/128".into()));
    let next = ask(&mut rig, &post(b"").uint(BLOCK2, block("1/0/128").to_uint()));
    assert_eq!((said(&next, block1), said(&next, BLOCK2)), ("-".into(), "1/1/128".into()));
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

// CSM-18, T45, FMT-28
#[test]
fn whatever_the_peer_takes_no_message_is_larger() {
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut limits = vec![64, 65, 79, 80, 1151, 1152, 1153, 2304, 66_048, 8_388_864];
    limits.extend((0..40).map(|_| 64 + random() % 3000));
    for max in limits {
        let (app, _) = app(4000);
        let mut rig = rig_of(config(Side::Acceptor), max, app);
        let messages = fetch(&mut rig, "-");
        assert_eq!(joined(&messages), pattern(4000), "{max}");
        let largest = messages.iter().map(|m| m.view().as_bytes().len()).max().unwrap();
        assert!(largest <= max as usize, "{largest} above {max}");
        assert!(rig.far.closed.is_none());
    }
}

// CSM-18, T45
#[test]
fn an_error_text_is_cut_and_what_cannot_be_cut_is_5_00() {
    let app = Router::new()
        .get("/x", async || Response::error(Code::NOT_FOUND, "ä".repeat(500)))
        .get("/wide", async || {
            let response = Response::content(vec![1; 100]);
            response.option(OptionNumber::LOCATION_PATH, vec![b'x'; 100])
        });
    let mut rig = rig_of(config(Side::Acceptor), 64, app);
    let answer = ask(&mut rig, &get("-"));
    assert_eq!(answer.view().code(), Code::NOT_FOUND);
    let text = answer.view().diagnostic().unwrap().to_owned();
    assert!(text.len() > 40 && text.chars().all(|c| c == 'ä'), "{text}");
    let answer = ask(&mut rig, &Draft::get().segment("wide"));
    assert_eq!(answer.view().code(), Code::INTERNAL_SERVER_ERROR);
    assert!(answer.view().as_bytes().len() <= 64);
}

// CSM-18
#[test]
fn switched_off_what_does_not_fit_is_5_00() {
    let (app, _) = app(5000);
    let mut near = config(Side::Acceptor);
    near.block_wise = false.into();
    let mut rig = rig_of(near, 1152, app);
    assert_eq!(ask(&mut rig, &get("-")).view().code(), Code::INTERNAL_SERVER_ERROR);
}

// BLK-22
#[test]
fn a_preferred_size_cuts_what_would_fit_too() {
    let (app, _) = app(65);
    let mut near = config(Side::Acceptor);
    near.block_wise = BlockSize::B64.into();
    let mut rig = rig_of(near.clone(), 66_048, app);
    assert_eq!(said(&ask(&mut rig, &get("-")), BLOCK2), "0/1/64");
    let (app, _) = self::app(64);
    let mut rig = rig_of(near, 66_048, app);
    assert_eq!(said(&ask(&mut rig, &get("-")), BLOCK2), "-");
}

// BERT-11
#[test]
fn bert_withdrawn_in_the_middle_goes_on_with_smaller_blocks() {
    let (app, _) = app(10_000);
    let mut rig = rig_of(config(Side::Acceptor), 4096, app);
    assert_eq!(said(&ask(&mut rig, &get("0/0/BERT")), BLOCK2), "0/1/BERT");
    // A CSM with 1152 from the far end, which masks: a mask of zeros.
    rig.wire.borrow_mut().give(&[0x82, 0x85, 0, 0, 0, 0, 0x00, 0xe1, 0x22, 0x04, 0x80]);
    rig.run();
    let next = ask(&mut rig, &get("3/0/1024"));
    assert_eq!(said(&next, BLOCK2), "3/1/1024");
    assert_eq!(next.payload(), pattern(10_000)[3072..4096]);
    assert!(next.view().as_bytes().len() <= 1152);
}

#[test]
fn a_handler_that_waits_is_cut_like_one_that_is_ready() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let wait = Arc::clone(&gate);
    let app = Router::new().get("/x", move || {
        let gate = Arc::clone(&wait);
        async move {
            let _gate = gate.acquire().await;
            Response::content(pattern(3000))
        }
    });
    let mut rig = rig_of(config(Side::Acceptor), 1152, app);
    rig.far.request(&get("0/0/256"));
    rig.run();
    assert!(rig.far.responses.is_empty());
    gate.add_permits(1);
    rig.run();
    let (_, answer) = rig.far.responses.remove(0);
    assert_eq!(said(&answer, BLOCK2), "0/1/256");
    assert_eq!(said(&ask(&mut rig, &get("1/0/256")), BLOCK2), "1/1/256");
}

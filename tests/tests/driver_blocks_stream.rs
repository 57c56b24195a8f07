//! Bodies that are not held whole, and both ends of ours together.

mod driver_support;

use bytes::Bytes;
use coap_ws_core::Side;
use coap_ws_core::block::{BlockError, BlockSize};
use coap_ws_core::message::{Code, OptionNumber};
use coap_ws_driver::engine::EngineConfig;
use coap_ws_driver::{Client, Error, ErrorKind, NoHandler, Request, Response, Router, Server};
use driver_support::blocks::{Seen, blocks, far, pattern, seen, with};
use driver_support::{Memory, Rig, config};
use futures_util::stream::{self, StreamExt};
use std::io;
use std::sync::{Arc, Mutex};

const BLOCK1: OptionNumber = OptionNumber::BLOCK1;

fn rig(near: EngineConfig, max: u32) -> (Rig<NoHandler>, Seen) {
    let mut rig = Rig::new(near, far(Side::Acceptor, max), NoHandler).opened();
    let seen = seen();
    let log = Seen::clone(&seen);
    rig.far.answers(move |message| {
        log.borrow_mut().push(message.clone());
        let said = driver_support::blocks::said(message, BLOCK1);
        let code = if said.contains("/1/") { Code::CONTINUE } else { Code::CHANGED };
        Some(with(Response::new(code), BLOCK1, &said))
    });
    (rig, seen)
}

/// A body in parts of `part` bytes.
fn parts(body: &[u8], part: usize) -> impl stream::Stream<Item = io::Result<Bytes>> + use<> {
    let parts: Vec<_> = body.chunks(part).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    stream::iter(parts)
}

fn upload(
    rig: &mut Rig<NoHandler>,
    body: &[u8],
    part: usize,
    len: Option<u64>,
) -> Result<Response, Error> {
    let request = rig.remote.put("/large");
    rig.finish(request.send_stream(parts(body, part), len))
}

fn joined(seen: &Seen) -> Vec<u8> {
    seen.borrow().iter().flat_map(|message| message.payload().to_vec()).collect()
}

// BLK-24, BERT-07
#[test]
fn a_stream_of_known_or_unknown_length_is_sent_as_it_comes() {
    for len in [0, 1, 15, 16, 17, 1024, 1025, 3000, 4096, 150_000] {
        for part in [1, 7, 1024, 100_000] {
            for known in [true, false] {
                for max in [64, 1152, 66_048] {
                    if len > 4096 && (part < 1000 || max < 1152) {
                        continue;
                    }
                    let (mut rig, seen) = rig(config(Side::Initiator), max);
                    let known = known.then_some(len as u64);
                    let outcome = upload(&mut rig, &pattern(len), part, known);
                    assert_eq!(outcome.unwrap().code(), Code::CHANGED);
                    assert_eq!(joined(&seen), pattern(len), "{len} in {part}, {max}");
                    let blocks = blocks(&seen, BLOCK1);
                    let more = blocks.iter().filter(|block| block.contains("/1/")).count();
                    assert_eq!(more + 1, blocks.len(), "the last one is the only last one");
                }
            }
        }
    }
}

#[test]
fn no_more_is_read_ahead_than_a_message_takes() {
    let (mut rig, _) = rig(config(Side::Initiator), 8_000_000);
    rig.far.answer = None;
    let read = Arc::new(Mutex::new(0));
    let count = Arc::clone(&read);
    let body = stream::repeat_with(move || {
        *count.lock().unwrap() += 1000;
        Ok(Bytes::from(vec![0; 1000]))
    });
    let request = rig.remote.put("/large").send_stream(body.take(1_000_000), None);
    let mut task = driver_support::Task::new(request);
    for _ in 0..10 {
        task.run(1000);
        rig.run();
    }
    assert_eq!(rig.far.requests.len(), 1);
    assert_eq!(rig.far.requests[0].1.payload().len(), 65_536);
    assert!(*read.lock().unwrap() <= 67_000, "{}", read.lock().unwrap());
}

#[test]
fn a_body_of_another_length_than_was_said_is_an_error() {
    for (said, real) in [(3000, 2999), (2999, 3000)] {
        let (mut rig, _) = rig(config(Side::Initiator), 1152);
        let error = upload(&mut rig, &pattern(real), 100, Some(said)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Body(_)), "{error}");
    }
}

#[test]
fn a_body_that_cannot_be_read_ends_the_transfer() {
    let (mut rig, seen) = rig(config(Side::Initiator), 1152);
    let body = parts(&pattern(2000), 1000).chain(stream::iter([Err(io::Error::other("no disk"))]));
    let request = rig.remote.put("/large").send_stream(body, None);
    let error = rig.finish(request).unwrap_err();
    assert!(error.to_string().contains("no disk"), "{error}");
    assert_eq!(seen.borrow().len(), 1);
}

// BLK-15
#[test]
fn a_stream_starts_again_with_smaller_blocks_while_it_has_its_start() {
    let (mut rig, seen) = rig(config(Side::Initiator), 1152);
    let log = Seen::clone(&seen);
    rig.far.answers(move |message| {
        log.borrow_mut().push(message.clone());
        let said = driver_support::blocks::said(message, BLOCK1);
        let code = match log.borrow().len() {
            1 => {
                let refusal = Response::new(Code::REQUEST_ENTITY_TOO_LARGE);
                return Some(with(refusal, BLOCK1, "0/1/512"));
            }
            _ if said.contains("/1/") => Code::CONTINUE,
            _ => Code::CHANGED,
        };
        Some(with(Response::new(code), BLOCK1, &said))
    });
    upload(&mut rig, &pattern(1100), 100, None).unwrap();
    assert_eq!(blocks(&seen, BLOCK1), ["0/1/1024", "0/1/512", "1/1/512", "2/0/512"]);
}

// BLK-25
#[test]
fn a_body_that_has_no_numbers_is_refused_before_it_is_begun() {
    let (mut rig, seen) = rig(config(Side::Initiator), 64);
    let body = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 1000])));
    let too_long = (1_u64 << 20) * 32 + 1;
    let request = rig.remote.put("/large").send_stream(body, Some(too_long));
    let error = rig.finish(request).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Block(BlockError::TooLong)), "{error}");
    assert!(seen.borrow().is_empty());
}

#[test]
fn switched_off_there_is_no_stream() {
    let mut near = config(Side::Initiator);
    near.block_wise = false.into();
    let (mut rig, seen) = rig(near, 1152);
    let error = upload(&mut rig, b"x", 1, None).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BlockWiseOff), "{error}");
    assert!(seen.borrow().is_empty());
}

/// A server that gives and takes one body, in memory.
async fn serve(config: EngineConfig, set: impl FnOnce(Server<Memory>) -> Server<Memory>) {
    let app = Router::new()
        .get("/large", async || pattern(1 << 20))
        .put("/large", async |request: Request| match request.body() == pattern(1 << 20) {
            true => Code::CHANGED,
            false => Code::BAD_REQUEST,
        })
        .post("/echo", async |request: Request| Response::content(request.body()));
    let server = Server::<Memory>::bind("localhost:8683").await.unwrap().config(config);
    tokio::spawn(set(server).serve(app).into_future());
}

const BASE: &str = "coap+ws://localhost:8683";

// BLK-22
#[tokio::test(start_paused = true)]
async fn one_mebibyte_both_ways_in_blocks_of_64_bytes_and_in_bert() {
    serve(config(Side::Acceptor), |server| server).await;
    for size in [BlockSize::B64, BlockSize::B1024, BlockSize::Bert] {
        let client = Client::<Memory>::builder().block_wise(size).build(BASE).unwrap();
        let down = client.get("/large").send().await.unwrap();
        assert_eq!(down.body(), &pattern(1 << 20), "{size}");
        let up = client.put("/large").body(pattern(1 << 20)).send().await.unwrap();
        assert_eq!(up.code(), Code::CHANGED, "{size}");
    }
}

// BLK-22, CSM-19
#[tokio::test(start_paused = true)]
async fn a_peer_with_a_max_message_size_of_64_is_served_and_serves() {
    let mut small = config(Side::Acceptor);
    small.connection.limits.max_message_size = 64;
    serve(small, |server| server).await;
    let mut small = config(Side::Initiator);
    small.connection.limits.max_message_size = 64;
    for client in [config(Side::Initiator), small] {
        let client = Client::<Memory>::builder().config(client).build(BASE).unwrap();
        let answer = client.post("/echo").body(pattern(20_000)).send().await.unwrap();
        assert_eq!(answer.body(), &pattern(20_000));
    }
}

// T72
#[tokio::test(start_paused = true)]
async fn the_memory_of_all_connections_of_a_server_is_limited() {
    let limited = |server: Server<Memory>| {
        let mut limits = coap_ws_driver::ServerLimits::default();
        assert_eq!(limits.block_memory, 64 << 20);
        limits.block_memory = 100_000;
        server.limits(limits)
    };
    serve(config(Side::Acceptor), limited).await;
    // The first block of a body, and no more of it.
    let begin = async || {
        let client = Client::<Memory>::builder().build(BASE).unwrap();
        let block = driver_support::blocks::uint(0x0f);
        let request = client.post("/echo").body(pattern(60 * 1024)).option(BLOCK1, block);
        (request.send().await.unwrap().code(), client)
    };
    let (first, holder) = begin().await;
    assert_eq!(first, Code::CONTINUE);
    let (second, _) = begin().await;
    assert_eq!(second, Code::SERVICE_UNAVAILABLE, "nobody else's is dropped for it");
    holder.release().await;
    let (third, _) = begin().await;
    assert_eq!(third, Code::CONTINUE, "what a connection had it gives back");
}

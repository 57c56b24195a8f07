//! Large bodies over real sockets: whole, and passed through with a heap that stays flat.

mod e2e_support;

use bytes::Bytes;
use coap_ws_tokio::core::block::{Block, BlockSize, RequestAssembly, Room, Serving, acknowledge};
use coap_ws_tokio::core::message::{Code, OptionNumber};
use coap_ws_tokio::{Client, Request, Response, Router};
use e2e_support::{app, serve, serve_as};
use std::future::ready;
use std::sync::{Arc, Mutex};

const SIZE: u64 = 64 << 20;

/// The bytes of a body at some place, made when they are needed.
fn piece(at: u64, len: usize) -> Vec<u8> {
    let start = (at % 251) as usize;
    let round: Vec<u8> = (0..251).collect();
    round.repeat(len / 251 + 2)[start..start + len].to_vec()
}

fn uint(value: u32) -> Vec<u8> {
    value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

/// Gives 64 MiB block by block, and holds nothing.
fn source(request: &Request) -> Response {
    let remote = request.remote();
    let serving = Serving {
        body_len: SIZE,
        largest: BlockSize::Bert,
        // Token, options and marker, amply.
        room: Room::new(remote.max_send(), 64),
        bert: remote.bert(),
    };
    match serving.slice(Block::of(&request.view(), OptionNumber::BLOCK2)) {
        Ok(slice) => {
            let range = slice.range();
            let part = piece(range.start, (range.end - range.start) as usize);
            let block = uint(slice.block().to_uint());
            let response = Response::content(part).etag(vec![1]);
            response.option(OptionNumber::BLOCK2, block).option(OptionNumber::SIZE2, uint(1 << 26))
        }
        Err(refusal) => Response::error(refusal.code(), refusal.describe()),
    }
}

/// Takes a body block by block, compares it and holds nothing.
fn sink(state: &Mutex<RequestAssembly>, request: &Request) -> Response {
    let Some(block) = Block::of(&request.view(), OptionNumber::BLOCK1) else {
        return Response::new(Code::BAD_REQUEST);
    };
    let bert = request.remote().bert();
    let body = request.body();
    match state.lock().unwrap().handle_block(block, body.len(), bert) {
        Ok(found) => {
            let right = body == piece(found.at, body.len());
            let code = match (right, found.more.is_set()) {
                (false, _) => return Response::new(Code::CONFLICT),
                (true, true) => Code::CONTINUE,
                (true, false) => Code::CHANGED,
            };
            let block = acknowledge(block, found.more, BlockSize::Bert, bert);
            Response::new(code).option(OptionNumber::BLOCK1, uint(block.to_uint()))
        }
        Err(refusal) => Response::error(refusal.code(), refusal.describe()),
    }
}

fn passing() -> Router {
    let state = Arc::new(Mutex::new(RequestAssembly::new(u64::MAX)));
    Router::new()
        .in_blocks("/large")
        .get("/large", |request: Request| ready(source(&request)))
        .put("/large", move |request: Request| ready(sink(&state, &request)))
}

/// 64 MiB in parts of 10,000 bytes.
fn body() -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    let starts = (0..SIZE).step_by(10_000);
    futures_util::stream::iter(starts.map(|at| {
        let len = (SIZE - at).min(10_000) as usize;
        Ok(Bytes::from(piece(at, len)))
    }))
}

/// What both ends together hold at most, of this thread's heap.
fn peak(act: impl Future<Output = ()>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut act = Some(act);
    let run = || runtime.block_on(act.take().expect("it runs once"));
    allocation_counter::measure(run).bytes_max
}

#[test]
fn sixty_four_mebibytes_go_up_and_down_and_the_heap_stays_flat() {
    let up = peak(async {
        let serving = serve(passing()).await;
        let client = serving.client().await;
        let answer = client.put("/large").send_stream(body(), Some(SIZE)).await.unwrap();
        assert_eq!(answer.code(), Code::CHANGED);
    });
    let down = peak(async {
        let serving = serve(passing()).await;
        let client = serving.client().await;
        let mut response = client.get("/large").send_streaming().await.unwrap();
        assert_eq!(response.size(), Some(SIZE));
        while let Some(chunk) = response.chunk().await.unwrap() {
            let at = response.read() - chunk.len() as u64;
            assert!(chunk == piece(at, chunk.len()), "at {at}");
        }
        assert_eq!(response.read(), SIZE);
    });
    println!("64 MiB: {up} bytes of heap at most for up, {down} for down");
    assert!(up < 2 << 20 && down < 2 << 20, "{up} and {down}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mebibyte_is_put_and_got_whole() {
    let serving = serve(app()).await;
    let client = serving.client().await;
    let body = piece(0, 1 << 20);
    let put = client.put("/store/x").body(body.clone()).send().await.unwrap();
    assert_eq!(put.code(), Code::CREATED);
    let got = client.get("/store/x").send().await.unwrap();
    assert!(got.body() == &body);
    // One byte more than the server takes.
    let put = client.put("/store/x").body(piece(0, (1 << 20) + 1)).send().await.unwrap();
    assert_eq!(put.code(), Code::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(put.option_uint(OptionNumber::SIZE1), Some(1 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_are_asked_with_large_bodies_at_once() {
    let serving = serve(app().get("/ask", async |request: Request| {
        let answer = request.remote().get("/large").send().await;
        answer.map(|answer| answer.body().len().to_string())
    }))
    .await;
    let own = Router::new().get("/large", async || piece(0, 300_000));
    let client = Client::builder().serve(own).connect(&serving.base()).await.unwrap();
    let asks = (0..20).map(|_| client.get("/ask").send());
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer.unwrap().text().unwrap(), "300000");
    }
}

#[tokio::test]
async fn a_server_may_have_a_size_of_its_own() {
    let serving = serve_as(app(), |server| server.block_wise(BlockSize::B256)).await;
    let client = serving.client().await;
    let blocks = Arc::new(Mutex::new(0));
    let count = Arc::clone(&blocks);
    let request = client.get("/large").progress(move |_| *count.lock().unwrap() += 1);
    assert_eq!(request.send().await.unwrap().body().len(), 65_536);
    assert_eq!(*blocks.lock().unwrap(), 256);
}

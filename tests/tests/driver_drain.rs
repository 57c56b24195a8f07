//! Transfers that are under way when a server ends in good order: they are finished.

mod driver_support;

use bytes::Bytes;
use coap_ws_core::block::BlockSize;
use coap_ws_core::message::{Code, OptionNumber, Request as Draft};
use coap_ws_core::{CloseReason, Operation, ReleaseOptions, RequestOptions, Sent, Side};
use coap_ws_driver::{Client, NoHandler, Request, Response, Router, Server, ServerLimits};
use driver_support::blocks::{block, far, pattern, said, with};
use driver_support::{Memory, Rig, Task, config};
use futures_util::stream;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const LEN: usize = 8 * 1024;
const BLOCK1: OptionNumber = OptionNumber::BLOCK1;
const BLOCK2: OptionNumber = OptionNumber::BLOCK2;

/// A server that has 8 KiB at `/large` and takes as much there, and a client that goes in
/// blocks of 64 bytes.
struct Running {
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<io::Result<()>>,
    calls: Arc<AtomicUsize>,
    client: Client<Memory>,
}

impl Running {
    async fn start(grace: Duration) -> Running {
        let calls = Arc::new(AtomicUsize::new(0));
        let (get, put) = (Arc::clone(&calls), Arc::clone(&calls));
        let app = Router::new()
            .get("/large", move || {
                get.fetch_add(1, Ordering::Relaxed);
                async { pattern(LEN) }
            })
            .put("/large", move |request: Request| {
                put.fetch_add(1, Ordering::Relaxed);
                assert_eq!(request.body(), pattern(LEN));
                async { Code::CHANGED }
            });
        let mut limits = ServerLimits::default();
        limits.shutdown_grace = grace;
        let server = Server::<Memory>::bind("localhost:5").await.unwrap().limits(limits);
        let (stop, stopped) = oneshot::channel();
        let serving = server.serve(app).with_graceful_shutdown(async { _ = stopped.await });
        let ended = tokio::spawn(serving);
        let client = Client::<Memory>::builder().block_wise(BlockSize::B64);
        let client = client.connect("coap+ws://localhost:5").await.unwrap();
        Running { stop: Some(stop), ended, calls, client }
    }

    /// Tells the server to end once so many bytes have gone either way; and whether the last
    /// block went when the Release was here already.
    async fn midway(&mut self) -> (impl Fn(coap_ws_driver::Progress) + use<>, Arc<Mutex<bool>>) {
        let stop = Mutex::new(self.stop.take());
        let remote = self.client.remote().await.unwrap();
        let after = Arc::new(Mutex::new(false));
        let released = Arc::clone(&after);
        let hook = move |progress: coap_ws_driver::Progress| {
            *released.lock().unwrap() = remote.released().is_some();
            if progress.sent.max(progress.received) >= 1024
                && let Some(stop) = stop.lock().unwrap().take()
            {
                stop.send(()).unwrap();
            }
        };
        (hook, after)
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// How long it takes to end.
    async fn ends(self) -> Duration {
        let start = Instant::now();
        self.ended.await.unwrap().unwrap();
        start.elapsed()
    }
}

// T57, T95, REL-03, REL-15
#[tokio::test(start_paused = true)]
async fn a_response_in_blocks_is_fetched_to_its_end() {
    let mut running = Running::start(30 * SECOND).await;
    let (hook, after) = running.midway().await;
    let response = running.client.get("/large").progress(hook).send().await.unwrap();
    assert_eq!(response.body(), &pattern(LEN));
    assert!(*after.lock().unwrap(), "the Release came in the middle");
    assert_eq!(running.calls.load(Ordering::Relaxed), 1);
    assert!(running.ends().await < SECOND, "and then nothing holds it up");
}

// T57, T95, REL-03, REL-15
#[tokio::test(start_paused = true)]
async fn a_request_in_blocks_is_sent_to_its_end() {
    for streamed in [false, true] {
        let mut running = Running::start(30 * SECOND).await;
        let (hook, after) = running.midway().await;
        let request = running.client.put("/large").progress(hook);
        let response = match streamed {
            true => {
                let parts: Vec<_> = pattern(LEN).chunks(100).map(Bytes::copy_from_slice).collect();
                request.send_stream(stream::iter(parts.into_iter().map(Ok)), None).await
            }
            false => request.body(pattern(LEN)).send().await,
        };
        assert_eq!(response.unwrap().code(), Code::CHANGED);
        assert!(*after.lock().unwrap(), "the Release came in the middle");
        assert_eq!(running.calls.load(Ordering::Relaxed), 1);
        assert!(running.ends().await < SECOND);
    }
}

// T57, T95, REL-15
#[tokio::test(start_paused = true)]
async fn who_reads_slowly_is_waited_for_and_who_leaves_is_not() {
    for leaves in [false, true] {
        let mut running = Running::start(30 * SECOND).await;
        let mut streamed = running.client.get("/large").send_streaming().await.unwrap();
        let mut body = streamed.chunk().await.unwrap().unwrap().to_vec();
        running.stop();
        sleep(5 * SECOND).await;
        assert!(!running.ended.is_finished(), "the transfer is open");
        // Another request does not get in, and has not left.
        let error = running.client.get("/large").timeout(SECOND).send().await.unwrap_err();
        assert_eq!(error.sent(), Sent::No, "{error}");
        if leaves {
            drop(streamed);
        } else {
            while let Some(bytes) = streamed.chunk().await.unwrap() {
                body.extend_from_slice(&bytes);
            }
            assert_eq!(body, pattern(LEN));
        }
        assert!(running.ends().await < SECOND);
    }
}

// T57, T95
#[tokio::test(start_paused = true)]
async fn who_does_not_read_on_is_aborted_at_the_end_of_the_grace() {
    let mut running = Running::start(5 * SECOND).await;
    let mut streamed = running.client.get("/large").send_streaming().await.unwrap();
    streamed.chunk().await.unwrap().unwrap();
    running.stop();
    let took = running.ends().await;
    assert!((5 * SECOND..6 * SECOND).contains(&took), "{took:?}");
    let error = streamed.chunk().await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(error.sent(), Sent::Maybe);
}

// T57, T95, REL-03
#[test]
fn blocks_that_a_peer_still_asks_for_are_served_behind_our_release() {
    let puts = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&puts);
    let app = Router::new().post("/large", async || Response::content(pattern(40))).put(
        "/x",
        move |request: Request| {
            log.lock().unwrap().push(request.body().to_vec());
            async { Code::CHANGED }
        },
    );
    let mut rig = Rig::new(config(Side::Acceptor), far(Side::Initiator, 66_048), app).opened();
    // The next block of either transfer.
    let ask = |rig: &mut Rig<Router>, draft: Draft<'_>, operation| {
        let options = RequestOptions::default().operation(operation);
        rig.far.engine.request(rig.time.now(), &draft, options).expect("it may be sent");
        rig.run();
        let (_, answer) = rig.far.responses.pop().expect("it is answered");
        answer
    };
    let post = |text| Draft::post(b"").segment("large").uint(BLOCK2, block(text).to_uint());
    let put = |text, body| Draft::put(body).segment("x").uint(BLOCK1, block(text).to_uint());
    let answer = ask(&mut rig, post("0/0/16"), Operation::Begins);
    assert_eq!(said(&answer, BLOCK2), "0/1/16");
    let answer = ask(&mut rig, put("0/1/16", &[1; 16]), Operation::Begins);
    assert_eq!(answer.view().code(), Code::CONTINUE);
    let remote = rig.remote.clone();
    let mut release = Task::new(async move { remote.release().await });
    release.run(10);
    rig.run();
    assert!(rig.far.released);
    for (text, said_then) in [("1/0/16", "1/1/16"), ("2/0/16", "2/0/16")] {
        let answer = ask(&mut rig, post(text), Operation::Continues);
        assert_eq!(said(&answer, BLOCK2), said_then);
    }
    let answer = ask(&mut rig, put("1/0/16", &[2; 4]), Operation::Continues);
    assert_eq!(answer.view().code(), Code::CHANGED);
    assert_eq!(*puts.lock().unwrap(), [[&[1; 16][..], &[2; 4]].concat()]);
    assert_eq!(rig.closed(), CloseReason::Released);
}

// T57, BLK-13
#[test]
fn a_body_that_was_lost_before_the_release_has_not_been_sent() {
    let mut near = config(Side::Initiator);
    near.block_wise = BlockSize::B16.into();
    let mut rig = Rig::new(near, far(Side::Acceptor, 1152), NoHandler).opened();
    let mut send = Task::new(rig.remote.put("/x").body(pattern(40)).send());
    let step = |rig: &mut Rig<NoHandler>, send: &mut Task<_>| {
        send.run(10);
        rig.run();
    };
    step(&mut rig, &mut send);
    let asked = rig.far.respond_next(&with(Response::new(Code::CONTINUE), BLOCK1, "0/1/16"));
    assert_eq!(said(&asked, BLOCK1), "0/1/16");
    rig.run();
    step(&mut rig, &mut send);
    rig.far.engine.release(rig.time.now(), ReleaseOptions::default()).unwrap();
    rig.run();
    // What came is gone, and it would have to begin anew, which it may not here.
    let lost = Response::new(Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(said(&rig.far.respond_next(&lost), BLOCK1), "1/1/16");
    rig.run();
    step(&mut rig, &mut send);
    let error = send.output.take().expect("it fails").unwrap_err();
    assert_eq!(error.sent(), Sent::No, "{error}");
    assert_eq!(rig.closed(), CloseReason::Released);
}

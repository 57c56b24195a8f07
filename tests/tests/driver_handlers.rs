//! Handlers that misbehave cost their own request, nothing else.

mod driver_support;

use coap_ws_core::message::{Code, Request as Draft};
use coap_ws_core::{CloseReason, Side};
use coap_ws_driver::{ErrorKind, Handler, Remote, Request, Response, Router};
use driver_support::{Rig, Task, config};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

fn get(rig: &mut Rig<Router>, path: &str) {
    rig.far.request(&Draft::get().segment(path));
    rig.run();
}

/// Panics of handlers are part of these tests; their messages are not.
fn quietly<T>(call: impl FnOnce() -> T) -> T {
    static HOOK: Mutex<()> = Mutex::new(());
    let _one = HOOK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = call();
    std::panic::set_hook(hook);
    result
}

// T78
#[test]
fn t78_a_panic_is_answered_5_00_and_the_connection_lives() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let later = Arc::clone(&gate);
    let app = Router::new()
        .get("/hello", async || "hi")
        .get("/at-once", async || -> Response { panic!("at once") })
        .get("/later", move || {
            let gate = Arc::clone(&later);
            async move {
                let _gate = gate.acquire().await;
                if true {
                    panic!("later");
                }
                Code::CONTENT
            }
        })
        .get("/in-the-call", || -> std::future::Ready<Response> { panic!("in the call") });
    let mut rig = Rig::acceptor(app).opened();
    quietly(|| {
        for path in ["at-once", "later", "in-the-call"] {
            get(&mut rig, path);
        }
        gate.add_permits(1);
        rig.run();
    });
    get(&mut rig, "hello");
    let five = Code::INTERNAL_SERVER_ERROR;
    assert_eq!(rig.far.codes(), [five, five, five, Code::CONTENT]);
    assert!(rig.far.closed.is_none());
}

// T78
#[test]
fn t78_a_panic_of_the_connect_hook_stays_in_its_connection() {
    let app = Router::new().get("/hello", async || "hi").on_connect(|_| panic!("at connect"));
    let mut rig = quietly(|| Rig::acceptor(app).opened());
    get(&mut rig, "hello");
    assert_eq!(rig.far.codes(), [Code::CONTENT]);
}

struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

// T79
#[test]
fn t79_a_handler_that_never_returns_is_answered_5_03_and_dropped() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Arc::clone(&dropped);
    let app = Router::new().get("/hello", async || "hi").get("/never", move || {
        let guard = OnDrop(Arc::clone(&guard));
        async move {
            pending::<()>().await;
            drop(guard);
            "never"
        }
    });
    let mut rig = Rig::acceptor(app).opened();
    get(&mut rig, "never");
    get(&mut rig, "never");
    rig.advance(Duration::from_secs(24));
    assert!(rig.far.codes().is_empty());
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.far.codes(), [Code::SERVICE_UNAVAILABLE; 2]);
    assert_eq!(dropped.load(Ordering::Relaxed), 2, "their futures are dropped");
    get(&mut rig, "hello");
    assert_eq!(rig.far.codes()[2..], [Code::CONTENT]);
}

#[test]
fn handlers_are_dropped_with_their_connection() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Arc::clone(&dropped);
    let app = Router::new().get("/asks", move |request: Request| {
        let guard = OnDrop(Arc::clone(&guard));
        async move {
            // It wants to go on whatever comes of its request.
            let answer = request.remote().get("/back").send().await;
            pending::<()>().await;
            drop(guard);
            answer
        }
    });
    let mut rig = Rig::acceptor(app).opened();
    for _ in 0..3 {
        get(&mut rig, "asks");
    }
    assert_eq!(rig.far.requests.len(), 3);
    // The peer aborts, and keeps its end open: the stream lingers, the handlers do not.
    let now = rig.time.now();
    rig.far.engine.abort(now, "bye");
    let last = rig.far.take_output();
    rig.wire.borrow_mut().give(&last);
    rig.near.run(100);
    assert!(rig.remote.is_closed() && !rig.near.is_done());
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
}

#[test]
fn a_handler_asks_its_own_peer() {
    let app = Router::new()
        .post("/reverse", async |request: Request| request.remote().get("/hello").send().await);
    let mut rig = Rig::acceptor(app).opened();
    rig.far.answers(|_| Some(Response::content("hi from the client")));
    for _ in 0..64 {
        rig.far.request(&Draft::post(b"").segment("reverse"));
    }
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT; 64]);
    let payload = rig.far.responses[63].1.payload();
    assert_eq!(payload, "hi from the client");
}

#[test]
fn a_handler_may_keep_its_remote_beyond_the_connection() {
    let kept: Arc<Mutex<Vec<Remote>>> = Arc::default();
    let place = Arc::clone(&kept);
    let app = Router::new().get("/keep", move |request: Request| {
        place.lock().unwrap().push(request.remote().clone());
        std::future::ready("kept")
    });
    let mut rig = Rig::acceptor(app).opened();
    get(&mut rig, "keep");
    let remote = kept.lock().unwrap()[0].clone();
    rig.far.answers(|_| Some(Response::content("still here")));
    let answer = rig.finish(remote.get("/x").send()).unwrap();
    assert_eq!(answer.text().unwrap(), "still here");
    rig.wire.borrow_mut().end();
    rig.run();
    assert!(rig.near.is_done());
    let error = rig.finish(remote.get("/x").send()).unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.sent(), coap_ws_core::Sent::No);
}

#[test]
fn a_handler_may_end_its_own_connection() {
    let app = Router::new().get("/end", async |request: Request| {
        request.remote().abort("that is enough");
        "too late?"
    });
    let mut rig = Rig::acceptor(app).opened();
    get(&mut rig, "end");
    assert_eq!(rig.far.codes(), [Code::CONTENT], "what was answered before still leaves");
    assert_eq!(rig.far.aborted.as_deref(), Some("that is enough"));
    assert!(rig.near.is_done());
}

// T45
#[test]
fn t45_without_blocks_a_response_too_large_for_the_peer_becomes_a_small_5_00() {
    for limit in [64, 100, 1152, 10_000] {
        let app = Router::new().get("/big", async || vec![1; 65_536]);
        let mut far = config(Side::Initiator);
        far.connection.limits.max_message_size = limit;
        let mut near = config(Side::Acceptor);
        near.block_wise = false.into();
        let mut rig = Rig::new(near, far, app).opened();
        get(&mut rig, "big");
        assert_eq!(rig.far.codes(), [Code::INTERNAL_SERVER_ERROR], "limit {limit}");
        let size = rig.far.responses[0].1.view().as_bytes().len();
        assert!(size <= limit as usize, "{size} of {limit}");
        assert!(rig.far.closed.is_none());
    }
}

#[test]
fn what_a_handler_gives_that_is_no_response_becomes_5_00() {
    let app = Router::new()
        .get("/empty", async || Code::EMPTY)
        .get("/request", async || Code::GET)
        .get("/etag", async || Response::content("x").etag(vec![0; 9]));
    let mut rig = Rig::acceptor(app).opened();
    for path in ["empty", "request", "etag"] {
        get(&mut rig, path);
    }
    assert_eq!(rig.far.codes().len(), 3);
    assert!(rig.far.codes()[..2].iter().all(|code| *code == Code::INTERNAL_SERVER_ERROR));
}

/// Answers when it is polled for the third time, and wakes itself until then.
struct Restless(u32);

impl Future for Restless {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        self.0 += 1;
        if self.0 == 3 {
            return Poll::Ready(Response::content("at last"));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

struct RestlessHandler;

impl Handler for RestlessHandler {
    type Future = Restless;

    fn call(&self, _: Request) -> Restless {
        Restless(0)
    }
}

#[test]
fn handlers_that_wake_themselves_are_polled_to_their_end() {
    let mut rig = Rig::acceptor(RestlessHandler).opened();
    for _ in 0..64 {
        rig.far.request(&Draft::get());
    }
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT; 64]);
    assert!(rig.near.polls < 200, "{} polls", rig.near.polls);
}

/// A waker that runs user code at once: it asks again, through the very remote that wakes it.
struct Inline {
    remote: Remote,
    done: AtomicBool,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let request = self.remote.get("/from-the-waker").send();
        let mut request = Box::pin(request);
        let _ = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(request);
        self.remote.abort("from the waker");
        let _ = (self.remote.is_closed(), self.remote.peer_settings());
        self.done.store(true, Ordering::Relaxed);
    }
}

/// Runs a test on a thread of its own, which may deadlock.
fn within_a_minute(test: impl FnOnce() + Send + 'static) {
    let (tx, rx) = channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = tx.send(());
    });
    match rx.recv_timeout(Duration::from_secs(60)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("deadlock"),
        _ => thread.join().expect("the test holds"),
    }
}

#[test]
fn a_waker_that_waits_for_a_place_may_ask_again_at_once() {
    within_a_minute(|| {
        let mut near = config(Side::Initiator);
        near.connection.limits.max_exchanges = 1;
        let far = config(Side::Acceptor);
        let mut rig = Rig::new(near, far, coap_ws_driver::NoHandler).opened();
        let mut first = Task::new(rig.remote.get("/first").send());
        first.poll();
        rig.run();
        let inline = Arc::new(Inline { remote: rig.remote.clone(), done: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&inline));
        let mut waits = Box::pin(rig.remote.get("/waits").send());
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        rig.far.respond_next(&Response::content("ok"));
        rig.run();
        assert!(inline.done.load(Ordering::Relaxed));
        assert!(rig.near.is_done());
    });
}

#[test]
fn a_waker_of_an_answer_or_of_the_end_may_ask_again_at_once() {
    within_a_minute(|| {
        for ends in [false, true] {
            let mut rig = Rig::asking().opened();
            let inline =
                Arc::new(Inline { remote: rig.remote.clone(), done: AtomicBool::new(false) });
            let waker = Waker::from(Arc::clone(&inline));
            let mut asks = Box::pin(rig.remote.get("/asks").send());
            assert!(asks.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            rig.run();
            if ends {
                rig.wire.borrow_mut().end();
            } else {
                rig.far.respond_next(&Response::content("ok"));
            }
            rig.run();
            assert!(inline.done.load(Ordering::Relaxed));
        }
    });
}

#[test]
fn the_error_of_a_request_names_how_the_connection_ended() {
    let mut rig = Rig::asking().opened();
    let mut ask = Task::new(rig.remote.get("/x").send());
    ask.poll();
    rig.run();
    let now = rig.time.now();
    rig.far.engine.abort(now, "nobody home");
    rig.run();
    ask.run(10);
    let error = ask.output.take().unwrap().unwrap_err();
    let ErrorKind::Closed(closed) = error.kind() else { panic!("{error}") };
    assert_eq!(closed.reason, CloseReason::AbortedByPeer);
    assert_eq!(closed.diagnostic.as_deref(), Some("nobody home"));
    assert_eq!(error.sent(), coap_ws_core::Sent::Maybe);
}

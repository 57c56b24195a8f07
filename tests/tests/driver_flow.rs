//! Bytes through a driver: how many calls they cost, and that none is lost or waited for in
//! vain.

mod driver_support;

use coap_ws_core::message::{Code, Request as Draft, encode_message};
use coap_ws_core::{CloseReason, Side};
use coap_ws_driver::{Driver, ErrorKind, Handler, RemoteInfo, Response, Router, Transport};
use driver_support::{Calls, Clock, Fault, Rig, Task, Time, Wire, WireState, config, engine};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Semaphore;

const BIG: usize = 65_536;

/// `/ready` answers at once, `/big` with 64 KiB, `/gated` with as much once the gate is open,
/// `/never` not at all.
fn app(gate: &Arc<Semaphore>) -> Router {
    let gate = Arc::clone(gate);
    let gated = move || {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.expect("it is never closed").forget();
            vec![7; BIG]
        }
    };
    Router::new()
        .get("/ready", async || "ok")
        .get("/big", async || vec![7; BIG])
        .put("/store", async || Code::CHANGED)
        .get("/gated", gated)
        .get("/never", std::future::pending::<Response>)
}

/// A far end that may have as many requests in flight as a test wants.
fn rig<H: Handler + Unpin>(handler: H) -> Rig<H> {
    let mut far = config(Side::Initiator);
    far.connection.limits.max_exchanges = 4096;
    far.connection.keepalive_interval = None;
    Rig::new(config(Side::Acceptor), far, handler)
}

fn ready_rig() -> Rig<Router> {
    rig(app(&Arc::new(Semaphore::new(0)))).opened()
}

#[test]
fn sixty_four_pipelined_requests_take_one_read_and_one_write() {
    let mut rig = ready_rig();
    for _ in 0..64 {
        rig.far.request(&Draft::get().segment("ready"));
    }
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT; 64]);
    let calls = rig.wire.borrow().calls;
    assert_eq!((calls.read, calls.write, calls.flush), (1, 1, 1), "{calls:?}");
    assert_eq!(rig.near.polls, 1);
}

// T61
#[test]
fn t61_a_thousand_pipelined_requests_of_a_ready_resource_get_a_thousand_answers() {
    let mut rig = ready_rig();
    for _ in 0..1000 {
        rig.far.request(&Draft::get().segment("ready"));
    }
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT; 1000]);
}

// T61
#[test]
fn t61_requests_beyond_the_table_get_5_03_and_the_others_their_answer() {
    let gate = Arc::new(Semaphore::new(0));
    let mut rig = rig(app(&gate)).opened();
    for _ in 0..130 {
        rig.far.request(&Draft::get().segment("gated"));
    }
    rig.run();
    assert_eq!(rig.far.codes(), [Code::SERVICE_UNAVAILABLE; 2]);
    gate.add_permits(128);
    rig.run();
    assert_eq!(rig.far.codes()[2..], [Code::CONTENT; 128]);
}

/// Peak of the heap that the driver's side has beyond what it had before.
fn peak(call: impl FnOnce()) -> u64 {
    allocation_counter::measure(call).bytes_max
}

// T53
#[test]
fn t53_pending_answers_to_a_peer_that_does_not_read_wait_with_their_handlers() {
    let gate = Arc::new(Semaphore::new(0));
    let mut rig = rig(app(&gate)).opened();
    for _ in 0..128 {
        rig.far.request(&Draft::get().segment("gated"));
    }
    rig.run();
    rig.wire.borrow_mut().stuck = true;
    rig.far.deaf = true;
    let peak = peak(|| {
        gate.add_permits(128);
        rig.near.run(1000);
    });
    assert!(peak < 512 * 1024, "{peak} bytes");
    assert!(peak > BIG as u64, "{peak} bytes: nothing was answered at all");
    rig.wire.borrow_mut().unstick();
    rig.far.deaf = false;
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT; 128]);
    assert!(rig.far.responses.iter().all(|(_, message)| message.view().payload().len() == BIG));
}

// T53
#[test]
fn t53_ready_answers_to_a_peer_that_does_not_read_are_not_even_asked_for() {
    let mut rig = ready_rig();
    rig.wire.borrow_mut().stuck = true;
    rig.far.deaf = true;
    for _ in 0..128 {
        rig.far.request(&Draft::get().segment("big"));
    }
    let requests = rig.far.take_output();
    rig.wire.borrow_mut().give(&requests);
    let peak = peak(|| _ = rig.near.run(1000));
    // High water, the message above it while the queue grows, and the chunk that was read.
    assert!(peak < 576 * 1024, "{peak} bytes");
    rig.wire.borrow_mut().unstick();
    rig.far.deaf = false;
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT; 128]);
}

// T53
#[test]
fn t53_a_peer_that_never_reads_is_given_up_after_the_stall_timeout() {
    let mut rig = ready_rig();
    rig.wire.borrow_mut().stuck = true;
    rig.far.deaf = true;
    rig.far.request(&Draft::get().segment("big"));
    rig.advance(Duration::from_secs(29));
    assert!(!rig.remote.is_closed());
    rig.advance(Duration::from_secs(2));
    let closed = rig.closed();
    assert_eq!(closed, CloseReason::WriteStall);
    assert!(rig.near.is_done());
}

#[test]
fn uploads_in_both_directions_at_once_do_not_stop_each_other() {
    let mut rig = ready_rig();
    rig.far.answers(|_| Some(Response::new(Code::CHANGED)));
    // A stream that holds little, as a slow network does.
    rig.wire.borrow_mut().room = 32 * 1024;
    rig.wire.borrow_mut().read_at_most = 8 * 1024;
    let body = vec![7; BIG];
    let mut asks: Vec<_> =
        (0..64).map(|_| Task::new(rig.remote.put("/store").body(body.clone()).send())).collect();
    asks.iter_mut().for_each(Task::poll);
    // The far end holds its requests back until ours have filled the queue.
    rig.far.deaf = true;
    rig.run();
    for _ in 0..3 {
        rig.far.request(&Draft::put(&body).segment("store"));
    }
    rig.run();
    // The near end still reads: the requests of the other are answered as soon as it listens.
    assert!(rig.wire.borrow().incoming.is_empty(), "our own requests stop our reading");
    rig.far.deaf = false;
    for _ in 0..200 {
        rig.run();
        asks.iter_mut().for_each(|ask| _ = ask.run(10));
    }
    assert_eq!(rig.far.codes(), [Code::CHANGED; 3]);
    for ask in &asks {
        let response = ask.output.as_ref().expect("it is answered").as_ref().unwrap();
        assert_eq!(response.code(), Code::CHANGED);
    }
}

#[test]
fn large_answers_in_both_directions_at_once_do_not_stop_each_other() {
    let mut rig = ready_rig();
    rig.far.answers(|_| Some(Response::content(vec![2; BIG])));
    // A stream that holds little, as a slow network does.
    rig.wire.borrow_mut().room = 32 * 1024;
    let mut asks: Vec<_> = (0..64).map(|_| Task::new(rig.remote.get("/big").send())).collect();
    asks.iter_mut().for_each(Task::poll);
    for _ in 0..64 {
        rig.far.request(&Draft::get().segment("big"));
    }
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT; 64]);
    for mut ask in asks {
        ask.run(10);
        assert_eq!(ask.output.expect("it is answered").unwrap().body().len(), BIG);
    }
    assert!(!rig.remote.is_closed());
}

// T85
#[test]
fn t85_one_byte_at_a_time_gives_the_same_and_each_readiness_one_poll() {
    let rig = rig(app(&Arc::new(Semaphore::new(0))));
    {
        let mut wire = rig.wire.borrow_mut();
        (wire.read_at_most, wire.write_at_most, wire.room) = (1, 1, 1);
    }
    let mut rig = rig.opened();
    for _ in 0..10 {
        rig.far.request(&Draft::get().segment("ready"));
    }
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT; 10]);
    let calls = rig.wire.borrow().calls;
    // Each write takes one byte, and the next waits until that is carried away; each read
    // brings one.
    let most = calls.read + calls.write + 2;
    assert!(rig.near.polls <= most as u64, "{} polls, {calls:?}", rig.near.polls);
    assert!(calls.write_pending <= most && calls.read_pending <= most, "{calls:?}");
}

// T85
#[test]
fn t85_what_would_block_for_ever_costs_nothing() {
    let mut rig = ready_rig();
    rig.wire.borrow_mut().stuck = true;
    rig.far.request(&Draft::get().segment("ready"));
    rig.run();
    let before = (rig.near.polls, rig.wire.borrow().calls);
    for _ in 0..100 {
        rig.run();
    }
    assert_eq!((rig.near.polls, rig.wire.borrow().calls), before);
    rig.advance(Duration::from_secs(20));
    assert!(rig.near.polls <= before.0 + 3, "{} polls in twenty seconds", rig.near.polls);
}

// T86
#[test]
fn t86_spurious_wakes_change_nothing_and_cost_one_poll_each() {
    let mut rig = ready_rig();
    rig.run();
    let (polls, calls) = (rig.near.polls, rig.wire.borrow().calls);
    for _ in 0..50 {
        rig.wire.borrow_mut().spurious();
        rig.run();
    }
    assert_eq!(rig.near.polls, polls + 50);
    let after = rig.wire.borrow().calls;
    let reads = calls.read_pending + 50;
    assert_eq!(after, Calls { read_pending: reads, ..calls }, "one look each, nothing else");
    rig.far.request(&Draft::get().segment("ready"));
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT]);
}

// T85
#[test]
fn t85_interrupted_calls_are_made_again() {
    for n in [2, 3, 5, 7] {
        let rig = rig(app(&Arc::new(Semaphore::new(0))));
        rig.wire.borrow_mut().fault = Some(Fault::Each(n, io::ErrorKind::Interrupted));
        let mut rig = rig.opened();
        rig.far.request(&Draft::get().segment("big"));
        rig.run();
        assert_eq!(rig.far.codes(), [Code::CONTENT], "every {n}th call");
    }
}

// T84
#[test]
fn t84_an_error_at_any_call_ends_every_request_once_and_the_connection() {
    for n in 1..60 {
        let mut rig = Rig::asking();
        rig.far.answers(|_| Some(Response::content(vec![1; 3000])));
        rig.wire.borrow_mut().fault = Some(Fault::From(n, io::ErrorKind::ConnectionReset));
        let mut asks: Vec<_> = (0..3).map(|_| Task::new(rig.remote.get("/x").send())).collect();
        asks.iter_mut().for_each(Task::poll);
        rig.run();
        asks.iter_mut().for_each(|ask| _ = ask.run(10));
        let broken = rig.near.is_done();
        for ask in &asks {
            match ask.output.as_ref().expect("it ends") {
                Ok(response) => assert_eq!(response.code(), Code::CONTENT),
                Err(error) => {
                    assert!(broken, "call {n}: {error}");
                    assert!(matches!(error.kind(), ErrorKind::Closed(_)), "call {n}: {error}");
                }
            }
        }
        assert_eq!(broken, rig.remote.is_closed());
        if broken {
            assert!(rig.near.polls < 20, "call {n}: {} polls", rig.near.polls);
        }
    }
}

// T85
#[test]
fn t85_a_flush_that_fails_or_a_write_that_takes_nothing_ends_the_connection() {
    for zero in [false, true] {
        let mut rig = ready_rig();
        {
            let mut wire = rig.wire.borrow_mut();
            wire.writes_zero = zero;
            wire.fault = (!zero).then_some(Fault::Flush(io::ErrorKind::BrokenPipe));
        }
        rig.far.request(&Draft::get().segment("ready"));
        rig.near.run(100);
        rig.run();
        assert!(rig.near.is_done());
        assert_eq!(rig.closed(), CloseReason::Lost);
    }
}

/// One message as a client's frame with a mask of zeros.
fn masked(message: &[u8]) -> Vec<u8> {
    let mut frame =
        vec![0x82, 0x80 | u8::try_from(message.len()).expect("a small one"), 0, 0, 0, 0];
    frame.extend_from_slice(message);
    frame
}

fn get(token: &[u8], path: &str) -> Vec<u8> {
    let mut buffer = [0; 64];
    let len = encode_message(&mut buffer, token, &Draft::get().segment(path)).unwrap();
    masked(&buffer[..len])
}

// T79, T62
#[test]
fn t79_t62_a_peer_that_never_pauses_does_not_stop_the_clock() {
    let mut rig = ready_rig();
    rig.far.deaf = true;
    rig.far.mute = true;
    let mut ask = Task::new(rig.remote.get("/x").timeout(Duration::from_secs(5)).send());
    ask.poll();
    rig.wire.borrow_mut().give(&get(b"\xaa\xbb\xcc\xdd", "never"));
    let flood: Vec<u8> = get(b"\x01", "ready").repeat(3000);
    for _ in 0..30 {
        let waiting = rig.wire.borrow().incoming.len();
        if waiting < flood.len() {
            rig.wire.borrow_mut().give(&flood);
        }
        rig.near.poll();
        rig.time.skip(Duration::from_secs(1));
    }
    ask.run(10);
    assert!(ask.output.expect("its time was up").unwrap_err().is_timeout());
    let out = &rig.wire.borrow().outgoing;
    let late = b"\xa3\xaa\xbb\xcc\xdd";
    assert!(out.windows(late.len()).any(|window| window == late), "no 5.03 after 30 s");
}

/// A stream whose reads run another driver: user code inside a call of ours.
struct Nested<H: Handler + Unpin> {
    wire: Wire,
    inner: Task<Driver<Wire, Clock, H>>,
}

impl<H: Handler + Unpin> Transport for Nested<H> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.inner.poll();
        self.wire.poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner.poll();
        self.wire.poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll();
        self.wire.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_shutdown(cx)
    }
}

#[test]
fn a_stream_may_run_another_driver_inside_its_calls() {
    let time = Rc::new(Time::default());
    let inner = ready_rig();
    let wire = Rc::new(RefCell::new(WireState::default()));
    let transport = Nested { wire: Wire(Rc::clone(&wire)), inner: inner.near };
    let near = engine(time.now(), config(Side::Acceptor));
    let clock = Clock::new(Rc::clone(&time));
    let handler = app(&Arc::new(Semaphore::new(0)));
    let (_remote, driver) = Driver::new(near, transport, clock, handler, RemoteInfo::default());
    let mut task = Task::new(driver);
    wire.borrow_mut().give(b"GET /x HTTP/1.1\r\n\r\n");
    task.run(100);
    assert!(wire.borrow().outgoing.starts_with(b"HTTP/1.1 4"));
}

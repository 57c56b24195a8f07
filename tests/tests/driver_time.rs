//! Deadlines of a driver, in virtual time: keepalive, CSM, timeouts, and ends in good order.

mod driver_support;

use coap_ws_core::message::{Code, Request as Draft};
use coap_ws_core::{CloseReason, Sent, Side, Violation};
use coap_ws_driver::{Client, ErrorKind, NoHandler, Response, Router, Server, ServerLimits};
use driver_support::{Memory, Rig, Task, config};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn received(rig: &Rig<NoHandler>) -> u64 {
    rig.far.engine.connection().expect("it is open").stats().messages_received
}

#[test]
fn ping_08_an_idle_connection_is_pinged_after_25_s_and_each_byte_is_a_sign_of_life() {
    let mut rig = Rig::asking().opened();
    let before = received(&rig);
    rig.advance(24 * SECOND);
    assert_eq!(received(&rig), before);
    rig.advance(2 * SECOND);
    assert_eq!(received(&rig), before + 1, "one Ping");
    rig.advance(23 * SECOND);
    assert_eq!(received(&rig), before + 1, "its Pong was a sign of life");
    rig.advance(2 * SECOND);
    assert_eq!(received(&rig), before + 2);
    assert!(!rig.remote.is_closed());
    assert!(rig.near.polls < 20, "{} polls in fifty seconds", rig.near.polls);
}

#[test]
fn a_peer_that_has_gone_silent_is_given_up() {
    let mut rig = Rig::asking().opened();
    let mut ask = Task::new(rig.remote.get("/x").send());
    ask.poll();
    rig.run();
    rig.far.mute = true;
    rig.advance(44 * SECOND);
    assert!(!rig.remote.is_closed());
    rig.advance(2 * SECOND);
    ask.run(10);
    let error = ask.output.take().expect("it has failed").unwrap_err();
    let ErrorKind::Closed(closed) = error.kind() else { panic!("{error}") };
    assert_eq!(closed.reason, CloseReason::KeepaliveTimeout);
    assert_eq!(error.sent(), Sent::Maybe);
    rig.advance(10 * SECOND);
    assert!(rig.near.is_done(), "the stream is dropped");
}

/// An acceptor's answer to the handshake with its CSM held back.
fn without_settings(mut rig: Rig<NoHandler>) -> (Rig<NoHandler>, Vec<u8>) {
    rig.far.mute = true;
    rig.run();
    rig.far.mute = false;
    let output = rig.far.take_output();
    rig.far.mute = true;
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    rig.wire.borrow_mut().give(&output[..end]);
    rig.run();
    assert!(rig.remote.peer_settings().is_none());
    (rig, output[end..].to_vec())
}

#[test]
fn csm_05_what_is_larger_than_1152_bytes_waits_for_the_csm_and_holds_up_nothing() {
    let (mut rig, settings) = without_settings(Rig::asking());
    let mut big = Task::new(rig.remote.put("/big").body(vec![1; 2000]).send());
    let mut small = Task::new(rig.remote.get("/small").send());
    big.poll();
    small.poll();
    rig.run();
    assert_eq!(rig.far.paths(), ["/small"]);
    rig.advance(5 * SECOND);
    rig.wire.borrow_mut().give(&settings);
    rig.far.mute = false;
    rig.run();
    assert_eq!(rig.far.paths(), ["/small", "/big"]);
    rig.far.respond_next(&Response::content("small"));
    rig.far.respond_next(&Response::new(Code::CHANGED));
    rig.run();
    for ask in [&mut big, &mut small] {
        ask.run(10);
        assert!(ask.output.take().expect("it is answered").is_ok());
    }
}

#[test]
fn csm_08_a_csm_that_never_comes_ends_what_waits_for_it_unsent() {
    let (mut rig, _) = without_settings(Rig::asking());
    let mut big = Task::new(rig.remote.put("/big").body(vec![1; 2000]).send());
    big.poll();
    rig.advance(11 * SECOND);
    big.run(10);
    let error = big.output.take().expect("it has failed").unwrap_err();
    let ErrorKind::Closed(closed) = error.kind() else { panic!("{error}") };
    assert_eq!(closed.reason, CloseReason::Violation(Violation::SettingsLate));
    assert_eq!(error.sent(), Sent::No);
}

// T62
#[test]
fn t62_a_request_that_is_not_answered_ends_in_time_and_its_late_answer_is_ignored() {
    let mut rig = Rig::asking().opened();
    let mut short = Task::new(rig.remote.get("/x").timeout(2 * SECOND).send());
    let mut long = Task::new(rig.remote.get("/y").send());
    short.poll();
    long.poll();
    rig.advance(3 * SECOND);
    short.run(10);
    let error = short.output.take().expect("its time is up").unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.sent(), Sent::Maybe);
    rig.far.respond_next(&Response::content("late"));
    rig.far.respond_next(&Response::content("right"));
    rig.run();
    long.run(10);
    assert_eq!(long.output.take().expect("it is answered").unwrap().text().unwrap(), "right");
}

#[test]
fn a_request_with_no_time_at_all_is_not_sent() {
    let mut rig = Rig::asking().opened();
    let error = rig.finish(rig.remote.get("/x").timeout(Duration::ZERO).send()).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.sent(), Sent::No);
    assert!(rig.far.requests.is_empty());
}

// T01
#[test]
fn t01_an_opening_handshake_that_does_not_end_ends_the_connection() {
    let mut rig = Rig::asking();
    rig.far.mute = true;
    let remote = rig.remote.clone();
    let mut opened = Task::new(async move { remote.opened().await });
    opened.poll();
    rig.advance(9 * SECOND);
    opened.run(10);
    assert!(opened.output.is_none());
    rig.advance(2 * SECOND);
    opened.run(10);
    assert!(opened.output.take().expect("it has failed").is_err());
    rig.advance(10 * SECOND);
    assert!(rig.near.is_done());
}

#[test]
fn rel_03_a_release_of_ours_ends_when_the_peer_closes() {
    let mut rig = Rig::asking().opened();
    let mut ask = Task::new(rig.remote.get("/x").send());
    ask.poll();
    rig.run();
    let remote = rig.remote.clone();
    let mut release = Task::new(async move { remote.release().await });
    release.poll();
    rig.run();
    assert!(rig.far.released);
    assert!(rig.far.closed.is_none(), "what is begun is finished first");
    rig.far.respond_next(&Response::content("finished"));
    rig.run();
    ask.run(10);
    release.run(10);
    assert_eq!(ask.output.take().expect("it is answered").unwrap().text().unwrap(), "finished");
    assert_eq!(release.output.take().expect("it is over").reason, CloseReason::Released);
    assert_eq!(rig.far.closed, Some(CloseReason::Released));
    assert!(rig.near.is_done());
}

#[test]
fn a_request_that_was_asked_for_before_a_release_goes_before_it() {
    let mut rig = Rig::asking().opened();
    let mut ask = Task::new(rig.remote.get("/x").send());
    ask.poll();
    let remote = rig.remote.clone();
    let mut release = Task::new(async move { remote.release().await });
    release.poll();
    rig.run();
    assert_eq!(rig.far.paths(), ["/x"]);
    rig.far.respond_next(&Response::content("ok"));
    rig.run();
    ask.run(10);
    assert!(ask.output.take().expect("it is answered").is_ok());
}

#[test]
fn a_release_waits_for_room_behind_output_that_is_not_taken() {
    let gate = Arc::new(Semaphore::new(0));
    let opens = Arc::clone(&gate);
    let app = Router::new().get("/big", move || {
        let gate = Arc::clone(&opens);
        async move {
            _ = gate.acquire().await;
            vec![1; 65_536]
        }
    });
    let mut rig = Rig::acceptor(app).opened();
    for _ in 0..10 {
        rig.far.request(&Draft::get().segment("big"));
    }
    rig.run();
    rig.wire.borrow_mut().stuck = true;
    gate.add_permits(100);
    rig.run();
    let remote = rig.remote.clone();
    let mut release = Task::new(async move { remote.release().await });
    release.poll();
    rig.advance(SECOND);
    rig.wire.borrow_mut().unstick();
    rig.run();
    assert!(rig.far.released, "the Release leaves when there is room");
    release.run(10);
    assert_eq!(rig.far.codes(), [Code::CONTENT; 10]);
    assert_eq!(release.output.take().expect("it is over").reason, CloseReason::Released);
}

#[test]
fn a_release_before_the_connection_is_open_ends_it() {
    let mut rig = Rig::asking();
    rig.far.mute = true;
    rig.run();
    let remote = rig.remote.clone();
    rig.finish(async move { remote.release().await });
    assert!(rig.near.is_done());
}

#[test]
fn memory_is_given_back_a_second_after_the_last_byte_and_nothing_happens_after_that() {
    let mut near = config(Side::Acceptor);
    near.connection.keepalive_interval = None;
    let mut far = config(Side::Initiator);
    far.connection.keepalive_interval = None;
    let app = Router::new().get("/hello", async || "hi");
    let mut rig = Rig::new(near, far, app).opened();
    rig.far.request(&Draft::get().segment("hello"));
    rig.run();
    rig.advance(3 * SECOND);
    let polls = rig.near.polls;
    rig.advance(3600 * SECOND);
    assert_eq!(rig.near.polls, polls, "an idle connection costs nothing");
}

// T95
#[tokio::test(start_paused = true)]
async fn t95_a_graceful_shutdown_loses_no_accepted_request() {
    let app = Router::new().get("/slow/{seconds}", |request: coap_ws_driver::Request| {
        let seconds = request.param("seconds").and_then(|s| s.parse().ok()).unwrap_or(0);
        async move {
            sleep(seconds * SECOND).await;
            "done"
        }
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::<Memory>::bind("localhost:1").await.unwrap();
    let serving = server.serve(app).with_graceful_shutdown(async { _ = stopped.await });
    let serving = tokio::spawn(serving);
    let mut asks = Vec::new();
    for connection in 0..4 {
        let client = Client::<Memory>::connect("coap+ws://localhost:1").await.unwrap();
        for n in 0..16 {
            let path = format!("/slow/{}", (connection * 5 + n) % 20);
            asks.push(tokio::spawn(client.get(&path).send()));
        }
    }
    sleep(SECOND / 2).await;
    let start = Instant::now();
    stop.send(()).unwrap();
    for ask in asks {
        assert_eq!(ask.await.unwrap().unwrap().text().unwrap(), "done");
    }
    serving.await.unwrap().unwrap();
    assert!(start.elapsed() < 21 * SECOND, "{:?}", start.elapsed());
    let client = Client::<Memory>::connect("coap+ws://localhost:1").await;
    client.expect_err("nobody is accepted any more");
}

// T95
#[tokio::test(start_paused = true)]
async fn t95_what_does_not_end_within_the_grace_is_aborted() {
    let mut limits = ServerLimits::default();
    limits.shutdown_grace = 3 * SECOND;
    let app = Router::new().get("/never", std::future::pending::<Response>);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::<Memory>::bind("localhost:1").await.unwrap().limits(limits);
    let serving = server.serve(app).with_graceful_shutdown(async { _ = stopped.await });
    let serving = tokio::spawn(serving);
    let client = Client::<Memory>::connect("coap+ws://localhost:1").await.unwrap();
    let ask = tokio::spawn(client.get("/never").send());
    sleep(SECOND).await;
    let start = Instant::now();
    stop.send(()).unwrap();
    let error = ask.await.unwrap().unwrap_err();
    let ErrorKind::Closed(closed) = error.kind() else { panic!("{error}") };
    assert_eq!(closed.reason, CloseReason::AbortedByPeer);
    serving.await.unwrap().unwrap();
    assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
}

/// A proxy in front of port 1 that cuts a connection after 60 s of silence, as nginx does.
fn proxy_that_cuts_after_60_s(port: u16) {
    use coap_ws_driver::Runtime as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, split};
    let mut arrivals = driver_support::streams(port);
    tokio::spawn(async move {
        while let Some((near, _)) = arrivals.recv().await {
            let server = ([127, 0, 0, 1], 1).into();
            let far = Memory::connect(server).await.expect("the server is there");
            let ((mut near_read, mut near_write), (mut far_read, mut far_write)) =
                (split(near.0), split(far.0));
            tokio::spawn(async move {
                let (mut up, mut down) = ([0; 4096], [0; 4096]);
                // Either direction keeps both alive.
                loop {
                    let passed = tokio::select! {
                        n = near_read.read(&mut up) => match n {
                            Ok(n @ 1..) => far_write.write_all(&up[..n]).await,
                            _ => break,
                        },
                        n = far_read.read(&mut down) => match n {
                            Ok(n @ 1..) => near_write.write_all(&down[..n]).await,
                            _ => break,
                        },
                        () = sleep(60 * SECOND) => break,
                    };
                    passed.expect("both ends take what comes");
                }
            });
        }
    });
}

// T87, PING-09
#[tokio::test(start_paused = true)]
async fn t87_ten_idle_minutes_behind_a_proxy_that_cuts_after_one() {
    let opened = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let app = Router::new()
        .on_connect(move |_| _ = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        .get("/hello", async || "hi");
    let server = Server::<Memory>::bind("localhost:1").await.unwrap();
    tokio::spawn(server.serve(app).into_future());
    proxy_that_cuts_after_60_s(2);

    let kept = Client::<Memory>::connect("coap+ws://localhost:2").await.unwrap();
    let mut config = config(Side::Initiator);
    config.connection.keepalive_interval = None;
    let silent = Client::<Memory>::builder().config(config);
    let silent = silent.connect("coap+ws://localhost:2").await.unwrap();
    let start = Instant::now();
    let closed = silent.remote().await.unwrap().closed().await;
    assert_eq!(closed.reason, CloseReason::Lost, "who sends no Ping is cut");
    assert_eq!(start.elapsed().as_secs(), 60);

    sleep(600 * SECOND).await;
    assert!(!kept.remote().await.unwrap().is_closed());
    assert_eq!(kept.get("/hello").send().await.unwrap().text().unwrap(), "hi");
    assert_eq!(opened.load(std::sync::atomic::Ordering::Relaxed), 2, "on the same connection");
}

//! An endpoint: which connection requests go by, and what becomes of it. In memory and in
//! virtual time.

mod driver_support;

use coap_ws_core::message::OptionNumber;
use coap_ws_core::pool::{Full, HeldOff, PoolConfig};
use coap_ws_core::{CloseReason, Sent};
use coap_ws_driver::engine::ReleaseNotice;
use coap_ws_driver::{Endpoint, Error, ErrorKind, NotTaken, Remote, Request, Router, Server};
use driver_support::{Memory, dials, silent};
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// A server on a port of its own, until the sender says otherwise; and who has connected.
struct Running {
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
    remotes: Arc<Mutex<Vec<Remote>>>,
}

/// The host and port that a request names.
fn asked_for(request: &Request) -> String {
    let value = |number| request.view().options_of(number).next();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let host = value(OptionNumber::URI_HOST).map(text);
    let port = value(OptionNumber::URI_PORT).map(<[u8]>::to_vec);
    format!("{host:?} {port:?}")
}

impl Running {
    async fn start(port: u16, notice: ReleaseNotice) -> Running {
        let remotes: Arc<Mutex<Vec<Remote>>> = Arc::default();
        let place = Arc::clone(&remotes);
        let app = Router::new()
            .get("/hello", move || async move { port.to_string() })
            .get("/host", async |request: Request| asked_for(&request))
            .get("/slow", async || {
                sleep(5 * SECOND).await;
                "slow"
            })
            .on_connect(move |remote| place.lock().unwrap().push(remote.clone()));
        let (stop, stopped) = oneshot::channel();
        let server = Server::<Memory>::bind(&format!("localhost:{port}")).await.unwrap();
        let server = server.release(notice);
        let ended =
            tokio::spawn(server.serve(app).with_graceful_shutdown(async { _ = stopped.await }));
        Running { stop: Some(stop), ended, remotes }
    }

    async fn quiet(port: u16) -> Running {
        Running::start(port, ReleaseNotice::default()).await
    }

    fn remote(&self, index: usize) -> Remote {
        self.remotes.lock().unwrap()[index].clone()
    }

    /// Ends in good order.
    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.ended.await.unwrap().unwrap();
    }
}

fn endpoint(change: impl FnOnce(&mut PoolConfig)) -> Endpoint<Memory> {
    let mut pool = PoolConfig::default();
    change(&mut pool);
    Endpoint::<Memory>::builder().pool(pool).endpoint().unwrap()
}

async fn get(endpoint: &Endpoint<Memory>, uri: &str) -> Result<String, Error> {
    Ok(endpoint.get(uri)?.send().await?.text().unwrap().to_owned())
}

// PING-15, WS-17
#[tokio::test(start_paused = true)]
async fn each_host_has_one_connection_made_when_it_is_needed() {
    let (_one, _two) = (Running::quiet(1).await, Running::quiet(2).await);
    let endpoint = endpoint(|_| {});
    assert_eq!(dials(), 0);
    let uris = ["coap+ws://localhost:1/hello", "coap+ws://localhost:2/hello"];
    let asks = (0..40).map(|n| get(&endpoint, uris[n % 2]));
    for (n, text) in join_all(asks).await.into_iter().enumerate() {
        assert_eq!(text.unwrap(), (n % 2 + 1).to_string());
    }
    assert_eq!(dials(), 2);
    assert_eq!(endpoint.stats().open, 2);
    assert_eq!(endpoint.remotes().len(), 2);
    // A client of it shares them.
    let client = endpoint.client("coap+ws://LOCALHOST:2/").unwrap();
    assert_eq!(client.get("/hello").send().await.unwrap().text().unwrap(), "2");
    assert_eq!(dials(), 2);
}

// URI-05
#[tokio::test(start_paused = true)]
async fn what_is_no_uri_of_ours_is_refused_before_anything_is_dialled() {
    let endpoint = endpoint(|_| {});
    for uri in ["coap://localhost/", "http://localhost/", "/hello", "coap+ws://u@localhost/"] {
        let error = get(&endpoint, uri).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Uri(_)), "{uri}: {error}");
        assert_eq!(error.sent(), Sent::No);
    }
    assert_eq!(dials(), 0);
}

// URI-21
#[tokio::test(start_paused = true)]
async fn a_multicast_address_is_never_dialled() {
    let endpoint = endpoint(|_| {});
    for uri in ["coap+ws://224.0.1.187/", "coap+ws://[ff02::fd]/"] {
        let error = get(&endpoint, uri).await.unwrap_err();
        assert!(error.to_string().contains("multicast"), "{error}");
    }
    assert_eq!(dials(), 0);
}

// T84, T88
#[tokio::test(start_paused = true)]
async fn a_server_restart_fails_what_is_pending_and_serves_what_comes_later() {
    let first = Running::quiet(1).await;
    let endpoint = endpoint(|_| {});
    get(&endpoint, "coap+ws://localhost:1/hello").await.unwrap();
    let slow = get(&endpoint, "coap+ws://localhost:1/slow");
    let crash = async {
        sleep(SECOND).await;
        first.remote(0).abort("crash");
    };
    let (error, ()) = tokio::join!(slow, crash);
    let error = error.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(error.sent(), Sent::Maybe);
    assert_eq!(endpoint.stats().open, 0, "it has left at once");
    let start = Instant::now();
    assert_eq!(get(&endpoint, "coap+ws://localhost:1/hello").await.unwrap(), "1");
    assert!(start.elapsed() <= SECOND / 5, "{:?}", start.elapsed());
    assert_eq!((dials(), endpoint.stats().lost), (2, 1));
}

// WS-36
#[tokio::test(start_paused = true)]
async fn a_host_that_refuses_is_tried_less_and_less_often() {
    let endpoint = endpoint(|_| {});
    let start = Instant::now();
    while start.elapsed() < 120 * SECOND {
        let error = get(&endpoint, "coap+ws://localhost:9/").await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
    }
    // Ten to reach the longest wait of 30 s, which is 15 s on average.
    assert!((10..60).contains(&dials()), "{}", dials());
    let patient = endpoint.get("coap+ws://localhost:9/").unwrap().timeout(SECOND / 1000);
    let error = patient.send().await.unwrap_err();
    let ErrorKind::HeldOff { why: HeldOff::BackOff, .. } = error.kind() else { panic!("{error}") };
    assert!(error.to_string().contains("not tried again for another"), "{error}");
}

// REL-12, T58
#[tokio::test(start_paused = true)]
async fn a_hold_off_is_waited_for_or_told() {
    let notice = ReleaseNotice::default().hold_off(10 * SECOND);
    let server = Running::start(1, notice).await;
    let endpoint = endpoint(|_| {});
    let uri = "coap+ws://localhost:1/hello";
    get(&endpoint, uri).await.unwrap();
    let held = endpoint.remotes().pop().unwrap();
    server.stop().await;
    assert_eq!(held.closed().await.reason, CloseReason::Released);
    let told = held.released().unwrap().hold_off;
    assert!((10 * SECOND..=20 * SECOND).contains(&told), "{told:?}");
    let _again = Running::quiet(1).await;
    let start = Instant::now();
    let hurried = endpoint.get(uri).unwrap().timeout(5 * SECOND).send().await.unwrap_err();
    let ErrorKind::HeldOff { why: HeldOff::Release, .. } = hurried.kind() else {
        panic!("{hurried}")
    };
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits for what comes too late");
    assert_eq!(get(&endpoint, uri).await.unwrap(), "1");
    let waited = start.elapsed();
    assert!(waited >= told - SECOND && waited <= told + SECOND, "{waited:?} of {told:?}");
}

// T88
#[tokio::test(start_paused = true)]
async fn a_servers_hold_offs_are_spread() {
    let server = Running::start(1, ReleaseNotice::default().hold_off(30 * SECOND)).await;
    let endpoints: Vec<_> = (0..20).map(|_| endpoint(|_| {})).collect();
    let mut remotes = Vec::new();
    for endpoint in &endpoints {
        get(endpoint, "coap+ws://localhost:1/hello").await.unwrap();
        remotes.extend(endpoint.remotes());
    }
    server.stop().await;
    let told: std::collections::BTreeSet<_> =
        remotes.iter().map(|remote| remote.released().unwrap().hold_off).collect();
    assert!(told.len() > 5, "{told:?}");
    assert!(told.iter().all(|time| (30 * SECOND..=60 * SECOND).contains(time)), "{told:?}");
}

// REL-11, REL-18, SEC-13, T59
#[tokio::test(start_paused = true)]
async fn an_alternative_is_asked_by_the_name_of_the_first() {
    for follow in [true, false] {
        let (one, two) = if follow { (11, 12) } else { (21, 22) };
        let notice = ReleaseNotice::default().alternative(format!("localhost:{two}"));
        let first = Running::start(one, notice).await;
        let _second = Running::quiet(two).await;
        let endpoint = endpoint(|pool| pool.follow_alternative_address = follow);
        let uri = format!("coap+ws://localhost:{one}/host");
        assert_eq!(get(&endpoint, &uri).await.unwrap(), "None None");
        first.stop().await;
        let outcome = get(&endpoint, &uri).await;
        match follow {
            true => assert_eq!(outcome.unwrap(), r#"Some("localhost") Some([11])"#),
            false => {
                let error = outcome.unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_idle_are_released_and_the_next_request_connects_again() {
    let server = Running::quiet(1).await;
    let endpoint = endpoint(|_| {});
    let uri = "coap+ws://localhost:1/hello";
    get(&endpoint, uri).await.unwrap();
    sleep(299 * SECOND).await;
    get(&endpoint, uri).await.unwrap();
    sleep(299 * SECOND).await;
    assert_eq!((dials(), endpoint.stats().open), (1, 1), "it was used meanwhile");
    sleep(2 * SECOND).await;
    assert_eq!((endpoint.stats().open, endpoint.stats().evicted), (0, 1));
    assert_eq!(server.remote(0).closed().await.reason, CloseReason::Released);
    get(&endpoint, uri).await.unwrap();
    assert_eq!(dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_is_not_idle() {
    let _server = Running::quiet(1).await;
    let endpoint = endpoint(|pool| pool.idle_timeout = Some(SECOND));
    assert_eq!(get(&endpoint, "coap+ws://localhost:1/slow").await.unwrap(), "slow");
    assert_eq!((dials(), endpoint.stats().evicted), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_what_is_idle_makes_room_and_what_is_not_says_so() {
    let _servers = (Running::quiet(1).await, Running::quiet(2).await, Running::quiet(3).await);
    let endpoint = endpoint(|pool| pool.max_connections = 2);
    get(&endpoint, "coap+ws://localhost:1/hello").await.unwrap();
    let slow = get(&endpoint, "coap+ws://localhost:2/slow");
    let others = async {
        sleep(SECOND).await;
        assert_eq!(get(&endpoint, "coap+ws://localhost:3/hello").await.unwrap(), "3");
        let slow = get(&endpoint, "coap+ws://localhost:3/slow");
        let refused = async {
            sleep(SECOND / 2).await;
            let error = get(&endpoint, "coap+ws://localhost:1/hello").await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Full(Full::Connections)), "{error}");
        };
        let (slow, ()) = tokio::join!(slow, refused);
        assert_eq!(slow.unwrap(), "slow");
    };
    let (slow, ()) = tokio::join!(slow, others);
    assert_eq!(slow.unwrap(), "slow");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_dial_drives_it_on_when_its_first_request_is_dropped() {
    let _server = Running::quiet(1).await;
    let endpoint = endpoint(|_| {});
    let uri = "coap+ws://localhost:1/hello";
    let mut first = Box::pin(get(&endpoint, uri));
    let mut second = Box::pin(get(&endpoint, uri));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    drop(first);
    assert_eq!(second.await.unwrap(), "1");
    assert_eq!(dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_nobody_waits_for_ends_and_is_no_failure() {
    silent(1);
    let endpoint = endpoint(|_| {});
    let uri = "coap+ws://localhost:1/hello";
    timeout(SECOND, get(&endpoint, uri)).await.unwrap_err();
    let _server = Running::quiet(1).await;
    let start = Instant::now();
    get(&endpoint, uri).await.unwrap();
    assert_eq!((start.elapsed(), endpoint.stats().failed), (Duration::ZERO, 0));
}

// URI-23
#[tokio::test(start_paused = true)]
async fn who_has_connected_to_us_is_in_the_same_table() {
    let endpoint = endpoint(|_| {});
    let ours = endpoint.clone();
    let app = Router::new().on_connect(move |remote| ours.accepted(remote).unwrap());
    let server = Server::<Memory>::bind("localhost:1").await.unwrap();
    tokio::spawn(server.serve(app).into_future());
    let device = coap_ws_driver::Client::<Memory>::builder()
        .serve(Router::new().get("/hello", async || "from the device"))
        .connect("coap+ws://localhost:1")
        .await
        .unwrap();
    let remote = endpoint.remotes().pop().expect("it is there");
    // It tells one table of its end: another one would keep it for ever.
    let other = self::endpoint(|_| {});
    assert_eq!(endpoint.accepted(&remote), Err(NotTaken::Known));
    assert_eq!(other.accepted(&remote), Err(NotTaken::Known));
    assert_eq!((endpoint.remotes().len(), other.remotes().len()), (1, 0));
    assert_eq!(remote.info().base, None, "it has no URI");
    let answer = remote.get("/hello").send().await.unwrap();
    assert_eq!(answer.text().unwrap(), "from the device");
    device.release().await;
    remote.closed().await;
    assert_eq!(endpoint.remotes().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_takes_the_connections_with_it() {
    let server = Running::quiet(1).await;
    let endpoint = endpoint(|_| {});
    get(&endpoint, "coap+ws://localhost:1/hello").await.unwrap();
    let client = endpoint.client("coap+ws://localhost:1").unwrap();
    drop(endpoint);
    sleep(SECOND).await;
    assert!(!server.remote(0).is_closed());
    drop(client);
    assert_eq!(server.remote(0).closed().await.reason, CloseReason::Released);
}

//! Observations that outlive their connection (RFC 8323 §3.4; OBS-24). In memory and in virtual
//! time.

mod driver_support;

use coap_ws_core::message::Code;
use coap_ws_driver::{
    Client, Error, ErrorKind, Notifier, Observation, Remote, Request, Response, Router, Server,
};
use driver_support::{Memory, dials};
use futures_util::FutureExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);
const BASE: &str = "coap+ws://localhost:8683";

/// A server with a number to be observed, `/n`.
struct Site {
    stop: oneshot::Sender<()>,
    changed: Notifier,
    value: Arc<AtomicUsize>,
    remotes: Arc<Mutex<Vec<Remote>>>,
    queries: Arc<Mutex<Vec<String>>>,
    there: Arc<AtomicBool>,
}

impl Site {
    async fn start() -> Site {
        let (stop, stopped) = oneshot::channel();
        let changed = Notifier::new();
        let value = Arc::new(AtomicUsize::new(0));
        let remotes: Arc<Mutex<Vec<Remote>>> = Arc::default();
        let queries: Arc<Mutex<Vec<String>>> = Arc::default();
        let there = Arc::new(AtomicBool::new(true));
        let (now, seen, exists) = (Arc::clone(&value), Arc::clone(&queries), Arc::clone(&there));
        let handler = move |request: Request| {
            seen.lock().unwrap().extend(request.query("as").map(String::from));
            let there = exists.load(Ordering::Relaxed);
            let text = now.load(Ordering::Relaxed).to_string();
            async move { if there { Ok(text) } else { Err(Code::NOT_FOUND) } }
        };
        let place = Arc::clone(&remotes);
        let app = Router::new()
            .observable("/n", (changed.clone(), handler))
            .on_connect(move |remote| place.lock().unwrap().push(remote.clone()));
        let server = Server::<Memory>::bind("localhost:8683").await.unwrap();
        tokio::spawn(server.serve(app).with_graceful_shutdown(async { _ = stopped.await }));
        Site { stop, changed, value, remotes, queries, there }
    }

    fn set(&self, value: usize) {
        self.value.store(value, Ordering::Relaxed);
        self.changed.notify();
    }

    /// Cuts the last connection that came.
    async fn cut(&self) {
        let remote = self.remotes.lock().unwrap().last().cloned().unwrap();
        remote.abort("cut");
        remote.closed().await;
    }
}

async fn item(seen: &mut Observation) -> Option<Result<Response, Error>> {
    timeout(1000 * SECOND, seen.next()).await.expect("something comes")
}

async fn text(seen: &mut Observation) -> String {
    item(seen).await.expect("it goes on").expect("a response").text().unwrap()
}

// OBS-24
#[tokio::test(start_paused = true)]
async fn an_observation_is_registered_anew_after_a_loss_that_is_told() {
    let site = Site::start().await;
    let client = Client::<Memory>::connect(BASE).await.unwrap();
    let mut seen = client.observe("/n?as=me").reconnect().await.unwrap();
    assert_eq!(text(&mut seen).await, "0");
    site.set(1);
    assert_eq!(text(&mut seen).await, "1");
    for round in 2..5 {
        site.cut().await;
        let lost = item(&mut seen).await.unwrap().unwrap_err();
        assert!(lost.is_closed(), "{lost}");
        assert!(!seen.is_observing());
        assert_eq!(site.changed.observers(), 0);
        site.set(round * 10);
        let start = Instant::now();
        assert_eq!(text(&mut seen).await, (round * 10).to_string());
        assert!(seen.is_observing());
        let waited = start.elapsed();
        assert!(waited >= SECOND / 2 && waited < 2 * SECOND, "with jitter: {waited:?}");
        site.set(round * 10 + 1);
        assert_eq!(text(&mut seen).await, (round * 10 + 1).to_string());
        assert_eq!(site.changed.observers(), 1);
    }
    assert_eq!(dials(), 4);
    assert!(site.queries.lock().unwrap().iter().all(|query| query == "me"));
}

// OBS-24: without being asked to, it is not.
#[tokio::test(start_paused = true)]
async fn without_reconnect_a_loss_is_the_end() {
    let site = Site::start().await;
    let client = Client::<Memory>::connect(BASE).await.unwrap();
    let mut seen = client.observe("/n").await.unwrap();
    assert_eq!(text(&mut seen).await, "0");
    site.cut().await;
    assert!(item(&mut seen).await.unwrap().unwrap_err().is_closed());
    assert!(item(&mut seen).await.is_none());
    assert!(item(&mut seen).await.is_none());
    assert_eq!(dials(), 1);
}

// OBS-24, T58: a server that is away is asked less and less often, and each failure is told.
#[tokio::test(start_paused = true)]
async fn attempts_back_off_and_each_failure_is_an_item() {
    let site = Site::start().await;
    let client = Client::<Memory>::connect(BASE).await.unwrap();
    let mut seen = client.observe("/n").reconnect().await.unwrap();
    assert_eq!(text(&mut seen).await, "0");
    // The listener goes first, then the connection.
    let Site { stop, remotes, .. } = site;
    driver_support::streams(8683);
    remotes.lock().unwrap()[0].abort("away");
    assert!(item(&mut seen).await.unwrap().unwrap_err().is_closed());
    let mut waits = Vec::new();
    for _ in 0..9 {
        let start = Instant::now();
        let error = item(&mut seen).await.unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error}");
        waits.push(start.elapsed());
    }
    for (n, wait) in waits.iter().enumerate() {
        let usual = Duration::from_secs([1, 2, 4, 8, 16, 32, 60, 60, 60][n]);
        assert!(*wait >= usual / 2 && *wait <= usual * 3 / 2 + SECOND, "{waits:?}");
    }
    drop(stop);
    // It is back, and so is the observation.
    let _site = Site::start().await;
    assert_eq!(text(&mut seen).await, "0");
    assert!(seen.is_observing());
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_server_is_not_argued_with() {
    let site = Site::start().await;
    let client = Client::<Memory>::connect(BASE).await.unwrap();
    let mut seen = client.observe("/n").reconnect().await.unwrap();
    assert_eq!(text(&mut seen).await, "0");
    site.there.store(false, Ordering::Relaxed);
    site.changed.notify();
    assert_eq!(item(&mut seen).await.unwrap().unwrap().code(), Code::NOT_FOUND);
    assert!(item(&mut seen).await.is_none());
    assert_eq!(dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_observation_keeps_its_connection_and_gives_it_back() {
    let site = Site::start().await;
    let client = Client::<Memory>::connect(BASE).await.unwrap();
    let mut seen = client.observe("/n").await.unwrap();
    drop(client);
    assert_eq!(text(&mut seen).await, "0");
    site.set(1);
    assert_eq!(text(&mut seen).await, "1");
    let remote = site.remotes.lock().unwrap()[0].clone();
    assert!(remote.closed().now_or_never().is_none());
    drop(seen);
    let closed = timeout(10 * SECOND, remote.closed()).await.expect("it is released");
    assert_eq!(closed.reason, coap_ws_core::CloseReason::Released);
    assert_eq!(site.changed.observers(), 0);
}

// OBS-06: dropped in the middle of coming back.
#[tokio::test(start_paused = true)]
async fn dropping_it_while_it_comes_back_leaves_nothing_behind() {
    let site = Site::start().await;
    let client = Client::<Memory>::connect(BASE).await.unwrap();
    let mut seen = client.observe("/n").reconnect().await.unwrap();
    assert_eq!(text(&mut seen).await, "0");
    site.cut().await;
    assert!(item(&mut seen).await.unwrap().is_err());
    assert!(timeout(SECOND / 4, seen.next()).await.is_err(), "it waits");
    drop(seen);
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(dials(), 1);
    assert_eq!(site.changed.observers(), 0);
}

/// Both ends are servers: the one that accepted observes the one that connected.
#[tokio::test(start_paused = true)]
async fn a_server_observes_its_client() {
    let site = Site::start().await;
    let changed = Notifier::new();
    let value = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&value);
    let handler = move || {
        let text = now.load(Ordering::Relaxed).to_string();
        async move { text }
    };
    let own = Router::new().observable("/sensor", (changed.clone(), handler));
    let _client = Client::<Memory>::builder().serve(own).connect(BASE).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let remote = site.remotes.lock().unwrap()[0].clone();
    let mut seen = remote.observe("/sensor").reconnect().await.unwrap();
    assert_eq!(text(&mut seen).await, "0");
    value.store(1, Ordering::Relaxed);
    changed.notify();
    assert_eq!(text(&mut seen).await, "1");
    remote.abort("enough");
    assert!(item(&mut seen).await.unwrap().unwrap_err().is_closed());
    assert!(item(&mut seen).await.is_none(), "a remote is one connection");
}

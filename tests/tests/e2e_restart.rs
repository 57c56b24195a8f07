//! Servers that go and come back under clients that use an endpoint.

mod e2e_support;

use coap_ws_core::Sent;
use coap_ws_core::block::BlockSize;
use coap_ws_core::pool::PoolConfig;
use coap_ws_driver::{ConnectError, ErrorKind};
use coap_ws_tokio::{Client, Error, Observable, Request, Response, Router, Server};
use e2e_support::{HANG, SECOND};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// What a server has begun to handle, by the payload of the request. It outlives servers.
#[derive(Clone, Default)]
struct Ledger {
    begun: Arc<Mutex<HashSet<u64>>>,
}

impl Ledger {
    fn begin(&self, request: &Request) -> u64 {
        let id = std::str::from_utf8(&request.body()).unwrap().parse().expect("a number");
        assert!(self.begun.lock().unwrap().insert(id), "{id} came twice");
        id
    }

    fn has_begun(&self, id: u64) -> bool {
        self.begun.lock().unwrap().contains(&id)
    }

    /// `/work` takes some milliseconds, `/never` is never done.
    fn app(&self) -> Router {
        let (work, never) = (self.clone(), self.clone());
        Router::new()
            .post("/work", move |request: Request| {
                let id = work.begin(&request);
                async move {
                    sleep(Duration::from_millis(id % 7)).await;
                    text(id)
                }
            })
            .post("/never", move |request: Request| {
                never.begin(&request);
                std::future::pending::<Response>()
            })
    }
}

/// A server on a given port, on a runtime of its own that can be taken away.
struct Killable {
    runtime: tokio::runtime::Runtime,
}

impl Killable {
    /// `port` 0 is any. As a process that is started again does, it tries until the port is free.
    async fn start(port: u16, app: Router) -> (Killable, u16) {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build().expect("a runtime");
        let bound = runtime.spawn(async move {
            let server = bind(port).await;
            let port = server.local_addrs().next().expect("it listens").port();
            tokio::spawn(server.serve(app).into_future());
            port
        });
        let port = bound.await.expect("it binds");
        (Killable { runtime }, port)
    }

    /// Everything is dropped where it is, as if the process was killed.
    fn kill(self) {
        self.runtime.shutdown_background();
    }
}

async fn bind(port: u16) -> Server {
    loop {
        match Server::bind(&format!("127.0.0.1:{port}")).await {
            Ok(server) => return server,
            Err(_) => sleep(Duration::from_millis(1)).await,
        }
    }
}

/// A server that ends in good order.
struct Graceful {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Graceful {
    fn start(server: Server, app: Router) -> Graceful {
        let (stop, stopped) = oneshot::channel();
        let serving = server.serve(app).with_graceful_shutdown(async { _ = stopped.await });
        Graceful { stop, ended: tokio::spawn(serving) }
    }
}

/// Waits no longer than it must after a loss: tests are short.
fn pool() -> PoolConfig {
    let mut pool = PoolConfig::default();
    (pool.backoff_first, pool.backoff_most) =
        (Duration::from_millis(10), Duration::from_millis(100));
    pool
}

fn client(port: u16) -> Client {
    let endpoint = Client::builder().pool(pool()).block_wise(BlockSize::B256).endpoint();
    let endpoint = endpoint.expect("a good configuration");
    endpoint.client(&format!("coap+ws://127.0.0.1:{port}")).expect("a good URI")
}

/// A number as text: each fifth is so long that it goes in blocks, both ways.
fn text(id: u64) -> String {
    let width = if id.is_multiple_of(5) { 1000 } else { 1 };
    format!("{id:0width$}")
}

async fn ask(client: Client, path: &'static str, id: u64) -> (u64, Result<Response, Error>) {
    let answer = client.post(path).body(text(id)).timeout(HANG / 2).send();
    (id, timeout(HANG, answer).await.expect("nothing hangs"))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(SECOND / 200).await;
        }
    };
    timeout(HANG, wait).await.unwrap_or_else(|_| panic!("{what}: by and by"));
}

// T57, REL-17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pending_when_a_server_is_killed_fails_and_says_whether_it_may_have_run() {
    let ledger = Ledger::default();
    let (server, port) = Killable::start(0, ledger.app()).await;
    let client = client(port);
    let pending: Vec<_> =
        (0..20).map(|id| tokio::spawn(ask(client.clone(), "/never", id))).collect();
    until("all have come", || ledger.begun.lock().unwrap().len() == 20).await;
    server.kill();
    for task in pending {
        let (id, answer) = task.await.unwrap();
        let error = answer.expect_err("nobody has answered it");
        assert!(error.is_closed(), "{id}: {error}");
        assert_eq!(error.sent(), Sent::Maybe, "{id} has begun: {error}");
    }
    // While there is no server, nothing is sent; and it does not take for ever to hear so.
    let asked = client.post("/work").body("1000").timeout(SECOND / 5).send();
    let error = timeout(HANG, asked).await.expect("nothing hangs").unwrap_err();
    assert_eq!(error.sent(), Sent::No, "{error}");
    assert!(!ledger.has_begun(1000));
    // The next one by another connection, without anybody doing anything.
    let (server, same) = Killable::start(port, ledger.app()).await;
    assert_eq!(same, port);
    let (_, answer) = ask(client.clone(), "/work", 1001).await;
    assert_eq!(answer.unwrap().text().unwrap(), "1001");
    server.kill();
}

// T57, T95, REL-03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pending_when_a_server_ends_in_good_order_is_answered() {
    let ledger = Ledger::default();
    let server = bind(0).await;
    let port = server.local_addrs().next().unwrap().port();
    let server = Graceful::start(server, ledger.app());
    let client = client(port);
    let pending: Vec<_> =
        (0..50).map(|id| tokio::spawn(ask(client.clone(), "/work", id))).collect();
    until("some have come", || !ledger.begun.lock().unwrap().is_empty()).await;
    server.stop.send(()).unwrap();
    let next = Graceful::start(bind(port).await, ledger.app());
    for task in pending {
        let (id, answer) = task.await.unwrap();
        match answer {
            Ok(response) => assert_eq!(response.text().unwrap(), text(id)),
            Err(error) => {
                assert_eq!(error.sent(), Sent::No, "{id}: {error}");
                assert!(!ledger.has_begun(id), "{id} has begun: {error}");
            }
        }
    }
    timeout(HANG, server.ended).await.expect("nothing hangs").unwrap().unwrap();
    let (_, answer) = ask(client, "/work", 1000).await;
    assert_eq!(answer.unwrap().text().unwrap(), text(1000));
    drop(next);
}

// OBS-24, OBS-26
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observations_come_back_after_either_end() {
    let value = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&value);
    let resource = Observable::new(move || {
        let text = now.load(Ordering::Relaxed).to_string();
        async move { text }
    });
    let app = || Router::new().observable("/n", resource.clone());
    let (killable, port) = Killable::start(0, app()).await;
    let client = client(port);
    let mut seen = client.observe("/n").reconnect().await.unwrap();
    assert_eq!(seen.next().await.unwrap().unwrap().text().unwrap(), "0");
    let mut next = async |expected: &str| {
        // The losses are items too.
        let wait = async {
            loop {
                match seen.next().await.expect("it goes on") {
                    Ok(response) if response.text().unwrap() == expected => return,
                    Ok(_) => {}
                    Err(error) => assert!(error.is_closed() || error.sent() == Sent::No),
                }
            }
        };
        timeout(HANG, wait).await.unwrap_or_else(|_| panic!("{expected} comes by and by"));
    };
    value.store(1, Ordering::Relaxed);
    killable.kill();
    let graceful = Graceful::start(bind(port).await, app());
    next("1").await;
    value.store(2, Ordering::Relaxed);
    graceful.stop.send(()).unwrap();
    timeout(HANG, graceful.ended).await.expect("an observer holds nothing up").unwrap().unwrap();
    let last = Graceful::start(bind(port).await, app());
    next("2").await;
    value.store(3, Ordering::Relaxed);
    resource.notify();
    next("3").await;
    drop(last);
}

/// What became of the requests of one client.
#[derive(Default)]
struct Tally {
    answered: HashSet<u64>,
    failed: Vec<(u64, Error)>,
}

/// Asks without a pause, `lanes` requests at a time, until `over`.
async fn load(client: Client, base: u64, lanes: u64, over: Arc<AtomicBool>) -> Tally {
    let lanes = (0..lanes).map(|lane| {
        let (client, over) = (client.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let mut tally = Tally::default();
            let mut id = base + lane * 1_000_000;
            while !over.load(Ordering::Relaxed) {
                id += 1;
                match ask(client.clone(), "/work", id).await.1 {
                    Ok(response) => {
                        assert_eq!(response.text().unwrap(), text(id));
                        tally.answered.insert(id);
                    }
                    Err(error) => tally.failed.push((id, error)),
                }
            }
            tally
        })
    });
    let mut all = Tally::default();
    for lane in lanes.collect::<Vec<_>>() {
        let tally = lane.await.expect("it runs to its end");
        all.answered.extend(tally.answered);
        all.failed.extend(tally.failed);
    }
    all
}

// T57, T95, REL-03, REL-15
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_restarts_under_load_lose_no_accepted_request() {
    const RESTARTS: usize = 200;
    const CLIENTS: u64 = 4;
    const LANES: u64 = 16;
    let ledger = Ledger::default();
    let first = bind(0).await;
    let port = first.local_addrs().next().unwrap().port();
    let mut server = Graceful::start(first, ledger.app());
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| tokio::spawn(load(client(port), n * 1_000_000_000, LANES, Arc::clone(&over))))
        .collect();
    let mut endings = Vec::new();
    for restart in 0..RESTARTS {
        // The load gets a hold of each: some requests have begun, and more are on their way.
        let before = ledger.begun.lock().unwrap().len();
        until("it is used", || ledger.begun.lock().unwrap().len() > before + 20).await;
        sleep(Duration::from_millis(restart as u64 % 11)).await;
        server.stop.send(()).unwrap();
        endings.push(server.ended);
        // The next one takes the port while the one before still answers.
        server = Graceful::start(bind(port).await, ledger.app());
    }
    over.store(true, Ordering::Relaxed);
    let mut answered = HashSet::new();
    for client in clients {
        let tally = timeout(HANG, client).await.expect("nothing hangs").unwrap();
        for (id, error) in tally.failed {
            let forgotten = matches!(error.kind(), ErrorKind::Connect(why)
                if matches!(**why, ConnectError::Timeout));
            assert!(!forgotten, "an attempt that others wait for was given up: {error}");
            assert_eq!(error.sent(), Sent::No, "{id}: {error}");
            assert!(!ledger.has_begun(id), "{id} has begun, and failed: {error}");
        }
        answered.extend(tally.answered);
    }
    for ending in endings {
        timeout(HANG, ending).await.expect("every server ends").unwrap().unwrap();
    }
    // Counted at both ends.
    assert_eq!(answered, *ledger.begun.lock().unwrap());
    assert!(answered.len() > RESTARTS * 20, "{}", answered.len());
}

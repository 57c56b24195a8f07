//! Observations over real sockets.

mod e2e_support;

use coap_ws_core::message::ContentFormat;
use coap_ws_tokio::{Client, Notifier, Observable, Response, Router};
use e2e_support::{HANG, SECOND, Serving, serve};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{sleep, timeout};

/// A number to be observed at `/n`, and how to change it.
#[derive(Clone)]
struct Number {
    value: Arc<AtomicUsize>,
    resource: Observable,
}

impl Number {
    fn new() -> Number {
        let value = Arc::new(AtomicUsize::new(0));
        let now = Arc::clone(&value);
        let resource = Observable::new(move || {
            let text = now.load(Ordering::Relaxed).to_string();
            async move { Response::content(text).content_format(ContentFormat::TEXT) }
        });
        Number { value, resource }
    }

    fn set(&self, value: usize) {
        self.value.store(value, Ordering::Relaxed);
        self.resource.notify();
    }

    fn app(&self) -> Router {
        Router::new().observable("/n", self.resource.clone())
    }

    async fn observers(&self, count: usize) {
        let notifier = self.resource.notifier();
        let wait = async {
            while notifier.observers() != count {
                sleep(SECOND / 100).await;
            }
        };
        timeout(HANG, wait).await.expect("so many observe it by and by");
    }
}

async fn serve_number() -> (Serving, Number) {
    let number = Number::new();
    (serve(number.app()).await, number)
}

#[tokio::test]
async fn ten_notifications_each_as_it_comes() {
    let (server, number) = serve_number().await;
    let client = server.client().await;
    let mut seen = client.observe("/n").await.unwrap();
    for n in 0..=10 {
        let item = timeout(HANG, seen.next()).await.expect("a notification comes");
        assert_eq!(item.unwrap().unwrap().text().unwrap(), n.to_string());
        number.set(n + 1);
    }
    // Other requests use the same connection meanwhile.
    assert_eq!(client.get("/n").send().await.unwrap().text().unwrap(), "11");
    assert_eq!(server.opened(), 1);
    drop(seen);
    number.observers(0).await;
    assert_eq!(client.get("/n").send().await.unwrap().text().unwrap(), "11");
}

// OBS-18
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_observers_of_a_number_that_changes_without_pause_all_see_its_last_value() {
    const LAST: usize = 20_000;
    let (server, number) = serve_number().await;
    let base = server.base();
    let observers: Vec<_> = (0..50)
        .map(|_| {
            let base = base.clone();
            tokio::spawn(async move {
                let client = Client::connect(&base).await.unwrap();
                let mut seen = client.observe("/n").await.unwrap();
                let (mut before, mut items) = (0, 0);
                while let Some(item) = seen.next().await {
                    let value: usize = item.unwrap().text().unwrap().parse().unwrap();
                    assert!(value >= before, "what is older came later: {value} after {before}");
                    (before, items) = (value, items + 1);
                    if value == LAST {
                        break;
                    }
                }
                items
            })
        })
        .collect();
    number.observers(50).await;
    for n in 1..=LAST {
        number.set(n);
        if n % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for observer in observers {
        let items = timeout(HANG, observer).await.expect("the last value comes").unwrap();
        assert!(items >= 2);
    }
    number.observers(0).await;
}

// OBS-24
#[tokio::test]
async fn a_server_that_comes_back_is_observed_again() {
    let (server, number) = serve_number().await;
    let client = server.client().await;
    let mut seen = client.observe("/n").reconnect().await.unwrap();
    assert_eq!(seen.next().await.unwrap().unwrap().text().unwrap(), "0");
    let Serving { port, stop, task, .. } = server;
    stop.send(()).unwrap();
    let lost = timeout(HANG, seen.next()).await.unwrap().unwrap();
    assert!(lost.unwrap_err().is_closed());
    timeout(HANG, task).await.unwrap().unwrap().unwrap();
    number.set(7);
    let again = coap_ws_tokio::Server::bind(&format!("127.0.0.1:{port}")).await.unwrap();
    tokio::spawn(again.serve(number.app()).into_future());
    let mut value = None;
    while value.is_none() {
        let item = timeout(HANG, seen.next()).await.expect("it comes back").unwrap();
        value = item.ok().map(|response| response.text().unwrap());
    }
    assert_eq!(value.as_deref(), Some("7"));
    number.set(8);
    let item = timeout(HANG, seen.next()).await.unwrap().unwrap();
    assert_eq!(item.unwrap().text().unwrap(), "8");
}

/// A bus is followed while somebody observes, and only then.
#[tokio::test]
async fn a_source_of_changes_is_followed_while_somebody_observes() {
    let changed = Notifier::new();
    let followed = Arc::new(AtomicUsize::new(0));
    let (notifier, following) = (changed.clone(), Arc::clone(&followed));
    tokio::spawn(async move {
        loop {
            notifier.observed().await;
            following.fetch_add(1, Ordering::Relaxed);
            notifier.unobserved().await;
            following.fetch_sub(1, Ordering::Relaxed);
        }
    });
    let server = serve(Router::new().observable("/n", (changed, async || "x"))).await;
    let until = async |count: usize| {
        let wait = async {
            while followed.load(Ordering::Relaxed) != count {
                sleep(SECOND / 100).await;
            }
        };
        timeout(HANG, wait).await.expect("it is followed by and by");
    };
    for _ in 0..3 {
        let client = server.client().await;
        let seen = client.observe("/n").await.unwrap();
        until(1).await;
        drop(seen);
        until(0).await;
    }
}

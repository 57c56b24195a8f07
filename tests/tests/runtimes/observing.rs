//! Observations.

use crate::support::{Host, Outcome, Serving, app, pattern, serve, serve_as, until};
use crate::wire::Cable;
use coap_ws_core::message::Code;
use coap_ws_driver::{Client, Error, Notifier, Observable, Observation, Response, Router, Server};
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number to be observed at `/n`; 404 is none.
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
            ready(match now.load(Ordering::Relaxed) {
                404 => Response::error(Code::NOT_FOUND, "gone"),
                n => Response::content(n.to_string()),
            })
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

    async fn observers<R: Host>(&self, count: usize) {
        until::<R>(|| self.resource.notifier().observers() == count).await;
    }
}

async fn serve_number<R: Host>() -> Result<(Serving, Number), std::io::Error> {
    let number = Number::new();
    Ok((serve::<R>(number.app()).await?, number))
}

async fn state(seen: &mut Observation) -> Result<String, Error> {
    Ok(seen.next().await.expect("it goes on")?.text().expect("a number"))
}

pub(crate) async fn ten_states_each_as_it_comes<R: Host>() -> Outcome {
    let (serving, number) = serve_number::<R>().await?;
    let client = serving.client::<R>().await?;
    let mut seen = client.observe("/n").await?;
    for n in 0..=10 {
        assert_eq!(state(&mut seen).await?, n.to_string());
        number.set(n + 1);
    }
    // Other requests use the same connection meanwhile.
    assert_eq!(client.get("/n").send().await?.text()?, "11");
    assert_eq!(serving.opened(), 1);
    Ok(())
}

pub(crate) async fn of_many_changes_the_last_is_seen<R: Host>() -> Outcome {
    let (serving, number) = serve_number::<R>().await?;
    let client = serving.client::<R>().await?;
    let mut seen = client.observe("/n").await?;
    for n in 1..=400 {
        number.set(if n == 404 { 0 } else { n });
    }
    let mut last = 0;
    while last != 400 {
        let value = state(&mut seen).await?.parse()?;
        assert!(value >= last, "{value} after {last}");
        last = value;
    }
    Ok(())
}

pub(crate) async fn dropping_it_deregisters<R: Host>() -> Outcome {
    let (serving, number) = serve_number::<R>().await?;
    let client = serving.client::<R>().await?;
    let mut seen = client.observe("/n").await?;
    assert_eq!(state(&mut seen).await?, "0");
    number.observers::<R>(1).await;
    drop(seen);
    number.observers::<R>(0).await;
    assert_eq!(client.get("/n").send().await?.text()?, "0");
    Ok(())
}

pub(crate) async fn an_error_ends_it<R: Host>() -> Outcome {
    let (serving, number) = serve_number::<R>().await?;
    let client = serving.client::<R>().await?;
    let mut seen = client.observe("/n").await?;
    assert_eq!(state(&mut seen).await?, "0");
    number.set(404);
    assert_eq!(seen.next().await.expect("the error")?.code(), Code::NOT_FOUND);
    assert!(!seen.is_observing());
    number.observers::<R>(0).await;
    Ok(())
}

pub(crate) async fn two_clients_see_the_same<R: Host>() -> Outcome {
    let (serving, number) = serve_number::<R>().await?;
    let clients = [serving.client::<R>().await?, serving.client::<R>().await?];
    let mut one = clients[0].observe("/n").await?;
    let mut two = clients[1].observe("/n").await?;
    number.observers::<R>(2).await;
    for n in 0..5 {
        assert_eq!(state(&mut one).await?, n.to_string());
        assert_eq!(state(&mut two).await?, n.to_string());
        number.set(n + 1);
    }
    Ok(())
}

pub(crate) async fn what_cannot_be_observed_answers_once<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let mut seen = client.observe("/hello").await?;
    assert_eq!(state(&mut seen).await?, "hi");
    assert!(!seen.is_observing());
    Ok(())
}

pub(crate) async fn one_observer_more_than_there_may_be<R: Host>() -> Outcome {
    let app = Router::new().observable("/n", (Notifier::with_limit(1), || ready("x")));
    let client = serve::<R>(app).await?.client::<R>().await?;
    let first = client.observe("/n").await?;
    let mut second = client.observe("/n").await?;
    assert_eq!(state(&mut second).await?, "x");
    assert!(first.is_observing() && !second.is_observing());
    Ok(())
}

pub(crate) async fn large_states_come_whole<R: Host>() -> Outcome {
    let notifier = Notifier::new();
    let len = Arc::new(AtomicUsize::new(200_000));
    let now = Arc::clone(&len);
    let get = move || ready(pattern(now.load(Ordering::Relaxed)));
    let app = Router::new().observable("/n", (notifier.clone(), get));
    let client = serve::<R>(app).await?.client::<R>().await?;
    let mut seen = client.observe("/n").await?;
    for more in [300_000, 10, 400_000] {
        let whole = seen.next().await.expect("it goes on")?;
        assert!(whole.body() == &pattern(len.load(Ordering::Relaxed)));
        len.store(more, Ordering::Relaxed);
        notifier.notify();
    }
    Ok(())
}

pub(crate) async fn a_lost_connection_ends_it<R: Host>() -> Outcome {
    let (serving, number) = serve_number::<R>().await?;
    let cable = Cable::to(serving.port);
    let client = Client::<R>::connect(&crate::support::base(cable.port)).await?;
    let mut seen = client.observe("/n").await?;
    assert_eq!(state(&mut seen).await?, "0");
    cable.cut();
    let lost = seen.next().await.expect("it is told").unwrap_err();
    assert!(lost.is_closed(), "{lost}");
    assert!(seen.next().await.is_none());
    number.observers::<R>(0).await;
    Ok(())
}

pub(crate) async fn it_comes_back_after_a_loss<R: Host>() -> Outcome {
    let (serving, number) = serve_number::<R>().await?;
    let cable = Cable::to(serving.port);
    let client = Client::<R>::connect(&crate::support::base(cable.port)).await?;
    let mut seen = client.observe("/n").reconnect().await?;
    assert_eq!(state(&mut seen).await?, "0");
    number.set(7);
    assert_eq!(state(&mut seen).await?, "7");
    cable.cut();
    assert!(state(&mut seen).await.unwrap_err().is_closed());
    number.set(8);
    loop {
        // It may be lost again before the first state comes.
        if let Ok(value) = state(&mut seen).await {
            assert_eq!(value, "8");
            break;
        }
    }
    assert_eq!(serving.opened(), 2);
    Ok(())
}

pub(crate) async fn it_comes_back_with_its_server<R: Host>() -> Outcome {
    let (serving, number) = serve_number::<R>().await?;
    let address = format!("127.0.0.1:{}", serving.port);
    let client = serving.client::<R>().await?;
    let mut seen = client.observe("/n").reconnect().await?;
    assert_eq!(state(&mut seen).await?, "0");
    let ended = serving.stop();
    assert!(state(&mut seen).await.unwrap_err().is_closed());
    ended.await?;
    number.set(7);
    let _again = Serving::start(Server::<R>::bind(&address).await?, number.app());
    loop {
        if let Ok(value) = state(&mut seen).await {
            assert_eq!(value, "7");
            return Ok(());
        }
    }
}

pub(crate) async fn a_server_observes_its_client<R: Host>() -> Outcome {
    let number = Number::new();
    let serving = serve_as::<R>(Router::new(), |server| server).await?;
    let builder = Client::<R>::builder().serve(number.app());
    let _client = builder.connect(&serving.base()).await?;
    let remote = serving.remote::<R>(0).await;
    let mut seen = remote.observe("/n").await?;
    for n in 0..5 {
        assert_eq!(state(&mut seen).await?, n.to_string());
        number.set(n + 1);
    }
    Ok(())
}

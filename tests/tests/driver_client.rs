//! The client's connection: dialled once, shared, replaced when it is over, left behind by
//! nobody. In memory and in virtual time.

mod driver_support;

use coap_ws_core::message::Code;
use coap_ws_core::{CloseReason, Sent};
use coap_ws_driver::{Client, ConnectError, Error, ErrorKind, Remote, Response, Router, Server};
use driver_support::{Memory, dials, silent, streams};
use futures_util::future::join_all;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const BASE: &str = "coap+ws://localhost:8683";

/// A server on port 8683 until the sender says otherwise; and the remotes of who connects.
async fn serve(app: Router) -> (oneshot::Sender<()>, Arc<Mutex<Vec<Remote>>>) {
    let remotes: Arc<Mutex<Vec<Remote>>> = Arc::default();
    let place = Arc::clone(&remotes);
    let app = app.on_connect(move |remote| place.lock().unwrap().push(remote.clone()));
    let (stop, stopped) = oneshot::channel();
    let server = Server::<Memory>::bind("localhost:8683").await.unwrap();
    tokio::spawn(server.serve(app).with_graceful_shutdown(async { _ = stopped.await }));
    (stop, remotes)
}

fn app() -> Router {
    Router::new().get("/hello", async || "hi").get("/slow", async || {
        sleep(5 * SECOND).await;
        "slow"
    })
}

fn lazy() -> Client<Memory> {
    Client::<Memory>::builder().build(BASE).unwrap()
}

fn connect_error(error: &Error) -> &ConnectError {
    match error.kind() {
        ErrorKind::Connect(error) => error,
        _ => panic!("not of the dial: {error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn ws_17_first_requests_share_one_dial() {
    let (_stop, _) = serve(app()).await;
    let client = lazy();
    assert_eq!(dials(), 0, "it connects when it is first needed");
    let asks = (0..50).map(|_| client.clone().get("/hello").send());
    for response in join_all(asks).await {
        assert_eq!(response.unwrap().text().unwrap(), "hi");
    }
    assert_eq!(dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_a_dial_share_its_failure() {
    silent(8683);
    let client = Client::<Memory>::builder().connect_timeout(3 * SECOND).build(BASE).unwrap();
    let start = Instant::now();
    let asks = (0..50).map(|_| client.get("/hello").send());
    for outcome in join_all(asks).await {
        let error = outcome.unwrap_err();
        assert!(matches!(connect_error(&error), ConnectError::Timeout), "{error}");
        assert_eq!(error.sent(), Sent::No);
    }
    assert!(start.elapsed() < 4 * SECOND, "{:?}", start.elapsed());
    assert_eq!(dials(), 1);
    // The next one tries again.
    client.get("/hello").send().await.unwrap_err();
    assert_eq!(dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_told_by_the_opening_handshake() {
    silent(8683);
    let error = Client::<Memory>::connect(BASE).await.unwrap_err();
    let ConnectError::Opening(opening) = connect_error(&error) else { panic!("{error}") };
    assert!(opening.to_string().contains("did not answer in time"), "{opening}");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_request_counts_from_its_dial() {
    silent(8683);
    let client = lazy();
    let start = Instant::now();
    let error = client.get("/hello").timeout(2 * SECOND).send().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.sent(), Sent::No);
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_request_counts_while_it_waits_for_its_place() {
    let (_stop, _) = serve(Router::new().get("/never", std::future::pending::<Response>)).await;
    let client = lazy();
    let held = join_all((0..64).map(|_| client.get("/never").send()));
    let late = async {
        sleep(SECOND).await;
        let start = Instant::now();
        let error = client.get("/never").timeout(2 * SECOND).send().await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_eq!(error.sent(), Sent::No);
        assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    };
    tokio::select! {
        _ = held => panic!("they are answered after 25 s"),
        () = late => {}
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_dial_ends_its_connection() {
    let mut arrivals = streams(8683);
    let client = lazy();
    timeout(SECOND, client.get("/hello").send()).await.unwrap_err();
    let (mut stream, _) = arrivals.recv().await.unwrap();
    let mut seen = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream.0, &mut seen);
    timeout(SECOND, read).await.expect("the stream is at its end").unwrap();
    assert!(seen.starts_with(b"GET /.well-known/coap"));
}

// T84
#[tokio::test(start_paused = true)]
async fn t84_a_client_dials_again_and_says_what_may_have_been_done() {
    let (_stop, remotes) = serve(app()).await;
    let client = lazy();
    client.get("/hello").send().await.unwrap();
    let slow = client.get("/slow").send();
    let cut = async {
        sleep(SECOND).await;
        let server = remotes.lock().unwrap()[0].clone();
        server.abort("gone");
    };
    let (error, ()) = tokio::join!(slow, cut);
    let error = error.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(error.sent(), Sent::Maybe);
    assert_eq!(dials(), 1, "what may have been done is not done again");
    assert_eq!(client.get("/hello").send().await.unwrap().code(), Code::CONTENT);
    assert_eq!(dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_after_the_peers_release_goes_by_a_new_connection() {
    let (_stop, remotes) = serve(app()).await;
    let client = lazy();
    client.get("/hello").send().await.unwrap();
    // A request is open, so the released connection lives on for a while.
    let slow = tokio::spawn(client.get("/slow").send());
    sleep(SECOND).await;
    let server = remotes.lock().unwrap()[0].clone();
    let released = tokio::spawn(async move { server.release().await });
    sleep(SECOND).await;
    assert_eq!(client.get("/hello").send().await.unwrap().text().unwrap(), "hi");
    assert_eq!(dials(), 2);
    assert_eq!(slow.await.unwrap().unwrap().text().unwrap(), "slow");
    assert_eq!(released.await.unwrap().reason, CloseReason::Released);
}

#[tokio::test(start_paused = true)]
async fn the_last_clone_takes_its_connection_with_it() {
    let (_stop, remotes) = serve(app()).await;
    let client = lazy();
    let clone = client.clone();
    client.get("/hello").send().await.unwrap();
    drop(client);
    sleep(SECOND).await;
    let server = remotes.lock().unwrap()[0].clone();
    assert!(!server.is_closed());
    // A request in flight counts as one.
    let slow = tokio::spawn(clone.get("/slow").send());
    drop(clone);
    assert_eq!(slow.await.unwrap().unwrap().text().unwrap(), "slow");
    let closed = timeout(SECOND, server.closed()).await.expect("it is released");
    assert_eq!(closed.reason, CloseReason::Released);
}

#[tokio::test(start_paused = true)]
async fn release_waits_for_the_end_and_the_next_request_dials() {
    let (_stop, remotes) = serve(app()).await;
    let client = lazy();
    client.get("/hello").send().await.unwrap();
    client.release().await;
    let server = remotes.lock().unwrap()[0].clone();
    assert_eq!(server.closed().await.reason, CloseReason::Released);
    client.get("/hello").send().await.unwrap();
    assert_eq!(dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_listens() {
    let error = Client::<Memory>::connect(BASE).await.unwrap_err();
    assert!(matches!(connect_error(&error), ConnectError::Tcp { .. }), "{error}");
    assert!(error.to_string().contains("localhost:8683"), "{error}");
}

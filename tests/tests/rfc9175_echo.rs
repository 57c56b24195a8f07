//! RFC 9175 §2: a server that wants fresh requests, and a client that shows it.

mod driver_support;

use bytes::Bytes;
use coap_ws_core::message::{Code, OptionNumber};
use coap_ws_driver::{Client, Freshness, Request, Response, Router, Server};
use driver_support::Memory;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;

const BASE: &str = "coap+ws://localhost:8683";

/// The Echo of each request that came.
type Seen = Arc<Mutex<Vec<Option<Vec<u8>>>>>;

fn echo(request: &Request) -> Option<Vec<u8>> {
    request.view().option(OptionNumber::ECHO).map(<[u8]>::to_vec)
}

async fn serve(app: Router) -> Client<Memory> {
    let server = Server::<Memory>::bind("localhost:8683").await.unwrap();
    tokio::spawn(server.serve(app).into_future());
    Client::<Memory>::connect(BASE).await.unwrap()
}

/// Answers by what `answer` makes of the number of the request and its Echo.
fn app(seen: &Seen, answer: fn(usize, Option<&[u8]>) -> Response) -> Router {
    let seen = Arc::clone(seen);
    Router::new().put("/door", move |request: Request| {
        let echo = echo(&request);
        let mut seen = seen.lock().unwrap();
        let response = answer(seen.len(), echo.as_deref());
        seen.push(echo);
        std::future::ready(response)
    })
}

fn challenge(value: &'static [u8]) -> Response {
    Response::error(Code::UNAUTHORIZED, "show it")
        .option(OptionNumber::ECHO, Bytes::from_static(value))
}

// EXT-01, EXT-02, CODE-12
#[tokio::test(start_paused = true)]
async fn a_challenge_is_answered_once_with_its_value() {
    let seen = Seen::default();
    let client = serve(app(&seen, |_, echo| match echo {
        Some(b"now") => Response::new(Code::CHANGED),
        _ => challenge(b"now"),
    }))
    .await;
    let answer = client.put("/door").body("open").send().await.unwrap();
    assert_eq!(answer.code(), Code::CHANGED);
    assert_eq!(*seen.lock().unwrap(), [None, Some(b"now".to_vec())]);
}

// EXT-06
#[tokio::test(start_paused = true)]
async fn a_server_that_asks_again_has_its_answer_shown() {
    let seen = Seen::default();
    let client = serve(app(&seen, |_, _| challenge(b"again"))).await;
    let answer = client.put("/door").send().await.unwrap();
    assert_eq!(answer.code(), Code::UNAUTHORIZED);
    assert_eq!(seen.lock().unwrap().len(), 2);
}

// EXT-02, EXT-03
#[tokio::test(start_paused = true)]
async fn an_echo_of_any_response_goes_with_the_next_request_of_that_connection_only() {
    let seen = Seen::default();
    let client = serve(app(&seen, |count, _| match count {
        0 | 2 => Response::new(Code::CHANGED).option(OptionNumber::ECHO, Bytes::from_static(b"e")),
        _ => Response::new(Code::CHANGED),
    }))
    .await;
    for _ in 0..3 {
        client.put("/door").send().await.unwrap();
    }
    client.release().await;
    client.put("/door").send().await.unwrap();
    let expected = [None, Some(b"e".to_vec()), None, None];
    assert_eq!(*seen.lock().unwrap(), expected);
}

// EXT-01
#[tokio::test(start_paused = true)]
async fn who_brings_an_echo_is_left_alone_and_a_value_too_long_is_none() {
    let seen = Seen::default();
    let client = serve(app(&seen, |count, _| match count {
        0 => challenge(b"mine"),
        _ => challenge(&[7; 41]),
    }))
    .await;
    let own = client.put("/door").option(OptionNumber::ECHO, Bytes::from_static(b"own"));
    assert_eq!(own.send().await.unwrap().code(), Code::UNAUTHORIZED);
    assert_eq!(client.put("/door").send().await.unwrap().code(), Code::UNAUTHORIZED);
    assert_eq!(*seen.lock().unwrap(), [Some(b"own".to_vec()), None]);
}

// CODE-12, CODE-13
#[tokio::test(start_paused = true)]
async fn nothing_is_repeated_that_was_refused_for_another_reason() {
    let seen = Seen::default();
    let client = serve(app(&seen, |count, _| {
        let codes = [Code::UNAUTHORIZED, Code::BAD_OPTION, Code::TOO_MANY_REQUESTS];
        Response::error(codes[count], "no")
    }))
    .await;
    for expected in [Code::UNAUTHORIZED, Code::BAD_OPTION, Code::TOO_MANY_REQUESTS] {
        assert_eq!(client.put("/door").send().await.unwrap().code(), expected);
    }
    assert_eq!(seen.lock().unwrap().len(), 3);
}

/// A door that opens for who shows that the request is fresh.
fn guarded(fresh: Freshness<Memory>, opened: &Arc<Mutex<u32>>) -> Router {
    let (fresh, opened) = (Arc::new(fresh), Arc::clone(opened));
    Router::new().put("/door", move |request: Request| {
        let checked = fresh.check(&request);
        std::future::ready(checked.map(|()| {
            *opened.lock().unwrap() += 1;
            Code::CHANGED
        }))
    })
}

// EXT-04, EXT-21
#[tokio::test(start_paused = true)]
async fn a_stale_request_is_not_carried_out() {
    let opened = Arc::default();
    let fresh = Freshness::within(Duration::from_secs(10)).also_without_tls();
    let client = serve(guarded(fresh, &opened)).await;
    let shown = async |echo: Bytes| {
        client.put("/door").option(OptionNumber::ECHO, echo).send().await.unwrap()
    };
    let first = shown(Bytes::from_static(b"guess")).await;
    assert_eq!((first.code(), *opened.lock().unwrap()), (Code::UNAUTHORIZED, 0));
    let echo = first.option_value(OptionNumber::ECHO).unwrap().clone();
    assert_eq!(echo.len(), 8, "64 bits");
    assert_eq!(shown(echo.clone()).await.code(), Code::CHANGED);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(shown(echo.clone()).await.code(), Code::CHANGED, "within the window");
    sleep(Duration::from_secs(5)).await;
    let stale = shown(echo.clone()).await;
    assert_eq!((stale.code(), *opened.lock().unwrap()), (Code::UNAUTHORIZED, 2));
    assert_ne!(stale.option_value(OptionNumber::ECHO), Some(&echo));
    // A client that leaves it to the library does not notice.
    assert_eq!(client.put("/door").send().await.unwrap().code(), Code::CHANGED);
}

// EXT-21
#[tokio::test(start_paused = true)]
async fn the_values_are_random_and_the_same_for_everybody() {
    let opened = Arc::default();
    let fresh = Freshness::within(Duration::from_secs(2)).also_without_tls();
    let client = serve(guarded(fresh, &opened)).await;
    let other = Client::<Memory>::connect(BASE).await.unwrap();
    let mut values = BTreeSet::new();
    for _ in 0..20 {
        let mut told = Vec::new();
        for client in [&client, &other] {
            let wrong = client.put("/door").option(OptionNumber::ECHO, Bytes::from_static(b"x"));
            let answer = wrong.send().await.unwrap();
            told.push(answer.option_value(OptionNumber::ECHO).unwrap().clone());
        }
        assert_eq!(told[0], told[1], "it tells one client from another");
        assert!(values.insert(told.remove(0)));
        sleep(Duration::from_secs(1)).await;
    }
}

// EXT-05
#[tokio::test(start_paused = true)]
async fn freshness_needs_tls_unless_told_otherwise() {
    let opened = Arc::default();
    let client = serve(guarded(Freshness::within(Duration::from_secs(10)), &opened)).await;
    let answer = client.put("/door").send().await.unwrap();
    assert_eq!(answer.code(), Code::UNAUTHORIZED);
    assert_eq!(answer.option_value(OptionNumber::ECHO), None);
    assert!(answer.text().unwrap().contains("coaps+ws"));
    assert_eq!(*opened.lock().unwrap(), 0);
}

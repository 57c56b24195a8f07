//! Which operation a block belongs to, seen from who serves: Request-Tag, and the other methods.

mod driver_support;

use bytes::Bytes;
use coap_ws_core::Sent;
use coap_ws_core::message::{Code, OptionNumber};
use coap_ws_driver::{Client, Request, Router, Server};
use driver_support::Memory;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Tags = Arc<Mutex<Vec<Option<Vec<u8>>>>>;

async fn serve(methods: &[Code]) -> (Client<Memory>, Tags) {
    let tags = Tags::default();
    let mut app = Router::new();
    for method in methods {
        let seen = Arc::clone(&tags);
        app = app.method(*method, "/x", move |request: Request| {
            let tag = request.view().option(OptionNumber::REQUEST_TAG).map(<[u8]>::to_vec);
            seen.lock().unwrap().push(tag);
            std::future::ready(request.body())
        });
    }
    let server = Server::<Memory>::bind("localhost:8683").await.unwrap();
    tokio::spawn(server.serve(app).into_future());
    (Client::<Memory>::connect("coap+ws://localhost:8683").await.unwrap(), tags)
}

fn body(seed: u8, len: usize) -> Bytes {
    (0..len).map(|n| seed.wrapping_add(u8::try_from(n % 251).unwrap())).collect()
}

// EXT-11, EXT-09, T74
#[tokio::test(start_paused = true)]
async fn bodies_at_the_same_time_have_tags_of_their_own() {
    let (client, tags) = serve(&[Code::PUT]).await;
    let large = |n: u8| client.put("/x").body(body(n, 200_000)).send();
    for (n, answer) in join_all((0..4).map(large)).await.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(*answer.body(), body(u8::try_from(n).unwrap(), 200_000), "{n}");
    }
    let tags = tags.lock().unwrap();
    let distinct: BTreeSet<_> = tags.iter().collect();
    assert_eq!((tags.len(), distinct.len()), (4, 4), "{tags:?}");
}

/// The server puts four together: more at once would push each other out.
// T72
#[tokio::test(start_paused = true)]
async fn more_bodies_than_the_peer_puts_together_wait_for_their_turn() {
    let (client, tags) = serve(&[Code::PUT]).await;
    let large = |n: u8| client.put("/x").body(body(n, 200_000)).send();
    for (n, answer) in join_all((0..20).map(large)).await.into_iter().enumerate() {
        let answer = answer.unwrap();
        let sent = body(u8::try_from(n).unwrap(), 200_000);
        assert_eq!((answer.code(), *answer.body() == sent), (Code::CONTENT, true), "{n}");
    }
    assert_eq!(tags.lock().unwrap().len(), 20, "none was begun twice to its end");
    // One that waits has its time all the same, and dropping it leaves the place to others.
    let held = join_all((0..4).map(large));
    let late = async {
        let waits = client.put("/x").body(body(9, 200_000)).timeout(Duration::ZERO).send();
        let error = waits.await.unwrap_err();
        assert!(error.is_timeout() && error.sent() == Sent::No, "{error}");
        drop(tokio::time::timeout(Duration::ZERO, large(9)).await);
    };
    let (held, ()) = tokio::join!(held, late);
    assert!(held.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(large(1).await.unwrap().code(), Code::CONTENT);
}

// EXT-16
#[tokio::test(start_paused = true)]
async fn fetch_and_patch_carry_bodies_in_blocks_like_post() {
    let methods = [Code::FETCH, Code::PATCH, Code::IPATCH, Code::POST];
    let (client, _) = serve(&methods).await;
    for method in methods {
        let sent = body(1, 150_000);
        let answer = client.request(method, "/x").body(sent.clone()).send().await.unwrap();
        assert_eq!((answer.code(), answer.body()), (Code::CONTENT, &sent), "{method}");
    }
}

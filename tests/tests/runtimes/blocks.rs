//! Bodies that go in blocks.

use crate::support::{Host, Outcome, app, config, pattern, serve, serve_as};
use crate::wire::Cable;
use bytes::Bytes;
use coap_ws_core::Side;
use coap_ws_core::block::BlockSize;
use coap_ws_core::message::Code;
use coap_ws_driver::{Client, Router};
use futures_util::future::join_all;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const MEBIBYTE: usize = 1 << 20;

pub(crate) async fn a_mebibyte_goes_up_and_down<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let put = client.put("/store/x").body(pattern(MEBIBYTE)).send().await?;
    assert_eq!(put.code(), Code::CREATED);
    assert!(client.get("/store/x").send().await?.body() == &pattern(MEBIBYTE));
    Ok(())
}

pub(crate) async fn a_byte_more_than_the_server_takes_is_4_13<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let put = client.put("/store/x").body(pattern(MEBIBYTE + 1)).send().await?;
    assert_eq!(put.code(), Code::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_size_of_the_servers_own<R: Host>() -> Outcome {
    let set = |server: coap_ws_driver::Server<R>| server.block_wise(BlockSize::B256);
    let client = serve_as::<R>(app::<R>(), set).await?.client::<R>().await?;
    let blocks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&blocks);
    let request = client.get("/large").progress(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
    assert!(request.send().await?.body() == &pattern(65_536));
    assert_eq!(blocks.load(Ordering::Relaxed), 256);
    Ok(())
}

pub(crate) async fn a_size_of_the_clients_own<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let blocks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&blocks);
    let put = client.put("/store/x").block_size(BlockSize::B1024).body(pattern(10_000));
    let put = put.progress(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
    assert_eq!(put.send().await?.code(), Code::CREATED);
    assert_eq!(blocks.load(Ordering::Relaxed), 10);
    assert!(client.get("/store/x").send().await?.body() == &pattern(10_000));
    Ok(())
}

pub(crate) async fn a_server_without_blocks_says_4_02<R: Host>() -> Outcome {
    let set = |server: coap_ws_driver::Server<R>| server.block_wise(false);
    let client = serve_as::<R>(app::<R>(), set).await?.client::<R>().await?;
    let put = client.put("/store/x").body(pattern(200_000)).send().await?;
    assert_eq!(put.code(), Code::BAD_OPTION);
    Ok(())
}

pub(crate) async fn a_body_that_comes_as_a_stream<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    let whole = Bytes::from(pattern(300_000));
    let parts = whole.chunks(10_000).map(|part| Ok(Bytes::copy_from_slice(part)));
    let parts: Vec<std::io::Result<Bytes>> = parts.collect();
    let put = client.put("/store/x");
    let put = put.send_stream(futures_util::stream::iter(parts), Some(300_000)).await?;
    assert_eq!(put.code(), Code::CREATED);
    let mut stream = client.get("/store/x").send_streaming().await?;
    let mut got = Vec::new();
    while let Some(chunk) = stream.chunk().await? {
        got.extend_from_slice(&chunk);
    }
    assert!(got == whole);
    Ok(())
}

pub(crate) async fn both_ends_with_large_bodies_at_once<R: Host>() -> Outcome {
    let app = app::<R>().get("/ask", async |request: coap_ws_driver::Request| {
        let answer = request.remote().get("/large").send().await;
        answer.map(|answer| answer.body().len().to_string())
    });
    let serving = serve::<R>(app).await?;
    let own = Router::new().get("/large", || ready(pattern(300_000)));
    let client = Client::<R>::builder().serve(own).connect(&serving.base()).await?;
    for answer in join_all((0..10).map(|_| client.get("/ask").send())).await {
        assert_eq!(answer?.text()?, "300000");
    }
    Ok(())
}

pub(crate) async fn the_wire_is_cut_in_the_middle_of_a_body<R: Host>() -> Outcome {
    let set = |server: coap_ws_driver::Server<R>| server.block_wise(BlockSize::B1024);
    let serving = serve_as::<R>(app::<R>(), set).await?;
    let cable = Cable::to(serving.port);
    let base = crate::support::base(cable.port);
    let client = Client::<R>::connect(&base).await?;
    let blocks = AtomicUsize::new(0);
    let request = client.get("/large").progress(move |_| {
        if blocks.fetch_add(1, Ordering::Relaxed) == 10 {
            cable.cut();
        }
    });
    let error = request.send().await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert!(serving.remote::<R>(0).await.closed().await.diagnostic.is_none());
    Ok(())
}

pub(crate) async fn uploads_that_are_given_up_give_way<R: Host>() -> Outcome {
    let config = config(Side::Acceptor, |config| config.block_wise.max_uploads = 2);
    let serving = serve_as::<R>(app::<R>(), |server| server.config(config)).await?;
    let client = serving.client::<R>().await?;
    for n in 0..5 {
        let path = format!("/store/{n}");
        let half = client.put(&path).body(pattern(500_000)).block_size(BlockSize::B1024);
        crate::support::within::<R, _>(crate::support::TICK / 5, half.send()).await;
    }
    let whole = client.put("/store/x").body(pattern(200_000)).send().await?;
    assert!(whole.code().is_success(), "{:?}", whole.code());
    Ok(())
}

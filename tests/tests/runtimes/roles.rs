//! Both ends are client and server.

use crate::support::{Host, Outcome, app, serve, until};
use coap_ws_core::message::Code;
use coap_ws_driver::{Client, Request, Router};
use futures_util::future::join_all;
use std::future::ready;
use std::sync::{Arc, Mutex};

fn device() -> Router {
    Router::new().get("/hello", || ready("hi from the client"))
}

pub(crate) async fn a_handler_asks_its_own_client<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = Client::<R>::builder().serve(device()).connect(&serving.base()).await?;
    for answer in join_all((0..20).map(|_| client.post("/reverse").send())).await {
        assert_eq!(answer?.text()?, "hi from the client");
    }
    assert_eq!(serving.opened(), 1);
    Ok(())
}

pub(crate) async fn a_client_that_serves_nothing_says_5_01<R: Host>() -> Outcome {
    let client = serve::<R>(app::<R>()).await?.client::<R>().await?;
    assert_eq!(client.post("/reverse").send().await?.code(), Code::NOT_IMPLEMENTED);
    Ok(())
}

pub(crate) async fn a_device_dials_out_and_is_asked<R: Host>() -> Outcome {
    let serving = serve::<R>(Router::new()).await?;
    let _device = Client::<R>::builder().serve(device()).connect(&serving.base()).await?;
    let remote = serving.remote::<R>(0).await;
    assert_eq!(remote.get("/hello").send().await?.text()?, "hi from the client");
    assert_eq!(remote.get("/nowhere").send().await?.code(), Code::NOT_FOUND);
    assert!(remote.info().address.is_some());
    remote.ping().await?;
    Ok(())
}

pub(crate) async fn both_ask_at_once<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = Client::<R>::builder().serve(app::<R>()).connect(&serving.base()).await?;
    let remote = serving.remote::<R>(0).await;
    let ours = join_all((0..40).map(|_| client.get("/slow").send()));
    let theirs = join_all((0..40).map(|_| remote.get("/slow").send()));
    let (ours, theirs) = futures_util::future::join(ours, theirs).await;
    for answer in ours.into_iter().chain(theirs) {
        assert_eq!(answer?.text()?, "slow");
    }
    Ok(())
}

pub(crate) async fn who_connects_and_who_leaves_is_known<R: Host>() -> Outcome {
    let left = Arc::new(Mutex::new(0));
    let count = Arc::clone(&left);
    let serving = serve::<R>(app::<R>().get("/wait", move |request: Request| {
        let (remote, count) = (request.remote().clone(), Arc::clone(&count));
        R::spawn(async move {
            remote.closed().await;
            *count.lock().unwrap() += 1;
        });
        ready("waiting")
    }))
    .await?;
    for n in 0..3 {
        let client = serving.client::<R>().await?;
        client.get("/wait").send().await?;
        client.release().await;
        until::<R>(|| *left.lock().unwrap() == n + 1).await;
    }
    assert_eq!(serving.opened(), 3);
    Ok(())
}

pub(crate) async fn a_client_is_told_its_name_and_address<R: Host>() -> Outcome {
    let app = Router::new().get("/who", |request: Request| {
        let remote = request.remote();
        let host = remote.authority().map(ToString::to_string).unwrap_or_default();
        ready(format!("{host} {:?}", remote.client_address().map(|ip| ip.is_loopback())))
    });
    let serving = serve::<R>(app).await?;
    let who = serving.client::<R>().await?.get("/who").send().await?.text()?;
    assert_eq!(who, format!("127.0.0.1:{} Some(true)", serving.port));
    Ok(())
}

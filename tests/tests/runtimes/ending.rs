//! Release, Abort, and what comes after them.

use crate::support::{Host, Outcome, SECOND, TICK, app, serve, serve_as, sleep, start};
use coap_ws_core::CloseReason;
use coap_ws_core::pool::PoolConfig;
use coap_ws_driver::engine::ReleaseNotice;
use coap_ws_driver::{Client, ErrorKind};
use futures_util::future::{join, join_all};

pub(crate) async fn a_client_releases<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = serving.client::<R>().await?;
    let closed = client.remote().await?.release().await;
    assert_eq!(closed.reason, CloseReason::Released);
    assert_eq!(serving.remote::<R>(0).await.closed().await.reason, CloseReason::Released);
    Ok(())
}

pub(crate) async fn a_release_waits_for_what_is_begun<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = serving.client::<R>().await?;
    let remote = client.remote().await?;
    let slow = start::<R, _>(remote.get("/slow").send());
    sleep::<R>(TICK).await;
    let (slow, closed) = join(slow, remote.release()).await;
    assert_eq!(slow?.text()?, "slow");
    assert_eq!(closed.reason, CloseReason::Released);
    assert!(remote.get("/hello").send().await.is_err());
    Ok(())
}

pub(crate) async fn the_last_clone_takes_the_connection_along<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = serving.client::<R>().await?;
    let clone = client.clone();
    let remote = serving.remote::<R>(0).await;
    drop(client);
    assert_eq!(clone.get("/hello").send().await?.text()?, "hi");
    drop(clone);
    assert_eq!(remote.closed().await.reason, CloseReason::Released);
    Ok(())
}

pub(crate) async fn a_shutdown_answers_what_it_has_taken<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let port = serving.port;
    let client = serving.client::<R>().await?;
    let asks = start::<R, _>(join_all((0..20).map(|_| client.get("/slow").send())));
    sleep::<R>(TICK).await;
    let ended = serving.stop();
    for answer in asks.await {
        assert_eq!(answer?.text()?, "slow");
    }
    ended.await?;
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens");
    Ok(())
}

pub(crate) async fn a_shutdown_does_not_wait_for_ever<R: Host>() -> Outcome {
    let mut limits = coap_ws_driver::ServerLimits::default();
    limits.shutdown_grace = 2 * TICK;
    let serving = serve_as::<R>(app::<R>(), |server| server.limits(limits)).await?;
    let client = serving.client::<R>().await?;
    let never = start::<R, _>(client.get("/never").send());
    client.get("/hello").send().await?;
    serving.stop().await?;
    let error = never.await.unwrap_err();
    let ErrorKind::Closed(closed) = error.kind() else { panic!("{error}") };
    assert_eq!(closed.reason, CloseReason::AbortedByPeer);
    assert_eq!(closed.diagnostic.as_deref(), Some("shutdown"));
    Ok(())
}

pub(crate) async fn a_hold_off_is_kept<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = serving.client::<R>().await?;
    let notice = ReleaseNotice::default().hold_off(60 * SECOND).diagnostic("busy");
    let (remote, told) = (client.remote().await?, serving.remote::<R>(0).await);
    told.release_with(notice).await;
    remote.closed().await;
    assert_eq!(remote.released().and_then(|told| told.diagnostic.as_deref()), Some("busy"));
    let error = client.get("/hello").timeout(SECOND).send().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::HeldOff { .. }), "{error}");
    assert_eq!(serving.opened(), 1);
    Ok(())
}

pub(crate) async fn an_alternative_is_followed_where_that_is_wanted<R: Host>() -> Outcome {
    let [first, second] = [serve::<R>(app::<R>()).await?, serve::<R>(app::<R>()).await?];
    let mut pool = PoolConfig::default();
    pool.follow_alternative_address = true;
    let client = Client::<R>::builder().pool(pool).connect(&first.base()).await?;
    let elsewhere = format!("127.0.0.1:{}", second.port);
    let notice = ReleaseNotice::default().alternative(elsewhere);
    let ours = client.remote().await?;
    first.remote::<R>(0).await.release_with(notice).await;
    ours.closed().await;
    client.get("/slow").send().await?;
    assert_eq!((first.opened(), second.opened()), (1, 1));
    Ok(())
}

pub(crate) async fn an_abort_ends_everything_at_once<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = serving.client::<R>().await?;
    let never = start::<R, _>(client.get("/never").send());
    client.get("/hello").send().await?;
    serving.remote::<R>(0).await.abort("enough");
    let error = never.await.unwrap_err();
    let ErrorKind::Closed(closed) = error.kind() else { panic!("{error}") };
    assert_eq!(closed.reason, CloseReason::AbortedByPeer);
    assert_eq!(closed.diagnostic.as_deref(), Some("enough"));
    Ok(())
}

pub(crate) async fn the_next_request_dials_again<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let client = serving.client::<R>().await?;
    client.release().await;
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    serving.remote::<R>(1).await.abort("again");
    client.remote().await?.closed().await;
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

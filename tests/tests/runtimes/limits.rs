//! What is too much, too large or too late, and who may not come in.

use crate::support::{
    Host, Outcome, SECOND, TICK, app, base, config, connect_error, serve, serve_as, start, within,
};
use crate::wire::{BINARY, CSM, GET_HELLO, Wire, head, masked};
use coap_ws_core::message::Code;
use coap_ws_core::{CloseReason, Side};
use coap_ws_driver::{Client, ServerLimits};
use futures_util::future::join_all;
use http::StatusCode;

const CONTENT: u8 = 0x45;
const ABORT: u8 = 0xe5;

pub(crate) async fn one_connection_more_waits_for_a_place<R: Host>() -> Outcome {
    let mut limits = ServerLimits::default();
    limits.max_connections = 1;
    let serving = serve_as::<R>(app::<R>(), |server| server.limits(limits)).await?;
    let first = serving.client::<R>().await?;
    let url = serving.base();
    let second = start::<R, _>(async move { Client::<R>::connect(&url).await });
    crate::support::sleep::<R>(3 * TICK).await;
    assert_eq!(serving.opened(), 1);
    first.release().await;
    assert_eq!(second.await?.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn one_connection_more_of_an_address_is_closed<R: Host>() -> Outcome {
    let mut limits = ServerLimits::default();
    limits.max_connections_per_ip = Some(1);
    let serving = serve_as::<R>(app::<R>(), |server| server.limits(limits)).await?;
    let first = serving.client::<R>().await?;
    let error = serving.client::<R>().await.unwrap_err();
    connect_error(&error);
    first.release().await;
    // The place is given back a moment after the end was told.
    while serving.client::<R>().await.is_err() {}
    Ok(())
}

pub(crate) async fn a_newcomer_drops_the_oldest_in_its_handshake<R: Host>() -> Outcome {
    let mut limits = ServerLimits::default();
    limits.max_pending_handshakes = 1;
    let serving = serve_as::<R>(app::<R>(), |server| server.limits(limits)).await?;
    let mut oldest = Wire::connect(serving.port);
    assert_eq!(serving.client::<R>().await?.get("/hello").send().await?.text()?, "hi");
    assert_eq!(oldest.rest(), "");
    Ok(())
}

pub(crate) async fn one_request_more_is_5_03<R: Host>() -> Outcome {
    let config = config(Side::Acceptor, |config| config.connection.limits.max_requests = 2);
    let serving = serve_as::<R>(app::<R>(), |server| server.config(config)).await?;
    let client = serving.client::<R>().await?;
    let held = start::<R, _>(join_all((0..2).map(|_| client.get("/slow").send())));
    // Handed out behind those two.
    let third = client.get("/never").send();
    crate::support::sleep::<R>(TICK / 2).await;
    assert_eq!(third.await?.code(), Code::SERVICE_UNAVAILABLE);
    for answer in held.await {
        assert_eq!(answer?.text()?, "slow");
    }
    Ok(())
}

pub(crate) async fn one_request_more_of_ours_waits<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let config = config(Side::Initiator, |config| config.connection.limits.max_exchanges = 2);
    let client = Client::<R>::builder().config(config).connect(&serving.base()).await?;
    for answer in join_all((0..6).map(|_| client.get("/slow").send())).await {
        assert_eq!(answer?.text()?, "slow");
    }
    Ok(())
}

pub(crate) async fn a_message_at_the_limit_and_one_above<R: Host>() -> Outcome {
    let config = config(Side::Acceptor, |config| {
        config.connection.limits.max_message_size = 2000;
    });
    let serving = serve_as::<R>(app::<R>(), |server| server.config(config)).await?;
    let mut wire = Wire::open(serving.port);
    wire.send(&masked(BINARY, CSM));
    // POST /echo with the token 07: nine bytes before the payload.
    let post = |size: usize| [b"\x01\x02\x07\xb4echo\xff".to_vec(), vec![7; size - 9]].concat();
    wire.send(&masked(BINARY, &post(2000)));
    wire.message(CONTENT);
    wire.send(&masked(BINARY, &post(2001)));
    wire.message(ABORT);
    assert_eq!(wire.close_status(), 1009);
    Ok(())
}

pub(crate) async fn a_client_that_dribbles_its_handshake_is_408<R: Host>() -> Outcome {
    let config = config(Side::Acceptor, |config| config.handshake_timeout = 3 * TICK);
    let serving = serve_as::<R>(app::<R>(), |server| server.config(config)).await?;
    let mut wire = Wire::connect(serving.port);
    wire.send(b"GET /.well-known/coap HTTP/1.1\r\n");
    assert!(wire.head().starts_with("HTTP/1.1 408 "));
    Ok(())
}

pub(crate) async fn a_head_that_is_too_large_is_431<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let mut wire = Wire::connect(serving.port);
    let more = format!("X-Large: {}\r\n", "x".repeat(60_000));
    wire.send(head(serving.port, &more).as_bytes());
    assert!(wire.head().starts_with("HTTP/1.1 431 "));
    Ok(())
}

pub(crate) async fn no_csm_in_time_is_an_abort<R: Host>() -> Outcome {
    let config = config(Side::Acceptor, |config| config.connection.csm_timeout = 2 * TICK);
    let serving = serve_as::<R>(app::<R>(), |server| server.config(config)).await?;
    let mut wire = Wire::open(serving.port);
    wire.message(ABORT);
    Ok(())
}

pub(crate) async fn a_request_before_the_csm_is_an_abort<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let mut wire = Wire::open(serving.port);
    wire.send(&masked(BINARY, GET_HELLO));
    wire.message(ABORT);
    assert_eq!(wire.close_status(), 1002);
    let reason = serving.remote::<R>(0).await.closed().await.reason;
    assert!(matches!(reason, CloseReason::Violation(_)), "{reason}");
    Ok(())
}

pub(crate) async fn a_text_message_is_an_abort<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let mut wire = Wire::open(serving.port);
    wire.send(&masked(BINARY, CSM));
    wire.send(&masked(1, b"hello"));
    wire.message(ABORT);
    assert_eq!(wire.close_status(), 1003);
    Ok(())
}

pub(crate) async fn a_foreign_origin_is_403<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let mut wire = Wire::connect(serving.port);
    wire.send(head(serving.port, "Origin: https://evil.example\r\n").as_bytes());
    assert!(wire.head().starts_with("HTTP/1.1 403 "));
    Ok(())
}

pub(crate) async fn a_foreign_host_is_refused<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let mut wire = Wire::connect(serving.port);
    wire.send(head(serving.port, "").replace("127.0.0.1", "evil.example").as_bytes());
    assert!(wire.head().starts_with("HTTP/1.1 4"));
    Ok(())
}

pub(crate) async fn the_application_has_the_last_word<R: Host>() -> Outcome {
    let judge = |upgrade: coap_ws_driver::Upgrade| async move {
        crate::support::sleep::<R>(TICK / 10).await;
        let known = upgrade.head.headers.get("authorization").is_some_and(|told| told == "me");
        if known { Ok(upgrade) } else { Err(StatusCode::UNAUTHORIZED) }
    };
    let serving = serve_as::<R>(app::<R>(), |server| server.accept(judge)).await?;
    let error = serving.client::<R>().await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    let headers = [(http::header::AUTHORIZATION, http::HeaderValue::from_static("me"))];
    let builder = Client::<R>::builder().headers(headers.into_iter().collect());
    let client = builder.connect(&base(serving.port)).await?;
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_port_is_bound_once<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let address = format!("127.0.0.1:{}", serving.port);
    let error = coap_ws_driver::Server::<R>::bind(&address).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(within::<R, _>(SECOND, serving.stop()).await.expect("it ends").is_ok());
    _ = coap_ws_driver::Server::<R>::bind(&address).await?;
    Ok(())
}

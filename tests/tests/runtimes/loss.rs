//! The other end goes away, at every stage.

use crate::support::{
    Host, Outcome, SECOND, TICK, app, base, connect_error, dial, dial_as, pattern, serve, serve_as,
    start, until,
};
use crate::wire::{BINARY, CSM, Cable, GET_HELLO, LARGE_CSM, Wire, head, listen, masked, unmasked};
use coap_ws_core::message::Code;
use coap_ws_core::{CloseReason, Sent, Side};
use coap_ws_driver::engine::OpeningError;
use coap_ws_driver::handshake::HandshakeError;
use coap_ws_driver::{Client, ConnectError, Error, ServerLimits};

fn handshake(error: &Error) -> &HandshakeError {
    match connect_error(error) {
        ConnectError::Opening(OpeningError::Handshake(error)) => error,
        _ => panic!("not of the handshake: {error}"),
    }
}

pub(crate) async fn the_name_is_unknown<R: Host>() -> Outcome {
    let error = Client::<R>::connect("coap+ws://no-such-host.invalid").await.unwrap_err();
    assert!(matches!(connect_error(&error), ConnectError::Resolve { .. }), "{error}");
    assert_eq!(error.sent(), Sent::No);
    Ok(())
}

pub(crate) async fn nobody_listens<R: Host>() -> Outcome {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let error = Client::<R>::connect(&base(port)).await.unwrap_err();
    assert!(matches!(connect_error(&error), ConnectError::Tcp { .. }), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
    Ok(())
}

pub(crate) async fn the_server_says_nothing<R: Host>() -> Outcome {
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let client = Client::<R>::builder().connect_timeout(2 * TICK);
    let error = client.connect(&base(silent.local_addr()?.port())).await.unwrap_err();
    assert!(matches!(connect_error(&error), ConnectError::Timeout), "{error}");
    Ok(())
}

pub(crate) async fn the_server_closes_before_it_answers<R: Host>() -> Outcome {
    let port = listen(|mut wire| _ = wire.head());
    let error = dial::<R>(port).await.unwrap_err();
    assert_eq!(*handshake(&error), HandshakeError::Closed);
    Ok(())
}

pub(crate) async fn the_server_closes_within_its_answer<R: Host>() -> Outcome {
    let port = listen(|mut wire| {
        wire.head();
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso");
    });
    let error = dial::<R>(port).await.unwrap_err();
    assert_eq!(*handshake(&error), HandshakeError::Closed);
    Ok(())
}

pub(crate) async fn the_server_answers_something_else<R: Host>() -> Outcome {
    let port = listen(|mut wire| {
        wire.head();
        wire.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    let error = dial::<R>(port).await.unwrap_err();
    let HandshakeError::Status { status, .. } = handshake(&error) else { panic!("{error}") };
    assert_eq!(status.as_u16(), 404);
    Ok(())
}

pub(crate) async fn the_server_goes_before_its_csm<R: Host>() -> Outcome {
    let port = listen(|mut wire| wire.accept());
    let remote = dial::<R>(port).await?;
    assert_eq!(remote.closed().await.reason, CloseReason::Lost);
    assert!(remote.get("/hello").send().await.unwrap_err().is_closed());
    Ok(())
}

pub(crate) async fn the_server_never_sends_its_csm<R: Host>() -> Outcome {
    let port = listen(|mut wire| {
        wire.accept();
        wire.rest();
    });
    let remote = dial_as::<R>(port, |config| config.connection.csm_timeout = 2 * TICK).await?;
    let reason = remote.closed().await.reason;
    assert!(matches!(reason, CloseReason::Violation(_)), "{reason}");
    Ok(())
}

pub(crate) async fn the_server_goes_with_a_request_in_its_hands<R: Host>() -> Outcome {
    let port = listen(|mut wire| {
        wire.accept();
        wire.send(&unmasked(BINARY, CSM));
        wire.message(Code::GET.to_byte());
    });
    let remote = dial::<R>(port).await?;
    let error = remote.get("/hello").send().await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(error.sent(), Sent::Maybe);
    Ok(())
}

pub(crate) async fn the_server_goes_within_a_frame<R: Host>() -> Outcome {
    let port = listen(|mut wire| {
        wire.accept();
        wire.send(&unmasked(BINARY, CSM));
        wire.message(Code::GET.to_byte());
        // Ten bytes are promised.
        wire.send(&[0x80 | BINARY, 10, 0x01, 0x45]);
    });
    let remote = dial::<R>(port).await?;
    let error = remote.get("/hello").send().await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(remote.closed().await.reason, CloseReason::Lost);
    Ok(())
}

pub(crate) async fn the_server_resets_the_connection<R: Host>() -> Outcome {
    let port = listen(|mut wire| {
        wire.accept();
        wire.send(&unmasked(BINARY, CSM));
        // Closed with most of the body unread: a reset.
        wire.message(Code::PUT.to_byte());
    });
    let remote = dial::<R>(port).await?;
    let error = remote.put("/x").body(pattern(1 << 20)).send().await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(remote.closed().await.reason, CloseReason::Lost);
    Ok(())
}

pub(crate) async fn the_server_is_silent_and_given_up<R: Host>() -> Outcome {
    let port = listen(|mut wire| {
        wire.accept();
        wire.send(&unmasked(BINARY, CSM));
        wire.rest();
    });
    let remote = dial_as::<R>(port, |config| {
        config.connection.keepalive_interval = Some(TICK);
        config.connection.keepalive_timeout = TICK;
    })
    .await?;
    assert_eq!(remote.closed().await.reason, CloseReason::KeepaliveTimeout);
    Ok(())
}

pub(crate) async fn keepalives_hold_an_idle_connection<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let remote = dial_as::<R>(serving.port, |config| {
        config.connection.keepalive_interval = Some(TICK);
        config.connection.keepalive_timeout = 20 * TICK;
    })
    .await?;
    crate::support::sleep::<R>(SECOND).await;
    assert!(!remote.is_closed());
    assert_eq!(remote.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_cut_wire_is_told_to_both_ends<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let cable = Cable::to(serving.port);
    let client = Client::<R>::connect(&base(cable.port)).await?;
    let never = start::<R, _>(client.get("/never").send());
    client.get("/hello").send().await?;
    cable.cut();
    let error = never.await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(serving.remote::<R>(0).await.closed().await.reason, CloseReason::Lost);
    // The wire is whole again.
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_client_goes_within_its_handshake<R: Host>() -> Outcome {
    let mut limits = ServerLimits::default();
    limits.max_connections = 1;
    let serving = serve_as::<R>(app::<R>(), |server| server.limits(limits)).await?;
    for len in [0, 1, 40] {
        let mut wire = Wire::connect(serving.port);
        wire.send(&head(serving.port, "").as_bytes()[..len]);
        drop(wire);
    }
    // Each has left its place to the next.
    assert_eq!(serving.client::<R>().await?.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_client_goes_within_a_message<R: Host>() -> Outcome {
    let serving = serve::<R>(app::<R>()).await?;
    let mut wire = Wire::open(serving.port);
    let mut bytes = masked(BINARY, CSM);
    bytes.extend_from_slice(&masked(BINARY, GET_HELLO)[..8]);
    wire.send(&bytes);
    drop(wire);
    assert_eq!(serving.remote::<R>(0).await.closed().await.reason, CloseReason::Lost);
    Ok(())
}

pub(crate) async fn a_client_that_reads_nothing_is_given_up<R: Host>() -> Outcome {
    let config = crate::support::config(Side::Acceptor, |config| {
        config.write_stall_timeout = 3 * TICK;
    });
    let serving = serve_as::<R>(app::<R>(), |server| server.config(config)).await?;
    let mut wire = Wire::open(serving.port);
    wire.send(&masked(BINARY, LARGE_CSM));
    let remote = serving.remote::<R>(0).await;
    // Each asks for 64 KiB, until the server takes no more requests.
    let asks = std::thread::spawn(move || {
        wire.stream.set_write_timeout(Some(SECOND / 2)).expect("it can wait");
        for _ in 0..2_000 {
            wire.send(&masked(BINARY, b"\x01\x01\x07\xb5large"));
        }
        wire
    });
    assert_eq!(remote.closed().await.reason, CloseReason::WriteStall);
    until::<R>(|| asks.is_finished()).await;
    assert_eq!(serving.client::<R>().await?.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

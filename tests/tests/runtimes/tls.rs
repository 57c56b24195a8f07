//! coaps+ws, and how it fails.

use crate::support::{Host, Outcome, Serving, TICK, app, base, connect_error, serve, start};
use crate::tls_support::{Authority, Identity};
use crate::wire::Cable;
use coap_ws_core::Sent;
use coap_ws_driver::tls::{ClientAuth, ClientTls, TlsFailure};
use coap_ws_driver::{Client, ConnectError, Error, Request, Router, Server};
use std::future::ready;

async fn serve_tls<R: Host>(identity: &Identity, clients: ClientAuth) -> std::io::Result<Serving> {
    let app = app::<R>().get("/who", |request: Request| {
        let info = request.remote().info();
        ready(format!("{} {} {:?}", info.secure, info.certificates.len(), info.server_name))
    });
    let server = Server::<R>::bind_tls("127.0.0.1:0", identity.server(clients)).await?;
    Ok(Serving::start(server, app))
}

async fn connect<R: Host>(port: u16, tls: ClientTls) -> Result<Client<R>, Error> {
    Client::<R>::builder().tls(tls).connect(&format!("coaps+ws://localhost:{port}")).await
}

fn failure(error: &Error) -> TlsFailure {
    assert_eq!(error.sent(), Sent::No);
    let ConnectError::Tls(tls) = connect_error(error) else { panic!("{error:?}") };
    tls.downcast_ref::<TlsFailure>().expect("a failure of the handshake").clone()
}

/// How a client that trusts `authority` fails with a server of this identity.
async fn refused<R: Host>(authority: &Authority, identity: &Identity) -> TlsFailure {
    let serving = serve_tls::<R>(identity, ClientAuth::None).await.expect("a free port");
    failure(&connect::<R>(serving.port, authority.trusted()).await.unwrap_err())
}

pub(crate) async fn both_roles_and_a_large_body<R: Host>() -> Outcome {
    let authority = Authority::new();
    let serving = serve_tls::<R>(&authority.localhost(), ClientAuth::None).await?;
    let client = Client::<R>::builder()
        .tls(authority.trusted())
        .serve(Router::new().get("/hello", || ready("from the client")))
        .connect(&format!("coaps+ws://localhost:{}", serving.port))
        .await?;
    assert_eq!(client.get("/who").send().await?.text()?, "true 0 Some(\"localhost\")");
    assert_eq!(client.post("/reverse").send().await?.text()?, "from the client");
    let body = crate::support::pattern(200_000);
    assert!(client.post("/echo").body(body.clone()).send().await?.body() == &body);
    client.release().await;
    Ok(())
}

pub(crate) async fn another_name<R: Host>() -> Outcome {
    let authority = Authority::new();
    let other = authority.signs(&["example.org"], |_| {});
    assert_eq!(refused::<R>(&authority, &other).await, TlsFailure::WrongName);
    Ok(())
}

pub(crate) async fn an_unknown_authority<R: Host>() -> Outcome {
    let foreign = Authority::new().localhost();
    assert_eq!(refused::<R>(&Authority::new(), &foreign).await, TlsFailure::UnknownAuthority);
    Ok(())
}

pub(crate) async fn a_certificate_of_yesterday<R: Host>() -> Outcome {
    let authority = Authority::new();
    let old = authority.signs(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    assert_eq!(refused::<R>(&authority, &old).await, TlsFailure::Expired);
    Ok(())
}

pub(crate) async fn client_certificates<R: Host>() -> Outcome {
    let (authority, clients) = (Authority::new(), Authority::new());
    let alice = clients.signs(&["alice"], |_| {});
    let mallory = Authority::new().signs(&["mallory"], |_| {});
    let required = ClientAuth::Required(clients.pem.clone().into_bytes());
    let serving = serve_tls::<R>(&authority.localhost(), required).await?;
    let error = connect::<R>(serving.port, authority.trusted()).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::CertificateRequired);
    let error = connect::<R>(serving.port, mallory.of(authority.trusted())).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::CertificateRefused);
    let client = connect::<R>(serving.port, alice.of(authority.trusted())).await?;
    assert_eq!(client.get("/who").send().await?.text()?, "true 1 Some(\"localhost\")");
    Ok(())
}

pub(crate) async fn tls_and_plain_do_not_mix<R: Host>() -> Outcome {
    let authority = Authority::new();
    let secure = serve_tls::<R>(&authority.localhost(), ClientAuth::None).await?;
    let error = Client::<R>::connect(&base(secure.port)).await.unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
    let plain = serve::<R>(app::<R>()).await?;
    let error = connect::<R>(plain.port, authority.trusted()).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::NotTls);
    Ok(())
}

pub(crate) async fn a_server_that_says_nothing<R: Host>() -> Outcome {
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let uri = format!("coaps+ws://localhost:{}", silent.local_addr()?.port());
    let client = Client::<R>::builder().tls(Authority::new().trusted()).connect_timeout(3 * TICK);
    let error = client.connect(&uri).await.unwrap_err();
    let error = connect_error(&error);
    assert!(matches!(error, ConnectError::Timeout | ConnectError::Tls(_)), "{error:?}");
    Ok(())
}

pub(crate) async fn a_client_that_says_nothing<R: Host>() -> Outcome {
    let authority = Authority::new();
    let config = crate::support::config(coap_ws_core::Side::Acceptor, |config| {
        config.handshake_timeout = 3 * TICK;
    });
    let tls = authority.localhost().server(ClientAuth::None);
    let server = Server::<R>::bind_tls("127.0.0.1:0", tls).await?.config(config);
    let serving = Serving::start(server, app::<R>());
    assert_eq!(crate::wire::Wire::connect(serving.port).rest(), "");
    let client = connect::<R>(serving.port, authority.trusted()).await?;
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_wire_that_is_cut<R: Host>() -> Outcome {
    let authority = Authority::new();
    let serving = serve_tls::<R>(&authority.localhost(), ClientAuth::None).await?;
    let cable = Cable::to(serving.port);
    // The certificate is for the name, and any port.
    let client = connect::<R>(cable.port, authority.trusted()).await?;
    let never = start::<R, _>(client.get("/never").send());
    client.get("/hello").send().await?;
    cable.cut();
    let error = never.await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    Ok(())
}

pub(crate) async fn a_certificate_is_reloaded<R: Host>() -> Outcome {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = old.localhost().server(ClientAuth::None);
    let server = Server::<R>::bind_tls("127.0.0.1:0", tls.clone()).await?;
    let serving = Serving::start(server, app::<R>());
    let before = connect::<R>(serving.port, old.trusted()).await?;
    let identity = new.localhost();
    tls.reload_pem(identity.certificate.as_bytes(), identity.key.as_bytes())?;
    let after = connect::<R>(serving.port, new.trusted()).await?;
    for client in [&before, &after] {
        assert_eq!(client.get("/hello").send().await?.text()?, "hi");
    }
    let error = connect::<R>(serving.port, old.trusted()).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::UnknownAuthority);
    Ok(())
}

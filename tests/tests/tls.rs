//! coaps+ws over real sockets: who is trusted, and what is said where not.

mod tls_support;

use coap_ws_tokio::tls::{ClientAuth, ClientTls, Credentials, ServerTls, TlsFailure};
use coap_ws_tokio::{Client, ConnectError, Error, ErrorKind, Request, Response, Router, Server};
use rcgen::{CertificateParams, KeyPair};
use std::future::IntoFuture;
use std::time::Duration;
use tls_support::{Authority, Identity};

fn app() -> Router {
    Router::new()
        .get("/hello", async || "hi")
        .get("/who", async |r: Request| {
            let info = r.remote().info();
            format!("{} {:?} {}", info.certificates.len(), info.server_name, info.secure)
        })
        .get("/uri", async |r: Request| r.uri().unwrap())
        .get("/reverse", async |r: Request| r.remote().get("/hello").send().await)
}

async fn serve(tls: ServerTls) -> u16 {
    let server = Server::bind_tls("localhost:0", tls).await.unwrap();
    let port = server.local_addrs().next().unwrap().port();
    tokio::spawn(server.serve(app()).into_future());
    port
}

async fn connect(port: u16, tls: ClientTls) -> Result<Client, Error> {
    Client::builder().tls(tls).connect(&format!("coaps+ws://localhost:{port}")).await
}

async fn text(client: &Client, path: &str) -> String {
    client.get(path).send().await.unwrap().success().unwrap().text().unwrap()
}

fn failure(error: &Error) -> TlsFailure {
    let ErrorKind::Connect(connect) = error.kind() else { panic!("{error:?}") };
    let ConnectError::Tls(tls) = &**connect else { panic!("{error:?}") };
    tls.downcast_ref::<TlsFailure>().expect("a failure of the handshake").clone()
}

// SEC-02, SEC-03, SEC-04, SEC-10, URI-16
#[tokio::test]
async fn both_roles_over_tls() {
    let authority = Authority::new();
    let port = serve(authority.localhost().server(ClientAuth::None)).await;
    let client = Client::builder()
        .tls(authority.trusted())
        .serve(Router::new().get("/hello", async || "from the client"))
        .connect(&format!("coaps+ws://localhost:{port}"))
        .await
        .unwrap();
    assert_eq!(text(&client, "/hello").await, "hi");
    assert_eq!(text(&client, "/reverse").await, "from the client");
    assert_eq!(text(&client, "/who").await, "0 Some(\"localhost\") true");
    assert_eq!(text(&client, "/uri").await, format!("coaps+ws://localhost:{port}/uri"));
    client.release().await;
}

// T17: each refusal names its reason.
#[tokio::test]
async fn t17_wrong_name_expired_unknown_and_self_signed() {
    let authority = Authority::new();
    let other = authority.signs(&["example.org"], |_| {});
    let old = authority.signs(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let early = authority.signs(&["localhost"], |params| {
        params.not_before = rcgen::date_time_ymd(2999, 1, 1);
        params.not_after = rcgen::date_time_ymd(3000, 1, 1);
    });
    let foreign = Authority::new().localhost();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.self_signed(&key).unwrap().pem();
    let own = Identity { certificate: own, key: key.serialize_pem() };
    for (identity, expected, words) in [
        (other, TlsFailure::WrongName, "another name"),
        (old, TlsFailure::Expired, "expired"),
        (early, TlsFailure::NotYetValid, "not valid yet"),
        (foreign, TlsFailure::UnknownAuthority, "unknown authority"),
        (own, TlsFailure::UnknownAuthority, "by itself"),
    ] {
        let port = serve(identity.server(ClientAuth::None)).await;
        let error = connect(port, authority.trusted()).await.unwrap_err();
        assert_eq!(failure(&error), expected);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.sent(), coap_ws_tokio::core::Sent::No);
    }
}

// T18: absent, wrong authority, optional, required; handlers see who it is.
#[tokio::test]
async fn t18_client_certificates() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let alice = clients.signs(&["alice"], |_| {});
    let mallory = Authority::new().signs(&["mallory"], |_| {});
    let ca = || clients.pem.clone().into_bytes();

    let required = serve(authority.localhost().server(ClientAuth::Required(ca()))).await;
    let error = connect(required, authority.trusted()).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::CertificateRequired);
    assert!(error.to_string().contains("client certificate"), "{error}");
    let error = connect(required, mallory.of(authority.trusted())).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::CertificateRefused);
    let client = connect(required, alice.of(authority.trusted())).await.unwrap();
    assert!(text(&client, "/who").await.starts_with("1 "));

    let optional = serve(authority.localhost().server(ClientAuth::Optional(ca()))).await;
    let client = connect(optional, authority.trusted()).await.unwrap();
    assert!(text(&client, "/who").await.starts_with("0 "));
    let client = connect(optional, alice.of(authority.trusted())).await.unwrap();
    assert!(text(&client, "/who").await.starts_with("1 "));
    let error = connect(optional, mallory.of(authority.trusted())).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::CertificateRefused);
}

// SEC-02: never a fallback, in either direction.
#[tokio::test]
async fn tls_and_plain_do_not_mix() {
    let authority = Authority::new();
    let secure = serve(authority.localhost().server(ClientAuth::None)).await;
    let plain = Client::connect(&format!("coap+ws://localhost:{secure}")).await.unwrap_err();
    assert!(plain.to_string().contains("TLS"), "{plain}");

    let server = Server::bind("localhost:0").await.unwrap();
    let port = server.local_addrs().next().unwrap().port();
    tokio::spawn(server.serve(app()).into_future());
    let error = connect(port, authority.trusted()).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::NotTls);
    assert!(error.to_string().contains("coap+ws://"), "{error}");
}

// T12, SEC-07: the Host is the name that the TLS handshake asked for.
#[tokio::test]
async fn t12_host_differs_from_sni() {
    let authority = Authority::new();
    let identity = authority.signs(&["localhost", "other.localhost"], |_| {});
    let port = serve(identity.server(ClientAuth::None)).await;
    let tls = authority.trusted().server_name("other.localhost").unwrap();
    let error = connect(port, tls).await.unwrap_err();
    assert!(error.to_string().contains("421"), "{error}");
}

// T19: credentials belong to a URI.
#[tokio::test]
async fn t19_credentials_by_uri() {
    let authority = Authority::new();
    let port = serve(authority.localhost().server(ClientAuth::None)).await;
    let base = format!("coaps+ws://localhost:{port}");
    let of = |pattern: &str| Credentials::new().with(pattern, authority.trusted()).unwrap();
    for pattern in [format!("{base}/*"), "coaps+ws://*".to_owned()] {
        let client = Client::builder().credentials(of(&pattern)).connect(&base).await.unwrap();
        assert_eq!(text(&client, "/hello").await, "hi");
    }
    // Not for this host: what the system trusts counts, which does not know the authority.
    let elsewhere = Client::builder()
        .credentials(of("coaps+ws://*.example.org/*"))
        .tls(Authority::new().trusted())
        .connect(&base);
    assert_eq!(failure(&elsewhere.await.unwrap_err()), TlsFailure::UnknownAuthority);
}

#[tokio::test]
async fn certificates_are_reloaded_without_dropping_connections() {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = old.localhost().server(ClientAuth::None);
    let port = serve(tls.clone()).await;
    let before = connect(port, old.trusted()).await.unwrap();
    assert_eq!(text(&before, "/hello").await, "hi");
    let identity = new.localhost();
    tls.reload_pem(identity.certificate.as_bytes(), identity.key.as_bytes()).unwrap();
    let after = connect(port, new.trusted()).await.unwrap();
    assert_eq!(text(&after, "/hello").await, "hi");
    assert_eq!(text(&before, "/hello").await, "hi");
    let error = connect(port, old.trusted()).await.unwrap_err();
    assert_eq!(failure(&error), TlsFailure::UnknownAuthority);
    assert!(tls.reload_pem(b"no PEM", b"").is_err());
    assert!(connect(port, new.trusted()).await.is_ok(), "the last good one stays");
}

// T03: a ClientHello that dribbles, and one that never ends.
#[tokio::test]
async fn t03_client_hello_in_one_byte_segments() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let authority = Authority::new();
    let mut config = coap_ws_tokio::engine::EngineConfig::new(coap_ws_tokio::core::Side::Acceptor);
    config.handshake_timeout = Duration::from_millis(300);
    let tls = authority.localhost().server(ClientAuth::None);
    let server = Server::bind_tls("localhost:0", tls).await.unwrap().config(config);
    let port = server.local_addrs().next().unwrap().port();
    tokio::spawn(server.serve(app()).into_future());
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let dribble = async {
        for byte in [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3].into_iter().chain([0; 60]) {
            if socket.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut rest = Vec::new();
        // The server has closed; whether by FIN or RST does not matter.
        let _ = socket.read_to_end(&mut rest).await;
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), dribble).await;
    assert!(ended.is_ok(), "the deadline is absolute");
    let client = connect(port, authority.trusted()).await.unwrap();
    assert_eq!(text(&client, "/hello").await, "hi");
}

#[tokio::test]
async fn sixty_four_kilobytes_both_ways() {
    let authority = Authority::new();
    let tls = authority.localhost().server(ClientAuth::None);
    let server = Server::bind_tls("localhost:0", tls).await.unwrap();
    let port = server.local_addrs().next().unwrap().port();
    let echo = Router::new().post("/echo", async |r: Request| Response::content(r.body()));
    tokio::spawn(server.serve(echo).into_future());
    let client = connect(port, authority.trusted()).await.unwrap();
    let body: Vec<u8> = (0..65_536_u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let back = client.post("/echo").body(body.clone()).send().await.unwrap();
    assert_eq!(back.body(), &body);
}

// T03, T95: a shutdown does not wait for a TLS handshake, and leaves none behind.
#[tokio::test]
async fn t03_a_shutdown_drops_whoever_is_in_the_tls_handshake() {
    use tokio::io::AsyncReadExt;
    let authority = Authority::new();
    let tls = authority.localhost().server(ClientAuth::None);
    let server = Server::bind_tls("127.0.0.1:0", tls).await.unwrap();
    let port = server.local_addrs().next().unwrap().port();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = server.serve(app()).with_graceful_shutdown(async { _ = stopped.await });
    let serving = tokio::spawn(serving);
    let mut silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let client = connect(port, authority.trusted()).await.unwrap();
    assert_eq!(text(&client, "/hello").await, "hi");
    stop.send(()).unwrap();
    let five = Duration::from_secs(5);
    tokio::time::timeout(five, serving).await.expect("it ends").unwrap().unwrap();
    // Not after the ten seconds that a handshake may take.
    let read = tokio::time::timeout(five, silent.read(&mut [0; 16])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
}

// T03, T17, T18: handshakes that fail, in any number, are not noticed by others.
#[tokio::test]
async fn t03_t17_t18_failed_handshakes_beside_a_canary() {
    use tokio::io::AsyncWriteExt;
    let (authority, clients) = (Authority::new(), Authority::new());
    let alice = clients.signs(&["alice"], |_| {});
    let mallory = Authority::new().signs(&["mallory"], |_| {});
    let required = ClientAuth::Required(clients.pem.clone().into_bytes());
    let port = serve(authority.localhost().server(required)).await;
    let client = connect(port, alice.of(authority.trusted())).await.unwrap();
    let attack = tokio::spawn({
        let nobody = authority.trusted();
        let (mallory, deceived) = (mallory.of(authority.trusted()), Authority::new().trusted());
        let deceived = alice.of(deceived);
        async move {
            for n in 0..20_u8 {
                for (tls, expected) in [
                    (&nobody, TlsFailure::CertificateRequired),
                    (&mallory, TlsFailure::CertificateRefused),
                    (&deceived, TlsFailure::UnknownAuthority),
                ] {
                    let error = connect(port, tls.clone()).await.unwrap_err();
                    assert_eq!(failure(&error), expected);
                }
                let mut garbage =
                    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                garbage.write_all(&[n.wrapping_mul(13); 300]).await.unwrap();
            }
        }
    });
    let mut times = Vec::new();
    while !attack.is_finished() || times.len() < 20 {
        let start = std::time::Instant::now();
        assert_eq!(text(&client, "/hello").await, "hi");
        times.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    attack.await.expect("each is refused with its reason");
    times.sort_unstable();
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(50), "the canary is slow: {median:?}");
}

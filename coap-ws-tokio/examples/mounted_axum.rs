//! One port for a web page, a REST route and CoAP: mounted in axum, or any server on hyper 1.
//!
//!     cargo run -p coap-ws-tokio --example mounted_axum -- 127.0.0.1:8683
//!
//! Then open <http://127.0.0.1:8683/>, and `coap-ws put -d 23 coap+ws://127.0.0.1:8683/celsius`.

use axum::Router as Web;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{Html, Response};
use axum::routing::get;
use coap_ws_tokio::core::message::Code;
use coap_ws_tokio::handshake::PATH;
use coap_ws_tokio::{Acceptor, AcceptorConfig, RemoteInfo, Router, Stream, Tokio};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// What all three give access to.
type Celsius = Arc<Mutex<String>>;

fn coap(celsius: &Celsius) -> Router {
    let (read, write) = (Arc::clone(celsius), Arc::clone(celsius));
    Router::new().get("/celsius", move || std::future::ready(read.lock().unwrap().clone())).put(
        "/celsius",
        move |request: coap_ws_tokio::Request| {
            *write.lock().unwrap() = String::from_utf8_lossy(&request.body()).into_owned();
            std::future::ready(Code::CHANGED)
        },
    )
}

/// The route at which CoAP begins. A router that strips prefixes must leave this path whole.
async fn upgrade(
    State(coap): State<Acceptor<Tokio, Router>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    let mut info = RemoteInfo::default();
    info.address = Some(address);
    let (head, _) = request.into_parts();
    match coap.upgrade(head, info).await {
        Ok(accepted) => {
            let response = accepted.response().map(|()| Body::empty());
            tokio::spawn(async move {
                if let Ok(io) = upgraded.await {
                    coap.serve_upgraded(Stream(TokioIo::new(io)), accepted);
                }
            });
            response
        }
        Err(refusal) => refusal.to_http().map(Body::from),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8683".into());
    let celsius = Celsius::new(Mutex::new("21".into()));
    // Its policy holds here too: names of this machine, pages of the same origin. Elsewhere,
    // `policy.public_uris` says what the web server is called.
    let acceptor = Acceptor::<Tokio, Router>::new(AcceptorConfig::new(), coap(&celsius));

    let (page, rest) = (Arc::clone(&celsius), Arc::clone(&celsius));
    let web = Web::new()
        .route("/", get(async move || Html(format!("<h1>{} °C</h1>", page.lock().unwrap()))))
        .route("/api/celsius", get(async move || rest.lock().unwrap().clone()))
        .route(PATH, get(upgrade))
        .with_state(acceptor.clone())
        .into_make_service_with_connect_info::<SocketAddr>();

    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on coap+ws://{0} and http://{0}", listener.local_addr()?);
    let stop = async { _ = tokio::signal::ctrl_c().await };
    tokio::select! {
        outcome = axum::serve(listener, web) => outcome?,
        () = stop => acceptor.shut_down().await,
    }
    println!("every connection is released; good bye");
    Ok(())
}

//! Real sockets: a server on a free port, and a peer that speaks bytes.

// Each test binary uses a part of it.
#![allow(dead_code, unused_imports)]

mod raw;

pub(crate) use raw::{CSM_FRAME, Frame, GET_HELLO, Raw, frame, head};

use coap_ws_tokio::core::message::Code;
use coap_ws_tokio::{Client, Request, Response, Router, Server};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Guards against hanging; nothing is asserted about speed.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// A server in the background.
pub(crate) struct Serving {
    pub(crate) port: u16,
    /// How many connections it has opened.
    pub(crate) opened: Arc<AtomicUsize>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Serving {
    pub(crate) fn base(&self) -> String {
        format!("coap+ws://127.0.0.1:{}", self.port)
    }

    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.base()).await.expect("the server takes connections")
    }
}

pub(crate) async fn serve(app: Router) -> Serving {
    serve_as(app, |server| server).await
}

pub(crate) async fn serve_as(app: Router, set: impl FnOnce(Server) -> Server) -> Serving {
    let server = set(Server::bind("127.0.0.1:0").await.expect("a free port"));
    let port = server.local_addrs().next().expect("it listens").port();
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let app = app.on_connect(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
    let (stop, stopped) = oneshot::channel();
    let serving = server.serve(app).with_graceful_shutdown(async { _ = stopped.await });
    Serving { port, opened, stop, task: tokio::spawn(serving) }
}

/// `/hello`, `/echo`, `/large`, `/store/NAME`, `/slow`, `/never`, `/panic`.
pub(crate) fn app() -> Router {
    let store: Arc<Mutex<BTreeMap<String, Response>>> = Arc::default();
    let with = |act: fn(&mut BTreeMap<String, Response>, String, &Request) -> Response| {
        let store = Arc::clone(&store);
        move |request: Request| {
            let name = request.param("name").unwrap_or_default().to_owned();
            std::future::ready(act(&mut store.lock().unwrap(), name, &request))
        }
    };
    let put = |store: &mut BTreeMap<String, Response>, name: String, request: &Request| {
        let code = if store.contains_key(&name) { Code::CHANGED } else { Code::CREATED };
        store.insert(name, Response::content(request.body()));
        Response::new(code)
    };
    Router::new()
        .get("/hello", async || "hi")
        .post("/echo", async |request: Request| Response::content(request.body()))
        .get("/large", async || vec![7; 65_536])
        .get("/slow", async || {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "slow"
        })
        .get("/never", std::future::pending::<Response>)
        .post("/reverse", async |request: Request| request.remote().get("/hello").send().await)
        .get(
            "/store/{name}",
            with(|store, name, _| {
                let missing = || Response::error(Code::NOT_FOUND, "nothing there");
                store.get(&name).cloned().unwrap_or_else(missing)
            }),
        )
        .put("/store/{name}", with(put))
        .delete(
            "/store/{name}",
            with(|store, name, _| {
                store.remove(&name);
                Response::new(Code::DELETED)
            }),
        )
}

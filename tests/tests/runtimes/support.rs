//! What the scenarios share: a server and its remotes, a clock, and an end to waiting.

use coap_ws_async_std::{AsyncIo, AsyncStd, Smol};
use coap_ws_core::Side;
use coap_ws_core::message::Code;
use coap_ws_driver::engine::EngineConfig;
use coap_ws_driver::{
    Client, ConnectError, Error, ErrorKind, Remote, Request, Response, Router, Runtime, Server,
    Timer,
};
use coap_ws_tokio::Tokio;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// A moment.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// Guards against hanging; nothing is asserted about speed.
const HANG: Duration = Duration::from_secs(60);

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A runtime, and how a program on it begins.
pub(crate) trait Host: Runtime {
    fn block_on<T>(program: impl Future<Output = T>) -> T;
}

impl Host for Tokio {
    fn block_on<T>(program: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build().expect("a runtime").block_on(program)
    }
}

impl Host for AsyncIo<AsyncStd> {
    fn block_on<T>(program: impl Future<Output = T>) -> T {
        async_std::task::block_on(program)
    }
}

impl Host for AsyncIo<Smol> {
    fn block_on<T>(program: impl Future<Output = T>) -> T {
        smol::block_on(program)
    }
}

/// Runs a scenario to its end, which it must have.
pub(crate) fn run<R: Host>(scenario: impl Future<Output = Outcome>) {
    if let Err(error) = R::block_on(within::<R, _>(HANG, scenario)).expect("it does not hang") {
        panic!("{error}");
    }
}

/// Waits.
pub(crate) async fn sleep<R: Runtime>(duration: Duration) {
    let mut timer = R::timer();
    let at = timer.now().saturating_add(duration);
    poll_fn(|cx| timer.poll_until(cx, at)).await;
}

/// The outcome of a future, `None` where it takes longer than `limit`.
pub(crate) async fn within<R: Runtime, T>(
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(future), pin!(sleep::<R>(limit))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}

/// Waits until something is so.
pub(crate) async fn until<R: Runtime>(is: impl Fn() -> bool) {
    while !is() {
        sleep::<R>(TICK / 10).await;
    }
}

/// Runs a task in the background; what is given back waits for its outcome.
pub(crate) fn start<R: Runtime, T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let (tell, told) = oneshot::channel();
    R::spawn(async move { _ = tell.send(task.await) });
    async { told.await.expect("the task does not panic") }
}

/// A server in the background.
pub(crate) struct Serving {
    pub(crate) port: u16,
    /// Everybody who has connected.
    pub(crate) remotes: Arc<Mutex<Vec<Remote>>>,
    stop: oneshot::Sender<()>,
    ended: Pin<Box<dyn Future<Output = io::Result<()>>>>,
}

impl Serving {
    pub(crate) fn start<R: Runtime>(server: Server<R>, app: Router) -> Serving {
        let port = server.local_addrs().next().expect("it listens").port();
        let remotes: Arc<Mutex<Vec<Remote>>> = Arc::default();
        let known = Arc::clone(&remotes);
        let app = app.on_connect(move |remote| known.lock().unwrap().push(remote.clone()));
        let (stop, stopped) = oneshot::channel();
        let serving = server.serve(app).with_graceful_shutdown(async {
            // Where nobody can say so any more, it serves on.
            if stopped.await.is_err() {
                pending::<()>().await;
            }
        });
        Serving { port, remotes, stop, ended: Box::pin(start::<R, _>(serving)) }
    }

    pub(crate) fn base(&self) -> String {
        base(self.port)
    }

    pub(crate) async fn client<R: Runtime>(&self) -> Result<Client<R>, Error> {
        Client::connect(&self.base()).await
    }

    /// How many have connected.
    pub(crate) fn opened(&self) -> usize {
        self.remotes.lock().unwrap().len()
    }

    /// Who was first, or second.
    pub(crate) async fn remote<R: Runtime>(&self, n: usize) -> Remote {
        until::<R>(|| self.opened() > n).await;
        self.remotes.lock().unwrap()[n].clone()
    }

    /// Begins a shutdown in good order; what is given back waits for its end.
    pub(crate) fn stop(self) -> impl Future<Output = io::Result<()>> {
        let Serving { stop, ended, .. } = self;
        stop.send(()).expect("it serves until now");
        ended
    }
}

pub(crate) fn base(port: u16) -> String {
    format!("coap+ws://127.0.0.1:{port}")
}

pub(crate) async fn serve<R: Runtime>(app: Router) -> io::Result<Serving> {
    serve_as::<R>(app, |server| server).await
}

pub(crate) async fn serve_as<R: Runtime>(
    app: Router,
    set: impl FnOnce(Server<R>) -> Server<R>,
) -> io::Result<Serving> {
    Ok(Serving::start(set(Server::bind("127.0.0.1:0").await?), app))
}

/// The configuration of one end, with something in it changed.
pub(crate) fn config(side: Side, edit: impl FnOnce(&mut EngineConfig)) -> EngineConfig {
    let mut config = EngineConfig::new(side);
    edit(&mut config);
    config
}

/// One connection, which is never replaced.
pub(crate) async fn dial<R: Runtime>(port: u16) -> Result<Remote, Error> {
    dial_as::<R>(port, |_| {}).await
}

pub(crate) async fn dial_as<R: Runtime>(
    port: u16,
    edit: impl FnOnce(&mut EngineConfig),
) -> Result<Remote, Error> {
    let stream = R::connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let stream = stream.expect("somebody listens");
    let client = Client::<R>::builder().config(config(Side::Initiator, edit));
    client.over(stream, &base(port)).await
}

/// Why there is no connection.
pub(crate) fn connect_error(error: &Error) -> &ConnectError {
    match error.kind() {
        ErrorKind::Connect(error) => error,
        _ => panic!("not of the dial: {error}"),
    }
}

/// Bytes that are not all alike.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// `/hello`, `/echo`, `/large`, `/store/NAME`, `/slow`, `/never`, `/panic`, `/reverse`.
pub(crate) fn app<R: Runtime>() -> Router {
    let store: Arc<Mutex<BTreeMap<String, Response>>> = Arc::default();
    let with = |act: fn(&mut BTreeMap<String, Response>, String, &Request) -> Response| {
        let store = Arc::clone(&store);
        move |request: Request| {
            let name = request.param("name").unwrap_or_default().to_owned();
            ready(act(&mut store.lock().unwrap(), name, &request))
        }
    };
    Router::new()
        .get("/hello", || ready("hi"))
        .post("/echo", |request: Request| ready(Response::content(request.body())))
        .get("/large", || ready(pattern(65_536)))
        .get("/slow", || async {
            sleep::<R>(2 * TICK).await;
            "slow"
        })
        .get("/never", std::future::pending::<Response>)
        .get("/panic", || async { if true { panic!("on purpose") } else { "never" } })
        .post("/reverse", async |request: Request| request.remote().get("/hello").send().await)
        .get(
            "/store/{name}",
            with(|store, name, _| {
                let missing = || Response::error(Code::NOT_FOUND, "nothing there");
                store.get(&name).cloned().unwrap_or_else(missing)
            }),
        )
        .put(
            "/store/{name}",
            with(|store, name, request| {
                let old = store.insert(name, Response::content(request.body()));
                Response::new(if old.is_some() { Code::CHANGED } else { Code::CREATED })
            }),
        )
        .delete(
            "/store/{name}",
            with(|store, name, _| {
                store.remove(&name);
                Response::new(Code::DELETED)
            }),
        )
}

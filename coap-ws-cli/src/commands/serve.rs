//! `serve`: a server until a signal ends it.

use super::signals::Stop;
use crate::args::{AllowedOrigin, Global, Runtime, ServeArgs};
use crate::demo_resources;
use crate::describe;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::paint::Paint;
use crate::say;
use crate::text;
use crate::timing::ms;
use crate::tls::ServerTlsArgs;
use crate::trace::ServerTrace;
use coap_ws_driver::{Runtime as Adapter, Server};
use coap_ws_tokio::core::Side;
use coap_ws_tokio::engine::{EngineConfig, TapSlot};
use coap_ws_tokio::policy::{AllowedOrigins, Policy};
use coap_ws_tokio::tls::ServerTls;
use coap_ws_tokio::{
    Answer, DEFAULT_PORT, DEFAULT_SECURE_PORT, Handler, Notifier, Remote, Request, Router, Tokio,
};
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::time::Instant;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// The longest token that the demo server takes, in bytes (RFC 8974): 64 would be plenty.
const DEMO_TOKEN: usize = 300;

pub(super) fn run(args: ServeArgs, global: Global) -> Result<Exit, Failure> {
    let runtime = super::runtime(&mut Builder::new_multi_thread())?;
    let outcome = runtime.block_on(async {
        match args.runtime {
            Runtime::Tokio => serve::<Tokio>(args, global).await,
            // Signals stay tokio's; sockets, timers and tasks are not.
            #[cfg(feature = "async-std")]
            Runtime::AsyncStd => {
                use coap_ws_async_std::{AsyncIo, AsyncStd};
                serve::<AsyncIo<AsyncStd>>(args, global).await
            }
        }
    });
    runtime.shutdown_background();
    outcome
}

async fn serve<R: Adapter>(args: ServeArgs, global: Global) -> Result<Exit, Failure> {
    let tls = args.tls.settings()?;
    let server = bind::<R>(&args, tls.as_ref()).await?;
    let mut config = EngineConfig::new(Side::Acceptor);
    if global.verbose > 0 {
        config.tap = TapSlot::new(ServerTrace::new(global.verbose));
    }
    let router = match args.demo {
        true => {
            // So that extended tokens can be tried, at both borders of their encoding.
            config.connection.limits.max_token_length = DEMO_TOKEN;
            demo_resources::router::<R>()
        }
        false => {
            say::note("nothing is served but an empty /.well-known/core; --demo serves resources");
            Router::new()
        }
    };
    let mut stop = Stop::new();
    for (address, secure) in server.listening() {
        let scheme = if secure { "coaps+ws" } else { "coap+ws" };
        say::line(&format!("listening on {scheme}://{address}"))?;
    }
    if let Some(tls) = tls {
        tokio::spawn(reload(args.tls.clone(), tls));
    }
    let (told, tell) = tokio::sync::oneshot::channel();
    let serving = server
        .config(config)
        .policy(policy(args))
        .serve(Logged::<R, _> {
            handler: router,
            verbose: global.verbose,
            paint: Paint::stderr(),
            runtime: PhantomData,
        })
        .with_graceful_shutdown(async {
            // Where the sender is gone, so is the program.
            let _ = tell.await;
        });
    let stopping = async {
        stop.next().await;
        say::note("stopping: what is begun is finished; a second signal ends at once");
        let _ = told.send(());
        stop.next().await;
    };
    tokio::select! {
        outcome = serving => match outcome {
            Ok(()) => Ok(Exit::Success),
            Err(error) => Err(Failure::new(
                Exit::Usage,
                "the server cannot run",
                error.to_string(),
                "look at its settings",
            )),
        },
        () = stopping => Ok(Exit::Interrupted),
    }
}

/// Reads the certificate anew on SIGHUP. Connections that are open stay as they are.
async fn reload(args: ServerTlsArgs, tls: ServerTls) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else { return };
    while hangups.recv().await.is_some() {
        match args.reload(&tls) {
            Ok(()) => say::note("the certificate was read anew"),
            Err(failure) => say::note(&failure.tell(Paint::stderr())),
        }
    }
}

/// Listens on all addresses, with exactly the ports that were stated.
async fn bind<R: Adapter>(args: &ServeArgs, tls: Option<&ServerTls>) -> Result<Server<R>, Failure> {
    let default = match tls {
        Some(_) => format!("localhost:{DEFAULT_SECURE_PORT}"),
        None => format!("localhost:{DEFAULT_PORT}"),
    };
    let stated = if args.listen.is_empty() { vec![default] } else { args.listen.clone() };
    let stated = stated.iter().map(|address| (address, tls));
    let plain = args.tls.listen_plain.iter().map(|address| (address, None));
    let mut server = None;
    for (address, tls) in stated.chain(plain) {
        let bound = match (server.take(), tls.cloned()) {
            (None, None) => Server::bind(address).await,
            (None, Some(tls)) => Server::bind_tls(address, tls).await,
            (Some(server), None) => Server::and_bind(server, address).await,
            (Some(server), Some(tls)) => Server::and_bind_tls(server, address, tls).await,
        };
        server = Some(bound.map_err(|error| {
            let (exit, why, advice) = match error.kind() {
                ErrorKind::AddrInUse => (
                    Exit::Connect,
                    "another program listens there, perhaps another `coap-ws serve`",
                    "end it, or another port with --listen; port 0 is any free one",
                ),
                ErrorKind::PermissionDenied => (
                    Exit::Connect,
                    "ports below 1024 need privileges",
                    "a port from 1024 up, such as --listen 0.0.0.0:8683",
                ),
                ErrorKind::AddrNotAvailable => (
                    Exit::Connect,
                    "this machine has no such address",
                    "--listen 0.0.0.0:8683 or [::]:8683 listens on all that it has",
                ),
                ErrorKind::InvalidInput => (
                    Exit::Usage,
                    "--listen takes an address or a name, a colon and a port",
                    "--listen localhost:8683, 0.0.0.0:8683 or [::]:8683",
                ),
                _ => (
                    Exit::Connect,
                    "the address cannot be listened on",
                    "--listen localhost:8683, 0.0.0.0:8683 or [::]:8683",
                ),
            };
            Failure::new(exit, format!("cannot listen on {address}: {error}"), why, advice)
        })?);
    }
    server.ok_or_else(|| {
        Failure::new(Exit::Usage, "there is nothing to listen on", "no --listen", "--listen :8683")
    })
}

/// What the command line says of names and web pages.
fn policy(args: ServeArgs) -> Policy {
    let mut policy = Policy::default();
    policy.public_uris = args.public_uri;
    policy.trusted_proxies = args.trust_proxy;
    let mut origins = Vec::new();
    for allowed in args.allow_origin {
        match allowed {
            AllowedOrigin::This(origin) => origins.push(origin),
            AllowedOrigin::Any => policy.allowed_origins = AllowedOrigins::Any,
        }
    }
    if policy.allowed_origins != AllowedOrigins::Any && !origins.is_empty() {
        policy.allowed_origins = AllowedOrigins::Also(origins);
    }
    policy
}

/// Tells connections and requests on stderr.
struct Logged<R, H> {
    handler: H,
    verbose: u8,
    paint: Paint,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Adapter, H: Handler<Future = Answer>> Handler for Logged<R, H> {
    type Future = Answer;

    fn call(&self, request: Request) -> Answer {
        if self.verbose == 0 {
            return self.handler.call(request);
        }
        let paint = self.paint;
        let (begun, asked) = (Instant::now(), asked(&request));
        let answer = self.handler.call(request);
        Box::pin(async move {
            let response = answer.await;
            let code = describe::code(response.code());
            let code = match response.code().is_success() {
                true => paint.green(code),
                false => paint.red(code),
            };
            let length = text::count(response.body().len(), "byte");
            say::note(&format!("{asked}  {code}  {length}  {}", ms(begun.elapsed())));
            response
        })
    }

    fn notifier(&self, request: &Request) -> Option<Notifier> {
        self.handler.notifier(request)
    }

    fn connected(&self, remote: &Remote) {
        if self.verbose > 0 {
            let (remote, paint) = (remote.clone(), self.paint);
            say::note(&format!("{} {}", peer(&remote), paint.dim("connected")));
            R::spawn(async move {
                let closed = remote.closed().await;
                say::note(&format!("{} {}", peer(&remote), paint.dim(closed)));
            });
        }
        self.handler.connected(remote);
    }

    fn serves(&self) -> bool {
        self.handler.serves()
    }
}

/// Who asks for what.
fn asked(request: &Request) -> String {
    let path = match request.queries().collect::<Vec<_>>() {
        queries if queries.is_empty() => request.path(),
        queries => format!("{}?{}", request.path(), queries.join("&")),
    };
    let method = describe::code(request.method());
    format!("{} {method} {}", peer(request.remote()), text::one_line(&path))
}

fn peer(remote: &Remote) -> String {
    remote.info().address.map_or_else(|| "somebody".to_owned(), |address| address.to_string())
}

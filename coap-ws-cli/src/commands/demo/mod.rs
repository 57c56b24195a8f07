//! `demo`: a server and a client in one process, over a real socket, show what they say to each
//! other. Every answer is checked.

mod expect;
mod recorder;
mod show;
mod steps;
#[cfg(test)]
mod tests;

use crate::demo_resources;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::paint::Paint;
use coap_ws_tokio::{Router, Server, Tokio};
use show::Show;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(4);

pub(super) fn run() -> Result<Exit, Failure> {
    let runtime = super::runtime(&mut Builder::new_multi_thread())?;
    let mut show = Show::new(io::stdout(), Paint::stdout());
    let exit = runtime.block_on(async {
        tokio::select! {
            exit = play(demo_resources::router::<Tokio>(), &mut show) => exit,
            () = super::signals::interrupted() => Ok(Exit::Interrupted),
        }
    });
    runtime.shutdown_background();
    exit
}

/// Plays all steps with a server that answers with `router`.
async fn play<W: io::Write>(router: Router, show: &mut Show<W>) -> Result<Exit, Failure> {
    let (address, stop) = start(router).await?;
    show.title(address);
    if tokio::time::timeout(LIMIT, steps::all(address, show)).await.is_err() {
        show.wrong(&format!("it took more than {} s", LIMIT.as_secs()));
    }
    let _ = stop.send(());
    Ok(if show.verdict() { Exit::Success } else { Exit::Failed })
}

/// A server on a free port of this machine. It ends with the sender.
async fn start(router: Router) -> Result<(SocketAddr, oneshot::Sender<()>), Failure> {
    let cannot = |error: io::Error| {
        Failure::new(
            Exit::Connect,
            format!("cannot listen on 127.0.0.1: {error}"),
            "the demo needs a free port of this machine, for itself",
            "run it where loopback can be used",
        )
    };
    let server = Server::bind("127.0.0.1:0").await.map_err(cannot)?;
    let address = server.local_addrs().next();
    let address = address.ok_or_else(|| cannot(io::ErrorKind::AddrNotAvailable.into()))?;
    let (stop, stopped) = oneshot::channel();
    let stopped = async {
        let _ = stopped.await;
    };
    tokio::spawn(server.serve(router).with_graceful_shutdown(stopped));
    Ok((address, stop))
}

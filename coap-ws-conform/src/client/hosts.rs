//! Where clients come from: a command that is run for each case, or somebody's hands.

use super::guest::{Ended, Guests, Visit};
use crate::case::Boxed;
use crate::conn::Stream;
use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The longest output of a client that is looked at.
const OUTPUT: u64 = 64 * 1024;

fn uri(address: SocketAddr, path: &str) -> String {
    format!("coap+ws://{address}{path}")
}

/// Runs a command for each case, with a port of its own.
#[derive(Debug)]
pub struct ByCommand {
    /// A line for the shell, in which `{uri}` is what to ask for.
    pub line: String,
    /// Where to listen; port 0.
    pub listen: SocketAddr,
    /// How long it may take to connect.
    pub patience: Duration,
}

impl Guests for ByCommand {
    fn next(&self, path: &str) -> Boxed<io::Result<Visit>> {
        let (line, path) = (self.line.clone(), path.to_owned());
        let (listen, patience) = (self.listen, self.patience);
        Box::pin(async move {
            let listener = TcpListener::bind(listen).await?;
            let uri = uri(listener.local_addr()?, &path);
            let line = line.replace("{uri}", &format!("'{uri}'"));
            let mut child = Command::new("sh")
                .args(["-c", &line])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()?;
            let accepted = tokio::select! {
                accepted = timeout(patience, listener.accept()) => accepted,
                status = child.wait() => {
                    let status = status?;
                    let text = format!("the command ended without connecting: {status}");
                    return Err(io::Error::other(text));
                }
            };
            let Ok(accepted) = accepted else {
                return Err(io::Error::other("the command does not connect"));
            };
            let (stream, _) = accepted?;
            let _ = stream.set_nodelay(true);
            let stream: Box<dyn Stream> = Box::new(stream);
            // The listener lives as long as the client may want to connect again.
            let ended: Boxed<Option<Ended>> = Box::pin(async move {
                let ended = end(child, patience).await;
                drop(listener);
                ended
            });
            Ok(Visit { stream, ended })
        })
    }
}

/// Its output and status. One that does not end is a failure, and is ended.
async fn end(mut child: Child, patience: Duration) -> Option<Ended> {
    let mut output = Vec::new();
    let stdout = child.stdout.take()?;
    let reading = async {
        let _ = stdout.take(OUTPUT).read_to_end(&mut output).await;
        child.wait().await
    };
    let success = match timeout(patience, reading).await {
        Ok(Ok(status)) => status.success(),
        _ => false,
    };
    Some(Ended { success, output })
}

/// Tells somebody where to point a client, and waits.
#[derive(Debug)]
pub struct ByHand {
    listener: Arc<Mutex<TcpListener>>,
    address: SocketAddr,
    patience: Duration,
}

impl ByHand {
    /// Listens.
    pub async fn listen(address: SocketAddr, patience: Duration) -> io::Result<ByHand> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(ByHand { listener: Arc::new(Mutex::new(listener)), address, patience })
    }

    /// Where.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Guests for ByHand {
    fn next(&self, path: &str) -> Boxed<io::Result<Visit>> {
        let listener = Arc::clone(&self.listener);
        let (uri, patience) = (uri(self.address, path), self.patience);
        Box::pin(async move {
            eprintln!("next: {uri}");
            let listener = listener.lock().await;
            let accepted = timeout(patience, listener.accept()).await;
            let (stream, _) = accepted.map_err(|_| io::Error::other("no client came"))??;
            let _ = stream.set_nodelay(true);
            Ok(Visit { stream: Box::new(stream), ended: Box::pin(async { None }) })
        })
    }
}

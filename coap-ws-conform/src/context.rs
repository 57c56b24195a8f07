//! What a case is given.

use crate::case::{Boxed, Outcome, Stop, skip};
use crate::conn::rules::Rules;
use crate::conn::{Conn, ConnContext, Log, Patience, Stream};
use crate::target::Target;
use crate::wire::message::{Code, Message};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Makes transports to the peer.
pub trait Dial: Send + Sync {
    /// One more of them.
    fn dial(&self) -> Boxed<io::Result<Box<dyn Stream>>>;
}

/// What all cases of a run share.
pub struct Shared {
    pub dial: Arc<dyn Dial>,
    /// What goes into the Host field.
    pub host: String,
    pub patience: Patience,
    /// How long a peer may take to give up on one that says nothing.
    pub deadline: Duration,
    /// Whether floods are allowed.
    pub hostile: bool,
    pub target: Target,
    /// Whether the peer could be connected to before the cases began.
    pub reachable: bool,
    pub rules: Rules,
    /// For cases that write where there is one resource to write to.
    pub writing: Arc<Mutex<()>>,
    pub serial: AtomicU32,
}

/// A case's view of the run, and its own log.
#[derive(Clone)]
pub struct Cx {
    pub shared: Arc<Shared>,
    pub log: Log,
}

/// The CSM that a case begins with when it has no other: 1152 bytes, block-wise.
pub const CSM: &str = "00e1 220480 20";

/// One with room for everything, which also indicates BERT.
pub const LARGE_CSM: &str = "00e1 2401000000 20";

impl Cx {
    pub fn new(shared: Arc<Shared>) -> Cx {
        Cx { shared, log: Log::default() }
    }

    pub fn target(&self) -> &Target {
        &self.shared.target
    }

    pub fn patience(&self) -> Patience {
        self.shared.patience
    }

    /// TCP, and nothing on it.
    pub async fn raw(&self) -> Outcome<Conn> {
        let dialled = self.shared.dial.dial();
        let by = self.shared.patience.answer * 5;
        let stream = match tokio::time::timeout(by, dialled).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Stop::NoConnection(error.to_string())),
            Err(_) => return Err(Stop::NoConnection("nobody accepts".to_owned())),
        };
        let context = ConnContext {
            log: self.log.clone(),
            rules: self.shared.rules.clone(),
            patience: self.shared.patience,
        };
        Ok(Conn::new(stream, true, &context))
    }

    /// Behind the opening handshake, with no message sent.
    pub async fn upgraded(&self) -> Outcome<Conn> {
        let mut conn = self.raw().await?;
        conn.upgrade(&self.shared.host).await.map_err(no_connection)?;
        Ok(conn)
    }

    /// Behind the CSMs too.
    pub async fn open(&self) -> Outcome<Conn> {
        self.open_with(CSM).await
    }

    /// The same with a CSM of one's own.
    pub async fn open_with(&self, csm: &str) -> Outcome<Conn> {
        let mut conn = self.upgraded().await?;
        conn.send(csm).await;
        conn.settle().await;
        Ok(conn)
    }

    /// A request for the resource that can be read.
    pub fn get(&self) -> Outcome<Message> {
        Ok(request(Code::GET, self.target().get()?))
    }

    /// The path of a resource that can be written, of this case alone while the guard lives.
    pub async fn writable(&self) -> Outcome<(String, OwnedMutexGuard<()>)> {
        let guard = Arc::clone(&self.shared.writing).lock_owned().await;
        let serial = self.shared.serial.fetch_add(1, Ordering::Relaxed);
        Ok((self.target().writable(serial)?, guard))
    }

    /// Stops the case where floods are not allowed and this many bytes are too many.
    pub fn afford(&self, bytes: u64) -> Outcome {
        if bytes > 256 * 1024 && !self.shared.hostile {
            let why = format!("would send {bytes} bytes in one message: needs --hostile");
            return Err(skip(why));
        }
        if bytes > 4 << 20 {
            return Err(skip(format!("would send {bytes} bytes")));
        }
        Ok(())
    }
}

/// A request.
pub fn request(method: Code, path: &str) -> Message {
    Message::new(method).path(path)
}

fn no_connection(stop: Stop) -> Stop {
    match stop {
        Stop::Deviates(why) | Stop::Fails(why) => Stop::NoConnection(why),
        other => other,
    }
}

//! Registering, and registering again.

use crate::endpoint::{Lease, Target};
use crate::error::{Error, ErrorKind};
use crate::feed::Feed;
use crate::mailbox::{CancelOnDrop, TimeLimit};
use crate::outgoing::{Outgoing, Via};
use crate::remote::Remote;
use crate::response::Response;
use coap_ws_core::{Backoff, Jitter, Sent};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How long to stay away after the first loss, and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// An observation on one connection.
pub(super) struct Joined {
    pub(super) feed: Arc<Feed>,
    /// The answer to the registration, until it is read.
    pub(super) first: Option<Response>,
    pub(super) remote: Remote,
    /// What registered, to ask for the rest of a large notification.
    pub(super) request: Arc<Outgoing>,
    /// Deregisters; goes before the lease.
    _cancel: CancelOnDrop,
    /// While somebody observes by it, a connection is not idle.
    _lease: Option<Lease>,
}

/// Registers by the connection there is, or a new one.
pub(super) async fn join(
    via: &Via,
    message: &Outgoing,
    timeout: Option<Duration>,
) -> Result<Joined, Error> {
    let target = match via {
        Via::Remote(remote) => return on(remote, message, timeout).await,
        Via::Client(target) => target,
    };
    let until = target.until(timeout);
    let mut lease = target.lease(until).await?;
    let mut joined = on(lease.remote(), message, target.left(until)).await;
    if let Err(error) = &joined
        && error.is_of_the_end()
        && error.sent() == Sent::No
    {
        // As for any request: what has not left may go by another connection.
        lease.is_over();
        lease = target.lease(until).await?;
        joined = on(lease.remote(), message, target.left(until)).await;
    }
    joined.map(|joined| Joined { _lease: Some(lease), ..joined })
}

async fn on(
    remote: &Remote,
    message: &Outgoing,
    timeout: Option<Duration>,
) -> Result<Joined, Error> {
    let remote = remote.clone();
    let feed = Arc::new(Feed::default());
    let mailbox = Arc::clone(&remote.shared().mailbox);
    let mut request = message.clone();
    remote.name_host(&mut request);
    let request = Arc::new(request);
    let asked = remote.cutting().registration(&request);
    let limit = timeout.map(TimeLimit::new);
    let (first, cancel) = mailbox.observe(asked, limit, Arc::clone(&feed)).await?;
    Ok(Joined { feed, first: Some(first), remote, request, _cancel: cancel, _lease: None })
}

type Joining = Pin<Box<dyn Future<Output = Result<Joined, Error>> + Send>>;

/// Registers anew where the connection was lost.
pub(super) struct Again {
    target: Arc<Target>,
    message: Outgoing,
    timeout: Option<Duration>,
    wanted: bool,
    /// Losses and failures since the last notification.
    failures: Backoff,
    joining: Option<Joining>,
}

impl Again {
    pub(super) fn new(
        target: Arc<Target>,
        message: Outgoing,
        timeout: Option<Duration>,
        wanted: bool,
    ) -> Again {
        let failures = Backoff::default();
        Again { target, message, timeout, wanted, failures, joining: None }
    }

    /// The attempt that is under way.
    pub(super) fn joining(&mut self) -> Option<&mut Joining> {
        self.joining.as_mut()
    }

    pub(super) fn joined(&mut self) {
        self.joining = None;
    }

    /// A notification has come: the connection is good.
    pub(super) fn reset(&mut self) {
        self.failures.reset();
    }

    /// The observation or an attempt to register it anew has failed: where another connection
    /// may do better, there is another attempt after a while.
    pub(super) fn failed(&mut self, error: &Error) {
        self.joining = None;
        if !self.wanted || !error.is_loss() {
            return;
        }
        let usual = self.failures.failed(FIRST_WAIT, LONGEST_WAIT);
        // Half of it to one and a half of it: who lost the same server comes back one by one. The
        // pool waits for its own reasons; this is also for a server that takes everybody and
        // closes in good order, which is no failure to the pool.
        let mut jitter = Jitter::new(getrandom::u64().unwrap_or_default());
        let mut wait = usual / 2 + jitter.up_to(usual);
        if let ErrorKind::HeldOff { left, .. } = error.kind() {
            wait = wait.max(*left);
        }
        let (target, message) = (Arc::clone(&self.target), self.message.clone());
        let timeout = self.timeout;
        self.joining = Some(Box::pin(async move {
            target.sleep(wait).await;
            join(&Via::Client(target), &message, timeout).await
        }));
    }
}

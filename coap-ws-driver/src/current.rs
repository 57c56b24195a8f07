//! The one connection that all clones of a client share.

use crate::dial::Dial;
use crate::error::{ConnectError, Error, ErrorKind};
use crate::permits::Permits;
use crate::remote::Remote;
use coap_ws_core::Instant;
use futures_util::future::{Either, select};
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What all clones share, of whatever runtime.
pub(crate) struct Shared {
    dial: Box<dyn Dial>,
    base: String,
    /// One permit: who dials. First requests share one connection (WS-17).
    dialling: Arc<Permits>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    remote: Option<Remote>,
    /// How many dials have ended, and how the last one failed.
    dials: u64,
    failure: Option<Arc<ConnectError>>,
}

impl Shared {
    pub(crate) fn new(dial: Box<dyn Dial>, base: String) -> Shared {
        Shared { dial, base, dialling: Permits::new(1), current: Mutex::default() }
    }

    /// The connection that is open, or a new one.
    pub(crate) async fn remote(&self) -> Result<Remote, Error> {
        self.remote_after(None).await
    }

    /// A connection other than `over`, which takes no requests any more.
    pub(crate) async fn remote_after(&self, over: Option<&Remote>) -> Result<Remote, Error> {
        let asked = {
            let current = self.lock();
            if let Some(remote) = current.usable(over) {
                return Ok(remote);
            }
            current.dials
        };
        let _turn = self.dialling.acquire().await;
        {
            let current = self.lock();
            if let Some(remote) = current.usable(over) {
                return Ok(remote);
            }
            // Whoever waited for a dial that failed shares its failure; a queue of them would
            // take the connect timeout once each.
            if let Some(failure) = current.failure.as_ref().filter(|_| current.dials > asked) {
                return Err(Error::unsent(ErrorKind::Connect(Arc::clone(failure))));
            }
        }
        let outcome = self.dial.dial(&self.base).await;
        let mut current = self.lock();
        current.dials = current.dials.wrapping_add(1);
        current.failure = outcome.as_ref().err().cloned();
        let remote = outcome.map_err(|error| Error::unsent(ErrorKind::Connect(error)))?;
        let before = current.remote.replace(remote.clone());
        drop(current);
        // Its last handle may run user code: not under the lock.
        drop(before);
        Ok(remote)
    }

    /// As [`remote_after`](Shared::remote_after), within what is left of a request's timeout.
    pub(crate) async fn remote_within(
        &self,
        left: Option<Duration>,
        over: Option<&Remote>,
    ) -> Result<Remote, Error> {
        let Some(left) = left else { return self.remote_after(over).await };
        let ready = self.lock().usable(over);
        if let Some(remote) = ready {
            return Ok(remote);
        }
        match select(pin!(self.remote_after(over)), self.dial.sleep(left)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Error::unsent(ErrorKind::Timeout)),
        }
    }

    /// The connection there is, whatever becomes of it.
    pub(crate) fn current(&self) -> Option<Remote> {
        self.lock().remote.clone()
    }

    pub(crate) fn now(&self) -> Instant {
        self.dial.now()
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn usable(&self, over: Option<&Remote>) -> Option<Remote> {
        let usable = |remote: &&Remote| !remote.is_closed() && !over.is_some_and(|o| o.is(remote));
        self.remote.as_ref().filter(usable).cloned()
    }
}

impl Drop for Shared {
    /// Nobody can ask by it any more: the connection is released, so that none is left behind.
    fn drop(&mut self) {
        let current = self.current.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(remote) = current.remote.take() {
            remote.let_go();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its query may be a secret (T92).
        let base = self.base.split('?').next();
        f.debug_struct("Client").field("base", &base).finish_non_exhaustive()
    }
}

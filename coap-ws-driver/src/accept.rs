//! The application's word on who may connect.

use crate::remote::RemoteInfo;
use http::StatusCode;
use http::request::Parts;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// An opening handshake that meets all rules: what there is to judge it by.
#[derive(Debug)]
#[non_exhaustive]
pub struct Upgrade {
    /// The request's head. What is put into its extensions, handlers see with
    /// [`Remote::handshake`](crate::Remote::handshake).
    pub head: Parts,
    /// The peer's address, and who it is by TLS.
    pub info: RemoteInfo,
}

/// An answer on its way.
pub(crate) type Verdict = Pin<Box<dyn Future<Output = Result<Upgrade, StatusCode>> + Send>>;

/// An async function that admits or refuses.
#[derive(Clone)]
pub struct AcceptHook(Arc<dyn Fn(Upgrade) -> Verdict + Send + Sync>);

impl AcceptHook {
    /// Asks `judge` about each opening handshake that meets all rules. `Ok` with the upgrade
    /// admits it, `Err` refuses with that HTTP status. It has `handshake_timeout`.
    pub fn new<F, V>(judge: F) -> AcceptHook
    where
        F: Fn(Upgrade) -> V + Send + Sync + 'static,
        V: Future<Output = Result<Upgrade, StatusCode>> + Send + 'static,
    {
        AcceptHook(Arc::new(move |upgrade| Box::pin(judge(upgrade))))
    }

    pub(crate) fn ask(&self, head: Parts, info: RemoteInfo) -> Verdict {
        (self.0)(Upgrade { head, info })
    }
}

impl fmt::Debug for AcceptHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcceptHook")
    }
}

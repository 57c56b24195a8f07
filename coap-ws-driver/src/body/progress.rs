//! How far a transfer is.

use std::fmt;
use std::sync::Arc;

/// How far a request and its response are, in bytes of their bodies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// What the peer has said that it has.
    pub sent: u64,
    /// The body of the request; `None` where its end is not known yet.
    pub to_send: Option<u64>,
    /// What has come.
    pub received: u64,
    /// The body of the response, where the peer has said so (Size2; a hint).
    pub to_receive: Option<u64>,
}

/// Who is told, if anybody.
#[derive(Clone, Default)]
pub struct ProgressHook(Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl ProgressHook {
    /// Calls `hook` after each block.
    pub fn new(hook: impl Fn(Progress) + Send + Sync + 'static) -> ProgressHook {
        ProgressHook(Some(Arc::new(hook)))
    }

    pub(super) fn tell(&self, progress: Progress) {
        if let Some(hook) = &self.0 {
            hook(progress);
        }
    }
}

impl fmt::Debug for ProgressHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressHook")
    }
}

//! The use of a connection: it is not idle meanwhile.

use super::shared::Shared;
use crate::remote::Remote;
use coap_ws_core::pool::ConnectionId;
use std::fmt;
use std::sync::Arc;

/// A connection that a request or an observation uses.
pub(crate) struct Lease {
    shared: Arc<Shared>,
    id: ConnectionId,
    remote: Remote,
}

impl Lease {
    pub(super) const fn new(shared: Arc<Shared>, id: ConnectionId, remote: Remote) -> Lease {
        Lease { shared, id, remote }
    }

    pub(crate) const fn remote(&self) -> &Remote {
        &self.remote
    }

    /// It takes no more requests: whoever asks next gets another one.
    pub(crate) fn is_over(&self) {
        self.shared.table().pool.leave(self.id);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let now = self.shared.now();
        self.shared.table().pool.end(now, self.id);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.remote.fmt(f)
    }
}

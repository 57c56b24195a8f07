//! Requests of ours that belong together: the peer's Release does not part them.

use crate::mailbox::{Command, Mailbox};
use coap_ws_core::Operation;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a request is of its operation.
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// Others may follow; the first one has no transfer yet.
    Of(Option<Arc<Transfer>>),
}

/// An operation that has begun: shared by who asks block after block and the task of the
/// connection. When neither has it any more, the connection need not wait for what would follow.
pub(crate) struct Transfer {
    mailbox: Arc<Mailbox>,
    /// Whether the last response said that more follows, and nothing has followed. The task alone
    /// writes it.
    open: AtomicBool,
}

impl Part {
    pub(crate) fn operation(&self) -> Operation {
        match self {
            Part::Whole => Operation::Single,
            Part::Of(Some(transfer)) if transfer.open.load(Ordering::Relaxed) => {
                Operation::Continues
            }
            Part::Of(_) => Operation::Begins,
        }
    }

    /// The request is on its way.
    pub(crate) fn asked(&self) {
        if let Part::Of(Some(transfer)) = self {
            transfer.open.store(false, Ordering::Relaxed);
        }
    }

    /// Its response has come, and says that more follows.
    pub(crate) fn goes_on(self, mailbox: &Arc<Mailbox>) -> Option<Arc<Transfer>> {
        let Part::Of(transfer) = self else { return None };
        let new = || Arc::new(Transfer { mailbox: Arc::clone(mailbox), open: false.into() });
        let transfer = transfer.unwrap_or_else(new);
        transfer.open.store(true, Ordering::Relaxed);
        Some(transfer)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if *self.open.get_mut() {
            // Where the connection is over, so is the transfer.
            let _ = self.mailbox.post(Command::LeaveOff);
        }
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").field("open", &self.open).finish()
    }
}

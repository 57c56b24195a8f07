//! Being asked to end.

use std::future::pending;

/// Ctrl-C.
pub(super) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Then the system ends the program by itself.
        pending::<()>().await;
    }
}

/// What asks a server to end: Ctrl-C, or SIGTERM. Give it once; it can be waited for again.
pub(super) struct Stop {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
}

impl Stop {
    /// From here on the signals do not end the program by themselves.
    pub(super) fn new() -> Stop {
        Stop {
            #[cfg(unix)]
            terminate: {
                use tokio::signal::unix::{SignalKind, signal};
                signal(SignalKind::terminate()).ok()
            },
        }
    }

    /// The next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            () = interrupted() => {}
            () = self.terminated() => {}
        }
    }

    #[cfg(unix)]
    async fn terminated(&mut self) {
        match &mut self.terminate {
            Some(signal) => {
                signal.recv().await;
            }
            None => pending().await,
        }
    }

    #[cfg(not(unix))]
    async fn terminated(&mut self) {
        pending().await
    }
}

//! Being asked to end.

use std::future::pending;

/// Ctrl-C.
pub(super) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Then the system ends the program by itself.
        pending::<()>().await;
    }
}

/// What asks a server to end: Ctrl-C, or SIGTERM.
pub(super) struct Stop {
    #[cfg(unix)]
    signals: [Option<tokio::signal::unix::Signal>; 2],
}

impl Stop {
    /// From here on the signals do not end the program by themselves.
    #[cfg(unix)]
    pub(super) fn new() -> Stop {
        use tokio::signal::unix::{SignalKind, signal};
        Stop { signals: [SignalKind::interrupt(), SignalKind::terminate()].map(|k| signal(k).ok()) }
    }

    /// The next one.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            () = received(interrupt) => {}
            () = received(terminate) => {}
        }
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> Stop {
        Stop {}
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) {
        interrupted().await;
    }
}

#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => pending().await,
    }
}

//! What an adapter implements: sockets, a clock, a place to run tasks.

use crate::transport::{Timer, Transport};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// An async runtime. Everything that is not in here is written once, for all of them.
pub trait Runtime: Send + Sync + Sized + 'static {
    /// A TCP connection.
    type Stream: Transport + Unpin + Send + 'static;
    /// A clock with a timer.
    type Timer: Timer + Unpin + Send + 'static;
    /// A listening TCP socket.
    type Listener: Send + Sync + 'static;

    /// A new timer.
    fn timer() -> Self::Timer;

    /// Runs a task in the background to its end.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// All addresses of a host.
    fn resolve(host: String, port: u16)
    -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects, without delaying small writes.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Listens.
    fn bind(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// The address that a listener has.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn local_addr(listener: &Self::Listener) -> io::Result<SocketAddr>;

    /// Takes the next connection, without delaying small writes.
    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

/// Waits.
pub(crate) async fn sleep<R: Runtime>(duration: Duration) {
    let mut timer = R::timer();
    let at = timer.now().saturating_add(duration);
    poll_fn(|cx| timer.poll_until(cx, at)).await;
}

/// The outcome of a future, `None` where it takes longer than `limit`.
pub(crate) async fn within<R: Runtime, T>(
    limit: Duration,
    future: impl Future<Output = T> + Send,
) -> Option<T> {
    let future = std::pin::pin!(future);
    let sleep = std::pin::pin!(sleep::<R>(limit));
    match futures_util::future::select(future, sleep).await {
        futures_util::future::Either::Left((outcome, _)) => Some(outcome),
        futures_util::future::Either::Right(_) => None,
    }
}

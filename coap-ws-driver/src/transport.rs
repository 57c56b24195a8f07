//! What a runtime has to bring: a byte stream and a clock.

use coap_ws_core::Instant;
use std::io;
use std::task::{Context, Poll};

/// A byte stream: TCP, TLS, a Unix socket, anything that carries bytes in order.
///
/// The methods are those of any runtime's asynchronous I/O traits; an adapter hands them on.
///
/// ```
/// use coap_ws_driver::Transport;
/// use futures_util::io::{AsyncRead, AsyncWrite};
/// use std::io;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// /// Any stream with the traits of `futures-io`.
/// struct Stream<S>(S);
///
/// impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Stream<S> {
///     fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
///         Pin::new(&mut self.0).poll_read(cx, to)
///     }
///     fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
///         Pin::new(&mut self.0).poll_write(cx, bytes)
///     }
///     fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Pin::new(&mut self.0).poll_flush(cx)
///     }
///     fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Pin::new(&mut self.0).poll_close(cx)
///     }
/// }
/// ```
pub trait Transport {
    /// Reads what is there, at least one byte; 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// What the stream says; nothing is read from it any more then.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes at least one byte.
    ///
    /// # Errors
    ///
    /// What the stream says; nothing is written to it any more then.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Sees to it that what was written leaves: for streams that keep something back (TLS).
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Transport::poll_write).
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the writing direction, after `close_notify` where there is TLS.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Transport::poll_write).
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// A monotonic clock and one timer.
pub trait Timer {
    /// The time now. All clocks of a process count from the same epoch.
    fn now(&self) -> Instant;

    /// Ready when `at` is reached. Called again with another time it waits for that one.
    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()>;
}

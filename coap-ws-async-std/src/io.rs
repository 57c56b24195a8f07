//! Streams and clock of this family as the driver wants them.

use async_io::Timer as Sleep;
use coap_ws_driver::{Timer, Transport};
use futures_util::io::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Any byte stream that speaks `futures-io`.
#[derive(Debug)]
pub struct Stream<S>(pub S);

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Stream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// The monotonic clock and one timer.
#[derive(Debug, Default)]
pub struct Clock {
    sleep: Option<Sleep>,
    at: coap_ws_driver::Instant,
}

/// Where all clocks of the process count from.
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

impl Timer for Clock {
    fn now(&self) -> coap_ws_driver::Instant {
        coap_ws_driver::Instant::ZERO.saturating_add(epoch().elapsed())
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, at: coap_ws_driver::Instant) -> Poll<()> {
        let wait = || match epoch().checked_add(Duration::from_micros(at.as_micros())) {
            Some(deadline) => Sleep::at(deadline),
            None => Sleep::never(),
        };
        if self.at != at {
            self.sleep = None;
        }
        self.at = at;
        let sleep = self.sleep.get_or_insert_with(wait);
        let fired = Pin::new(&mut *sleep).poll(cx).map(drop);
        if fired.is_ready() {
            // A timer of this kind fires once.
            self.sleep = None;
        }
        fired
    }
}

//! tokio's streams and clock as the driver wants them.

use coap_ws_driver::{Timer, Transport};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Any byte stream of tokio's.
#[derive(Debug)]
pub struct Stream<S>(pub S);

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Stream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        Pin::new(&mut self.0).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// tokio's clock and one timer. Follows `tokio::time::pause`.
#[derive(Debug, Default)]
pub struct Clock {
    sleep: Option<Pin<Box<Sleep>>>,
    at: coap_ws_driver::Instant,
}

/// Where all clocks of the process count from.
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

impl Timer for Clock {
    fn now(&self) -> coap_ws_driver::Instant {
        let since = Instant::now().saturating_duration_since(epoch());
        coap_ws_driver::Instant::ZERO.saturating_add(since)
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, at: coap_ws_driver::Instant) -> Poll<()> {
        let target = || epoch() + Duration::from_micros(at.as_micros().min(FAR_MICROS));
        match &mut self.sleep {
            Some(sleep) if self.at != at => sleep.as_mut().reset(target()),
            Some(_) => {}
            None => self.sleep = Some(Box::pin(sleep_until(target()))),
        }
        self.at = at;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// A century: what tokio's clock can add without overflow.
const FAR_MICROS: u64 = 100 * 365 * 24 * 3600 * 1_000_000;

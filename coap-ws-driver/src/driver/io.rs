//! The driver's stream and time: what is written, read and waited for.

use super::{Driver, READ_CHUNK, SCRATCH};
use crate::handler::Handler;
use crate::transport::{Timer, Transport};
use std::io;
use std::task::{Context, Poll};

impl<T: Transport, C: Timer, H: Handler> Driver<T, C, H> {
    /// Writes what there is; whether anything moved. Where the stream takes no more,
    /// `writable` says so.
    fn write(&mut self, cx: &mut Context<'_>, writable: &mut bool) -> io::Result<bool> {
        let mut moved = false;
        while !self.engine.output().is_empty() {
            match again(cx, |cx| self.transport.poll_write(cx, self.engine.output())) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.engine.handle_written(self.timer.now(), n);
                    (moved, self.flushed) = (true, false);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    *writable = false;
                    break;
                }
            }
        }
        if !self.flushed
            && let Poll::Ready(flushed) = again(cx, |cx| self.transport.poll_flush(cx))
        {
            flushed?;
            self.flushed = true;
        }
        Ok(moved)
    }

    /// Reads once, if reading is wanted; how much came. Where there is no more, `readable` says
    /// so.
    fn read(&mut self, cx: &mut Context<'_>, readable: &mut bool) -> io::Result<Option<usize>> {
        if !self.engine.interest().read {
            return Ok(None);
        }
        // Taken, not borrowed: a stream may run another driver inside its call.
        let mut scratch = SCRATCH.take();
        if scratch.is_empty() {
            scratch = vec![0; READ_CHUNK].into();
        }
        let read = again(cx, |cx| self.transport.poll_read(cx, &mut scratch));
        let now = self.timer.now();
        let outcome = match read {
            Poll::Ready(Ok(0)) => {
                self.engine.handle_eof(now);
                Ok(Some(0))
            }
            Poll::Ready(Ok(n)) => {
                self.engine.handle_bytes(now, scratch.get(..n).unwrap_or_default());
                Ok(Some(n))
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => {
                *readable = false;
                Ok(None)
            }
        };
        SCRATCH.set(scratch);
        outcome
    }

    /// Time and the end of the writing direction; whether anything moved.
    fn wait(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        if self.engine.interest().shutdown && !self.shut_down {
            // Where it fails the stream is broken, which reading will tell.
            if let Poll::Ready(_done) = again(cx, |cx| self.transport.poll_shutdown(cx)) {
                (self.shut_down, moved) = (true, true);
            }
        }
        let engine = self.engine.poll_timeout();
        let ours = self.asks.deadline().into_iter().chain(self.bodies.deadline());
        let watches = self.watches.as_ref().and_then(|watches| watches.deadline());
        let ours = ours.chain(watches);
        let Some(deadline) = engine.into_iter().chain(ours).min() else { return moved };
        // An earlier deadline moves the timer; a later one lets it fire early once.
        let at = self.armed.map_or(deadline, |armed| armed.min(deadline));
        self.armed = Some(at);
        if self.timer.poll_until(cx, at).is_ready() {
            self.armed = None;
            let now = self.timer.now();
            self.engine.handle_timeout(now);
            self.asks.expire(now);
            if let Some(watches) = &mut self.watches {
                watches.expire(now);
            }
            self.bodies.expire(now);
            moved = true;
        }
        moved
    }

    /// One turn after the other, until nothing moves or a chunk is read.
    pub(super) fn run(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        let mut left = READ_CHUNK;
        // The stream wakes the task when that changes: nothing is tried twice.
        let (mut readable, mut writable) = (true, true);
        loop {
            let mut moved = self.turn(cx);
            moved |= writable && self.write(cx, &mut writable)?;
            if self.engine.interest().done {
                self.turn(cx);
                return Ok(Poll::Ready(()));
            }
            if left == 0 {
                // There may be more to read; the neighbours go first. Time goes on all the same.
                self.wait(cx);
                cx.waker().wake_by_ref();
                return Ok(Poll::Pending);
            }
            if readable && let Some(n) = self.read(cx, &mut readable)? {
                left = left.saturating_sub(n);
                moved = true;
            }
            if !moved && !self.wait(cx) {
                return Ok(Poll::Pending);
            }
        }
    }
}

/// A call of the stream, which is made again when a signal came in between; but by and by, so
/// that one that says so for ever spins no task.
fn again<T>(
    cx: &mut Context<'_>,
    call: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    match call(cx) {
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        other => other,
    }
}

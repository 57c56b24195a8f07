//! A transport that does as the test says, and a clock that stands still.

use super::Far;
use coap_ws_driver::{Instant, Timer, Transport};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often the driver called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// Reads that brought bytes or the end.
    pub(crate) read: usize,
    /// Reads that brought nothing.
    pub(crate) read_pending: usize,
    /// Writes that took bytes.
    pub(crate) write: usize,
    /// Writes that took nothing.
    pub(crate) write_pending: usize,
    pub(crate) flush: usize,
    pub(crate) shutdown: usize,
}

/// Which call is to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The n-th call of any kind, and all after it.
    From(usize, io::ErrorKind),
    /// One call in n, by no rule, and nothing is lost by it.
    Each(usize, io::ErrorKind),
    /// Flushes, always.
    Flush(io::ErrorKind),
}

/// What a stream holds and how it behaves.
#[derive(Debug)]
pub(crate) struct WireState {
    pub(crate) incoming: VecDeque<u8>,
    pub(crate) eof: bool,
    pub(crate) outgoing: Vec<u8>,
    /// The most bytes of one read.
    pub(crate) read_at_most: usize,
    /// The most bytes of one write.
    pub(crate) write_at_most: usize,
    /// How many bytes may wait to be carried away; then writing would block.
    pub(crate) room: usize,
    /// Writing would block for ever, whatever is carried away.
    pub(crate) stuck: bool,
    /// Writes take nothing and say so.
    pub(crate) writes_zero: bool,
    pub(crate) fault: Option<Fault>,
    pub(crate) calls: Calls,
    total_calls: usize,
    pub(crate) shut: bool,
    pub(crate) dropped: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Default for WireState {
    fn default() -> WireState {
        WireState {
            incoming: VecDeque::new(),
            eof: false,
            outgoing: Vec::new(),
            read_at_most: usize::MAX,
            write_at_most: usize::MAX,
            room: usize::MAX,
            stuck: false,
            writes_zero: false,
            fault: None,
            calls: Calls::default(),
            total_calls: 0,
            shut: false,
            dropped: false,
            reader: None,
            writer: None,
        }
    }
}

impl WireState {
    /// Bytes come from the other end.
    pub(crate) fn give(&mut self, bytes: &[u8]) {
        self.incoming.extend(bytes);
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// The other end says no more.
    pub(crate) fn end(&mut self) {
        self.eof = true;
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// What the far end takes of our output.
    pub(super) fn take_outgoing(&mut self, far: &mut Far) -> Vec<u8> {
        if !far.reads() {
            return Vec::new();
        }
        let bytes = std::mem::take(&mut self.outgoing);
        if !bytes.is_empty() && !self.stuck {
            self.writer.take().into_iter().for_each(Waker::wake);
        }
        bytes
    }

    /// How many bytes the far end may write now.
    pub(super) fn room_for_far(&self) -> usize {
        self.room.saturating_sub(self.incoming.len())
    }

    /// Writing is possible again.
    pub(crate) fn unstick(&mut self) {
        self.stuck = false;
        self.writer.take().into_iter().for_each(Waker::wake);
    }

    /// Wakes whoever waits, for nothing.
    pub(crate) fn spurious(&mut self) {
        self.reader.iter().chain(&self.writer).for_each(Waker::wake_by_ref);
    }

    fn call(&mut self) -> io::Result<()> {
        self.total_calls += 1;
        match self.fault {
            Some(Fault::From(n, kind)) if self.total_calls >= n => Err(kind.into()),
            Some(Fault::Each(n, kind)) if scatter(self.total_calls).is_multiple_of(n) => {
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }
}

/// A number that looks like none in particular.
fn scatter(n: usize) -> usize {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33
}

/// The driver's end of the stream.
pub(crate) struct Wire(pub(crate) Rc<RefCell<WireState>>);

impl Transport for Wire {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let wire = &mut *self.0.borrow_mut();
        wire.call()?;
        let n = buffer.len().min(wire.incoming.len()).min(wire.read_at_most);
        if n == 0 && !wire.eof {
            wire.calls.read_pending += 1;
            wire.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wire.calls.read += 1;
        for (place, byte) in buffer.iter_mut().zip(wire.incoming.drain(..n)) {
            *place = byte;
        }
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = &mut *self.0.borrow_mut();
        wire.call()?;
        if wire.writes_zero {
            return Poll::Ready(Ok(0));
        }
        let room = wire.room.saturating_sub(wire.outgoing.len()).min(wire.write_at_most);
        let n = bytes.len().min(room);
        if n == 0 || wire.stuck {
            wire.calls.write_pending += 1;
            wire.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wire.calls.write += 1;
        wire.outgoing.extend_from_slice(&bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self.0.borrow_mut();
        wire.call()?;
        if let Some(Fault::Flush(kind)) = wire.fault {
            return Poll::Ready(Err(kind.into()));
        }
        wire.calls.flush += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self.0.borrow_mut();
        wire.call()?;
        wire.calls.shutdown += 1;
        wire.shut = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.borrow_mut().dropped = true;
    }
}

/// What time it is, and what the driver's timer waits for.
#[derive(Debug, Default)]
pub(crate) struct Time {
    now: Cell<Instant>,
    armed: RefCell<Option<(Instant, Waker)>>,
}

impl Time {
    pub(crate) fn now(&self) -> Instant {
        self.now.get()
    }

    pub(crate) fn armed(&self) -> Option<Instant> {
        self.armed.borrow().as_ref().map(|(at, _)| *at)
    }

    pub(crate) fn set(&self, now: Instant) {
        assert!(now >= self.now.get(), "time never goes back");
        self.now.set(now);
        let due = self.armed.borrow_mut().take_if(|(at, _)| *at <= now);
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Time goes by, and nobody looks.
    pub(crate) fn skip(&self, by: Duration) {
        self.set(self.now.get().saturating_add(by));
    }
}

/// The driver's timer.
pub(crate) struct Clock {
    time: Rc<Time>,
}

impl Clock {
    pub(crate) fn new(time: Rc<Time>) -> Clock {
        Clock { time }
    }
}

impl Timer for Clock {
    fn now(&self) -> Instant {
        self.time.now()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        if at <= self.time.now() {
            self.time.armed.borrow_mut().take();
            return Poll::Ready(());
        }
        *self.time.armed.borrow_mut() = Some((at, cx.waker().clone()));
        Poll::Pending
    }
}

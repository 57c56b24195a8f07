//! What went over the wire in one case.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// The longest run of bytes that is kept of a line.
const KEPT: usize = 4096;
/// The most lines that are kept of a case.
const LINES: usize = 400;

/// Who a line is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// We sent it.
    Out,
    /// The peer sent it.
    In,
    /// It happened.
    Note,
}

impl Way {
    /// `>` out, `<` in.
    pub const fn sign(self) -> char {
        match self {
            Way::Out => '>',
            Way::In => '<',
            Way::Note => '!',
        }
    }
}

/// One thing that was sent, came, or happened.
#[derive(Clone, Debug)]
pub struct Line {
    /// Since the case began.
    pub at_ms: u64,
    /// Which of the connections of the case, from 1.
    pub connection: usize,
    pub way: Way,
    pub bytes: Vec<u8>,
    pub text: String,
}

/// The lines of a case, shared by its connections.
#[derive(Clone, Debug)]
pub struct Log {
    started: Instant,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    lines: Vec<Line>,
    left_out: usize,
    connections: usize,
}

impl Default for Log {
    fn default() -> Log {
        Log { started: Instant::now(), inner: Arc::default() }
    }
}

impl Log {
    /// The number of one more connection.
    pub fn connection(&self) -> usize {
        let mut inner = self.lock();
        inner.connections += 1;
        inner.connections
    }

    pub fn add(&self, connection: usize, way: Way, bytes: &[u8], text: impl Into<String>) {
        let at_ms = self.started.elapsed().as_millis() as u64;
        let mut inner = self.lock();
        if inner.lines.len() >= LINES {
            inner.left_out += 1;
            return;
        }
        let bytes = bytes[..bytes.len().min(KEPT)].to_vec();
        inner.lines.push(Line { at_ms, connection, way, bytes, text: text.into() });
    }

    /// The lines, and how many more there were.
    pub fn lines(&self) -> (Vec<Line>, usize) {
        let inner = self.lock();
        (inner.lines.clone(), inner.left_out)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

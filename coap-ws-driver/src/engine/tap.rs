//! Listening in: for tools that show what is said.

use std::fmt;
use std::sync::Arc;

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Way {
    /// From the peer to us.
    In,
    /// From us to the peer.
    Out,
}

/// Is shown what a connection says and hears: payloads, tokens and credentials included.
/// Nothing is shown to anybody without one.
pub trait Tap: Send + Sync {
    /// A whole CoAP message, without its frame.
    fn message(&self, way: Way, message: &[u8]);

    /// Bytes of the stream: the opening handshake and frames, cut as they came.
    fn bytes(&self, way: Way, bytes: &[u8]) {
        let _ = (way, bytes);
    }
}

/// A place for a [`Tap`]; empty by default.
#[derive(Clone, Default)]
pub struct TapSlot(Option<Arc<dyn Tap>>);

impl TapSlot {
    /// A place with a tap in it.
    pub fn new(tap: impl Tap + 'static) -> TapSlot {
        TapSlot(Some(Arc::new(tap)))
    }

    pub(super) fn message(&self, way: Way, message: &[u8]) {
        if let Some(tap) = &self.0 {
            tap.message(way, message);
        }
    }

    pub(super) fn bytes(&self, way: Way, bytes: &[u8]) {
        if let Some(tap) = &self.0 {
            tap.bytes(way, bytes);
        }
    }
}

impl fmt::Debug for TapSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "tapped" } else { "none" })
    }
}

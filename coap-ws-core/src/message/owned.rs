//! A message that owns its bytes, without copying them.

use super::decode::Layout;
use super::{FormatError, Message};
use bytes::Bytes;
use core::fmt;

/// A CoAP message that shares the bytes it came in.
///
/// It keeps the whole buffer alive that its bytes are part of; what is stored for long is
/// better [detached](OwnedMessage::detach).
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedMessage {
    bytes: Bytes,
    layout: Layout,
}

impl OwnedMessage {
    /// Reads one WebSocket message.
    ///
    /// # Errors
    ///
    /// As [`Message::parse`].
    pub fn parse(bytes: Bytes) -> Result<OwnedMessage, FormatError> {
        let layout = Message::parse(&bytes)?.layout();
        Ok(OwnedMessage { bytes, layout })
    }

    /// The owned form of a message that was parsed from `bytes`; copies only where it was
    /// parsed from elsewhere.
    pub fn from_message(message: &Message<'_>, bytes: &Bytes) -> OwnedMessage {
        let (whole, part) = (bytes.as_ptr_range(), message.as_bytes().as_ptr_range());
        let inside = whole.start <= part.start && part.end <= whole.end;
        let shared = if inside {
            bytes.slice_ref(message.as_bytes())
        } else {
            Bytes::copy_from_slice(message.as_bytes())
        };
        OwnedMessage { bytes: shared, layout: message.layout() }
    }

    /// The message as a view.
    pub fn view(&self) -> Message<'_> {
        Message::from_layout(&self.bytes, self.layout)
    }

    /// The payload, sharing the bytes.
    pub fn payload(&self) -> Bytes {
        self.bytes.slice_ref(self.view().payload())
    }

    /// A copy that keeps nothing else alive.
    #[must_use]
    pub fn detach(&self) -> OwnedMessage {
        OwnedMessage { bytes: Bytes::copy_from_slice(&self.bytes), layout: self.layout }
    }
}

impl fmt::Debug for OwnedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

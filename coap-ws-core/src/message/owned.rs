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
        OwnedMessage { bytes: share(bytes, message.as_bytes()), layout: message.layout() }
    }

    /// The message as a view.
    pub fn view(&self) -> Message<'_> {
        Message::from_layout(&self.bytes, self.layout)
    }

    /// The payload, sharing the bytes.
    pub fn payload(&self) -> Bytes {
        self.share(self.view().payload())
    }

    /// Bytes of the [`view`](OwnedMessage::view), such as an option's value, sharing the
    /// message's; a copy where they are from elsewhere.
    pub fn share(&self, part: &[u8]) -> Bytes {
        share(&self.bytes, part)
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

fn share(bytes: &Bytes, part: &[u8]) -> Bytes {
    let (whole, inner) = (bytes.as_ptr_range(), part.as_ptr_range());
    if whole.start <= inner.start && inner.end <= whole.end {
        bytes.slice_ref(part)
    } else {
        Bytes::copy_from_slice(part)
    }
}

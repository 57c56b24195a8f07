//! Tokens of the peer's requests: kept until the answer, given back as they were.

/// A received token. Those of RFC 7252 have at most [`SHORT`] bytes and cost nothing; longer
/// ones (RFC 8974) take memory of their own and exist with a heap only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PeerToken(Repr);

/// What every peer may use without being told (RFC 8974 §2.2.1).
pub(crate) const SHORT: usize = 8;

#[derive(Clone, PartialEq, Eq)]
enum Repr {
    Short([u8; SHORT], u8),
    /// Twice boxed, so that every place for a token is as small as before.
    #[cfg(feature = "alloc")]
    Long(alloc::boxed::Box<alloc::boxed::Box<[u8]>>),
}

impl PeerToken {
    /// `None` where there is no memory for it: then the request gets 5.03 (TOK-19).
    pub(crate) fn new(token: &[u8]) -> Option<PeerToken> {
        let mut bytes = [0; SHORT];
        if let Some(place) = bytes.get_mut(..token.len()) {
            place.copy_from_slice(token);
            let len = u8::try_from(token.len()).ok()?;
            return Some(PeerToken(Repr::Short(bytes, len)));
        }
        long(token)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short(bytes, len) => bytes.get(..usize::from(*len)).unwrap_or(&[]),
            #[cfg(feature = "alloc")]
            Repr::Long(bytes) => bytes,
        }
    }
}

#[cfg(feature = "alloc")]
fn long(token: &[u8]) -> Option<PeerToken> {
    let mut bytes = alloc::vec::Vec::new();
    bytes.try_reserve_exact(token.len()).ok()?;
    bytes.extend_from_slice(token);
    Some(PeerToken(Repr::Long(alloc::boxed::Box::new(bytes.into_boxed_slice()))))
}

#[cfg(not(feature = "alloc"))]
const fn long(_: &[u8]) -> Option<PeerToken> {
    None
}

impl Default for PeerToken {
    fn default() -> PeerToken {
        PeerToken(Repr::Short([0; SHORT], 0))
    }
}

impl core::fmt::Debug for PeerToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "token of {} bytes", self.as_bytes().len())
    }
}

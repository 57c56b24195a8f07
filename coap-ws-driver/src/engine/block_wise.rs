//! How bodies go in blocks. The engine only carries it; the task of a connection obeys it.

use coap_ws_core::block::BlockSize;
use std::time::Duration;

/// Block-wise transfer (RFC 7959) and BERT (RFC 8323 §6) of one connection, in both roles.
///
/// ```
/// use coap_ws_driver::core::block::BlockSize;
/// use coap_ws_driver::engine::BlockWise;
/// let small: BlockWise = BlockSize::B64.into();
/// assert_eq!(small.size, BlockSize::B64);
/// let off: BlockWise = false.into();
/// assert!(!off.enabled);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlockWise {
    /// Whether bodies are cut and put together. Where not, a Block option in a request is
    /// answered 4.02, and what does not fit into one message is a
    /// [`TooLarge`](coap_ws_core::SendError::TooLarge) of ours or a 5.00 to the peer.
    pub enabled: bool,
    /// The largest block that we send and ask for: [`BlockSize::Bert`], as much as both CSMs
    /// allow. A body of this size and more goes in blocks even where one message would do.
    pub size: BlockSize,
    /// Whether SZX 7 is used and taken. Where not, it is reserved, as in RFC 7959 (BLK-04).
    pub bert: bool,
    /// The largest body of a request that is put together, in bytes; more is 4.13. 1 MiB (T73).
    pub max_request_body: u64,
    /// The largest body of a response that is put together, in bytes. 16 MiB (T76).
    pub max_response_body: u64,
    /// Bodies of the peer's requests that are incomplete at a time; one more drops the oldest.
    /// 4 (T72).
    pub max_uploads: usize,
    /// Bodies of our requests that go in blocks at a time; the next one waits. 4: what a peer like
    /// us puts together, which would drop the oldest for a fifth.
    pub max_own_uploads: usize,
    /// Bytes of incomplete requests and of answers that are kept for their next blocks. 16 MiB:
    /// one answer as large as a client like us takes. A server has a limit for all its
    /// connections too, [`ServerLimits::block_memory`](crate::ServerLimits).
    pub memory: usize,
    /// How long an incomplete request or a kept answer waits for the next block. 60 s (BLK-16).
    pub idle: Duration,
}

impl Default for BlockWise {
    fn default() -> BlockWise {
        BlockWise {
            enabled: true,
            size: BlockSize::Bert,
            bert: true,
            max_request_body: 1024 * 1024,
            max_response_body: 16 * 1024 * 1024,
            max_uploads: 4,
            max_own_uploads: 4,
            memory: 16 * 1024 * 1024,
            idle: Duration::from_secs(60),
        }
    }
}

/// Switched on or off.
impl From<bool> for BlockWise {
    fn from(enabled: bool) -> BlockWise {
        BlockWise { enabled, ..BlockWise::default() }
    }
}

/// With this size of blocks.
impl From<BlockSize> for BlockWise {
    fn from(size: BlockSize) -> BlockWise {
        BlockWise { size, ..BlockWise::default() }
    }
}

//! Why a large body did not get through.

use super::Failure;
use crate::exit::Exit;
use coap_ws_tokio::core::block::BlockError;

/// A transfer in blocks failed (RFC 7959).
pub(super) fn failure(error: BlockError) -> Failure {
    let (exit, why, advice) = match error {
        BlockError::NoResponse => (
            Exit::Usage,
            "it would hide the answers that ask for the next block (RFC 7967, RFC 7959 §2.5)",
            "leave --no-response out, or send less at a time",
        ),
        BlockError::NoRoom => (
            Exit::Usage,
            "path and options take all the room that the server's CSM leaves (RFC 8323 §5.3.1)",
            "a shorter path, or fewer options",
        ),
        BlockError::TooLong => (
            Exit::Usage,
            "blocks are numbered with 20 bits (RFC 7959 §2.2)",
            "a larger --block-size, or less at a time",
        ),
        BlockError::TooLarge { .. } => (
            Exit::Failed,
            "nobody's answer may take all the memory there is",
            "-o FILE takes a body of any size",
        ),
        BlockError::EtagChanged => (
            Exit::Protocol,
            "it changes faster than it can be read (RFC 7959 §2.4)",
            "try again; larger blocks take less time",
        ),
        _ => (
            Exit::Protocol,
            "the server does not do block-wise transfer as RFC 7959 has it",
            "-v shows each block",
        ),
    };
    Failure::new(exit, error.to_string(), why, advice)
}

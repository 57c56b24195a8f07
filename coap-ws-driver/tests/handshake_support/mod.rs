//! What the handshake tests share: a legal head to edit, and three ways to cut bytes.
#![allow(dead_code, unreachable_pub)] // Each test binary uses a part.

pub mod requests;

use coap_ws_driver::handshake::{Head, HeadError, HeadReader};

/// The key and its answer of RFC 6455 §1.3.
pub const KEY: [u8; 16] = *b"the sample nonce";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A head that is accepted by the default policy.
pub const REQUEST: &str = "GET /.well-known/coap HTTP/1.1\r\n\
    Host: localhost:8683\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: coap\r\n\r\n";

/// An answer that is accepted for [`KEY`].
pub const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: coap\r\n\r\n";

/// Frames that follow the blank line: a CSM, masked as a client's and not, and what looks like the
/// end of another head.
pub const FRAMES: &[u8] = b"\x82\x82\x37\xfa\x21\x3d\x37\x1b\x82\x02\x00\xe1\r\n\r\n";

/// Replaces pieces of a head, each of which must be there exactly once.
pub fn edit(base: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(base.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from:?} must be there once");
        text.replacen(from, to, 1)
    })
}

/// Pushes the pieces in order; the outcome is the head and how many bytes it took of all.
pub fn read<H: Head>(
    reader: &mut HeadReader<H>,
    pieces: &[&[u8]],
) -> Result<(usize, Option<H>), HeadError> {
    let mut taken = 0;
    for piece in pieces {
        let progress = reader.push(piece)?;
        taken += progress.taken;
        if progress.head.is_some() {
            return Ok((taken, progress.head));
        }
        assert_eq!(progress.taken, piece.len(), "an incomplete head takes all");
    }
    Ok((taken, None))
}

/// Whole, byte by byte, and in two pieces at every place.
pub fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut cuts = vec![vec![bytes], bytes.chunks(1).collect()];
    cuts.extend((1..bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]));
    cuts
}

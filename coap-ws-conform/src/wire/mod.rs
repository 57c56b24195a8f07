//! Bytes: HTTP heads, WebSocket frames and CoAP messages, read and written without help.
//!
//! Written from RFC 6455, RFC 7252 and RFC 8323 alone. Reading is exact and tells where and why it
//! stops; writing can also write what nobody may, because a suite has to send it.

pub mod annotate;
pub mod frame;
pub mod http;
pub mod message;
pub mod names;

pub use frame::{Frame, FrameError, FrameReader, Opcode};
pub use message::{Code, FormatError, Message};

/// The bytes of hexadecimal digits; anything else between them is skipped.
///
/// For constants of this suite: an odd digit at the end is dropped.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The same back, two digits a byte.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The shortest bytes of a number, none for 0 (RFC 7252 §3.2).
pub fn uint(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = (number.leading_zeros() / 8) as usize;
    bytes[zeros.min(bytes.len())..].to_vec()
}

/// The number that big-endian bytes are; more than eight are cut to the last eight.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{hex, number, to_hex, uint};

    #[test]
    fn numbers_are_as_short_as_can_be() {
        assert_eq!(uint(0), hex(""));
        assert_eq!(uint(255), hex("ff"));
        assert_eq!(uint(1152), hex("0480"));
        assert_eq!(uint(u64::MAX), [0xff; 8]);
        for n in [0, 1, 60, 255, 256, 65_804, 1 << 40] {
            assert_eq!(number(&uint(n)), n);
        }
        assert_eq!(to_hex(&hex("01 e2 42")), "01e242");
    }
}

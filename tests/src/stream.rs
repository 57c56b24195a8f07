//! The engine at the level of bytes: frames of the tester's own, one engine against a peer that
//! is written down, and two engines joined by pipes. All of it in virtual time.

pub mod bench;
pub mod flaws;
pub mod frame;
pub mod handshake;
pub mod pair;
pub mod pipe;
pub mod sim;
pub mod watch;
pub mod words;

pub use bench::{Answers, Bench};
pub use frame::{Frame, KEY};

/// Bytes from hexadecimal digits; spaces are for people.
///
/// # Panics
///
/// Where it is something else.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs.map(|pair| u8::from_str_radix(&pair, 16).expect("hexadecimal digits")).collect()
}

/// Hexadecimal digits of bytes; of many the first ones, how many there are, and a sum of them.
pub fn to_hex(bytes: &[u8]) -> String {
    if bytes.len() > 200 {
        let sum = bytes.iter().fold(7_u32, |sum, byte| sum.rotate_left(5) ^ u32::from(*byte));
        return format!("{}...{}/{sum:08x}", to_hex(&bytes[..16]), bytes.len());
    }
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

//! A log in flash: a representation that does not fit into one message.

/// 200 lines of 16 bytes.
pub(crate) static LOG: [u8; 3200] = lines();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the compiler evaluates it: a wrong index is an error of the build"
)]
const fn lines() -> [u8; 3200] {
    let line = b"000 all is well\n";
    let mut bytes = [0; 3200];
    let mut at = 0;
    while at < bytes.len() {
        let number = at / line.len();
        bytes[at] = match at % line.len() {
            0 => b'0' + (number / 100) as u8,
            1 => b'0' + (number / 10 % 10) as u8,
            2 => b'0' + (number % 10) as u8,
            column => line[column],
        };
        at += 1;
    }
    bytes
}

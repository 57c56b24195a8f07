//! Status codes of a WebSocket Close, as far as a browser lets a page have a say.

use coap_ws_core::Closing;

/// The status code to hand to `WebSocket.close()`, which takes 1000 and 3000 to 4999 only: 1000, or
/// 4000 + (code − 1000), so 4002 for 1002 (WS-34).
pub const fn browser_code(code: u16) -> u16 {
    match code {
        1000 => 1000,
        1001..=1999 => code + 3000,
        3000..=4999 => code,
        _ => 4000,
    }
}

/// How a connection ended, by the `code` of a `CloseEvent`.
pub(crate) const fn ended_by(code: u16) -> Closing {
    match code {
        // What a browser says itself, without a Close of the peer (RFC 6455 §7.1.5).
        1006 | 1015 => Closing::EndOfStream,
        1005 => Closing::Frame(None),
        _ => Closing::Frame(Some(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // WS-34, T94
    #[test]
    fn only_codes_that_a_browser_takes() {
        let ours = [(1000, 1000), (1001, 4001), (1002, 4002), (1003, 4003), (1008, 4008)];
        for (code, mapped) in ours.into_iter().chain([(1009, 4009), (1011, 4011), (4002, 4002)]) {
            assert_eq!(browser_code(code), mapped);
        }
        for code in 0..=u16::MAX {
            assert!(matches!(browser_code(code), 1000 | 3000..=4999), "{code}");
        }
    }
}

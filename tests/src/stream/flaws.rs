//! What must never be seen on the wire, whatever happened before.

use super::frame::Frame;
use coap_ws_core::Side;

/// The frames that an engine writes, judged one by one from the first on.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    side: Side,
    last: Last,
}

/// The gravest that was seen so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Last {
    Nothing,
    Settings,
    Abort,
    Close,
}

impl Stream {
    /// The frames that this end writes.
    pub const fn new(side: Side) -> Stream {
        Stream { side, last: Last::Nothing }
    }

    /// Judges the next frame: invariants 7, 12 and 13, and the rules that they come from.
    ///
    /// # Panics
    ///
    /// Where it must not be.
    pub fn check(&mut self, frame: &Frame) {
        // WS-18: a client masks every frame, a server none.
        let masked = frame.key.is_some();
        assert_eq!(masked, self.side == Side::Initiator, "masked or not: {frame:?} (7)");
        // WS-31: nothing behind the Close.
        assert!(self.last < Last::Close, "behind the Close: {frame:?} (13)");
        match frame.first {
            0x82 => self.check_message(frame),
            0x88 => {
                // WS-33: some codes are never sent.
                let code = frame.close_code().unwrap_or(1000);
                let sound = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
                assert!(sound && frame.payload.len() != 1, "{frame:?} (WS-33)");
                self.last = Last::Close;
            }
            0x8a => assert!(self.last < Last::Abort, "behind the Abort: {frame:?} (13)"),
            // WS-20, WS-25, WS-28: whole binary messages, a Pong, a Close, and nothing else.
            _ => panic!("never sent: {frame:?}"),
        }
    }

    fn check_message(&mut self, frame: &Frame) {
        assert!(self.last < Last::Abort, "behind the Abort: {frame:?} (13)");
        // TOK-28, FMT-28: never exactly two bytes, never a Len nibble.
        let heard = frame.payload.len() > 2 && frame.payload[0] & 0xf0 == 0;
        assert!(heard, "some peers do not hear it: {frame:?}");
        let settings = frame.words() == "csm";
        assert_eq!(settings, self.last == Last::Nothing, "one CSM, the first: {frame:?} (12)");
        self.last = match frame.words().as_str() {
            "abort" => Last::Abort,
            _ => Last::Settings,
        };
    }
}

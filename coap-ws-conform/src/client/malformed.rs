//! What a client does with messages that are none (RFC 8323 §5.6).

use crate::case::{Case, visit};
use crate::wire::hex;

const ABORTS: &str = "Abort (7.05), then the connection is closed";
const REJECTS: &str = "The recipient rejects a message with syntax violations by sending an Abort \
                       and otherwise not processing it.";

macro_rules! malformed {
    ($($level:ident $id:literal $requirement:literal $section:literal $title:literal $digits:literal)*) => {
        &[$(
            Case::$level($id, &[$requirement]).says($section, $title).expects(ABORTS, REJECTS).visit(
                visit!(cx, {
                    let (mut guest, _) = cx.asked("/hello").await?;
                    guest.conn.send_bytes(&hex($digits)).await;
                    guest.conn.aborted().await?;
                }),
            )
        ),*]
    };
}

pub(super) const CASES: &[Case] = malformed! {
    silent "cl-fmt-len" "FMT-02" "8323 §4.2"
        "A Len nibble of 3 is a message format error" "3045 ff616263"
    def "cl-fmt-0-bytes" "WS-37" "8323 §4.2"
        "A WebSocket message without a byte is no CoAP message" ""
    def "cl-fmt-1-byte" "WS-37" "8323 §4.2"
        "A WebSocket message of one byte is no CoAP message" "00"
    must "cl-fmt-tkl-15" "FMT-07" "8974 §2.1"
        "Token length 15 is a message format error" "0f45 000102030405060708090a0b0c0d0e"
    def "cl-fmt-token-cut" "FMT-09" "7252 §3"
        "A message that ends inside its token is a message format error" "0445 abcd"
    must "cl-fmt-marker" "FMT-12" "7252 §3"
        "A payload marker without a payload is a message format error" "0145 ee ff"
    must "cl-fmt-delta-15" "FMT-17" "7252 §3.1"
        "Option delta 15 is a message format error" "0145 ee f0"
    must "cl-fmt-length-15" "FMT-18" "7252 §3.1"
        "Option length 15 is a message format error" "0145 ee bf61"
    def "cl-fmt-value-cut" "FMT-19" "7252 §3.1"
        "An option value that is cut short is a message format error" "0145 ee b56162"
    def "cl-fmt-ext-cut" "FMT-19" "7252 §3.1"
        "An option whose extended delta is missing is a message format error" "0145 ee d0"
    silent "cl-fmt-number" "FMT-20" "7252 §12.2"
        "An option number above 65535 is a message format error" "0145 ee e0ffff"
    must "cl-fmt-empty" "FMT-11" "7252 §4.1"
        "Code 0.00 with a payload is a message format error" "0000 ff61"
};

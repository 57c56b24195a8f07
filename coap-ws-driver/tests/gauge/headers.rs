//! All pairs of first bytes, against the rules written a second time.

use crate::*;

/// The rules once more, for a complete header, as one list: its payload length or a close code.
fn expected(receiver: Receiver, open: Option<DataKind>, bytes: &[u8]) -> Result<u64, u16> {
    let opcode = bytes[0] & 0x0f;
    let (last, reserved) = (bytes[0] >> 7 == 1, bytes[0] >> 4 & 7);
    let masked = bytes[1] >> 7 == 1;
    let (form, length) = match bytes[1] & 0x7f {
        126 => (126, u64::from(bytes[2]) << 8 | u64::from(bytes[3])),
        127 => (127, bytes[2..10].iter().fold(0, |sum, &b| sum << 8 | u64::from(b))),
        short => (0, u64::from(short)),
    };
    let broken = [
        reserved != 0,
        !matches!(opcode, 0..=2 | 8..=10),
        opcode >= 8 && (!last || form != 0),
        opcode == 8 && length == 1,
        opcode == 0 && open.is_none(),
        (opcode == 1 || opcode == 2) && open.is_some(),
        masked != (receiver == Receiver::Server),
        form == 126 && length <= 125 || form == 127 && length <= 65_535,
        form == 127 && length >> 63 == 1,
    ];
    if broken.contains(&true) {
        Err(1002)
    } else if opcode <= 2 && length > 66_048 {
        Err(1009)
    } else {
        Ok(length)
    }
}

/// A gauge between frames, inside a message of kind `open` if there is one.
fn between(receiver: Receiver, open: Option<DataKind>) -> Gauge {
    let mut gauge = Gauge::new(receiver, FrameLimits::default());
    if let Some(kind) = open {
        let first = if kind == Binary { 0x02 } else { 0x01 };
        let frame = frame(receiver, first, 0);
        let frame_end = Some(FrameEnd::Fragment(kind));
        assert_eq!(gauge.next(&frame), Ok(Step::Pass { bytes: frame.len(), frame_end }));
    }
    gauge
}

#[test]
fn every_pair_of_first_bytes_with_every_kind_of_length() {
    for receiver in [Receiver::Server, Receiver::Client] {
        for open in [None, Some(Binary), Some(Text)] {
            let gauge = between(receiver, open);
            for pair in 0..=u16::MAX {
                every_kind_of_length(pair.to_be_bytes(), |bytes| {
                    let told = gauge.clone().next(bytes);
                    match (told, expected(receiver, open, bytes)) {
                        (Ok(Step::Pass { bytes: passed, frame_end }), Ok(payload)) => {
                            assert_eq!(passed, bytes.len(), "the whole header");
                            assert_eq!(frame_end.is_some(), payload == 0);
                        }
                        (Err(violation), Err(code)) => assert_eq!(violation.close_code(), code),
                        (told, want) => {
                            panic!("{receiver:?} {open:?} {bytes:02x?} {told:?} {want:?}")
                        }
                    }
                    // Byte by byte it says the same; a refusal comes early perhaps, never late.
                    let mut gauge = gauge.clone();
                    let mut steps = (1..=bytes.len()).map(|n| gauge.next(&bytes[..n]));
                    assert_eq!(steps.find(|step| *step != Ok(Step::NeedMore)), Some(told));
                });
            }
        }
    }
}

fn every_kind_of_length([first, second]: [u8; 2], mut with: impl FnMut(&[u8])) {
    let key: &[u8] = if second & 0x80 == 0 { &[] } else { &KEY };
    match second & 0x7f {
        126 => {
            for length in [0, 1, 125, 126, 127, 65_535_u16] {
                with(&[&[first, second], &length.to_be_bytes()[..], key].concat());
            }
        }
        127 => {
            let lengths = [0, 1, 126, 65_535, 65_536, 66_048, 66_049, 1 << 40];
            for length in lengths.into_iter().chain([(1 << 63) - 1, 1 << 63, u64::MAX]) {
                with(&[&[first, second], &length.to_be_bytes()[..], key].concat());
            }
        }
        _ => with(&[&[first, second], key].concat()),
    }
}

#[test]
fn how_many_pairs_of_first_bytes_are_sound() {
    for receiver in [Receiver::Server, Receiver::Client] {
        // The data opcodes are two outside of a message, and one inside.
        for (open, opcodes) in [(None, 2), (Some(Binary), 1), (Some(Text), 1)] {
            let gauge = between(receiver, open);
            let sound =
                (0..=u16::MAX).filter(|pair| gauge.clone().next(&pair.to_be_bytes()).is_ok());
            // Close, Ping, Pong of 0 to 125 bytes, but no Close of one; each data opcode with and
            // without FIN, and with every length.
            assert_eq!(sound.count(), 3 * 126 - 1 + opcodes * 2 * 128);
        }
    }
}

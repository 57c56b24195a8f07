//! The parser against a reference, over all that is short and all that is at a boundary.

use coap_ws_core::message::{FormatErrorKind as Kind, Message};
use coap_ws_tests::reference::{self, Parts};

/// Parses, compares with the reference, and says what it was.
#[track_caller]
fn same(bytes: &[u8]) -> Result<Parts, Kind> {
    let parsed = Message::parse(bytes);
    let expected = reference::parse(bytes);
    match parsed {
        Ok(message) => {
            let parts = parts(&message);
            assert_eq!(Some(&parts), expected.as_ref(), "{bytes:02x?}");
            Ok(parts)
        }
        Err(error) => {
            assert_eq!(None, expected, "{bytes:02x?} is refused: {error}");
            assert!(error.offset <= bytes.len(), "{bytes:02x?}: {error}");
            assert_eq!(Message::parse(bytes), Err(error), "not the same twice: {bytes:02x?}");
            Err(error.kind)
        }
    }
}

fn parts(message: &Message<'_>) -> Parts {
    let options =
        message.options().map(|option| (u32::from(option.number.get()), option.value.to_vec()));
    Parts {
        code: message.code().to_byte(),
        token: message.token().to_vec(),
        options: options.collect(),
        payload: message.payload().to_vec(),
    }
}

fn vectors() -> Vec<(String, Vec<u8>)> {
    let text = include_str!("../data/messages.json");
    let vectors: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let vectors = vectors.iter().map(|vector| {
        let hex = vector["hex"].as_str().unwrap();
        let bytes = coap_ws_tests::transcript::notation::bytes(hex).unwrap();
        (vector["name"].as_str().unwrap().to_owned(), bytes)
    });
    vectors.collect()
}

// SEC-15, WS-37, FMT-02, FMT-07, FMT-10, FMT-11, FMT-12
#[test]
fn every_message_of_up_to_three_bytes() {
    let mut malformed = 0;
    let mut count = |bytes: &[u8]| malformed += usize::from(same(bytes).is_err());
    count(&[]);
    for first in 0..=u8::MAX {
        count(&[first]);
        for second in 0..=u8::MAX {
            count(&[first, second]);
        }
    }
    // Of two bytes, the 256 codes with TKL 0 are messages.
    assert_eq!(malformed, 1 + 256 + 65_536 - 256);
    for first in (0..=0x10).chain([0x20, 0x40, 0x80, 0xff]) {
        for second in [0x00, 0x01, 0x1f, 0x20, 0x45, 0x60, 0x9d, 0xc0, 0xe1, 0xe5, 0xff] {
            for third in 0..=u8::MAX {
                let _ = same(&[first, second, third]);
            }
        }
    }
}

// T36, FMT-05, FMT-06, FMT-07, FMT-09
#[test]
fn the_first_four_bytes_at_every_boundary_and_every_length_to_forty() {
    const SECOND: [u8; 8] = [0x00, 0x01, 0x1f, 0x20, 0x45, 0xc0, 0xe1, 0xff];
    const THIRD: [u8; 14] =
        [0x00, 0x01, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x1a, 0x1b, 0xb1, 0xd0, 0xe0, 0xf0, 0xff];
    let mut verdicts = [0_u32; 2];
    for first in (0..=0x0f).chain([0x10, 0x20, 0x40, 0xf0]) {
        for second in SECOND {
            for third in THIRD {
                for fourth in [0x00, 0x01, 0x0c, 0x0d, 0x0e, 0x0f, 0xb1, 0xff] {
                    for (filler, step) in [(0x00, 1), (0x61, 2), (0xff, 3)] {
                        for len in (0..=40).step_by(step) {
                            let mut bytes = [filler; 40];
                            bytes[..4].copy_from_slice(&[first, second, third, fourth]);
                            verdicts[usize::from(same(&bytes[..len]).is_ok())] += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(verdicts.iter().all(|count| *count > 100_000), "{verdicts:?}");
}

// T36, FMT-09
#[test]
fn a_token_of_every_length_is_there_whole_or_not_at_all() {
    for tkl in 0..=15_u8 {
        for extension in [[0, 0], [0, 1], [0, 12], [0, 255], [1, 0], [255, 255]] {
            let (extended, rest) = match tkl {
                0..=12 => (usize::from(tkl), &extension[..0]),
                13 => (13 + usize::from(extension[1]), &extension[1..]),
                14 => (269 + usize::from(u16::from_be_bytes(extension)), &extension[..]),
                _ => (0, &extension[..]),
            };
            for there in [extended.saturating_sub(1), extended, extended + 2] {
                let mut bytes = vec![tkl, 0x45];
                bytes.extend(rest);
                bytes.extend(vec![0x00; there]);
                let verdict = same(&bytes);
                match tkl {
                    15 => assert_eq!(verdict, Err(Kind::TokenLengthReserved)),
                    _ if there < extended => assert_eq!(verdict, Err(Kind::TokenTruncated)),
                    _ => assert_eq!(verdict.map(|parts| parts.token.len()), Ok(extended)),
                }
            }
        }
    }
}

/// An option whose head says one thing and whose value another, behind one that has the number
/// `before`.
fn option(before: u16, head: u8, delta: u16, length: u16, there: usize) -> Vec<u8> {
    let mut bytes = vec![0x00, 0x01];
    if before > 0 {
        bytes.push(0xe0);
        bytes.extend((before - 269).to_be_bytes());
    }
    bytes.push(head);
    for (nibble, extension) in [(head >> 4, delta), (head & 15, length)] {
        match nibble {
            13 => bytes.push(extension as u8),
            14 => bytes.extend(extension.to_be_bytes()),
            _ => {}
        }
    }
    bytes.extend(vec![0x61; there]);
    bytes
}

// T39, FMT-16, FMT-17, FMT-18, FMT-19, FMT-20
#[test]
fn every_delta_and_length_nibble_with_every_boundary_of_their_extensions() {
    const EXTENSIONS: [u16; 10] =
        [0x0000, 0x0001, 0x000c, 0x00fe, 0x00ff, 0x0100, 0x0123, 0xfef2, 0xfef3, 0xffff];
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for head in 0..=0xff_u8 {
        for delta in EXTENSIONS {
            for length in EXTENSIONS {
                let says = match head & 15 {
                    13 => 13 + usize::from(length & 0xff),
                    14 => 269 + usize::from(length),
                    nibble => usize::from(nibble),
                };
                for before in [0, 269, 65_266, 65_523, 65_535] {
                    for there in [0, says.saturating_sub(1), says, says + 1] {
                        if there > 1000 && (before, delta) != (0, 0) {
                            continue; // what is long takes long
                        }
                        let verdict = same(&option(before, head, delta, length, there));
                        let name = verdict.map_or_else(|kind| format!("{kind:?}"), |_| "Ok".into());
                        *counts.entry(name).or_default() += 1;
                    }
                }
            }
        }
    }
    let seen: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(
        seen,
        [
            "Ok",
            "OptionDeltaReserved",
            "OptionLengthReserved",
            "OptionNumberOverflow",
            "OptionTruncated",
            "PayloadMissing",
        ]
    );
    assert!(counts.values().all(|count| *count >= 100), "{counts:?}");
}

// FMT-20, FMT-21
#[test]
fn the_last_number_is_65535() {
    assert_eq!(same(&option(0, 0xe0, 0xfef2, 0, 0)).unwrap().options, [(65_535, vec![])]);
    assert_eq!(same(&option(0, 0xe0, 0xfef3, 0, 0)), Err(Kind::OptionNumberOverflow));
    assert_eq!(same(&option(65_535, 0x00, 0, 0, 0)).unwrap().options.len(), 2);
    assert_eq!(same(&option(65_535, 0x10, 0, 0, 0)), Err(Kind::OptionNumberOverflow));
    assert_eq!(same(&[0, 1, 0x00]).unwrap().options, [(0, vec![])]);
}

// T36, T39, T40, FMT-09, FMT-12, FMT-19, WS-37
#[test]
fn a_message_cut_at_any_byte_is_refused_or_the_beginning_of_the_whole() {
    for (name, bytes) in vectors() {
        let Ok(whole) = same(&bytes) else { continue };
        for end in 0..bytes.len() {
            let Ok(cut) = same(&bytes[..end]) else { continue };
            assert_eq!((cut.code, &cut.token), (whole.code, &whole.token), "{name} to {end}");
            assert!(whole.options.starts_with(&cut.options), "{name} to {end}");
            let payload = cut.payload.is_empty() || cut.options == whole.options;
            assert!(payload && whole.payload.starts_with(&cut.payload), "{name} to {end}");
            assert!(cut != whole, "{name} to {end} is all of it");
        }
    }
}

// FMT-13, FMT-19, T39
#[test]
fn what_trails_a_message_is_payload_or_options_or_a_fault() {
    let trailers: [&[u8]; 6] = [b"\0", b"\xff", b"\xff\xff", b"\xffx", b"\xf0", b"\x11x"];
    for (name, bytes) in vectors() {
        let whole = same(&bytes);
        for trailer in trailers {
            let longer = same(&[&bytes[..], trailer].concat());
            let (Ok(whole), Ok(longer)) = (&whole, &longer) else { continue };
            assert_eq!((longer.code, &longer.token), (whole.code, &whole.token), "{name}");
            assert!(longer.options.starts_with(&whole.options), "{name} + {trailer:02x?}");
            if !whole.payload.is_empty() {
                let payload = [&whole.payload[..], trailer].concat();
                assert_eq!((&longer.options, &longer.payload), (&whole.options, &payload));
            }
        }
    }
}

// FMT-25, FMT-26
#[test]
fn a_fault_stays_what_it_is_whatever_follows() {
    let mut faults = 0;
    for (name, bytes) in vectors() {
        let Err(error) = Message::parse(&bytes) else { continue };
        // What is only too short may become whole; the rest cannot.
        let short = [Kind::HeaderTruncated, Kind::TokenTruncated, Kind::OptionTruncated];
        if short.contains(&error.kind) || error.kind == Kind::PayloadMissing {
            continue;
        }
        faults += 1;
        for trailer in [&b"\0"[..], b"\xff", b"\xffx", &[0x61; 300]] {
            let longer = [&bytes[..], trailer].concat();
            assert_eq!(Message::parse(&longer), Err(error), "{name} + {trailer:02x?}");
        }
    }
    assert!(faults >= 10, "{faults}");
}

// FMT-25, FMT-26
#[test]
fn a_fault_says_what_where_and_which_section() {
    for (bytes, text) in [
        (&[][..], "message shorter than its 2-byte header (at byte 0; RFC 8323 §4.2)"),
        (&[0x00], "message shorter than its 2-byte header (at byte 1; RFC 8323 §4.2)"),
        (&[0x10, 0x01], "Len nibble is not 0 (TCP or UDP framing?) (at byte 0; RFC 8323 §4.2)"),
        (&[0x0f, 0x01], "token length 15 is reserved (at byte 0; RFC 8974 §2.1)"),
        (&[0x02, 0x01, 7], "token runs past the end of the message (at byte 3; RFC 8974 §2.1)"),
        (
            &[0x00, 0x00, 0x00],
            "code 0.00 with a token or anything after the header (at byte 2; RFC 7252 §4.1)",
        ),
        (&[0x01, 0x01, 7, 0xf1], "option delta 15 is reserved (at byte 3; RFC 7252 §3.1)"),
        (&[0x00, 0x01, 0x10, 0x0f], "option length 15 is reserved (at byte 3; RFC 7252 §3.1)"),
        (
            &[0x00, 0x01, 0xb1, 0x61, 0xb2, 0x61],
            "option runs past the end of the message (at byte 4; RFC 7252 §3.1)",
        ),
        (&[0x00, 0x01, 0xe0, 0xff, 0xff], "option number above 65535 (at byte 2; RFC 7252 §3.1)"),
        (&[0x00, 0x01, 0xff], "payload marker without a payload (at byte 2; RFC 7252 §3)"),
    ] {
        let error = Message::parse(bytes).unwrap_err();
        assert_eq!(error.to_string(), text, "{bytes:02x?}");
        assert!(error.kind.describe().len() <= 80, "fits an Abort");
    }
}

// T38
#[test]
fn sixty_thousand_options_are_read_one_by_one() {
    let mut bytes = vec![0x00, 0x01];
    bytes.extend(std::iter::repeat_n(0x00, 60_000));
    let parsed = same(&bytes).unwrap();
    assert_eq!(parsed.options.len(), 60_000);
    coap_ws_tests::transcript::acceptor(
        "open\n< 0101 42 00*60000\n> 4.00 42 \"too many options\"\n< 01e2 43\n> 01e3 43",
    );
}

//! Each rule by its requirement, at its limit and one beyond.

use crate::*;

#[test]
fn ws_14_reserved_bits() {
    for bit in [0x40, 0x20, 0x10] {
        for first in [0x82, 0x02, 0x89] {
            let told = walk_every_cut(&server(), &frame(Receiver::Server, first | bit, 2));
            assert_eq!((told.passed, told.outcome), (0, Err(FrameViolation::ReservedBits)));
        }
    }
}

#[test]
fn ws_19_t28_frames_to_a_server_are_masked_and_no_others() {
    for first in ["82", "02", "88", "89"] {
        assert_eq!(hex(&format!("{first} 02 00e1")).outcome, Err(FrameViolation::Unmasked));
    }
    let masked = bytes_of("82 82 37fa213d 371b");
    assert_eq!(walk_every_cut(&client(), &masked).outcome, Err(FrameViolation::Masked));
    assert_eq!(walk_every_cut(&server(), &masked).ends, [FrameEnd::Message(Binary)]);
}

#[test]
fn ws_21_t26_the_kind_of_a_message_is_told() {
    assert_eq!(hex("81 82 37fa213d 5f93").ends, [FrameEnd::Message(Text)]);
    let parts = hex("01 80 37fa213d  00 80 37fa213d  80 80 37fa213d");
    let ends = [FrameEnd::Fragment(Text), FrameEnd::Fragment(Text), FrameEnd::Message(Text)];
    assert_eq!(parts.ends, ends);
}

#[test]
fn ws_23_ws_24_control_frames_between_fragments() {
    let told = hex("02 82 37fa213d 36fb  89 80 37fa213d  8a 80 37fa213d  80 81 37fa213d 9d");
    let ends =
        [FrameEnd::Fragment(Binary), FrameEnd::Ping, FrameEnd::Pong, FrameEnd::Message(Binary)];
    assert_eq!(told, Walk { passed: 27, ends: ends.to_vec(), outcome: Ok(false) });
    assert_eq!(ends.map(FrameEnd::is_control), [false, true, true, false]);
    assert!(FrameEnd::Close.is_control());
}

#[test]
fn ws_24_control_frames_are_whole_and_short() {
    for first in [0x88, 0x89, 0x8a] {
        let fits = walk_every_cut(&server(), &frame(Receiver::Server, first, 125));
        assert_eq!((fits.passed, fits.outcome), (131, Ok(false)));
        for long in [126, 65_536] {
            let told = walk_every_cut(&server(), &header(Receiver::Server, first, long));
            assert_eq!(told.outcome, Err(FrameViolation::LongControl));
        }
        let part = frame(Receiver::Server, first & 0x7f, 0);
        let told = walk_every_cut(&server(), &part);
        assert_eq!(told.outcome, Err(FrameViolation::FragmentedControl));
    }
}

#[test]
fn ws_26_opcodes_and_the_order_of_fragments() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for last in [0, 0x80] {
            let told = walk_every_cut(&server(), &[last | opcode]);
            assert_eq!(told.outcome, Err(FrameViolation::ReservedOpcode(opcode)));
        }
    }
    assert_eq!(hex("80 82 37fa213d 371b").outcome, Err(FrameViolation::StrayContinuation));
    assert_eq!(hex("00").outcome, Err(FrameViolation::StrayContinuation));
    // The message before is over: a continuation behind it is as stray.
    let over = hex("02 80 37fa213d  80 80 37fa213d  80");
    assert_eq!((over.passed, over.outcome), (12, Err(FrameViolation::StrayContinuation)));
    for first in ["01", "02", "81", "82"] {
        let told = hex(&format!("02 82 37fa213d 36fb {first}"));
        assert_eq!((told.passed, told.outcome), (8, Err(FrameViolation::Interleaved)));
    }
}

#[test]
fn ws_27_t29_lengths_come_in_the_shortest_form() {
    let not_minimal = Err(FrameViolation::LengthNotMinimal);
    for (length, outcome) in [
        (0, not_minimal),
        (2, not_minimal),
        (125, not_minimal),
        (126, Ok(true)),
        (65_535, Ok(true)),
    ] {
        let bytes = [&[0x82, 0xfe], &u16::to_be_bytes(length)[..], &KEY].concat();
        assert_eq!(walk_every_cut(&server(), &bytes).outcome, outcome, "{length}");
    }
    let max_message_size = 66_048;
    let too_large = |announced| Err(FrameViolation::TooLarge { announced, max_message_size });
    for (length, outcome) in [
        (0, not_minimal),
        (125, not_minimal),
        (126, not_minimal),
        (65_535, not_minimal),
        (65_536, Ok(true)),
        (1 << 40, too_large(1 << 40)),
        ((1 << 63) - 1, too_large((1 << 63) - 1)),
        (1 << 63, Err(FrameViolation::LengthTopBit)),
        (u64::MAX, Err(FrameViolation::LengthTopBit)),
    ] {
        let bytes = [&[0x82, 0xff], &u64::to_be_bytes(length)[..], &KEY].concat();
        assert_eq!(walk_every_cut(&server(), &bytes).outcome, outcome, "{length}");
    }
}

#[test]
fn ws_30_t20_the_limit_holds_from_the_header_alone() {
    for receiver in [Receiver::Server, Receiver::Client] {
        for limit in [0, 1, 2, 125, 126, 65_535, 65_536, 66_048] {
            let gauge = Gauge::new(receiver, limited(limit, 256));
            let whole = walk(gauge.clone(), [&frame(receiver, 0x82, limit)[..]]);
            assert_eq!(whole.ends, [FrameEnd::Message(Binary)], "{limit}");
            let announced = limit as u64 + 1;
            let told = walk_every_cut(&gauge, &header(receiver, 0x82, announced));
            let outcome = Err(FrameViolation::TooLarge { announced, max_message_size: limit });
            assert_eq!(told, Walk { passed: 0, ends: vec![], outcome }, "{limit}");
        }
    }
    // Not even the masking key is waited for.
    assert_eq!(hex("82 ff 1000000000000000").outcome.unwrap_err().close_code(), 1009);
}

#[test]
fn ws_30_the_limit_holds_over_fragments() {
    let gauge = Gauge::new(Receiver::Server, limited(10, 256));
    let start = [frame(Receiver::Server, 0x02, 4), frame(Receiver::Server, 0x00, 4)].concat();
    for (first, open) in [(0x80, false), (0x00, true)] {
        let bytes = [&start[..], &frame(Receiver::Server, first, 2)].concat();
        assert_eq!(walk_every_cut(&gauge, &bytes).outcome, Ok(open));
        for length in [3, 1 << 40, u64::MAX >> 1] {
            let bytes = [&start[..], &header(Receiver::Server, first, length)].concat();
            let announced = length + 8;
            let outcome = Err(FrameViolation::TooLarge { announced, max_message_size: 10 });
            assert_eq!(walk_every_cut(&gauge, &bytes).outcome, outcome, "{first:02x} {length}");
        }
    }
    // Control frames between them do not count, nor does the message before.
    let ping = frame(Receiver::Server, 0x89, 100);
    let full = frame(Receiver::Server, 0x80, 2);
    let bytes = [&start[..], &ping, &full, &start, &full].concat();
    assert_eq!(walk_every_cut(&gauge, &bytes).outcome, Ok(false));
}

#[test]
fn ws_30_no_sum_of_lengths_overflows() {
    let mut gauge = Gauge::new(Receiver::Client, limited(usize::MAX, u32::MAX));
    let huge = header(Receiver::Client, 0x02, u64::MAX >> 1);
    let told = walk_every_cut(&gauge, &huge);
    assert_eq!((told.passed, told.outcome), (10, Ok(true)));
    // What is owed stays owed, however much of it comes.
    let (some, lots) = ([&huge[..], &[0; 7]].concat(), vec![0; 1 << 20]);
    assert_eq!(gauge.next(&some), Ok(Step::Pass { bytes: 17, frame_end: None }));
    assert_eq!(gauge.next(&lots), Ok(Step::Pass { bytes: 1 << 20, frame_end: None }));
}

#[test]
fn t21_fragments_are_counted_and_empty_ones_too() {
    for limit in [2, 3, 256] {
        let gauge = Gauge::new(Receiver::Server, limited(66_048, limit));
        let mut bytes = frame(Receiver::Server, 0x02, 0);
        for _ in 2..limit {
            bytes.extend(frame(Receiver::Server, 0x00, 0));
            bytes.extend(frame(Receiver::Server, 0x89, 0)); // is counted elsewhere
        }
        let fits = [&bytes[..], &frame(Receiver::Server, 0x80, 0)].concat();
        assert_eq!(walk(gauge.clone(), fits.chunks(1)).outcome, Ok(false));
        bytes.extend(frame(Receiver::Server, 0x00, 0));
        for first in [0x00, 0x80] {
            let above = [&bytes[..], &[first]].concat();
            let told = walk(gauge.clone(), above.chunks(1));
            let outcome = Err(FrameViolation::TooManyFragments { max_fragments: limit });
            assert_eq!((told.passed, told.outcome), (bytes.len(), outcome));
        }
        // The count begins anew with each message.
        let twice = [&fits[..], &fits].concat();
        assert_eq!(walk(gauge, [&twice[..]]).outcome, Ok(false));
    }
}

#[test]
fn t21_no_fragments_at_all() {
    for limit in [0, 1] {
        let gauge = Gauge::new(Receiver::Client, limited(10, limit));
        assert_eq!(walk_every_cut(&gauge, &[0x82, 1, 0, 0x82, 0]).outcome, Ok(false));
        let outcome = Err(FrameViolation::TooManyFragments { max_fragments: 1 });
        assert_eq!(walk_every_cut(&gauge, &[0x02, 1, 0, 0x80, 0]).outcome, outcome);
    }
}

#[test]
fn t22_what_was_begun_is_open() {
    let mut gauge = server();
    assert!(!gauge.message_open());
    assert_eq!(gauge.next(&[]), Ok(Step::NeedMore));
    assert!(!gauge.message_open(), "nothing was begun");

    let bytes = bytes_of("82 83 37fa213d 371bff  89 80 37fa213d");
    for incomplete in 1..6 {
        assert_eq!(gauge.next(&bytes[..incomplete]), Ok(Step::NeedMore));
        assert!(gauge.message_open(), "{incomplete} bytes of a header");
    }
    assert_eq!(gauge.next(&bytes[..7]), Ok(Step::Pass { bytes: 7, frame_end: None }));
    assert!(gauge.message_open(), "a part of a payload");
    assert_eq!(gauge.next(&[]), Ok(Step::NeedMore));
    assert!(gauge.message_open());
    let frame_end = Some(FrameEnd::Message(Binary));
    assert_eq!(gauge.next(&bytes[7..]), Ok(Step::Pass { bytes: 2, frame_end }));
    assert!(!gauge.message_open(), "what waits has not been looked at");

    let part = bytes_of("02 80 37fa213d");
    let frame_end = Some(FrameEnd::Fragment(Binary));
    assert_eq!(gauge.next(&part), Ok(Step::Pass { bytes: 6, frame_end }));
    assert!(gauge.message_open(), "between two fragments");
    let frame_end = Some(FrameEnd::Ping);
    assert_eq!(gauge.next(&bytes[9..]), Ok(Step::Pass { bytes: 6, frame_end }));
    assert!(gauge.message_open(), "a Ping does not end a message");
}

#[test]
fn t34_ws_35_a_dead_gauge_stays_dead() {
    let mut gauge = server();
    let first = gauge.next(&[0xc2]).unwrap_err();
    let sound = frame(Receiver::Server, 0x82, 2);
    for round in 0..=u8::MAX {
        assert_eq!(gauge.next(&sound), Err(first));
        assert_eq!(gauge.next(&[round; 4096]), Err(first)); // 1 MiB of anything
        assert_eq!(gauge.next(&[]), Err(first));
    }
    assert!(!gauge.message_open());
}

#[test]
fn ws_46_a_close_body_of_one_byte() {
    assert_eq!(hex("88 81 37fa213d 34").outcome, Err(FrameViolation::CloseBody));
    assert_eq!(hex("88 80 37fa213d").ends, [FrameEnd::Close]);
    assert_eq!(hex("88 82 37fa213d 3412").ends, [FrameEnd::Close]);
    // One byte is enough for every other frame.
    assert_eq!(hex("89 81 37fa213d 34  82 81 37fa213d 34").outcome, Ok(false));
}

#[test]
fn a_frame_passes_in_pieces_and_never_beyond_its_end() {
    let mut gauge = client();
    let bytes = bytes_of("82 05 0102030405  82 00");
    assert_eq!(gauge.next(&bytes[..4]), Ok(Step::Pass { bytes: 4, frame_end: None }));
    assert_eq!(gauge.next(&bytes[4..5]), Ok(Step::Pass { bytes: 1, frame_end: None }));
    let frame_end = Some(FrameEnd::Message(Binary));
    assert_eq!(gauge.next(&bytes[5..]), Ok(Step::Pass { bytes: 2, frame_end }));
    assert_eq!(gauge.next(&bytes[7..]), Ok(Step::Pass { bytes: 2, frame_end }));
}

#[test]
fn ws_33_ws_34_violations_tell_code_section_and_reason() {
    use FrameViolation as V;
    let (announced, max_message_size) = (u64::MAX, usize::MAX);
    for (violation, code, section, reason) in [
        (V::ReservedBits, 1002, "5.2", "reserved bits set without an extension"),
        (V::ReservedOpcode(11), 1002, "5.2", "reserved opcode 11"),
        (V::FragmentedControl, 1002, "5.5", "control frame is fragmented"),
        (V::LongControl, 1002, "5.5", "control frame of more than 125 bytes"),
        (V::CloseBody, 1002, "5.5.1", "Close frame with a body of one byte"),
        (V::StrayContinuation, 1002, "5.4", "continuation frame without a message"),
        (V::Interleaved, 1002, "5.4", "new data frame inside a fragmented message"),
        (V::Unmasked, 1002, "5.1", "frame from a client is not masked"),
        (V::Masked, 1002, "5.1", "frame from a server is masked"),
        (V::LengthNotMinimal, 1002, "5.2", "payload length is not in its shortest form"),
        (V::LengthTopBit, 1002, "5.2", "top bit of a 64-bit payload length is set"),
        (
            V::TooLarge { announced, max_message_size },
            1009,
            "10.4",
            "message of 18446744073709551615 bytes, at most 18446744073709551615 are accepted",
        ),
        (
            V::TooManyFragments { max_fragments: u32::MAX },
            1008,
            "10.4",
            "message in more than 4294967295 frames",
        ),
    ] {
        assert_eq!(violation.close_code(), code, "{violation:?}");
        assert_eq!(violation.section(), format!("RFC 6455 §{section}"), "{violation:?}");
        assert_eq!(violation.to_string(), reason);
        assert!(reason.len() <= 123, "fits a Close frame");
    }
}

/// What needs no drop owns no heap: whatever a peer sends, the gauge is these few bytes.
#[test]
fn t20_the_gauge_owns_no_memory() {
    assert!(!std::mem::needs_drop::<Gauge>());
    assert!(size_of::<Gauge>() <= 96, "{}", size_of::<Gauge>());
}

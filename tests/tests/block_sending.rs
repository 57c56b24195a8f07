//! RFC 7959, RFC 8323 §6: the rules of who sends a body, one by one.

use coap_ws_core::PeerSettings;
use coap_ws_core::block::{
    Bert, Block, BlockError, BlockSize, More, Progress, Refusal, Room, Serving, Slices,
};
use coap_ws_core::message::{Code, Message, OptionNumber, Request, encode_message};

/// `3/1/1024`, as the RFCs write it.
fn block(text: &str) -> Block {
    let [num, more, size] = text.split('/').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let size = BlockSize::ALL.into_iter().find(|other| other.to_string() == size).unwrap();
    let more = if more == "1" { More::Yes } else { More::No };
    Block::new(num.parse().unwrap(), more, size).unwrap()
}

fn room(payload: u32) -> Room {
    Room::new(payload + 33, 33)
}

fn serving(body_len: u64, largest: BlockSize, payload: u32, bert: Bert) -> Serving {
    Serving { body_len, largest, room: room(payload), bert }
}

// --- the option

// BLK-02, BLK-03
#[test]
fn the_value_is_a_number_a_bit_and_a_size() {
    let of = |bytes: &[u8]| Block::from_bytes(bytes).map(|block| block.to_string());
    assert_eq!(of(&[]).unwrap(), "0/0/16");
    assert_eq!(of(&[0x0b]).unwrap(), "0/1/128");
    // The examples of the RFCs: 33 and 59.
    assert_eq!(of(&[33]).unwrap(), "2/0/32");
    assert_eq!(of(&[59]).unwrap(), "3/1/128");
    assert_eq!(of(&[0x37]).unwrap(), "3/0/BERT");
    assert_eq!(of(&[0xff, 0xff, 0xf6]).unwrap(), "1048575/0/1024");
    // Leading zeros are allowed, a fourth byte is not.
    assert_eq!(of(&[0, 0, 0x0e]).unwrap(), "0/1/1024");
    assert_eq!(of(&[0, 0, 0, 0x0e]), None);
    assert_eq!(Block::from_uint(1 << 24), None);
    assert_eq!(Block::WIDEST.to_uint(), 0xff_ffff);
}

// BLK-01, BLK-02: an empty option is not the same as none.
#[test]
fn the_option_of_a_message() {
    let of = |hex: &[u8]| {
        let message = Message::parse(hex).unwrap();
        Block::of(&message, OptionNumber::BLOCK1).map(|block| block.to_string())
    };
    assert_eq!(of(b"\x01\x03\x07\xb1x"), None);
    assert_eq!(of(b"\x01\x03\x07\xb1x\xd0\x03").unwrap(), "0/0/16");
    assert_eq!(of(b"\x01\x03\x07\xb1x\xd1\x03\x0e\xffy").unwrap(), "0/1/1024");
    // A value that is too long is none, also where it would fit into 24 bits.
    assert_eq!(of(b"\x01\x03\x07\xb1x\xd4\x03\0\0\0\x0e"), None);
}

// BLK-03, BLK-25, BERT-01, T75: every number at the boundaries, of every size.
#[test]
fn every_boundary_of_numbers_and_sizes() {
    let numbers = (0..=Block::MAX_NUM).filter(|num| {
        let next = u64::from(*num) + 1;
        *num < 40 || next.is_power_of_two() || (next - 1).is_power_of_two()
    });
    for num in numbers.chain([Block::MAX_NUM - 1]) {
        for size in BlockSize::ALL {
            for more in [More::No, More::Yes] {
                let block = Block::new(num, more, size).unwrap();
                assert_eq!((block.num(), block.more(), block.size()), (num, more, size));
                assert_eq!(Block::from_uint(block.to_uint()), Some(block));
                let exponent = u32::from(size.szx().min(6)) + 4;
                assert_eq!(block.offset(), u64::from(num) << exponent);
                assert_eq!(Block::at(block.offset(), more, size), Some(block));
                assert_eq!(Block::at(block.offset() + 1, more, size), None);
                // The next one has a number too, except behind the last.
                let next = Block::at(block.offset() + (1 << exponent), more, size);
                assert_eq!(next.is_some(), num < Block::MAX_NUM);
            }
        }
    }
    assert_eq!(Block::new(Block::MAX_NUM + 1, More::No, BlockSize::B16), None);
    assert_eq!(Block::at(u64::MAX, More::No, BlockSize::B16), None);
    assert_eq!(Block::at(u64::MAX - 1023, More::No, BlockSize::Bert), None);
    assert_eq!(BlockSize::from_szx(8), None);
}

// --- which block fits

// CSM-16, CSM-19: header + token + options + marker + 2^(SZX+4) <= MMS, at it and one beyond.
#[test]
fn the_largest_block_that_fits() {
    for size in BlockSize::ALL.into_iter().filter(|size| !size.is_bert()) {
        let exact = Room::new(50 + size.bytes(), 50);
        assert_eq!(exact.fit(BlockSize::B1024).unwrap().size, size);
        assert_eq!(exact.fit(BlockSize::B1024).unwrap().len, size.bytes());
        let less = Room::new(49 + size.bytes(), 50).fit(BlockSize::B1024);
        assert!(less.is_none_or(|fit| fit.size < size));
    }
    // The smallest Max-Message-Size that we accept leaves 48 bytes for all but 16.
    assert_eq!(Room::new(64, 48).fit(BlockSize::Bert).unwrap().size, BlockSize::B16);
    assert_eq!(Room::new(64, 49).fit(BlockSize::Bert), None);
    assert_eq!(Room::new(0, usize::MAX).fit(BlockSize::Bert), None);
    // Not above what is wanted.
    assert_eq!(Room::new(u32::MAX, 0).fit(BlockSize::B64).unwrap().len, 64);
    assert!(Room::new(100, 50).takes(50) && !Room::new(100, 50).takes(51));
}

// BERT-07: MMS 2304 is two blocks; MMS 1153 with 200 bytes of options is SZX 5.
#[test]
fn the_blocks_of_a_bert_block_that_fit() {
    let fit = |mms, fixed| {
        let fit = Room::new(mms, fixed).fit(BlockSize::Bert).unwrap();
        (fit.size, fit.len)
    };
    assert_eq!(fit(2304, 30), (BlockSize::Bert, 2048));
    assert_eq!(fit(1153, 200), (BlockSize::B512, 512));
    assert_eq!(fit(1024 * 3 + 30, 30), (BlockSize::Bert, 3072));
    assert_eq!(fit(1024 * 3 + 29, 30), (BlockSize::Bert, 2048));
    assert_eq!(fit(1024 + 30, 30), (BlockSize::Bert, 1024));
    assert_eq!(fit(1024 + 29, 30), (BlockSize::B512, 512));
    // The last one need not be a multiple.
    assert_eq!(Room::new(2304, 30).fit(BlockSize::Bert).unwrap().last, 2274);
    // Nobody's announcement makes a number overflow.
    assert_eq!(fit(u32::MAX, 0), (BlockSize::Bert, u32::MAX - 1023));
}

// CSM-16, CSM-19: what is measured with the widest option is enough for any.
#[test]
fn a_measured_message_is_never_too_large() {
    let token = [7; 8];
    let draft = |block: Block, payload| {
        Request::put(payload)
            .segment("firmware")
            .uint(OptionNumber::SIZE1, 70_000)
            .uint(OptionNumber::BLOCK1, block.to_uint())
    };
    let body = vec![1; 70_000];
    for mms in [64, 65, 66, 80, 127, 128, 300, 1152, 1153, 2304, 66_048] {
        let fixed = encode_message(&mut [], &token, &draft(Block::WIDEST, &[])).unwrap() + 1;
        let mut slices = Slices::new(70_000, BlockSize::Bert);
        let mut blocks = 0;
        while let Some(slice) = slices.next(Room::new(mms, fixed), Bert::Agreed).unwrap() {
            let payload = slice.of(&body).unwrap();
            let len = encode_message(&mut [], &token, &draft(slice.block(), payload)).unwrap();
            assert!(len <= mms as usize, "{len} > {mms}");
            let code = if slice.block().more().is_set() { Code::CONTINUE } else { Code::CHANGED };
            slices.handle_response(code, Some(slice.block()), Bert::Agreed).unwrap();
            blocks += 1;
        }
        assert!(blocks > 1, "{mms}");
    }
}

// CSM-22, BERT-06, BERT-13, invariant 39
#[test]
fn bert_is_what_both_csms_make_of_it() {
    let theirs = |size, block_wise| {
        let mut settings = PeerSettings::default();
        (settings.max_message_size, settings.block_wise) = (size, block_wise);
        settings
    };
    assert_eq!(Bert::between(1153, &theirs(1153, true)), Bert::Agreed);
    assert_eq!(Bert::between(1152, &theirs(1153, true)), Bert::Accepted);
    assert_eq!(Bert::between(1153, &theirs(1152, true)), Bert::Offered);
    assert_eq!(Bert::between(1153, &theirs(1153, false)), Bert::Offered);
    for bert in [Bert::Refused, Bert::Accepted, Bert::Offered, Bert::Agreed] {
        let allowed = bert.allow(BlockSize::Bert);
        assert_eq!(allowed.is_bert(), bert == Bert::Agreed);
        let answer = bert.allow_answer(BlockSize::Bert, BlockSize::Bert);
        assert_eq!(answer.is_bert(), matches!(bert, Bert::Agreed | Bert::Offered));
        assert_eq!(bert.allow_answer(BlockSize::Bert, BlockSize::B64), allowed);
        assert_eq!(bert.allow(BlockSize::B64), BlockSize::B64);
        assert_eq!(bert.is_accepted(), bert != Bert::Refused);
    }
}

// --- the client sends a body

// BLK-24: a body that one block holds, and an empty one.
#[test]
fn a_body_of_one_block() {
    for len in [0, 1, 63, 64] {
        let mut slices = Slices::new(len, BlockSize::B64);
        let slice = slices.next(room(1000), Bert::Accepted).unwrap().unwrap();
        assert_eq!((slice.block(), slice.range()), (block("0/0/64"), 0..len));
        let progress = slices.handle_response(Code::CREATED, None, Bert::Accepted);
        assert_eq!(progress, Ok(Progress::Final));
        assert_eq!(slices.next(room(1000), Bert::Accepted), Ok(None));
    }
    let mut slices = Slices::new(65, BlockSize::B64);
    let slice = slices.next(room(1000), Bert::Accepted).unwrap().unwrap();
    assert_eq!(slice.block(), block("0/1/64"));
}

// Invariant 3: asking twice changes nothing, nor does an answer to nothing.
#[test]
fn asking_twice_gives_the_same() {
    let mut slices = Slices::new(1000, BlockSize::B64);
    let progress = slices.handle_response(Code::CHANGED, None, Bert::Accepted);
    assert_eq!(progress, Ok(Progress::Continue));
    let first = slices.next(room(1000), Bert::Accepted);
    assert_eq!(slices.next(room(1000), Bert::Accepted), first);
    let ack = Some(block("0/1/64"));
    slices.handle_response(Code::CONTINUE, ack, Bert::Accepted).unwrap();
    slices.handle_response(Code::CONTINUE, ack, Bert::Accepted).unwrap();
    assert_eq!(slices.arrived(), 64);
}

// CSM-18, BLK-25: local errors.
#[test]
fn what_cannot_be_sent_is_an_error_before_anything_is_sent() {
    let mut slices = Slices::new(1000, BlockSize::Bert);
    assert_eq!(slices.next(room(15), Bert::Agreed), Err(BlockError::NoRoom));
    assert!(slices.next(room(16), Bert::Agreed).is_ok());

    for size in BlockSize::ALL {
        let most = u64::from(size.bytes()) << 20;
        let mut slices = Slices::new(most, size);
        assert!(slices.next(room(5000), Bert::Agreed).is_ok(), "{size}");
        let mut slices = Slices::new(most + 1, size);
        assert_eq!(slices.next(room(5000), Bert::Agreed), Err(BlockError::TooLong), "{size}");
    }
    let mut slices = Slices::new(u64::MAX, BlockSize::Bert);
    assert_eq!(slices.next(room(u32::MAX - 33), Bert::Agreed), Err(BlockError::TooLong));
}

// BLK-25, BLK-11: a size that the server asks for and that cannot number the body.
#[test]
fn a_size_that_cannot_number_the_body_is_a_local_error() {
    let mut slices = Slices::new((16 << 20) + 1, BlockSize::B1024);
    slices.next(room(5000), Bert::Accepted).unwrap();
    let ack = Some(block("0/1/16"));
    slices.handle_response(Code::CONTINUE, ack, Bert::Accepted).unwrap();
    assert_eq!(slices.next(room(5000), Bert::Accepted), Err(BlockError::TooLong));
}

fn respond(
    size: BlockSize,
    code: Code,
    block1: &str,
) -> (Result<Progress, BlockError>, Option<String>) {
    let mut slices = Slices::new(9000, size);
    let first = slices.next(room(3000), Bert::Agreed).unwrap().unwrap();
    slices.handle_response(Code::CONTINUE, Some(first.block()), Bert::Agreed).unwrap();
    slices.next(room(3000), Bert::Agreed).unwrap();
    let block1 = (!block1.is_empty()).then(|| block(block1));
    let progress = slices.handle_response(code, block1, Bert::Agreed);
    let next = slices.next(room(3000), Bert::Agreed).unwrap();
    (progress, next.map(|slice| slice.block().to_string()))
}

// BLK-11, BLK-12, BLK-15, BERT-08
#[test]
fn what_a_response_to_a_block_means() {
    use BlockSize::{B128, B1024, Bert};
    let continued = |next: &str| (Ok(Progress::Continue), Some(next.into()));
    let finished = (Ok(Progress::Final), None);
    let failed = |error| (Err(error), None);
    // Sent was 1:1/1/128.
    assert_eq!(respond(B128, Code::CONTINUE, "1/1/128"), continued("2/1/128"));
    assert_eq!(respond(B128, Code::CONTINUE, ""), continued("2/1/128"));
    assert_eq!(respond(B128, Code::CHANGED, "1/0/128"), continued("2/1/128"));
    assert_eq!(respond(B128, Code::CONTINUE, "1/1/32"), continued("8/1/32"));
    // The same block, counted in the smaller size.
    assert_eq!(respond(B128, Code::CONTINUE, "4/1/32"), continued("8/1/32"));
    // Never larger (invariant 39).
    assert_eq!(respond(B128, Code::CONTINUE, "1/1/1024"), continued("2/1/128"));
    assert_eq!(respond(B1024, Code::CONTINUE, "1/1/BERT"), continued("2/1/1024"));
    // Sent was 1:2/1/BERT(2048).
    assert_eq!(respond(Bert, Code::CONTINUE, "2/1/BERT"), continued("4/1/BERT"));
    assert_eq!(respond(Bert, Code::CONTINUE, "2/1/1024"), continued("4/1/1024"));
    // Not the number of the last block of it.
    assert_eq!(respond(Bert, Code::CONTINUE, "3/1/BERT"), failed(BlockError::WrongNumber));
    assert_eq!(respond(B128, Code::CONTINUE, "0/1/128"), failed(BlockError::WrongNumber));
    assert_eq!(respond(B128, Code::CHANGED, "9/0/128"), failed(BlockError::WrongNumber));
    // A success that says nothing of the block.
    assert_eq!(respond(B128, Code::CHANGED, ""), failed(BlockError::Unacknowledged));
    // Errors are the answer to the whole, unless 4.13 asks for smaller blocks.
    assert_eq!(respond(B128, Code::REQUEST_ENTITY_INCOMPLETE, "1/0/64"), finished);
    assert_eq!(respond(B128, Code::SERVICE_UNAVAILABLE, ""), finished);
    let too_large = Code::REQUEST_ENTITY_TOO_LARGE;
    assert_eq!(respond(B128, too_large, ""), finished);
    assert_eq!(respond(B128, too_large, "1/0/128"), finished);
    assert_eq!(respond(B128, too_large, "1/0/1024"), finished);
    let again = |next: &str| (Ok(Progress::Again), Some(next.into()));
    assert_eq!(respond(B128, too_large, "1/1/64"), again("0/1/64"));
    assert_eq!(respond(Bert, too_large, "2/0/1024"), again("0/1/1024"));
}

// BLK-15: the hint is followed as long as it shrinks the block, so seven times at most.
#[test]
fn a_server_that_always_wants_less_is_obeyed_seven_times() {
    let mut slices = Slices::new(5000, BlockSize::Bert);
    for times in 0..=7 {
        let slice = slices.next(room(3000), Bert::Agreed).unwrap().unwrap();
        let szx = slice.block().size().szx().saturating_sub(1);
        let hint = Block::first(BlockSize::from_szx(szx).unwrap());
        let code = Code::REQUEST_ENTITY_TOO_LARGE;
        let progress = slices.handle_response(code, Some(hint), Bert::Agreed).unwrap();
        let expected = if times < 7 { Progress::Again } else { Progress::Final };
        assert_eq!(progress, expected, "{slice:?}");
    }
}

// BLK-12, BLK-04
#[test]
fn answers_that_cannot_be() {
    let mut slices = Slices::new(10, BlockSize::B64);
    slices.next(room(3000), Bert::Accepted).unwrap();
    let ack = Some(block("0/1/64"));
    let progress = slices.handle_response(Code::CONTINUE, ack, Bert::Accepted);
    assert_eq!(progress, Err(BlockError::Malformed));
    assert_eq!(slices.next(room(3000), Bert::Accepted), Ok(None));

    let mut slices = Slices::new(100, BlockSize::B64);
    slices.next(room(3000), Bert::Refused).unwrap();
    let ack = Some(block("0/1/BERT"));
    let progress = slices.handle_response(Code::CONTINUE, ack, Bert::Refused);
    assert_eq!(progress, Err(BlockError::Malformed));
}

// --- the server gives a body

// BLK-06: M of a request means nothing.
#[test]
fn the_m_bit_of_a_request_is_ignored() {
    let serving = serving(1000, BlockSize::Bert, 2000, Bert::Agreed);
    assert_eq!(serving.slice(Some(block("1/1/16"))), serving.slice(Some(block("1/0/16"))));
}

// BLK-25, T75
#[test]
fn behind_the_end_there_is_nothing() {
    let slice = |len, asked: &str| {
        let slice = serving(len, BlockSize::Bert, 2000, Bert::Agreed).slice(Some(block(asked)));
        slice.map(|slice| (slice.block().to_string(), slice.range()))
    };
    assert_eq!(slice(100, "7/0/16"), Err(Refusal::BeyondEnd));
    assert_eq!(slice(112, "7/0/16"), Err(Refusal::BeyondEnd));
    assert_eq!(slice(113, "7/0/16"), Ok(("7/0/16".into(), 112..113)));
    assert_eq!(slice(1024, "1/0/BERT"), Err(Refusal::BeyondEnd));
    assert_eq!(slice(u64::MAX, "1048575/0/16").unwrap().0, "1048575/1/16");
    for size in BlockSize::ALL {
        let asked = format!("{}/0/{size}", Block::MAX_NUM);
        assert_eq!(slice(100, &asked), Err(Refusal::BeyondEnd), "{asked}");
        // The first block of an empty body is fine, any other is not.
        assert_eq!(slice(0, &format!("0/0/{size}")), Ok((format!("0/0/{size}"), 0..0)));
        assert_eq!(slice(0, &format!("1/0/{size}")), Err(Refusal::BeyondEnd));
    }
    assert_eq!(Refusal::BeyondEnd.code(), Code::BAD_REQUEST);
}

// BLK-04, BERT-05, BERT-06, BERT-13
#[test]
fn how_a_server_answers_szx_7() {
    let slice = |bert, asked: Option<&str>| {
        let slice = serving(5000, BlockSize::Bert, 2100, bert).slice(asked.map(block));
        slice.map(|slice| (slice.block().to_string(), slice.range()))
    };
    let six = Ok(("1/1/1024".to_string(), 1024..2048));
    let seven = Ok(("1/1/BERT".to_string(), 1024..3072));
    assert_eq!(slice(Bert::Refused, Some("1/0/BERT")), Err(Refusal::ReservedSize));
    assert_eq!(slice(Bert::Accepted, Some("1/0/BERT")), six);
    assert_eq!(slice(Bert::Offered, Some("1/0/BERT")), seven);
    assert_eq!(slice(Bert::Agreed, Some("1/0/BERT")), seven);
    // Nobody gets more than asked for.
    assert_eq!(slice(Bert::Agreed, Some("1/0/1024")), six);
    // Unasked only where the peer has said so.
    assert_eq!(slice(Bert::Offered, None).unwrap().0, "0/1/1024");
    assert_eq!(slice(Bert::Agreed, None).unwrap().0, "0/1/BERT");
    assert_eq!(Refusal::ReservedSize.code(), Code::BAD_REQUEST);
}

// BERT-07, BERT-09, CSM-18
#[test]
fn a_server_gives_what_fits_from_the_same_byte_on() {
    let slice = |payload, asked: &str| {
        let serving = serving(20_000, BlockSize::Bert, payload, Bert::Agreed);
        serving.slice(Some(block(asked))).map(|slice| slice.block().to_string())
    };
    assert_eq!(slice(1023, "8/0/BERT").unwrap(), "16/1/512");
    assert_eq!(slice(300, "8/0/BERT").unwrap(), "32/1/256");
    assert_eq!(slice(16, "3/0/64").unwrap(), "12/1/16");
    assert_eq!(slice(15, "8/0/BERT"), Err(Refusal::NoRoom));
    assert_eq!(Refusal::NoRoom.code(), Code::INTERNAL_SERVER_ERROR);
    // A block that has a number in the size asked for, and none in the size that fits.
    let serving = serving(u64::MAX, BlockSize::Bert, 100, Bert::Agreed);
    assert_eq!(serving.slice(Some(block("1048575/0/1024"))), Err(Refusal::TooLong));
    assert_eq!(Refusal::TooLong.code(), Code::INTERNAL_SERVER_ERROR);
}

// BLK-22, BLK-23: a body goes out whole where nobody wants blocks.
#[test]
fn when_a_body_goes_out_whole() {
    let whole = |len, largest, asked: Option<&str>| {
        serving(len, largest, 3000, Bert::Accepted).is_whole(asked.map(block), room(3005))
    };
    assert!(whole(3005, BlockSize::Bert, None));
    assert!(!whole(3006, BlockSize::Bert, None));
    assert!(!whole(10, BlockSize::Bert, Some("0/0/64")));
    assert!(whole(64, BlockSize::B64, None));
    assert!(!whole(65, BlockSize::B64, None));
}

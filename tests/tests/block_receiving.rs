//! RFC 7959, RFC 8323 §6: the rules of who receives a body, one by one.

use coap_ws_core::block::{
    Agreement, Bert, Block, BlockError, BlockSize, MAX_RESTARTS, More, Part, Received, Refusal,
    RequestAssembly, ResponseAssembly, acknowledge,
};
use coap_ws_core::message::{Code, OptionNumber, Response, encode_message};

/// `3/1/1024`, as the RFCs write it.
fn block(text: &str) -> Block {
    let [num, more, size] = text.split('/').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let size = BlockSize::ALL.into_iter().find(|other| other.to_string() == size).unwrap();
    let more = if more == "1" { More::Yes } else { More::No };
    Block::new(num.parse().unwrap(), more, size).unwrap()
}

fn upload(
    assembly: &mut RequestAssembly,
    text: &str,
    len: usize,
    bert: Bert,
) -> Result<u64, Refusal> {
    assembly.handle_block(block(text), len, bert).map(|piece| piece.at)
}

fn part(text: &str, len: usize) -> Part {
    let block = (!text.is_empty()).then(|| block(text));
    Part { block, len, etag: Agreement::Same, content_format: Agreement::Same }
}

fn piece_at(received: Received) -> u64 {
    let Received::Piece(piece) = received else { panic!("{received:?}") };
    piece.at
}

// --- the server receives a body

// BLK-05, BERT-02, T73, T77
#[test]
fn a_block_is_as_long_as_it_says() {
    let take =
        |text: &str, len| upload(&mut RequestAssembly::new(1 << 20), text, len, Bert::Agreed);
    for size in BlockSize::ALL.into_iter().filter(|size| !size.is_bert()) {
        let bytes = size.bytes() as usize;
        assert_eq!(take(&format!("0/1/{size}"), bytes), Ok(0));
        for len in [0, 1, bytes - 1, bytes + 1, 2 * bytes] {
            assert_eq!(take(&format!("0/1/{size}"), len), Err(Refusal::WrongLength));
        }
        // The size does not govern the last block.
        for len in [0, 1, bytes, bytes + 1] {
            assert_eq!(take(&format!("0/0/{size}"), len), Ok(0));
        }
    }
    for len in [1024, 2048, 65_536] {
        assert_eq!(take("0/1/BERT", len), Ok(0));
    }
    for len in [0, 1, 1023, 1025, 1500] {
        assert_eq!(take("0/1/BERT", len), Err(Refusal::WrongLength));
        assert_eq!(take("0/0/BERT", len), Ok(0));
    }
    assert_eq!(Refusal::WrongLength.code(), Code::BAD_REQUEST);
}

// BLK-04, BERT-13
#[test]
fn szx_7_is_taken_unless_bert_is_switched_off() {
    for bert in [Bert::Accepted, Bert::Offered, Bert::Agreed] {
        assert_eq!(upload(&mut RequestAssembly::new(9999), "0/1/BERT", 2048, bert), Ok(0));
    }
    for more in ["0/1/BERT", "0/0/BERT"] {
        let refusal = upload(&mut RequestAssembly::new(9999), more, 1024, Bert::Refused);
        assert_eq!(refusal, Err(Refusal::ReservedSize));
    }
}

// BLK-13, T73: missing predecessors, a gap, a block once more, one after the last.
#[test]
fn what_does_not_follow_is_incomplete() {
    let mut assembly = RequestAssembly::new(1 << 20);
    let mut take = |text, len| upload(&mut assembly, text, len, Bert::Agreed);
    let incomplete = Err(Refusal::Incomplete);
    assert_eq!(take("1/1/16", 16), incomplete);
    assert_eq!(take("1/0/16", 3), incomplete);
    assert_eq!(take("0/1/16", 16), Ok(0));
    assert_eq!(take("2/1/16", 16), incomplete);
    // It is over: what would have followed does not any more.
    assert_eq!(take("1/1/16", 16), incomplete);
    assert_eq!(take("0/1/16", 16), Ok(0));
    assert_eq!(take("1/1/16", 16), Ok(16));
    assert_eq!(take("1/1/16", 16), incomplete);
    assert_eq!(take("0/1/16", 16), Ok(0));
    assert_eq!(take("1/0/16", 3), Ok(16));
    assert_eq!(take("1/0/16", 3), incomplete);
    assert_eq!(Refusal::Incomplete.code(), Code::REQUEST_ENTITY_INCOMPLETE);
}

// BLK-17: a first block begins anew, at any time.
#[test]
fn a_first_block_begins_anew() {
    let mut assembly = RequestAssembly::new(1 << 20);
    for _ in 0..3 {
        assert_eq!(upload(&mut assembly, "0/1/16", 16, Bert::Agreed), Ok(0));
        assert_eq!(upload(&mut assembly, "1/1/16", 16, Bert::Agreed), Ok(16));
    }
    let piece = assembly.handle_block(block("0/0/16"), 5, Bert::Agreed).unwrap();
    assert!(piece.is_first() && !piece.more.is_set());
    assert_eq!(assembly.held(), 0);
}

// T73: the size may change in the middle; the offset is what counts.
#[test]
fn the_size_may_change_in_the_middle() {
    let mut assembly = RequestAssembly::new(1 << 20);
    let mut take = |text, len| upload(&mut assembly, text, len, Bert::Agreed);
    assert_eq!(take("0/1/BERT", 2048), Ok(0));
    assert_eq!(take("8/1/256", 256), Ok(2048));
    assert_eq!(take("144/1/16", 16), Ok(2304));
    assert_eq!(take("145/0/16", 16), Ok(2320));
}

// BLK-15, CODE-10, T73, invariant 37: at the limit and one beyond.
#[test]
fn a_body_has_a_limit() {
    let mut assembly = RequestAssembly::new(100);
    let refusal = Refusal::TooLarge { limit: 100 };
    let mut take = |text, len| upload(&mut assembly, text, len, Bert::Agreed);
    assert_eq!(take("0/1/64", 64), Ok(0));
    assert_eq!(take("1/0/64", 36), Ok(64));
    assert_eq!(take("0/1/64", 64), Ok(0));
    assert_eq!(take("1/0/64", 37), Err(refusal));
    assert_eq!(take("1/0/64", 1), Err(Refusal::Incomplete));
    assert_eq!(take("0/1/128", 128), Err(refusal));
    assert_eq!(take("0/0/16", usize::MAX), Err(refusal));
    assert_eq!((refusal.code(), refusal.size1()), (Code::REQUEST_ENTITY_TOO_LARGE, Some(100)));
    assert_eq!(Refusal::TooLarge { limit: u64::MAX }.size1(), Some(u32::MAX));
    assert_eq!(Refusal::Incomplete.size1(), None);
}

// BERT-08, BERT-13, BLK-11: on the wire.
#[test]
fn the_acknowledgement_on_the_wire() {
    let wire = |received: &str, largest, bert| {
        let block1 = acknowledge(block(received), More::Yes, largest, bert);
        let response = Response::new(Code::CONTINUE).uint(OptionNumber::BLOCK1, block1.to_uint());
        let mut bytes = [0; 16];
        let len = encode_message(&mut bytes, &[7], &response).unwrap();
        bytes[..len].to_vec()
    };
    let seven = BlockSize::Bert;
    assert_eq!(wire("8/1/BERT", seven, Bert::Agreed), b"\x01\x5f\x07\xd1\x0e\x8f");
    assert_eq!(wire("8/1/BERT", seven, Bert::Offered), b"\x01\x5f\x07\xd1\x0e\x8f");
    assert_eq!(wire("0/1/BERT", seven, Bert::Accepted), b"\x01\x5f\x07\xd1\x0e\x0e");
    assert_eq!(wire("0/1/1024", seven, Bert::Agreed), b"\x01\x5f\x07\xd1\x0e\x0e");
    assert_eq!(wire("0/1/1024", BlockSize::B64, Bert::Agreed), b"\x01\x5f\x07\xd1\x0e\x0a");
    let last = acknowledge(block("24/0/BERT"), More::No, seven, Bert::Agreed);
    assert_eq!(last, block("24/0/BERT"));
    let stateless = acknowledge(block("3/1/128"), More::No, seven, Bert::Agreed);
    assert_eq!(stateless, block("3/0/128"));
}

// --- the client receives a body

// BLK-02: no Block2 is the whole body.
#[test]
fn a_response_without_block2_is_the_whole_body() {
    let mut assembly = ResponseAssembly::new(5000);
    assert_eq!(assembly.request(Bert::Agreed), Ok(None));
    let received = assembly.handle_block(part("", 5000), Bert::Agreed).unwrap();
    let Received::Piece(piece) = received else { panic!("{received:?}") };
    assert_eq!((piece.at, piece.more), (0, More::No));
    let received = ResponseAssembly::new(5000).handle_block(part("", 5001), Bert::Agreed);
    assert_eq!(received, Err(BlockError::TooLarge { limit: 5000 }));
}

// BLK-04, BLK-05, BERT-02, T76, T77: each ends the transfer.
#[test]
fn wrong_blocks_fail_the_transfer() {
    let fail = |text: &str, len, bert| {
        let mut assembly = ResponseAssembly::new(10_000);
        let first = assembly.handle_block(part("0/1/1024", 1024), Bert::Agreed).unwrap();
        assert_eq!(piece_at(first), 0);
        let error = assembly.handle_block(part(text, len), bert).unwrap_err();
        assert_eq!(assembly.held(), 0, "nothing goes on after a failure");
        error
    };
    let malformed = BlockError::Malformed;
    assert_eq!(fail("1/1/1024", 1000, Bert::Agreed), malformed);
    assert_eq!(fail("1/1/BERT", 1500, Bert::Agreed), malformed);
    assert_eq!(fail("1/1/BERT", 0, Bert::Agreed), malformed);
    assert_eq!(fail("1/0/BERT", 1024, Bert::Refused), malformed);
    for wrong in ["0/1/1024", "2/1/1024", "1048575/1/1024", "0/1/BERT"] {
        assert_eq!(fail(wrong, 1024, Bert::Agreed), BlockError::WrongNumber);
    }
    assert_eq!(fail("", 100, Bert::Agreed), BlockError::WrongNumber);
    let error = ResponseAssembly::new(99).handle_block(part("1/0/16", 3), Bert::Agreed);
    assert_eq!(error, Err(BlockError::WrongNumber));
}

// T76: more=1 for ever ends at the limit, in a number of blocks that is known before.
#[test]
fn a_server_that_never_ends_meets_the_limit() {
    let mut assembly = ResponseAssembly::new(1000);
    for num in 0.. {
        match assembly.handle_block(part(&format!("{num}/1/16"), 16), Bert::Agreed) {
            Ok(received) => assert_eq!(piece_at(received), num * 16),
            Err(error) => {
                let limit = 1000;
                return assert_eq!((num, error), (62, BlockError::TooLarge { limit }));
            }
        }
    }
}

// BLK-09, T76: another ETag begins anew, twice.
#[test]
fn a_changed_etag_begins_anew_twice() {
    let mut assembly = ResponseAssembly::new(10_000);
    let changed = Part { etag: Agreement::Different, ..part("1/1/64", 64) };
    for _ in 0..MAX_RESTARTS {
        // It is of no account for the first block.
        let first = Part { etag: Agreement::Different, ..part("0/1/64", 64) };
        assert_eq!(piece_at(assembly.handle_block(first, Bert::Agreed).unwrap()), 0);
        assert_eq!(assembly.handle_block(changed, Bert::Agreed), Ok(Received::Restart));
        assert_eq!(assembly.request(Bert::Agreed), Ok(Some(block("0/0/64"))));
    }
    assembly.handle_block(part("0/1/64", 64), Bert::Agreed).unwrap();
    assert_eq!(assembly.handle_block(changed, Bert::Agreed), Err(BlockError::EtagChanged));
    assert_eq!(Agreement::between(&Some(b"a"), &Some(b"a")), Agreement::Same);
    assert_eq!(Agreement::between(&Some(b"a"), &None), Agreement::Different);
}

// RFC 7959 §2.3
#[test]
fn a_changed_content_format_fails_the_transfer() {
    let mut assembly = ResponseAssembly::new(10_000);
    let changed = |text| Part { content_format: Agreement::Different, ..part(text, 64) };
    assembly.handle_block(changed("0/1/64"), Bert::Agreed).unwrap();
    let error = assembly.handle_block(changed("1/1/64"), Bert::Agreed);
    assert_eq!(error, Err(BlockError::FormatChanged));
}

// BERT-11, invariant 39: sizes of requests only shrink.
#[test]
fn requests_follow_the_server_and_the_csm_downwards() {
    let mut assembly = ResponseAssembly::new(100_000);
    assembly.handle_block(part("0/1/BERT", 8192), Bert::Agreed).unwrap();
    assert_eq!(assembly.request(Bert::Agreed), Ok(Some(block("8/0/BERT"))));
    assert_eq!(assembly.request(Bert::Offered), Ok(Some(block("8/0/1024"))));
    assert_eq!(assembly.request(Bert::Agreed), Ok(Some(block("8/0/1024"))));
    assembly.handle_block(part("32/1/256", 256), Bert::Agreed).unwrap();
    assert_eq!(assembly.request(Bert::Agreed), Ok(Some(block("33/0/256"))));
    // A larger one than was asked for is tolerated, and not asked for.
    assembly.limit_size(BlockSize::B64);
    assert_eq!(assembly.request(Bert::Agreed), Ok(Some(block("132/0/64"))));
    assembly.handle_block(part("33/1/256", 256), Bert::Agreed).unwrap();
    assert_eq!(assembly.request(Bert::Agreed), Ok(Some(block("136/0/64"))));
}

// BLK-25
#[test]
fn a_block_that_has_no_number_cannot_be_asked_for() {
    let mut assembly = ResponseAssembly::new(u64::MAX);
    let len = 512 << 20;
    assembly.handle_block(part("0/1/BERT", len), Bert::Agreed).unwrap();
    assert_eq!(assembly.request(Bert::Agreed), Ok(Some(block("524288/0/BERT"))));
    let mut small = assembly.clone();
    small.limit_size(BlockSize::B256);
    assert_eq!(small.request(Bert::Agreed), Err(BlockError::TooLong));
    assembly.handle_block(part("524288/1/BERT", len), Bert::Agreed).unwrap();
    assert_eq!(assembly.request(Bert::Agreed), Err(BlockError::TooLong));
}

//! RFC 9175 §3: which requests belong together.

use coap_ws_core::block::{
    Bert, Block, RequestAssembly, operation_key, operation_options, same_operation,
};
use coap_ws_core::message::{Code, Draft, Message, OptionNumber, encode_message, kind};

fn request(token: u8, options: &[(OptionNumber, &[u8])]) -> Vec<u8> {
    let payload = [token];
    let draft = options.iter().fold(
        Draft::<kind::Request>::new(Code::PUT).payload(&payload),
        |draft, (number, value)| draft.option(*number, value),
    );
    let mut bytes = vec![0; 200];
    let len = encode_message(&mut bytes, &[token], &draft).unwrap();
    bytes.truncate(len);
    bytes
}

fn same(a: &[(OptionNumber, &[u8])], b: &[(OptionNumber, &[u8])]) -> bool {
    let (a, b) = (request(1, a), request(2, b));
    let (a, b) = (Message::parse(&a).unwrap(), Message::parse(&b).unwrap());
    let key = |message: &Message<'_>| {
        let mut key = Vec::new();
        operation_key(message, |bytes| key.extend_from_slice(bytes));
        key
    };
    assert_eq!(same_operation(&a, &b), key(&a) == key(&b));
    assert_eq!(same_operation(&a, &b), same_operation(&b, &a));
    same_operation(&a, &b)
}

// EXT-08, BLK-20, SEC-18
#[test]
fn which_options_tell_operations_apart() {
    use OptionNumber as N;
    let path: (OptionNumber, &[u8]) = (N::URI_PATH, b"x");
    let with = |number, value: &'static [u8]| same(&[path], &[path, (number, value)]);
    // Those that each block has of its own.
    for (number, value) in [
        (N::BLOCK1, &b"\x18"[..]),
        (N::BLOCK2, b"\x02"),
        (N::SIZE1, b"\xff\xff"),
        (N::SIZE2, b""),
        (N::ECHO, b"fresh"),
        (N::IF_NONE_MATCH, b""),
        // Elective and no part of a cache key, whatever it is: 0x…1c.
        (N::new(0xfc), b"?"),
        (N::new(0x7dc), b"?"),
    ] {
        assert!(with(number, value), "{number}");
    }
    for (number, value) in [
        (N::URI_PATH, &b"y"[..]),
        (N::URI_QUERY, b"q"),
        (N::URI_HOST, b"h"),
        (N::ACCEPT, b"\x3c"),
        (N::IF_MATCH, b"tag"),
        (N::OBSERVE, b""),
        (N::NO_RESPONSE, b"\x02"),
        (N::REQUEST_TAG, b""),
        (N::Q_BLOCK1, b""),
        // Critical, or unsafe: 0x…1d, 0x…1e.
        (N::new(0x7dd), b"?"),
        (N::new(0x7de), b"?"),
    ] {
        assert!(!with(number, value), "{number}");
    }
    // Other values count, and so does what is a prefix of another.
    assert!(!same(&[(N::URI_PATH, b"xy")], &[(N::URI_PATH, b"x"), (N::URI_PATH, b"y")]));
    assert!(!same(&[(N::ACCEPT, b"\x00")], &[(N::ACCEPT, b"")]));
}

// EXT-07, EXT-08, EXT-09, T74: absent, empty and any value are three different things.
#[test]
fn request_tags_are_lists() {
    const TAG: OptionNumber = OptionNumber::REQUEST_TAG;
    let lists: [&[(OptionNumber, &[u8])]; 6] = [
        &[],
        &[(TAG, b"")],
        &[(TAG, b"\x01")],
        &[(TAG, b"\x02")],
        &[(TAG, b"\x01"), (TAG, b"\x02")],
        &[(TAG, b"\x02"), (TAG, b"\x01")],
    ];
    for (i, a) in lists.iter().enumerate() {
        for (j, b) in lists.iter().enumerate() {
            assert_eq!(same(a, b), i == j, "{i} {j}");
        }
    }
}

// EXT-08: the method counts.
#[test]
fn another_method_is_another_operation() {
    let put = Message::parse(b"\x01\x03\x07\xb1x").unwrap();
    let post = Message::parse(b"\x01\x02\x07\xb1x").unwrap();
    assert!(same_operation(&put, &put) && !same_operation(&put, &post));
    let numbers: Vec<_> = operation_options(&put).map(|option| option.number.get()).collect();
    assert_eq!(numbers, [11]);
}

// BLK-14: a block of another Content-Format is of another operation, of which nothing is here.
#[test]
fn blocks_of_different_content_formats_are_not_put_together() {
    use OptionNumber as N;
    let first = [(N::CONTENT_FORMAT, &b""[..]), (N::BLOCK1, b"\x08")];
    let next = [(N::CONTENT_FORMAT, &b"\x3c"[..]), (N::BLOCK1, b"\x18")];
    assert!(!same(&first, &next));
    let next = Block::from_bytes(next[1].1).unwrap();
    let refusal = RequestAssembly::new(999).handle_block(next, 16, Bert::Agreed).unwrap_err();
    assert_eq!(refusal.code(), Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(refusal.to_string(), "4.08: block out of sequence");
}

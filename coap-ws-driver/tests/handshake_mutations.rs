//! Whatever comes, however it is cut: no panic, the same outcome, bounded work, and never a 101
//! for a head that is not one (T04, T06, T15).

mod handshake_support;

use coap_ws_driver::handshake::{ClientHandshake, HeadReader, RefusalReason, decide};
use coap_ws_driver::policy::Policy;
use handshake_support::{ACCEPT, KEY, REQUEST, RESPONSE, read, requests};
use http::{HeaderMap, request, response};
use proptest::prelude::*;

/// One change of some bytes at a place that is taken modulo the length.
#[derive(Clone, Debug)]
enum Mutation {
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Double(usize, usize),
    Truncate(usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n \t:,\0#?/%\x7f\x80".to_vec())];
    let spice = prop::sample::select(vec![
        "\r\n",
        "\r\n\r\n",
        "\n",
        " ",
        "A: b\r\n",
        "http://a@",
        "coap,",
        "\r\n ",
        ": ",
    ]);
    prop_oneof![
        (any::<usize>(), byte).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<usize>(), spice).prop_map(|(at, text)| Mutation::Insert(at, text.into())),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(at, new)| Mutation::Insert(at, new)),
        (any::<usize>(), 0..40_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (any::<usize>(), 0..80_usize).prop_map(|(at, count)| Mutation::Double(at, count)),
        any::<usize>().prop_map(Mutation::Truncate),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutations: Vec<Mutation>) {
    for mutation in mutations {
        let place = |at: usize| at % (bytes.len() + 1);
        let range = |at: usize, count: usize| place(at)..bytes.len().min(place(at) + count);
        match mutation {
            Mutation::Set(at, byte) => {
                let at = place(at);
                bytes.splice(at..bytes.len().min(at + 1), [byte]);
            }
            Mutation::Insert(at, new) => {
                let at = place(at);
                bytes.splice(at..at, new);
            }
            Mutation::Remove(at, count) => {
                bytes.drain(range(at, count));
            }
            Mutation::Double(at, count) => {
                let range = range(at, count);
                let copy = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, copy);
            }
            Mutation::Truncate(at) => bytes.truncate(place(at)),
        }
    }
}

/// Cuts at places taken modulo what is left.
fn cut<'b>(mut bytes: &'b [u8], places: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    for place in places {
        let (piece, rest) = bytes.split_at(place % (bytes.len() + 1));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn requests(
        row in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(mutation(), 0..6),
        places in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let rows = requests::all();
        let mut bytes = handshake_support::edit(REQUEST, row.get(&rows).1).into_bytes();
        mutate(&mut bytes, mutations);
        let judge = |pieces: &[&[u8]]| {
            let mut reader = HeadReader::<request::Parts>::default();
            let outcome = read(&mut reader, pieces);
            assert!(reader.work() <= 4 * bytes.len() as u64);
            outcome.map(|(taken, head)| {
                (taken, head.map(|head| (decide(&head, &Policy::default()), head)))
            })
        };
        let whole = judge(&[&bytes]);
        let pieces = judge(&cut(&bytes, &places));
        match (whole, pieces) {
            (Err(whole), Err(pieces)) => prop_assert_eq!(whole, pieces),
            (Ok((taken, head)), Ok((again, other))) => {
                prop_assert_eq!(taken, again);
                prop_assert_eq!(head.is_some(), other.is_some());
                let (Some((verdict, head)), Some((same, _))) = (head, other) else { return Ok(()) };
                prop_assert_eq!(&verdict, &same);
                check(&bytes[..taken], verdict.map_err(|refusal| refusal.reason().clone()), &head)?;
            }
            (whole, pieces) => prop_assert!(false, "{:?} {:?}", whole.is_ok(), pieces.is_ok()),
        }
    }

    #[test]
    fn responses(
        mutations in prop::collection::vec(mutation(), 0..4),
        places in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let mut bytes = RESPONSE.as_bytes().to_vec();
        mutate(&mut bytes, mutations);
        let judge = |pieces: &[&[u8]]| {
            let mut handshake = ClientHandshake::with_key("localhost", &HeaderMap::new(), KEY).expect("legal");
            let mut taken = 0;
            for piece in pieces {
                match handshake.handle_bytes(piece) {
                    Err(error) => return Err((error.to_string(), error)),
                    Ok(progress) => {
                        taken += progress.taken;
                        if let Some(head) = progress.head {
                            assert_eq!(head.headers["sec-websocket-accept"], ACCEPT);
                            assert_eq!(head.headers["sec-websocket-protocol"], "coap");
                            return Ok((taken, true));
                        }
                    }
                }
            }
            Ok((taken, false))
        };
        prop_assert_eq!(judge(&[&bytes]), judge(&cut(&bytes, &places)));
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&mut HeadReader::<request::Parts>::default(), &[&bytes]);
        let mut answer = b"HTTP/1.1 ".to_vec();
        answer.extend(bytes);
        let _ = read(&mut HeadReader::<response::Parts>::default(), &[&answer]);
    }
}

/// What any accepted head has in common, said once more in other words.
fn check(
    bytes: &[u8],
    verdict: Result<coap_ws_driver::handshake::Accept, RefusalReason>,
    head: &request::Parts,
) -> Result<(), TestCaseError> {
    prop_assert!(bytes.ends_with(b"\r\n\r\n"));
    prop_assert_eq!(bytes.windows(4).filter(|end| end == b"\r\n\r\n").count(), 1);
    let Ok(accept) = verdict else { return Ok(()) };
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    prop_assert!(text.starts_with("get ") && text.contains("/.well-known/coap http/1.1\r\n"));
    for needed in ["\r\nhost:", "websocket", "upgrade", "\r\nsec-websocket-key:", "13", "coap"] {
        prop_assert!(text.contains(needed));
    }
    prop_assert!(!text.contains("\r\ntransfer-encoding"));
    prop_assert_eq!(head.headers.get_all("sec-websocket-key").iter().count(), 1);
    prop_assert!(accept.authority().host.is_local());
    Ok(())
}

//! Laws of the parser and the encoder, for any message.

use coap_ws_core::message::{
    Code, Encode, EncodeError, Encoder, Message, OptionNumber, OwnedMessage, encode_message,
};
use coap_ws_tests::reference::{self, Parts};
use proptest::collection::vec;
use proptest::prelude::*;

/// Parts, written with the core's encoder.
struct Built<'a>(&'a Parts);

impl Encode for Built<'_> {
    fn code(&self) -> Code {
        Code::from_byte(self.0.code)
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        for (number, value) in &self.0.options {
            out.option(OptionNumber::new(u16::try_from(*number).unwrap()), value)?;
        }
        out.payload(&self.0.payload)
    }
}

fn encode(parts: &Parts) -> Result<Vec<u8>, EncodeError> {
    let size = encode_message(&mut [], &parts.token, &Built(parts))?;
    let mut buffer = vec![0; size];
    encode_message(&mut buffer, &parts.token, &Built(parts)).map(|_| buffer)
}

fn parts(message: &Message<'_>) -> Parts {
    let number = |option: coap_ws_core::message::OptionRef<'_>| u32::from(option.number.get());
    Parts {
        code: message.code().to_byte(),
        token: message.token().to_vec(),
        options: message.options().map(|option| (number(option), option.value.to_vec())).collect(),
        payload: message.payload().to_vec(),
    }
}

/// Lengths where the format changes its mind, and anything between.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0..20_usize, 260..275_usize, Just(65_804)]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    (length(), any::<u8>()).prop_map(|(length, byte)| {
        (0..length).map(|index| byte.wrapping_add(index as u8)).collect()
    })
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0..30_u32, 255..300_u32, 65_500..65_536_u32, 0..65_536_u32]
}

/// Any message there can be: not Empty with something in it, no dot segments.
fn message() -> impl Strategy<Value = Parts> {
    let options = vec((number(), bytes()), 0..6).prop_map(|mut options| {
        options.sort_by_key(|(number, _)| *number);
        options.retain(|(_, value)| value != b"." && value != b"..");
        options
    });
    (1..=255_u8, bytes(), options, vec(any::<u8>(), 0..40))
        .prop_map(|(code, token, options, payload)| Parts { code, token, options, payload })
}

/// A short message made of bytes that mean something to the format.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => (0..16_u8, 0..4_u8).prop_map(|(delta, length)| delta << 4 | length),
        1 => prop::sample::select(vec![0x00, 0xff, 0xd0, 0xdd, 0xe0, 0xee, 0xf0, 0x0f]),
        1 => any::<u8>(),
    ];
    (0..4_u8, any::<u8>(), vec(byte, 0..40))
        .prop_map(|(first, code, rest)| [&[first, code][..], &rest].concat())
}

/// What the encoder refuses or leaves out on purpose.
fn is_altered(parts: &Parts) -> bool {
    let response = Code::from_byte(parts.code).is_response();
    parts.options.iter().any(|(number, value)| {
        let dots = matches!(number, 8 | 11) && (value == b"." || value == b"..");
        dots || response && *number == 258
    })
}

proptest! {
    // FMT-05, FMT-15, FMT-16
    #[test]
    fn what_is_encoded_is_decoded(parts in message()) {
        prop_assume!(!is_altered(&parts));
        let bytes = encode(&parts).unwrap();
        prop_assert_eq!(&bytes, &reference::write(&parts));
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(self::parts(&message), parts);
    }

    // FMT-15, FMT-16: the format has one spelling for each message, so the other way round too.
    #[test]
    fn what_is_decoded_is_encoded_to_the_same_bytes(bytes in soup()) {
        let Ok(message) = Message::parse(&bytes) else { return Ok(()) };
        let parts = parts(&message);
        prop_assume!(!is_altered(&parts));
        prop_assert_eq!(encode(&parts).unwrap(), bytes.clone());
        // Also where a message is sent on as it is.
        let mut again = vec![0; bytes.len()];
        prop_assert_eq!(encode_message(&mut again, message.token(), &message), Ok(bytes.len()));
        prop_assert_eq!(again, bytes);
    }

    // SEC-15
    #[test]
    fn the_parser_agrees_with_the_reference(bytes in soup()) {
        let parsed = Message::parse(&bytes).ok().map(|message| parts(&message));
        prop_assert_eq!(parsed, reference::parse(&bytes));
    }

    // SEC-15
    #[test]
    fn the_parser_agrees_with_the_reference_on_noise(bytes in vec(any::<u8>(), 0..64)) {
        let parsed = Message::parse(&bytes).ok().map(|message| parts(&message));
        prop_assert_eq!(parsed, reference::parse(&bytes));
    }

    // NR-02
    #[test]
    fn a_response_loses_its_no_response_and_nothing_else(parts in message(), bits in any::<u8>()) {
        let mut parts = Parts { code: 0x45, ..parts };
        parts.options.retain(|(number, _)| *number != 258);
        let mut with = parts.clone();
        let place = with.options.partition_point(|(number, _)| *number < 258);
        with.options.insert(place, (258, vec![bits]));
        prop_assert_eq!(encode(&with), encode(&parts));
    }

    // SEC-15, FMT-27
    #[test]
    fn every_reader_is_total(bytes in soup()) {
        let Ok(message) = Message::parse(&bytes) else { return Ok(()) };
        for number in OptionNumber::REGISTERED {
            let all = message.options().filter(|option| option.number == *number);
            let allowed = |length| number.spec().unwrap().allows(length);
            let fitting: Vec<&[u8]> =
                all.map(|option| option.value).filter(|value| allowed(value.len())).collect();
            prop_assert_eq!(message.option(*number), fitting.first().copied());
            prop_assert!(message.options_of(*number).eq(fitting.iter().copied()));
            let number_read = fitting.first().filter(|value| value.len() <= 4).map(|value| {
                value.iter().fold(0_u32, |sum, byte| sum * 256 + u32::from(*byte))
            });
            prop_assert_eq!(message.uint(*number), number_read);
        }
        let _ = (message.content_format(), message.accept());
        if let Some(text) = message.diagnostic() {
            prop_assert_eq!(text.as_bytes(), message.payload());
        }
        prop_assert!(bytes.ends_with(message.tail()));
        prop_assert_eq!(message.as_bytes(), &bytes[..]);
    }

    // T92: a message in a log says nothing that was said in it.
    #[test]
    fn debug_shows_no_value(parts in message(), other in any::<u8>()) {
        let mut changed = parts.clone();
        let scramble = |bytes: &mut Vec<u8>| bytes.iter_mut().for_each(|byte| *byte ^= other);
        scramble(&mut changed.token);
        scramble(&mut changed.payload);
        changed.options.iter_mut().for_each(|(_, value)| scramble(value));
        let debug = |parts| format!("{:?}", Message::parse(&reference::write(parts)).unwrap());
        prop_assert_eq!(debug(&parts), debug(&changed));
    }

    // FMT-13
    #[test]
    fn an_owned_message_is_the_same_message(parts in message()) {
        let bytes = bytes::Bytes::from(reference::write(&parts));
        let owned = OwnedMessage::parse(bytes.clone()).unwrap();
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(owned.view(), message);
        prop_assert_eq!(&owned.payload()[..], message.payload());
        let shared = OwnedMessage::from_message(&message, &bytes);
        prop_assert_eq!(shared.view(), message);
        let elsewhere = bytes::Bytes::from_static(b"something else");
        let copied = OwnedMessage::from_message(&message, &elsewhere);
        prop_assert_eq!(copied.view(), message);
        prop_assert_eq!(owned.detach(), owned);
    }
}

//! Messages and options.

use crate::tape::Tape;
use bytes::Bytes;
use coap_ws_core::message::{
    Code, Encode, EncodeError, Encoder, Message, OptionNumber, OwnedMessage, Request,
    check_request, check_response, encode_message,
};

/// Reads any bytes as a message, and writes it again.
pub fn message(input: &[u8]) {
    let parsed = Message::parse(input);
    assert_eq!(parsed, Message::parse(input), "read twice, and not the same");
    let message = match parsed {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset <= input.len(), "{error} in {} bytes", input.len());
            assert!(!error.kind.describe().is_empty() && !error.kind.section().is_empty());
            return;
        }
    };
    pieces(input, &message);
    again(input, &message);
    let bytes = Bytes::copy_from_slice(input);
    let owned = OwnedMessage::parse(bytes.clone());
    assert_eq!(owned.as_ref().map(OwnedMessage::view), Ok(message));
    let lent = Message::parse(&bytes).map(|view| OwnedMessage::from_message(&view, &bytes));
    let lent = lent.expect("it is a message");
    assert_eq!(lent.payload(), message.payload());
    assert_eq!(lent.detach().view(), message);
    for most in [0, 3, 128] {
        if let Err(fault) = check_request(&message, &[], most) {
            assert!(fault.code.is_error(), "{fault:?}");
        }
    }
    let fault = check_response(&message, &[]);
    assert!(fault.is_none_or(OptionNumber::is_critical), "{fault:?}");
    assert_eq!(check_response(&message, OptionNumber::REGISTERED).is_some(), {
        let known = check_response(&message, OptionNumber::REGISTERED);
        known.is_some()
    });
}

/// The parts make up the whole, and nothing is told twice.
fn pieces(input: &[u8], message: &Message<'_>) {
    let tail = message.tail().len();
    let header = input.len() - tail - message.token().len();
    assert!((2..=4).contains(&header), "{header} bytes of header");
    assert_eq!(message.as_bytes(), input);
    let (mut last, mut used) = (OptionNumber::new(0), 0);
    for option in message.options() {
        assert!(option.number >= last, "options go back");
        last = option.number;
        used += 1 + option.value.len();
        assert_eq!(option.uint().is_some(), option.value.len() <= 4);
    }
    assert!(used <= tail, "options of {used} bytes in {tail}");
    let payload = message.payload();
    assert!(message.tail().ends_with(payload));
    let marker = payload.is_empty() || message.tail()[tail - payload.len() - 1] == 0xff;
    assert!(marker, "a payload without a marker");
    for number in OptionNumber::REGISTERED {
        let all: Vec<_> = message.options_of(*number).collect();
        assert_eq!(message.option(*number), all.first().copied());
        let spec = number.spec().expect("it is registered");
        assert!(all.iter().all(|value| spec.allows(value.len())));
    }
    let _ = (message.content_format(), message.accept(), message.diagnostic());
    // What is printed depends on lengths alone.
    let printed = format!("{message:?}");
    assert!(printed.is_ascii() && printed.len() < 60 + 24 * (used + 1), "{printed}");
}

/// Written again it is the same.
fn again(input: &[u8], message: &Message<'_>) {
    let mut buffer = vec![0; input.len() + 16];
    match encode_message(&mut buffer, message.token(), message) {
        Ok(size) => {
            let stripped = message.code().is_response()
                && message.options().any(|option| option.number == OptionNumber::NO_RESPONSE);
            if stripped {
                let read = Message::parse(&buffer[..size]).expect("written, so readable");
                assert!(read.options().all(|o| o.number != OptionNumber::NO_RESPONSE));
                assert_eq!(read.payload(), message.payload());
            } else {
                assert_eq!(&buffer[..size], input, "written again, it is another");
            }
        }
        Err(EncodeError::DotSegment) => {
            let paths = [OptionNumber::URI_PATH, OptionNumber::LOCATION_PATH];
            let mut paths = message.options().filter(|option| paths.contains(&option.number));
            assert!(paths.any(|option| matches!(option.value, b"." | b"..")));
        }
        Err(error) => panic!("{error}: {message:?}"),
    }
}

/// Options in any order, written by hand.
struct Loose<'a>(&'a [(u16, &'a [u8])]);

impl Encode for Loose<'_> {
    fn code(&self) -> Code {
        Code::GET
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        self.0.iter().try_for_each(|(number, value)| out.option(OptionNumber::new(*number), value))
    }
}

/// Draws options, writes them by hand and through a draft, and reads them back.
pub fn options(input: &[u8]) {
    let mut tape = Tape::new(input);
    let mut options = Vec::new();
    while !tape.is_over() && options.len() < 40 {
        let number = match tape.below(4) {
            0 => tape.pick(OptionNumber::REGISTERED).get(),
            1 => tape.pick(&[0, 12, 13, 268, 269, 270, 65_535]),
            2 => u16::from(tape.byte()),
            _ => tape.below(65_536) as u16,
        };
        let len = match tape.below(8) {
            0..=5 => tape.index(10),
            6 => tape.pick(&[12, 13, 14, 268, 269, 270, 1034]),
            _ => tape.index(700),
        };
        options.push((number, tape.bytes(len)));
    }
    let dots = options
        .iter()
        .any(|(number, value)| matches!(number, 8 | 11) && matches!(*value, b"." | b".."));
    by_draft(&options, dots);
    let sorted = options.is_sorted_by_key(|(number, _)| *number);
    let written = encode_message(&mut [], &[], &Loose(&options));
    assert_eq!(written.is_ok(), sorted && !dots, "{written:?} of {options:?}");
    options.sort_by_key(|(number, _)| *number);
    let Ok(size) = encode_message(&mut [], b"token", &Loose(&options)) else {
        return assert!(dots, "{options:?}");
    };
    let mut buffer = vec![0; size];
    assert_eq!(encode_message(&mut buffer, b"token", &Loose(&options)), Ok(size));
    let read = Message::parse(&buffer).expect("written, so readable");
    let back: Vec<_> = read.options().map(|option| (option.number.get(), option.value)).collect();
    assert_eq!(back, options);
    assert_eq!(read.token(), b"token");
    message(&buffer);
}

/// A draft puts options in order, and keeps the first fault.
fn by_draft(options: &[(u16, &[u8])], dots: bool) {
    let mut draft = Request::get();
    for (number, value) in options {
        draft = draft.option(OptionNumber::new(*number), value);
    }
    let mut buffer = vec![0; 65_536];
    match encode_message(&mut buffer, &[1], &draft) {
        Ok(size) => {
            assert!(!dots && options.len() <= coap_ws_core::message::MAX_DRAFT_OPTIONS);
            let read = Message::parse(&buffer[..size]).expect("written, so readable");
            let back = read.options().map(|option| (option.number.get(), option.value));
            let mut sorted = options.to_vec();
            sorted.sort_by_key(|(number, _)| *number);
            assert_eq!(back.collect::<Vec<_>>(), sorted);
            for option in read.options() {
                let spec = option.number.spec();
                assert!(spec.is_none_or(|spec| spec.allows(option.value.len())));
            }
        }
        Err(EncodeError::TooManyOptions) => assert!(options.len() > 24),
        Err(EncodeError::DotSegment) => assert!(dots),
        Err(EncodeError::OptionLength(number)) => {
            let spec = number.spec().expect("only registered options have lengths");
            let mut wrong = options.iter().filter(|(other, _)| *other == number.get());
            assert!(wrong.any(|(_, value)| !spec.allows(value.len())), "{number}");
        }
        Err(EncodeError::OptionRepeated(number)) => {
            let same = options.iter().filter(|(other, _)| *other == number.get());
            assert!(same.count() > 1, "{number}");
        }
        Err(error) => panic!("{error}"),
    }
}

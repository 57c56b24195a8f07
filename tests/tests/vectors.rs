//! Every vector of `messages.json`: how it reads, and what a connection does with it.

use coap_ws_core::message::{Kind, Message, OptionFormat};
use coap_ws_tests::transcript::{both_sides, notation};
use serde_json::Value;

/// How many there are; none is skipped.
const COUNT: usize = 156;

struct Vector {
    name: String,
    bytes: Vec<u8>,
    /// What it reads as, `None` where it is malformed.
    decoded: Option<Value>,
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../data/messages.json")).unwrap();
    let read = |vector: &Value| {
        let valid = vector["valid"].as_bool().unwrap();
        let decoded = vector.get("decoded").cloned();
        assert_eq!(valid, decoded.is_some());
        let bytes = notation::bytes(text(vector, "hex")).unwrap();
        Vector { name: text(vector, "name").to_owned(), bytes, decoded }
    };
    vectors.iter().map(read).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` of {value}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// FMT-03, FMT-04, FMT-05, FMT-06, FMT-07, FMT-09, FMT-11, FMT-12, FMT-13, FMT-14, FMT-15, FMT-16
// FMT-17, FMT-18, FMT-19, FMT-20, FMT-21, FMT-23, SIG-01, OPT-10, CODE-14, WS-37
#[test]
fn every_vector_reads_as_it_should() {
    let (mut read, mut refused) = (0, 0);
    for Vector { name, bytes, decoded } in vectors() {
        match (Message::parse(&bytes), &decoded) {
            (Ok(message), Some(expected)) => {
                compare(&name, &message, expected);
                read += 1;
            }
            (Err(_), None) => refused += 1,
            (parsed, _) => panic!("{name}: {parsed:?}"),
        }
    }
    assert_eq!((read, refused, read + refused), (129, 27, COUNT));
}

fn compare(name: &str, message: &Message<'_>, expected: &Value) {
    let code = message.code();
    assert_eq!(u64::from(code.to_byte()), expected["code_byte"].as_u64().unwrap(), "{name}");
    assert_eq!(code.to_string(), text(expected, "code"), "{name}");
    assert_eq!(code.name(), expected["code_name"].as_str(), "{name}");
    let kind = match code.kind() {
        Kind::Empty => "empty",
        Kind::Request => "request",
        Kind::Response => "response",
        Kind::Signal => "signaling",
        Kind::Reserved => "reserved",
    };
    assert_eq!(kind, text(expected, "kind"), "{name}");
    assert_eq!(hex(message.token()), text(expected, "token"), "{name}");
    assert_eq!(u64::from(message.as_bytes()[0] & 15), expected["tkl"].as_u64().unwrap(), "{name}");
    assert_eq!(hex(message.payload()), text(expected, "payload"), "{name}");
    let options = expected["options"].as_array().unwrap();
    assert_eq!(message.options().count(), options.len(), "{name}");
    for (option, expected) in message.options().zip(options) {
        let number = option.number;
        assert_eq!(u64::from(number.get()), expected["number"].as_u64().unwrap(), "{name}");
        assert_eq!(hex(option.value), text(expected, "value"), "{name}");
        assert_eq!(Some(number.is_critical()), expected["critical"].as_bool(), "{name}");
        assert_eq!(number.name_in(code), expected["name"].as_str(), "{name}");
        let uint = number.format_in(code) == OptionFormat::Uint;
        let uint = uint.then(|| option.uint()).flatten().map(u64::from);
        assert_eq!(uint, expected.get("uint").and_then(Value::as_u64), "{name}");
        if let Some(text) = expected.get("text").and_then(Value::as_str) {
            assert_eq!(String::from_utf8_lossy(option.value), text, "{name}");
            assert_eq!(number.format_in(code), OptionFormat::String, "{name}");
        }
    }
}

/// The names and transcripts of `reactions.txt`.
fn reactions() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut reactions: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in include_str!("../data/reactions.txt").lines() {
        match (line.strip_prefix("    "), reactions.last_mut()) {
            (Some(step), Some((_, steps))) => steps.push(step),
            _ if line.starts_with(';') => {}
            _ => reactions.push((line, Vec::new())),
        }
    }
    reactions
}

/// A message with the token of our first request or Ping.
fn with_our_token(bytes: &[u8]) -> Option<Vec<u8>> {
    let message = Message::parse(bytes).ok()?;
    Some([&[0x01, message.code().to_byte(), 0x04], message.tail()].concat())
}

/// A line of a transcript with `it` and `answer` filled in.
fn fill(step: &str, it: &[u8], answer: Option<&[u8]>) -> String {
    let bytes = |word: &str| match word {
        "it" => it,
        _ => answer.expect("an answer is a message"),
    };
    match step.split_once(' ') {
        Some(("<", word @ ("it" | "answer"))) => format!("< {}", hex(bytes(word))),
        Some(("!", what)) => match what.split_once(' ') {
            Some((told, word @ ("it" | "answer"))) => {
                let message = Message::parse(bytes(word)).unwrap();
                format!("! {told} {}", notation::show(&message))
            }
            _ => step.to_owned(),
        },
        _ => step.to_owned(),
    }
}

// FMT-02, FMT-08, FMT-10, FMT-11, FMT-25, FMT-26, FMT-27, OPT-01, OPT-02, OPT-03, OPT-04, OPT-05
// OPT-06, OPT-07, OPT-08, OPT-15, OPT-16, CODE-01, CODE-02, CODE-04, CODE-05, TOK-01, TOK-13
// TOK-16, TOK-18, TOK-20, TOK-28, SIG-02, SIG-03, SIG-05, SIG-07, SIG-08, CSM-07, CSM-12, CSM-14
// CSM-19, CSM-22, CSM-23, PING-01, PING-03, PING-05, PING-06, PING-08, REL-02, REL-03, REL-08
// REL-09, REL-12, REL-13, ABT-04, ABT-05, ABT-10, NR-02, NR-03, NR-05, NR-06, PRX-01, PRX-03, PRX-10
#[test]
fn every_vector_has_its_reaction() {
    let (vectors, reactions) = (vectors(), reactions());
    assert_eq!(vectors.len(), COUNT);
    let names = vectors.iter().map(|vector| vector.name.as_str());
    assert!(names.eq(reactions.iter().map(|(name, _)| *name)), "one for each, in the same order");
    let (mut closed, mut alive) = (0, 0);
    for (Vector { name, bytes, .. }, (_, steps)) in vectors.iter().zip(&reactions) {
        let answer = with_our_token(bytes);
        assert!(steps.contains(&"< it"), "{name} is not even sent");
        let mut text = format!("; {name}\n");
        if !steps[0].starts_with('>') {
            text += "open\n";
        }
        for step in steps {
            text += &fill(step, bytes, answer.as_deref());
            text.push('\n');
        }
        // It is over and says nothing more, or it is as alive as ever.
        text += "< 01e2 7e\n";
        if steps.iter().any(|step| step.starts_with(". close")) {
            closed += 1;
        } else {
            alive += 1;
            text += "> 01e3 7e\n= phase Open\n";
        }
        both_sides(&text);
    }
    assert_eq!((closed, alive, closed + alive), (53, 103, COUNT));
}

// FMT-25, ABT-07
#[test]
fn every_malformed_vector_costs_the_connection_and_no_request_does() {
    for ((name, steps), vector) in reactions().iter().zip(vectors()) {
        let aborts = steps.contains(&". close 1002");
        let kind = vector.decoded.as_ref().map(|decoded| text(decoded, "kind").to_owned());
        match kind.as_deref() {
            None => assert!(aborts, "{name}"),
            Some("response" | "reserved") => assert!(!aborts, "{name}"),
            Some("request") => {
                let token = text(vector.decoded.as_ref().unwrap(), "token").len() / 2;
                assert_eq!(aborts, token > 8, "{name}");
            }
            Some(_) => {}
        }
    }
}

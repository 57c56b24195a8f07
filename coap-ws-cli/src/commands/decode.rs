//! `decode`: one WebSocket message taken apart, or the rule that it breaks.

use crate::annotate;
use crate::args::DecodeArgs;
use crate::describe::{self, Block};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::say;
use crate::text;
use coap_ws_tokio::core::message::{
    Code, ContentFormat, FormatError, Kind, Message, OptionFormat, OptionNumber, OptionRef,
    check_request, check_response,
};
use serde_json::{Map, Value, json};
use std::io::BufRead;

pub(super) fn run(args: &DecodeArgs) -> Result<Exit, Failure> {
    let mut exit = Exit::Success;
    for message in &args.messages {
        if message != "-" {
            tell(message, args.json, &mut exit)?;
            continue;
        }
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| unreadable("stdin", &error.to_string()))?;
            if !line.trim().is_empty() {
                tell(&line, args.json, &mut exit)?;
            }
        }
    }
    Ok(exit)
}

fn tell(hex: &str, as_json: bool, exit: &mut Exit) -> Result<(), Failure> {
    let bytes = text::parse_hex(hex).map_err(|why| unreadable(hex, &why))?;
    let parsed = Message::parse(&bytes);
    if parsed.is_err() {
        *exit = Exit::Protocol;
    }
    match (parsed, as_json) {
        (Ok(message), false) => valid(&message).iter().try_for_each(|line| say::line(line)),
        (Err(error), false) => broken(&bytes, error).iter().try_for_each(|line| say::line(line)),
        (Ok(message), true) => say::line(&valid_json(&message).to_string()),
        (Err(error), true) => say::line(&broken_json(&bytes, error).to_string()),
    }
}

fn unreadable(hex: &str, why: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("`{hex}` are no bytes: {why}"),
        "a message is given in hexadecimal digits; spaces and colons may stand between them",
        "for example 01 01 2a b5 68 65 6c 6c 6f",
    )
}

/// The message in a line, and byte by byte.
fn valid(message: &Message<'_>) -> Vec<String> {
    let mut lines = vec![describe::message(message)];
    lines.extend(annotate::lines(message).iter().map(|line| format!("  {line}")));
    lines.extend(note(message).map(|note| format!("  note: {note}")));
    lines
}

/// What is wrong, and the bytes up to there.
fn broken(bytes: &[u8], error: FormatError) -> Vec<String> {
    let (good, bad) = bytes.split_at(error.offset.min(bytes.len()));
    let shown = match (good, bad) {
        ([], _) => format!("[{}]", text::spaced_up_to(bad, 32)),
        (good, []) => format!("{} []", text::spaced(good)),
        (good, bad) => format!("{} [{}]", text::spaced(good), text::spaced_up_to(bad, 32)),
    };
    vec![
        format!("no CoAP message: {}", error.kind.describe()),
        format!("  rule    {}", error.kind.section()),
        format!("  offset  {}", error.offset),
        format!("  bytes   {shown}"),
    ]
}

/// A message may be well-formed and still not be taken.
fn note(message: &Message<'_>) -> Option<String> {
    let critical = |option: &OptionRef<'_>| option.number.is_critical();
    match message.code().kind() {
        Kind::Request => {
            let fault = check_request(message, UNDERSTOOD, usize::MAX).err()?;
            let option = fault.option.map(|number| format!(" ({number})")).unwrap_or_default();
            Some(format!("a server answers {:?}: {}{option}", fault.code, fault.text))
        }
        Kind::Response => check_response(message, UNDERSTOOD).map(|number| {
            format!("a client may not use it: {number} is critical (RFC 7252 §5.4.1)")
        }),
        Kind::Signal => message.options().find(critical).map(|option| {
            format!(
                "it ends the connection: option {} is critical (RFC 8323 §5.2)",
                option.number.get()
            )
        }),
        Kind::Empty => Some("an Empty message is ignored (RFC 8323 §3.4)".to_owned()),
        _ => Some("codes of this class are reserved: it is ignored".to_owned()),
    }
}

/// Critical options that endpoints may know beyond those that they must.
const UNDERSTOOD: &[OptionNumber] = &[
    OptionNumber::BLOCK1,
    OptionNumber::BLOCK2,
    OptionNumber::Q_BLOCK1,
    OptionNumber::Q_BLOCK2,
    OptionNumber::OSCORE,
    OptionNumber::EDHOC,
    OptionNumber::PROXY_URI,
    OptionNumber::PROXY_SCHEME,
];

fn valid_json(message: &Message<'_>) -> Value {
    let code = message.code();
    let options: Vec<Value> =
        message.options().map(|option| Value::Object(option_json(code, option))).collect();
    let mut object = Map::new();
    object.insert("valid".into(), true.into());
    object.insert("code".into(), code.to_string().into());
    object.insert("name".into(), code.name().into());
    object.insert("kind".into(), kind(code).into());
    object.insert("token".into(), text::hex(message.token()).into());
    object.insert("options".into(), options.into());
    object.insert("payload".into(), text::hex(message.payload()).into());
    if let Ok(text) = std::str::from_utf8(message.payload())
        && !text.is_empty()
    {
        object.insert("payload_text".into(), text.into());
    }
    if let Some(note) = note(message) {
        object.insert("note".into(), note.into());
    }
    Value::Object(object)
}

fn option_json(code: Code, option: OptionRef<'_>) -> Map<String, Value> {
    let OptionRef { number, value } = option;
    let mut object = Map::new();
    object.insert("number".into(), number.get().into());
    object.insert("name".into(), number.name_in(code).into());
    object.insert("critical".into(), number.is_critical().into());
    object.insert("value".into(), text::hex(value).into());
    match number.format_in(code) {
        OptionFormat::Uint => {
            if let Some(n) = option.uint() {
                object.insert("uint".into(), n.into());
                object.extend(meaning_json(code, number, n));
            }
        }
        OptionFormat::String => {
            object.insert("text".into(), std::str::from_utf8(value).ok().into());
        }
        OptionFormat::Empty | OptionFormat::Opaque => {}
    }
    object
}

fn meaning_json(code: Code, number: OptionNumber, n: u32) -> Option<(String, Value)> {
    if code.is_signal() {
        return None;
    }
    match number {
        OptionNumber::CONTENT_FORMAT | OptionNumber::ACCEPT => {
            let name = u16::try_from(n).ok().map(ContentFormat::new)?.media_type()?;
            Some(("media_type".into(), name.into()))
        }
        OptionNumber::BLOCK1
        | OptionNumber::BLOCK2
        | OptionNumber::Q_BLOCK1
        | OptionNumber::Q_BLOCK2 => {
            let block = Block::of(n);
            let object = json!({
                "num": block.number,
                "more": block.more,
                "szx": block.size_exponent,
                "size": block.size(),
                "bert": block.is_bert(),
            });
            Some(("block".into(), object))
        }
        _ => None,
    }
}

fn broken_json(bytes: &[u8], error: FormatError) -> Value {
    json!({
        "valid": false,
        "error": error.kind.describe(),
        "section": error.kind.section(),
        "offset": error.offset,
        "bytes": text::hex(bytes),
    })
}

const fn kind(code: Code) -> &'static str {
    match code.kind() {
        Kind::Empty => "empty",
        Kind::Request => "request",
        Kind::Response => "response",
        Kind::Signal => "signaling",
        Kind::Reserved => "reserved",
    }
}

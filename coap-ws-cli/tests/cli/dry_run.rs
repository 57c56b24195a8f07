//! `--dry-run`: the bytes that would be sent, and nothing else.

use crate::support::run;
use serde_json::{Value, json};

/// The line that begins with a word.
fn line<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

/// RFC 8323, figure 17, but for the token: it is the connection's.
#[test]
fn the_request_of_rfc_8323_figure_17() {
    let ran = run(&["get", "--dry-run", "coap+ws://example.org/sensors/temperature?u=Cel"]).ends(0);
    assert_eq!(line(ran.text(), "connect"), "example.org:80");
    assert_eq!(line(ran.text(), "handshake"), "ws://example.org/.well-known/coap");
    // sensors, temperature, u=Cel: the options of the figure.
    let options = "b773656e736f72730b74656d706572617475726545753d43656c";
    assert_eq!(line(ran.text(), "message"), format!("010101{options}"));
    assert!(ran.text().contains("Uri-Query \"u=Cel\" (15 = 11 + 4, length 5)"), "{}", ran.text());
    assert_eq!(ran.err, "");
}

#[test]
fn all_that_the_command_line_adds() {
    let ran = run(&[
        "put",
        "--dry-run",
        "-d",
        "{}",
        "-t",
        "json",
        "--if-match",
        "aa",
        "--no-response",
        "2",
        "-O",
        "65000=0xff",
        ":8683/a",
    ]);
    let ran = ran.ends(0);
    assert_eq!(line(ran.text(), "connect"), "localhost:8683");
    // If-Match, Uri-Path, Content-Format, No-Response, 65000, payload.
    let message = "010301 11aa a161 1132 d1e902 e1fbd9ff ff7b7d".replace(' ', "");
    assert_eq!(line(ran.text(), "message"), message);
    for part in ["If-Match 0xaa", "No-Response 2 (not wanted: 2.xx)", "option 65000 0xff"] {
        assert!(ran.text().contains(part), "{part}: {}", ran.text());
    }
}

#[test]
fn a_secure_uri_can_be_looked_at_without_tls() {
    let ran = run(&["get", "--dry-run", "coaps+ws://example.org/"]).ends(0);
    assert_eq!(line(ran.text(), "connect"), "example.org:443");
    assert_eq!(line(ran.text(), "handshake"), "wss://example.org/.well-known/coap");
    assert_eq!(line(ran.text(), "message"), "010101");
}

#[test]
fn an_invalid_uri_is_usage() {
    run(&["get", "--dry-run", "coap+ws://"]).fails(2, ["`coap+ws://`", "host", "coap+ws://HOST"]);
}

#[test]
fn a_request_that_cannot_be_written_is_usage() {
    let ran = run(&["get", "--dry-run", "-O", "Uri-Path=..", "h/a"]);
    ran.fails(2, ["cannot be written", "`..` are no path segments", "-O"]);
}

/// The URIs of the specification: those that are valid give their options, the others exit 2.
#[test]
fn the_uris_of_the_specification() {
    let uris = include_str!("../../../tests/data/uris.json");
    let uris: Vec<Value> = serde_json::from_str(uris).unwrap();
    assert_eq!(uris.len(), 22);
    for vector in &uris {
        let uri = vector["uri"].as_str().unwrap();
        let ran = run(&["get", "--dry-run", uri]);
        if vector["valid"] == false {
            assert_eq!(ran.code, Some(2), "{uri}: {}", ran.text());
            continue;
        }
        let ran = ran.ends(0);
        assert_eq!(line(ran.text(), "handshake"), vector["ws_uri"], "{uri}");
        let message = run(&["decode", "--json", line(ran.text(), "message")]).ends(0);
        let message: Value = serde_json::from_slice(&message.out).unwrap();
        let options = message["options"].as_array().unwrap();
        let options: Vec<Value> =
            options.iter().map(|o| json!([o["number"], o["value"]])).collect();
        assert_eq!(Value::Array(options), vector["options"], "{uri}");
    }
}

//! `decode`: messages taken apart, and the rules that they break.

use crate::support::{run, run_with};
use serde_json::Value;

#[test]
fn a_message_byte_by_byte() {
    let ran = run(&["decode", "01 45:42 c0 ff 68 69"]).ends(0);
    assert_eq!(
        ran.text(),
        "2.05 Content  token 42  Content-Format text/plain (0)  2 bytes \"hi\"\n  \
           01     length nibble 0, token length 1\n  \
           45     code 2.05 Content\n  \
           42     token\n  \
           c0     Content-Format text/plain (0) (12 = 0 + 12, length 0)\n  \
           ff     payload marker\n  \
           68 69  payload, 2 bytes \"hi\"\n"
    );
}

#[test]
fn a_violation_with_its_section_and_offset() {
    let ran = run(&["decode", "01 45 42 ff"]).ends(7);
    assert_eq!(
        ran.text(),
        "no CoAP message: payload marker without a payload\n  \
           rule    RFC 7252 §3\n  \
           offset  3\n  \
           bytes   01 45 42 [ff]\n"
    );
}

#[test]
fn what_a_receiver_does_about_it() {
    let notes = [
        ("0001 e0fcdc", "a server answers 4.02 Bad Option: unknown critical option"),
        ("0045 e0fcdc ff61", "a client may not use it"),
        ("00e1 10", "it ends the connection"),
        ("0000", "ignored"),
        ("0020", "reserved"),
    ];
    for (hex, note) in notes {
        let ran = run(&["decode", hex]);
        assert!(ran.text().contains(note), "{hex}: {}", ran.text());
    }
}

#[test]
fn what_is_no_hexadecimal_is_usage() {
    run(&["decode", "0x1"]).fails(2, ["`0x1` are no bytes", "hexadecimal digits", "01 01"]);
    run_with(b"0001\nzz\n", &["decode", "-"]).fails(2, ["`zz`", "hexadecimal", ""]);
}

/// Every vector of the specification, as the reference has it.
#[test]
fn the_vectors_of_the_specification() {
    let vectors = include_str!("../../../tests/data/messages.json");
    let vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
    let lines: Vec<&str> = vectors.iter().map(|vector| vector["hex"].as_str().unwrap()).collect();
    // One of them is the message of no bytes, which a line cannot tell from an empty line.
    let input: Vec<String> = lines.iter().map(|hex| format!("0x{hex}\n")).collect();
    let ran = run_with(input.concat().as_bytes(), &["decode", "--json", "-"]).ends(7);
    let told: Vec<Value> =
        ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), vectors.len());
    for (told, vector) in told.iter().zip(&vectors) {
        let name = &vector["name"];
        assert_eq!(told["valid"], vector["valid"], "{name}");
        if told["valid"] == false {
            assert!(told["section"].as_str().unwrap().starts_with("RFC "), "{name}");
            assert!(told["offset"].is_u64(), "{name}");
            continue;
        }
        let decoded = &vector["decoded"];
        for key in ["code", "token", "payload"] {
            assert_eq!(told[key], decoded[key], "{name}: {key}");
        }
        let options = decoded["options"].as_array().unwrap();
        assert_eq!(told["options"].as_array().unwrap().len(), options.len(), "{name}");
        for (told, option) in told["options"].as_array().unwrap().iter().zip(options) {
            for key in ["number", "critical", "value"] {
                assert_eq!(told[key], option[key], "{name}: {key}");
            }
        }
    }
}

#[test]
fn typed_values_in_json() {
    let ran = run(&["decode", "--json", "0001 d10a 2f"]).ends(0);
    let told: Value = serde_json::from_slice(&ran.out).unwrap();
    let block = &told["options"][0]["block"];
    assert_eq!(block["num"], 2, "{told}");
    assert_eq!(block["more"], true);
    assert_eq!(block["bert"], true);
    let ran = run(&["decode", "--json", "0045 c132 ff7b7d"]).ends(0);
    let told: Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!(told["options"][0]["media_type"], "application/json");
    assert_eq!(told["payload_text"], "{}");
}

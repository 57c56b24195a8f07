//! Large bodies: `--block-size`, `-o FILE`.

use crate::support::{Served, run};
use std::path::PathBuf;

/// A file of a test, taken away with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("coap-ws-{}-{name}", std::process::id())))
    }

    fn with(name: &str, bytes: &[u8]) -> Scratch {
        let file = Scratch::new(name);
        std::fs::write(&file.0, bytes).unwrap();
        file
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 249) as u8).collect()
}

#[test]
fn a_mebibyte_goes_there_and_back() {
    let server = Served::demo();
    let body = Scratch::with("up", &pattern(1 << 20));
    let saved = Scratch::new("down");
    let data = format!("@{}", body.text());
    let ran = server.ask(&["post", "-d", &data, "-o", saved.text()], "/echo").ends(0);
    assert!(std::fs::read(&saved.0).unwrap() == pattern(1 << 20));
    let lines: Vec<_> = ran.err.lines().collect();
    assert!(
        lines[0].starts_with("2.04 Changed") && lines[0].ends_with("1,048,576 bytes"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("1,048,576 bytes written to "), "{lines:?}");
    assert_eq!(lines.len(), 2, "no bar where nobody watches");
    let part = PathBuf::from(format!("{}.part", saved.text()));
    assert!(!part.exists());
}

#[test]
fn the_size_of_blocks_can_be_said() {
    let server = Served::demo();
    let text = "x".repeat(100);
    let ran = server.ask(&["post", "-v", "--block-size", "64", "-d", &text], "/echo").says(&text);
    for part in [
        "> POST",
        "Block1 NUM 0 M 1 SZX 2 (64 bytes)",
        "Size1 100",
        "< 2.31 Continue",
        "Block1 NUM 1 M 0 SZX 2 (64 bytes)",
        "Block2 NUM 1 M 0 SZX 2 (64 bytes)",
    ] {
        assert!(ran.err.contains(part), "no {part} in {}", ran.err);
    }
    for wrong in ["17", "2048", "0", "x"] {
        let ran = run(&["get", "--block-size", wrong, ":1/"]).ends(2);
        assert!(ran.err.contains("16, 32, 64, 128, 256, 512 or 1024"), "{}", ran.err);
    }
    server.ask(&["get", "--block-size", "BERT"], "/hello").ends(0);
}

#[test]
fn no_response_does_not_go_with_blocks() {
    let server = Served::demo();
    let text = "x".repeat(100);
    let args = ["post", "--block-size", "64", "--no-response", "2", "-d", &text];
    server.ask(&args, "/echo").fails(
        2,
        [
            "No-Response cannot go with a body of more than one block",
            "hide the answers",
            "leave --no-response out",
        ],
    );
}

#[test]
fn an_error_leaves_no_file() {
    let server = Served::demo();
    let saved = Scratch::new("missing");
    let ran = server.ask(&["get", "-o", saved.text()], "/nothing").ends(4);
    assert!(ran.err.starts_with("4.04 Not Found"), "{}", ran.err);
    assert!(!saved.0.exists());
    let nowhere = Scratch::new("no/such/place");
    let ran = server.ask(&["get", "-o", nowhere.text()], "/hello").ends(1);
    assert!(ran.err.contains("cannot write"), "{}", ran.err);
}

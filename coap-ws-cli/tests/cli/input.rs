//! What goes in: payloads, options, header fields, output files.

use crate::support::{Served, run_with};
use std::path::PathBuf;

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("coap-ws-{}-{name}", std::process::id()))
}

#[test]
fn a_payload_from_a_file_and_from_stdin() {
    let server = Served::demo();
    let file = temporary("payload");
    let bytes: Vec<u8> = (0..=255).collect();
    std::fs::write(&file, &bytes).unwrap();
    let ran = server.ask(&["post", "-d", &format!("@{}", file.display())], "/echo").ends(0);
    assert_eq!(ran.out, bytes);
    std::fs::remove_file(&file).unwrap();

    let ran = run_with(&bytes, &["post", "-d", "@-", &server.uri("/echo")]).ends(0);
    assert_eq!(ran.out, bytes);
    server.ask(&["post", "-d", "text"], "/echo").says("text");
}

#[test]
fn a_file_that_is_not_there_is_told_before_anything_is_sent() {
    let server = Served::demo();
    let parts = ["cannot read the payload from /no/such/file", "@NAME", "check the name"];
    server.ask(&["put", "-d", "@/no/such/file"], "/store/x").fails(2, parts);
    server.ask(&["get"], "/store/x").ends(4);
}

#[test]
fn options_go_along() {
    let server = Served::demo();
    let args = ["get", "-v", "-O", "65000=text", "-O", "65002=0x0102", "-O", "65004"];
    let ran = server.ask(&args, "/hello").says("hello from coap-ws");
    let shown = "option 65000 0x74657874  option 65002 0x0102  option 65004";
    assert!(ran.err.contains(shown), "{}", ran.err);
    // An unknown critical option is 4.02, and the server says which.
    let ran = server.ask(&["get", "-O", "65001="], "/hello").ends(4);
    assert!(ran.err.starts_with("4.02 Bad Option"), "{}", ran.err);
    server.ask(&["get", "-O", "Uri-Query=ms=5"], "/slow").says("that took 5 ms");
}

#[test]
fn the_payload_of_an_answer_goes_to_a_file() {
    let server = Served::demo();
    let file = temporary("output");
    let path = file.display().to_string();
    let ran = server.ask(&["get", "-o", &path], "/large").says("");
    assert!(ran.err.contains("65,536 bytes written to"), "{}", ran.err);
    assert_eq!(std::fs::read(&file).unwrap().len(), 65_536);
    // An error is no payload: what is there stays.
    server.ask(&["get", "-o", &path], "/nothing").ends(4);
    assert_eq!(std::fs::read(&file).unwrap().len(), 65_536);
    std::fs::remove_file(&file).unwrap();
    let parts = ["cannot write to /no/such/dir/x", "the answer came", "a directory"];
    server.ask(&["get", "-o", "/no/such/dir/x"], "/hello").fails(1, parts);
    server.ask(&["get", "-o", "-"], "/hello").says("hello from coap-ws");
}

#[test]
fn short_uris_reach_the_server() {
    let server = Served::demo();
    let port = server.at.rsplit_once(':').unwrap().1;
    for uri in [
        format!(":{port}/hello"),
        format!("localhost:{port}/hello"),
        format!("//127.0.0.1:{port}/hello"),
        format!("COAP+WS://127.0.0.1:{port}/x/../hello"),
    ] {
        crate::support::run(&["get", &uri]).says("hello from coap-ws");
    }
}

#[test]
fn no_response_26_ends_at_once() {
    let server = Served::demo();
    let args = ["put", "-d", "quiet", "--no-response", "26"];
    let ran = server.ask(&args, "/store/x").says("");
    assert!(ran.err.contains("no answer was wanted"), "{}", ran.err);
    server.ask(&["get"], "/store/x").says("quiet");
    // Only success is not wanted: silence ends as a timeout, which is told as what it is.
    let args = ["get", "--no-response", "2", "--timeout", "0.5"];
    let parts = ["no answer within 0.5 s", "this may be one", "leave --no-response out"];
    server.ask(&args, "/hello").fails(6, parts);
    server.ask(&args, "/nothing").ends(4);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let server = Served::demo();
    let mut child = crate::support::program().args(["get", &server.uri("/large")]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = crate::support::finish(child).ends(0);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

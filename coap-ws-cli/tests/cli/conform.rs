//! `conform`: the verb, its files and exit codes, and the resources it looks for.

use crate::support::{Served, run};
use std::path::PathBuf;

fn file(name: &str) -> (PathBuf, String) {
    let path = std::env::temp_dir().join(format!("coap-ws-{}-{name}", std::process::id()));
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

#[test]
fn the_list_has_at_least_250_cases() {
    let ran = run(&["conform", "--list"]).ends(0);
    let last = ran.text().lines().last().unwrap();
    let count: usize = last.strip_suffix(" cases").unwrap().parse().unwrap();
    assert!(count >= 250, "{count}");
    assert_eq!(ran.text().lines().count(), count + 1);
}

#[test]
fn our_own_server_passes_and_reports_say_so() {
    let server = Served::demo();
    let ((page, page_name), (xml, xml_name)) = (file("report.html"), file("junit.xml"));
    let only = "fmt-,csm-mms,uri-plugtest,cond-,valid-,ping-token";
    let args =
        ["conform", &server.at, "--quick", "--only", only, "--report", &page_name, "--junit"];
    let ran = run(&[&args[..], &[&xml_name]].concat()).ends(0);
    for part in ["RFC 7252", "RFC 8323", "pass    fmt-marker-get", " 0 failed"] {
        assert!(ran.text().contains(part), "no `{part}` in {}", ran.text());
    }
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("fmt-marker-get"));
    assert!(std::fs::read_to_string(xml).unwrap().contains("failures=\"0\""));
}

#[test]
fn a_failure_is_exit_code_1_and_told_in_bytes() {
    let server = Served::demo();
    // The handshake is refused for its Host, which is what the case does not expect.
    let ran = run(&["conform", &server.at, "--only", "hs-101", "--host", "no such host"]).ends(1);
    for part in ["FAIL    hs-101", "expected  ", "got       ", "> GET /.well-known/coap"] {
        assert!(ran.text().contains(part), "no `{part}` in {}", ran.text());
    }
}

#[test]
fn nobody_there_is_3_and_a_wrong_uri_2() {
    run(&["conform", "127.0.0.1:1"]).ends(3);
    run(&["conform", "http://127.0.0.1:1"]).ends(2);
    run(&["conform"]).ends(2);
}

#[test]
fn our_own_client_passes() {
    let exec = format!("'{}' get {{uri}}", env!("CARGO_BIN_EXE_coap-ws"));
    let only = "cl-answer,cl-fmt-,cl-uri-,cl-ping";
    let ran = run(&["conform", "--client", "--exec", &exec, "--only", only]).ends(0);
    assert!(ran.text().contains(" 0 failed"), "{}", ran.text());
}

#[test]
fn the_plugtest_resources_are_there() {
    let server = Served::demo();
    server.ask(&["get"], "/query?first=1&second=2").says("first=1\nsecond=2\n");
    server.ask(&["get"], "/path/sub1").says("one segment below /path");
    server.ask(&["get", "-a", "xml"], "/multi-format").says("<in>XML</in>");
    server.ask(&["get", "-a", "json"], "/multi-format").ends(4);
    server.ask(&["get"], "/separate").says("this took a moment");
    server.ask(&["put", "-d", "new"], "/test").ends(0);
    server.ask(&["get"], "/test").says("new");
    let large = "x".repeat(3000);
    server.ask(&["put", "-d", &large], "/large-update").ends(0);
    server.ask(&["get"], "/large-update").says(&large);
    // 2.03 where the ETag is known, 4.12 where it has changed.
    let first = server.ask(&["get", "-v"], "/validate").ends(0);
    let etag = first.err.split("ETag ").nth(1).unwrap().split([' ', '\n']).next().unwrap();
    let etag = etag.trim_start_matches("0x").to_owned();
    let again = server.ask(&["get", "-v", "--etag", &etag], "/validate").ends(0);
    assert!(again.err.contains("2.03"), "{}", again.err);
    server.ask(&["put", "-d", "changed", "--if-match", &etag], "/validate").ends(0);
    server.ask(&["put", "-d", "again", "--if-match", &etag], "/validate").ends(4);
    let created = server.ask(&["post", "-v", "-d", "x"], "/location-query").ends(0);
    assert!(created.err.contains("first=1"), "{}", created.err);
    let all = server.ask(&["discover"], "").ends(0);
    for path in ["/test", "/separate", "/large", "/large-update", "/obs", "/query"] {
        assert!(all.text().contains(path), "no {path} in {}", all.text());
    }
}

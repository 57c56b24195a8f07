//! `observe`: records, and its ends.

use crate::fake;
use crate::support::{Served, finish, program, run, signal};
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::{Duration, Instant};

#[test]
fn a_record_a_line_and_the_status_of_the_first() {
    let server = Served::demo();
    let ran = server.ask(&["observe", "-n", "3"], "/time").ends(0);
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.is_sorted() && lines[0] < lines[2], "{lines:?}");
    assert!(lines.iter().all(|line| line.len() == 20 && line.ends_with('Z')), "{lines:?}");
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(
        ran.err.starts_with("2.05 Content  ") && ran.err.contains("Max-Age 1 s"),
        "{}",
        ran.err
    );
}

/// The messages: register, notify, deregister with the same token and options, release.
#[test]
fn it_deregisters_before_it_goes() {
    let server = Served::demo();
    let args = ["observe", "-v", "-n", "2", "-a", "text"];
    let ran = server.ask(&args, "/time?x=1").ends(0);
    let sent: Vec<_> = ran.err.lines().filter(|line| line.starts_with('>')).collect();
    let get = "Uri-Path \"time\"  Uri-Query \"x=1\"  Accept text/plain (0)";
    let [registers, leaves] = ["Observe 0", "Observe 1"].map(|observe| {
        let line = sent.iter().find(|line| line.contains(observe));
        let line = line.unwrap_or_else(|| panic!("no {observe} in {sent:#?}"));
        assert!(line.contains(get), "{line}");
        line.split("  ").nth(1).unwrap().to_owned()
    });
    assert_eq!(registers, leaves, "the same token");
    assert!(sent.last().unwrap().contains("Release"), "{sent:#?}");
    let last = ran.err.lines().rfind(|line| line.starts_with('<')).unwrap();
    assert!(last.contains("2.05 Content") && !last.contains("Observe"), "{last}");
}

#[test]
fn json_lines_are_objects() {
    let server = Served::demo();
    let ran = server.ask(&["observe", "--json-lines", "-n", "2"], "/time").ends(0);
    for line in ran.text().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["code"], "2.05");
        assert_eq!((&record["format"], &record["max_age"]), (&0.into(), &1.into()));
        assert_eq!(record["text"].as_str().unwrap().len(), 20);
    }
    assert_eq!(ran.text().lines().count(), 2);
}

#[test]
fn it_ends_after_a_while() {
    let server = Served::demo();
    let begun = Instant::now();
    let ran = server.ask(&["observe", "--for", "1.5"], "/time").ends(0);
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    assert!(ran.text().lines().count() >= 2, "{}", ran.text());
}

/// Starts it and waits for its first record.
fn started(args: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = program().args(args).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    assert!(!first.is_empty());
    (child, out)
}

#[test]
fn interrupted_it_deregisters_and_says_130() {
    let server = Served::demo();
    let (child, _out) = started(&["observe", "-v", &server.uri("/time")]);
    signal(&child, "INT");
    let ran = finish(child).ends(130);
    assert!(ran.err.contains("Observe 1"), "{}", ran.err);
    assert!(ran.err.lines().any(|line| line.starts_with('>') && line.contains("Release")));
}

#[test]
fn whoever_reads_no_more_ends_it() {
    let server = Served::demo();
    let (child, out) = started(&["observe", &server.uri("/time")]);
    drop(out);
    finish(child).ends(0);
}

#[test]
fn what_cannot_be_observed_is_told_once() {
    let server = Served::demo();
    let ran = server.ask(&["observe"], "/hello").says("hello from coap-ws\n");
    assert!(ran.err.contains("does not tell of changes"), "{}", ran.err);
    let ran = server.ask(&["observe"], "/nothing").ends(4);
    assert!(ran.out.is_empty() && ran.err.starts_with("4.04 Not Found"), "{}", ran.err);
}

#[test]
fn obs_changes_by_put_and_ends_by_delete() {
    let server = Served::demo();
    let (child, mut out) = started(&["observe", &server.uri("/obs")]);
    server.ask(&["put", "-t", "text", "-d", "mine"], "/obs").ends(0);
    let mut line = String::new();
    while line != "mine\n" {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0);
    }
    server.ask(&["delete"], "/obs").ends(0);
    let ran = finish(child).ends(4);
    assert!(ran.err.contains("4.04 Not Found"), "{}", ran.err);
    // Another format ends it too (RFC 7641 §4.2).
    server.ask(&["put", "-t", "text", "-d", "mine"], "/obs").ends(0);
    let (child, _out) = started(&["observe", &server.uri("/obs")]);
    server.ask(&["put", "-t", "json", "-d", "{}"], "/obs").ends(0);
    let ran = finish(child).ends(4);
    assert!(ran.err.contains("4.06 Not Acceptable"), "{}", ran.err);
}

#[test]
fn a_loss_is_the_end_and_says_why() {
    let server = Served::demo();
    let (child, _out) = started(&["observe", &server.uri("/time")]);
    server.signal("TERM");
    let ran = finish(child).fails(8, ["released the connection", "§5.5", "try again"]);
    assert!(!ran.err.contains("before it answered"), "{}", ran.err);
    let cut = fake::websocket(|socket| {
        let token = socket.asked();
        socket.answer(&token, 0x45, &[0x60, 0xff, b'x']);
        socket.cut();
    });
    run(&["observe", &cut]).fails(7, ["lost", "without a WebSocket Close", "try again"]);
}

#[test]
fn with_reconnect_it_goes_on() {
    let server = Served::demo();
    let uri = server.uri("/time");
    let (child, mut out) = started(&["observe", "--reconnect", "--json-lines", &uri]);
    drop(server);
    let mut line = String::new();
    while !line.contains("\"lost\"") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it goes on");
    }
    let at = uri.strip_suffix("/time").unwrap();
    let again = program().args(["serve", "--demo", "--listen", at]).spawn().unwrap();
    while !line.contains("\"text\"") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it goes on");
    }
    signal(&child, "INT");
    finish(child).ends(130);
    signal(&again, "TERM");
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    finish(again).ends(0);
}

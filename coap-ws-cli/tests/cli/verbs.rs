//! Every verb does what it says.

use crate::support::{Served, run, run_with};

#[test]
fn get_gives_the_payload_alone() {
    let server = Served::demo();
    let ran = server.ask(&["get"], "/hello").says("hello from coap-ws");
    assert_eq!(ran.err, "2.05 Content  text/plain (0)  18 bytes\n");
    let large = server.ask(&["get"], "/large").ends(0);
    assert_eq!(large.out.len(), 65_536);
    assert!(large.out.iter().zip((0..=250).cycle()).all(|(byte, want)| *byte == want));
    assert!(large.err.contains("application/octet-stream (42)  65,536 bytes"), "{}", large.err);
}

// CODE-06, CODE-07, CODE-08
#[test]
fn put_get_post_and_delete_of_the_store() {
    let server = Served::demo();
    let status = |args: &[&str]| {
        let ran = server.ask(args, "/store/x").ends(0);
        (ran.err.split_once("  ").map_or(ran.err.trim_end(), |(code, _)| code).to_owned(), ran.out)
    };
    assert_eq!(status(&["put", "-d", "one", "-t", "text"]).0, "2.01 Created");
    assert_eq!(status(&["get"]), ("2.05 Content".into(), b"one".to_vec()));
    assert_eq!(status(&["put", "-d", "two", "-t", "json"]).0, "2.04 Changed");
    assert_eq!(status(&["post", "-d", "three"]).0, "2.04 Changed");
    assert_eq!(status(&["get"]), ("2.05 Content".into(), b"three".to_vec()));
    assert_eq!(status(&["delete"]).0, "2.02 Deleted");
    server.ask(&["get"], "/store/x").ends(4);
    // Deleting what is not there is no error (RFC 7252 §5.8.4).
    assert_eq!(status(&["delete"]).0, "2.02 Deleted");
    assert_eq!(status(&["post", "-d", ""]).0, "2.01 Created");
    server.ask(&["put", "-d", "y", "-t", "cbor"], "/store/a%2Fb").ends(0);
    server.ask(&["get"], "/store").says("</store/a%2Fb>;sz=1;ct=60,</store/x>;sz=0");
}

#[test]
fn the_format_is_kept() {
    let server = Served::demo();
    server.ask(&["put", "-d", "{}", "-t", "json"], "/store/j").ends(0);
    let ran = server.ask(&["get", "-a", "json"], "/store/j").says("{}");
    assert!(ran.err.contains("application/json (50)"), "{}", ran.err);
    server.ask(&["get", "-a", "cbor"], "/store/j").ends(4);
    let ran = server.ask(&["post", "-d", "x", "-t", "11542"], "/echo").says("x");
    assert!(ran.err.starts_with("2.04 Changed  11542  1 byte"), "{}", ran.err);
}

/// No demo resource has these methods: what counts is that the server sees them.
#[test]
fn fetch_patch_and_ipatch_are_sent_as_such() {
    let server = Served::demo();
    for (verb, name) in [("fetch", "FETCH"), ("patch", "PATCH"), ("ipatch", "iPATCH")] {
        let args = [verb, "-v", "-d", "[]", "-t", "json-patch"];
        let ran = server.ask(&args, "/store/x").ends(4);
        assert!(ran.err.contains(&format!("> {name}  token")), "{}", ran.err);
        assert!(ran.err.contains(&format!("{name} is not allowed here")), "{}", ran.err);
    }
}

#[test]
fn ping_counts_and_measures() {
    let server = Served::demo();
    let ran = server.ask(&["ping", "-c", "3", "--interval", "0.01"], "").ends(0);
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[2].starts_with(&format!("pong from {}: 3 of 3, ", server.at)), "{lines:?}");
    assert!(lines[3].starts_with("3 sent, 3 answered; least "), "{lines:?}");
}

#[test]
fn discover_lists_every_resource() {
    let server = Served::demo();
    let ran = server.ask(&["discover"], "").ends(0);
    for path in "/ /hello /time /obs /echo /store /large /slow /whoami /reverse".split(' ') {
        let observable = if ["/time", "/obs"].contains(&path) { ";obs" } else { "" };
        let link = format!("<{path}>{observable};title=\"");
        assert!(ran.text().contains(&link), "no {link} in {}", ran.text());
    }
    // The path does not matter, and a filter goes along.
    let ran = server.ask(&["discover", "-v", "--query", "rt=a&b"], "/hello?x").ends(0);
    assert!(ran.err.contains(r#"Uri-Path "core"  Uri-Query "rt=a&b""#), "{}", ran.err);
}

#[test]
fn whoami_tells_what_is_known() {
    let server = Served::demo();
    let origin = format!("Origin: http://{}", server.at);
    let agent = "User-Agent: a \"test\"";
    let ran = server.ask(&["get", "-H", &origin, "-H", agent], "/whoami").ends(0);
    let known: serde_json::Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!(known["scheme"], "coap+ws");
    assert!(known["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(known["authority"], server.at);
    assert_eq!(known["origin"], format!("http://{}", server.at));
    assert_eq!(known["user_agent"], "a \"test\"");
    assert_eq!(known["settings"]["block_wise"], true);
}

/// The most repeated wish: the server asks the client.
#[test]
fn reverse_asks_the_client() {
    let server = Served::demo();
    server.ask(&["get", "--serve"], "/reverse").says("hello from coap-ws");
    let ran = server.ask(&["post", "--serve"], "/reverse").says("hello from coap-ws");
    assert!(ran.err.starts_with("2.04 Changed"), "{}", ran.err);
    // Without --serve the client says that it serves nothing.
    let ran = server.ask(&["get"], "/reverse").ends(5);
    assert!(ran.err.contains("5.02 Bad Gateway") && ran.err.contains("5.01"), "{}", ran.err);
}

#[test]
fn slow_is_slow_within_bounds() {
    let server = Served::demo();
    server.ask(&["get"], "/slow?ms=20").says("that took 20 ms");
    for wrong in ["10001", "-1", "x", ""] {
        server.ask(&["get"], &format!("/slow?ms={wrong}")).ends(4);
    }
}

#[test]
fn time_is_text() {
    let server = Served::demo();
    let ran = server.ask(&["get"], "/time").ends(0);
    assert!(ran.text().ends_with('Z') && ran.text().len() == 20, "{}", ran.text());
    assert!(ran.err.contains("Max-Age 1 s"), "{}", ran.err);
    let ran = server.ask(&["get"], "/").ends(0);
    assert!(ran.text().contains("GET  /hello"));
}

#[test]
fn completions_and_manual_pages() {
    assert!(run(&["completions", "bash"]).ends(0).text().contains("coap-ws"));
    assert!(run(&["man"]).ends(0).text().contains(".TH coap-ws 1"));
    assert!(run(&["man", "get"]).ends(0).text().contains("\\-\\-accept"));
    run(&["man", "got"]).fails(2, ["no verb `got`", "one verb", "--help"]);
}

#[test]
fn decode_reads_stdin_too() {
    run_with(b"0001\n\n 00:e1 \n", &["decode", "-"]).ends(0);
}

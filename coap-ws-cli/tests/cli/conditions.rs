//! Conditional requests on `/store` (RFC 7252 §5.10.6, §5.10.8).

use crate::support::Served;

/// The ETag that a status line tells.
fn etag(err: &str) -> String {
    let (_, rest) = err.split_once("ETag 0x").unwrap_or_else(|| panic!("no ETag in {err}"));
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

#[test]
fn if_none_match_creates_only() {
    let server = Served::demo();
    server.ask(&["put", "-d", "a", "--if-none-match"], "/store/x").ends(0);
    let ran = server.ask(&["put", "-d", "b", "--if-none-match"], "/store/x").ends(4);
    assert!(ran.err.starts_with("4.12 Precondition Failed"), "{}", ran.err);
    server.ask(&["get"], "/store/x").says("a");
}

#[test]
fn if_match_changes_what_is_known_only() {
    let server = Served::demo();
    // Empty: whatever is there, but something.
    server.ask(&["put", "-d", "a", "--if-match", ""], "/store/x").ends(4);
    let first = etag(&server.ask(&["put", "-d", "a"], "/store/x").ends(0).err);
    server.ask(&["put", "-d", "b", "--if-match", ""], "/store/x").ends(0);
    // It is another one by now.
    server.ask(&["put", "-d", "c", "--if-match", &first], "/store/x").ends(4);
    server.ask(&["delete", "--if-match", &first], "/store/x").ends(4);
    let second = etag(&server.ask(&["get"], "/store/x").says("b").err);
    let both = ["put", "-d", "c", "--if-match", &first, "--if-match", &second];
    server.ask(&both, "/store/x").ends(0);
    server.ask(&["get"], "/store/x").says("c");
}

#[test]
fn a_known_etag_is_valid() {
    let server = Served::demo();
    server.ask(&["put", "-d", "a"], "/store/x").ends(0);
    let known = etag(&server.ask(&["get"], "/store/x").says("a").err);
    let ran = server.ask(&["get", "--etag", "00", "--etag", &known], "/store/x").says("");
    assert!(ran.err.starts_with("2.03 Valid"), "{}", ran.err);
    assert_eq!(etag(&ran.err), known);
    server.ask(&["put", "-d", "b"], "/store/x").ends(0);
    server.ask(&["get", "--etag", &known], "/store/x").says("b");
}

#[test]
fn the_store_is_bounded() {
    let server = Served::demo();
    let large = "x".repeat(65_000);
    let mut full = None;
    for n in 0..20 {
        let file = std::env::temp_dir().join(format!("coap-ws-{}-large", std::process::id()));
        std::fs::write(&file, &large).unwrap();
        let data = format!("@{}", file.display());
        let ran = server.ask(&["put", "-d", &data], &format!("/store/{n}"));
        std::fs::remove_file(&file).unwrap();
        if ran.code != Some(0) {
            full = Some((n, ran));
            break;
        }
    }
    let (n, ran) = full.unwrap();
    assert_eq!(n, 16, "1 MiB");
    let ran = ran.ends(5);
    assert!(ran.err.contains("the store is full"), "{}", ran.err);
    server.ask(&["delete"], "/store/0").ends(0);
    server.ask(&["put", "-d", "y"], "/store/16").ends(0);
}

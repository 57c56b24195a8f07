//! `demo`: a trace that checks itself.

use crate::support::run;
use std::time::{Duration, Instant};

#[test]
fn the_demo_shows_every_step_and_ends_well() {
    let begun = Instant::now();
    let ran = run(&["demo"]).ends(0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for part in [
        "1  CSM",
        "GET /hello",
        "PUT /store/demo",
        "GET /.well-known/core",
        "tell me of changes",
        "the last answer has no Observe",
        "Ping",
        "the server asks the client",
        "Release",
        "01 01 40 b5 68 65 6c 6c 6f",
        "All 13 checks hold",
    ] {
        assert!(ran.text().contains(part), "no `{part}` in {}", ran.text());
    }
    assert!(!ran.text().contains('\x1b'), "colours are for terminals");
}

//! RFC 8323 §5: every state of a connection × everything that can happen to it.
//!
//! A change of behaviour is a change of one cell.

use coap_ws_tests::transcript::both_sides;

/// How a connection gets into each state. In the draining ones that the peer began, a request of
/// the peer's is open, as nothing would hold the connection up otherwise.
const STATES: [(&str, &str); 7] = [
    ("AwaitingSettings", "> 00e1 23010200 20"),
    ("Open", "open"),
    ("Draining(Ours)", "open\n* release\n> 00e4 ff \"bye\""),
    ("Draining(Theirs)", "open\n< GET 77 /slow\n! request GET 77 /slow\n< 00e4\n! release"),
    (
        "Draining(Both)",
        "open\n< GET 77 /slow\n! request GET 77 /slow\n< 00e4\n! release\n* release\n> 00e4 ff \"bye\"",
    ),
    ("Closing", "open\n* abort \"x\"\n> 00e5 ff 78\n. close 1002"),
    ("Closed", "open\n* abort \"x\"\n> 00e5 ff 78\n. close 1002\n< done\n! closed: aborted by us"),
];

/// What comes of `stimulus` in each state.
#[track_caller]
fn row(stimulus: &str, cells: [&str; 7]) {
    for ((state, prelude), outcome) in STATES.into_iter().zip(cells) {
        both_sides(&format!("{prelude}\n= phase {state}\n{stimulus}\n{outcome}\n"));
    }
}

/// The same in all states in which messages are read, and nothing once they are not.
fn live(outcome: &str) -> [&str; 7] {
    [outcome, outcome, outcome, outcome, outcome, "", ""]
}

/// As [`live`], but before its CSM a peer may not send it.
fn settled(outcome: &str) -> [&str; 7] {
    [NO_CSM, outcome, outcome, outcome, outcome, "", ""]
}

const NO_CSM: &str = "> 00e5 ff \"the first message must be a CSM\"\n. close 1002";
const LOST: &str = "! closed: the connection was lost without a WebSocket Close";
const RELEASED: &str = "! closed: released";
const ABORTED: &str = "! closed: aborted by us";
const OVER: &str = "! error: the connection is closed";
const DRAINS: &str = "! error: the connection is being released";

// CSM-06, CSM-11, CSM-12
#[test]
fn a_csm() {
    let later = "! settings 1152 block-wise";
    row("< 00e1", ["! settings 1152", later, later, later, later, "", ""]);
    let bad = "> 00e5 2102 ff \"CSM value not acceptable\"\n. close 1002";
    row("< 00e1 20", live(bad));
}

// FMT-10, CSM-09
#[test]
fn an_empty_message() {
    row("< 0000", live(""));
}

// CSM-06, REL-05, REL-06, ABT-03
#[test]
fn a_request() {
    row("< GET 01 /a", settled("! request GET 01 /a"));
    row("< GET 01 9=", settled("> 4.02 01 \"unsupported critical option (9)\""));
}

// CSM-06, TOK-13, CODE-05
#[test]
fn a_response_to_nobody_and_a_reserved_class() {
    row("< 0145 99", settled(""));
    row("< 0120 99", settled(""));
    row("< 01c0 99", settled(""));
}

// PING-01, PING-03, PING-08, CSM-10
#[test]
fn a_ping_and_a_pong() {
    row("< 01e2 42", settled("> 01e3 42"));
    // With custody, it waits for the request that is open in some of the states.
    row("< 01e2 42 20", [NO_CSM, "> 01e3 42 20", "> 01e3 42 20", "", "", "", ""]);
    row("< 01e3 42", settled(""));
}

// REL-02, REL-03, REL-16, CSM-10
#[test]
fn a_release() {
    let at_once = "! release\n. close 1000";
    row("< 00e4", [at_once, at_once, at_once, "! release", "! release", "", ""]);
}

// ABT-04, ABT-10, CSM-10, T60
#[test]
fn an_abort() {
    row("< 00e5 ff 79", live("! abort \"y\"\n. close 1000"));
    row("< 00e5 10", live("! abort\n. close 1000"));
}

// SIG-02, SIG-07, CSM-06
#[test]
fn a_signal_that_nobody_knows() {
    row("< 00e6", settled(""));
    let critical = "> 00e5 ff \"unknown critical signaling option\"\n. close 1002";
    row("< 00e6 10", settled(critical));
    row("< 00e4 10", live(critical));
}

// FMT-25, FMT-08, CSM-07, ABT-07
#[test]
fn a_malformed_message() {
    row("< 0001 f0", live("> 00e5 ff \"option delta 15 is reserved\"\n. close 1002"));
    row("< 09 01 01*9", settled("> 00e5 ff \"token longer than advertised\"\n. close 1002"));
}

// WS-21, WS-34, CSM-17, ABT-08
#[test]
fn what_the_framer_finds() {
    row("< text", live("> 00e5 ff \"text message: CoAP uses binary messages\"\n. close 1003"));
    row("< oversized", live("> 00e5 ff \"message too large\"\n. close 1009"));
    row("< violation 1002", live(". close 1002"));
    row("< alive", live(""));
}

// REL-15, REL-17, PING-13, ABT-01
#[test]
fn the_end_of_the_websocket() {
    let [peer, by] = ["1000", "1011"]
        .map(|code| format!("! closed: closed by the peer (WebSocket status {code})"));
    row("< closed 1000", [&peer, &peer, RELEASED, RELEASED, RELEASED, ABORTED, ""]);
    row("< closed 1011", [&by, &by, RELEASED, RELEASED, RELEASED, ABORTED, ""]);
    row("< eof", [LOST, LOST, RELEASED, RELEASED, RELEASED, ABORTED, ""]);
    row("< done", [LOST, LOST, RELEASED, RELEASED, RELEASED, ABORTED, ""]);
    row("< error", [LOST, LOST, LOST, LOST, LOST, ABORTED, ""]);
    let stalled = "! closed: the peer did not read what we sent";
    row("< stalled", [stalled, stalled, stalled, stalled, stalled, ABORTED, ""]);
}

// REL-05, CSM-04
#[test]
fn the_application_requests() {
    row("* GET /a", ["> GET 04 /a", "> GET 04 /a", DRAINS, DRAINS, DRAINS, OVER, OVER]);
}

// REL-03, REL-05, ABT-03
#[test]
fn the_application_responds() {
    let none = "< 0000"; // where there is no request to answer
    let answer = "* respond 2.05\n> 0145 77";
    row(
        "",
        [
            none,
            none,
            none,
            &format!("{answer}\n. close 1000"),
            "* respond 2.05\n> 0145 77\n. close 1000",
            none,
            none,
        ],
    );
}

// PING-09, SIG-09
#[test]
fn the_application_pings() {
    let ping = "> 01e2 04";
    row("* ping", [ping, ping, ping, ping, ping, OVER, OVER]);
}

// REL-01, REL-05, REL-16
#[test]
fn the_application_releases() {
    let release = "> 00e4 ff \"bye\"";
    row("* release", [release, release, DRAINS, release, DRAINS, OVER, OVER]);
}

// ABT-01, ABT-02
#[test]
fn the_application_aborts() {
    row("* abort \"y\"", live("> 00e5 ff 79\n. close 1002"));
}

// CSM-08, REL-03, REL-07, ABT-01, T46, T57
#[test]
fn time_passes() {
    row("@ +4999999us", live(""));
    row("@ +5s", ["", "", "", "", "", ABORTED, ""]);
    let late = "> 00e5 ff \"no CSM in time\"\n. close 1002\n\
                ! closed: the peer broke a rule: no CSM in time (RFC 8323 §3.3)";
    let ours = ". close 1001\n! closed: released";
    let theirs = "! expired #1\n> 5.03 77 \"no answer in time\"\n. close 1000\n! closed: released";
    row("@ +40s", [late, "", ours, theirs, theirs, ABORTED, ""]);
}

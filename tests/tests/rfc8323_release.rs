//! RFC 8323 §5.5: Release, the orderly end.

use coap_ws_tests::transcript::{acceptor, both_sides};

// REL-01, REL-05, REL-07, PING-14, TOK-28
#[test]
fn who_releases_finishes_and_leaves_the_closing_to_the_peer() {
    both_sides(
        r#"
        open
        * GET /a
        > 0101 04 b161
        < GET 01 /slow
        ! request GET 01 /slow
        * release
        > 00e4 ff "bye"
        = phase Draining(Ours)
        * GET /b
        ! error: the connection is being released
        * release
        ! error: the connection is being released
        < GET 02 /late              ; still answered
        ! request GET 02 /late
        * respond #1 2.05 "1"
        > 0145 01 ff 31
        * respond #2 2.05 "2"
        > 0145 02 ff 32
        < 0145 04 ff 78
        ! response 2.05 04 "x"
        < 01e2 42
        > 01e3 42
        * ping
        > 01e2 08
        < 01e3 08
        ! pong 08
        < closed 1000
        ! closed: released
        "#,
    );
}

// REL-07, T95
#[test]
fn a_peer_that_does_not_close_is_closed_after_a_while() {
    both_sides(
        r#"
        open
        * GET /a
        > 0101 04 b161
        @ +10s
        * release
        > 00e4 ff "bye"
        @ +34999999us
        = phase Draining(Ours)
        @ +1us
        ! failed 04 maybe: the connection ended: released
        . close 1001
        < done
        ! closed: released
        "#,
    );
}

// REL-02
#[test]
fn who_is_released_with_nothing_open_closes_at_once() {
    both_sides(
        r#"
        open
        < 00e4
        ! release
        . close 1000
        = phase Closing
        < GET 01 /a
        < done
        ! closed: released
        "#,
    );
}

// REL-03, REL-15, REL-06, T57
#[test]
fn who_is_released_answers_what_came_before() {
    both_sides(
        r#"
        open
        < GET 01 /slow
        ! request GET 01 /slow
        < GET 02 /slower
        ! request GET 02 /slower
        < 00e4
        ! release
        = phase Draining(Theirs)
        * GET /a
        ! error: the connection is being released
        < 01e2 42
        > 01e3 42
        * respond 2.05 "1"
        > 0145 01 ff 31
        < GET 03 /after             ; it need not come, but it may
        ! request GET 03 /after
        * respond #2 2.05 "2"
        > 0145 02 ff 32
        * respond #3 2.05 "3"
        > 0145 03 ff 33
        . close 1000
        < done
        ! closed: released
        "#,
    );
}

// REL-04, REL-15
#[test]
fn who_is_released_waits_for_its_own_answers_too() {
    both_sides(
        r#"
        open
        * GET /a
        > 0101 04 b161
        * GET /b
        > 0101 09 b162
        < 00e4
        ! release
        < 0145 04 ff 78
        ! response 2.05 04 "x"
        < 0184 09
        ! response 4.04 09
        . close 1000
        "#,
    );
    // A request that nobody waits for any more holds nothing up.
    both_sides(
        r#"
        open
        * GET /a
        > 0101 04 b161
        < 00e4
        ! release
        * cancel 04
        . close 1000
        "#,
    );
}

// REL-03, REL-04, REL-15, T57
#[test]
fn the_drain_is_bounded() {
    both_sides(
        r#"
        config answer_timeout 30s
        open
        * GET /a
        > 0101 04 b161
        @ +20s
        < GET 01 /slow
        ! request GET 01 /slow
        < 00e4
        ! release
        @ +15s
        < 00e4                      ; again: counts from the first
        ! release
        @ +14999999us
        = phase Draining(Theirs)
        @ +1us
        ! failed 04 maybe: the connection ended: released
        . close 1000
        "#,
    );
}

// REL-16
#[test]
fn both_at_once_do_not_wait_for_each_other() {
    both_sides(
        r#"
        open
        * release
        > 00e4 ff "bye"
        < 00e4
        ! release
        . close 1000
        "#,
    );
    both_sides(
        r#"
        open
        < GET 01 /slow
        ! request GET 01 /slow
        < 00e4
        ! release
        * release
        > 00e4 ff "bye"
        = phase Draining(Both)
        * respond 2.05
        > 0145 01
        . close 1000
        "#,
    );
}

// REL-08, REL-09, REL-12, REL-13, SIG-08, T58
#[test]
fn a_release_says_when_and_where_to_come_back() {
    for (release, told) in [
        ("00e4", ""),
        ("00e4 ff 627965", " \"bye\""),
        ("00e4 2d03 6578616d706c652e6e65743a38303830", " try example.net:8080"),
        ("00e4 24 613a3830 04 623a3830", " try a:80 try b:80"),
        ("00e4 41 1e", " hold-off 30s"),
        ("00e4 43 015180", " hold-off 86400s"),
        ("00e4 43 ffffff", " hold-off 16777215s"),
        ("00e4 40", ""),
        ("00e4 43 00001e", " hold-off 30s"),
        ("00e4 44 00000001", ""),
        ("00e4 41 1e 01 2d", " hold-off 30s"),
        ("00e4 24 613a3830 21 0a ff 78", " try a:80 hold-off 10s \"x\""),
    ] {
        both_sides(&format!("open\n< {release}\n! release{told}\n. close 1000"));
    }
}

// REL-14, REL-09, T59
#[test]
fn an_alternative_that_is_no_authority_is_left_out() {
    for (release, told) in [
        ("00e4 20", ""),
        ("00e4 2e0000 61*269", ""),
        ("00e4 22 c328", ""),
        ("00e4 24 3a3a3a3a", ""),
        ("00e4 23 \"u@h\" 01 \"b\"", " try b"),
        ("00e4 23 \"a/b\"", ""),
        ("00e4 23 \":80\"", ""),
        ("00e4 28 \"h:999999\"", ""),
        ("00e4 28 \"[::1]:80\"", " try [::1]:80"),
    ] {
        both_sides(&format!("open\n< {release}\n! release{told}\n. close 1000"));
    }
}

// REL-08, REL-09, REL-12
#[test]
fn a_release_of_ours_says_so_too() {
    acceptor(
        r#"
        open
        * release hold-off=30s try=example.net:8080 try=b:80 "moved"
        > 00e4 2d03 "example.net:8080" 04 "b:80" 21 1e ff "moved"
        "#,
    );
    acceptor("open\n* release hold-off=20000000s\n> 00e4 43 ffffff ff \"bye\"");
    acceptor("open\n* release hold-off=1500ms\n> 00e4 41 01 ff \"bye\"");
    acceptor("open\n* release try=\n! error: the value of option 2 has a length it may not have");
    let long = "a".repeat(256);
    acceptor(&format!(
        "open\n* release try={long}\n! error: the value of option 2 has a length it may not have\n= phase Open"
    ));
    let fits = "a".repeat(255);
    acceptor(&format!("open\n* release try={fits}\n> 00e4 2df2 61*255 ff \"bye\""));
}

// REL-05, CSM-16
#[test]
fn a_release_that_is_refused_releases_nothing() {
    acceptor(
        r#"
        open
        < 00e1 21 40
        ! settings 64 block-wise
        * release try=a-host-whose-name-is-longer-than-all-that-the-peer-can-take.example
        ! error: the message has 75 bytes, 64 may be sent
        = phase Open
        * GET
        > 0101 04
        * release try=b.example
        > 00e4 29 "b.example" ff "bye"
        "#,
    );
}

// REL-15, REL-02
#[test]
fn after_a_release_any_end_is_a_good_one() {
    for end in ["closed 1000", "closed 1001", "closed", "eof", "done"] {
        both_sides(&format!("open\n* release\n> 00e4 ff \"bye\"\n< {end}\n! closed: released"));
    }
    for (end, told) in [
        ("error", "the connection was lost without a WebSocket Close"),
        ("stalled", "the peer did not read what we sent"),
    ] {
        both_sides(&format!("open\n* release\n> 00e4 ff \"bye\"\n< {end}\n! closed: {told}"));
    }
}

// REL-17, PING-14
#[test]
fn without_a_release_the_end_is_what_it_is() {
    for (end, told) in [
        ("closed 1000", "closed by the peer (WebSocket status 1000)"),
        ("closed 1011", "closed by the peer (WebSocket status 1011)"),
        ("closed", "closed by the peer (WebSocket status 1005)"),
        ("eof", "the connection was lost without a WebSocket Close"),
        ("error", "the connection was lost without a WebSocket Close"),
        ("done", "the connection was lost without a WebSocket Close"),
        ("stalled", "the peer did not read what we sent"),
    ] {
        both_sides(&format!("open\n< {end}\n! closed: {told}\n< {end}\n@ +3600s"));
    }
}

// REL-01, REL-12
#[test]
fn a_release_waits_behind_what_is_queued() {
    both_sides(
        r#"
        open
        * hold
        * GET /a
        * release
        < 00e1 21 40
        ! settings 64 block-wise
        * flow
        > 0101 04 b161
        > 00e4 ff "bye"
        "#,
    );
}

//! A Release in the middle of an operation of ours: what is begun is finished (RFC 8323 §5.5).

use coap_ws_tests::transcript::both_sides;

// T57, T95, REL-04, REL-15
#[test]
fn who_is_released_may_go_on_with_what_it_has_begun() {
    both_sides(
        r#"
        config understood 23,27
        open
        * GET /a begins
        > 0101 04 b161
        < 00e4
        ! release
        < 0145 04 d10a08 ff 78      ; block 0 of more
        ! response 2.05 04 23=08 "x"
        = phase Draining(Theirs)
        * GET /b
        ! error: the connection is being released
        * GET /b begins
        ! error: the connection is being released
        * GET /a continues
        > 0101 08 b161
        * GET /a continues          ; one for each answer
        ! error: the connection is being released
        < 0145 08 d10a18 ff 79
        ! response 2.05 08 23=18 "y"
        * GET /a continues
        > 0101 0c b161
        < 0145 0c d10a20 ff 7a      ; the last
        ! response 2.05 0c 23=20 "z"
        . close 1000
        < done
        ! closed: released
        "#,
    );
    // A body of ours: 2.31 asks for more of it.
    both_sides(
        r#"
        open
        * PUT /a begins
        > 0103 04 b161
        < 015f 04
        ! response 2.31 04
        < 00e4
        ! release
        * PUT /a continues
        > 0103 08 b161
        < 015f 08
        ! response 2.31 08
        * PUT /a continues
        > 0103 0c b161
        < 0144 0c
        ! response 2.04 0c
        . close 1000
        "#,
    );
}

// T57, REL-02
#[test]
fn what_is_left_off_holds_nothing_up() {
    both_sides(
        r#"
        config understood 23,27
        open
        * GET /a begins
        > 0101 04 b161
        < 0145 04 d10a08 ff 78
        ! response 2.05 04 23=08 "x"
        < 00e4
        ! release
        = phase Draining(Theirs)
        * leave-off
        . close 1000
        "#,
    );
    // Nor what has ended, was cancelled, or never said that it is one of several.
    for (request, then, answer, told) in [
        ("GET /a begins", "", "0145 04 d10a00 ff 78", "! response 2.05 04 23=00 \"x\""),
        ("GET /a begins", "", "0188 04 d10a08", "! response 4.08 04 23=08"),
        ("GET /a", "", "0145 04 d10a08 ff 78", "! response 2.05 04 23=08 \"x\""),
        ("GET /a begins", "* cancel 04", "0145 04 d10a08 ff 78", ""),
    ] {
        both_sides(&format!(
            r#"
            config understood 23,27
            open
            * {request}
            > 0101 04 b161
            < GET 01 /slow
            ! request GET 01 /slow
            < 00e4
            ! release
            {then}
            < {answer}
            {told}
            * respond 2.05
            > 0145 01
            . close 1000
            "#
        ));
    }
}

// T57, REL-15
#[test]
fn an_operation_that_nobody_goes_on_with_ends_with_the_drain() {
    both_sides(
        r#"
        config understood 23,27
        open
        * GET /a begins
        > 0101 04 b161
        < 0145 04 d10a08 ff 78
        ! response 2.05 04 23=08 "x"
        @ +7s
        < 00e4
        ! release
        @ +29999999us
        = phase Draining(Theirs)
        @ +1us
        . close 1000
        * GET /a continues
        ! error: the connection is closed
        "#,
    );
}

// REL-05, REL-16
#[test]
fn who_has_released_goes_on_with_nothing() {
    both_sides(
        r#"
        config understood 23,27
        open
        * GET /a begins
        > 0101 04 b161
        < 0145 04 d10a08 ff 78
        ! response 2.05 04 23=08 "x"
        * release
        > 00e4 ff "bye"
        * GET /a continues
        ! error: the connection is being released
        < 00e4
        ! release
        . close 1000
        "#,
    );
}

// T57
#[test]
fn without_a_release_going_on_is_a_request_like_any_other() {
    both_sides(
        r#"
        open
        * GET /a continues
        > 0101 04 b161
        * leave-off
        < 00e4
        ! release
        < 0145 04 ff 78
        ! response 2.05 04 "x"
        . close 1000
        "#,
    );
}

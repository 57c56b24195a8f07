//! RFC 7252 §5.7, §5.10.2, RFC 8768: requests that want a proxy, and the Hop-Limit.

use coap_ws_tests::transcript::{acceptor, both_sides};

// PRX-01, PRX-03
#[test]
fn who_is_no_proxy_says_so() {
    both_sides(
        r#"
        open
        < 0101 7d dd16 08 "coap://h/a" 61*11
        > 01a5 7d ff "not a proxy (35)"
        < 0101 53 b161 d10b78               ; the proxy's URI wins over the path
        > 01a5 53 ff "not a proxy (35)"
        < 0101 1d 3168 d717 "coap+ws"
        > 01a5 1d ff "not a proxy (39)"
        = requests_open 0
        "#,
    );
}

// PRX-01, OPT-06, OPT-07
#[test]
fn who_says_it_is_one_gets_the_request() {
    acceptor(
        r#"
        config understood 35,39
        open
        < GET 53 /a 35="coap://h/a"
        ! request GET 53 /a 35=636f61703a2f2f682f61
        < GET 1d 3="h" 39="coap+ws"
        ! request GET 1d 3=68 39=636f61702b7773
        < GET 1d 35=
        > 4.02 1d "option value of wrong length (35)"
        < GET 1d 39="a" 39="b"
        > 4.02 1d "option given twice (39)"
        "#,
    );
}

// PRX-01, OPT-02
#[test]
fn what_cannot_be_processed_at_all_comes_before_the_proxy() {
    acceptor(
        r#"
        open
        < GET 53 35="coap://h/a" 65001=
        > 4.02 53 "unknown critical option (65001)"
        < 0108 53 dd16 08 61*21
        > 4.05 53 "unknown method"
        "#,
    );
}

// PRX-09, PRX-10
#[test]
fn a_hop_limit_is_one_byte_from_1_to_255() {
    for (option, good) in [
        ("d103 10", true),
        ("d103 01", true),
        ("d103 ff", true),
        ("d103 00", false),
        ("d003", false),
        ("d203 0100", false),
        ("d203 0010", false),
        ("dd0300 01*13", false),
    ] {
        let value = option.split_once(' ').map_or("", |(_, value)| value);
        let outcome = match good {
            true => format!("! request GET 51 16={value}"),
            false => "> 0180 51 ff \"Hop-Limit must be 1 to 255 (16)\"".into(),
        };
        both_sides(&format!("open\n< 0101 51 {option}\n{outcome}"));
    }
}

// PRX-11, OPT-07
#[test]
fn of_two_hop_limits_the_first_counts() {
    both_sides(
        r#"
        open
        < 0101 51 d103 10 01 20
        ! request GET 51 16=10 16=20
        < 0101 51 d103 10 01 00
        ! request GET 51 16=10 16=00
        < 0101 51 d103 10 00
        ! request GET 51 16=10 16=
        < 0101 51 d103 00 01 10
        > 0180 51 ff "Hop-Limit must be 1 to 255 (16)"
        "#,
    );
}

// PRX-09, OPT-08
#[test]
fn a_hop_limit_in_a_response_means_nothing() {
    both_sides("open\n* GET\n> GET 04\n< 2.05 04 16=00\n! response 2.05 04 16=00");
}

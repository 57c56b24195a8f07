//! Every field of `Limits` at its value and one beyond (invariant 43).

use coap_ws_core::{Config, ConfigError, Connection, Fixed, Heap, Limits, Rate, Side};
use coap_ws_tests::transcript::{acceptor, both_sides, initiator};

// CSM-14, CSM-17, SEC-12
#[test]
fn limit_max_message_size() {
    both_sides(
        r#"
        config max_message_size 2000
        open
        < 0103 01 ff 61*1996
        ! request PUT 01 =61*1996
        < 0103 02 ff 61*1997
        > 00e5 ff "message too large"
        . close 1009
        "#,
    );
}

// CSM-16, T49
#[test]
fn limit_max_send_size() {
    initiator(
        r#"
        config max_send_size 1200
        open
        < 00e1 23010000
        ! settings 65536 block-wise bert
        * PUT =61*1197
        ! error: the message has 1201 bytes, 1200 may be sent
        * PUT =61*1196
        > 0103 04 ff 61*1196
        < GET 01
        ! request GET 01
        * respond 2.05 =61*1197
        ! error: the response has 1201 bytes, 1200 may be sent
        * respond 2.05 =61*1196
        > 0145 01 ff 61*1196
        "#,
    );
}

// CSM-19
#[test]
fn limit_min_peer_message_size() {
    let config = "config min_peer_message_size 100\n> 00e1 23010200 20\n";
    both_sides(&format!("{config}< 00e1 21 64\n! settings 100"));
    both_sides(&format!(
        "{config}< 00e1 21 63\n> 00e5 2102 ff \"CSM value not acceptable\"\n. close 1002"
    ));
}

// SEC-12, T62
#[test]
fn limit_max_exchanges() {
    both_sides(
        r#"
        config max_exchanges 2
        open
        * GET
        > 0101 02
        * GET
        > 0101 05
        * GET
        ! error: too many requests in flight
        = in_flight 2
        < 0145 05
        ! response 2.05 05
        ! room
        * GET
        > 0101 07
        "#,
    );
}

// SEC-12, T61, TOK-19
#[test]
fn limit_max_requests() {
    both_sides(
        r#"
        config max_requests 2
        open
        < GET 01
        ! request GET 01
        < GET 02
        ! request GET 02
        < GET 03
        > 5.03 03 "too many requests in flight"
        < GET 04 258=10
        = refused 2
        = requests_open 2
        * respond 2.05
        > 0145 01
        < GET 05
        ! request GET 05
        "#,
    );
}

// OBS-02, SEC-12, T69
#[test]
fn limit_max_observers() {
    both_sides(
        r#"
        config max_observers 2
        open
        < GET 01 6= /a
        ! request GET 01 6= /a
        * observe 2.05 "a"
        ! observer @1
        > 2.05 01 6=01 "a"
        < GET 02 6= /b
        ! request GET 02 6= /b
        * observe 2.05 "b"
        ! observer @2
        > 2.05 02 6=01 "b"
        < GET 03 6= /c
        ! request GET 03 6= /c
        * observe 2.05 "c"
        > 2.05 03 "c"
        "#,
    );
}

// SEC-12, T68, EXT-17
#[test]
fn limit_observe_changes() {
    let change = |n| {
        format!("< GET 0{n} 6=01 /a\n! request GET 0{n} 6=01 /a\n* respond 2.05\n> 2.05 0{n}\n")
    };
    let over = "< GET 09 6= /a\n> 4.29 09 14=01 \"too many observe changes\"\n";
    let three: String = (1..=3).map(change).collect();
    both_sides(&format!("config observe_changes 2/s,3\nopen\n{three}{over}@ +499999us\n{over}"));
    let again = change(4);
    both_sides(&format!("config observe_changes 2/s,3\nopen\n{three}@ +500ms\n{again}{over}"));
}

// SEC-12, T37, TOK-18
#[test]
fn limit_max_token_length() {
    // What a token of each length leads to is in rfc8974_long_tokens.rs.
    for (length, expected) in [(8, "taken"), (9, "too long")] {
        let mut connection = Connection::<Heap>::new(Config::new(Side::Acceptor)).unwrap();
        let now = coap_ws_core::Instant::ZERO;
        let _ = connection.handle_message(now, b"\x00\xe1");
        let mut request = vec![length, 1];
        request.resize(2 + usize::from(length), 7);
        let _ = connection.handle_message(now, &request);
        let told = if connection.close_reason().is_some() { "too long" } else { "taken" };
        assert_eq!(told, expected, "{length}");
    }
    let mut config = Config::fixed(Side::Acceptor, 512);
    config.limits.max_token_length = 9;
    let refused = Connection::<Fixed<2, 2, 1, 1024>>::new(config).map(drop);
    assert_eq!(refused, Err(ConfigError::Storage { field: "max_token_length" }));
}

// SEC-12, T38
#[test]
fn limit_max_options() {
    both_sides(
        r#"
        config max_options 3
        open
        < GET 01 /a /b /c
        ! request GET 01 /a /b /c
        < GET 02 /a /b /c /d
        > 4.00 02 "too many options"
        "#,
    );
    both_sides(
        "config max_options 0\nopen\n< GET 01\n! request GET 01\n< GET 02 /a\n> 4.00 02 \"too many options\"",
    );
}

// SEC-12, T53
#[test]
fn limit_write_high() {
    let config = "config write_high 100\nconfig write_low 100\nopen\n* hold\n";
    // 100 bytes wait: a header of 3, a marker, the payload, and 4 for the length.
    both_sides(&format!(
        r#"{config}
        * PUT =61*92
        = output_waiting 100
        = wants_input true
        < GET 01
        ! request GET 01
        * respond 2.05
        * flow
        > 0103 04 ff 61*92
        > 0145 01
        "#
    ));
    both_sides(&format!(
        r#"{config}
        < GET 01
        ! request GET 01
        * PUT =61*93
        = output_waiting 101
        = wants_input false
        = has_room false
        < GET 02
        ! not now: output must drain before the next message can be taken
        * GET
        ! error: too much output waits to be sent
        * ping
        ! error: too much output waits to be sent
        * release
        ! error: too much output waits to be sent
        * respond 2.05
        ! error: too much output waits to be sent
        * flow
        > 0103 04 ff 61*93
        ! room
        < GET 02
        ! request GET 02
        * respond 2.05
        > 0145 01
        "#
    ));
}

// SEC-12, T53
#[test]
fn limit_write_low() {
    for (len, room) in [(42, true), (43, false)] {
        let outcome = match room {
            true => "! room\n= wants_input true\n* flow\n",
            false => "= wants_input false\n* flow\n",
        };
        let later = if room { "" } else { "! room\n" };
        both_sides(&format!(
            r#"
            config write_high 100
            config write_low 50
            open
            * hold
            * PUT =61*60
            * PUT =61*{len}
            * GET
            ! error: too much output waits to be sent
            * send
            > 0103 04 ff 61*60
            {outcome}
            > 0103 09 ff 61*{len}
            {later}
            "#
        ));
    }
}

/// Three at once, then one each half second.
#[track_caller]
fn rate(name: &str, message: &str, told: &str, diagnostic: &str, before: u32) {
    let mut text = format!("config {name} 2/s,3\nopen\n");
    for _ in before..3 {
        text += &format!("< {message}\n{told}\n");
    }
    let over = format!("< {message}\n> 00e5 ff \"{diagnostic}\"\n. close 1008\n< {message}\n");
    both_sides(&format!("{text}{over}"));
    both_sides(&format!("{text}@ +499999us\n{over}"));
    both_sides(&format!("{text}@ +500ms\n< {message}\n{told}\n{over}"));
    let again = format!("< {message}\n{told}\n").repeat(3);
    both_sides(&format!("{text}@ +3600s\n{again}{over}"));
}

// FMT-10, T24, PING-12
#[test]
fn limit_empty() {
    rate("empty", "0000", "", "too many Empty messages", 0);
}

// T51, CSM-11
#[test]
fn limit_settings() {
    rate("settings", "00e1", "! settings 1152 block-wise", "too many CSMs", 1);
}

// TOK-13, T65
#[test]
fn limit_unmatched() {
    rate("unmatched", "0145 99", "", "too many responses to no request", 0);
    // What is late is never punished: a client may cancel a hundred requests.
    let mut text =
        "config unmatched 0/s,0\nopen\n* GET\n> 0101 04\n< 0145 04\n! response 2.05 04\n"
            .to_owned();
    text += &"< 0145 04\n".repeat(200);
    both_sides(&format!("{text}= late 200"));
}

// SEC-12
#[test]
fn the_tables_of_a_fixed_storage_are_limits_too() {
    let mut config = Config::new(Side::Acceptor);
    config.limits.max_exchanges = 4;
    config.limits.max_requests = 4;
    config.limits.max_observers = 1;
    assert!(Connection::<Fixed<4, 4, 1, 512>>::new(config.clone()).is_ok());
    let text =
        |made: Result<Connection<Fixed<4, 4, 1, 512>>, ConfigError>| made.unwrap_err().to_string();
    config.limits.max_exchanges = 5;
    let few = text(Connection::new(config.clone()));
    assert_eq!(few, "the storage has too little room for `max_exchanges`");
    config.limits.max_exchanges = 4;
    config.limits.max_requests = 5;
    let few = text(Connection::new(config.clone()));
    assert_eq!(few, "the storage has too little room for `max_requests`");
    config.limits.max_requests = 4;
    config.limits.max_observers = 2;
    let few = text(Connection::new(config));
    assert_eq!(few, "the storage has too little room for `max_observers`");
}

// SEC-12
#[test]
fn the_defaults_are_these() {
    let limits = Limits::default();
    assert_eq!(limits.max_message_size, 64 * 1024 + 512);
    assert_eq!(limits.max_send_size, 1024 * 1024);
    assert_eq!(limits.min_peer_message_size, 64);
    assert_eq!((limits.max_exchanges, limits.max_requests, limits.max_options), (64, 128, 128));
    assert_eq!((limits.write_high, limits.write_low), (256 * 1024, 64 * 1024));
    assert_eq!(limits.empty, Rate { per_second: 50, burst: 200 });
    assert_eq!(limits.settings, Rate { per_second: 20, burst: 64 });
    assert_eq!((limits.max_observers, limits.max_token_length), (128, 8));
    assert_eq!(limits.observe_changes, Rate { per_second: 50, burst: 256 });
    assert_eq!(limits.unmatched, Rate { per_second: 50, burst: 100 });
    assert!(Connection::<Heap>::new(Config::new(Side::Initiator)).is_ok());
}

// SEC-12
#[test]
fn in_flight_defaults_are_sharp_too() {
    // The largest tables, on the heap: 128 requests are open, the 129th is refused.
    let now = coap_ws_core::Instant::ZERO;
    let mut connection = Connection::<Heap>::new(Config::new(Side::Acceptor)).unwrap();
    let _ = connection.handle_message(now, b"\x00\xe1");
    for _ in 0..129 {
        let _ = connection.handle_message(now, b"\x01\x01\x01");
    }
    assert_eq!((connection.requests_open(), connection.stats().requests_refused), (128, 1));
    for _ in 0..64 {
        let request = coap_ws_core::message::Request::get();
        assert!(connection.request(now, &request, Default::default()).is_ok());
    }
    let request = coap_ws_core::message::Request::get();
    let refused = connection.request(now, &request, Default::default());
    assert_eq!(refused, Err(coap_ws_core::SendError::TooManyExchanges));
}

#[test]
fn every_limit_has_its_test() {
    let config = include_str!("../../coap-ws-core/src/config.rs");
    let limits = config.split("pub struct Limits {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields: Vec<&str> = limits
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next())
        .collect();
    assert!(fields.len() >= 11, "{fields:?}");
    for field in fields {
        let test = format!("#[test]\nfn limit_{field}() {{");
        assert!(include_str!("limits.rs").contains(&test), "`limits.{field}` has no test");
    }
}

// TOK-27, T61, T64
#[test]
fn a_thousand_requests_to_a_ready_handler_get_a_thousand_answers() {
    let mut text = "config max_requests 1\nopen\n".to_owned();
    for _ in 0..1000 {
        text += "< GET 01\n! request GET 01\n* respond 2.05\n> 0145 01\n";
    }
    acceptor(&format!("{text}= refused 0"));
}

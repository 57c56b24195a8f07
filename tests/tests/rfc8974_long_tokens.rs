//! RFC 8974: tokens longer than eight bytes, where they are advertised.

mod meter;

use coap_ws_core::message::{Code, Message, OptionNumber, Request, Response, encode_message};
use coap_ws_core::{
    CloseReason, Config, ConfigError, Connection, Fixed, Heap, Incoming, Instant, Responder, Side,
    Transmit, Violation,
};
use coap_ws_tests::alloc::{Held, metered};
use meter::counted;
use std::time::Duration;

const NOW: Instant = Instant::ZERO;

fn config(length: usize) -> Config {
    let mut config = Config::new(Side::Acceptor);
    config.limits.max_token_length = length;
    config
}

/// A server that takes tokens of up to `length` bytes, and what it has sent.
struct Server {
    connection: Connection<Heap>,
    sent: Vec<Vec<u8>>,
    closed_with: Option<u16>,
}

impl Server {
    fn new(config: Config) -> Server {
        let connection = Connection::new(config).unwrap();
        let mut server = Server { connection, sent: Vec::new(), closed_with: None };
        server.drain();
        server
    }

    /// One that knows a client with this Max-Message-Size.
    fn open(config: Config, csm: &[u8]) -> Server {
        let mut server = Server::new(config);
        let told = server.connection.handle_message(NOW, csm).unwrap();
        assert!(matches!(told, Some(Incoming::Settings(_))));
        server.sent.clear();
        server
    }

    fn hear(&mut self, bytes: &[u8]) -> Option<Responder> {
        match self.connection.handle_message(NOW, bytes).unwrap() {
            Some(Incoming::Request { responder, .. }) => Some(responder),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.connection.poll_transmit() {
            match transmit {
                Transmit::Message(bytes) => self.sent.push(bytes.to_vec()),
                Transmit::Close { code, .. } => self.closed_with = Some(code),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Code and token of all that was sent since.
    fn answers(&mut self) -> Vec<(Code, Vec<u8>)> {
        self.drain();
        let read = |bytes: Vec<u8>| {
            let message = Message::parse(&bytes).unwrap();
            (message.code(), message.token().to_vec())
        };
        self.sent.drain(..).map(read).collect()
    }
}

const CSM: [u8; 2] = [0x00, 0xe1];

fn get(token: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; token.len() + 32];
    let size = encode_message(&mut buffer, token, &Request::get().segment("a")).unwrap();
    buffer.truncate(size);
    buffer
}

fn ping(token: &[u8], custody: bool) -> Vec<u8> {
    let mut bytes = get(token);
    // The same token under another code; the path is cut off, Custody takes its place.
    bytes.truncate(bytes.len() - 2);
    let code = bytes.iter().position(|byte| *byte == 0x01).unwrap();
    bytes[code] = 0xe2;
    if custody {
        bytes.push(0x20);
    }
    bytes
}

// TOK-14, TOK-15, CSM-25
#[test]
fn what_is_advertised_is_what_is_taken() {
    let announced = |length| {
        let mut server = Server::new(config(length));
        let csm = server.sent.pop().unwrap();
        server.drain();
        let message = Message::parse(&csm).unwrap();
        message.options_of(OptionNumber::new(6)).next().map(<[u8]>::to_vec)
    };
    assert_eq!(announced(8), None, "8 is what everybody takes");
    assert_eq!(announced(64), Some(vec![64]));
    assert_eq!(announced(65_804), Some(vec![0x01, 0x01, 0x0c]));
}

// TOK-14, TOK-18, TOK-20
#[test]
fn a_long_token_comes_back_and_a_longer_one_ends_the_connection() {
    for length in [9, 13, 64, 269, 1000] {
        let mut server = Server::open(config(length), &CSM);
        let token = vec![0xc3; length];
        let responder = server.hear(&get(&token)).expect("it is a request");
        server.connection.respond(NOW, responder, &Response::content(b"x")).unwrap();
        assert_eq!(server.answers(), [(Code::CONTENT, token.clone())]);
        for custody in [false, true] {
            assert!(server.hear(&ping(&token, custody)).is_none());
            assert_eq!(server.answers(), [(Code::PONG, token.clone())]);
        }
        assert!(server.hear(&get(&vec![0xc3; length + 1])).is_none());
        let violation = Violation::TokenTooLong { length: length + 1 };
        assert_eq!(server.connection.close_reason(), Some(CloseReason::Violation(violation)));
        assert_eq!(server.answers(), [(Code::ABORT, Vec::new())]);
        assert_eq!(server.closed_with, Some(1002));
    }
}

// TOK-19
#[test]
fn a_token_that_is_too_much_just_now_is_no_violation() {
    let mut config = config(64);
    config.limits.max_requests = 2;
    let mut server = Server::open(config, &CSM);
    let token = |n: u8| vec![n; 64];
    let _open = (server.hear(&get(&token(1))).unwrap(), server.hear(&get(&token(2))).unwrap());
    assert!(server.hear(&get(&token(3))).is_none());
    assert_eq!(server.answers(), [(Code::SERVICE_UNAVAILABLE, token(3))]);
    assert_eq!(server.connection.close_reason(), None);
}

// TOK-29, CSM-16
#[test]
fn a_token_that_its_own_sender_could_not_take_back_ends_the_connection() {
    // Max-Message-Size 64.
    for (length, fits) in [(58, true), (59, false), (100, false)] {
        for bytes in [get(&vec![7; length]), ping(&vec![7; length], false)] {
            let mut server = Server::open(config(65_804), &[0x00, 0xe1, 0x21, 0x40]);
            let responder = server.hear(&bytes);
            if let Some(responder) = responder {
                server.connection.respond(NOW, responder, &Response::new(Code::VALID)).unwrap();
            }
            server.drain();
            assert!(server.sent.iter().all(|bytes| bytes.len() <= 64), "{length}");
            let codes: Vec<Code> = server.answers().into_iter().map(|(code, _)| code).collect();
            assert_eq!(codes != [Code::ABORT], fits, "{length}: {codes:?}");
        }
    }
}

/// Whatever waits, an automatic answer with the longest token has its room.
// TOK-20, FMT-28
#[test]
fn there_is_room_for_the_longest_echo_whenever_input_is_wanted() {
    let mut config = config(65_804);
    (config.limits.write_high, config.limits.write_low) = (100_000, 0);
    let mut server = Server::open(config, &[0x00, 0xe1, 0x24, 0x00, 0x20, 0x00, 0x00]);
    let mut echoes = 0;
    while server.connection.wants_input() {
        let before = server.connection.stats().answered_by_core;
        assert!(server.hear(&ping(&vec![9; 65_804], false)).is_none());
        assert_eq!(server.connection.stats().answered_by_core, before + 1);
        echoes += 1;
    }
    assert!(echoes >= 1);
    let answers = server.answers();
    assert_eq!(answers.len(), echoes);
    assert!(answers.iter().all(|(code, token)| *code == Code::PONG && token.len() == 65_804));
}

#[test]
fn the_limit_has_its_bounds() {
    let made = |length| Connection::<Heap>::new(config(length)).map(drop);
    assert_eq!(made(8), Ok(()));
    assert_eq!(made(7), Err(ConfigError::TooSmall { field: "limits.max_token_length" }));
    assert_eq!(made(65_804), Ok(()));
    assert_eq!(made(65_805), Err(ConfigError::TooLarge { field: "limits.max_token_length" }));
    // Without a heap there is no place for more than eight bytes.
    let mut fixed = Config::fixed(Side::Acceptor, 512);
    fixed.limits.max_token_length = 9;
    let refused = Connection::<Fixed<2, 2, 1, 1024>>::new(fixed).map(drop);
    assert_eq!(refused, Err(ConfigError::Storage { field: "max_token_length" }));
}

// TOK-19, T37
#[test]
fn tokens_are_counted_in_the_bound() {
    let mut config = config(4096);
    let limits = &mut config.limits;
    (limits.max_requests, limits.max_observers, limits.max_exchanges) = (16, 4, 1);
    (limits.write_high, limits.write_low, limits.max_send_size) = (4096, 0, 1152);
    let bound = i64::try_from(limits.bound()).unwrap();
    let mut held = Held::default();
    let (mut server, usage) = metered(counted, || Connection::<Heap>::new(config).unwrap());
    held.add(usage);
    let mut responders = Vec::new();
    for n in 0..40_u8 {
        let request = get(&[n; 1000]);
        let bytes = if n == 0 { &CSM[..] } else { &request };
        let (told, usage) = metered(counted, || server.handle_message(NOW, bytes));
        held.add(usage);
        if let Ok(Some(Incoming::Request { responder, .. })) = told {
            responders.push(responder);
        }
        let (_, usage) = metered(counted, || while server.poll_transmit().is_some() {});
        held.add(usage);
        assert!(held.peak <= bound, "{} of {bound}", held.peak);
    }
    assert_eq!(responders.len(), 16);
    assert!(held.bytes > 16 * 1000, "{}", held.bytes);
    let later = NOW.saturating_add(Duration::from_secs(26));
    let (_, usage) = metered(counted, || {
        server.handle_timeout(later);
        while server.poll_transmit().is_some() {}
        while server.poll_event().is_some() {}
    });
    held.add(usage);
    assert!(held.bytes < 2000, "tokens go with their requests: {}", held.bytes);
}

//! What is said in confidence is not in any `Debug` or `Display` (T92).

mod driver_support;

use coap_ws_core::message::{Code, OptionNumber, Request as Draft};
use coap_ws_driver::{Client, Response, Router};
use driver_support::{Memory, Rig};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

const CANARY: &str = "canary-7f3a";
/// The canary as a list of numbers, as derived implementations print bytes.
const CANARY_BYTES: &str = "99, 97, 110, 97, 114, 121";

fn check(value: &impl Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!flat.contains(CANARY) && !flat.contains(CANARY_BYTES), "{text}");
    }
}

// T92
#[test]
fn t92_requests_responses_and_handles_do_not_print_what_they_hold() {
    let etag = CANARY.as_bytes()[..8].to_vec();
    let response = Response::content(CANARY).etag(etag).option(OptionNumber::new(2050), CANARY);
    check(&response);
    check(&Response::error(Code::NOT_FOUND, CANARY).success().unwrap_err());

    let base = format!("coap+ws://localhost/x?token={CANARY}");
    let client = Client::<Memory>::builder().build(&base).unwrap();
    check(&client);
    let request = client.post(&format!("/{CANARY}?q={CANARY}")).body(CANARY);
    check(&request.option(OptionNumber::new(2050), CANARY));
}

// T92
#[test]
fn t92_nor_does_what_a_handler_gets() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let place = Arc::clone(&seen);
    let app = Router::new().post(&format!("/{CANARY}"), move |request: coap_ws_driver::Request| {
        check(&request);
        check(request.remote());
        place.lock().unwrap().push(format!("{request:?}"));
        std::future::ready(Code::CHANGED)
    });
    let mut rig = Rig::acceptor(app).opened();
    rig.far.request(&Draft::post(CANARY.as_bytes()).segment(CANARY));
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CHANGED]);
    assert_eq!(seen.lock().unwrap().len(), 1);
}

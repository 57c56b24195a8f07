//! What a request costs the driver in allocations. Processor time is measured by the example
//! `load` of `coap-ws-tokio`.
//!
//!     cargo test -p coap-ws-tests --test cost -- --nocapture

mod driver_support;

use coap_ws_core::message::{Code, Request as Draft};
use coap_ws_driver::{Handler, Request, Response, Router};
use driver_support::{Rig, Task};
use std::future::{Ready, ready};

/// Allocations of the driver's side alone for `count` requests of the far end.
fn served<H: Handler + Unpin>(handler: H, count: u64) -> u64 {
    let mut rig = Rig::acceptor(handler).opened();
    let mut round = || {
        let answered = rig.far.responses.len();
        for _ in 0..count {
            rig.far.request(&Draft::get().segment("ready"));
        }
        let bytes = rig.far.take_output();
        rig.wire.borrow_mut().give(&bytes);
        let usage = allocation_counter::measure(|| _ = rig.near.run(100));
        rig.run();
        let codes = rig.far.codes();
        assert_eq!(codes.len(), answered + count as usize);
        assert!(codes.iter().all(|code| *code == Code::CONTENT));
        usage.count_total
    };
    // What grows once is not counted.
    round();
    round();
    round()
}

/// Answers at once with what it has.
struct Plain;

impl Handler for Plain {
    type Future = Ready<Response>;

    fn call(&self, _: Request) -> Ready<Response> {
        ready(Response::content("ok"))
    }
}

#[test]
fn allocations_of_a_served_get() {
    let plain = served(Plain, 64) as f64 / 64.0;
    let routed = served(Router::new().get("/ready", async || "ok"), 64) as f64 / 64.0;
    println!("a GET that is served: {plain:.2} allocations, by the router {routed:.2}");
    // The handler's future in its place, and a second handle of the request, which is needed
    // where the answer has to be cut into blocks; for a route also its own box.
    assert!(plain <= 2.2, "{plain}");
    assert!(routed <= 3.2, "{routed}");
}

#[test]
fn allocations_of_a_get_of_ours() {
    const COUNT: usize = 64;
    let mut rig = Rig::asking().opened();
    rig.far.answers(|_| Some(Response::content("ok")));
    let mut round = || {
        let remote = rig.remote.clone();
        let asking = allocation_counter::measure(|| {
            for _ in 0..COUNT {
                drop(remote.get("/ready"));
            }
        });
        let mut asks: Vec<_> = (0..COUNT).map(|_| Task::new(remote.get("/ready").send())).collect();
        let posting = allocation_counter::measure(|| asks.iter_mut().for_each(Task::poll));
        let sending = allocation_counter::measure(|| _ = rig.near.run(100));
        rig.far.poll(false);
        let out = std::mem::take(&mut rig.wire.borrow_mut().outgoing);
        rig.far.engine.handle_bytes(rig.time.now(), &out);
        rig.far.poll(false);
        let answers = rig.far.take_output();
        rig.wire.borrow_mut().give(&answers);
        let receiving = allocation_counter::measure(|| _ = rig.near.run(100));
        for ask in &mut asks {
            ask.run(10);
            assert!(ask.output.take().expect("it is answered").is_ok());
        }
        [asking, posting, sending, receiving].map(|usage| usage.count_total as f64 / COUNT as f64)
    };
    round();
    round();
    let [asking, posting, sending, receiving] = round();
    println!(
        "a GET of ours: {asking:.2} allocations to build, {posting:.2} to post, {sending:.2} to \
         send, {receiving:.2} to receive"
    );
    // One of them keeps the request for an answer that comes in blocks.
    assert!(asking + posting + sending + receiving <= 8.0);
}

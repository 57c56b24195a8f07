//! Large notifications: the first block is told, the rest is asked for.

mod driver_support;

use coap_ws_core::Side;
use coap_ws_core::block::BlockSize;
use coap_ws_core::message::{Code, OptionNumber, Request as Draft};
use coap_ws_core::{ExchangeId, RequestOptions};
use coap_ws_driver::engine::EngineConfig;
use coap_ws_driver::{Client, Observable, Response, Router, Server};
use driver_support::blocks::{block, far, said};
use driver_support::{Memory, Rig, config};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const BLOCK2: OptionNumber = OptionNumber::BLOCK2;
const BASE: &str = "coap+ws://localhost:8683";

/// 5,000 bytes of one value, to be observed at `/x`.
struct State(Arc<AtomicU8>, Observable);

impl State {
    fn new() -> State {
        let value = Arc::new(AtomicU8::new(0));
        let now = Arc::clone(&value);
        let resource = Observable::new(move || {
            let body = vec![now.load(Ordering::Relaxed); 5000];
            async move { Response::content(body) }
        });
        State(value, resource)
    }

    fn set(&self, value: u8) {
        self.0.store(value, Ordering::Relaxed);
        self.1.notify();
    }

    fn app(&self) -> Router {
        Router::new().observable("/x", self.1.clone())
    }
}

struct Far {
    rig: Rig<Router>,
    state: State,
}

impl Far {
    fn new(max_message_size: u32) -> Far {
        let state = State::new();
        let far = far(Side::Initiator, max_message_size);
        let rig = Rig::new(config(Side::Acceptor), far, state.app()).opened();
        Far { rig, state }
    }

    fn observe(&mut self, draft: &Draft<'_>) -> ExchangeId {
        let (now, options) = (self.rig.time.now(), RequestOptions::default().observe());
        let id = self.rig.far.engine.request(now, draft, options).unwrap();
        self.rig.run();
        id
    }

    /// What has come for an exchange: code, Block2, whether it has Observe, first byte, size.
    fn told(&mut self, id: ExchangeId) -> Vec<(Code, String, bool, u8, usize)> {
        let responses = std::mem::take(&mut self.rig.far.responses);
        let of = responses.into_iter().filter(|(other, _)| *other == id);
        of.map(|(_, message)| {
            let view = message.view();
            let first = view.payload().first().copied().unwrap_or(255);
            let size = view.as_bytes().len();
            (view.code(), said(&message, BLOCK2), view.observe().is_some(), first, size)
        })
        .collect()
    }
}

// BLK-19
#[test]
fn a_notification_is_its_first_block_and_the_rest_is_a_plain_get_of_the_same_state() {
    let mut far = Far::new(1152);
    let id = far.observe(&Draft::get().segment("x"));
    far.state.set(1);
    far.rig.run();
    let told = far.told(id);
    assert_eq!(told.len(), 2, "{told:?}");
    for (value, (code, block, observe, first, size)) in told.into_iter().enumerate() {
        assert_eq!((code, block.as_str(), observe), (Code::CONTENT, "0/1/1024", true));
        assert_eq!(usize::from(first), value);
        assert!(size <= 1152);
    }
    far.state.0.store(2, Ordering::Relaxed);
    let rest = Draft::get().segment("x").uint(BLOCK2, block("1/0/1024").to_uint());
    let rest = far.rig.far.request(&rest);
    far.rig.run();
    let told = far.told(rest);
    assert_eq!((told[0].1.as_str(), told[0].2, told[0].3), ("1/1/1024", false, 1), "what was told");
}

// BLK-23
#[test]
fn the_size_of_the_registration_limits_all_notifications() {
    let mut far = Far::new(1152);
    let id = far.observe(&Draft::get().segment("x").uint(BLOCK2, block("0/0/64").to_uint()));
    far.state.set(1);
    far.rig.run();
    let blocks: Vec<_> = far.told(id).into_iter().map(|told| told.1).collect();
    assert_eq!(blocks, ["0/1/64", "0/1/64"]);
}

// BLK-23
#[test]
fn a_later_block_is_not_observed() {
    let mut far = Far::new(1152);
    let id = far.observe(&Draft::get().segment("x").uint(BLOCK2, block("1/0/64").to_uint()));
    far.state.set(1);
    far.rig.run();
    let told = far.told(id);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].1.as_str(), told[0].2), ("1/1/64", false));
    assert_eq!(far.state.1.notifier().observers(), 0);
}

async fn observed(client: EngineConfig) {
    let state = State::new();
    let server = Server::<Memory>::bind("localhost:8683").await.unwrap();
    tokio::spawn(server.serve(state.app()).into_future());
    let client = Client::<Memory>::builder().config(client).build(BASE).unwrap();
    let mut seen = client.observe("/x").await.unwrap();
    for value in 0..4 {
        let item = seen.next().await.unwrap().unwrap();
        assert_eq!(item.body(), &vec![value; 5000]);
        assert_eq!(item.option_value(BLOCK2), None);
        assert!(seen.is_observing());
        state.set(value + 1);
    }
    drop(seen);
}

// BLK-19
#[tokio::test(start_paused = true)]
async fn an_observation_gives_whole_states() {
    let mut small = config(Side::Initiator);
    small.connection.limits.max_message_size = 1152;
    observed(small).await;
}

// BLK-19, BLK-23
#[tokio::test(start_paused = true)]
async fn an_observation_asks_for_the_size_that_is_wanted() {
    let mut sized = config(Side::Initiator);
    sized.block_wise = BlockSize::B256.into();
    observed(sized).await;
}

// BLK-09, BLK-19
#[tokio::test(start_paused = true)]
async fn a_state_that_changes_while_it_is_fetched_is_never_mixed() {
    let mut small = config(Side::Initiator);
    small.connection.limits.max_message_size = 64;
    let state = Arc::new(State::new());
    let server = Server::<Memory>::bind("localhost:8683").await.unwrap();
    tokio::spawn(server.serve(state.app()).into_future());
    let client = Client::<Memory>::builder().config(small).build(BASE).unwrap();
    let mut seen = client.observe("/x").await.unwrap();
    let changing = Arc::clone(&state);
    tokio::spawn(async move {
        for value in 1..=20 {
            changing.set(value);
            for _ in 0..30 {
                tokio::task::yield_now().await;
            }
        }
    });
    let mut items = 0;
    loop {
        // A state may change too often to be read; the last one does not.
        let Ok(item) = seen.next().await.unwrap() else { continue };
        items += 1;
        let value = item.body()[0];
        assert_eq!(item.body(), &vec![value; 5000]);
        if value == 20 {
            break;
        }
    }
    assert!(items >= 1);
}

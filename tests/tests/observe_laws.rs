//! What always holds of observations, whatever is done in whatever order: the last state
//! arrives, and both ends agree on who observes. First of two connections of the core, then of
//! a driver.

mod driver_support;

use coap_ws_core::message::{Code, Message, Request as Draft, Response as Answer};
use coap_ws_core::{
    Config, Connection, Event, ExchangeId, Heap, Incoming, Instant, NotifyError, ObserverId,
    RefusedWhy, RequestOptions, Responder, SendError, Side, Transmit,
};
use coap_ws_driver::{Notifier, Router};
use driver_support::{Rig, config};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

const NOW: Instant = Instant::ZERO;
const PATHS: [&str; 2] = ["a", "b"];

// ----------------------------------------------------------------------------------------------
// Two connections of the core.

#[derive(Clone, Copy, Debug)]
enum Step {
    Register(usize),
    Deregister(usize),
    Change(usize),
    /// The server answers one of the requests that wait.
    Answer(usize),
    /// It notifies one of those that are due.
    Notify(usize),
    /// It tells one of them an error.
    Refuse(usize),
    ToServer(usize),
    ToClient(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = 0..8_usize;
    let step = prop_oneof![
        2 => (0..2_usize).prop_map(Step::Register),
        1 => any.clone().prop_map(Step::Deregister),
        4 => (0..2_usize).prop_map(Step::Change),
        3 => any.clone().prop_map(Step::Answer),
        3 => any.clone().prop_map(Step::Notify),
        1 => any.clone().prop_map(Step::Refuse),
        3 => any.clone().prop_map(Step::ToServer),
        3 => any.prop_map(Step::ToClient),
    ];
    vec(step, 1..200)
}

struct World {
    client: Connection<Heap>,
    server: Connection<Heap>,
    /// How things are.
    values: [u32; 2],
    /// What the client watches and has seen.
    watched: BTreeMap<ExchangeId, (usize, Option<u32>)>,
    /// All that it ever watched.
    all: Vec<(ExchangeId, usize)>,
    waiting: Vec<(Responder, usize)>,
    observers: BTreeMap<ObserverId, usize>,
    due: VecDeque<ObserverId>,
}

impl World {
    fn new() -> World {
        let mut config = Config::new(Side::Acceptor);
        (config.limits.write_high, config.limits.write_low) = (48, 24);
        config.limits.max_observers = 3;
        let client = Connection::new(Config::new(Side::Initiator)).expect("it is right");
        World {
            client,
            server: Connection::new(config).expect("it is right"),
            values: [0; 2],
            watched: BTreeMap::new(),
            all: Vec::new(),
            waiting: Vec::new(),
            observers: BTreeMap::new(),
            due: VecDeque::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Register(path) => {
                let get = Draft::get().segment(PATHS[path]);
                let options = RequestOptions::default().observe();
                if let Ok(exchange) = self.client.request(NOW, &get, options) {
                    self.watched.insert(exchange, (path, None));
                    self.all.push((exchange, path));
                }
            }
            Step::Deregister(which) => {
                let Some((exchange, path)) = self.all.get(which % self.all.len().max(1)) else {
                    return;
                };
                let get = Draft::get().segment(PATHS[*path]);
                match self.client.deregister(NOW, *exchange, &get) {
                    Ok(()) => drop(self.watched.remove(exchange)),
                    Err(error) => assert_eq!(error, SendError::NoRoom),
                }
            }
            Step::Change(path) => {
                self.values[path] += 1;
                let changed = self.observers.iter().filter(|(_, other)| **other == path);
                for (observer, _) in changed {
                    assert!(self.server.mark_changed(NOW, *observer), "{observer:?} is gone");
                }
            }
            Step::Answer(which) if !self.waiting.is_empty() => {
                let (responder, path) = self.waiting.remove(which % self.waiting.len());
                let text = self.values[path].to_string();
                match self.server.observe(NOW, responder, &Answer::content(text.as_bytes())) {
                    Ok(Some(observer)) => drop(self.observers.insert(observer, path)),
                    Ok(None) => {}
                    Err(refused) => {
                        assert_eq!(refused.why, RefusedWhy::NoRoom);
                        self.waiting.push((refused.responder, path));
                    }
                }
            }
            Step::Notify(which) | Step::Refuse(which) if !self.due.is_empty() => {
                let index = which % self.due.len();
                let observer = self.due[index];
                let text = self.values[self.observers[&observer]].to_string();
                let error = matches!(step, Step::Refuse(_));
                let message = match error {
                    true => Answer::error(Code::NOT_FOUND, "gone"),
                    false => Answer::content(text.as_bytes()),
                };
                match self.server.notify(NOW, observer, &message) {
                    Ok(()) => {
                        self.due.remove(index);
                        if error {
                            self.observers.remove(&observer);
                            self.due.retain(|other| *other != observer);
                        }
                    }
                    Err(why) => assert_eq!(why, NotifyError::Refused(RefusedWhy::NoRoom)),
                }
            }
            Step::ToServer(count) => drop(self.carry_there(count)),
            Step::ToClient(count) => drop(self.carry_back(count)),
            Step::Answer(_) | Step::Notify(_) | Step::Refuse(_) => {}
        }
        self.events();
    }

    fn events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::NotificationDue(observer) => {
                    assert!(self.observers.contains_key(&observer), "{observer:?} is not known");
                    self.due.push_back(observer);
                }
                Event::ObserverGone(observer) => {
                    assert!(self.observers.remove(&observer).is_some(), "gone twice");
                    self.due.retain(|other| *other != observer);
                }
                Event::Room => {}
                other => panic!("{other:?}"),
            }
        }
        while let Some(event) = self.client.poll_event() {
            assert_eq!(event, Event::Room);
        }
    }

    fn carry_there(&mut self, count: usize) -> usize {
        let mut carried = 0;
        while carried < count && self.server.wants_input() {
            let Some(Transmit::Message(bytes)) = self.client.poll_transmit() else { break };
            carried += 1;
            let incoming = self.server.handle_message(NOW, bytes).expect("it wants input");
            if let Some(Incoming::Request { responder, message }) = incoming {
                let path = message.payload().len();
                assert_eq!(path, 0);
                self.waiting.push((responder, path_of(&message)));
            }
            self.events();
        }
        carried
    }

    fn carry_back(&mut self, count: usize) -> usize {
        let mut carried = 0;
        while carried < count {
            let Some(Transmit::Message(bytes)) = self.server.poll_transmit() else { break };
            carried += 1;
            let incoming = self.client.handle_message(NOW, bytes).expect("it wants input");
            let Some(Incoming::Response { exchange, message, last }) = incoming else { continue };
            let (_, seen) = self.watched.get_mut(&exchange).expect("nobody listens to it");
            if message.code().is_success() {
                let text = std::str::from_utf8(message.payload()).expect("it is text");
                let value = text.parse().expect("it is a number");
                assert!(seen.is_none_or(|before| before <= value), "an older state came later");
                *seen = Some(value);
            }
            assert_eq!(last, message.observe().is_none());
            if last {
                self.watched.remove(&exchange);
            }
        }
        carried
    }

    /// Goes on until nothing moves; then the last state has arrived, and both ends agree.
    fn settle(mut self) {
        for _ in 0..10_000 {
            self.step(Step::Answer(0));
            self.step(Step::Notify(0));
            let carried = self.carry_there(100) + self.carry_back(100);
            self.events();
            if carried == 0 && self.waiting.is_empty() && self.due.is_empty() {
                for (exchange, (path, seen)) in &self.watched {
                    assert_eq!(*seen, Some(self.values[*path]), "{exchange:?}");
                }
                assert_eq!(self.server.observers(), self.watched.len());
                assert_eq!(self.client.exchanges_in_flight(), self.watched.len());
                return;
            }
        }
        panic!("it never rests");
    }
}

fn path_of(message: &Message<'_>) -> usize {
    let number = coap_ws_core::message::OptionNumber::URI_PATH;
    let segment = message.option(number).expect("it has a path");
    PATHS.iter().position(|path| path.as_bytes() == segment).expect("it is one of ours")
}

proptest! {
    // OBS-09, OBS-10, OBS-18, T70
    #[test]
    fn two_connections_agree_and_the_last_state_arrives(steps in steps()) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.settle();
    }
}

// ----------------------------------------------------------------------------------------------
// A driver.

#[derive(Clone, Copy, Debug)]
enum Turn {
    Register,
    Deregister(usize),
    Change,
    /// Handlers that wait may go on.
    Permit(usize),
    /// The stream takes nothing, or goes on.
    Stick,
    Unstick,
    Run,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        2 => Just(Turn::Register),
        1 => (0..8_usize).prop_map(Turn::Deregister),
        4 => Just(Turn::Change),
        3 => (1..4_usize).prop_map(Turn::Permit),
        1 => Just(Turn::Stick),
        1 => Just(Turn::Unstick),
        4 => Just(Turn::Run),
    ];
    vec(turn, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    // OBS-11, OBS-18, T70
    #[test]
    fn a_driver_tells_each_observer_the_last_state(turns in turns(), size in 1..9000_usize) {
        let (changed, gate) = (Notifier::new(), Arc::new(Semaphore::new(0)));
        let value = Arc::new(AtomicUsize::new(0));
        let (now, open) = (Arc::clone(&value), Arc::clone(&gate));
        let handler = move || {
            let (text, open) = (format!("{:0>size$}", now.load(Ordering::Relaxed)), Arc::clone(&open));
            async move {
                open.acquire().await.expect("it is never closed").forget();
                text
            }
        };
        let app = Router::new().observable("/n", (changed.clone(), handler));
        let mut rig = Rig::new(config(Side::Acceptor), config(Side::Initiator), app).opened();
        let get = Draft::get().segment("n");
        let (mut live, mut all) = (Vec::new(), Vec::new());
        for turn in turns {
            match turn {
                Turn::Register => {
                    let exchange = rig.far.observe(&get);
                    live.push(exchange);
                    all.push(exchange);
                }
                Turn::Deregister(which) if !all.is_empty() => {
                    let exchange = all[which % all.len()];
                    rig.far.deregister(exchange, &get);
                    live.retain(|other| *other != exchange);
                }
                Turn::Deregister(_) => {}
                Turn::Change => {
                    value.fetch_add(1, Ordering::Relaxed);
                    changed.notify();
                }
                Turn::Permit(count) => gate.add_permits(count),
                Turn::Stick => rig.wire.borrow_mut().stuck = true,
                Turn::Unstick => rig.wire.borrow_mut().unstick(),
                Turn::Run => rig.run(),
            }
        }
        rig.wire.borrow_mut().unstick();
        gate.add_permits(100_000);
        rig.run();
        let last = value.load(Ordering::Relaxed);
        for exchange in &live {
            let told = rig.far.responses.iter().filter(|(other, _)| other == exchange);
            let values: Vec<usize> = told
                .map(|(_, m)| String::from_utf8_lossy(&m.payload()).parse().expect("a number"))
                .collect();
            prop_assert_eq!(values.last(), Some(&last));
            prop_assert!(values.is_sorted(), "an older state came later: {:?}", values);
        }
        prop_assert_eq!(changed.observers(), live.len());
        rig.wire.borrow_mut().end();
        rig.run();
        prop_assert_eq!(changed.observers(), 0);
    }
}

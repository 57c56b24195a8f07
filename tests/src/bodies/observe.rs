//! Observing: two connections, a resource, and anything in between.

use crate::tape::Tape;
use coap_ws_core::message::{Code, Request, Response};
use coap_ws_core::{
    Config, Connection, Event, ExchangeId, Heap, Incoming, Instant, NotifyError, ObserverId,
    RefusedWhy, RequestOptions, Responder, SendError, Side, Transmit,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

struct World {
    client: Connection<Heap>,
    server: Connection<Heap>,
    now: Instant,
    /// What the resource says.
    value: u32,
    /// What the client watches, and what it has seen of it.
    watched: BTreeMap<ExchangeId, Option<u32>>,
    /// All that it ever watched.
    all: Vec<ExchangeId>,
    waiting: Vec<Responder>,
    observers: BTreeSet<ObserverId>,
    due: Vec<ObserverId>,
}

/// Whatever is done in whatever order: no state is told that is older than one before, nobody is
/// told of who has gone, the limit holds, and in the end the last state has arrived.
pub fn observe(input: &[u8]) {
    let mut tape = Tape::new(input);
    let mut config = Config::new(Side::Acceptor);
    (config.limits.write_high, config.limits.write_low) =
        tape.pick(&[(48, 24), (0, 0), (4096, 64)]);
    config.limits.max_observers = tape.pick(&[3, 1, 0]);
    // The rate of changes is another rule's business.
    config.limits.observe_changes.burst = u32::MAX;
    let limit = config.limits.max_observers;
    let mut world = World {
        client: Connection::new(Config::new(Side::Initiator)).expect("it is right"),
        server: Connection::new(config).expect("it is right"),
        now: Instant::ZERO,
        value: 0,
        watched: BTreeMap::new(),
        all: Vec::new(),
        waiting: Vec::new(),
        observers: BTreeSet::new(),
        due: Vec::new(),
    };
    while !tape.is_over() {
        world.step(&mut tape);
        world.events();
        assert!(world.server.observers() <= limit && world.observers.len() <= limit);
    }
    world.settle();
}

impl World {
    fn step(&mut self, tape: &mut Tape<'_>) {
        match tape.below(10) {
            0 => {
                let options = RequestOptions::default().observe();
                let asked = self.client.request(self.now, &Request::get().segment("n"), options);
                if let Ok(exchange) = asked {
                    self.watched.insert(exchange, None);
                    self.all.push(exchange);
                }
            }
            1 if !self.all.is_empty() => {
                let exchange = self.all[tape.index(self.all.len())];
                let get = Request::get().segment("n");
                match self.client.deregister(self.now, exchange, &get) {
                    Ok(()) => _ = self.watched.remove(&exchange),
                    Err(error) => assert_eq!(error, SendError::NoRoom),
                }
            }
            2 | 3 => {
                self.value += 1;
                for observer in &self.observers {
                    assert!(self.server.mark_changed(self.now, *observer), "it is gone");
                }
            }
            4 | 5 => self.answer(tape.below(16)),
            6 => self.notify(tape.below(16), tape.chance(30)),
            7 => self.carry_there(1 + tape.index(4)),
            8 => self.carry_back(1 + tape.index(4)),
            // Below any timeout.
            _ => self.now = self.now.saturating_add(Duration::from_micros(1)),
        }
    }

    fn answer(&mut self, which: u64) {
        if self.waiting.is_empty() {
            return;
        }
        let responder = self.waiting.remove(which as usize % self.waiting.len());
        let text = self.value.to_string();
        match self.server.observe(self.now, responder, &Response::content(text.as_bytes())) {
            Ok(Some(observer)) => _ = self.observers.insert(observer),
            Ok(None) => {}
            Err(refused) => {
                assert_eq!(refused.why, RefusedWhy::NoRoom);
                self.waiting.push(refused.responder);
            }
        }
    }

    fn notify(&mut self, which: u64, error: bool) {
        if self.due.is_empty() {
            return;
        }
        let index = which as usize % self.due.len();
        let observer = self.due[index];
        let text = self.value.to_string();
        let message = match error {
            true => Response::error(Code::NOT_FOUND, "gone"),
            false => Response::content(text.as_bytes()),
        };
        match self.server.notify(self.now, observer, &message) {
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

    fn events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::NotificationDue(observer) => {
                    assert!(self.observers.contains(&observer), "{observer:?} is not known");
                    self.due.push(observer);
                }
                Event::ObserverGone(observer) => {
                    assert!(self.observers.remove(&observer), "gone twice");
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

    fn carry_there(&mut self, count: usize) {
        for _ in 0..count {
            if !self.server.wants_input() {
                return;
            }
            let Some(Transmit::Message(bytes)) = self.client.poll_transmit() else { return };
            let incoming = self.server.handle_message(self.now, bytes).expect("it wants input");
            if let Some(Incoming::Request { responder, .. }) = incoming {
                self.waiting.push(responder);
            }
            self.events();
        }
    }

    fn carry_back(&mut self, count: usize) {
        for _ in 0..count {
            let Some(Transmit::Message(bytes)) = self.server.poll_transmit() else { return };
            let incoming = self.client.handle_message(self.now, bytes).expect("it wants input");
            let Some(Incoming::Response { exchange, message, last }) = incoming else { continue };
            let seen = self.watched.get_mut(&exchange).expect("nobody listens to it");
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
    }

    /// Goes on until nothing moves; then the last state has arrived, and both ends agree.
    fn settle(mut self) {
        for _ in 0..10_000 {
            self.answer(0);
            self.notify(0, false);
            self.carry_there(100);
            self.carry_back(100);
            self.events();
            let moves = self.client.output_waiting() + self.server.output_waiting() > 0;
            if !moves && self.waiting.is_empty() && self.due.is_empty() {
                for (exchange, seen) in &self.watched {
                    assert_eq!(*seen, Some(self.value), "{exchange:?}");
                }
                assert_eq!(self.server.observers(), self.watched.len());
                assert_eq!(self.client.exchanges_in_flight(), self.watched.len());
                return;
            }
        }
        panic!("it never rests");
    }
}

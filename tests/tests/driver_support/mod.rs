//! A driver with a hand-made transport, clock and executor: each call is counted, time is the
//! test's, and nothing runs that nobody woke.
//!
//! The other end is an [`Engine`] that the test drives itself.

// Each test binary uses a part of it.
#![allow(dead_code, unused_imports)]

pub(crate) mod blocks;
mod far;
mod memory;
mod task;
mod wire;

pub(crate) use far::Far;
pub(crate) use memory::{Memory, dials, silent, streams};
pub(crate) use task::Task;
pub(crate) use wire::{Calls, Clock, Fault, Time, Wire, WireState};

use coap_ws_core::{CloseReason, Side};
use coap_ws_driver::engine::{Engine, EngineConfig};
use coap_ws_driver::policy::Policy;
use coap_ws_driver::{Driver, Handler, Instant, NoHandler, Remote, RemoteInfo};
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

/// The driver under test, its surroundings, and the other end.
pub(crate) struct Rig<H: Handler + Unpin> {
    pub(crate) near: Task<Driver<Wire, Clock, H>>,
    pub(crate) remote: Remote,
    pub(crate) wire: Rc<RefCell<WireState>>,
    pub(crate) time: Rc<Time>,
    pub(crate) far: Far,
}

/// More than any honest scenario needs: above it something spins.
const MANY_POLLS: u64 = 200_000;

pub(crate) fn config(side: Side) -> EngineConfig {
    EngineConfig::new(side)
}

impl<H: Handler + Unpin> Rig<H> {
    /// Our end accepts.
    pub(crate) fn acceptor(handler: H) -> Rig<H> {
        Rig::new(config(Side::Acceptor), config(Side::Initiator), handler)
    }

    /// Our end opens.
    pub(crate) fn initiator(handler: H) -> Rig<H> {
        Rig::new(config(Side::Initiator), config(Side::Acceptor), handler)
    }

    /// `near` is ours.
    pub(crate) fn new(mut near: EngineConfig, far: EngineConfig, handler: H) -> Rig<H> {
        let time = Rc::new(Time::default());
        near.connection.serves = handler.serves();
        let mut info = RemoteInfo::default();
        if near.connection.side == Side::Initiator {
            info.base = Some("coap+ws://localhost".into());
        }
        let near = engine(time.now(), near);
        let far = Far::new(engine(time.now(), far), Rc::clone(&time));
        let wire = Rc::new(RefCell::new(WireState::default()));
        let transport = Wire(Rc::clone(&wire));
        let clock = Clock::new(Rc::clone(&time));
        let (remote, driver) = Driver::new(near, transport, clock, handler, info);
        Rig { near: Task::new(driver), remote, wire, time, far }
    }

    /// Both ends go on until nothing moves.
    pub(crate) fn run(&mut self) {
        loop {
            let mut moved = self.near.run(MANY_POLLS);
            moved |= self.carry();
            if !moved {
                return;
            }
        }
    }

    /// Bytes between the wire and the far end, and what they mean there.
    fn carry(&mut self) -> bool {
        let mut moved = false;
        let out = self.wire.borrow_mut().take_outgoing(&mut self.far);
        if !out.is_empty() {
            moved = true;
            self.far.receive(&out);
        }
        let (shut, gone) = {
            let wire = self.wire.borrow();
            (wire.shut && wire.outgoing.is_empty(), wire.dropped && wire.outgoing.is_empty())
        };
        moved |= self.far.poll(shut || gone);
        // What the stream holds is bounded in this direction too.
        let room = self.wire.borrow().room_for_far();
        let bytes = self.far.take_some(room);
        if !bytes.is_empty() {
            moved = true;
            self.wire.borrow_mut().give(&bytes);
        }
        if self.far.is_done() && !self.wire.borrow().eof {
            moved = true;
            self.wire.borrow_mut().end();
        }
        moved
    }

    /// Runs until the opening handshake and both CSMs are through.
    pub(crate) fn opened(mut self) -> Rig<H> {
        self.run();
        assert!(self.remote.peer_settings().is_some(), "the connection is open");
        self.near.polls = 0;
        self.wire.borrow_mut().calls = Calls::default();
        self
    }

    /// Time goes by, deadline for deadline.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.time.now().saturating_add(by);
        self.run();
        loop {
            let next = [self.time.armed(), self.far.engine.poll_timeout()];
            let next = next.into_iter().flatten().min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.time.set(next.max(self.time.now()));
            self.far.timeout();
            self.run();
        }
        self.time.set(end);
        self.run();
    }

    /// Goes on until the connection is over: why it is.
    pub(crate) fn closed(&mut self) -> CloseReason {
        let remote = self.remote.clone();
        self.finish(async move { remote.closed().await.reason })
    }

    /// Goes on until a future is ready.
    pub(crate) fn finish<F: Future>(&mut self, future: F) -> F::Output {
        let mut task = Task::new(future);
        loop {
            task.run(MANY_POLLS);
            if let Some(output) = task.output.take() {
                return output;
            }
            let polls = self.near.polls;
            self.run();
            if !task.is_woken() && self.near.polls == polls {
                let next = [self.time.armed(), self.far.engine.poll_timeout()];
                let next = next.into_iter().flatten().min().expect("nothing would ever happen");
                self.time.set(next.max(self.time.now()));
                self.far.timeout();
                self.run();
            }
        }
    }
}

impl Rig<NoHandler> {
    /// Our end opens and only asks.
    pub(crate) fn asking() -> Rig<NoHandler> {
        Rig::initiator(NoHandler)
    }
}

pub(crate) fn engine(now: Instant, config: EngineConfig) -> Engine {
    match config.connection.side {
        Side::Initiator => Engine::initiator(now, config, "localhost", &Default::default()),
        Side::Acceptor => Engine::acceptor(now, config, Policy::default()),
    }
    .expect("the configuration can be used")
}

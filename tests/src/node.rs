//! A connection on any storage, behind one object: the harness is compiled once.

// The methods are the connection's own.
#![allow(missing_docs)]

use crate::alloc::{Held, Meter, metered};
use coap_ws_core::message::{Code, Encode};
use coap_ws_core::{
    Closing, Config, ConfigError, Connection, Event, ExchangeId, Fixed, Heap, Incoming, Instant,
    NotNow, PeerSettings, Phase, PingId, Refused, ReleaseOptions, RequestOptions, Responder,
    SendError, Stats, Storage, Transmit, Violation,
};

/// What a [`Connection`] can do, whatever its storage.
pub trait Node {
    fn handle_message<'m>(
        &mut self,
        now: Instant,
        message: &'m [u8],
    ) -> Result<Option<Incoming<'m>>, NotNow>;
    fn handle_text(&mut self, now: Instant);
    fn handle_oversized(&mut self, now: Instant);
    fn handle_violation(&mut self, now: Instant, violation: Violation);
    fn handle_alive(&mut self, now: Instant);
    fn handle_closed(&mut self, now: Instant, how: Closing);
    fn handle_timeout(&mut self, now: Instant);
    fn request(
        &mut self,
        now: Instant,
        message: &dyn Encode,
        options: RequestOptions,
    ) -> Result<ExchangeId, SendError>;
    fn respond(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &dyn Encode,
    ) -> Result<(), Refused>;
    fn wants_response(&self, responder: &Responder, code: Code) -> bool;
    fn cancel(&mut self, now: Instant, exchange: ExchangeId) -> bool;
    fn ping(&mut self, now: Instant, custody: bool) -> Result<PingId, SendError>;
    fn release(&mut self, now: Instant, options: ReleaseOptions<'_>) -> Result<(), SendError>;
    fn abort(&mut self, now: Instant, diagnostic: &str);
    fn poll_transmit(&mut self) -> Option<Transmit<'_>>;
    fn poll_event(&mut self) -> Option<Event>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn trim(&mut self);
    fn phase(&self) -> Phase;
    fn peer_settings(&self) -> Option<PeerSettings>;
    fn config(&self) -> &Config;
    fn stats(&self) -> Stats;
    fn exchanges_in_flight(&self) -> usize;
    fn requests_open(&self) -> usize;
    fn output_waiting(&self) -> usize;
    fn wants_input(&self) -> bool;
    fn has_room(&self) -> bool;
    fn max_send(&self) -> usize;
}

/// Hands each method on to the connection's own of the same name.
macro_rules! node {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $ret:ty)?;)*) => {
        $(fn $name(&self $(, $arg: $type)*) $(-> $ret)? {
            Connection::$name(self $(, $arg)*)
        })*
    };
    (mut $($name:ident($($arg:ident: $type:ty),*) $(-> $ret:ty)?;)*) => {
        $(fn $name(&mut self $(, $arg: $type)*) $(-> $ret)? {
            Connection::$name(self $(, $arg)*)
        })*
    };
}

impl<S: Storage> Node for Connection<S> {
    fn handle_message<'m>(
        &mut self,
        now: Instant,
        message: &'m [u8],
    ) -> Result<Option<Incoming<'m>>, NotNow> {
        Connection::handle_message(self, now, message)
    }

    fn request(
        &mut self,
        now: Instant,
        message: &dyn Encode,
        options: RequestOptions,
    ) -> Result<ExchangeId, SendError> {
        Connection::request(self, now, &message, options)
    }

    fn respond(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &dyn Encode,
    ) -> Result<(), Refused> {
        Connection::respond(self, now, responder, &message)
    }

    fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        Connection::poll_transmit(self)
    }

    fn stats(&self) -> Stats {
        *Connection::stats(self)
    }

    node! {
        mut
        handle_text(now: Instant);
        handle_oversized(now: Instant);
        handle_violation(now: Instant, violation: Violation);
        handle_alive(now: Instant);
        handle_closed(now: Instant, how: Closing);
        handle_timeout(now: Instant);
        cancel(now: Instant, exchange: ExchangeId) -> bool;
        ping(now: Instant, custody: bool) -> Result<PingId, SendError>;
        release(now: Instant, options: ReleaseOptions<'_>) -> Result<(), SendError>;
        abort(now: Instant, diagnostic: &str);

        poll_event() -> Option<Event>;
        trim();
    }

    node! {
        wants_response(responder: &Responder, code: Code) -> bool;
        poll_timeout() -> Option<Instant>;
        phase() -> Phase;
        peer_settings() -> Option<PeerSettings>;
        config() -> &Config;
        exchanges_in_flight() -> usize;
        requests_open() -> usize;
        output_waiting() -> usize;
        wants_input() -> bool;
        has_room() -> bool;
        max_send() -> usize;
    }
}

/// A storage by name, for tests that draw one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Store {
    /// Grows.
    Heap,
    /// Four of each, 1 KiB of output: about the least that is of use.
    Tiny,
    /// Room for a few larger messages.
    Small,
}

/// The smaller of the fixed storages of the tests.
pub type Tiny = Fixed<4, 4, 2, 1024>;
/// The larger one.
pub type Small = Fixed<8, 8, 4, 6144>;

impl Store {
    /// Which storage this is.
    pub fn of<S: Storage + 'static>() -> Store {
        let id = std::any::TypeId::of::<S>();
        if id == std::any::TypeId::of::<Heap>() {
            Store::Heap
        } else if id == std::any::TypeId::of::<Tiny>() {
            Store::Tiny
        } else {
            Store::Small
        }
    }

    /// The most bytes of output that the storage has room for.
    pub const fn output(self) -> usize {
        match self {
            Store::Heap => usize::MAX,
            Store::Tiny => 1024,
            Store::Small => 6144,
        }
    }

    /// The most exchanges, and the most requests of the peer, that it has slots for.
    pub const fn slots(self) -> usize {
        match self {
            Store::Heap => usize::MAX,
            Store::Tiny => 4,
            Store::Small => 8,
        }
    }

    /// The defaults that suit it.
    pub fn config(self, side: coap_ws_core::Side) -> Config {
        match self {
            Store::Heap => Config::new(side),
            Store::Tiny => Config::fixed(side, 1152),
            Store::Small => Config::fixed(side, 2048),
        }
    }

    /// A connection on it, and what it holds of the heap beside itself.
    ///
    /// # Errors
    ///
    /// As [`Connection::new`].
    pub fn connect(
        self,
        config: Config,
        meter: Meter,
    ) -> Result<(Box<dyn Node>, Held), ConfigError> {
        fn made<S: Storage + 'static>(
            config: Config,
            meter: Meter,
        ) -> Result<(Box<dyn Node>, Held), ConfigError> {
            let (connection, usage) = metered(meter, || Connection::<S>::new(config));
            let mut held = Held::default();
            held.add(usage);
            Ok((Box::new(connection?), held))
        }
        match self {
            Store::Heap => made::<Heap>(config, meter),
            Store::Tiny => made::<Tiny>(config, meter),
            Store::Small => made::<Small>(config, meter),
        }
    }
}

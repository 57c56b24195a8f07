//! What an engine adds to a connection's configuration.

use super::block_wise::BlockWise;
use super::framer::Framer;
use super::tap::TapSlot;
use crate::gauge::FrameLimits;
use crate::handshake::HandshakeLimits;
use coap_ws_core::message::OptionNumber;
use coap_ws_core::{Config, Rate, Side};
use std::sync::Arc;
use std::time::Duration;

/// How an [`Engine`](super::Engine) behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineConfig {
    /// The connection's own.
    pub connection: Config,
    /// Sizes of the opening handshake.
    pub handshake: HandshakeLimits,
    /// How long the opening handshake may take, from the first call. 10 s, absolute: no byte
    /// prolongs it (T01, T02).
    pub handshake_timeout: Duration,
    /// How long a message may take from its first byte to its last. 30 s (T22).
    pub message_timeout: Duration,
    /// How long the peer may take none of our output. 30 s (T53).
    pub write_stall_timeout: Duration,
    /// How long we read on after our last byte, so that it is not lost in a reset. 2 s
    /// (WS-45).
    pub linger_timeout: Duration,
    /// How much is read on then, in bytes. 64 KiB.
    pub linger_bytes: usize,
    /// How long output may take to leave after the peer's end of stream. 5 s (T32).
    pub drain_after_fin: Duration,
    /// WebSocket control frames (T25).
    pub control_frames: Rate,
    /// The most frames of one message (T21).
    pub max_fragments: u32,
    /// Whether the application has the last word about who may connect, by
    /// [`Event::Asked`](super::Event::Asked). It has `handshake_timeout` to say it.
    pub ask: bool,
    /// How bodies go in blocks. The engine leaves it to the [`Driver`](crate::Driver): it hands
    /// out each message as it is, and refuses Block options unless
    /// [`understood`](Config::understood) has them. With options of your own in there, name
    /// Block1 and Block2 too.
    pub block_wise: BlockWise,
    /// Who listens in. Nobody.
    pub tap: TapSlot,
}

/// A configuration that any number of engines share: of ten thousand connections each holds two
/// pointers. Made of an [`EngineConfig`]; cheap to clone.
///
/// ```
/// use coap_ws_core::{Instant, Side};
/// use coap_ws_driver::engine::{Engine, EngineConfig, SharedConfig};
///
/// let config = SharedConfig::from(EngineConfig::new(Side::Acceptor));
/// let one = Engine::acceptor(Instant::ZERO, config.clone(), Default::default())?;
/// let two = Engine::acceptor(Instant::ZERO, config, Default::default())?;
/// assert!(std::ptr::eq(one.config(), two.config()));
/// # Ok::<(), coap_ws_driver::engine::EngineError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedConfig {
    engine: Arc<EngineConfig>,
    connection: Arc<Config>,
}

impl From<EngineConfig> for SharedConfig {
    fn from(config: EngineConfig) -> SharedConfig {
        let connection = Arc::new(config.connection.clone());
        SharedConfig { engine: Arc::new(config), connection }
    }
}

impl std::ops::Deref for SharedConfig {
    type Target = EngineConfig;

    fn deref(&self) -> &EngineConfig {
        &self.engine
    }
}

impl SharedConfig {
    /// The same for an engine of this side; of its own where it was meant for the other.
    pub(super) fn of_side(self, side: Side) -> SharedConfig {
        if self.connection.side == side {
            return self;
        }
        let mut config = EngineConfig::clone(&self);
        config.connection.side = side;
        config.into()
    }

    pub(super) fn connection(&self) -> Arc<Config> {
        Arc::clone(&self.connection)
    }
}

impl EngineConfig {
    /// The defaults for an end.
    pub fn new(side: Side) -> EngineConfig {
        EngineConfig {
            connection: Config::new(side),
            handshake: HandshakeLimits::default(),
            handshake_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(30),
            linger_timeout: Duration::from_secs(2),
            linger_bytes: 64 * 1024,
            drain_after_fin: Duration::from_secs(5),
            control_frames: Rate { per_second: 20, burst: 64 },
            max_fragments: FrameLimits::default().max_fragments,
            ask: false,
            block_wise: BlockWise::default(),
            tap: TapSlot::default(),
        }
    }

    /// Who uses it processes these critical options itself, where bodies go in blocks at all.
    pub(crate) fn understand(&mut self, options: &'static [OptionNumber]) {
        if self.block_wise.enabled && self.connection.understood.is_empty() {
            self.connection.understood = options;
        }
    }

    pub(super) fn frames(&self) -> FrameLimits {
        let mut limits = FrameLimits::default();
        // What we announced may not have been read yet: 1152 is always allowed (CSM-17).
        limits.max_message_size = self.connection.limits.max_message_size.max(1152) as usize;
        limits.max_fragments = self.max_fragments;
        limits
    }

    /// The most bytes of heap that an engine holds: its connection's bound, the frames in
    /// both directions, one read of `read_chunk` bytes, and the handshake.
    pub fn bound(&self, read_chunk: usize) -> usize {
        let limits = &self.connection.limits;
        let max_send = limits.max_send_size as usize;
        limits
            .bound()
            .saturating_add(Framer::bound(&self.frames(), max_send))
            .saturating_add(read_chunk.saturating_mul(2))
            .saturating_add(super::OUTPUT_CHUNK.saturating_add(max_send).saturating_mul(2))
            .saturating_add(self.handshake.max_bytes.saturating_mul(4))
    }
}

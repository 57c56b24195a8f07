//! What all connections of the mock server share.

use super::mutation::Wrong;
use super::server;
use coap_ws_conform::case::Boxed;
use coap_ws_conform::conn::{Settings, Stream};
use coap_ws_conform::context::Dial;
use coap_ws_conform::wire::Message;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::broadcast;

/// What is stored: a payload and its Content-Format.
pub(crate) type Stored = (Vec<u8>, Option<u64>);

/// What makes blocks one body.
pub(crate) type BodyKey = (usize, Vec<(u16, Vec<u8>)>);

/// The state that outlives a connection.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) store: BTreeMap<String, Stored>,
    pub(crate) bodies: HashMap<BodyKey, Vec<u8>>,
    /// How often the observable resource has changed.
    pub(crate) changes: u64,
    /// For mutations that move state from one connection to another.
    pub(crate) leftovers: Vec<Message>,
    pub(crate) answered: HashMap<Vec<u8>, Message>,
    pub(crate) settings: Settings,
}

pub(crate) struct World {
    wrong: Option<Wrong>,
    connections: AtomicUsize,
    pub(crate) dead: AtomicBool,
    state: Mutex<State>,
    /// The observable resource has changed.
    pub(crate) changed: broadcast::Sender<()>,
    /// An error has come on one connection.
    pub(crate) fell: broadcast::Sender<()>,
}

impl World {
    pub(crate) fn new(wrong: Option<Wrong>) -> Arc<World> {
        let mut state = State::default();
        state.store.insert("/obs".to_owned(), (b"state 0".to_vec(), Some(0)));
        Arc::new(World {
            wrong,
            connections: AtomicUsize::new(0),
            dead: AtomicBool::new(false),
            state: Mutex::new(state),
            changed: broadcast::channel(1024).0,
            fell: broadcast::channel(1024).0,
        })
    }

    pub(crate) fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    pub(crate) fn one_of(&self, wrongs: &[Wrong]) -> bool {
        self.wrong.is_some_and(|wrong| wrongs.contains(&wrong))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Connects to the mock over memory.
pub(crate) struct Memory(pub(crate) Arc<World>);

impl Dial for Memory {
    fn dial(&self) -> Boxed<io::Result<Box<dyn Stream>>> {
        let world = Arc::clone(&self.0);
        Box::pin(async move {
            let count = world.connections.fetch_add(1, Ordering::Relaxed);
            let tired = world.is(Wrong::TiresOfUs) && count >= 8;
            // Others see the end of an earlier connection before this one begins.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let kills = [Wrong::VanishKills, Wrong::HugeExhausts];
            let gone = world.one_of(&kills) && world.dead.load(Ordering::Relaxed);
            if tired || gone {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = tokio::io::duplex(256 * 1024);
            tokio::spawn(server::serve(theirs, world, count));
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

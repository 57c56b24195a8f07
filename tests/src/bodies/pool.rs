//! The pool: what happens to the connections of an endpoint, in any order.

use crate::tape::Tape;
use coap_ws_core::Instant;
use coap_ws_core::message::uri::Uri;
use coap_ws_core::pool::{ConnectionId, DialId, Pool, PoolConfig, PoolKey, Route};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Above the limits, so that they are met.
const HOSTS: u64 = 6;

struct World {
    pool: Pool,
    now: Instant,
    dials: Vec<(DialId, u64)>,
    live: Vec<ConnectionId>,
    busy: BTreeMap<ConnectionId, usize>,
    seen: BTreeSet<ConnectionId>,
}

/// One attempt a host, no busy connection released, no id used twice, limits kept, and whoever
/// is held off is let in when it is said.
pub fn pool(input: &[u8]) {
    let mut tape = Tape::new(input);
    let mut config = PoolConfig::default();
    (config.max_connections, config.max_hosts, config.max_accepted) = (3, 4, 2);
    config.max_waiting = 3;
    config.follow_alternative_address = tape.chance(128);
    config.idle_timeout = tape.pick(&[Some(Duration::from_secs(60)), None, Some(Duration::ZERO)]);
    let pool = Pool::new(config, u64::from(tape.byte())).expect("it fits");
    let mut world = World {
        pool,
        now: Instant::ZERO,
        dials: Vec::new(),
        live: Vec::new(),
        busy: BTreeMap::new(),
        seen: BTreeSet::new(),
    };
    while !tape.is_over() {
        world.step(&mut tape);
        world.holds();
    }
}

fn host(number: u64) -> PoolKey {
    let uri = format!("coap+ws://host{number}.example");
    PoolKey::of(&Uri::parse(&uri).expect("a URI"), 0)
}

impl World {
    fn step(&mut self, tape: &mut Tape<'_>) {
        match tape.below(12) {
            0..=2 => self.route(tape.below(HOSTS)),
            3 | 4 => self.dialled(tape),
            5 => {
                if let Some(index) = index(tape, self.dials.len())
                    && self.pool.give_up(self.dials[index].0)
                {
                    self.dials.remove(index);
                }
            }
            6 => {
                if let Ok(id) = self.pool.accepted(self.now) {
                    assert!(self.seen.insert(id), "an id twice");
                    self.live.push(id);
                }
            }
            7 | 8 => {
                let Some(id) = self.any(tape) else { return };
                let uses = self.busy.entry(id).or_default();
                match tape.chance(128) {
                    true if *uses > 0 => {
                        *uses -= 1;
                        self.pool.end(self.now, id);
                    }
                    _ if self.pool.begin(id) => *uses += 1,
                    _ => {}
                }
            }
            9 => {
                let Some(id) = self.any(tape) else { return };
                let hold_off = Duration::from_secs(tape.pick(&[0, 1, 30, 700, u64::MAX]));
                let text = String::from_utf8_lossy(tape.bytes(8)).into_owned();
                self.pool.handle_release(self.now, id, hold_off, [&*text, "other.example:9"]);
            }
            10 => {
                let Some(id) = self.any(tape) else { return };
                self.live.retain(|other| *other != id);
                self.busy.remove(&id);
                self.pool.handle_closed(self.now, id, tape.chance(128));
                assert!(!self.pool.begin(id), "it is over");
            }
            _ => {
                let wait = tape.pick(&[1, 50, 1000, 40_000, 700_000]);
                self.now = self.now.saturating_add(Duration::from_millis(wait));
                self.pool.handle_timeout(self.now);
                let idle = self.pool.config().idle_timeout;
                let due = self.pool.poll_timeout();
                assert!(idle == Some(Duration::ZERO) || due.is_none_or(|due| due > self.now));
            }
        }
    }

    fn any(&self, tape: &mut Tape<'_>) -> Option<ConnectionId> {
        index(tape, self.live.len()).map(|index| self.live[index])
    }

    fn route(&mut self, number: u64) {
        let key = host(number);
        match self.pool.route(self.now, &key) {
            Route::Use(id) => {
                assert!(self.live.contains(&id), "a connection that is over");
                assert_eq!(self.pool.current(&key), Some(id));
            }
            Route::Dial { dial, .. } => {
                assert!(self.dials.iter().all(|(_, other)| *other != number), "two attempts");
                self.dials.push((dial, number));
            }
            Route::Wait(dial) => assert!(self.dials.contains(&(dial, number))),
            Route::HeldOff { until, .. } => {
                assert!(until > self.now, "held off, and till when is over");
                // A Hold-Off has a jitter on top.
                let config = self.pool.config();
                let most = config.max_hold_off + config.backoff_first;
                assert!(until.saturating_since(self.now) <= most, "longer than anybody may say");
            }
            Route::Full(_) => {}
        }
    }

    fn dialled(&mut self, tape: &mut Tape<'_>) {
        let Some(index) = index(tape, self.dials.len()) else { return };
        let (dial, number) = self.dials.remove(index);
        if tape.chance(100) {
            self.pool.dial_failed(self.now, dial);
            assert!(self.pool.dialled(self.now, dial).is_none(), "it has failed");
            return;
        }
        let id = self.pool.dialled(self.now, dial).expect("it is under way");
        assert!(self.seen.insert(id), "an id twice");
        self.live.push(id);
        assert_eq!(self.pool.route(self.now, &host(number)), Route::Use(id));
    }

    fn holds(&mut self) {
        while let Some(id) = self.pool.poll_evicted() {
            assert_eq!(self.busy.get(&id).copied().unwrap_or(0), 0, "it is in use");
            assert!(self.live.contains(&id), "it is over");
        }
        let stats = self.pool.stats();
        assert!(stats.open <= 3 + 2 && stats.hosts <= 4, "{stats:?}");
    }
}

fn index(tape: &mut Tape<'_>, len: usize) -> Option<usize> {
    (len > 0).then(|| tape.index(len))
}

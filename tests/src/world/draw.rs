//! What is drawn for a whole run: faults, each on or off, and limits.

use crate::node::Store;
use crate::tape::Tape;
use coap_ws_core::{Config, Rate, Side};
use std::time::Duration;

/// Which faults there are: each is on in half of the runs, so that each pair of them meets.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Timers are late.
    pub late_timers: bool,
    /// Time is told where nothing is due.
    pub spurious: bool,
    /// Clocks leap forward.
    pub leaps: bool,
    /// `now` goes back.
    pub back: bool,
    /// Ends do not read for a while.
    pub stalls: bool,
    /// The connection breaks.
    pub cuts: bool,
    /// Drivers do a part of what is to be done, the rest later.
    pub lazy: bool,
    /// Limits are tiny, and so are links.
    pub tiny: bool,
    /// Timeouts are drawn.
    pub timeouts: bool,
    /// Every message takes its own time.
    pub jitter: bool,
    /// Applications release and abort.
    pub endings: bool,
}

impl Faults {
    /// Draws which.
    pub fn draw(tape: &mut Tape<'_>) -> Faults {
        let bits = u16::from_le_bytes([tape.byte(), tape.byte()]);
        let bit = |index: u32| bits & (1 << index) != 0;
        Faults {
            late_timers: bit(0),
            spurious: bit(1),
            leaps: bit(2) && bit(11),
            back: bit(3),
            stalls: bit(4),
            cuts: bit(5) && bit(12),
            lazy: bit(6),
            tiny: bit(7),
            timeouts: bit(8),
            jitter: bit(9),
            endings: bit(10),
        }
    }

    /// The configuration of one end.
    pub fn config(&self, tape: &mut Tape<'_>, side: Side, store: Store) -> Config {
        let mut config = store.config(side);
        if self.timeouts {
            timeouts(&mut config, tape);
        }
        if self.tiny {
            limits(&mut config, tape, store);
        }
        config.serves = tape.byte() < 240;
        config
    }
}

fn timeouts(config: &mut Config, tape: &mut Tape<'_>) {
    let mut seconds =
        |from: u64, to: u64| Duration::from_millis(1000 * from + tape.below(1000 * (to - from)));
    config.csm_timeout = seconds(0, 10);
    config.answer_timeout = seconds(0, 25);
    config.drain_timeout = config.answer_timeout + seconds(0, 5);
    config.release_timeout = config.drain_timeout + seconds(0, 5);
    config.request_timeout = config.release_timeout + seconds(0, 20);
    config.custody_timeout = seconds(0, 30);
    config.ping_timeout = seconds(0, 20);
    config.keepalive_timeout = seconds(0, 60);
    config.close_timeout = seconds(0, 5);
    let interval = seconds(1, 40);
    config.keepalive_interval = (interval.as_millis() % 4 != 0).then_some(interval);
}

fn limits(config: &mut Config, tape: &mut Tape<'_>, store: Store) {
    let slots = store.slots().min(8) as u64;
    let limits = &mut config.limits;
    limits.max_exchanges = 1 + tape.index(slots as usize);
    limits.max_requests = 1 + tape.index(slots as usize);
    limits.max_options = tape.pick(&[1, 4, 16, 128]);
    limits.max_message_size = tape.pick(&[1152, 64, 65, 100, 1024, 3000]);
    limits.max_send_size = tape.pick(&[1152, 1153, 4000]);
    limits.min_peer_message_size = 64;
    limits.write_high = tape.pick(&[300, 0, 1, 64, 1000, 4000, usize::MAX]);
    if store == Store::Heap {
        limits.write_high = limits.write_high.min(8000);
    }
    let low = limits.write_high.min(8000);
    limits.write_low = tape.pick(&[low, low / 2, 0]);
    let mut rate =
        || Rate { per_second: 1 + tape.below(50) as u32, burst: 1 + tape.below(60) as u32 };
    limits.empty = rate();
    limits.unmatched = rate();
    limits.settings = rate();
}

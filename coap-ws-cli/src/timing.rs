//! When the stages of a connection were reached.

use crate::say;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Moments, each taken once. What the tap sees tells where the stages end.
#[derive(Debug)]
pub(crate) struct Timing {
    start: Instant,
    /// The first byte has left: name and TCP are done.
    first_out: OnceLock<Instant>,
    /// The first byte has come: the server answers the handshake.
    first_in: OnceLock<Instant>,
    asked: OnceLock<Instant>,
    answered: OnceLock<Instant>,
}

impl Timing {
    /// Starts now.
    pub(crate) fn new() -> Timing {
        Timing {
            start: Instant::now(),
            first_out: OnceLock::new(),
            first_in: OnceLock::new(),
            asked: OnceLock::new(),
            answered: OnceLock::new(),
        }
    }

    pub(crate) fn byte_out(&self) {
        self.first_out.get_or_init(Instant::now);
    }

    pub(crate) fn byte_in(&self) {
        self.first_in.get_or_init(Instant::now);
    }

    pub(crate) fn asked(&self) {
        self.asked.get_or_init(Instant::now);
    }

    pub(crate) fn answered(&self) {
        self.answered.get_or_init(Instant::now);
    }

    /// How long it took so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Tells the stages that were reached.
    pub(crate) fn tell(&self) {
        let stages = [
            ("name and TCP", Some(self.start), self.first_out.get().copied()),
            ("handshake", self.first_out.get().copied(), self.first_in.get().copied()),
            ("answer", self.asked.get().copied(), self.answered.get().copied()),
        ];
        let told: Vec<String> = stages
            .iter()
            .filter_map(|(name, from, to)| Some((name, (*from)?, (*to)?)))
            .map(|(name, from, to)| format!("{name} {}", ms(to.saturating_duration_since(from))))
            .collect();
        say::note(&format!("timing: {}, in all {}", told.join(", "), ms(self.elapsed())));
    }
}

/// `1.234 ms`.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}

//! What happened: each call, and whether it was right.

use super::Watched;
use crate::alloc::metered;
use crate::model::ensure;
use crate::node::Node;
use crate::told::Told;
use coap_ws_core::{Closing, Instant, NotNow, Phase, Violation};

impl Watched {
    /// A message came.
    ///
    /// # Errors
    ///
    /// As the connection says.
    pub fn handle_message(&mut self, now: Instant, bytes: &[u8]) -> Result<Option<Told>, NotNow> {
        let before = self.begin(now);
        let (told, usage) = metered(self.meter, || self.node.handle_message(now, bytes));
        self.held.add(usage);
        let told = told.map(|incoming| incoming.map(Told::of));
        self.line(3, bytes, format_args!("< {bytes:02x?} ! {told:?}"));
        match &told {
            Err(NotNow) => {
                ensure!(self.model, !before.input, "input was wanted, and not taken");
                self.model.seen.not_now += 1;
                self.unchanged(before);
            }
            Ok(told) if !before.phase.is_live() => {
                ensure!(self.model, told.is_none(), "after the end: {told:?}");
                self.unchanged(before);
            }
            Ok(told) => {
                ensure!(self.model, before.input, "no input was wanted, and it was taken");
                let violated = self.node.stats().violations > before.stats.violations;
                self.model.message(bytes, told.as_ref(), violated);
            }
        }
        self.check();
        told
    }

    /// A text message came.
    pub fn handle_text(&mut self, now: Instant) {
        self.violation(now, "text", |node| node.handle_text(now));
    }

    /// The header of a too large message came.
    pub fn handle_oversized(&mut self, now: Instant) {
        self.violation(now, "oversized", |node| node.handle_oversized(now));
    }

    /// The framer saw a rule broken.
    pub fn handle_violation(&mut self, now: Instant, violation: Violation) {
        self.violation(now, "violation", |node| node.handle_violation(now, violation));
    }

    /// Some byte came.
    pub fn handle_alive(&mut self, now: Instant) {
        self.begin(now);
        self.call(|node| node.handle_alive(now));
        self.model.hear();
        self.line(4, &[], format_args!("< alive"));
        self.check();
    }

    /// The WebSocket connection ended.
    pub fn handle_closed(&mut self, now: Instant, how: Closing) {
        self.begin(now);
        self.call(|node| node.handle_closed(now, how));
        self.line(5, &[], format_args!("< closed {how:?}"));
        ensure!(self.model, self.node.phase() == Phase::Closed, "it is not closed");
        self.check();
    }

    /// Time went by.
    pub fn handle_timeout(&mut self, now: Instant) {
        let before = self.node.poll_timeout();
        let was = self.begin(now);
        self.call(|node| node.handle_timeout(now));
        self.model.timeout(before, was.input);
        self.line(6, &[], format_args!("@"));
        self.check();
        self.model.timed_out(was.phase, before, self.node.poll_timeout());
    }

    fn violation(
        &mut self,
        now: Instant,
        what: &str,
        call: impl FnOnce(&mut (dyn Node + 'static)),
    ) {
        let before = self.begin(now);
        self.call(call);
        self.line(13, what.as_bytes(), format_args!("< {what}"));
        ensure!(self.model, !self.node.phase().is_live(), "a rule was broken, and it lives");
        let violations = self.node.stats().violations - before.stats.violations;
        ensure!(self.model, violations == u64::from(before.phase.is_live()), "{violations}");
        self.model.seen.violations += violations;
        self.check();
    }
}

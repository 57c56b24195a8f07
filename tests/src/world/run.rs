//! The loop: one thing on the agenda after the other, and after each all that became possible.

use super::{End, Honest, Outcome, TAIL, WRITE_STALL, What, World};
use crate::told::{Told, Wire};
use coap_ws_core::{Closing, Event, Flood, Instant, Phase, RequestOptions, Violation};
use std::cmp::Reverse;

impl World<'_> {
    pub(super) fn run(mut self) -> Outcome {
        let mut end_at = u64::MAX;
        while let Some(Reverse((at, _, _, what))) = self.agenda.pop() {
            if self.tape.is_over() && !self.fair {
                end_at = self.begin_tail();
            }
            if at > end_at {
                break;
            }
            self.now = self.now.max(at);
            self.steps += 1;
            assert!(self.steps < 1_000_000, "the world spins at {} µs: {what:?}", self.now);
            self.handle(what);
        }
        self.finish()
    }

    fn handle(&mut self, what: What) {
        match what {
            What::Pump(end) => self.pump(end),
            What::Timer(end) => self.timer(end),
            What::Act(end) => self.act(end),
            What::Answer(end, number) => {
                let now = self.time(end);
                if let End::Honest(honest) = &mut self.ends[end] {
                    honest.app.answer(&mut honest.connection, now, number);
                }
                self.pump(end);
            }
            What::Resume(end) => {
                self.pump(end);
                self.pump(1 - end);
            }
            What::WriteStall(end) => self.write_stall(end),
            What::Cut => self.cut(),
            What::Leap(end) => self.leap(end),
        }
    }

    /// What time it is for an end; sometimes it is wrong.
    fn time(&mut self, end: usize) -> Instant {
        let skew = match &self.ends[end] {
            End::Honest(honest) => honest.skew,
            End::Hostile(_) => 0,
        };
        let mut micros = self.now + skew;
        if self.faults.back && !self.fair && self.tape.chance(20) {
            micros = micros.saturating_sub(self.tape.below(10_000_000));
        }
        Instant::from_micros(micros)
    }

    /// Does all that can be done at an end, in a drawn order; or a part of it.
    fn pump(&mut self, end: usize) {
        if let End::Hostile(_) = self.ends[end] {
            return self.pump_hostile(end);
        }
        let order: [u8; 3] = if self.fair {
            [0, 1, 2]
        } else {
            self.tape.pick(&[[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]])
        };
        let mut fuel = 2000 + 4 * (self.links[0].len() + self.links[1].len());
        loop {
            let mut moved = false;
            for step in order {
                moved |= match step {
                    0 => self.take(end),
                    1 => self.tell(end),
                    _ => self.send(end),
                };
            }
            if !moved {
                self.check_rest(end);
                break;
            }
            if self.faults.lazy && !self.fair && self.tape.chance(60) {
                let after = self.tape.below(50_000);
                self.plan(after, What::Pump(end));
                break;
            }
            fuel -= 1;
            assert!(fuel > 0, "end {end} spins at {} µs", self.now);
        }
        self.set_timers(end);
    }

    /// Takes one message that has arrived.
    fn take(&mut self, end: usize) -> bool {
        let Some(wire) = self.links[1 - end].arrived(self.now).cloned() else { return false };
        let now = self.time(end);
        let End::Honest(honest) = &mut self.ends[end] else { return false };
        let Honest { connection, app, closing, .. } = &mut **honest;
        let was = connection.node().phase();
        let mut began = None;
        match wire {
            Wire::Message(bytes) => {
                let refuses = !connection.node().wants_input();
                if refuses && (self.fair || !self.tape.chance(30)) {
                    return false;
                }
                match connection.handle_message(now, &bytes) {
                    Err(_) => return false,
                    Ok(None) => {}
                    Ok(Some(told)) => began = app.told(connection, now, &mut self.tape, told),
                }
            }
            Wire::Text => connection.handle_text(now),
            Wire::Oversized => connection.handle_oversized(now),
            Wire::Close(code) => connection.handle_closed(now, Closing::Frame(code)),
            Wire::End if *closing => connection.handle_closed(now, Closing::Done),
            Wire::End => connection.handle_closed(now, Closing::EndOfStream),
            Wire::Broken => connection.handle_closed(now, Closing::Error),
        }
        if was == Phase::Closed {
            assert_eq!(connection.node().phase(), Phase::Closed);
        }
        self.links[1 - end].take();
        if let Some((number, after)) = began {
            self.plan(after, What::Answer(end, number));
        }
        // There is room on the link again.
        self.plan(0, What::Pump(1 - end));
        true
    }

    /// Tells one event.
    fn tell(&mut self, end: usize) -> bool {
        let now = self.time(end);
        let End::Honest(honest) = &mut self.ends[end] else { return false };
        let Some(event) = honest.connection.poll_event() else { return false };
        honest.app.told(&mut honest.connection, now, &mut self.tape, Told::Event(event));
        if matches!(event, Event::Closed(_)) {
            // The driver lets go of the transport.
            self.transfer(end, Wire::End);
        }
        true
    }

    /// Hands one message to the transport.
    fn send(&mut self, end: usize) -> bool {
        if !self.links[end].has_room(self.now) {
            return false;
        }
        let End::Honest(honest) = &mut self.ends[end] else { return false };
        let Some(wire) = honest.connection.poll_transmit() else { return false };
        honest.stuck = None;
        honest.closing |= matches!(wire, Wire::Close(_));
        self.transfer(end, wire);
        true
    }

    pub(super) fn transfer(&mut self, end: usize, wire: Wire) {
        let after = self.links[end].send(&mut self.tape, self.fair, self.now, wire);
        self.plan(after, What::Pump(1 - end));
    }

    /// Nothing moves any more.
    fn check_rest(&mut self, end: usize) {
        let End::Honest(honest) = &mut self.ends[end] else { return };
        if self.links[end].has_room(self.now) {
            honest.connection.check_rest();
        }
    }

    fn set_timers(&mut self, end: usize) {
        let (now, fair) = (self.now, self.fair);
        let End::Honest(honest) = &mut self.ends[end] else { return };
        let waiting = honest.connection.node().output_waiting();
        if waiting > 0 && honest.stuck.is_none() {
            honest.stuck = Some(now);
            self.plan(WRITE_STALL, What::WriteStall(end));
        }
        let End::Honest(honest) = &mut self.ends[end] else { return };
        let Some(next) = honest.connection.poll_timeout() else { return };
        let at = next.as_micros().saturating_sub(honest.skew).max(now);
        if honest.armed.is_none_or(|armed| at < armed) {
            honest.armed = Some(at);
            let late = self.faults.late_timers && !fair && self.tape.chance(60);
            let late = if late { self.tape.below(5_000_000) } else { 0 };
            self.plan((at - now).saturating_add(late).min(u64::MAX / 4), What::Timer(end));
        }
    }

    fn timer(&mut self, end: usize) {
        let now = self.time(end);
        if let End::Honest(honest) = &mut self.ends[end] {
            if honest.armed.is_some_and(|armed| armed <= self.now) {
                honest.armed = None;
            }
            honest.connection.handle_timeout(now);
        }
        self.pump(end);
    }

    fn act(&mut self, end: usize) {
        if self.fair {
            return;
        }
        let now = self.time(end);
        match &mut self.ends[end] {
            End::Honest(honest) => {
                let endings = self.faults.endings && self.tape.chance(60);
                honest.app.act(&mut honest.connection, now, &mut self.tape, endings);
                if self.faults.spurious && self.tape.chance(40) {
                    honest.connection.handle_timeout(now);
                }
                if self.faults.spurious && self.tape.chance(20) {
                    honest.connection.handle_alive(now);
                }
            }
            End::Hostile(hostile) => {
                let wires = hostile.act(&mut self.tape);
                for wire in wires {
                    if self.links[end].has_room(self.now) {
                        self.transfer(end, wire);
                    }
                }
            }
        }
        self.pump(end);
        if self.faults.stalls && self.tape.chance(20) {
            self.seen.stalls += 1;
            let time = self.tape.pick(&[100_000, 1_000, 3_000_000, 20_000_000, 45_000_000]);
            self.links[1 - end].stalled_until = self.now + time;
            self.log(format_args!("end {end} does not read for {} ms", time / 1000));
            self.plan(time, What::Resume(end));
        }
        let pause = self.tape.pick(&[1_000, 0, 0, 1, 50_000, 50_000, 1_000_000, 7_000_000]);
        self.plan(pause, What::Act(end));
    }

    fn write_stall(&mut self, end: usize) {
        let now = self.time(end);
        let End::Honest(honest) = &mut self.ends[end] else { return };
        let Some(since) = honest.stuck else { return };
        if since + WRITE_STALL <= self.now && honest.connection.node().output_waiting() > 0 {
            honest.connection.handle_closed(now, Closing::WriteStall);
            self.pump(end);
        } else if honest.connection.node().output_waiting() > 0 {
            self.plan(since + WRITE_STALL - self.now, What::WriteStall(end));
        }
    }

    fn cut(&mut self) {
        if self.fair {
            return;
        }
        self.seen.cuts += 1;
        let how = self.tape.below(8);
        self.log(format_args!("the connection breaks, {how}"));
        let end = self.tape.index(2);
        match how {
            0..=2 => {
                for end in 0..2 {
                    let delivered = self.tape.index(self.links[end].len() + 1);
                    self.links[end].lose(delivered);
                    self.transfer(end, Wire::Broken);
                }
            }
            3 => self.transfer(end, Wire::End),
            4 | 5 => {
                for link in &mut self.links {
                    let delivered = self.tape.index(link.len() + 1);
                    link.lose(delivered);
                    link.cut = true;
                }
            }
            _ => {
                let violation = match how {
                    6 => Violation::Flood(Flood::Control),
                    _ => Violation::WebSocket { code: 1007 },
                };
                let now = self.time(end);
                if let End::Honest(honest) = &mut self.ends[end] {
                    honest.connection.handle_violation(now, violation);
                    self.pump(end);
                }
            }
        }
    }

    fn leap(&mut self, end: usize) {
        if self.fair {
            return;
        }
        let time = self.tape.pick(&[1_000_000, 60_000_000, 86_400_000_000, 1 << 55]);
        self.seen.clock_leaps += 1;
        self.log(format_args!("the clock of end {end} leaps {} s", time / 1_000_000));
        if let End::Honest(honest) = &mut self.ends[end] {
            honest.skew += time;
            honest.armed = None;
        }
        self.pump(end);
    }

    /// The faults are over; when the world ends.
    fn begin_tail(&mut self) -> u64 {
        self.log(format_args!("the tail"));
        self.fair = true;
        for end in 0..2 {
            self.links[end].stalled_until = 0;
            if let End::Honest(honest) = &mut self.ends[end] {
                honest.app.give_up();
            }
            self.plan(0, What::Pump(end));
        }
        self.now + TAIL
    }

    /// Nothing is in flight; then the connections end too.
    fn finish(mut self) -> Outcome {
        let mut hash = 0;
        for end in 0..2 {
            match &mut self.ends[end] {
                End::Honest(honest) => {
                    honest.end(Instant::from_micros(self.now + honest.skew));
                    self.seen.add(honest.connection.seen());
                    self.seen.asked_back += honest.app.asked_back;
                    self.seen.dropped += honest.app.dropped;
                    hash = honest.connection.hash() ^ u64::rotate_left(hash, 1);
                }
                End::Hostile(hostile) => self.seen.hostile += hostile.sent,
            }
        }
        Outcome { hash, seen: self.seen, steps: self.steps }
    }
}

impl Honest {
    fn end(&mut self, now: Instant) {
        let connection = &mut self.connection;
        let phase = connection.node().phase();
        assert!(matches!(phase, Phase::Open | Phase::Closed), "{phase:?} after the tail");
        connection.check_idle();
        assert_eq!(self.app.waiting(), 0, "commands still wait for room");
        connection.handle_closed(now, Closing::Error);
        while connection.poll_event().is_some() {}
        connection.check_rest();
        // Nothing moves it any more.
        let told = connection.handle_message(now, &[0, 0xe1]);
        assert!(matches!(told, Ok(None)), "after Closed: {told:?}");
        connection.handle_timeout(now.saturating_add(std::time::Duration::MAX));
        let request = coap_ws_core::message::Request::get();
        let refused = connection.request(now, &request, RequestOptions::default());
        assert_eq!(refused, Err(coap_ws_core::SendError::Closed));
        connection.check_rest();
        connection.trim();
        connection.check_trimmed();
    }
}

//! The life of a connection as a table: no bytes, no roles, no time.

/// Where a connection is in its life. It never goes back (invariant 8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The peer's CSM is not here yet.
    AwaitingSettings,
    /// Both may do everything.
    Open,
    /// A Release was sent, or has come, or both: what is begun is finished.
    Draining(Drain),
    /// The end is decided; what is queued goes out, nothing more comes in.
    Closing,
    /// It is over.
    Closed,
}

/// Who released the connection (RFC 8323 §5.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Drain {
    /// We did: no new request leaves us, and the peer is to close.
    Ours,
    /// The peer did: we are to close when its requests are answered.
    Theirs,
    /// Both did: either may close when it is done (REL-16).
    Both,
}

/// What moves a connection on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// A valid CSM has come.
    Settings,
    /// We sent a Release.
    WeRelease,
    /// A Release has come.
    TheyRelease,
    /// A violation, an Abort, a timeout, or all that was begun is finished.
    Finish,
    /// The WebSocket connection is gone.
    Gone,
}

impl Phase {
    /// Every phase, for tables and tests.
    #[cfg(test)]
    pub(crate) const ALL: [Phase; 7] = [
        Phase::AwaitingSettings,
        Phase::Open,
        Phase::Draining(Drain::Ours),
        Phase::Draining(Drain::Theirs),
        Phase::Draining(Drain::Both),
        Phase::Closing,
        Phase::Closed,
    ];

    /// The phase after `step`.
    pub(crate) const fn next(self, step: Step) -> Phase {
        match (self, step) {
            (Phase::Closed, _) | (_, Step::Gone) => Phase::Closed,
            (Phase::Closing, _) | (_, Step::Finish) => Phase::Closing,
            (Phase::AwaitingSettings | Phase::Open, Step::Settings) => Phase::Open,
            (drain @ Phase::Draining(_), Step::Settings) => drain,
            (Phase::AwaitingSettings | Phase::Open, Step::WeRelease) => {
                Phase::Draining(Drain::Ours)
            }
            (Phase::AwaitingSettings | Phase::Open, Step::TheyRelease) => {
                Phase::Draining(Drain::Theirs)
            }
            (Phase::Draining(Drain::Theirs | Drain::Both), Step::WeRelease)
            | (Phase::Draining(Drain::Ours | Drain::Both), Step::TheyRelease) => {
                Phase::Draining(Drain::Both)
            }
            (Phase::Draining(Drain::Ours), Step::WeRelease) => Phase::Draining(Drain::Ours),
            (Phase::Draining(Drain::Theirs), Step::TheyRelease) => Phase::Draining(Drain::Theirs),
        }
    }

    /// Whether new requests may leave us (REL-05).
    pub const fn may_request(self) -> bool {
        matches!(self, Phase::AwaitingSettings | Phase::Open)
    }

    /// Whether messages are still read.
    pub const fn is_live(self) -> bool {
        !matches!(self, Phase::Closing | Phase::Closed)
    }

    /// Whether the peer has released the connection.
    pub const fn released_by_peer(self) -> bool {
        matches!(self, Phase::Draining(Drain::Theirs | Drain::Both))
    }

    /// Whether we have released the connection.
    pub const fn released_by_us(self) -> bool {
        matches!(self, Phase::Draining(Drain::Ours | Drain::Both))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every phase × every step. A change of behaviour is a change of this table.
    #[test]
    fn every_transition() {
        const STEPS: [Step; 5] =
            [Step::Settings, Step::WeRelease, Step::TheyRelease, Step::Finish, Step::Gone];
        use Drain::{Both, Ours, Theirs};
        use Phase::{AwaitingSettings as Await, Closed, Closing, Draining as D, Open};
        #[rustfmt::skip]
        let table = [
            //  Settings   WeRelease  TheyRelease  Finish   Gone
            (Await,     [Open,      D(Ours),   D(Theirs),   Closing, Closed]),
            (Open,      [Open,      D(Ours),   D(Theirs),   Closing, Closed]),
            (D(Ours),   [D(Ours),   D(Ours),   D(Both),     Closing, Closed]),
            (D(Theirs), [D(Theirs), D(Both),   D(Theirs),   Closing, Closed]),
            (D(Both),   [D(Both),   D(Both),   D(Both),     Closing, Closed]),
            (Closing,   [Closing,   Closing,   Closing,     Closing, Closed]),
            (Closed,    [Closed,    Closed,    Closed,      Closed,  Closed]),
        ];
        assert_eq!(table.map(|(from, _)| from), Phase::ALL);
        for (from, expected) in table {
            for (step, to) in STEPS.into_iter().zip(expected) {
                assert_eq!(from.next(step), to, "{from:?} × {step:?}");
                assert!(from.next(step) >= from, "{from:?} × {step:?} goes back");
            }
        }
    }
}

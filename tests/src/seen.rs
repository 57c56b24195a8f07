//! How often what happened: a simulation in which nothing happens proves nothing.

macro_rules! seen {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of what a run has seen.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Seen {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Seen {
            /// Adds what another run has seen.
            pub fn add(&mut self, other: &Seen) {
                $(self.$name += other.$name;)*
            }

            /// Every counter with its name.
            pub fn each(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

seen! {
    /// Calls of a connection, polls included.
    calls,
    /// Requests that were taken.
    requests,
    /// Responses that reached their request.
    responses,
    /// Responses of no use: critical option or reserved code.
    responses_unusable,
    /// Requests that ended at their timeout before they were handed out.
    timeouts_unsent,
    /// The same, after.
    timeouts_sent,
    /// Requests that the end of the connection failed before they were handed out.
    failed_unsent,
    /// The same, after.
    failed_sent,
    /// Requests that wanted no response.
    silent,
    /// Cancelled before they were handed out.
    cancels_unsent,
    /// Cancelled after.
    cancels_sent,
    /// Cancelled when they were over already.
    cancels_late,
    /// Responses to what was over.
    responses_late,
    /// Responses to nothing.
    responses_unmatched,
    /// Requests of the peer that were shown.
    served,
    /// Requests of the peer that the core answered by itself.
    refused_by_core,
    /// Responses that were taken.
    responded,
    /// Responses that the request disclaimed.
    suppressed,
    /// Requests of the peer that nobody answered in time.
    expired,
    /// Responses that came after that.
    respond_expired,
    /// Pings of the application.
    pings,
    /// Pongs to them.
    pongs,
    /// Pings without a Pong.
    pings_failed,
    /// Pings that the core sent to see whether the peer lives.
    keepalive_pings,
    /// Pongs that stated custody.
    custody_pongs,
    /// Pongs that did not.
    plain_pongs,
    /// Messages that were not taken for lack of room.
    not_now,
    /// Commands refused because output was above high water.
    no_room,
    /// Commands refused because a table was full.
    no_slot,
    /// Responses refused because output was above high water.
    respond_no_room,
    /// Events that there is room again.
    room,
    /// Requests larger than the peer takes.
    too_large,
    /// Requests too large before the peer's CSM.
    awaiting_settings,
    /// Releases that we sent.
    releases_sent,
    /// Releases that came.
    releases_received,
    /// Aborts that we sent.
    aborts_sent,
    /// Aborts that came.
    aborts_received,
    /// Rules that the peer broke.
    violations,
    /// Of these, floods.
    floods,
    /// Connections that ended in good order.
    closed_clean,
    /// Connections that were lost.
    closed_lost,
    /// Connections ended by silence.
    closed_silent,
    /// Connections ended because the peer did not read.
    closed_stalled,
    /// Calls of `handle_timeout` with nothing due.
    idle_timeouts,
    /// Calls with a `now` before an earlier one.
    clock_back,
    /// Leaps of a clock.
    clock_leaps,
    /// Links that were cut.
    cuts,
    /// Times that an end did not read.
    stalls,
    /// Messages of a hostile end.
    hostile,
    /// Requests that a handler sent back to its client.
    asked_back,
    /// Responders that were dropped.
    dropped,
    /// Calls of `trim`.
    trims,
}

//! `ping`: CoAP Pings and how long their Pongs take (RFC 8323 §5.4).

use crate::args::{Global, PingArgs};
use crate::connect::Target;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::say;
use crate::timing::ms;
use coap_ws_tokio::{PingFailure, Remote};
use std::time::{Duration, Instant};

pub(super) fn run(args: &PingArgs, global: Global) -> Result<Exit, Failure> {
    let target = Target::new(&args.uri, &args.connect, global, false)?;
    super::uninterrupted(async {
        let remote = tokio::select! {
            remote = target.connect() => remote?,
            () = super::signals::interrupted() => return Ok(Exit::Interrupted),
        };
        let mut tally = Tally::default();
        let outcome = tokio::select! {
            outcome = pings(&remote, args, &mut tally) => outcome,
            () = super::signals::interrupted() => Ok(Exit::Interrupted),
        };
        say::line(&tally.told())?;
        if global.timing {
            target.timing.tell();
        }
        target.release().await;
        match outcome {
            Ok(exit) => Ok(exit),
            Err(failure) => Err(Failure::of_ping(&failure, &target.attempt)),
        }
    })
}

/// One after the other. A Pong that is late is lost; an end of the connection ends it all.
async fn pings(remote: &Remote, args: &PingArgs, tally: &mut Tally) -> Result<Exit, PingFailure> {
    let peer = match remote.info().address {
        Some(address) => format!(" from {address}"),
        None => String::new(),
    };
    let mut lost = None;
    for n in 1..=args.count {
        let begun = Instant::now();
        tally.sent += 1;
        let told = match remote.ping().await {
            Ok(()) => {
                let time = begun.elapsed();
                tally.times.push(time);
                format!("pong{peer}: {n} of {}, {}", args.count, ms(time))
            }
            Err(failure @ PingFailure::Timeout) => {
                lost = Some(failure);
                format!("no pong{peer}: {n} of {}", args.count)
            }
            Err(failure) => return Err(failure),
        };
        // Who pipes the output and leaves does not want to hear the rest.
        let _ = say::line(&told);
        if n < args.count {
            tokio::time::sleep(args.interval.saturating_sub(begun.elapsed())).await;
        }
    }
    lost.map_or(Ok(Exit::Success), Err)
}

/// What came back.
#[derive(Debug, Default)]
struct Tally {
    sent: u32,
    times: Vec<Duration>,
}

impl Tally {
    fn told(&self) -> String {
        let answered = self.times.len();
        let counts = format!("{} sent, {answered} answered", self.sent);
        let (Some(least), Some(most)) = (self.times.iter().min(), self.times.iter().max()) else {
            return counts;
        };
        let total: Duration = self.times.iter().sum();
        let mean = total / u32::try_from(answered).unwrap_or(u32::MAX);
        format!("{counts}; least {}, mean {}, most {}", ms(*least), ms(mean), ms(*most))
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use std::time::Duration;

    #[test]
    fn statistics() {
        let times = [1000, 3000, 2000].map(Duration::from_micros).to_vec();
        let tally = Tally { sent: 4, times };
        let told = "4 sent, 3 answered; least 1.000 ms, mean 2.000 ms, most 3.000 ms";
        assert_eq!(tally.told(), told);
        assert_eq!(Tally::default().told(), "0 sent, 0 answered");
    }
}

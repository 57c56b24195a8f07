//! The whole program.

use crate::args::Args;
use crate::case::{Boxed, Case, Verdict};
use crate::client::{self, ByCommand, ByHand, ClientShared, Guests};
use crate::conn::rules::Rules;
use crate::conn::{Patience, Stream};
use crate::context::{Cx, Dial, Shared};
use crate::report::{self, Run, Side};
use crate::runner::{self, Peer, Report};
use crate::select::select;
use crate::server;
use crate::target::Target;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How the program ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// No case failed.
    Success = 0,
    /// A case failed, or a report could not be written.
    Failed = 1,
    /// The URI or another argument is wrong.
    Usage = 2,
    /// Nobody is there.
    Unreachable = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Runs the suite as the arguments say, and tells the results on stdout.
///
/// Needs a tokio runtime with I/O and time. Dropping the future stops it; what a case has opened
/// is closed then.
pub async fn run(args: &Args) -> Exit {
    if args.list {
        let all = if args.client { client::cases() } else { everything() };
        report::terminal::list(&select(all, &args.only, &args.skip));
        return Exit::Success;
    }
    let readings = match args.readings.as_deref().map(report::readings).transpose() {
        Ok(readings) => readings.unwrap_or_default(),
        Err(text) => {
            eprintln!("{text}");
            return Exit::Usage;
        }
    };
    match if args.client { client_run(args).await } else { server_run(args).await } {
        Ok(run) => finish(args, &Run { readings, ..run }),
        Err((exit, text)) => {
            eprintln!("{text}");
            exit
        }
    }
}

/// All cases of both sides, each once.
fn everything() -> Vec<Case> {
    let mut all = server::cases();
    all.extend(client::cases().into_iter().filter(|case| case.id.starts_with("cl-")));
    all
}

type Failure = (Exit, String);

async fn server_run(args: &Args) -> Result<Run, Failure> {
    let uri = args.uri.clone().unwrap_or_default();
    let (host, dial) = tcp(&uri).map_err(|text| (Exit::Usage, text))?;
    if let Err(error) = dial.dial().await {
        return Err((Exit::Unreachable, format!("{uri}: {error}")));
    }
    let host = args.host.clone().unwrap_or(host);
    let shared = discover(args, Arc::new(dial), host).await;
    for line in report::terminal::found(&shared.target, shared.reachable) {
        eprintln!("{line}");
    }
    let cases = chosen(args, server::cases());
    let peer = Peer::Server(Arc::new(shared));
    Ok(all(args, &peer, &cases, Side::Server, uri).await)
}

/// Looks at what the server has, and at whether it can be spoken to at all.
async fn discover(args: &Args, dial: Arc<dyn Dial>, host: String) -> Shared {
    let shared = |target, reachable| Shared {
        dial: Arc::clone(&dial),
        host: host.clone(),
        patience: patience(args),
        deadline: Duration::from_secs(args.deadline),
        hostile: args.hostile,
        target,
        reachable,
        rules: Rules::default(),
        writing: Arc::new(Mutex::new(())),
        serial: AtomicU32::new(1),
    };
    let first = Cx::new(Arc::new(shared(Target::default(), false)));
    match Target::discover(&first, args.named()).await {
        Ok(target) => shared(target, true),
        Err(_) => shared(Target::default(), false),
    }
}

async fn client_run(args: &Args) -> Result<Run, Failure> {
    let wait = Duration::from_millis(args.patience * 10);
    let (guests, jobs): (Arc<dyn Guests>, usize) = match &args.exec {
        Some(line) => {
            let listen = SocketAddr::new(args.listen.ip(), 0);
            let guests = ByCommand { line: line.clone(), listen, patience: wait };
            (Arc::new(guests), args.jobs)
        }
        None => {
            let listening = ByHand::listen(args.listen, Duration::from_secs(300)).await;
            let guests = listening
                .map_err(|error| (Exit::Unreachable, format!("{}: {error}", args.listen)))?;
            for line in report::terminal::how_to(guests.address()) {
                eprintln!("{line}");
            }
            (Arc::new(guests), 1)
        }
    };
    let deadline = Duration::from_secs(args.deadline);
    let shared = Arc::new(ClientShared::new(guests, patience(args), deadline));
    let cases = chosen(args, client::cases());
    let name = args.exec.clone().unwrap_or_else(|| "client".to_owned());
    let only = Args { jobs, ..args.clone() };
    Ok(all(&only, &Peer::Client(shared), &cases, Side::Client, name).await)
}

fn patience(args: &Args) -> Patience {
    let answer = Duration::from_millis(args.patience.max(50));
    Patience { answer, quiet: (answer / 10).max(Duration::from_millis(30)) }
}

fn chosen(args: &Args, cases: Vec<Case>) -> Vec<Case> {
    let mut cases = select(cases, &args.only, &args.skip);
    cases.retain(|case| (args.hostile || !case.hostile) && !(args.quick && case.slow));
    cases
}

async fn all(args: &Args, peer: &Peer, cases: &[Case], side: Side, uri: String) -> Run {
    let started = Instant::now();
    let shown = io::stderr().is_terminal();
    let (mut done, total) = (0, cases.len());
    let tell = |report: &Report| {
        done += 1;
        if shown {
            eprint!("\r{done} of {total}: {:<40}", report.case.id);
            let _ = io::stderr().flush();
        }
    };
    let reports = runner::run(peer, cases, args.jobs, tell).await;
    if shown {
        eprint!("\r{:<60}\r", "");
    }
    let name = args.name.clone().unwrap_or(uri);
    Run { name, side, reports, took: started.elapsed(), readings: BTreeMap::new() }
}

fn finish(args: &Args, run: &Run) -> Exit {
    let mut exit = match run.count(Verdict::Fail) {
        0 => Exit::Success,
        _ => Exit::Failed,
    };
    if args.json.as_deref() != Some("-".as_ref()) {
        report::terminal::tell(run, args.wire);
    }
    for error in report::write(args, run) {
        eprintln!("{error}");
        exit = Exit::Failed;
    }
    exit
}

/// TCP to a URI's authority.
struct Tcp {
    address: String,
}

impl Dial for Tcp {
    fn dial(&self) -> Boxed<io::Result<Box<dyn Stream>>> {
        let address = self.address.clone();
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// The value of Host, and how to connect.
fn tcp(uri: &str) -> Result<(String, Tcp), String> {
    let scheme = "coap+ws://";
    let rest = match uri.get(..scheme.len()) {
        Some(start) if start.eq_ignore_ascii_case(scheme) => &uri[scheme.len()..],
        _ => return Err(format!("{uri:?} is no URI of a server: coap+ws://HOST[:PORT]")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let has_port = port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    match authority {
        "" => Err(format!("{uri:?} has no host")),
        _ if has_port => Ok((authority.to_owned(), Tcp { address: authority.to_owned() })),
        _ => Ok((authority.to_owned(), Tcp { address: format!("{authority}:80") })),
    }
}

#[cfg(test)]
mod tests {
    use super::{everything, tcp};
    use std::collections::BTreeSet;

    #[test]
    fn at_least_250_cases_each_with_what_it_needs() {
        let all = everything();
        assert!(all.len() >= 250, "{} cases", all.len());
        let ids: BTreeSet<_> = all.iter().map(|case| case.id).collect();
        assert_eq!(ids.len(), all.len(), "an id is there twice");
        for case in all {
            let told = [case.section, case.title, case.expected, case.why];
            assert!(told.iter().all(|text| !text.is_empty()), "{} says too little", case.id);
            assert!(!case.requirements.is_empty(), "{} is about no requirement", case.id);
        }
    }

    #[test]
    fn where_uris_lead() {
        let cases = [
            ("coap+ws://h:8683", "h:8683", "h:8683"),
            ("COAP+WS://h/a?b", "h", "h:80"),
            ("coap+ws://[::1]:90/", "[::1]:90", "[::1]:90"),
            ("coap+ws://[::1]/", "[::1]", "[::1]:80"),
        ];
        for (uri, host, address) in cases {
            let (got, tcp) = tcp(uri).unwrap();
            assert_eq!((got.as_str(), tcp.address.as_str()), (host, address));
        }
        assert!(tcp("http://h").is_err() && tcp("coap+ws:///a").is_err());
    }
}

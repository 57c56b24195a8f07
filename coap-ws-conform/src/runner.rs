//! Runs cases, each in bounded time, several at once.

use crate::case::{Area, Case, Outcome, Script, Stop, Verdict};
use crate::client::{ClientCx, ClientShared};
use crate::conn::Log;
use crate::conn::log::Line;
use crate::conn::rules::Rules;
use crate::context::{Cx, Shared};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What a case has come to.
#[derive(Clone, Debug)]
pub struct Report {
    pub case: Case,
    pub verdict: Verdict,
    /// What was got in place of what was expected, or why the case was not run.
    pub detail: String,
    pub lines: Vec<Line>,
    /// How many lines are not kept.
    pub left_out: usize,
    pub took: Duration,
}

/// Whom the cases are tried on.
#[derive(Clone)]
pub enum Peer {
    Server(Arc<Shared>),
    Client(Arc<ClientShared>),
}

impl Peer {
    fn rules(&self) -> &Rules {
        match self {
            Peer::Server(shared) => &shared.rules,
            Peer::Client(shared) => &shared.rules,
        }
    }

    /// The most that a case may take.
    fn bound(&self) -> Duration {
        let (answer, deadline) = match self {
            Peer::Server(shared) => (shared.patience.answer, shared.deadline),
            Peer::Client(shared) => (shared.patience.answer, shared.deadline),
        };
        deadline * 2 + answer * 20
    }
}

/// Runs them and tells each report as soon as it is there; returns all in the order of the cases.
pub async fn run(
    peer: &Peer,
    cases: &[Case],
    jobs: usize,
    mut tell: impl FnMut(&Report),
) -> Vec<Report> {
    let mut reports: Vec<(usize, Report)> = Vec::new();
    let (floods, polite): (Vec<_>, Vec<_>) =
        cases.iter().copied().enumerate().partition(|(_, case)| case.hostile);
    // What waits long waits beside the others; what floods comes last, one after the other.
    for (group, at_once) in [(polite, jobs.max(1)), (floods, 1)] {
        let slots = Arc::new(Semaphore::new(at_once));
        let mut running = JoinSet::new();
        for (at, case) in by_patience(group) {
            let slots = Arc::clone(&slots);
            let peer = peer.clone();
            running.spawn(async move {
                let _slot = match case.slow {
                    true => None,
                    false => slots.acquire_owned().await.ok(),
                };
                one(&peer, case).await.map(|report| (at, report))
            });
        }
        while let Some(done) = running.join_next().await {
            if let Ok(Some((at, report))) = done {
                tell(&report);
                reports.push((at, report));
            }
        }
    }
    for (at, case) in cases.iter().enumerate() {
        if let Some(report) = judged(peer, case) {
            tell(&report);
            reports.push((at, report));
        }
    }
    reports.sort_by_key(|(at, _)| *at);
    reports.into_iter().map(|(_, report)| report).collect()
}

fn by_patience(mut cases: Vec<(usize, Case)>) -> Vec<(usize, Case)> {
    cases.sort_by_key(|(at, case)| (!case.slow, *at));
    cases
}

/// One case, if it is one that does something.
async fn one(peer: &Peer, case: Case) -> Option<Report> {
    let started = Instant::now();
    let (log, running) = start(peer, case)?;
    let outcome = match tokio::time::timeout(peer.bound(), tokio::spawn(running)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(Stop::Fails(format!("the suite itself failed: {panic}"))),
        Err(_) => Err(Stop::Fails("the case did not come to an end".to_owned())),
    };
    let reachable = match peer {
        Peer::Server(shared) => shared.reachable,
        Peer::Client(_) => false,
    };
    let (verdict, detail) = verdict(&case, outcome, reachable);
    let (lines, left_out) = log.lines();
    Some(Report { case, verdict, detail, lines, left_out, took: started.elapsed() })
}

type Running = crate::case::Boxed<Outcome>;

fn start(peer: &Peer, case: Case) -> Option<(Log, Running)> {
    match (peer, case.script) {
        (Peer::Server(shared), Script::Run(run)) => {
            let cx = Cx::new(Arc::clone(shared));
            let log = cx.log.clone();
            // Whoever changes what is observed would be seen by all who observe.
            let writing = (case.area == Area::Observe).then(|| Arc::clone(&shared.writing));
            let running: Running = Box::pin(async move {
                let _guard = match writing {
                    Some(writing) => Some(writing.lock_owned().await),
                    None => None,
                };
                run(cx).await
            });
            Some((log, running))
        }
        (Peer::Server(shared), Script::Aborts(digits)) => {
            let cx = Cx::new(Arc::clone(shared));
            let log = cx.log.clone();
            Some((log, Box::pin(aborts(cx, digits))))
        }
        (Peer::Client(shared), Script::Visit(run)) => {
            let cx = ClientCx::new(Arc::clone(shared));
            let log = cx.log.clone();
            Some((log, run(cx)))
        }
        _ => None,
    }
}

async fn aborts(cx: Cx, digits: &'static str) -> Outcome {
    let mut conn = cx.open().await?;
    conn.send(digits).await;
    conn.aborted().await.map(|_| ())
}

/// A case that judges what all connections have shown.
fn judged(peer: &Peer, case: &Case) -> Option<Report> {
    let (verdict, detail) = match case.script {
        Script::Always(rule) => {
            let record = peer.rules().record(rule);
            match record.broken {
                Some(broken) => (case.level.verdict(), broken),
                None if record.seen == 0 => {
                    (Verdict::Skipped, "nothing that it is about was seen".to_owned())
                }
                None => (Verdict::Pass, String::new()),
            }
        }
        Script::Heads(judge) => match peer {
            Peer::Server(_) => return None,
            Peer::Client(shared) => verdict(case, judge(&shared.heads()), false),
        },
        _ => return None,
    };
    let (lines, left_out) = (Vec::new(), 0);
    Some(Report { case: *case, verdict, detail, lines, left_out, took: Duration::ZERO })
}

fn verdict(case: &Case, outcome: Outcome, reachable: bool) -> (Verdict, String) {
    match outcome {
        Ok(()) => (Verdict::Pass, String::new()),
        Err(Stop::Deviates(what)) => (case.level.verdict(), what),
        Err(Stop::Fails(what)) => (Verdict::Fail, what),
        Err(Stop::Lenient(what)) => (Verdict::Lenient, what),
        Err(Stop::Skipped(why)) => (Verdict::Skipped, why),
        Err(Stop::NoConnection(why)) if reachable => {
            (Verdict::Fail, format!("no connection, though there was one before: {why}"))
        }
        Err(Stop::NoConnection(why)) => (Verdict::Skipped, format!("no connection: {why}")),
    }
}

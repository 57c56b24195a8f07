//! The suite can fail: against peers that are right every case passes, against each of those that
//! are wrong in one thing a case of a requirement that this breaks does not.
//!
//! `golden/server.txt` and `golden/client.txt` have the table: each mutation, the requirements that
//! it breaks, and the cases of these requirements that catch it, in parentheses where the verdict is
//! `lenient`. `UPDATE_GOLDEN=1 cargo test -p coap-ws-conform` writes them anew.

mod mock;

use coap_ws_conform::case::{Case, Script, Verdict};
use coap_ws_conform::client::{self, ClientShared};
use coap_ws_conform::conn::Patience;
use coap_ws_conform::conn::rules::Rules;
use coap_ws_conform::context::{Cx, Shared};
use coap_ws_conform::runner::{self, Peer, Report};
use coap_ws_conform::server;
use coap_ws_conform::target::{Named, Target};
use mock::client::Called;
use mock::mutation::Wrong;
use mock::mutation_client::Odd;
use mock::{Memory, World};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tokio::sync::Mutex;

/// The verdict of each case, by its id.
type Verdicts = BTreeMap<&'static str, (Verdict, String)>;

const PATIENCE: Patience =
    Patience { answer: Duration::from_secs(2), quiet: Duration::from_millis(200) };

/// In virtual time: waiting costs nothing.
fn virtually<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
}

/// Each case against a server of its own, and what all of them have shown together.
fn server_verdicts(wrong: Option<Wrong>, cases: &[Case]) -> Verdicts {
    virtually(async {
        let rules = Rules::default();
        let shared = |target: Target, reachable| Shared {
            dial: Arc::new(Memory(World::new(wrong))),
            host: "mock:8683".to_owned(),
            patience: PATIENCE,
            deadline: Duration::from_secs(35),
            hostile: true,
            target,
            reachable,
            rules: rules.clone(),
            writing: Arc::new(Mutex::new(())),
            serial: AtomicU32::new(1),
        };
        let cx = Cx::new(Arc::new(shared(Target::default(), false)));
        let named = Named { put: None, ..Named::default() };
        let found = Target::discover(&cx, named).await;
        let reachable = found.is_ok();
        let target = found.unwrap_or_default();
        let mut verdicts = Verdicts::new();
        for case in cases {
            let peer = Peer::Server(Arc::new(shared(target.clone(), reachable)));
            collect(&mut verdicts, runner::run(&peer, &[*case], 1, |_| {}).await);
        }
        verdicts
    })
}

fn client_verdicts(odd: Option<Odd>, observes: bool, cases: &[Case]) -> Verdicts {
    virtually(async {
        let guests = Called { odd, observes, serial: std::sync::Mutex::new(0) };
        let shared = ClientShared::new(Arc::new(guests), PATIENCE, Duration::from_secs(35));
        let peer = Peer::Client(Arc::new(shared));
        let mut verdicts = Verdicts::new();
        collect(&mut verdicts, runner::run(&peer, cases, 1, |_| {}).await);
        verdicts
    })
}

fn collect(verdicts: &mut Verdicts, reports: Vec<Report>) {
    for report in reports {
        verdicts.insert(report.case.id, (report.verdict, report.detail));
    }
}

/// The cases that are run for a mutation: those of the requirements that it breaks. A rule about
/// everything that is sent needs all the others for something to be sent.
fn tried(all: &[Case], breaks: &[&str]) -> Vec<Case> {
    let about = |case: &Case| case.requirements.iter().any(|id| breaks.contains(id));
    let rules = all.iter().any(|case| about(case) && matches!(case.script, Script::Always(_)));
    let fits = |case: &Case| about(case) || (rules && !case.hostile && !case.slow);
    all.iter().copied().filter(fits).collect()
}

/// The cases that say something worse than of the peer that is right.
fn caught<'v>(right: &Verdicts, wrong: &'v Verdicts) -> Vec<(&'static str, Verdict, &'v str)> {
    let worse = |id: &str, verdict: Verdict| {
        let before = right.get(id).map_or(Verdict::Skipped, |(verdict, _)| *verdict);
        matches!(verdict, Verdict::Fail | Verdict::Lenient) && before != verdict
    };
    wrong
        .iter()
        .filter(|(id, (verdict, _))| worse(id, *verdict))
        .map(|(id, (verdict, detail))| (*id, *verdict, detail.as_str()))
        .collect()
}

/// The table of one side, and what is wrong with it.
struct Table {
    lines: Vec<String>,
    /// Requirement, and whether one of its cases catches a mutation that breaks it.
    proven: BTreeSet<(&'static str, &'static str)>,
    missed: Vec<String>,
}

impl Table {
    fn new() -> Table {
        Table { lines: Vec::new(), proven: BTreeSet::new(), missed: Vec::new() }
    }

    fn add(
        &mut self,
        name: &str,
        what: &str,
        breaks: &'static [&'static str],
        cases: &[Case],
        caught: &[(&'static str, Verdict, &str)],
    ) {
        let mut by_requirement = BTreeSet::new();
        for (id, _, _) in caught {
            let Some(case) = cases.iter().find(|case| case.id == *id) else { continue };
            for requirement in case.requirements.iter().filter(|r| breaks.contains(*r)) {
                by_requirement.insert(*requirement);
                self.proven.insert((requirement, case.id));
            }
        }
        for requirement in breaks {
            if !by_requirement.contains(requirement) {
                self.missed.push(format!("{name}: no case of {requirement} catches it"));
            }
        }
        let about = |id: &str| {
            let case = cases.iter().find(|case| case.id == id);
            case.is_some_and(|case| case.requirements.iter().any(|r| breaks.contains(r)))
        };
        let ids: Vec<String> = caught
            .iter()
            .filter(|(id, ..)| about(id))
            .map(|(id, verdict, _)| match verdict {
                Verdict::Fail => (*id).to_owned(),
                _ => format!("({id})"),
            })
            .collect();
        self.lines.push(format!("{name} [{}] {what}\n    {}", breaks.join(" "), ids.join(" ")));
    }

    /// Requirements that no mutation breaks, and cases that catch no mutation of their own.
    fn gaps(&self, cases: &[Case]) -> Vec<String> {
        let mut gaps = self.missed.clone();
        let proven: BTreeSet<_> = self.proven.iter().map(|(requirement, _)| *requirement).collect();
        let catching: BTreeSet<_> = self.proven.iter().map(|(_, id)| *id).collect();
        let named: BTreeSet<_> =
            cases.iter().flat_map(|case| case.requirements.iter().copied()).collect();
        gaps.extend(named.difference(&proven).map(|r| format!("{r}: no mutation breaks it")));
        let idle = cases.iter().filter(|case| !catching.contains(case.id));
        gaps.extend(idle.map(|case| {
            format!("{}: catches no mutation of {}", case.id, case.requirements.join(" "))
        }));
        gaps
    }
}

/// Compares with the file, or writes it.
fn golden(name: &str, lines: &[String]) {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.push("tests/golden");
    path.push(name);
    let text = lines.join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (kept, now) in kept.lines().zip(text.lines()) {
        assert_eq!(kept, now, "{name} is not what it was: UPDATE_GOLDEN=1 writes it anew");
    }
    assert_eq!(kept.lines().count(), text.lines().count(), "{name} has not as many lines");
}

/// Runs a function for each of these, on all processors.
fn for_each<T: Copy + Sync, R: Send>(all: &[T], run: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let next = AtomicU32::new(0);
    let done = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) as usize;
                    let Some(item) = all.get(at) else { return };
                    let result = run(*item);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn told(verdicts: &Verdicts, wanted: Verdict) -> Vec<String> {
    let of = verdicts.iter().filter(|(_, (verdict, _))| *verdict == wanted);
    of.map(|(id, (_, detail))| format!("{id}: {detail}")).collect()
}

#[test]
fn a_right_server_passes() {
    let verdicts = server_verdicts(None, &server::cases());
    assert_eq!(told(&verdicts, Verdict::Fail), Vec::<String>::new());
    assert_eq!(told(&verdicts, Verdict::Lenient), Vec::<String>::new());
    let skipped = told(&verdicts, Verdict::Skipped);
    assert!(skipped.len() < 8, "{skipped:#?}");
}

#[test]
fn a_right_client_passes() {
    for observes in [false, true] {
        let verdicts = client_verdicts(None, observes, &client::cases());
        assert_eq!(told(&verdicts, Verdict::Fail), Vec::<String>::new());
        assert_eq!(told(&verdicts, Verdict::Lenient), Vec::<String>::new());
    }
}

#[test]
fn every_wrong_server_is_caught() {
    let cases = server::cases();
    let right = server_verdicts(None, &cases);
    let results = for_each(Wrong::ALL, |wrong| {
        let verdicts = server_verdicts(Some(wrong), &tried(&cases, wrong.breaks()));
        (wrong, verdicts)
    });
    let mut table = Table::new();
    for (wrong, verdicts) in &results {
        let caught = caught(&right, verdicts);
        table.add(&format!("{wrong:?}"), wrong.what(), wrong.breaks(), &cases, &caught);
    }
    let gaps = table.gaps(&cases);
    assert!(gaps.is_empty(), "{} gaps:\n{}", gaps.len(), gaps.join("\n"));
    golden("server.txt", &table.lines);
}

#[test]
fn every_wrong_client_is_caught() {
    let cases = client::cases();
    let right = client_verdicts(None, false, &cases);
    let results = for_each(Odd::ALL, |odd| {
        let observes = odd == Odd::ObserveOrders;
        (odd, client_verdicts(Some(odd), observes, &cases))
    });
    let mut table = Table::new();
    for (odd, verdicts) in &results {
        let caught = caught(&right, verdicts);
        table.add(&format!("{odd:?}"), odd.what(), odd.breaks(), &cases, &caught);
    }
    // What is said of everything that is sent is proven by the servers above.
    let own: Vec<Case> = cases.into_iter().filter(|case| case.id.starts_with("cl-")).collect();
    let gaps = table.gaps(&own);
    assert!(gaps.is_empty(), "{} gaps:\n{}", gaps.len(), gaps.join("\n"));
    golden("client.txt", &table.lines);
}

//! The simulation over many seeds (threats.md §3).
//!
//!     SIM_SEEDS=100000 cargo test --release -p coap-ws-tests --test simulation
//!     SIM_SEED=4711 cargo test -p coap-ws-tests --test simulation -- --nocapture seeds

mod meter;

use coap_ws_tests::node::Store;
use coap_ws_tests::seen::Seen;
use coap_ws_tests::tape;
use coap_ws_tests::world::{self, Options, Outcome};
use meter::counted;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// How many seeds an ordinary test runs.
const SEEDS: u64 = 3_000;

/// One run, made of its seed alone.
fn run(seed: u64, print: bool) -> Outcome {
    let mut random = tape::Random::new(!seed);
    let len = 200 + (random.next_u64() % 1400) as usize;
    let stores = match seed % 6 {
        0 => [Store::Heap, Store::Heap],
        1 => [Store::Heap, Store::Small],
        2 => [Store::Tiny, Store::Heap],
        3 => [Store::Tiny, Store::Tiny],
        4 => [Store::Small, Store::Tiny],
        _ => [Store::Small, Store::Small],
    };
    let hostile = random.next_u64().is_multiple_of(3);
    let options = Options { hostile, print, meter: counted, ..Options::new(stores) };
    world::run(&tape::fill(seed, len), options)
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

#[test]
fn seeds() {
    if let Some(seed) = number("SIM_SEED") {
        let outcome = run(seed, true);
        println!("seed {seed}: {outcome:#?}");
        return;
    }
    let count = number("SIM_SEEDS").unwrap_or(SEEDS);
    let start = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            std::thread::spawn(move || run_all((worker..count).step_by(threads as usize)))
        })
        .collect();
    let (mut seen, mut steps, mut failed) = (Seen::default(), 0, Vec::new());
    for worker in workers {
        let (more, more_steps, more_failed) = worker.join().expect("failures are caught");
        seen.add(&more);
        steps += more_steps;
        failed.extend(more_failed);
    }
    println!("{count} seeds, {steps} steps, {:?}", start.elapsed());
    for (what, times) in seen.each() {
        println!("{what:>20} {times}");
    }
    failed.sort_unstable();
    assert!(
        failed.is_empty(),
        "{} seeds failed, the first is SIM_SEED={}: {failed:?}",
        failed.len(),
        failed[0]
    );
    if count >= SEEDS {
        let never: Vec<_> = seen.each().into_iter().filter(|(_, times)| *times == 0).collect();
        assert!(never.is_empty(), "never happened: {never:?}");
    }
}

fn run_all(seeds: impl Iterator<Item = u64>) -> (Seen, u64, Vec<u64>) {
    let (mut seen, mut steps, mut failed) = (Seen::default(), 0, Vec::new());
    for seed in seeds {
        // A failure prints itself; the others still run.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let outcome = run(seed, false);
            if seed.is_multiple_of(50) {
                assert_eq!(outcome, run(seed, false), "the same seed, another run");
            }
            outcome
        }));
        match outcome {
            Ok(outcome) => {
                seen.add(&outcome.seen);
                steps += outcome.steps;
            }
            Err(_) => {
                eprintln!("    in seed {seed}: SIM_SEED={seed} shows what led to it");
                failed.push(seed);
                if failed.len() == 10 {
                    break;
                }
            }
        }
    }
    (seen, steps, failed)
}

//! The bodies of the fuzz targets, over seeds, vectors and what fuzzing has left behind: so they
//! compile, and what was found stays found.

use coap_ws_tests::bodies::{self, Body};
use coap_ws_tests::bodies_engine;
use coap_ws_tests::tape;
use std::path::Path;

/// The inputs of `tests/data/messages.json`.
fn vectors() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/messages.json");
    let text = std::fs::read_to_string(&path).expect("the vectors are there");
    let vectors: serde_json::Value = serde_json::from_str(&text).expect("they are JSON");
    let vectors = vectors.as_array().expect("they are a list");
    let hex = vectors.iter().filter_map(|vector| vector["hex"].as_str());
    hex.map(|hex| {
        let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
        digits.map(|two| u8::from_str_radix(two, 16).expect("hex")).collect()
    })
    .collect()
}

/// Inputs that fuzzing has found to matter, in files: every target has some.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = std::fs::read_dir(fuzz).expect("the target has a corpus");
    let files = files.map(|file| file.expect("the folder can be read").path());
    let inputs: Vec<_> =
        files.map(|path| std::fs::read(path).expect("the file can be read")).collect();
    assert!(inputs.len() >= 10, "the corpus of {target} is not there");
    inputs
}

/// Runs a body over its corpus, all vectors with each of them cut short, and seeds.
fn over(target: &str, seeds: u64, most: usize) {
    let named = bodies::ALL.into_iter().find(|(name, _)| *name == target);
    let (_, body): (_, Body) = named.expect("there is such a target");
    body(&[]);
    for input in corpus(target) {
        body(&input);
    }
    for vector in vectors().into_iter().filter(|vector| vector.len() < 3000) {
        body(&vector);
        let cut = vector.len().min(24);
        (0..cut).for_each(|len| body(&vector[..len]));
    }
    for seed in 0..seeds {
        let len = (tape::Random::new(seed).next_u64() % most as u64) as usize;
        body(&tape::fill(seed, len));
    }
}

/// Body, file and line of `fuzz/Cargo.toml` belong together.
#[test]
fn every_body_is_a_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("it is there");
    let files = std::fs::read_dir(fuzz.join("fuzz_targets")).expect("they are there");
    let files = files.map(|file| file.expect("the folder can be read").path());
    let mut files: Vec<_> = files
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    files.sort();
    let all = bodies::ALL.into_iter().chain(bodies_engine::ALL);
    let mut names: Vec<_> = all.map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
    for name in names {
        let line = format!("name = \"{name}\", path = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&line), "fuzz/Cargo.toml lacks {line}");
    }
}

macro_rules! bodies {
    ($($name:ident: $seeds:literal of $most:literal;)*) => {
        $(#[test]
        fn $name() {
            over(stringify!($name), $seeds, $most);
        })*

        #[test]
        fn every_body_is_here() {
            assert_eq!(bodies::ALL.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

bodies! {
    message: 20_000 of 64;
    options: 2_000 of 300;
    uri: 20_000 of 80;
    connection_initiator: 300 of 800;
    connection_acceptor: 300 of 800;
    pair_on_a_tape: 150 of 1200;
    blocks: 3_000 of 300;
    block_server: 300 of 300;
    observe: 1_000 of 300;
    pool: 1_000 of 300;
    links: 300 of 200;
}

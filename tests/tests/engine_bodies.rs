//! The bodies of the fuzz targets at the level of bytes, over seeds, vectors and what fuzzing
//! has left behind: so they compile, and what was found stays found.

use coap_ws_tests::bodies_engine;
use coap_ws_tests::stream::handshake::REQUEST;
use coap_ws_tests::stream::hex;
use coap_ws_tests::tape;
use std::path::Path;

/// The streams of `tests/data/frames.json`.
fn vectors() -> Vec<Vec<u8>> {
    let text = include_str!("../data/frames.json");
    let vectors: serde_json::Value = serde_json::from_str(text).expect("frames.json");
    let vectors = vectors.as_array().expect("a list");
    vectors.iter().map(|vector| hex(vector["hex"].as_str().expect("bytes"))).collect()
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

/// Runs a body over its corpus, all vectors in every mode, and seeds.
fn over(target: &str, seeds: u64, most: u64) {
    let named = bodies_engine::ALL.into_iter().find(|(name, _)| *name == target);
    let (_, body) = named.expect("there is such a target");
    body(&[]);
    for input in corpus(target) {
        body(&input);
    }
    let request = REQUEST.as_bytes().to_vec();
    for vector in vectors().into_iter().chain([request]) {
        for mode in 0..4 {
            body(&[&[mode], &vector[..]].concat());
            body(&[&[mode; 3], &vector[..]].concat());
        }
    }
    for seed in 0..seeds {
        let len = (tape::Random::new(seed).next_u64() % most) as usize;
        body(&tape::fill(seed, len));
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
            assert_eq!(bodies_engine::ALL.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

bodies! {
    engine_initiator: 2_000 of 120;
    engine_acceptor: 2_000 of 120;
    handshake_server: 2_000 of 40;
    handshake_client: 2_000 of 40;
    gauge: 5_000 of 100;
}

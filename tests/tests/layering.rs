//! The layers, read from the sources: who may know whom, and what is nowhere.

use coap_ws_tests::source::{Source, reexports, sources};
use std::collections::{BTreeMap, BTreeSet};

/// Which module of the core may know which others (architecture, section 1). A message knows
/// nothing; no layer knows the connection; only the connection knows several layers. The storage
/// and the tables know each other, as one holds what the other defines.
const CORE: &[(&str, &[&str])] = &[
    ("message", &[]),
    ("time", &[]),
    ("phase", &[]),
    ("token", &[]),
    ("jitter", &[]),
    ("pool", &["jitter", "message", "time"]),
    ("stats", &[]),
    ("budget", &["time"]),
    ("signaling", &["message"]),
    ("block", &["message", "signaling"]),
    ("storage", &["config", "exchange", "observe", "served"]),
    ("queue", &["message", "storage", "token"]),
    // The three vocabularies, and what the application is told: names of what the layers have.
    ("error", &["message", "served"]),
    ("event", &["error", "exchange", "message", "observe", "ping", "served", "signaling"]),
    // The layers: none knows another.
    ("exchange", &["error", "event", "storage", "time"]),
    ("served", &["event", "message", "storage", "time", "token"]),
    ("observe", &["event", "message", "storage", "time", "token"]),
    ("ping", &["event", "exchange", "time"]),
    // The limits know the sizes of what they limit.
    (
        "config",
        &["budget", "exchange", "message", "observe", "queue", "served", "signaling", "token"],
    ),
    (
        "connection",
        &[
            "budget",
            "config",
            "error",
            "event",
            "exchange",
            "message",
            "observe",
            "phase",
            "ping",
            "queue",
            "served",
            "signaling",
            "stats",
            "storage",
            "time",
            "token",
        ],
    ),
];

/// Which of the lower modules of the driver may know which others. All that is not named is
/// above them: the task, its handles, and what is built of them.
const DRIVER: &[(&str, &[&str])] = &[
    ("gauge", &[]),
    ("policy", &[]),
    ("handshake", &["policy"]),
    ("engine", &["gauge", "handshake", "policy"]),
];

/// What is built of a task is not known to it, nor to its handles.
const ABOVE: [&str; 4] = ["client", "dial", "router", "server"];
const BELOW: [&str; 11] = [
    "answers",
    "asks",
    "body",
    "driver",
    "handler",
    "mailbox",
    "remote",
    "request",
    "response",
    "transport",
    "waiting",
];

/// The edges between the outermost modules of a crate.
fn edges(all: &[Source]) -> BTreeSet<(String, String)> {
    let root = all.iter().find(|source| source.modules.is_empty()).expect("a lib.rs");
    let names = reexports(root);
    let modules: BTreeSet<&String> = all.iter().filter_map(|s| s.modules.first()).collect();
    let mut edges = BTreeSet::new();
    for source in all {
        let Some(from) = source.modules.first() else { continue };
        for name in source.imports() {
            let to = if modules.contains(&name) { Some(&name) } else { names.get(&name) };
            if let Some(to) = to.filter(|to| *to != from) {
                edges.insert((from.clone(), to.clone()));
            }
        }
    }
    edges
}

// Invariant 2
#[test]
fn the_core_imports_as_its_layers_say() {
    let table: BTreeMap<&str, &[&str]> = CORE.iter().copied().collect();
    let all = sources("coap-ws-core");
    let modules: BTreeSet<&str> =
        all.iter().filter_map(|s| Some(s.modules.first()?.as_str())).collect();
    for module in modules {
        assert!(table.contains_key(module), "say in the table whom `{module}` may know");
    }
    let edges = edges(&all);
    assert!(edges.len() > 20, "the imports were not found: {edges:?}");
    for (from, to) in edges {
        assert!(table[from.as_str()].contains(&to.as_str()), "`{from}` may not know `{to}`");
    }
    // The table itself: nobody knows the connection, and a message knows nobody.
    assert!(CORE.iter().all(|(_, known)| !known.contains(&"connection")));
    assert!(table["message"].is_empty() && table["signaling"] == ["message"]);
}

// Invariant 2
#[test]
fn the_driver_imports_as_its_layers_say() {
    let all = sources("coap-ws-driver");
    assert!(!all.is_empty());
    let table: BTreeMap<&str, &[&str]> = DRIVER.iter().copied().collect();
    for (from, to) in edges(&all) {
        if let Some(known) = table.get(from.as_str()) {
            assert!(known.contains(&to.as_str()), "`{from}` may not know `{to}`");
        }
        let upwards = BELOW.contains(&from.as_str()) && ABOVE.contains(&to.as_str());
        assert!(!upwards, "`{from}` may not know `{to}`");
    }
}

/// Where in the sources one of these words is, not counting tests.
fn mentions(all: &[Source], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in all {
        for (line, token) in source.tokens() {
            if words.contains(&token) {
                found.push(format!("{}:{line}: `{token}`", source.path.display()));
            }
        }
    }
    found
}

// Invariant 1
#[test]
fn the_core_has_no_world_around_it() {
    let all = sources("coap-ws-core");
    let words = [
        "std",
        "async",
        "await",
        "Future",
        "Waker",
        "thread",
        "spawn",
        "Mutex",
        "RwLock",
        "RefCell",
        "Cell",
        "Rc",
        "Arc",
        "OnceLock",
        "AtomicUsize",
        "SystemTime",
        "unsafe",
        "println",
        "eprintln",
        "dbg",
        "log",
        "tracing",
        "rand",
        "getrandom",
        "dyn",
    ];
    let mut found = mentions(&all, &words);
    // A growing storage shares its configuration; nothing else is shared.
    found.retain(|place| !(place.contains("storage.rs") && place.ends_with("`Arc`")));
    assert_eq!(found, Vec::<String>::new());
    for source in &all {
        let clock = source.code.contains("Instant::now");
        let global = source.code.lines().any(|line| format!(" {line}").contains(" static "));
        assert!(!clock && !global, "{}", source.path.display());
    }
    let root = all.iter().find(|source| source.modules.is_empty()).unwrap();
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        assert!(root.code.contains(attribute), "{attribute}");
    }
}

// Invariant 1
#[test]
fn the_driver_knows_no_runtime_and_no_clock() {
    let all = sources("coap-ws-driver");
    let words = ["tokio", "async_std", "smol", "TcpStream", "TcpListener", "SystemTime", "unsafe"];
    let mut found = mentions(&all, &words);
    // A growing storage shares its configuration; nothing else is shared.
    found.retain(|place| !(place.contains("storage.rs") && place.ends_with("`Arc`")));
    assert_eq!(found, Vec::<String>::new());
    assert!(all.iter().all(|source| !source.code.contains("Instant::now")));
}

// Invariant 6
#[test]
fn the_adapters_know_no_protocol() {
    // What an adapter is made of is named here; whatever else of the driver it used would be a
    // decision about the protocol.
    let named =
        ["Runtime", "Timer", "Transport", "Instant", "Client", "Server", "Endpoint", "core"];
    for name in ["coap-ws-tokio", "coap-ws-async-std"] {
        let all = sources(name);
        assert!(all.len() >= 2, "{name} was not found");
        for source in all {
            let tokens = source.tokens();
            for (index, (line, token)) in tokens.iter().enumerate() {
                let next = tokens.get(index + 2).map_or("", |(_, token)| *token);
                let place = format!("{name}/src/{}:{line}", source.path.display());
                if *token == "coap_ws_driver" && !["*", "{"].contains(&next) {
                    assert!(named.contains(&next), "{place}: `{next}` is not an adapter's");
                }
            }
            let words = ["Code", "Message", "Engine", "Connection", "Policy", "decide", "Request"];
            assert_eq!(mentions(&[source], &words), Vec::<String>::new());
        }
    }
}

/// The lines of a crate that say something: no blank ones, no lone brackets, no imports.
fn telling_lines(name: &str) -> Vec<String> {
    let all = sources(name);
    let lines = all.iter().flat_map(|source| source.code.lines()).map(str::trim);
    let telling = |line: &&str| line.contains(char::is_alphanumeric) && !line.starts_with("use ");
    lines.filter(telling).map(str::to_owned).collect()
}

/// How many lines of `a` are in runs of six or more that stand in `b` too.
fn shared_lines(a: &[String], b: &[String]) -> usize {
    let run = |(i, j): (usize, usize)| {
        a[i..].iter().zip(&b[j..]).take_while(|(one, other)| one == other).count()
    };
    let (mut shared, mut at) = (0, 0);
    while at < a.len() {
        let longest = (0..b.len()).map(|j| run((at, j))).max().unwrap_or(0);
        shared += if longest >= 6 { longest } else { 0 };
        at += if longest >= 6 { longest } else { 1 };
    }
    shared
}

// Invariant 6: what both would have is the driver's.
#[test]
fn the_adapters_share_no_copied_code() {
    let (one, other) = (telling_lines("coap-ws-tokio"), telling_lines("coap-ws-async-std"));
    assert!(one.len() > 50 && other.len() > 50, "the adapters were not found");
    let shared = shared_lines(&one, &other);
    assert!(shared < 30, "{shared} lines stand in both adapters");
    assert_eq!(shared_lines(&one, &one), one.len(), "a copy is seen");
}

// Invariant 4
#[test]
fn no_file_and_no_function_is_too_long() {
    let mut count = 0;
    for name in
        ["coap-ws-core", "coap-ws-driver", "coap-ws-tokio", "coap-ws-async-std", "coap-ws-cli"]
    {
        for source in sources(name) {
            let path = source.path.display();
            assert!(source.lines <= 500, "{name}/src/{path} has {} lines", source.lines);
            for (function, line, lines) in source.functions() {
                count += 1;
                assert!(lines <= 80, "{name}/src/{path}:{line}: `{function}` has {lines} lines");
            }
        }
    }
    assert!(count > 300, "only {count} functions were found");
}

// Architecture: public API
#[test]
fn no_type_of_heapless_smallvec_or_tungstenite_is_public() {
    const CRATES: [&str; 3] = ["heapless", "smallvec", "tungstenite"];
    let mut count = 0;
    for name in ["coap-ws-core", "coap-ws-driver"] {
        for source in sources(name) {
            // What a file has imported from there counts as much as the crate's name.
            let mut names: BTreeSet<&str> = BTreeSet::from(CRATES);
            for statement in source.code.split(';') {
                let import = statement.rsplit("use ").next().unwrap_or("");
                if CRATES.iter().any(|one| import.starts_with(&format!("{one}::"))) {
                    let parts = import.split(|char: char| !char.is_alphanumeric() && char != '_');
                    names.extend(parts.filter(|part| part.starts_with(char::is_uppercase)));
                }
            }
            for item in source.public_items() {
                count += 1;
                let foreign = item.split(' ').find(|word| names.contains(word));
                assert_eq!(foreign, None, "{name}/src/{}: `{item}`", source.path.display());
            }
        }
    }
    assert!(count > 500, "only {count} public items were found");
}

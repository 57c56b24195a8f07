//! Which requirement is met where: read from the sources, the tests and two lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// One row of the requirements.
#[derive(Clone, Debug)]
pub struct Row {
    /// `CSM-12`.
    pub id: String,
    /// MUST, SHOULD, DEF, GAP and so on.
    pub level: String,
    /// Document and section.
    pub section: String,
}

/// Why a row counts as settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// By these tests, which name it.
    Tested(Vec<Test>),
    /// It concerns a role that we do not have, and this test keeps it so.
    NotOurs {
        /// Which.
        role: String,
        /// The test's name.
        guard: String,
    },
    /// Excepted in writing.
    Excepted(String),
}

/// A test function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// Where, below the workspace.
    pub file: String,
    /// Its name.
    pub name: String,
}

/// Everything there is to say.
#[derive(Debug, Default)]
pub struct Table {
    /// Each row with its state; `None` where it has none.
    pub rows: Vec<(Row, Option<State>)>,
    /// Where the code names it.
    pub places: BTreeMap<String, BTreeSet<String>>,
    /// What is wrong with the lists and the comments.
    pub faults: Vec<String>,
}

/// The most exceptions that there may be.
pub const MAX_EXCEPTIONS: usize = 12;

/// Builds the table of the workspace.
pub fn table() -> Table {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rows: Vec<Row> = lines(include_str!("../data/requirements.tsv")).map(row).collect();
    let known: BTreeSet<&str> = rows.iter().map(|row| &*row.id).collect();
    let families: BTreeSet<&str> = known.iter().filter_map(|id| id.split('-').next()).collect();
    let mut table = Table::default();
    let mut tests: BTreeMap<String, BTreeSet<Test>> = BTreeMap::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for file in rust_files(&root) {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let path = file.strip_prefix(&root).expect("it is below").to_string_lossy().into_owned();
        for found in scan(&text) {
            names.insert(found.name.clone());
            for id in found.ids {
                let test = Test { file: path.clone(), name: found.name.clone() };
                tests.entry(id).or_default().insert(test);
            }
        }
        for (number, line) in text.lines().enumerate() {
            for id in ids(line) {
                if !known.contains(&*id) && families.contains(id.split('-').next().unwrap_or("")) {
                    let line = number + 1;
                    table.faults.push(format!("{path}:{line} names {id}, which there is not"));
                }
                if path.contains("/src/") && !path.starts_with("tests/") {
                    table.places.entry(id).or_default().insert(path.clone());
                }
            }
        }
    }
    let mut lists = Lists::read(&known, &names, &mut table.faults);
    for row in rows {
        let tested = tests.remove(&row.id).map(|tests| State::Tested(tests.into_iter().collect()));
        let listed = lists.states.remove(&row.id);
        if tested.is_some() && matches!(listed, Some(State::Excepted(_))) {
            table.faults.push(format!("{} is excepted and tested", row.id));
        }
        table.rows.push((row, listed.or(tested)));
    }
    table
}

/// The two lists of rows that no test need name.
struct Lists {
    states: BTreeMap<String, State>,
}

impl Lists {
    fn read(known: &BTreeSet<&str>, tests: &BTreeSet<String>, faults: &mut Vec<String>) -> Lists {
        let mut states = BTreeMap::new();
        let mut guards: BTreeMap<&str, &str> = BTreeMap::new();
        let mut put = |id: &str, state: State, faults: &mut Vec<String>| {
            if !known.contains(id) {
                faults.push(format!("a list names {id}, which there is not"));
            }
            if states.insert(id.to_owned(), state).is_some() {
                faults.push(format!("{id} is listed twice"));
            }
        };
        for line in lines(include_str!("../data/not_our_role.tsv")) {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["role", role, guard] => {
                    if !tests.contains(guard) {
                        faults.push(format!("{guard}, the guard of `{role}`, is no test"));
                    }
                    guards.insert(role, guard);
                }
                [id, role] => match guards.get(role) {
                    Some(guard) => {
                        let (role, guard) = (role.to_owned(), (*guard).to_owned());
                        put(id, State::NotOurs { role, guard }, faults);
                    }
                    None => faults.push(format!("{id}: `{role}` is no role")),
                },
                _ => faults.push(format!("not a line of not_our_role.tsv: {line}")),
            }
        }
        for line in lines(include_str!("../data/excepted.tsv")) {
            match line.split_once('\t') {
                Some((id, reason)) if reason.len() > 40 => {
                    put(id, State::Excepted(reason.to_owned()), faults);
                }
                _ => faults.push(format!("an exception needs a reason: {line}")),
            }
        }
        Lists { states }
    }
}

impl Table {
    /// How many rows are in each state: tested, not ours, excepted, open.
    pub fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for (_, state) in &self.rows {
            counts[match state {
                Some(State::Tested(_)) => 0,
                Some(State::NotOurs { .. }) => 1,
                Some(State::Excepted(_)) => 2,
                None => 3,
            }] += 1;
        }
        counts
    }

    /// The table as a page.
    pub fn html(&self) -> String {
        let [tested, not_ours, excepted, open] = self.counts();
        let mut page = String::from(HEAD);
        let _ = write!(
            page,
            "<p>{} requirements: <b>{tested}</b> tested by their id, <b>{not_ours}</b> not our \
             role, <b>{excepted}</b> excepted, <b>{open}</b> open.</p><p><input type=search \
             placeholder=\"an id, an RFC, a word of a test\" aria-label=filter></p><table><thead><tr><th>id\
             <th>level<th>section<th>state<th>where the code names it</tr></thead><tbody>",
            self.rows.len()
        );
        for (row, state) in &self.rows {
            let (class, text) = match state {
                Some(State::Tested(tests)) => {
                    let items = tests.iter().map(|test| {
                        let sentence = test.name.replace('_', " ");
                        format!("<li title=\"{}: {}\">{sentence}", test.file, test.name)
                    });
                    ("tested", format!("<ul>{}</ul>", items.collect::<String>()))
                }
                Some(State::NotOurs { role, guard }) => {
                    ("role", format!("not our role: {role}, kept so by <code>{guard}</code>"))
                }
                Some(State::Excepted(reason)) => ("excepted", format!("excepted: {reason}")),
                None => ("open", "open".to_owned()),
            };
            let places = self.places.get(&row.id).into_iter().flatten();
            let places = places.cloned().collect::<Vec<_>>().join("<br>");
            let Row { id, level, section } = row;
            let _ = write!(
                page,
                "<tr class={class} id={id}><td>{id}<td>{level}<td>{section}<td>{text}<td>{places}"
            );
        }
        page.push_str("</tbody></table>");
        page.push_str(FILTER);
        page
    }
}

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>coap-ws: requirements\
</title><style>body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:80rem;\
padding:0 1rem;color:#1c2126;background:#fff}h1{font-size:1.4rem}\
table{border-collapse:collapse;width:100%;table-layout:fixed}\
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #dde2e7}\
th{position:sticky;top:0;background:#f4f6f8}td:first-child{font-weight:600}\
th:nth-child(1){width:6rem}th:nth-child(2){width:6rem}th:nth-child(3){width:12rem}\
th:nth-child(5){width:19rem}td:nth-child(3),td:last-child{font-size:.85rem;color:#58636e;\
overflow-wrap:anywhere}li{margin:0 0 .1rem}ul{margin:0;padding-left:1.1rem}\
input{font:inherit;padding:.3rem .6rem;width:22rem;border:1px solid #b8c0c8;border-radius:4px}\
.open td{background:#fde8e8}.role td,.excepted td{color:#58636e}</style>\
<h1>Where each requirement is met</h1>";

/// Shows the rows that have what is typed.
const FILTER: &str = "<script>const rows=[...document.querySelectorAll('tbody tr')];\
document.querySelector('input').addEventListener('input',event=>{\
const wanted=event.target.value.toLowerCase();\
for(const row of rows)row.hidden=!row.textContent.toLowerCase().includes(wanted)})</script>";

struct Found {
    name: String,
    ids: BTreeSet<String>,
}

/// The tests of a file, with the ids that the comment above, the name or a comment within
/// mentions.
fn scan(text: &str) -> Vec<Found> {
    let all: Vec<&str> = text.lines().collect();
    let mut tests = Vec::new();
    for (index, line) in all.iter().enumerate() {
        if !is_test_attribute(line.trim()) {
            continue;
        }
        let Some(start) = (index..all.len()).find(|at| function(all[*at]).is_some()) else {
            continue;
        };
        let name = function(all[start]).unwrap_or_default();
        let above = all[..index].iter().rev();
        let mut ids: BTreeSet<String> = above
            .take_while(|line| line.trim().starts_with("//") || line.trim().starts_with("#["))
            .flat_map(|line| self::ids(line))
            .collect();
        let indent = all[start].len() - all[start].trim_start().len();
        let end = |line: &&&str| line.len() > indent && &line[indent..=indent] == "}";
        let body = all[start..].iter().take_while(|line| !end(line));
        ids.extend(body.filter(|line| line.trim().starts_with("//")).flat_map(|l| self::ids(l)));
        ids.extend(id_of_name(&name));
        tests.push(Found { name, ids });
    }
    tests
}

fn is_test_attribute(line: &str) -> bool {
    line == "#[test]" || line.starts_with("#[tokio::test")
}

fn function(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("async ").unwrap_or(line.trim()).strip_prefix("fn ")?;
    Some(rest.split(['(', '<']).next()?.to_owned())
}

/// `ws_17_…` names WS-17.
fn id_of_name(name: &str) -> Option<String> {
    let mut parts = name.split('_');
    let (family, number) = (parts.next()?, parts.next()?);
    let digits = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    (digits && family.len() >= 2).then(|| format!("{}-{number}", family.to_uppercase()))
}

/// Everything in a line that looks like an id.
fn ids(line: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    let is = |text: &&str| {
        let Some((family, number)) = text.split_once('-') else { return false };
        (2..=5).contains(&family.len())
            && family.bytes().all(|byte| byte.is_ascii_uppercase())
            && number.len() == 2
            && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    line.split(word).filter(is).map(str::to_owned).collect()
}

fn row(line: &str) -> Row {
    let mut columns = line.split('\t').map(str::to_owned);
    let mut next = || columns.next().unwrap_or_default();
    Row { id: next(), level: next(), section: next() }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// All sources of the workspace's crates, those of the conformance suite left out: its cases are
/// for other people's code.
fn rust_files(root: &Path) -> Vec<PathBuf> {
    let crates =
        ["core", "driver", "tokio", "async-std", "cli"].map(|name| format!("coap-ws-{name}"));
    let mut folders: Vec<PathBuf> = crates.iter().map(|name| root.join(name)).collect();
    folders.push(root.join("tests"));
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::{id_of_name, ids, scan};

    #[test]
    fn ids_in_text_and_names() {
        let found: Vec<String> =
            ids("// ABC-12, XY-3, FMT-07 (RFC-7252), a-11").into_iter().collect();
        assert_eq!(found, ["ABC-12", "FMT-07"]);
        assert_eq!(id_of_name("ws_17_first").as_deref(), Some("WS-17"));
        assert_eq!(id_of_name("a_17"), None);
    }

    #[test]
    fn a_test_and_what_belongs_to_it() {
        let text = "// XX-01\nfn helper() {}\n\n// XX-02\n#[test]\n#[ignore]\nfn a() {\n    // XX-03\n}\n\
                    // XX-04\n#[tokio::test(x)]\nasync fn b<T>() {\n}\n// XX-05\n";
        let tests = scan(text);
        let all: Vec<_> = tests
            .iter()
            .map(|test| (&*test.name, test.ids.iter().cloned().collect::<Vec<_>>()))
            .collect();
        let own = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(all, [("a", own(&["XX-02", "XX-03"])), ("b", own(&["XX-04"]))]);
    }
}

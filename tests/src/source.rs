//! Rust sources as text: enough of a reader to see what imports what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One file of a crate, without comments, string contents and `#[cfg(test)]` items.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path below `src`.
    pub path: PathBuf,
    /// The modules it is in, outermost first; none for `lib.rs`.
    pub modules: Vec<String>,
    /// How many lines the file has.
    pub lines: usize,
    /// What is left of it, with each line where it was.
    pub code: String,
}

/// The sources of the workspace's member `name`, tests left out; none where there is no such
/// member.
pub fn sources(name: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            let test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !test {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !test {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                let below = path.strip_prefix(&root).expect("it is below").to_owned();
                found.push(Source::new(below, &text));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Source {
    /// Reads a file.
    pub fn new(path: PathBuf, text: &str) -> Source {
        let whole = path.with_extension("");
        let modules = whole.iter().map(|part| part.to_string_lossy().into_owned());
        let modules = modules.filter(|part| part != "mod" && part != "lib").collect();
        Source { path, modules, lines: text.lines().count(), code: without_tests(&plain(text)) }
    }

    /// The identifiers and signs of the code, each with its line from 1.
    pub fn tokens(&self) -> Vec<(usize, &str)> {
        tokens(&self.code)
    }

    /// What paths into the crate begin with, as they are seen from its root.
    pub fn imports(&self) -> BTreeSet<String> {
        let tokens: Vec<&str> = self.tokens().into_iter().map(|(_, token)| token).collect();
        let mut imports = BTreeSet::new();
        for (index, token) in tokens.iter().enumerate() {
            let supers = match *token {
                "crate" => self.modules.len(),
                "super" if index < 2 || tokens[index - 2] != "super" => {
                    let chain = tokens[index..].chunks(2);
                    chain.take_while(|pair| **pair == ["super", "::"]).count()
                }
                _ => continue,
            };
            // Only what leaves the outermost module is of interest.
            if supers >= self.modules.len() {
                let skip = if *token == "crate" { 1 } else { supers * 2 - 1 };
                heads(&tokens[index + skip..], &mut imports);
            }
        }
        imports
    }

    /// The functions: name, first line and number of lines.
    pub fn functions(&self) -> Vec<(String, usize, usize)> {
        let tokens = self.tokens();
        let mut functions = Vec::new();
        for (index, pair) in tokens.windows(2).enumerate() {
            let [(line, "fn"), (_, name)] = pair else { continue };
            if !name.starts_with(|char: char| char.is_alphabetic() || char == '_') {
                continue; // the type of a function
            }
            let mut depth = 0_usize;
            for (end, token) in &tokens[index..] {
                match *token {
                    "{" | "[" | "(" => depth += 1,
                    "}" if depth == 1 => {
                        functions.push(((*name).to_owned(), *line, end - line + 1));
                        break;
                    }
                    "}" | "]" | ")" => depth -= 1,
                    ";" if depth == 0 => break,
                    _ => {}
                }
            }
        }
        functions
    }

    /// What is public by its words: signatures of functions, fields of structs, whole enums,
    /// aliases and constants.
    pub fn public_items(&self) -> Vec<String> {
        let tokens = self.tokens();
        let public = |index: usize| {
            tokens[index].1 == "pub" && tokens.get(index + 1).is_some_and(|next| next.1 != "(")
        };
        let items = (0..tokens.len()).filter(|index| public(*index)).map(|index| {
            let whole = tokens[index..].iter().take(4).any(|token| token.1 == "enum");
            let mut depth = 0_i32;
            let mut item = Vec::new();
            for (_, token) in &tokens[index..] {
                let end = match *token {
                    "{" if !whole => true,
                    "{" | "(" | "[" | "<" => {
                        depth += 1;
                        false
                    }
                    "}" | ")" | "]" | ">" => {
                        depth -= 1;
                        depth < 0 || whole && *token == "}" && depth == 0
                    }
                    ";" | "=" | "," => depth == 0,
                    _ => false,
                };
                if end {
                    break;
                }
                item.push(*token);
            }
            item.join(" ")
        });
        items.collect()
    }
}

/// Where each name that the root re-exports is defined.
pub fn reexports(root: &Source) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let text: Vec<&str> = root.code.split(';').collect();
    for statement in text.iter().filter_map(|statement| statement.split("pub use ").nth(1)) {
        let words: Vec<&str> = tokens(statement).into_iter().map(|(_, token)| token).collect();
        let Some((module, rest)) = words.split_first() else { continue };
        let named = rest.iter().filter(|word| word.starts_with(char::is_alphabetic));
        names.extend(named.map(|name| ((*name).to_owned(), (*module).to_owned())));
    }
    names
}

/// The first names behind a `::`, one or a group of them.
fn heads(tokens: &[&str], names: &mut BTreeSet<String>) {
    match tokens {
        ["::", "{", group @ ..] => {
            let mut depth = 0_i32;
            let mut first = true;
            for token in group {
                match *token {
                    "{" => depth += 1,
                    "}" if depth == 0 => return,
                    "}" => depth -= 1,
                    "," if depth == 0 => first = true,
                    name if first => {
                        names.insert(name.to_owned());
                        first = false;
                    }
                    _ => {}
                }
            }
        }
        ["::", name, ..] => {
            names.insert((*name).to_owned());
        }
        _ => {}
    }
}

fn tokens(code: &str) -> Vec<(usize, &str)> {
    let word = |char: char| char.is_alphanumeric() || char == '_';
    let mut tokens = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let end = if word(first) {
                rest.find(|char| !word(char)).unwrap_or(rest.len())
            } else if rest.starts_with("::") || rest.starts_with("->") || rest.starts_with("=>") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push((line + 1, &rest[..end]));
            rest = rest[end..].trim_start();
        }
    }
    tokens
}

/// The text without comments and without what is between quotes.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let skip = match char {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => {
                let close = if rest.starts_with("r\"") { "\"" } else { "\"#" };
                let open = close.len() + 1;
                rest[open..].find(close).map_or(rest.len(), |end| open + end + close.len())
            }
            '"' => quoted(rest, '"'),
            '\'' if is_char(rest) => quoted(rest, '\''),
            _ => 0,
        };
        let (gone, kept) = rest.split_at(skip);
        out.extend(gone.chars().filter(|char| *char == '\n'));
        if skip == 0 {
            out.push(char);
        }
        rest = if skip == 0 { &kept[char.len_utf8()..] } else { kept };
    }
    out
}

/// A character literal and no lifetime.
fn is_char(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return at + char.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The code without the items that are for tests only.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let body = rest.find(['{', ';']).unwrap_or(rest.len());
        let mut depth = 0_usize;
        let end = rest[body..].char_indices().find_map(|(at, char)| {
            depth += usize::from(char == '{');
            depth -= usize::from(char == '}');
            (depth == 0).then_some(body + at + 1)
        });
        let (gone, kept) = rest.split_at(end.unwrap_or(rest.len()));
        out.extend(gone.chars().filter(|char| *char == '\n'));
        rest = kept;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"
//! use crate::comment;
use crate::{exchange, served::{Slot, x}, Phase};
use super::super::queue::Lane;
use super::Connection;
#[cfg(test)]
mod tests { use crate::test; fn f() { } }
pub fn open(a: &heapless::Vec<u8>, b: [u8; 2]) -> Option<&'static str> {
    let c = '{';
    let s = "use crate::string; { \" ";
    let r = r#"use crate::raw; ""#;
    crate::time::now()
}
pub(crate) fn hidden(a: smallvec::X) {}
pub struct Fields { pub shown: tungstenite::Shown, hidden: tungstenite::Hidden }
pub enum All { One(heapless::One), Two { two: heapless::Two } }
"##;

    #[test]
    fn it_sees_imports_functions_and_what_is_public() {
        let source = Source::new(PathBuf::from("connection/receive.rs"), TEXT);
        assert_eq!(source.modules, ["connection", "receive"]);
        let imports: Vec<String> = source.imports().into_iter().collect();
        assert_eq!(imports, ["Phase", "exchange", "queue", "served", "time"]);
        let functions = source.functions();
        assert_eq!(functions, [("open".into(), 8, 6), ("hidden".into(), 14, 1)]);
        let public = source.public_items();
        let has = |text| public.iter().any(|item| item.contains(text));
        assert!(has("heapless :: Vec") && has("Shown") && has("One") && has("Two"), "{public:?}");
        assert!(!has("Hidden") && !has("smallvec"), "{public:?}");
    }

    #[test]
    fn it_sees_where_names_come_from() {
        let root = Source::new(PathBuf::from("lib.rs"), "pub use a::{B, C as D};\npub use e::F;");
        let names = reexports(&root);
        assert_eq!(names.get("B").map(String::as_str), Some("a"));
        assert_eq!(names.get("F").map(String::as_str), Some("e"));
        assert!(root.modules.is_empty());
    }
}

//! JSON with line breaks. Only white space changes: order, repeated names and the spelling of
//! numbers stay what the sender wrote.

use serde_json::value::RawValue;

/// The text laid out, `None` where it is no JSON.
pub(super) fn pretty(text: &str) -> Option<String> {
    // Checks it, without making values of it.
    let json: &RawValue = serde_json::from_str(text).ok()?;
    let mut out = Layout::default();
    let mut rest = json.get().chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                out.text.push('"');
                string(&mut rest, &mut out.text);
            }
            '{' | '[' => {
                let close = if c == '{' { '}' } else { ']' };
                out.text.push(c);
                while rest.next_if(|c| c.is_whitespace()).is_some() {}
                if rest.next_if_eq(&close).is_some() {
                    out.text.push(close);
                } else {
                    out.depth += 1;
                    out.line();
                }
            }
            '}' | ']' => {
                out.depth = out.depth.saturating_sub(1);
                out.line();
                out.text.push(c);
            }
            ',' => {
                out.text.push(c);
                out.line();
            }
            ':' => out.text.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.text.push(c),
        }
    }
    Some(out.text)
}

/// The text without white space between its parts, `None` where it is no JSON.
pub(super) fn compact(text: &str) -> Option<String> {
    let json: &RawValue = serde_json::from_str(text).ok()?;
    let mut out = String::with_capacity(json.get().len());
    let mut rest = json.get().chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                out.push('"');
                string(&mut rest, &mut out);
            }
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    Some(out)
}

#[derive(Default)]
struct Layout {
    text: String,
    depth: usize,
}

impl Layout {
    fn line(&mut self) {
        self.text.push('\n');
        // Deeply nested text would otherwise grow with the square of its length.
        self.text.extend(std::iter::repeat_n("  ", self.depth.min(40)));
    }
}

/// The rest of a string, with its closing quote.
fn string(rest: &mut impl Iterator<Item = char>, out: &mut String) {
    let mut escaped = false;
    for c in rest {
        out.push(c);
        match c {
            '"' if !escaped => return,
            c => escaped = c == '\\' && !escaped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn only_white_space_changes() {
        let text = r#"{"b":1.50,"a":[ ],"b":{"c" : [1, 2e400,"x\"},\\"]},"d":{}}"#;
        let laid_out = "{\n  \"b\": 1.50,\n  \"a\": [],\n  \"b\": {\n    \"c\": [\n      1,\n      \
                        2e400,\n      \"x\\\"},\\\\\"\n    ]\n  },\n  \"d\": {}\n}";
        assert_eq!(pretty(text).as_deref(), Some(laid_out));
        assert_eq!(pretty(" 7 ").as_deref(), Some("7"));
    }

    #[test]
    fn what_is_no_json_stays() {
        for text in ["", "{", "{}x", "nul", "{\"a\":}"] {
            assert_eq!(pretty(text), None, "{text}");
        }
        // Deeper than the parser goes.
        assert_eq!(pretty(&"[".repeat(100_000)), None);
    }
}

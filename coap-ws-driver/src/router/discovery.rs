//! `/.well-known/core` (RFC 6690).

use super::Route;
use std::fmt::Write;

/// The routes as links, without those that have places for any segment; where there are
/// queries, those that match all of them (RFC 6690 §4.1).
pub(super) fn document<'q>(
    routes: &[Route],
    queries: &(impl Iterator<Item = &'q str> + Clone),
) -> String {
    let mut text = String::new();
    for route in routes.iter().filter(|route| route.listed) {
        let Some(target) = route.pattern.target() else { continue };
        if !queries.clone().all(|query| matches(query, &target, &route.attributes)) {
            continue;
        }
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "<{target}>");
        if route.notifier.is_some() {
            // RFC 7641 §6
            text.push_str(";obs");
        }
        for (name, value) in &route.attributes {
            let number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let _ = match number {
                _ if value.is_empty() => write!(text, ";{name}"),
                true => write!(text, ";{name}={value}"),
                false => write!(text, ";{name}=\"{}\"", quoted(value)),
            };
        }
    }
    text
}

/// Whether a link meets one query, `name=pattern`: the target for `href`, else an attribute.
/// `rt`, `if` and `rel` are lists of words. A `*` at the end stands for anything.
fn matches(query: &str, target: &str, attributes: &[(&'static str, String)]) -> bool {
    let Some((name, pattern)) = query.split_once('=') else {
        // No value: the link has such an attribute.
        return attributes.iter().any(|(other, _)| *other == query);
    };
    let meets = |value: &str| match pattern.strip_suffix('*') {
        Some(start) => value.starts_with(start),
        None => value == pattern,
    };
    if name == "href" {
        return meets(target);
    }
    let list = matches!(name, "rt" | "if" | "rel" | "ct");
    let mut values = attributes.iter().filter(|(other, _)| *other == name);
    values.any(|(_, value)| match list {
        true => value.split_ascii_whitespace().any(meets),
        false => meets(value),
    })
}

/// A quoted-string's inside (RFC 6690 §2).
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn queries_of_rfc_6690() {
        let attributes = [
            ("rt", "light-lux core.sen-light".to_owned()),
            ("if", "sensor".to_owned()),
            ("title", "Two words".to_owned()),
            ("ct", "40 60".to_owned()),
            ("obs", String::new()),
        ];
        for (query, expected) in [
            ("rt=light-lux", true),
            ("rt=core.sen-light", true),
            ("rt=light", false),
            ("rt=core*", true),
            ("rt=light-lux core.sen-light", false),
            ("if=sensor", true),
            ("title=Two words", true),
            ("title=Two", false),
            ("title=Two*", true),
            ("ct=60", true),
            ("ct=6", false),
            ("href=/light", true),
            ("href=/li*", true),
            ("href=/other", false),
            ("obs", true),
            ("sz", false),
            ("sz=*", false),
            ("", false),
        ] {
            assert_eq!(matches(query, "/light", &attributes), expected, "{query}");
        }
    }
}

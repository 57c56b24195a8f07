//! `/.well-known/core` (RFC 6690).

use super::Route;
use std::fmt::Write;

/// The routes as links, without those that have places for any segment.
pub(super) fn document(routes: &[Route]) -> String {
    let mut text = String::new();
    for route in routes.iter().filter(|route| route.listed) {
        let Some(target) = route.pattern.target() else { continue };
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "<{target}>");
        for (name, value) in &route.attributes {
            let number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let _ = match number {
                true => write!(text, ";{name}={value}"),
                false => write!(text, ";{name}=\"{}\"", quoted(value)),
            };
        }
    }
    text
}

/// A quoted-string's inside (RFC 6690 §2).
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

//! Two ways to look at the lines of a header: as one list, or as a value that comes once.

use http::{HeaderMap, HeaderName, HeaderValue};

/// How often a field came.
pub(super) enum Count<'h> {
    Missing,
    Once(&'h HeaderValue),
    Repeated,
}

/// A field that is a single value by its definition.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Count<'h> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Count::Missing,
        (Some(value), None) => Count::Once(value),
        (Some(_), Some(_)) => Count::Repeated,
    }
}

/// The elements of a field that is a comma-separated list, over all its lines (RFC 9110 §5.3);
/// empty elements do not count (§5.6.1.2).
pub(super) fn elements<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    lines
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// Whether a list holds `token`, in whatever case (WS-11).
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    elements(headers, name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

//! Two ways to look at the lines of a header: as one list, or as a value that comes once.

use http::{HeaderMap, HeaderName, HeaderValue, header};

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

/// What the opening handshake is about, and nothing else.
const USED_UP: [HeaderName; 6] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

/// The fields that still say something once a handshake is done, in no more room than they need:
/// they are kept as long as the connection.
pub(crate) fn left_over(headers: &HeaderMap) -> HeaderMap {
    let left = || headers.iter().filter(|(name, _)| !USED_UP.contains(name));
    let mut map = HeaderMap::with_capacity(left().count());
    for (name, value) in left() {
        // There were no more of them before.
        let _ = map.try_append(name, value.clone());
    }
    map
}

#[cfg(test)]
mod tests {
    use super::left_over;
    use http::{HeaderMap, HeaderName};

    #[test]
    fn what_the_handshake_used_up_is_not_kept_and_the_rest_is_in_its_order() {
        let fields = [
            ("host", "a"),
            ("connection", "upgrade"),
            ("cookie", "one"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "x"),
            ("x-forwarded-for", "192.0.2.1"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "coap"),
            ("cookie", "two"),
            ("sec-websocket-extensions", "x"),
            ("x-forwarded-for", "192.0.2.2"),
        ];
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let left = left_over(&map);
        let of = |name| left.get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(left.len(), 5);
        assert_eq!(of("host"), ["a"]);
        assert_eq!(of("cookie"), ["one", "two"]);
        assert_eq!(of("x-forwarded-for"), ["192.0.2.1", "192.0.2.2"]);
        assert!(left_over(&HeaderMap::new()).is_empty());
    }
}

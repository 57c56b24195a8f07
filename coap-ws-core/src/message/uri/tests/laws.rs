//! What holds for everything, tried on everything that is short.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::super::{Authority, Scheme, Uri, compose};
use super::{options, uri, values};

/// All strings of at most `length` symbols.
fn strings(alphabet: &[&str], length: usize) -> Vec<String> {
    let mut all = Vec::from([String::new()]);
    let mut from = 0;
    for _ in 0..length {
        let to = all.len();
        for index in from..to {
            for symbol in alphabet {
                all.push(format!("{}{symbol}", all[index]));
            }
        }
        from = to;
    }
    all
}

/// What holds for every URI: its normal form is a fixpoint and has the same options, and
/// composing its options gives it again.
fn check(text: &str) -> bool {
    let Ok(parsed) = Uri::parse(text) else { return false };
    let normal = parsed.to_string();
    let again = uri(&normal);
    assert_eq!(again, parsed, "{text}");
    assert_eq!(again.to_string(), normal, "{text}");
    assert_eq!(options(&again), options(&parsed), "{text}");
    let header = parsed.authority().to_string();
    assert_eq!(Authority::parse(&header).expect(text), parsed.authority(), "{text}");

    let values = |number| options(&parsed).into_iter().filter(move |o| o.0 == number).map(|o| o.1);
    let (path, query): (Vec<_>, Vec<_>) = (values(11).collect(), values(15).collect());
    assert!(path.iter().all(|segment| segment != b"." && segment != b".."), "{text}");
    let host: Vec<u8> = parsed.host().option_value().bytes().collect();
    let mut composed = String::new();
    let (path, query) = (path.iter().map(Vec::as_slice), query.iter().map(Vec::as_slice));
    compose(&mut composed, parsed.scheme(), &host, parsed.port(), path, query).expect(text);
    assert_eq!(composed, normal, "{text}");
    for value in
        parsed.path_segments().chain(parsed.queries()).chain([parsed.host().option_value()])
    {
        assert_eq!(value.bytes().count(), value.len());
        assert_eq!(value.is_empty(), value.bytes().next().is_none());
    }
    true
}

#[test]
fn short_suffixes_neither_panic_nor_change_meaning() {
    let bytes: Vec<String> = (0_u8..128).map(|b| char::from(b).to_string()).collect();
    let mut bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
    bytes.extend(["é", "€"]);
    let some = [
        "a", "A", "1", "%", "2", "e", "f", "/", "?", "#", "&", ":", "@", "[", "]", ".", " ", "é",
        "~",
    ];
    let prefixes = [
        "",
        "coap+ws:",
        "coap+ws://",
        "coap+ws://h",
        "coap+ws://h:",
        "coap+ws://[::1]",
        "coap+ws://[",
        "coap+ws://h/",
        "coaps+ws://h/a/",
        "coap+ws://h/%",
        "coap+ws://h?",
        "coap+ws://h/a?b%C3",
        "coap+ws://%C3",
        "coap+ws://h/..",
    ];
    let mut accepted = 0;
    for suffix in strings(&bytes, 1).iter().chain(&strings(&some, 3)) {
        for prefix in prefixes {
            accepted += usize::from(check(&format!("{prefix}{suffix}")));
        }
        _ = Authority::parse(suffix);
    }
    assert!(accepted > 10_000, "{accepted}");
}

#[test]
fn joining_a_base_is_joining_its_normal_form() {
    let paths = strings(&["/", ".", "a", "%2e"], 4);
    let bases: Vec<Uri<'_>> =
        ["", "/", "/a", "/a/", "/a/b", "/a/..", "/a/b/..", "//", "/a//", "/a/.?q"]
            .map(|path| format!("coap+ws://h{path}").leak() as &str)
            .map(uri)
            .into();
    for base in bases {
        let normal = base.to_string();
        for reference in &paths {
            let joined = base.join(reference).map(|uri| uri.to_string());
            assert_eq!(joined, uri(&normal).join(reference).map(|uri| uri.to_string()));
            let Ok(once) = base.join(reference) else { continue };
            assert!(check(&once.to_string()));
            for second in ["", ".", "..", "x", "../x", "x/", "./y/../z"] {
                let twice = once.join(second).expect(second).to_string();
                let expected = uri(&once.to_string()).join(second).expect(second).to_string();
                assert_eq!(twice, expected, "{base} + {reference} + {second}");
            }
        }
    }
}

/// RFC 3986 §5.2.4 to the letter, on a path in which `%2e` is already a dot.
fn remove_dot_segments(path: &str) -> String {
    let mut input = String::from(path);
    let mut output = String::new();
    while !input.is_empty() {
        if input.starts_with("/./") || input == "/." {
            input.replace_range(..input.len().min(3), "/");
        } else if input.starts_with("/../") || input == "/.." {
            input.replace_range(..input.len().min(4), "/");
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let next = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.extend(input.drain(..next));
        }
    }
    output
}

#[test]
fn dot_segments_are_removed_as_rfc_3986_says() {
    for path in strings(&["/", ".", "a", "%2e"], 7) {
        let text = format!("coap+ws://h/{path}");
        let removed = remove_dot_segments(&format!("/{}", path.replace("%2e", ".")));
        let expected: Vec<&str> = match removed.as_str() {
            "/" => Vec::new(),
            path => path[1..].split('/').collect(),
        };
        assert_eq!(values(&uri(&text)), expected, "{text}");
    }
}

#[test]
fn what_is_composed_reads_back() {
    let values =
        strings(&["a", "A", "%", "/", "&", "?", ".", "é", "\0", ":", "[", "#", " ", "+"], 2);
    for first in &values {
        for second in ["", "x", "%2e"] {
            let host = format!("h{first}");
            let parts = [first.as_bytes(), second.as_bytes()];
            let mut text = String::new();
            if compose(&mut text, Scheme::CoapsWs, host.as_bytes(), 1, [], []).is_ok() {
                let read: Vec<u8> = uri(&text).host().option_value().bytes().collect();
                assert_eq!(read, host.to_ascii_lowercase().into_bytes());
            }
            text.clear();
            if compose(&mut text, Scheme::CoapWs, b"h", 80, parts, parts).is_ok() {
                let read: Vec<Vec<u8>> = options(&uri(&text)).into_iter().map(|o| o.1).collect();
                assert_eq!(read, [parts, parts].concat(), "{text}");
            } else {
                assert!([".", ".."].contains(&first.as_str()), "{first}");
            }
        }
    }
}

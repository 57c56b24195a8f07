//! References, alone and in chains.

use std::format;
use std::string::ToString;

use super::super::{Scheme, UriErrorKind as Kind};
use super::uri;

#[test]
fn references() {
    // RFC 3986 §5.4, without fragments and other schemes
    let base = uri("coap+ws://a/b/c/d;p?q");
    let cases = [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/d;p?y"),
        ("g?y", "/b/c/g?y"),
        (";x", "/b/c/;x"),
        ("g;x", "/b/c/g;x"),
        ("g;x?y", "/b/c/g;x?y"),
        ("", "/b/c/d;p?q"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../", "/"),
        ("../../g", "/g"),
        ("../../../g", "/g"),
        ("../../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("g.", "/b/c/g."),
        (".g", "/b/c/.g"),
        ("g..", "/b/c/g.."),
        ("..g", "/b/c/..g"),
        ("./../g", "/b/g"),
        ("./g/.", "/b/c/g/"),
        ("g/./h", "/b/c/g/h"),
        ("g/../h", "/b/c/h"),
        ("g;x=1/./y", "/b/c/g;x=1/y"),
        ("g;x=1/../y", "/b/c/y"),
        ("g?y/./x", "/b/c/g?y/./x"),
        ("g?y/../x", "/b/c/g?y/../x"),
        ("./a:b", "/b/c/a:b"),
        ("g/a:b", "/b/c/g/a:b"),
        ("%2e%2E/g", "/b/g"),
        ("?", "/b/c/d;p?"),
    ];
    for (reference, expected) in cases {
        let joined = base.join(reference).expect(reference).to_string();
        assert_eq!(joined, format!("coap+ws://a{expected}"), "{reference}");
    }
    assert_eq!(base.join("//g").unwrap().to_string(), "coap+ws://g/");
    assert_eq!(base.join("//g:443/x?y").unwrap().to_string(), "coap+ws://g:443/x?y");
    assert_eq!(base.join("coaps+ws://g/x").unwrap().to_string(), "coaps+ws://g/x");
    let root = uri("coap+ws://a?q");
    assert_eq!(root.join("g").unwrap().to_string(), "coap+ws://a/g");
    let errors = [
        ("#f", Kind::Fragment, 0),
        ("g#f", Kind::Fragment, 1),
        ("1:b", Kind::MissingScheme, 0),
        ("a:b", Kind::UnsupportedScheme { instead: Scheme::CoapWs }, 0),
        ("coap+ws:g", Kind::MissingAuthority, 8),
        ("///g", Kind::EmptyHost, 2),
        ("//u@g", Kind::Userinfo, 3),
        ("a b", Kind::InvalidCharacter, 1),
        ("a/%zz", Kind::InvalidPercentEncoding, 2),
    ];
    for (reference, kind, offset) in errors {
        let error = base.join(reference).map(|uri| uri.to_string()).expect_err(reference);
        assert_eq!((error.kind, error.offset), (kind, offset), "{reference}");
    }
}

#[test]
fn chains_of_references() {
    let base = uri("coap+ws://h/a/b");
    let three = base.join("c/d").unwrap().join("e/").unwrap().join("../f/g").unwrap();
    assert_eq!(three.to_string(), "coap+ws://h/a/c/f/g");
    assert_eq!(three.join("x").unwrap_err().kind, Kind::TooManyJoins);
    assert_eq!(three.join("/x").unwrap().join("y").unwrap().to_string(), "coap+ws://h/y");
    assert_eq!(three.join("?x").unwrap().to_string(), "coap+ws://h/a/c/f/g?x");
    // A reference without a slash takes the place of the one before.
    let many = ["1", "2", "3", "4", "5"].iter().fold(base, |uri, r| uri.join(r).unwrap());
    assert_eq!(many.to_string(), "coap+ws://h/a/5");
    // A base that ends in dots is a directory.
    assert_eq!(uri("coap+ws://h/a/b/..").join("c").unwrap().to_string(), "coap+ws://h/a/c");
}

//! What options a client makes of a URI (RFC 7252 §6.4, RFC 8323 §8.6).

use super::ClientCx;
use crate::case::{Case, Outcome, deviates, lenient, skip, visit};
use crate::wire::annotate;
use crate::wire::names::{URI_HOST, URI_PATH, URI_PORT, URI_QUERY};

/// The client asks for this, and these are the segments and query parts that have to come.
async fn becomes(cx: &ClientCx, uri: &str, path: &[&str], query: &[&str]) -> Outcome {
    let (mut guest, request) = cx.asked(uri).await?;
    guest.answer(&request).await;
    let plain = request.uri_path() == "/hello" && !request.has(URI_QUERY);
    if plain && path != ["hello"] {
        return Err(skip(format!("the client asks for /hello, not for {uri}")));
    }
    let is =
        |option, wanted: &[&str]| request.all(option).eq(wanted.iter().map(|part| part.as_bytes()));
    if is(URI_PATH, path) && is(URI_QUERY, query) {
        return Ok(());
    }
    Err(deviates(annotate::described(&request)))
}

macro_rules! uris {
    ($($requirement:literal $id:literal $title:literal $uri:literal
       [$($path:literal)*] [$($query:literal)*])*) => {
        &[$(
            Case::def($id, &[$requirement])
                .says("7252 §6.4", $title)
                .expects(
                    concat!("For ", $uri, ": Uri-Path ", stringify!([$($path)*]), ", Uri-Query ",
                            stringify!([$($query)*])),
                    "Each segment and each part of the query becomes an option, percent-decoded \
                     once.",
                )
                .visit(visit!(cx, { becomes(&cx, $uri, &[$($path),*], &[$($query),*]).await?; }))
        ),*]
    };
}

pub(super) const CASES: &[Case] = uris! {
    "URI-11" "cl-uri-path" "A path of two segments" "/a/b" ["a" "b"] []
    "URI-11" "cl-uri-root" "The root has no Uri-Path" "/" [] []
    "URI-11" "cl-uri-slash" "A slash at the end is one more, empty segment" "/a/" ["a" ""] []
    "URI-11" "cl-uri-slashes" "Two slashes have an empty segment between them" "/a//b"
        ["a" "" "b"] []
    "URI-12" "cl-uri-query" "A query is split at the ampersand" "/a?x=1&y" ["a"] ["x=1" "y"]
    "URI-13" "cl-uri-percent-slash" "An encoded slash is data" "/a%2Fb" ["a/b"] []
    "URI-13" "cl-uri-percent-amp" "An encoded ampersand is data" "/a?b%26c" ["a"] ["b&c"]
    "URI-13" "cl-uri-percent-utf8" "Encoded UTF-8 is decoded" "/%e2%82%ac" ["€"] []
    "URI-13" "cl-uri-percent-tilde" "An encoded tilde is a tilde" "/%7Ex" ["~x"] []
    "URI-14" "cl-uri-dots" "Dot segments are resolved first" "/a/./b/../c" ["a" "c"] []
};

pub(super) const HOST: &[Case] = &[
    Case::silent("cl-uri-query-empty", &["URI-12"])
        .says("7252 §6.4", "An empty query is one empty Uri-Query")
        .expects(
            "For /a?: Uri-Path \"a\", Uri-Query \"\"",
            "The URI has a query component, with nothing in it; how many arguments that is is \
             not said. Without the option, /a? and /a would be the same.",
        )
        .visit(visit!(cx, {
            becomes(&cx, "/a?", &["a"], &[""]).await?;
        })),
    Case::must("cl-uri-dots-encoded", &["URI-27"])
        .says("7252 §5.10.1; 3986 §6.2.2", "Encoded dots are dots, or at least no Uri-Path `..`")
        .expects(
            "For /a/%2e%2E/b: Uri-Path b",
            "The value of a Uri-Path MUST NOT be `.` or `..`; \
             normalising `%2e` to a dot comes before resolving dot segments.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/a/%2e%2E/b").await?;
            guest.answer(&request).await;
            match request.uri_path().as_str() {
                "/b" => {}
                "/hello" => Err(skip("the client asks for /hello"))?,
                _ if request.all(URI_PATH).any(|segment| segment == b"..") => {
                    Err(deviates(annotate::described(&request)))?;
                }
                other => Err(lenient(format!("it asks for {other}")))?,
            }
        })),
    Case::should("cl-uri-host", &["OPT-09", "URI-07"])
        .says(
            "7252 §5.4.4; 8323 §4.1",
            "Uri-Host and Uri-Port are left out where they are the default",
        )
        .expects(
            "Neither of them",
            "The Host field has the default of Uri-Host, TCP that of \
             Uri-Port; a default SHOULD NOT be sent.",
        )
        .visit(visit!(cx, {
            let (mut guest, request) = cx.asked("/hello").await?;
            guest.answer(&request).await;
            if request.has(URI_HOST) || request.has(URI_PORT) {
                Err(deviates(annotate::described(&request)))?;
            }
        })),
];

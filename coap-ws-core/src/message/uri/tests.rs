//! Tables for the URI-* requirements, and laws over everything that is short.

mod compose;
mod join;
mod laws;
mod parse;
mod values;

use std::string::String;
use std::vec::Vec;

use super::Uri;

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Number and value of each Uri-Path and Uri-Query option.
fn options(uri: &Uri<'_>) -> Vec<(u16, Vec<u8>)> {
    uri.option_values().map(|(number, value)| (number.get(), value.bytes().collect())).collect()
}

fn values(uri: &Uri<'_>) -> Vec<String> {
    let text = |bytes| String::from_utf8(bytes).expect("checked when parsed");
    options(uri).into_iter().map(|(_, value)| text(value)).collect()
}

//! The text of a URI or of a reference, split into components and checked.

use super::component::Component;
use super::part::Part;
use super::path::Path;
use super::{Authority, MAX_URI_LENGTH, Scheme, Uri, UriError, UriErrorKind};

/// RFC 7252 §6.4 steps 1 to 4.
pub(super) fn absolute(text: &str) -> Result<Uri<'_>, UriError> {
    let whole = checked(text)?;
    match split_scheme(whole)? {
        Some((scheme, rest)) => bounded(hierarchical(scheme, rest)?),
        None => Err(whole.error(UriErrorKind::MissingScheme)),
    }
}

/// RFC 3986 §5.2.2.
pub(super) fn reference<'a>(base: &Uri<'a>, text: &'a str) -> Result<Uri<'a>, UriError> {
    let whole = checked(text)?;
    if let Some((scheme, rest)) = split_scheme(whole)? {
        return bounded(hierarchical(scheme, rest)?);
    }
    if text.starts_with("//") {
        return bounded(hierarchical(base.scheme, whole)?);
    }
    let (path, query) = path_and_query(whole)?;
    bounded(if path.is_empty() {
        Uri { query: query.or(base.query), ..*base }
    } else if let Some(segments) = path.strip_prefix('/') {
        Uri { path: Path::absolute(segments), query, ..*base }
    } else {
        let path = base.path.join(path).ok_or(whole.error(UriErrorKind::TooManyJoins))?;
        Uri { path, query, ..*base }
    })
}

/// A URI that can be printed and parsed again.
fn bounded(uri: Uri<'_>) -> Result<Uri<'_>, UriError> {
    if uri.len_bound() > MAX_URI_LENGTH {
        return Err(UriError::new(UriErrorKind::TooLong, 0));
    }
    Ok(uri)
}

/// A text that is not too long and has no character that is wrong wherever it stands.
fn checked(text: &str) -> Result<Part<'_>, UriError> {
    if text.len() > MAX_URI_LENGTH {
        return Err(UriError::new(UriErrorKind::TooLong, MAX_URI_LENGTH));
    }
    let allowed =
        |byte: u8| Component::Query.keeps(byte) || matches!(byte, b'&' | b'#' | b'%' | b'[' | b']');
    match text.bytes().position(|byte| !allowed(byte)) {
        Some(offset) => Err(UriError::new(UriErrorKind::InvalidCharacter, offset)),
        None => Ok(Part::whole(text)),
    }
}

/// The scheme, if the text begins with one, and what follows its colon.
fn split_scheme(part: Part<'_>) -> Result<Option<(Scheme, Part<'_>)>, UriError> {
    let (name, rest) = part.until(b":/?#");
    let Some(rest) = rest.strip(":") else { return Ok(None) };
    // RFC 3986 §3.1; a relative reference has no colon in its first segment (§4.2).
    let is_name = name.text.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_name {
        return Err(name.error(UriErrorKind::MissingScheme));
    }
    match Scheme::from_name(name.text) {
        Some(scheme) => Ok(Some((scheme, rest))),
        None => Err(name.error(UriErrorKind::UnsupportedScheme { instead: nearest(name.text) })),
    }
}

/// What the writer of another scheme may have meant.
fn nearest(scheme: &str) -> Scheme {
    let secure = ["coaps", "coaps+tcp", "wss", "https"];
    if secure.iter().any(|name| scheme.eq_ignore_ascii_case(name)) {
        Scheme::CoapsWs
    } else {
        Scheme::CoapWs
    }
}

/// `//authority/path?query`.
fn hierarchical(scheme: Scheme, part: Part<'_>) -> Result<Uri<'_>, UriError> {
    let after = part.strip("//").ok_or(part.error(UriErrorKind::MissingAuthority))?;
    let (authority, rest) = after.until(b"/?#");
    let authority = Authority::from_part(authority)?;
    let (path, query) = path_and_query(rest)?;
    let path = Path::absolute(path.strip_prefix('/').unwrap_or_default());
    Ok(Uri { path, query, ..Uri::from_authority(scheme, authority) })
}

/// `path?query`, each segment and argument of which fits its option; no fragment (`URI-06`).
fn path_and_query(part: Part<'_>) -> Result<(&str, Option<&str>), UriError> {
    let (path, rest) = part.until(b"?#");
    path.split('/').try_for_each(|segment| Component::Segment.check(segment))?;
    let (query, rest) = match rest.strip("?") {
        Some(rest) => {
            let (query, rest) = rest.until(b"#");
            query.split('&').try_for_each(|argument| Component::Query.check(argument))?;
            (Some(query.text), rest)
        }
        None => (None, rest),
    };
    if !rest.text.is_empty() {
        return Err(rest.error(UriErrorKind::Fragment));
    }
    Ok((path.text, query))
}

//! Which TLS settings for which URI.

use super::ClientTls;
use coap_ws_core::message::uri::Uri;
use std::fmt;

/// TLS settings by URI pattern. The longest pattern that matches counts.
///
/// A pattern is a base URI with or without a `*` at its end, and with or without `*.` in front
/// of its host: `coaps+ws://*.example.org/*`, `coaps+ws://localhost:8684/*`,
/// `coaps+ws://*` for every host.
///
/// ```
/// use coap_ws_driver::tls::{ClientTls, Credentials};
///
/// fn credentials(ours: ClientTls, theirs: ClientTls) -> Credentials {
///     let all = Credentials::new().with("coaps+ws://*.example.org/*", ours);
///     all.and_then(|all| all.with("coaps+ws://device.example.com", theirs)).expect("patterns")
/// }
/// assert!(ClientTls::with_roots_pem(b"no PEM").is_err());
/// # let _ = credentials;
/// ```
#[derive(Clone, Default)]
pub struct Credentials {
    entries: Vec<(Pattern, ClientTls)>,
}

#[derive(Clone, PartialEq, Eq)]
struct Pattern {
    text: String,
    /// The host, lower case; `*` for any, `*.x` for what is below `x`.
    host: String,
    /// `None` for the scheme's default, as in a URI.
    port: Option<u16>,
    any: bool,
}

/// A pattern that cannot match any URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    pattern: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no pattern for credentials; write one like coaps+ws://*.example.org/*",
            self.pattern
        )
    }
}

impl std::error::Error for PatternError {}

impl Credentials {
    /// None.
    pub fn new() -> Credentials {
        Credentials::default()
    }

    /// Uses `tls` for URIs that match `pattern`.
    ///
    /// # Errors
    ///
    /// [`PatternError`] for text that is no pattern.
    pub fn with(mut self, pattern: &str, tls: ClientTls) -> Result<Credentials, PatternError> {
        let pattern =
            Pattern::parse(pattern).ok_or_else(|| PatternError { pattern: pattern.to_owned() })?;
        self.entries.push((pattern, tls));
        Ok(self)
    }

    /// The settings for a URI.
    pub fn find(&self, uri: &Uri<'_>) -> Option<&ClientTls> {
        if !uri.scheme().is_secure() {
            return None;
        }
        let matching = self.entries.iter().filter(|(pattern, _)| pattern.matches(uri));
        matching.max_by_key(|(pattern, _)| pattern.text.len()).map(|(_, tls)| tls)
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Pattern> {
        let rest = text.strip_prefix("coaps+ws://")?;
        if rest == "*" || rest == "*/*" {
            let host = "*".to_owned();
            return Some(Pattern { text: text.to_owned(), host, port: None, any: true });
        }
        let authority = rest.strip_suffix("/*").or(rest.strip_suffix('/')).unwrap_or(rest);
        // What is below a name is checked like the name itself.
        let (below, bare) = match authority.strip_prefix("*.") {
            Some(bare) => ("*.", bare),
            None => ("", authority),
        };
        let whole = format!("coaps+ws://{bare}/");
        let uri = Uri::parse(&whole).ok()?;
        if uri.path_segments().next().is_some() || bare.contains('*') {
            return None;
        }
        let host = format!("{below}{}", uri.host());
        Some(Pattern { text: text.to_owned(), host, port: Some(uri.port()), any: false })
    }

    fn matches(&self, uri: &Uri<'_>) -> bool {
        if self.any {
            return true;
        }
        let host = uri.host().to_string();
        let same = match self.host.strip_prefix('*') {
            // `*.example.org`: at least one label more.
            Some(parent) => host.len() > parent.len() && host.ends_with(parent),
            None => host == self.host,
        };
        same && self.port == Some(uri.port())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|(pattern, _)| &pattern.text)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, uri: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(&Uri::parse(uri).unwrap())
    }

    #[test]
    fn names_wildcards_and_ports() {
        for (pattern, uri, expected) in [
            ("coaps+ws://localhost:8684/*", "coaps+ws://localhost:8684/x", true),
            ("coaps+ws://localhost:8684/*", "coaps+ws://localhost/x", false),
            ("coaps+ws://example.org", "coaps+ws://EXAMPLE.org:443/a", true),
            ("coaps+ws://*.example.org/*", "coaps+ws://a.b.example.org/", true),
            ("coaps+ws://*.example.org/*", "coaps+ws://example.org/", false),
            ("coaps+ws://*.example.org/*", "coaps+ws://evilexample.org/", false),
            ("coaps+ws://*", "coaps+ws://[::1]:99/", true),
        ] {
            assert_eq!(matches(pattern, uri), expected, "{pattern} × {uri}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for pattern in
            ["", "*", "coap+ws://h/*", "coaps+ws://", "coaps+ws://a.*.org", "coaps+ws://h/a/*"]
        {
            assert!(Pattern::parse(pattern).is_none(), "{pattern}");
        }
    }
}

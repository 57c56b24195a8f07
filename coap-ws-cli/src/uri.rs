//! Short URIs: `:8683/x`, `host/x`, `host:port/x`.

/// Fills in what a short URI leaves out: the scheme, and `localhost` before a port. What
/// states a scheme is taken as it is.
///
/// Nothing is added to a port, and no port is made up: without one it is the scheme's, 80.
pub(crate) fn expand(text: &str) -> String {
    if has_scheme(text) {
        text.to_owned()
    } else if let Some(rest) = text.strip_prefix("//") {
        format!("coap+ws://{rest}")
    } else if text.starts_with(':') {
        format!("coap+ws://localhost{text}")
    } else {
        format!("coap+ws://{text}")
    }
}

/// Whether what is before `://` can be a scheme: in `host/x?u=coap://y` it cannot.
fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn short_uris_get_their_scheme() {
        let cases = [
            (":8683/x", "coap+ws://localhost:8683/x"),
            (":8683", "coap+ws://localhost:8683"),
            ("host/x", "coap+ws://host/x"),
            ("host:8683/x?y=z", "coap+ws://host:8683/x?y=z"),
            ("localhost", "coap+ws://localhost"),
            ("[::1]:8683/", "coap+ws://[::1]:8683/"),
            ("//host/x", "coap+ws://host/x"),
            ("host/x?u=coap://other", "coap+ws://host/x?u=coap://other"),
        ];
        for (short, long) in cases {
            assert_eq!(expand(short), long, "{short}");
        }
    }

    #[test]
    fn a_stated_scheme_stays() {
        for uri in ["coap+ws://h/x", "coaps+ws://h", "COAP+WS://h", "coap://h", "http://h"] {
            assert_eq!(expand(uri), uri);
        }
    }
}

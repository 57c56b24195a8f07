//! Links (RFC 6690), as much as finding resources needs.

/// A link of `/.well-known/core`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Link {
    pub path: String,
    /// Names in lower case; a parameter without a value has an empty one.
    pub parameters: Vec<(String, String)>,
}

impl Link {
    pub fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(parameter, _)| parameter == name)
    }
}

/// Reads them, or says where they are none.
pub fn parse(text: &str) -> Result<Vec<Link>, String> {
    let mut links = Vec::new();
    for part in split(text, ',') {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let target = part.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let Some((path, rest)) = target else {
            return Err(format!("no link: {part:?}"));
        };
        let parameters = split(rest, ';')
            .map(str::trim)
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned())
            })
            .collect();
        links.push(Link { path: path.to_owned(), parameters });
    }
    Ok(links)
}

/// Splits outside of quotes and angle brackets.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut angled) = (false, false);
    text.split(move |c| {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => angled = true,
            '>' if !quoted => angled = false,
            _ => {}
        }
        c == at && !quoted && !angled
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn links_with_everything() {
        let text = "</a>;rt=\"x,y\";ct=40, </obs>;obs;title=\"a;b\",<coap://h/c,d>";
        let links = parse(text).unwrap();
        let paths: Vec<_> = links.iter().map(|link| link.path.as_str()).collect();
        assert_eq!(paths, ["/a", "/obs", "coap://h/c,d"]);
        assert!(links[1].has("obs") && !links[0].has("obs"));
        assert_eq!(links[0].parameters[0], ("rt".to_owned(), "x,y".to_owned()));
        assert!(parse("no link").is_err());
        assert!(parse("").unwrap().is_empty());
    }
}

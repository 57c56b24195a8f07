//! Patterns of paths.

use std::fmt;

/// A path with places for any segment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Segment>);

#[derive(Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Any(String),
}

impl Pattern {
    /// Reads `/a/{name}`; a leading slash may be left out, `/` alone is the root.
    pub(super) fn new(path: &str) -> Pattern {
        let path = path.strip_prefix('/').unwrap_or(path);
        if path.is_empty() {
            return Pattern(Vec::new());
        }
        let segment = |text: &str| match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            Some(name) => Segment::Any(name.to_owned()),
            None => Segment::Literal(text.to_owned()),
        };
        Pattern(path.split('/').map(segment).collect())
    }

    /// What stands in the places, `None` where it does not match.
    pub(super) fn matches(&self, segments: &[&str]) -> Option<Vec<(String, String)>> {
        if segments.len() != self.0.len() {
            return None;
        }
        let mut params = Vec::new();
        for (pattern, segment) in self.0.iter().zip(segments) {
            match pattern {
                Segment::Literal(text) if text == segment => {}
                Segment::Literal(_) => return None,
                Segment::Any(name) => params.push((name.clone(), (*segment).to_owned())),
            }
        }
        Some(params)
    }

    /// The path as a link's target, `None` where it has places.
    pub(super) fn target(&self) -> Option<String> {
        if self.0.is_empty() {
            return Some("/".to_owned());
        }
        self.0.iter().try_fold(String::new(), |target, segment| match segment {
            Segment::Literal(text) => Some(format!("{target}/{text}")),
            Segment::Any(_) => None,
        })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Any(name) => write!(f, "/{{{name}}}")?,
            }
        }
        if self.0.is_empty() { f.write_str("/") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn literal_and_any_segments() {
        let pattern = Pattern::new("/store/{name}");
        assert_eq!(pattern.matches(&["store", "x"]), Some(vec![("name".into(), "x".into())]));
        assert_eq!(pattern.matches(&["store"]), None);
        assert_eq!(pattern.matches(&["store", "x", "y"]), None);
        assert_eq!(pattern.target(), None);
        assert_eq!(Pattern::new("/").matches(&[]), Some(vec![]));
        assert_eq!(Pattern::new("a/b").target().as_deref(), Some("/a/b"));
        assert_eq!(Pattern::new("/a/").matches(&["a", ""]), Some(vec![]));
    }
}

//! Link-format (RFC 6690) as a table.

use crate::paint::Paint;
use std::fmt::Write;

/// A link: target and attributes, repeated ones too.
#[derive(Debug, PartialEq, Eq)]
struct Link {
    target: String,
    attributes: Vec<(String, String)>,
}

/// One line for each link, `None` where the text is no link-format.
pub(super) fn table(text: &str, paint: Paint) -> Option<String> {
    let links = parse(text)?;
    let mut columns = vec!["title", "rt", "if", "ct", "sz", "obs"];
    columns.retain(|column| links.iter().any(|link| link.value(column).is_some()));
    let mut rows: Vec<Vec<String>> = vec![Vec::new()];
    rows[0].push("target".to_owned());
    rows[0].extend(columns.iter().map(|column| (*column).to_owned()));
    let others = links.iter().any(|link| !link.others(&columns).is_empty());
    if others {
        rows[0].push("more".to_owned());
    }
    for link in &links {
        let mut row = vec![crate::text::one_line(&link.target)];
        row.extend(columns.iter().map(|column| link.value(column).unwrap_or_default()));
        if others {
            row.push(link.others(&columns));
        }
        rows.push(row);
    }
    Some(lay_out(&rows, paint))
}

fn lay_out(rows: &[Vec<String>], paint: Paint) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column > 0 { "  " } else { "" };
            let padded = format!("{gap}{cell:<width$}");
            line.push_str(&match (index, column) {
                (0, _) => paint.dim(padded),
                (_, 0) => paint.cyan(padded),
                _ => padded,
            });
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

impl Link {
    /// The values of an attribute; one without a value says that it is there.
    fn value(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .attributes
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| if value.is_empty() { "yes" } else { value.as_str() })
            .collect();
        (!values.is_empty()).then(|| crate::text::one_line(&values.join(" ")))
    }

    /// What has no column.
    fn others(&self, columns: &[&str]) -> String {
        let others = self.attributes.iter().filter(|(name, _)| !columns.contains(&name.as_str()));
        let shown: Vec<_> = others
            .map(|(name, value)| match value.is_empty() {
                true => crate::text::one_line(name),
                false => crate::text::one_line(&format!("{name}={value}")),
            })
            .collect();
        shown.join(" ")
    }
}

/// Links, separated by commas that are not inside quotes or brackets.
fn parse(text: &str) -> Option<Vec<Link>> {
    let mut links = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (target, behind) = rest.strip_prefix('<')?.split_once('>')?;
        let (attributes, behind) = attributes(behind.trim_start())?;
        links.push(Link { target: target.to_owned(), attributes });
        rest = match behind.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if behind.is_empty() => behind,
            None => return None,
        };
    }
    Some(links)
}

type Attributes = Vec<(String, String)>;

/// `;name=value`, any number of times, and what follows.
fn attributes(mut rest: &str) -> Option<(Attributes, &str)> {
    let mut attributes = Vec::new();
    while let Some(behind) = rest.strip_prefix(';') {
        let behind = behind.trim_start();
        let end = behind.find(['=', ';', ',']).unwrap_or(behind.len());
        let (name, behind) = behind.split_at(end);
        let (value, behind) = match behind.strip_prefix('=') {
            Some(value) => self::value(value)?,
            None => (String::new(), behind),
        };
        attributes.push((name.trim().to_owned(), value));
        rest = behind.trim_start();
    }
    Some((attributes, rest))
}

/// A quoted string or a token, and what follows.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (token, behind) = text.split_at(end);
        return Some((token.trim().to_owned(), behind));
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, table};
    use crate::paint::Paint;

    #[test]
    fn links_become_a_table() {
        let text = "</>;title=\"all, of it\";ct=0,</t>;rt=\"temp c\";ct=\"0 50\";obs;x=1";
        assert_eq!(
            table(text, Paint::plain()).as_deref(),
            Some(
                "target  title       rt      ct    obs  more\n\
                 /       all, of it          0\n\
                 /t                  temp c  0 50  yes  x=1\n"
            )
        );
    }

    #[test]
    fn commas_and_quotes_in_values() {
        let links = parse("<coap://h/a,b>;t=\"a\\\"b;c\" , </c>;rt=a;rt=b").unwrap();
        assert_eq!(links[0].target, "coap://h/a,b");
        assert_eq!(links[0].value("t").as_deref(), Some("a\"b;c"));
        assert_eq!(links[1].value("rt").as_deref(), Some("a b"));
    }

    #[test]
    fn what_is_no_link_format_stays() {
        for text in ["x", "<a", "<a>;t=\"", "<a>x", "<a> <b>"] {
            assert_eq!(table(text, Paint::plain()), None, "{text}");
        }
        assert_eq!(parse("").map(|links| links.len()), Some(0));
    }
}

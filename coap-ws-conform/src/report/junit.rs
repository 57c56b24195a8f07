//! JUnit XML, for continuous integration: one suite for each RFC.

use super::{Run, title};
use crate::case::Verdict;
use crate::runner::Report;

/// The document.
pub fn text(run: &Run) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push_str(&format!(
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">\n",
        escaped(&run.name),
        run.reports.len(),
        run.count(Verdict::Fail),
        run.count(Verdict::Skipped),
        run.took.as_secs_f64()
    ));
    for (rfc, reports) in run.by_rfc() {
        let count = |verdict| reports.iter().filter(|report| report.verdict == verdict).count();
        xml.push_str(&format!(
            "  <testsuite name=\"RFC {rfc} {}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
            title(rfc),
            reports.len(),
            count(Verdict::Fail),
            count(Verdict::Skipped)
        ));
        for report in reports {
            xml.push_str(&case(report));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>");
    xml
}

fn case(report: &Report) -> String {
    let case = &report.case;
    let start = format!(
        "    <testcase classname=\"{}\" name=\"{}: {}\" time=\"{:.3}\"",
        escaped(&case.area.to_string()),
        case.id,
        escaped(case.title),
        report.took.as_secs_f64()
    );
    let detail = escaped(&report.detail);
    let inside = match report.verdict {
        Verdict::Pass => return format!("{start}/>\n"),
        Verdict::Skipped => format!("<skipped message=\"{detail}\"/>"),
        Verdict::Lenient => format!("<system-out>lenient: {detail}</system-out>"),
        Verdict::Fail => format!(
            "<failure message=\"{detail}\">expected: {}\nreading: {} (RFC {})</failure>",
            escaped(case.expected),
            escaped(case.why),
            escaped(case.section)
        ),
    };
    format!("{start}>{inside}</testcase>\n")
}

/// Text in XML; what XML cannot hold becomes a question mark.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(escaped("a<b>&\"c\"\x1b"), "a&lt;b&gt;&amp;&quot;c&quot;?");
    }
}

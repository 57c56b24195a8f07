//! A report in Markdown, with the results of other runs beside: an interop matrix.

use super::Run;
use crate::case::Verdict;
use serde_json::Value;
use std::collections::BTreeMap;

/// The results of another run.
#[derive(Debug)]
pub struct Column {
    name: String,
    verdicts: BTreeMap<String, String>,
}

impl Column {
    /// Reads what `--json` has written.
    pub fn read(text: &str) -> Result<Column, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let name = value["peer"].as_str().ok_or("no `peer`: not written by --json")?.to_owned();
        let cases = value["cases"].as_array().ok_or("no `cases`: not written by --json")?;
        let verdicts = cases.iter().filter_map(|case| {
            Some((case["id"].as_str()?.to_owned(), case["verdict"].as_str()?.to_owned()))
        });
        Ok(Column { name, verdicts: verdicts.collect() })
    }

    fn of(run: &Run) -> Column {
        let verdicts = run
            .reports
            .iter()
            .map(|report| (report.case.id.to_owned(), report.verdict.name().to_owned()));
        Column { name: run.name.clone(), verdicts: verdicts.collect() }
    }

    fn verdict(&self, id: &str) -> &str {
        self.verdicts.get(id).map_or("", String::as_str)
    }
}

/// The document.
pub fn text(run: &Run, others: &[Column]) -> String {
    let own = Column::of(run);
    let columns: Vec<&Column> = std::iter::once(&own).chain(others).collect();
    let mut text = format!(
        "# CoAP over WebSockets: {}\n\n{} {}, {:.1} s: {}.\n\n",
        plain(&run.name),
        run.reports.len(),
        "cases",
        run.took.as_secs_f64(),
        run.totals()
    );
    text.push_str(&areas(run, &columns));
    text.push_str(&matrix(run, &columns));
    text.push_str(&readings(run));
    text.trim_end().to_owned()
}

/// `pass/all` of each area.
fn areas(run: &Run, columns: &[&Column]) -> String {
    let mut text = String::from("## Areas: passed, of those that could be tried\n\n");
    text.push_str(&header("Area", columns));
    let mut areas: Vec<_> = run.reports.iter().map(|report| report.case.area).collect();
    areas.sort_unstable();
    areas.dedup();
    for area in areas {
        let ids: Vec<&str> =
            run.reports.iter().map(|r| r.case).filter(|c| c.area == area).map(|c| c.id).collect();
        text.push_str(&format!("| {area} |"));
        for column in columns {
            let count = |wanted: &[&str]| {
                ids.iter().filter(|id| wanted.contains(&column.verdict(id))).count()
            };
            let tried = count(&["pass", "fail", "lenient"]);
            text.push_str(&format!(" {}/{tried} |", count(&["pass"])));
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Every case that somebody has not passed.
fn matrix(run: &Run, columns: &[&Column]) -> String {
    let mut text = String::from("## Cases that are not passed\n\n");
    text.push_str(&header("Case", columns));
    for report in &run.reports {
        let id = report.case.id;
        if columns.iter().all(|column| matches!(column.verdict(id), "pass" | "")) {
            continue;
        }
        text.push_str(&format!("| `{id}` {} |", plain(report.case.title)));
        for column in columns {
            let shown = match column.verdict(id) {
                "fail" => "**fail**",
                other => other,
            };
            text.push_str(&format!(" {shown} |"));
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// What was expected and got, and how the RFC is read.
fn readings(run: &Run) -> String {
    let mut text = String::from("## Readings\n\n");
    for report in &run.reports {
        if !matches!(report.verdict, Verdict::Fail | Verdict::Lenient) {
            continue;
        }
        let case = &report.case;
        text.push_str(&format!(
            "### `{}`: {}\n\n{} by RFC {} ({}), {}.\n\n- Expected: {}\n- Got: {}\n- Reading: {}\n\n",
            case.id,
            plain(case.title),
            report.verdict.name(),
            case.section,
            case.level.name(),
            case.requirements.join(", "),
            plain(case.expected),
            plain(&report.detail),
            plain(case.why)
        ));
    }
    text
}

fn header(first: &str, columns: &[&Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| plain(&column.name)).collect();
    format!("| {first} | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(columns.len()))
}

/// Text that does not end a cell.
fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

//! A report in Markdown, with the results of other runs beside.

use super::{Run, matrix};
use crate::case::Verdict;

/// The document.
pub fn text(run: &Run, others: &[matrix::Column]) -> String {
    let mut text = format!(
        "# CoAP over WebSockets: {}\n\n{} cases against a {} in {:.1} s: {}.\n\n",
        plain(&run.name),
        run.reports.len(),
        run.side.name(),
        run.took.as_secs_f64(),
        run.totals()
    );
    for table in matrix::tables(run, others) {
        text.push_str(&self::table(&table));
    }
    text.push_str(&readings(run));
    text.trim_end().to_owned()
}

fn table(table: &matrix::Table) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| match cell.as_str() {
                "fail" => "**fail**".to_owned(),
                other => plain(other),
            })
            .collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = format!("## {}\n\n{}", table.title, line(&table.header));
    text.push_str(&format!("|{}\n", "---|".repeat(table.header.len())));
    text.extend(table.rows.iter().map(|row| line(row)));
    text.push('\n');
    text
}

/// What was expected and got, how the RFC is read, and what that means for this peer.
fn readings(run: &Run) -> String {
    let mut text = String::from("## Readings\n\n");
    for report in &run.reports {
        if !matches!(report.verdict, Verdict::Fail | Verdict::Lenient) {
            continue;
        }
        let case = &report.case;
        text.push_str(&format!(
            "### `{}`: {}\n\n{} by {} ({}), {}.\n\n- Expected: {}\n- Got: {}\n\
             - How the RFC is read: {}\n",
            case.id,
            plain(case.title),
            report.verdict.name(),
            case.place(),
            case.level.name(),
            case.requirements.join(", "),
            plain(case.expected),
            plain(&report.detail),
            plain(case.why)
        ));
        if let Some(reading) = run.reading(case.id) {
            text.push_str(&format!("- Of this peer: {}\n", plain(reading)));
        }
        text.push('\n');
    }
    text
}

/// Text that does not end a cell.
fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

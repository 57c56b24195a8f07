//! A report as one HTML page, which needs nothing beside it.

use super::{Run, matrix, title};
use crate::case::Verdict;
use crate::conn::log::Line;
use crate::runner::Report;
use crate::wire::annotate;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;\
padding:0 1rem;color:#222}table{border-collapse:collapse;margin:1rem 0}td,th{text-align:left;\
padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd;vertical-align:top}pre{overflow-x:auto;\
background:#f6f6f4;padding:.6rem;font-size:13px}code{font-size:90%}dt{font-weight:600}\
.pass{color:#18794e}.fail{color:#c62828;font-weight:700}.lenient{color:#9a6700}.skipped{color:#888}\
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}pre{background:#222}\
td,th{border-color:#333}.pass{color:#4cc38a}.fail{color:#ff6b6b}.lenient{color:#e2a93b}}";

/// The document, with the results of other runs beside.
pub fn text(run: &Run, others: &[matrix::Column]) -> String {
    let name = escaped(&run.name);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>CoAP over WebSockets: {name}</title><style>{STYLE}</style></head><body>\n\
         <h1>CoAP over WebSockets: {name}</h1>\n<p>{} cases against a {} in {:.1} s: {}.</p>\n",
        run.reports.len(),
        run.side.name(),
        run.took.as_secs_f64(),
        run.totals()
    );
    for table in matrix::tables(run, others) {
        html.push_str(&self::table(&table));
    }
    html.push_str("<h2>What was expected and got</h2>\n");
    for report in &run.reports {
        if matches!(report.verdict, Verdict::Fail | Verdict::Lenient) {
            html.push_str(&wrong(run, report));
        }
    }
    html.push_str("<h2>All cases</h2>\n");
    for (rfc, reports) in run.by_rfc() {
        let name =
            if rfc == 0 { title(0).to_owned() } else { format!("RFC {rfc}: {}", title(rfc)) };
        html.push_str(&format!("<h3>{}</h3>\n<table>\n", escaped(&name)));
        for report in reports {
            html.push_str(&format!(
                "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
                verdict(report.verdict.name()),
                report.case.id,
                escaped(report.case.title),
                escaped(&report.detail)
            ));
        }
        html.push_str("</table>\n");
    }
    html.push_str("</body></html>");
    html
}

fn table(table: &matrix::Table) -> String {
    let mut html = format!("<h2>{}</h2>\n<table>\n<tr>", escaped(&table.title));
    for cell in &table.header {
        html.push_str(&format!("<th>{}</th>", escaped(cell)));
    }
    html.push_str("</tr>\n");
    for row in &table.rows {
        let cells = row.iter().map(|cell| match cell.as_str() {
            "pass" | "fail" | "lenient" | "skipped" => format!("<td>{}</td>", verdict(cell)),
            other => format!("<td>{}</td>", escaped(other)),
        });
        html.push_str(&format!("<tr>{}</tr>\n", cells.collect::<String>()));
    }
    html.push_str("</table>\n");
    html
}

fn wrong(run: &Run, report: &Report) -> String {
    let case = &report.case;
    let mut html = format!(
        "<h3 id=\"{0}\"><code>{0}</code> {1}</h3>\n<p>{2} by {3} ({4}), {5}.</p>\n<dl>\n",
        case.id,
        escaped(case.title),
        verdict(report.verdict.name()),
        escaped(&case.place()),
        case.level.name(),
        escaped(&case.requirements.join(", "))
    );
    let mut told = vec![
        ("Expected", case.expected),
        ("Got", report.detail.as_str()),
        ("How the RFC is read", case.why),
    ];
    told.extend(run.reading(case.id).map(|reading| ("Of this peer", reading)));
    for (name, text) in told {
        html.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(text)));
    }
    html.push_str("</dl>\n");
    if !report.lines.is_empty() {
        let lines: Vec<String> = report.lines.iter().map(|line| escaped(&shown(line))).collect();
        html.push_str(&format!("<pre>{}</pre>\n", lines.join("\n")));
    }
    html
}

fn shown(line: &Line) -> String {
    let bytes = annotate::bytes(&line.bytes);
    format!("{:>5} ms #{} {} {bytes}  {}", line.at_ms, line.connection, line.way.sign(), line.text)
}

fn verdict(name: &str) -> String {
    format!("<span class=\"{name}\">{name}</span>")
}

/// Text of a peer in a page of ours.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut html, c| {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            c if c.is_control() && c != '\n' && c != '\t' => html.push('\u{fffd}'),
            c => html.push(c),
        }
        html
    })
}

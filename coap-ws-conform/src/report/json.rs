//! Everything, for programs.

use super::Run;
use crate::case::Verdict;
use crate::runner::Report;
use crate::wire::to_hex;
use serde_json::{Value, json};

/// One JSON object.
pub fn text(run: &Run) -> String {
    let value = json!({
        "suite": concat!("coap-ws-conform ", env!("CARGO_PKG_VERSION")),
        "peer": run.name,
        "side": run.side.name(),
        "seconds": run.took.as_secs_f64(),
        "totals": {
            "pass": run.count(Verdict::Pass),
            "fail": run.count(Verdict::Fail),
            "lenient": run.count(Verdict::Lenient),
            "skipped": run.count(Verdict::Skipped),
        },
        "cases": run.reports.iter().map(|report| case(run, report)).collect::<Vec<_>>(),
    });
    format!("{value:#}")
}

fn case(run: &Run, report: &Report) -> Value {
    let case = &report.case;
    let lines = report.lines.iter().map(|line| {
        json!({
            "ms": line.at_ms,
            "connection": line.connection,
            "way": line.way.sign().to_string(),
            "hex": to_hex(&line.bytes),
            "text": line.text,
        })
    });
    json!({
        "id": case.id,
        "area": case.area.to_string(),
        "requirements": case.requirements,
        "section": case.section,
        "level": case.level.name(),
        "title": case.title,
        "expected": case.expected,
        "reading": case.why,
        "reading_of_peer": run.reading(case.id),
        "verdict": report.verdict.name(),
        "detail": report.detail,
        "ms": report.took.as_millis() as u64,
        "wire": lines.collect::<Vec<_>>(),
        "wire_left_out": report.left_out,
    })
}

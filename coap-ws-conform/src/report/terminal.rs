//! For reading.

use super::{Run, title};
use crate::case::{Case, Verdict};
use crate::conn::log::Line;
use crate::runner::Report;
use crate::target::Target;
use crate::wire::annotate;
use std::io::IsTerminal;
use std::net::SocketAddr;

/// The most lines of the wire that are shown of a case.
const LINES: usize = 14;

/// Colours, where they are wanted.
struct Paint(bool);

impl Paint {
    fn of_stdout() -> Paint {
        Paint(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    }

    fn verdict(&self, verdict: Verdict) -> String {
        let (colour, mark) = match verdict {
            Verdict::Pass => ("32", "pass   "),
            Verdict::Fail => ("1;31", "FAIL   "),
            Verdict::Lenient => ("33", "lenient"),
            Verdict::Skipped => ("2", "skipped"),
        };
        self.in_colour(colour, mark)
    }

    fn in_colour(&self, colour: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// All cases, one a line.
pub fn list(cases: &[Case]) {
    for case in cases {
        let mut notes = vec![case.level.name().to_owned()];
        notes.extend(case.hostile.then(|| "hostile".to_owned()));
        notes.extend(case.slow.then(|| "slow".to_owned()));
        println!(
            "{:<26} {:<22} {:<16} {} [{}] ({})",
            case.id,
            case.area.to_string(),
            case.section,
            case.title,
            case.requirements.join(" "),
            notes.join(", ")
        );
    }
    println!("{} cases", cases.len());
}

/// What is known of the server before the cases.
pub fn found(target: &Target, reachable: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if !reachable {
        lines.push("the opening handshake does not work: most cases will be skipped".to_owned());
        return lines;
    }
    match &target.undiscovered {
        None => {
            let paths: Vec<&str> = target.links.iter().map(|link| link.path.as_str()).collect();
            lines.push(format!("/.well-known/core lists {}", paths.join(" ")));
        }
        Some(why) => lines.push(format!("nothing is discovered from /.well-known/core: {why}")),
    }
    if let Ok(path) = target.get() {
        lines.push(format!("GET is tried on {path}"));
    }
    lines
}

/// How to point a client at us.
pub fn how_to(address: SocketAddr) -> Vec<String> {
    vec![
        format!("listening on {address}: each connection is one case"),
        format!("let a client GET coap+ws://{address}/hello again and again, for example"),
        format!("    while sleep 1; do coap-ws get coap+ws://{address}/hello; done"),
        "or let it ask for the URI that is told for each case; `--exec 'CLIENT {uri}'` does that"
            .to_owned(),
        "and sees what the client prints, so that more can be judged".to_owned(),
    ]
}

/// The whole run.
pub fn tell(run: &Run, wire: bool) {
    let paint = Paint::of_stdout();
    for (rfc, reports) in run.by_rfc() {
        let name =
            if rfc == 0 { title(0).to_owned() } else { format!("RFC {rfc}  {}", title(rfc)) };
        println!("\n{}", paint.in_colour("1", &name));
        for report in reports {
            one(&paint, report, run.reading(report.case.id), wire);
        }
    }
    areas(run);
    println!("\n{}: {} in {:.1} s", run.name, run.totals(), run.took.as_secs_f64());
}

fn one(paint: &Paint, report: &Report, reading: Option<&str>, wire: bool) {
    let case = &report.case;
    println!("  {} {:<26} {}", paint.verdict(report.verdict), case.id, case.title);
    match report.verdict {
        Verdict::Pass => {}
        Verdict::Skipped => println!("          {}", report.detail),
        Verdict::Fail | Verdict::Lenient => {
            println!(
                "          {} ({}) {}",
                case.place(),
                case.level.name(),
                case.requirements.join(" ")
            );
            println!("          expected  {}", case.expected);
            println!("          got       {}", report.detail);
            println!("          reading   {}", case.why);
            if let Some(reading) = reading {
                println!("          this peer {reading}");
            }
        }
    }
    let wrong = matches!(report.verdict, Verdict::Fail | Verdict::Lenient);
    if wire || wrong {
        let skipped = report.lines.len().saturating_sub(LINES);
        if skipped + report.left_out > 0 && !wire {
            println!("            ({} lines before and between)", skipped + report.left_out);
        }
        let from = if wire { 0 } else { skipped };
        for line in &report.lines[from..] {
            println!("            {}", shown(line));
        }
    }
}

/// A line of the wire.
fn shown(line: &Line) -> String {
    let bytes = if line.bytes.is_empty() { String::new() } else { annotate::bytes(&line.bytes) };
    let text = format!("{:>5} ms #{} {}", line.at_ms, line.connection, line.way.sign());
    if line.bytes.starts_with(b"GET ") || line.bytes.starts_with(b"HTTP/") {
        return format!("{text} {}", line.text);
    }
    format!("{text} {bytes}  {}", line.text)
}

fn areas(run: &Run) {
    println!("\n{:<24} {:>5} {:>5} {:>8} {:>8}", "", "pass", "fail", "lenient", "skipped");
    let mut areas: Vec<_> = run.reports.iter().map(|report| report.case.area).collect();
    areas.sort_unstable();
    areas.dedup();
    for area in areas {
        let count = |verdict| {
            let of = |r: &&Report| r.case.area == area && r.verdict == verdict;
            run.reports.iter().filter(of).count()
        };
        println!(
            "{:<24} {:>5} {:>5} {:>8} {:>8}",
            area.to_string(),
            count(Verdict::Pass),
            count(Verdict::Fail),
            count(Verdict::Lenient),
            count(Verdict::Skipped)
        );
    }
}

//! The results of several runs side by side: an interop matrix.

use super::Run;
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

/// A table to be written in whatever language.
#[derive(Debug)]
pub struct Table {
    pub title: String,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// What each area comes to, and every case that somebody has not passed.
pub fn tables(run: &Run, others: &[Column]) -> [Table; 2] {
    let own = Column::of(run);
    let columns: Vec<&Column> = std::iter::once(&own).chain(others).collect();
    [areas(run, &columns), unpassed(run, &columns)]
}

/// `pass/all` of each area.
fn areas(run: &Run, columns: &[&Column]) -> Table {
    let mut areas: Vec<_> = run.reports.iter().map(|report| report.case.area).collect();
    areas.sort_unstable();
    areas.dedup();
    let row = |area| {
        let ids: Vec<&str> =
            run.reports.iter().map(|r| r.case).filter(|c| c.area == area).map(|c| c.id).collect();
        let cell = |column: &&Column| {
            let count = |wanted: &[&str]| {
                ids.iter().filter(|id| wanted.contains(&column.verdict(id))).count()
            };
            format!("{}/{}", count(&["pass"]), count(&["pass", "fail", "lenient"]))
        };
        std::iter::once(area.to_string()).chain(columns.iter().map(cell)).collect()
    };
    Table {
        title: "Areas: passed, of those that could be tried".to_owned(),
        header: header("Area", columns),
        rows: areas.into_iter().map(row).collect(),
    }
}

fn unpassed(run: &Run, columns: &[&Column]) -> Table {
    let wanted = run.reports.iter().map(|report| report.case).filter(|case| {
        !columns.iter().all(|column| matches!(column.verdict(case.id), "pass" | ""))
    });
    let row = |case: crate::case::Case| {
        let verdicts = columns.iter().map(|column| column.verdict(case.id).to_owned());
        std::iter::once(format!("{}: {}", case.id, case.title)).chain(verdicts).collect()
    };
    Table {
        title: "Cases that are not passed".to_owned(),
        header: header("Case", columns),
        rows: wanted.map(row).collect(),
    }
}

fn header(first: &str, columns: &[&Column]) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(columns.iter().map(|c| c.name.clone())).collect()
}

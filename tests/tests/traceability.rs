//! Every requirement is tested by its id, not our role, or excepted in writing.

use coap_ws_tests::traceability::{MAX_EXCEPTIONS, State, table};
use std::path::PathBuf;

#[test]
fn every_requirement_is_in_one_of_three_states() {
    let table = table();
    let page = report(&table.html());
    let [tested, not_ours, excepted, open] = table.counts();
    println!(
        "{} requirements: {tested} tested, {not_ours} not our role, {excepted} excepted, {open} \
         open; see {}",
        table.rows.len(),
        page.display()
    );
    let missing: Vec<&str> =
        table.rows.iter().filter(|(_, state)| state.is_none()).map(|(row, _)| &*row.id).collect();
    assert!(table.faults.is_empty(), "{}", table.faults.join("\n"));
    assert_eq!(table.rows.len(), 394, "rows of the requirements");
    assert!(missing.is_empty(), "{} are open: {}", missing.len(), missing.join(" "));
    assert!(excepted <= MAX_EXCEPTIONS, "{excepted} exceptions");
    // What stands in a list without need would hide that its tests are gone.
    let states = table.rows.iter().filter_map(|(_, state)| state.as_ref());
    let roles = states.filter(|state| matches!(state, State::NotOurs { .. })).count();
    assert_eq!(roles, 28, "a role of ours is said to be somebody else's");
}

/// Where the RFC is silent the row proposes a decision; each is in `DESIGN.md` by its id.
#[test]
fn every_gap_is_decided_in_writing() {
    let design = include_str!("../../DESIGN.md");
    let gaps = table().rows.into_iter().filter(|(row, _)| row.level == "GAP");
    let missing: Vec<String> =
        gaps.map(|(row, _)| row.id).filter(|id| !design.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "{} are not in DESIGN.md: {}", missing.len(), missing.join(" "));
}

fn report(page: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("requirements.html");
    std::fs::write(&path, page).expect("the report can be written");
    path
}

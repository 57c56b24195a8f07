//! Which cases are run.

use crate::case::Case;

/// Those that `only` names, all if it names none, without those that `skip` names.
pub fn select(cases: Vec<Case>, only: &[String], skip: &[String]) -> Vec<Case> {
    let wanted = |case: &Case| only.is_empty() || only.iter().any(|word| fits(case, word));
    let unwanted = |case: &Case| skip.iter().any(|word| fits(case, word));
    cases.into_iter().filter(|case| wanted(case) && !unwanted(case)).collect()
}

/// Whether a word means a case: its id or the beginning of it, its area, one of its requirements,
/// or its RFC.
pub fn fits(case: &Case, word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    case.id.starts_with(&word)
        || case.area.to_string().to_ascii_lowercase() == word
        || case.requirements.iter().any(|id| id.eq_ignore_ascii_case(&word))
        || word.strip_prefix("rfc").is_some_and(|n| n.parse() == Ok(case.rfc()))
}

#[cfg(test)]
mod tests {
    use super::select;
    use crate::server::cases;

    fn count(only: &[&str], skip: &[&str]) -> usize {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        select(cases(), &owned(only), &owned(skip)).len()
    }

    #[test]
    fn by_id_area_requirement_and_rfc() {
        let all = count(&[], &[]);
        assert_eq!(count(&["ping-token"], &[]), 5);
        assert!(count(&["ws-"], &[]) > 20);
        assert!(count(&["No-Response"], &[]) > 5);
        assert!(count(&["PING-01"], &[]) >= 6);
        assert!(count(&["rfc7967"], &[]) > 5);
        assert_eq!(count(&["nothing"], &[]), 0);
        assert_eq!(count(&[], &["rfc6455"]) + count(&["rfc6455"], &[]), all);
    }
}

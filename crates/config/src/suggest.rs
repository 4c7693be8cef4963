//! Names near to a misspelt one.

use strsim::osa_distance;

/// The name with the fewest edits, if it is near enough to be what was meant; else the first that
/// begins so.
#[must_use]
pub fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = found.chars().count();
    let limit = (length / 3).max(1);
    let lower = found.to_lowercase();
    known
        .iter()
        // At least as many edits as the lengths differ by.
        .filter(|name| name.chars().count().abs_diff(length) <= limit)
        .map(|name| (osa_distance(&lower, &name.to_lowercase()), *name))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
        .or_else(|| {
            let begins = |name: &&&str| found.len() > 2 && name.starts_with(found);
            known.iter().find(begins).copied()
        })
}

/// Names as a list in a sentence: "`a`, `b`, `c`".
#[must_use]
pub fn among<S: AsRef<str>>(names: &[S]) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_name() {
        let known = ["rows", "columns", "dataflow"];
        assert_eq!(nearest("rwos", &known), Some("rows"));
        assert_eq!(nearest("colums", &known), Some("columns"));
        assert_eq!(nearest("DataFlow", &known), Some("dataflow"));
        assert_eq!(nearest("data", &known), Some("dataflow"));
        assert_eq!(nearest("timing", &known), None);
    }
}

//! Names near to a misspelt one.

/// The name with the fewest edits, if it is near enough to be what was meant; else the first that
/// begins so.
#[must_use]
pub fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (found.chars().count() / 3).max(1);
    known
        .iter()
        .map(|name| (edits(&found.to_lowercase(), &name.to_lowercase()), *name))
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

/// Levenshtein distance, two adjacent letters swapped counting as one edit.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j - 1] + differs)
                .min(rows[i - 1][j] + 1)
                .min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
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

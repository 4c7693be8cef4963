//! Answers of the RTL to a fixed sweep, committed, so that the laws are proven without a simulator.

use std::fmt::Write as _;

use super::answer::Answer;
use super::case::{Case, DATAFLOWS, Kind};

/// The answers that the project ships (`data/rtl/sweep.txt`).
pub const RECORDED: &str = include_str!("../../data/rtl/sweep.txt");

/// What a recorded line says that the laws do not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct RecordError {
    /// The line, from one.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// The cases of the fixed sweep: every array of 1..=8 rows and columns with every kind, dataflow
/// and convention on small shapes, then larger ones.
#[must_use]
pub fn sweep_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for rows in 1..=8 {
        for columns in 1..=8 {
            for kind in Kind::ALL {
                for dataflow in DATAFLOWS {
                    for overlapped in [false, true] {
                        let seed = cases.len() as u64;
                        let size = (rows, columns);
                        cases.push(Case::small(size, kind, dataflow, overlapped, seed));
                    }
                }
            }
        }
    }
    cases.extend((0..464).map(|seed| Case::random(1_000_000 + seed)));
    cases
}

/// One line: the case, and the answer with one hash for all its stamps.
fn line(case: &Case, answer: &Answer) -> String {
    format!(
        "{case} : {} {} {:016x} {:016x}",
        answer.total,
        answer.gated,
        answer.results,
        answer.stamps_hash()
    )
}

/// The file of recorded answers.
#[must_use]
pub fn record<'a>(answers: impl IntoIterator<Item = (&'a Case, &'a Answer)>) -> String {
    let mut text = String::new();
    for (case, answer) in answers {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line(case, answer));
    }
    text
}

/// Compares every recorded answer with the laws and the functional arithmetic, to the cycle and
/// the bit; yields how many there were.
///
/// # Errors
/// The first line that differs, or cannot be read.
pub fn check_recorded(text: &str) -> Result<usize, RecordError> {
    let mut lines = 0;
    for (number, recorded) in (1..).zip(text.lines()) {
        let error = |problem| RecordError {
            line: number,
            problem,
        };
        let case: Case = recorded
            .split_once(" : ")
            .and_then(|(case, _)| case.parse().ok())
            .ok_or_else(|| error(format!("`{recorded}` is not a case and its answer")))?;
        let answer = case.expect().map_err(|e| error(e.to_string()))?;
        let ours = line(&case, &answer);
        if ours != recorded {
            return Err(error(format!(
                "recorded `{recorded}`, the law says `{ours}`"
            )));
        }
        lines += 1;
    }
    Ok(lines)
}

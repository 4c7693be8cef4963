//! Main memory by the bit, where no energies by command are known.

use std::sync::LazyLock;

use config::{Document, FieldError};
use serde::{Deserialize, Serialize};

use crate::file::Basis;
use crate::technology::{Figure, Source};
use crate::unit::PerEvent;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "Memory", deny_unknown_fields)]
struct Row {
    standard: String,
    bit: config::Energy,
    basis: Basis,
    mark: String,
    what: String,
}

static ROWS: LazyLock<Vec<(String, Figure<PerEvent>)>> = LazyLock::new(|| {
    Document::parse("memory.ron", include_str!("../data/memory.ron"))
        .and_then(|document| document.resolve(resolve))
        .expect("the shipped table is part of the program, and a test reads it")
});

#[allow(clippy::ptr_arg)] // `Document::resolve` reads the type itself.
fn resolve(rows: &Vec<Row>) -> Result<Vec<(String, Figure<PerEvent>)>, FieldError> {
    let figure = |row: &Row| {
        let value = PerEvent::new(row.bit.attojoules()?)
            .ok_or_else(|| FieldError::new("bit", "more than a millijoule"))?;
        let source = Source {
            name: row.standard.clone(),
            basis: row.basis,
            mark: row.mark.clone(),
            what: row.what.clone(),
        };
        Ok((row.standard.clone(), Figure { value, source }))
    };
    rows.iter().map(figure).collect()
}

/// Energy of a bit of a memory, all commands and standby together, by the name of its timing set;
/// `None` where no source has one.
#[must_use]
pub fn memory_bit(timing_set: &str) -> Option<&'static Figure<PerEvent>> {
    ROWS.iter()
        .filter(|(standard, _)| timing_set.starts_with(standard.as_str()))
        .max_by_key(|(standard, _)| standard.len())
        .map(|(_, figure)| figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_is_found_by_the_longest_name_that_its_set_begins_with() {
        assert_eq!(memory_bit("LPDDR5-6400").unwrap().source.name, "LPDDR5");
        assert!(memory_bit("ideal").is_none());
    }
}

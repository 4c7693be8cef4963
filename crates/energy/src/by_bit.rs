//! What is priced by the bit: main memory where no energies by command are known, and links.

use std::sync::LazyLock;

use config::{Document, FieldError};
use serde::{Deserialize, Serialize};

use crate::file::Basis;
use crate::technology::{Figure, Source};
use crate::unit::PerEvent;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "Figure", deny_unknown_fields)]
struct Row {
    /// A standard of main memory, or how far a link goes.
    #[serde(alias = "standard", alias = "reach")]
    of: String,
    bit: config::Energy,
    basis: Basis,
    mark: String,
    what: String,
}

type Rows = Vec<(String, Figure<PerEvent>)>;

static MEMORIES: LazyLock<Rows> =
    LazyLock::new(|| read("memory.ron", include_str!("../data/memory.ron")));

static LINKS: LazyLock<Rows> =
    LazyLock::new(|| read("links.ron", include_str!("../data/links.ron")));

fn read(name: &str, text: &str) -> Rows {
    Document::parse(name, text)
        .and_then(|document| document.resolve(resolve))
        .expect("the shipped tables are part of the program, and a test reads them")
}

#[allow(clippy::ptr_arg)] // `Document::resolve` reads the type itself.
fn resolve(rows: &Vec<Row>) -> Result<Rows, FieldError> {
    let figure = |row: &Row| {
        let value = PerEvent::new(row.bit.attojoules()?)
            .ok_or_else(|| FieldError::new("bit", "more than a millijoule"))?;
        let source = Source {
            name: row.of.clone(),
            basis: row.basis,
            mark: row.mark.clone(),
            what: row.what.clone(),
        };
        Ok((row.of.clone(), Figure { value, source }))
    };
    rows.iter().map(figure).collect()
}

/// Energy of a bit of a memory, all commands and standby together, by the name of its timing set;
/// `None` where no source has one.
#[must_use]
pub fn memory_bit(timing_set: &str) -> Option<&'static Figure<PerEvent>> {
    MEMORIES
        .iter()
        .filter(|(standard, _)| timing_set.starts_with(standard.as_str()))
        .max_by_key(|(standard, _)| standard.len())
        .map(|(_, figure)| figure)
}

/// Energy of a bit on a link that goes so far: `Package`, `Board` or `System`.
#[must_use]
pub fn link_bit(reach: &str) -> Option<&'static Figure<PerEvent>> {
    let mut rows = LINKS.iter();
    rows.find(|(name, _)| name == reach)
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

    #[test]
    fn a_bit_costs_more_the_farther_it_goes() {
        let bit = |reach| link_bit(reach).unwrap().value.times(1);
        assert!(bit("Package") < bit("Board") && bit("Board") < bit("System"));
        assert!(link_bit("Moon").is_none());
    }
}

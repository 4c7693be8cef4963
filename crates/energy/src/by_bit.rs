//! What is priced by the bit: main memory where no energies by command are known, and links.

use std::sync::LazyLock;

use config::{Document, FieldError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tile_program::Reach;

use crate::file::Basis;
use crate::technology::{Figure, Source};
use crate::unit::PerEvent;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "Figure", deny_unknown_fields)]
struct Row<K> {
    /// A standard of main memory, or how far a link goes.
    #[serde(alias = "standard", alias = "reach")]
    of: K,
    bit: config::Energy,
    basis: Basis,
    mark: String,
    what: String,
}

type Rows<K> = Vec<(K, Figure<PerEvent>)>;

static MEMORIES: LazyLock<Rows<String>> = LazyLock::new(|| {
    let text = include_str!("../data/memory.ron");
    read("memory.ron", text, String::as_str)
});

static LINKS: LazyLock<Rows<Reach>> = LazyLock::new(|| {
    let text = include_str!("../data/links.ron");
    read("links.ron", text, |reach: &Reach| reach.name())
});

fn read<K: Clone + Serialize + DeserializeOwned>(
    file: &str,
    text: &str,
    name: impl Fn(&K) -> &str,
) -> Rows<K> {
    let resolve = |rows: &Vec<Row<K>>| -> Result<Rows<K>, FieldError> {
        let figures = rows.iter().map(|row| figure(row, name(&row.of)));
        figures.collect()
    };
    Document::parse(file, text)
        .and_then(|document| document.resolve(resolve))
        .expect("the shipped tables are part of the program, and a test reads them")
}

fn figure<K: Clone>(row: &Row<K>, name: &str) -> Result<(K, Figure<PerEvent>), FieldError> {
    let value = PerEvent::new(row.bit.attojoules()?)
        .ok_or_else(|| FieldError::new("bit", "more than a millijoule"))?;
    let source = Source {
        name: name.to_owned(),
        basis: row.basis,
        mark: row.mark.clone(),
        what: row.what.clone(),
    };
    Ok((row.of.clone(), Figure { value, source }))
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

/// Energy of a bit on a link that goes so far.
#[must_use]
pub fn link_bit(reach: Reach) -> &'static Figure<PerEvent> {
    let mut rows = LINKS.iter();
    let row = rows.find(|(known, _)| *known == reach);
    &row.expect("the shipped table has a row for each, and a test reads them")
        .1
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
        let bits = Reach::ALL.map(|reach| link_bit(reach).value.times(1));
        assert!(bits.is_sorted_by(|near, far| near < far), "{bits:?}");
    }
}

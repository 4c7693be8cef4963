//! A technology as checked: one node, every figure with its source.

use config::{ConfigError, Decimal, Document, FieldError};
use pe_array::PeKind;
use quantities::Bytes;

use crate::file::{Basis, FigureFile, SourceFile, TechnologyFile};
use crate::resolve;
use crate::sram::SramTable;
use crate::unit::{Area, Fraction, PerEvent, Power};

/// Where a figure comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Its name in the table.
    pub name: String,
    /// How the figure came about.
    pub basis: Basis,
    /// How sure it is.
    pub mark: String,
    /// What it is.
    pub what: String,
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure<T> {
    /// The value in the unit of its type.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// Figures of one PE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pe {
    /// The kind of PE that the figures are of.
    pub kind: PeKind,
    /// Multiplier and adder of one multiply-accumulate.
    pub operation: Figure<PerEvent>,
    /// Cells of one PE with its registers.
    pub area: Figure<Area>,
}

/// Figures of one technology family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Technology {
    /// What reports call it.
    pub name: String,
    /// Its node in nanometres.
    pub node_nm: u64,
    pub(crate) pes: Vec<Pe>,
    /// One register bit that changes.
    pub register_bit: Figure<PerEvent>,
    /// Share of bits that change in a cycle.
    pub toggle: Figure<Fraction>,
    /// Share of zeros among ternary weights.
    pub zero_weights: Figure<Fraction>,
    pub(crate) sram: SramTable,
    /// A bit that changes on a millimetre of wire.
    pub wire_per_mm: Figure<PerEvent>,
    /// One lane operation of the vector unit.
    pub vector_operation: Figure<PerEvent>,
    /// A lane of the vector unit that completes one operation a cycle.
    pub lane_area: Figure<Area>,
    /// Share of a placed block that its cells fill.
    pub utilisation: Figure<Fraction>,
    /// Leakage of a square micrometre of placed logic.
    pub leakage_per_um2: Figure<Power>,
}

/// A table that has no figures of a PE in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the technology {technology} has no figures of {pe} PEs")]
pub struct MissingPe {
    /// The name of the technology that was asked.
    pub technology: String,
    /// The name of the PE that it has no figures of.
    pub pe: String,
}

impl MissingPe {
    /// The error at the field of a machine file that asks for the PE.
    #[must_use]
    pub fn at(&self, field: impl Into<String>) -> FieldError {
        FieldError::new(field, self).help(format!(
            "another element, or a technology file with `base: \"{}\"` and a row of `pes` for it",
            self.technology
        ))
    }
}

const SHIPPED: [(&str, &str); 2] = [
    ("45nm", include_str!("../data/45nm.ron")),
    ("7nm", include_str!("../data/7nm.ron")),
];

impl Technology {
    /// The names of the shipped technologies.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        SHIPPED.iter().map(|(name, _)| *name).collect()
    }

    /// A shipped technology.
    #[must_use]
    pub fn shipped(name: &str) -> Option<Self> {
        let document = Self::shipped_document(name)?;
        // Cannot fail: the file is part of the crate, and a test reads it.
        Some(Self::read(&document).expect("the shipped technologies are in order"))
    }

    pub(crate) fn shipped_document(name: &str) -> Option<Document> {
        let (name, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
        let document = Document::parse(format!("{name}.ron"), *text);
        Some(document.expect("the shipped technologies parse"))
    }

    /// Checks a technology file.
    ///
    /// # Errors
    /// At the figure that cannot stand: of another node than the table, without a source, missing
    /// where there is no base, beyond what a chip can be.
    pub fn read(document: &Document) -> Result<Self, ConfigError> {
        document.resolve(resolve::technology)
    }

    /// The figures of a PE.
    ///
    /// # Errors
    /// If the table has none.
    pub fn pe(&self, kind: &PeKind) -> Result<&Pe, MissingPe> {
        let passes = |pe: &&Pe| {
            // The same PE, taking wider operands in several passes.
            pe.kind.name == "Int8"
                && (kind.name, kind.accumulator, kind.group)
                    == (pe.kind.name, pe.kind.accumulator, pe.kind.group)
                && kind.initiation_interval > pe.kind.initiation_interval
        };
        self.pes
            .iter()
            .find(|pe| same(&pe.kind, kind))
            .or_else(|| self.pes.iter().find(passes))
            .ok_or_else(|| MissingPe {
                technology: self.name.clone(),
                pe: described(kind),
            })
    }

    /// Placed area of an array: its PEs' cells over the share of a block that cells fill.
    ///
    /// # Errors
    /// If the table has no figures of the PE.
    pub fn array_area(&self, kind: &PeKind, rows: u64, columns: u64) -> Result<Area, MissingPe> {
        let cells = self.pe(kind)?.area.value.times(rows).times(columns);
        Ok(self.placed(cells))
    }

    /// Area of a scratchpad of equal banks of one port each.
    #[must_use]
    pub fn scratchpad_area(&self, capacity: Bytes, banks: u64, port: Bytes) -> Area {
        let banks = banks.max(1);
        let bank = self.sram.bank(capacity.get() / banks, port.get() * 8);
        bank.area.times(banks)
    }

    /// Placed area of a vector unit.
    #[must_use]
    pub fn vector_area(&self, lanes: u64, operations_per_lane_per_cycle: u64) -> Area {
        let lane = self.lane_area.value.times(operations_per_lane_per_cycle);
        self.placed(lane.times(lanes))
    }

    fn placed(&self, cells: Area) -> Area {
        self.utilisation
            .value
            .whole_of(cells)
            .expect("a utilisation of nothing is refused when the table is read")
    }
}

/// Whether two PEs are built alike; the interval and latency that an array gives its PEs are a
/// matter of its clock.
fn same(a: &PeKind, b: &PeKind) -> bool {
    (a.name, a.activation, a.weight, a.accumulator, a.group)
        == (b.name, b.activation, b.weight, b.accumulator, b.group)
}

fn described(kind: &PeKind) -> String {
    let PeKind {
        name,
        activation,
        weight,
        accumulator,
        ..
    } = kind;
    let group = match kind.group {
        1 => String::new(),
        group => format!(", {group} products a step"),
    };
    format!("{name} ({activation} times {weight}, {accumulator} sums{group})")
}

/// A figure's value and source, still to be converted.
pub(crate) type Written<'a, T> = (&'a T, &'a SourceFile, &'a str);

/// Millionths of a decimal share.
pub(crate) fn millionths(share: Decimal) -> Option<u64> {
    let (numerator, denominator) = share.scaled(1_000_000)?;
    u64::try_from(numerator / denominator).ok()
}

/// The source that a figure names.
pub(crate) fn source(name: &str, file: &SourceFile) -> Source {
    Source {
        name: name.to_owned(),
        basis: file.basis,
        mark: file.mark.clone(),
        what: file.what.clone(),
    }
}

/// Finds a figure's source.
pub(crate) fn written<'a, T>(
    file: &'a TechnologyFile,
    figure: &'a FigureFile<T>,
) -> Result<Written<'a, T>, FieldError> {
    let FigureFile(value, name) = figure;
    let source = find_source(file, name)?;
    Ok((value, source, name))
}

pub(crate) fn find_source<'a>(
    file: &'a TechnologyFile,
    name: &str,
) -> Result<&'a SourceFile, FieldError> {
    file.sources.get(name).ok_or_else(|| {
        FieldError::new("", format!("no source is called `{name}`"))
            .help("name one of `sources`, or add it there with its node, basis and mark")
    })
}

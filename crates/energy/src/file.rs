//! A technology as written.

use std::collections::BTreeMap;

use config::{Area, Decimal, Energy, Power, Size};
use pe_array::Element;
use serde::{Deserialize, Serialize};

/// How a figure came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Basis {
    /// A source states it.
    Published,
    /// Arithmetic on published figures of the same node, or a run of a public tool.
    Derived,
    /// No source states it for this node.
    Assumed,
}

impl Basis {
    /// As written in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Derived => "derived",
            Self::Assumed => "assumed",
        }
    }
}

/// Where figures come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Source", deny_unknown_fields)]
pub struct SourceFile {
    /// The node that its figures hold for, in nanometres; none for what belongs to no node.
    #[serde(default)]
    pub node_nm: Option<u64>,
    /// How they came about.
    pub basis: Basis,
    /// How sure they are: V, S, S1, D, M.
    pub mark: String,
    /// What it is.
    pub what: String,
}

/// A value and the name of its source: `(Pj(0.3), "horowitz")`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureFile<T>(pub T, pub String);

/// Figures of one PE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Pe", deny_unknown_fields)]
pub struct PeFile {
    /// Which, as a machine file writes it.
    pub element: Element,
    /// Multiplier and adder of one multiply-accumulate.
    pub operation: FigureFile<Energy>,
    /// Cells of one PE with its registers.
    pub area: FigureFile<Area>,
}

/// The figures of pipeline registers, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Registers", deny_unknown_fields)]
pub struct RegistersFile {
    /// One bit that changes.
    pub bit: FigureFile<Energy>,
    /// Share of bits that change in a cycle.
    pub toggle: FigureFile<Decimal>,
}

/// The figures of SRAM macros, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Sram", deny_unknown_fields)]
pub struct SramFile {
    /// Source of all figures that name no other.
    pub from: String,
    /// The macros, one for each capacity.
    pub macros: Vec<MacroFile>,
    /// Source of write energies.
    #[serde(default)]
    pub write_from: Option<String>,
    /// Source of leakage.
    #[serde(default)]
    pub leakage_from: Option<String>,
    /// Source of areas.
    #[serde(default)]
    pub area_from: Option<String>,
}

/// One SRAM macro of one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Macro", deny_unknown_fields)]
pub struct MacroFile {
    /// The capacity of the macro.
    pub capacity: Size,
    /// Bits of an access.
    pub width_bits: u64,
    /// Energy of a read access.
    pub read: Energy,
    /// Energy of a write access.
    pub write: Energy,
    /// Leakage of the macro.
    pub leakage: Power,
    /// Area of the macro.
    pub area: Area,
}

/// The vector unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Vector", deny_unknown_fields)]
pub struct VectorFile {
    /// One lane operation.
    pub operation: FigureFile<Energy>,
    /// A lane that completes one operation a cycle.
    pub lane_area: FigureFile<Area>,
}

/// A technology as written; `data/45nm.ron` shows every field. With `base`, what is left out is
/// that of the shipped table of that name, and rows of `pes` replace or join its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Technology", deny_unknown_fields)]
pub struct TechnologyFile {
    /// What reports call it.
    pub name: String,
    /// A shipped technology that this one starts from.
    #[serde(default)]
    pub base: Option<String>,
    /// The node of all its figures, in nanometres.
    pub node_nm: u64,
    /// Sources by name.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceFile>,
    /// Figures by PE.
    #[serde(default)]
    pub pes: Vec<PeFile>,
    /// The figures of pipeline registers.
    #[serde(default)]
    pub registers: Option<RegistersFile>,
    /// Share of zeros among ternary weights.
    #[serde(default)]
    pub zero_weights: Option<FigureFile<Decimal>>,
    /// The figures of SRAM macros.
    #[serde(default)]
    pub sram: Option<SramFile>,
    /// A bit that changes on a millimetre of wire.
    #[serde(default)]
    pub wire_per_mm: Option<FigureFile<Energy>>,
    /// The vector unit.
    #[serde(default)]
    pub vector: Option<VectorFile>,
    /// Share of a placed block that its cells fill.
    #[serde(default)]
    pub utilisation: Option<FigureFile<Decimal>>,
    /// Leakage of a square micrometre of placed logic.
    #[serde(default)]
    pub leakage_per_um2: Option<FigureFile<Power>>,
}

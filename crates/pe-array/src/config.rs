//! An array, as an architect describes it.

use config::FieldError;
use serde::{Deserialize, Serialize};
use tile_program::Dataflow;

use crate::{Element, PeKind};

/// How the cycles of a fold are counted. Every report states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Convention {
    /// As the published tool counts: every fold costs the full array, folds follow one another,
    /// and the results of OS need no time to leave. For comparison, not for hardware.
    ScaleSim,
    /// Causal hardware, one fold after another: partial folds cost what they use, stationary tiles
    /// are loaded and OS results shift out before the next fold begins.
    Serial,
    /// Shadow registers: the next stationary tile loads, or the last results drain, while a fold
    /// streams.
    Overlapped,
}

/// How large the tiles of weights are that a weight-stationary array takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tiles {
    /// As large as a fold needs: narrow and short ones at the edges of a matrix.
    #[default]
    AsUsed,
    /// Rows x columns always, padded at the edges of a matrix: so they lie in memory, move, and
    /// shift in, one at a time.
    Whole,
}

/// The description of a PE array: its size, PEs, dataflow and timing convention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayConfig {
    /// Number of PE rows, from 1 to [`ArrayConfig::GREATEST_SIDE`].
    pub rows: u64,
    /// Number of PE columns, from 1 to [`ArrayConfig::GREATEST_SIDE`].
    pub columns: u64,
    /// What its PEs compute with.
    pub element: Element,
    /// What stays in the array.
    pub dataflow: Dataflow,
    /// How cycles are counted.
    pub timing: Convention,
    /// Cycles between two steps of one PE; the kind's own if not given.
    #[serde(default)]
    pub initiation_interval: Option<u64>,
    /// Pipeline latency of a PE, in cycles; the kind's own if not given.
    #[serde(default)]
    pub latency: Option<u64>,
}

/// An array whose description makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) rows: u64,
    pub(crate) columns: u64,
    pub(crate) kind: PeKind,
    pub(crate) dataflow: Dataflow,
    pub(crate) timing: Convention,
    pub(crate) interval: u64,
    pub(crate) latency: u64,
    pub(crate) tiles: Tiles,
}

impl ArrayConfig {
    /// The most PE rows, and the most columns: past it, a file holds a slip of the keyboard.
    pub const GREATEST_SIDE: u64 = 1 << 16;
    /// The most cycles between two steps of a PE, and of its pipeline's latency.
    pub const GREATEST_DEPTH: u64 = 1 << 10;

    pub(crate) fn resolve(&self) -> Result<Resolved, FieldError> {
        within("rows", "PE rows", self.rows, Self::GREATEST_SIDE)?;
        within("columns", "PE columns", self.columns, Self::GREATEST_SIDE)?;
        let kind = self.element.kind()?;
        for (field, value) in [
            ("initiation_interval", self.initiation_interval),
            ("latency", self.latency),
        ] {
            let Some(cycles) = value else { continue };
            within(field, "cycles", cycles, Self::GREATEST_DEPTH)?;
            if self.timing == Convention::ScaleSim && cycles != 1 {
                return Err(FieldError::new(
                    field,
                    format!("the ScaleSim convention knows no {field} but 1, this is {cycles}"),
                )
                .help("timing: Serial or Overlapped, or leave the field out"));
            }
        }
        let scale_sim = self.timing == Convention::ScaleSim;
        if scale_sim && (kind.initiation_interval, kind.group) != (1, 1) {
            return Err(FieldError::new(
                "element",
                "the ScaleSim convention knows only PEs of one product a cycle",
            )
            .help("timing: Serial or Overlapped"));
        }
        let or_kind = |given: Option<u64>, of_kind| match given {
            _ if scale_sim => 1,
            Some(cycles) => cycles,
            None => of_kind,
        };
        Ok(Resolved {
            rows: self.rows,
            columns: self.columns,
            kind,
            dataflow: self.dataflow,
            timing: self.timing,
            interval: or_kind(self.initiation_interval, kind.initiation_interval),
            latency: or_kind(self.latency, kind.latency),
            tiles: Tiles::AsUsed,
        })
    }
}

fn within(field: &str, what: &str, value: u64, greatest: u64) -> Result<(), FieldError> {
    if (1..=greatest).contains(&value) {
        return Ok(());
    }
    Err(FieldError::new(field, format!("{value} {what}")).help(format!("1 to {greatest}")))
}

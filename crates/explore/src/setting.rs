//! What the studies are asked about: machines, and how much of everything.

use accelerator::MachineSpec;
use config::FieldError;
use serde::Serialize;

use crate::figure::FigureError;
use crate::published::CellError;

/// Why nothing could be reproduced.
#[derive(Debug, thiserror::Error)]
pub enum ReproduceError {
    /// A machine or workload does not stand.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A run failed; why, in words.
    #[error("{0}")]
    Run(String),
    /// A published figure asks for what cannot be.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// A figure could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
}

/// The machines that are asked.
#[derive(Clone, Debug)]
pub struct Machines {
    /// The published edge machine.
    pub edge: MachineSpec,
    /// The published cloud machine, whose array is an assumption.
    pub cloud: MachineSpec,
    /// Machines with real memories, for what the published account leaves out: a small one with two
    /// arrays, a large one with two arrays, one with a single array.
    pub real: [MachineSpec; 3],
}

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// All families, contexts and studies.
    Full,
    /// The smallest model of each family at two contexts; beyond the published account one model a
    /// chapter, shortened to two blocks and a small vocabulary, and named so: to see the form of
    /// the report in a moment.
    Quick,
}

/// The contexts of the published figures.
pub const CONTEXTS: [u64; 6] = [128, 256, 512, 1024, 2048, 4096];

impl Extent {
    /// The contexts of the grid of families, contexts and machines.
    #[must_use]
    pub fn contexts(self) -> &'static [u64] {
        match self {
            Self::Full => &CONTEXTS,
            Self::Quick => &[128, 4096],
        }
    }

    /// What a reader must know before the figures of the chapters beyond the published account;
    /// `None` where their models are whole.
    #[must_use]
    pub const fn note(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::Quick => Some(
                "QUICK: this shows the form of the report, not its numbers. Models are shortened \
                 where their names say so, and no figure of one is a figure of the whole model.",
            ),
        }
    }

    /// What a heading over figures of shortened models adds.
    pub(crate) const fn mark(self) -> &'static str {
        match self {
            Self::Full => "",
            Self::Quick => " (QUICK: shortened models)",
        }
    }
}

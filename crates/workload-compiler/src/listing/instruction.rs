//! An instruction in words.

use std::collections::BTreeMap;
use std::fmt;

use quantities::Bytes;
use serde::Serialize;
use tile_program::{Instruction, Operation, Platform, VectorKind, WaitReason, Work};

use super::{claims, unit};

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "work")]
pub enum WorkListing {
    /// C\[m,n\] (+)= A\[m,k\] · B\[k,n\], `repeat` times.
    #[allow(missing_docs)] // The fields are those of `GemmTile`.
    Gemm {
        m: u64,
        n: u64,
        k: u64,
        repeat: u64,
        accumulate: bool,
    },
    /// Work of the vector unit.
    #[allow(missing_docs)] // The fields are those of `VectorTile`.
    Vector {
        kind: VectorKind,
        elements: u64,
        rows: u64,
    },
    /// A transfer between main memory and a scratchpad: `rows` of `row_bytes`, `pitch` apart.
    #[allow(missing_docs)] // The fields are those of `Region`.
    Transfer {
        scratchpad: &'static str,
        address: u64,
        row_bytes: Bytes,
        rows: u64,
        pitch: Bytes,
    },
    /// Bytes from another core, over links.
    #[allow(missing_docs)] // The fields are those of `ReceiveTile`.
    Receive {
        scratchpad: &'static str,
        from_core: u16,
        bytes: Bytes,
    },
}

/// What an instruction waits for: so many completed instructions of a unit since the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitListing {
    /// The name of the unit that is waited for.
    pub unit: String,
    /// The number of the unit's instructions that must be complete.
    pub completed: u64,
    /// `data`, or `buffer` where space is waited for.
    pub reason: &'static str,
}

/// An instruction in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstructionListing {
    /// Who executes it.
    pub unit: String,
    /// The operation that it belongs to.
    pub operation: String,
    /// The tile within the operation.
    pub tile: u32,
    /// What it does.
    #[serde(flatten)]
    pub work: WorkListing,
    /// What must be complete before it starts.
    pub waits: Vec<WaitListing>,
    /// Scratchpad bytes that it takes when it starts.
    pub takes: BTreeMap<&'static str, Bytes>,
    /// Scratchpad bytes that it gives back when it is complete.
    pub gives: BTreeMap<&'static str, Bytes>,
}

impl InstructionListing {
    /// The instruction of an operation, on a machine.
    #[must_use]
    pub fn new(instruction: &Instruction, operation: &Operation, platform: &Platform) -> Self {
        let waits = instruction.waits.iter().map(|wait| WaitListing {
            unit: unit(platform, wait.unit),
            completed: wait.completed,
            reason: match wait.reason {
                WaitReason::Data => "data",
                WaitReason::Buffer => "buffer",
            },
        });
        Self {
            unit: unit(platform, instruction.unit),
            operation: operation.name.to_string(),
            tile: instruction.tile,
            work: match &instruction.work {
                Work::Gemm(tile) => WorkListing::Gemm {
                    m: tile.m,
                    n: tile.n,
                    k: tile.k,
                    repeat: tile.repeat,
                    accumulate: tile.accumulate,
                },
                Work::Vector(tile) => WorkListing::Vector {
                    kind: tile.kind,
                    elements: tile.elements,
                    rows: tile.rows,
                },
                Work::Transfer(tile) => WorkListing::Transfer {
                    scratchpad: tile.scratchpad.name(),
                    address: tile.region.address,
                    row_bytes: tile.region.row_bytes,
                    rows: tile.region.rows,
                    pitch: tile.region.pitch,
                },
                Work::Receive(tile) => WorkListing::Receive {
                    scratchpad: tile.scratchpad.name(),
                    from_core: tile.from.0,
                    bytes: tile.bytes,
                },
            },
            waits: waits.collect(),
            takes: claims(&instruction.takes),
            gives: claims(&instruction.gives),
        }
    }
}

impl fmt::Display for WorkListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gemm {
                m,
                n,
                k,
                repeat,
                accumulate,
            } => {
                let sign = if *accumulate { "+=" } else { "=" };
                write!(f, "C[{m},{n}] {sign} A[{m},{k}] B[{k},{n}]")?;
                match repeat {
                    1 => Ok(()),
                    _ => write!(f, " x{repeat}"),
                }
            }
            Self::Vector {
                kind,
                elements,
                rows,
            } => write!(f, "{} of {elements} elements in {rows} rows", kind.name()),
            Self::Transfer {
                scratchpad,
                address,
                row_bytes,
                rows,
                pitch,
            } => {
                write!(f, "{} B at {address:#x}", row_bytes.get() * rows)?;
                if *rows > 1 {
                    write!(f, " ({rows} rows, {} B apart)", pitch.get())?;
                }
                write!(f, ", {scratchpad}")
            }
            Self::Receive {
                scratchpad,
                from_core,
                bytes,
            } => write!(f, "{} B from core {from_core}, {scratchpad}", bytes.get()),
        }
    }
}

impl fmt::Display for InstructionListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("{}#{}", self.operation, self.tile);
        write!(f, "{:<10} {place:<32} {}", self.unit, self.work)?;
        for wait in &self.waits {
            write!(f, "; {} of {} ({})", wait.reason, wait.unit, wait.completed)?;
        }
        for (verb, claims) in [("takes", &self.takes), ("gives", &self.gives)] {
            for (scratchpad, bytes) in claims {
                write!(f, "; {verb} {} B of {scratchpad}", bytes.get())?;
            }
        }
        Ok(())
    }
}

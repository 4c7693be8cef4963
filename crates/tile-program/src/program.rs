//! A program: passes of operations and instructions.

use crate::{Bytes, Class, Family, Instruction, TileChoice, UnitId};

/// An operation within its pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u32);

impl OperationId {
    /// As an index into [`Pass::operations`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The shape of an operation's GEMMs: `count` of C\[m,n\] = A\[m,k\] · B\[k,n\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GemmShape {
    /// Rows of A and C.
    pub m: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Columns of A, rows of B.
    pub k: u64,
    /// Independent GEMMs of this shape.
    pub count: u64,
}

impl GemmShape {
    /// Multiply-accumulates, or `None` past 64 bits.
    #[must_use]
    pub fn macs(&self) -> Option<u64> {
        self.m
            .checked_mul(self.n)?
            .checked_mul(self.k)?
            .checked_mul(self.count)
    }
}

/// One operator of the model in one layer of one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Unique in its pass and stable over passes: `layers.3.q_proj`.
    pub name: String,
    /// The operator without its layer, by which reports group: `q_proj`.
    pub operator: &'static str,
    /// What its cycles are charged to.
    pub class: Class,
    /// Its family, for GEMMs.
    pub family: Option<Family>,
    /// The unit that does its main work.
    pub unit: UnitId,
    /// Its GEMMs, if it is one.
    pub gemm: Option<GemmShape>,
    /// How its GEMMs were cut into tiles, and why so.
    pub tiling: Option<TileChoice>,
    /// Multiply-accumulates (zero for vector work and transfers).
    pub macs: u64,
    /// Least bytes that must be read from main memory: weights, keys and values once, and
    /// activations that no scratchpad holds.
    pub compulsory_read: Bytes,
    /// Least bytes that must be written.
    pub compulsory_write: Bytes,
}

/// One pass through the model: a prefill, or one decoded token.
pub struct Pass {
    /// `prefill(128)`, `decode@2048`.
    pub name: String,
    /// Tokens that this pass adds to the result, over the whole batch.
    pub tokens: u64,
    /// The operations, in program order; `OperationId` indexes them.
    pub operations: Vec<Operation>,
    /// The instructions in program order, made as they are asked for.
    ///
    /// Program order is a legal serial order: what an instruction waits for stands before it.
    pub instructions: Box<dyn Iterator<Item = Instruction>>,
}

/// A stream of passes, run one after another on the same machine. Counts in waits run on over
/// passes.
pub trait Program {
    /// The next pass, or `None` at the end.
    fn next_pass(&mut self) -> Option<Pass>;

    /// How many passes there are in all, for progress.
    fn passes(&self) -> u64;
}

//! A program: passes of operations and instructions.

use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use crate::{Class, Family, Instruction, Operator, TileChoice, UnitId};
use quantities::Bytes;

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

/// The sizes of a GEMM: C\[m,n\] = A\[m,k\] · B\[k,n\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GemmDims {
    /// Rows of A and C.
    pub m: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Columns of A, rows of B.
    pub k: u64,
}

impl GemmDims {
    /// So many GEMMs of these sizes.
    #[must_use]
    pub const fn times(self, count: u64) -> GemmShape {
        let Self { m, n, k } = self;
        GemmShape { m, n, k, count }
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

/// What tells an operation from the others of its pass. It is stable over passes, so what
/// operations of equal names did can be summed up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationName {
    /// What stands before the names of its core, [`Target::prefix`](crate::Target::prefix); `None`
    /// on the only core of a machine.
    pub core: Option<Arc<str>>,
    /// The layer of the model that it belongs to; `None` for what stands before or after all
    /// layers.
    pub layer: Option<u64>,
    /// Which operator of the layer it is, by which reports group.
    pub operator: Operator,
    /// The sequences of the pass that it is for, where an operator works on several groups of them
    /// one after another.
    pub sequences: Option<SequenceRange>,
    /// The part of the batch that it is for, where parts follow one another.
    pub microbatch: Option<u64>,
}

/// Sequences of a pass, numbered from zero over the whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceRange {
    /// The first sequence.
    pub first: u64,
    /// The last sequence; not before the first.
    pub last: u64,
}

impl OperationName {
    /// An operator on the only core of a machine, outside any layer.
    #[must_use]
    pub fn of(operator: Operator) -> Self {
        Self {
            core: None,
            layer: None,
            operator,
            sequences: None,
            microbatch: None,
        }
    }

    /// An operator of a layer, on the only core of a machine.
    #[must_use]
    pub fn in_layer(layer: u64, operator: Operator) -> Self {
        Self {
            layer: Some(layer),
            ..Self::of(operator)
        }
    }
}

impl fmt::Display for OperationName {
    /// Writes the name as reports show it: `layers.3.q_proj`, `chip1.layers.0.scores[2-5]#1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(core) = &self.core {
            f.write_str(core)?;
        }
        if let Some(layer) = self.layer {
            write!(f, "layers.{layer}.")?;
        }
        f.write_str(self.operator.name())?;
        match self.sequences {
            Some(SequenceRange { first, last }) if first == last => write!(f, "[{first}]")?,
            Some(SequenceRange { first, last }) => write!(f, "[{first}-{last}]")?,
            None => {}
        }
        match self.microbatch {
            Some(microbatch) => write!(f, "#{microbatch}"),
            None => Ok(()),
        }
    }
}

/// One operator of the model in one layer of one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Unique in its pass and stable over passes: `layers.3.q_proj`.
    pub name: OperationName,
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

/// Bytes between main memory and the scratchpads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes that are read from main memory.
    pub read: Bytes,
    /// Bytes that are written to it.
    pub written: Bytes,
}

/// An operation of which less was moved than its compulsory bytes: part of its operands was never
/// read, or part of its result never written. No machine and no workload calls for that, so it is a
/// mistake of whoever made or ran the program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{operation}` moved {} to read and {} to write, of {} and {} that are compulsory", moved.read, moved.written, compulsory.read, compulsory.written
)]
pub struct Shortfall {
    /// The name of the operation.
    pub operation: String,
    /// What was moved for it in a pass.
    pub moved: Moved,
    /// The least that had to be.
    pub compulsory: Moved,
}

impl Shortfall {
    /// Compares what was moved for an operation in a pass with what had to be.
    ///
    /// # Errors
    /// If either direction falls short.
    pub fn check(
        operation: &impl fmt::Display,
        moved: Moved,
        compulsory: Moved,
    ) -> Result<(), Self> {
        if moved.read >= compulsory.read && moved.written >= compulsory.written {
            return Ok(());
        }
        Err(Self {
            operation: operation.to_string(),
            moved,
            compulsory,
        })
    }
}

impl Operation {
    /// Its compulsory bytes.
    #[must_use]
    pub const fn compulsory(&self) -> Moved {
        Moved {
            read: self.compulsory_read,
            written: self.compulsory_write,
        }
    }
}

/// The instructions of one core, in its program order, made as they are asked for. `Pending` says
/// that the next one depends on what the stream of another core has yet to give: ask again later.
pub type InstructionStream = Box<dyn Iterator<Item = Poll<Instruction>>>;

/// One pass through the model: a prefill, or one decoded token.
pub struct Pass {
    /// The name of the pass, such as `prefill(128)` or `decode@2048`.
    pub name: String,
    /// Tokens that this pass adds to the result, over the whole batch.
    pub tokens: u64,
    /// The operations, core after core in program order; `OperationId` indexes them.
    pub operations: Vec<Operation>,
    /// The instructions of each core, in the order of [`Platform::cores`](crate::Platform::cores).
    ///
    /// Taken in the order in which streams give them, instructions stand in a legal serial order:
    /// what one waits for has been given before it.
    pub streams: Vec<InstructionStream>,
}

/// The instructions of all cores of a pass in a legal serial order: the streams take turns.
pub fn in_turn(mut streams: Vec<InstructionStream>) -> impl Iterator<Item = Instruction> {
    let mut turn = 0;
    std::iter::from_fn(move || {
        while !streams.is_empty() {
            turn %= streams.len();
            match streams[turn].next() {
                Some(Poll::Ready(instruction)) => {
                    turn += 1;
                    return Some(instruction);
                }
                Some(Poll::Pending) => turn += 1,
                None => drop(streams.remove(turn)),
            }
        }
        None
    })
}

/// A stream of passes, run one after another on the same machine. Counts in waits run on over
/// passes.
pub trait Program {
    /// The next pass, or `None` at the end.
    fn next_pass(&mut self) -> Option<Pass>;

    /// How many passes there are in all, for progress.
    fn passes(&self) -> u64;
}

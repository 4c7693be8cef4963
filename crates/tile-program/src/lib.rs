//! The contract between whoever *makes* a program (the workload compiler), whoever *runs* it (the
//! machine) and whoever *watches* (attribution, traces).
//!
//! ```text
//!   compiler ──► Program: Pass { operations, instructions } ──► machine ──► Observer
//!      ▲                                                          │
//!      └──────────────────────── Platform ◄───────────────────────┘
//! ```
//!
//! * A [`Target`] says what a compiler must know of a core: units, scratchpads, memory. A
//!   [`Platform`] is all cores of a machine and the [`Network`] between their chips.
//! * A [`Program`] is a stream of [`Pass`]es (a prefill, or one decoded token). A pass lists its
//!   [`Operation`]s and yields the [`Instruction`]s of each core lazily, so that memory does not
//!   grow with the length of a run.
//! * Every unit of the machine executes its instructions in program order. An instruction starts
//!   when its unit is free and each of its [`Wait`]s is met: "unit `u` has completed `n`
//!   instructions since the start of the run". Nothing else orders two units.
//! * An [`Observer`] sees every cycle of every unit exactly once, as [`Busy`] or [`Waiting`].
//!
//! This crate holds words and plain data; it does not know how a program is made or run.

mod class;
mod instruction;
mod number_format;
mod numbers;
mod observe;
mod operand;
mod operator;
mod packed;
mod platform;
mod program;
mod role;
mod target;
mod tiling;

pub use class::{Cause, Class, Dataflow, Family};
pub use instruction::{
    Claim, GemmTile, Instruction, ReceiveTile, Region, Stream, TransferTile, VectorKind,
    VectorTile, Wait, WaitReason, Waits, Work,
};
pub use number_format::NumberFormat;
pub use numbers::Numbers;
pub use observe::{Activity, Bound, Busy, FoldSpan, NoObserver, Observer, Waiting};
pub use operand::{BufferId, Operand, Operands, Results, Span};
pub use operator::{Matrix, Operator, OperatorRole};
pub use packed::Packed;
pub use platform::{LinkId, Network, Platform, Reach};
pub use program::{
    GemmDims, GemmShape, InstructionStream, Moved, Operation, OperationId, OperationName, Pass,
    Program, SequenceRange, Shortfall, in_turn,
};
pub use role::{Flow, Role};
pub use target::{
    ArrayTarget, ArrayTime, CoreId, Interleave, Laws, MemoryTarget, ScratchpadId, ScratchpadTarget,
    Target, UnitId,
};
pub use tiling::{DecidedBy, LoopOrder, Reuse, TileChoice, Tiling};

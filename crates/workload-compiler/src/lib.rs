//! From a language model and a run to tiles on units.
//!
//! ```text
//!   WorkloadFile ──resolve──► Workload ──lower──► Graph (operations, tensors, stages)
//!                                                   │ plan: what stays on chip, tiles, loop order
//!   Platform ───────────────────────────────────────┤
//!                                                   ▼ emit: waits, scratchpad bytes, addresses
//!                                    CompiledProgram (passes of instructions, made on demand)
//! ```
//!
//! * [`models`] lists the shipped models; [`find`] looks one up; [`from_hugging_face`] reads
//!   others.
//! * [`WorkloadFile`] is a workload as written, [`resolve`] checks it, [`compile`] makes a
//!   [`tile_program::Program`] for a [`tile_program::Platform`].
//!
//! Nothing here reads files, and of time it knows only what a machine's [`tile_program::Laws`]
//! answer. The crate's README, which follows, tells what is modelled and what is not.
//!
#![doc = include_str!("../README.md")]

mod core_program;
mod emit;
mod error;
mod format;
mod graph;
mod layout;
mod listing;
mod lower;
mod model;
mod passes;
mod plan;
mod program;
mod split;
mod spread;
mod strips;
mod tuning;
mod workload;

pub use core_program::KeptWeights;
pub use error::{CompileError, Concern};
pub use format::{Format, Packing};
pub use listing::{
    InstructionListing, Lister, OperationListing, PassListing, ScratchpadBytes, TileSize, Tiles,
    Totals, WaitListing, WorkListing,
};
pub use model::{
    Activation, DenseLayer, FeedForward, Mixer, Model, ModelFile, Norm, NormPlacement, Position,
    Preset, PublishedPrecision, find, from_hugging_face, models, nearest,
};
pub use program::{CompiledProgram, compile, compile_every_chip};
pub use workload::{
    Algorithm, Fusion, Heads, Lengths, MaskedKeys, ModelChoice, Operators, Overrides, Precision,
    PrecisionFile, Run, Softmax, Split, Weights, Workload, WorkloadFile, resolve,
};

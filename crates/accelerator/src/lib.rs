//! The machine: its description, its wiring, and the run of a program on it. The crate does not
//! know how a program is made, nor who watches a run.
//!
//! A [`MachineSpec`] is a checked machine file; a [`Machine`] is made of it and runs any
//! [`Program`](tile_program::Program) compiled for its [`Target`](tile_program::Target).
//!
//! ```text
//!                    sequencer ── instructions in program order, one queue a unit
//!        ┌──────────────┬──┴───────────┬─────────────────┐
//!     array …        vector        DMA load          DMA store
//!        │              │              └───────┬─────────┘
//!        └─ scratchpads ┴──────────────────────┤
//!                                    memory: channels …
//! ```
//!
//! Every box is a component on the event kernel. A unit takes the next instruction of its queue
//! when each of the instruction's waits is met, works on it for a time that a closed law gives
//! (arrays, vector unit) or that the memory decides (DMA), and wakes who waits for it. Everything
//! is told to an [`Observer`](tile_program::Observer).

mod config;
mod core_model;

mod error;
mod laws;
mod links;
mod machine;
mod memory;
mod memory_component;
mod outcome;
mod platform;
mod sequencer;
mod unit;
mod wiring;
mod world;

pub use config::{
    ArraySpec, CoreSpec, DmaSpec, Each, LinkSpec, MachineFile, MachineSpec, ScratchpadSpec,
    SerialSpec, TEMPLATE, UnpackSpec, VectorCost, VectorLanes, VectorSpec, resolve,
};
pub use error::MachineError;
pub use machine::{Machine, RunOptions};
pub use outcome::{ChannelOutcome, Outcome, ScratchpadOutcome};
pub use sequencer::Progress;

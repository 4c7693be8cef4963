//! The machine file: as written ([`MachineFile`]) and as checked ([`MachineSpec`]).
//!
//! A machine is a clock, any number of PE arrays, a vector unit, three scratchpads, a DMA and a
//! memory; or several such cores on a memory, and several such chips. Everything has a default or
//! is required; `template.ron` shows every field with its default and says what it means.
//!
//! `file.rs` and `costs.rs` hold the text as types, `spec.rs` what makes sense, and the other files
//! check the one and make the other of it.

mod array;
mod chips;
mod cores;
mod costs;
mod file;
mod ranges;
mod resolve;
mod serial;
mod spec;
mod vector;

pub use file::{Each, MachineFile};
pub use resolve::resolve;
pub use spec::{
    ArraySpec, CoreSpec, DmaSpec, LinkSpec, MachineSpec, ScratchpadSpec, SerialSpec, UnpackSpec,
    VectorCost, VectorLanes, VectorSpec,
};

/// A machine file with every field, its default and what it means.
pub const TEMPLATE: &str = include_str!("template.ron");

#[cfg(test)]
mod tests;

//! The machine file: as written ([`MachineFile`]) and as checked ([`MachineSpec`]).
//!
//! A machine is a clock, any number of PE arrays, a vector unit, three scratchpads, a DMA and a
//! memory; or several such cores on a memory, and several such chips. Everything has a default or is required; `template.ron` shows every field with its
//! default and says what it means.

mod array;
mod chips;
mod file;
mod resolve;
mod serial;
mod spec;
mod vector;

pub use file::MachineFile;
pub use resolve::resolve;
pub use serial::{Each, LinkSpec, SerialSpec};
pub use spec::{
    ArraySpec, CoreSpec, DmaSpec, MachineSpec, ScratchpadSpec, UnpackSpec, VectorCost, VectorLanes,
    VectorSpec,
};

/// A machine file with every field, its default and what it means.
pub const TEMPLATE: &str = include_str!("template.ron");

#[cfg(test)]
mod tests;

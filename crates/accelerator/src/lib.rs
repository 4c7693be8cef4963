//! The machine: what a machine file says, and the components that run a program.

mod config;

pub use config::{
    ArraySpec, DmaSpec, MachineFile, MachineSpec, ScratchpadSpec, TEMPLATE, VectorCost,
    VectorLanes, VectorSpec, resolve,
};

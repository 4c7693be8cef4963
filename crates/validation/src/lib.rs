//! The models beside what this project did not write: RTL, other simulators, hardware counters and
//! published figures. The reference data stand in `data/` and are part of the program.
//!
//! | module | what is compared | with what |
//! |---|---|---|
//! | [`rtl`] | laws and arithmetic of the PE arrays | the systolic array in `rtl/`, recorded or live in Verilator |
//! | [`scalesim`] | array laws in the ScaleSim convention | rows and reports of SCALE-Sim |
//! | [`dram`] | replicas of DRAM controllers | DRAMsim3 and Ramulator 2, command by command |
//! | [`tpu`] | the ledger of an array | hardware counters of the TPU v1 |
//! | [`machines`] | predictions of whole machines | what was published of boards, chips and RTL |
//! | [`paper`] | shares of cycles and decode rates | the published account of 1-bit models |
//!
//! Golden files are tables of comma-separated values; one reader takes them apart, and its
//! [`GoldenError`] names file, line and column.
//!
//! The crate knows no command line and finds no machine files: callers give it machines and texts.

pub mod dram;
pub mod machines;
pub mod paper;
pub mod rtl;
pub mod scalesim;
mod table;
pub mod tpu;

pub use table::GoldenError;

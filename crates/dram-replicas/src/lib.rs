//! A DRAM on its own: traces of requests in; times, counts, energy and traces of commands out.
//!
//! ```text
//! request::parse_trace ──► standalone::Target ─┬─► dram::Memory: the machine's own controller
//! request::generate                            └─► run(): DRAMsim3's or Ramulator 2's controller
//!                                                      │
//! standalone::check ◄── command_trace ◄── Outcome ◄────┘
//! ```
//!
//! The two simulators' controllers are replicas: policies that are fixed to the last tie-break and
//! advance tick by tick, so that their commands can be compared one by one with those of the
//! simulators. [`driver`] gives both one request a burst. Their parameters stand in
//! `presets/replicas.csv` and their constraint tables in `standards/`.
//!
//! The crate knows the devices of [`dram`], and nothing of reference results: the crate
//! `validation` holds those and compares.

mod advance;
pub mod command_trace;
pub mod config;
mod dramsim3;
pub mod driver;
pub mod protocol;
mod ramulator;
pub mod request;
pub mod standalone;

pub use self::config::ReplicaConfig;
pub use driver::{RunOptions, RunStatistics, run};

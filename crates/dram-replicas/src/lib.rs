//! Two trusted simulators' controllers, command for command.
//!
//! `dramsim3` and `ramulator` are policies fixed to the last tie-break;
//! both are driven one request a burst by the same [`driver`].

mod advance;
pub mod config;
mod dramsim3;
pub mod driver;
pub mod protocol;
mod ramulator;

pub use config::ReplicaConfig;
pub use driver::{RunStatistics, run};

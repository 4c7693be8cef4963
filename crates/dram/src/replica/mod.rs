//! Two trusted simulators' controllers, command for command.
//!
//! [`DramSim3`](dramsim3) and [`Ramulator`](ramulator) are policies fixed to the last tie-break;
//! both are driven one request a burst by the same [`driver`].

pub mod config;
mod dramsim3;
pub mod driver;

pub use config::ReplicaConfig;
pub use driver::{RunStatistics, run};

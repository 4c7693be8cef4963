//! Runs a workload on a machine, and keeps all that is known of the run in one record.
//!
//! ```
//! use simulator::{Simulation, read_machine, read_workload};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let machine = read_machine(
//!     "small.ron",
//!     r#"Machine(
//!         name: "small",
//!         clock: MHz(500),
//!         arrays: [(
//!             name: "array", element: Ternary(activation: Int8), rows: 8, columns: 32,
//!             dataflow: WeightStationary, serves: [Projection],
//!         )],
//!         vector: (lanes: 16),
//!         scratchpads: (
//!             activations: (capacity: KiB(64), banks: 4, port: Bytes(32)),
//!             weights: (capacity: KiB(64), banks: 4, port: Bytes(32)),
//!             outputs: (capacity: KiB(64), banks: 4, port: Bytes(32)),
//!         ),
//!         dma: (requests_in_flight: 8, request: KiB(4)),
//!         memory: Ideal(bandwidth: GBps(10), latency: Ns(50)),
//!     )"#,
//! )?;
//! let workload = read_workload(
//!     "layer.ron",
//!     r#"Workload(
//!         model: Dense([(count: 1, inputs: 256, outputs: 64)]),
//!         run: Prefill(tokens: 4),
//!         precision: (projection: Ternary(packing: TwoBits)),
//!     )"#,
//! )?;
//! let record = Simulation::new(machine)?.workload(workload)?.run()?;
//! assert_eq!(record.summary.macs, 4 * 256 * 64);
//! assert!(record.roofline().ratio.is_some_and(|ratio| ratio >= 1.0));
//! # Ok(())
//! # }
//! ```
//!
//! The steps have types of their own, so that they cannot be taken in a wrong order. A
//! [`Simulation`] is a machine, of which its technology may be told; [`Simulation::workload`]
//! compiles a workload for it. The [`Compiled`] simulation takes an observer, a limit of cycles and
//! a listener to its progress, and [`Compiled::run`] gives the [`RunRecord`]. The ledger of cycles,
//! and the counter of activity where a technology is given, are observers that the run attaches
//! itself. [`measure_all`] runs many [`Point`]s, as many at once as there are threads.
//!
//! Phases of a run and decisions of the compiler are told through `tracing`: the beginning and the
//! end of a run and what is odd about its memory at `info`, passes, kept weights and chosen tilings
//! at `debug`; what happens in simulated time has the field `cycle`. Nothing is told for each
//! instruction.
#![doc = include_str!("../README.md")]

mod dram_energy;
mod error;
mod passes;
mod point;
mod pricing;
mod read;
mod record;
mod serial;
mod simulation;

pub use accelerator::{
    ChannelOutcome, Machine, MachineError, MachineSpec, Outcome, Progress, ScratchpadOutcome,
};
pub use attribution::Summary;
pub use workload_compiler::{CompileError, Concern, Format, KeptWeights, Workload};

pub use dram_energy::DramEnergy;
pub use error::SimulationError;
pub use point::{Point, measure_all};
pub use pricing::EnergyRecord;
pub use read::{read_machine, read_workload};
pub use record::{ArrayOfRun, RunRecord, WithSerial};
pub use serial::{Counted, SerialTime, serial};
pub use simulation::{Chips, Compiled, Simulation};

//! What-if studies: many runs of [`simulator`] set side by side.
//!
//! * [`published`] holds what is known of the published figures: how their models differ from the
//!   real ones, how their cycles were counted, and how a file of them is compared cell by cell.
//! * [`counters`] sets the ledger of a machine's array beside the counters of the hardware.
//! * [`what_if`] asks what a part made S times faster brings: by Amdahl's law, and on the machine.
//! * [`beyond`] asks what the published account leaves out.
//! * [`reproduce`](mod@reproduce) answers the published question for all models, contexts and machines.
//! * [`machines`] sets predictions beside what was published of real machines.
//! * [`figure`] draws, as SVG and PNG.
//!
//! Every number comes from a simulated run. Closed forms stand in tests, beside the runs. The
//! crate's README explains Amdahl's law, its terms and its limits. Nothing here reads or writes
//! files.

pub mod beyond;
pub mod counters;
pub mod figure;
mod golden;
mod lab;
pub mod machines;
pub mod published;
pub mod reproduce;
mod setting;
pub mod sheet;
pub mod what_if;

pub use golden::GoldenError;
pub use setting::{CONTEXTS, Extent, Machines, ReproduceError};

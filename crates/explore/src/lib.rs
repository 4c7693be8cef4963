//! What-if studies: many runs of [`simulator`] set side by side.
//!
//! * [`published`] holds what is known of the published figures: how their models differ from the
//!   real ones, how their cycles were counted, and how they are compared cell by cell.
//! * [`what_if`] asks what a part made S times faster brings: by Amdahl's law, and on the machine.
//! * [`beyond`] asks what the published account leaves out.
//! * [`reproduce`](mod@reproduce) answers the published question for all models, contexts and
//!   machines.
//! * [`prediction`] predicts how long a workload or a list of kernels takes with the serial work
//!   around it.
//! * [`figure`] draws, as SVG and PNG.
//!
//! Every number comes from a simulated run. Closed forms stand in tests, beside the runs. The
//! crate's README explains Amdahl's law, its terms and its limits. Nothing here reads or writes
//! files.

pub mod beyond;
pub mod figure;
mod lab;
pub mod prediction;
pub mod published;
pub mod reproduce;
mod setting;
pub mod sheet;
pub mod what_if;

pub use setting::{CONTEXTS, Extent, Machines, ReproduceError};

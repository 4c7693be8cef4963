//! What-if studies: many runs of the same compiler and machine, set side by side.
//!
//! * [`Point`] is a workload on a machine; [`measure_all`] runs many, in parallel, with results in
//!   the order of the points: the same bytes at any number of threads.
//! * [`published`] holds what is known of the published figures: how their models differ from the
//!   real ones, how their cycles were counted, and how they are compared cell by cell.
//! * [`what_if`] asks what a part made S times faster brings: by Amdahl's law, and on the machine.
//! * [`beyond`] asks what the published account leaves out.
//! * [`reproduce`](mod@reproduce) answers the published question for all models, contexts and machines.
//! * [`machines`] predicts how long a workload or a list of kernels takes with the serial work around it.
//! * [`price`] tells energy and area of a machine and its run.
//! * [`figure`] draws, as SVG and PNG.
//!
//! Every number comes from a simulated run. Closed forms stand in tests, beside the runs. The
//! crate's README explains Amdahl's law, its terms and its limits. Nothing here reads or writes
//! files.

pub mod beyond;
pub mod figure;
mod lab;
pub mod machines;
mod point;
pub mod price;
pub mod published;
pub mod reproduce;
pub mod sheet;
pub mod what_if;

pub use point::{Gemms, Measured, Point, PointError, measure_all};

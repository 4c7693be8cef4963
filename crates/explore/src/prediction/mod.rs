//! Predictions: how long a model or a list of kernels takes on a machine, with the serial work
//! around it.
//!
//! A [`KernelsFile`] lists the matrix products, vector work and all-reduces that a program starts
//! one by one; [`resolve`] checks it, [`fit()`] holds it against a machine without running it, and
//! [`predict()`] runs it. The form of the file stands in the crate's README.

mod fit;
mod kernel_time;
mod kernels;
mod predict;

pub use fit::fit;
pub use kernel_time::{BusyPart, CauseCycles, KernelTime, UnitCycles};
pub use kernels::{Kernel, KernelFile, KernelList, KernelWork, KernelsFile, Work, resolve};
pub use predict::{Load, PredictError, Prediction, predict};

/// Four digits that tell.
#[must_use]
pub fn digits(number: f64) -> String {
    let places = match number.abs() {
        n if n >= 1000.0 => 0,
        n if n >= 100.0 => 1,
        n if n >= 10.0 => 2,
        _ => 3,
    };
    format!("{number:.places$}")
}

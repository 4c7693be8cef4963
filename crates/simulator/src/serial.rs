//! Work outside the machine, during which the machine stands still.

use accelerator::{Each, MachineSpec};
use serde::Serialize;

/// Serial work of a run: what it is, how often it is done, and how long it takes in all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SerialTime {
    /// The machine file's name for it.
    pub what: String,
    /// The number of times that it is done.
    pub times: u64,
    /// Seconds of all those times together.
    pub seconds: f64,
}

/// The events of a run that serial work may be done once for, counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Tokens that the run makes.
    pub tokens: u64,
    /// Layers, summed over all passes.
    pub layers: u64,
    /// Matrix products, summed over all passes.
    pub gemms: u64,
    /// Matrix products and work of the vector unit that are started by themselves.
    pub kernels: u64,
}

/// The serial work of a machine's run, in the order of the machine file.
#[must_use]
pub fn serial(spec: &MachineSpec, counted: Counted) -> Vec<SerialTime> {
    let terms = spec.serial.iter().map(|term| {
        let times = match term.each {
            Each::Token => counted.tokens,
            Each::Layer => counted.layers,
            Each::Gemm => counted.gemms,
            Each::Kernel => counted.kernels,
        };
        SerialTime {
            what: term.what.clone(),
            times,
            seconds: times as f64 * term.picoseconds as f64 * 1e-12,
        }
    });
    terms.collect()
}

//! A prediction: a workload or a list of kernels on a machine, with the serial work around it.

use accelerator::{Each, Machine};
use workload_compiler::Workload;

use super::kernels::{KernelList, KernelWork};
use crate::{Measured, Point, PointError};

/// What is run.
#[derive(Clone, Debug)]
pub enum Load {
    /// A model, as `ternion simulate` runs it.
    Model(Box<Workload>),
    /// Kernels, one after another.
    Kernels(KernelList),
}

/// One kernel's share of a prediction, over all its repetitions.
#[derive(Clone, Debug)]
pub struct KernelTime {
    /// What it is called.
    pub name: String,
    /// How long it takes, without serial work.
    pub seconds: f64,
    /// Cycles of the machine's clock; 0 on a link.
    pub cycles: f64,
    /// Payload bytes that it reads from main memory.
    pub bytes_read: f64,
}

/// A prediction.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// Tokens made.
    pub tokens: u64,
    /// The kernels, each name once, in order; of a model, the whole of it as `model`.
    pub kernels: Vec<KernelTime>,
    /// Serial work: what it is, and how long it takes in all.
    pub serial: Vec<(String, f64)>,
}

impl Prediction {
    /// Time on machine and link.
    #[must_use]
    pub fn machine_seconds(&self) -> f64 {
        self.kernels.iter().map(|kernel| kernel.seconds).sum()
    }

    /// Time of serial work.
    #[must_use]
    pub fn serial_seconds(&self) -> f64 {
        self.serial.iter().map(|(_, seconds)| seconds).sum()
    }

    /// All of it.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.machine_seconds() + self.serial_seconds()
    }
}

/// Why there is no prediction.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// A piece of work cannot run on the machine.
    #[error("{kernel}: {source}")]
    Point {
        /// Which.
        kernel: String,
        /// Why.
        source: PointError,
    },
    /// An all-reduce on a machine without a link.
    #[error("{kernel}: an all-reduce, and the machine has no `link`")]
    NoLink {
        /// Which.
        kernel: String,
    },
    /// A time beyond 64 bits.
    #[error("{kernel}: takes more than 2^64 picoseconds")]
    TooLong {
        /// Which.
        kernel: String,
    },
}

/// Runs a load on a machine.
///
/// # Errors
/// [`PredictError`], with the kernel that cannot be run.
pub fn predict(machine: &Machine, load: &Load) -> Result<Prediction, PredictError> {
    let (tokens, layers, gemms, kernels) = match load {
        Load::Model(workload) => {
            let measured = run(machine, "model", workload)?;
            let layers = workload
                .model
                .layers
                .saturating_mul(measured.summary.passes);
            let gemms = measured.gemms;
            let time = kernel_time("model", &measured, 1);
            (measured.tokens, layers, (gemms, gemms), vec![time])
        }
        Load::Kernels(list) => {
            let (times, started) = all(machine, list)?;
            (list.tokens, list.layers, started, times)
        }
    };
    let serial = machine.spec().serial.iter().map(|term| {
        let times = match term.each {
            Each::Token => tokens,
            Each::Layer => layers,
            Each::Gemm => gemms.0,
            Each::Kernel => gemms.1,
        };
        let seconds = times as f64 * term.picoseconds as f64 * 1e-12;
        (term.what.clone(), seconds)
    });
    Ok(Prediction {
        tokens,
        kernels,
        serial: serial.collect(),
    })
}

/// The times of a list, and how many matrix products and kernels of the machine were started.
fn all(
    machine: &Machine,
    list: &KernelList,
) -> Result<(Vec<KernelTime>, (u64, u64)), PredictError> {
    let mut times: Vec<KernelTime> = Vec::new();
    let mut started = (0u64, 0u64);
    for kernel in &list.kernels {
        let time = match &kernel.work {
            KernelWork::Machine { workload, gemm } => {
                started.1 = started.1.saturating_add(kernel.times);
                if *gemm {
                    started.0 = started.0.saturating_add(kernel.times);
                }
                kernel_time(
                    &kernel.name,
                    &run(machine, &kernel.name, workload)?,
                    kernel.times,
                )
            }
            KernelWork::AllReduce { bytes, machines } => {
                let name = || kernel.name.clone();
                let link = machine.spec().link;
                let link = link.ok_or_else(|| PredictError::NoLink { kernel: name() })?;
                let picoseconds = link.all_reduce_picoseconds(*bytes, *machines);
                let picoseconds =
                    picoseconds.ok_or_else(|| PredictError::TooLong { kernel: name() })?;
                KernelTime {
                    name: name(),
                    seconds: kernel.times as f64 * picoseconds as f64 * 1e-12,
                    cycles: 0.0,
                    bytes_read: 0.0,
                }
            }
        };
        match times.iter_mut().find(|known| known.name == time.name) {
            None => times.push(time),
            Some(known) => {
                known.seconds += time.seconds;
                known.cycles += time.cycles;
                known.bytes_read += time.bytes_read;
            }
        }
    }
    Ok((times, started))
}

fn run(machine: &Machine, name: &str, workload: &Workload) -> Result<Measured, PredictError> {
    let point = Point {
        machine,
        workload: workload.clone(),
    };
    point.measure().map_err(|source| PredictError::Point {
        kernel: name.to_owned(),
        source,
    })
}

fn kernel_time(name: &str, measured: &Measured, times: u64) -> KernelTime {
    let times = times as f64;
    KernelTime {
        name: name.to_owned(),
        seconds: times * measured.seconds(),
        cycles: times * measured.summary.total.get() as f64,
        bytes_read: times * measured.summary.bytes_read.get() as f64,
    }
}

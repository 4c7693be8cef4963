//! A prediction: a workload or a list of kernels on a machine, with the serial work around it.

use accelerator::{Each, Machine, MachineSpec};
use serde::Serialize;
use workload_compiler::Workload;

use super::kernels::{Kernel, KernelList, KernelWork};
use crate::lab::{Answer, Lab, Refusal};
use crate::what_if::Term;
use crate::{Measured, Point};

/// What is run.
#[derive(Clone, Debug)]
pub enum Load {
    /// A model, as `ternion simulate` runs it.
    Model(Box<Workload>),
    /// Kernels, one after another.
    Kernels(KernelList),
}

/// One kernel's share of a prediction, over all its repetitions.
#[derive(Clone, Debug, Serialize)]
pub struct KernelTime {
    /// What it is called.
    pub name: String,
    /// How often it runs.
    pub times: u64,
    /// How long it takes, without serial work.
    pub seconds: f64,
    /// Cycles of the machine's clock; 0 on a link.
    pub cycles: f64,
    /// Payload bytes that it reads from main memory.
    pub bytes_read: f64,
    /// Payload bytes that it writes there.
    pub bytes_written: f64,
    /// What its cycles are spent on, those first that take most; they sum to all of them.
    pub spent: Vec<(Term, f64)>,
}

impl KernelTime {
    /// The same kernel again.
    fn add(&mut self, other: Self) {
        self.times = self.times.saturating_add(other.times);
        self.seconds += other.seconds;
        self.cycles += other.cycles;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
        let spent = other.spent.into_iter().chain(self.spent.drain(..));
        self.spent = sorted(spent);
    }
}

/// Cycles by term, each once, without those that take none.
fn sorted(spent: impl Iterator<Item = (Term, f64)>) -> Vec<(Term, f64)> {
    let mut terms = Term::ALL.map(|term| (term, 0.0));
    for (term, cycles) in spent {
        terms[term as usize].1 += cycles;
    }
    let mut terms = terms.to_vec();
    terms.retain(|(_, cycles)| *cycles > 0.0);
    terms.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    terms
}

/// Serial work of a run: what it is, how often it is done, and how long it takes in all.
#[derive(Clone, Debug, Serialize)]
pub struct SerialTime {
    /// As the machine file calls it.
    pub what: String,
    /// How often.
    pub times: u64,
    /// All of it.
    pub seconds: f64,
}

/// What serial work is done once for, counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Tokens made.
    pub tokens: u64,
    /// Layers of all passes.
    pub layers: u64,
    /// Matrix products.
    pub gemms: u64,
    /// Matrix products and work of the vector unit that are started by themselves.
    pub kernels: u64,
}

/// The serial work of a machine's run.
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

/// A prediction.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// Tokens made.
    pub tokens: u64,
    /// The kernels, each name once, in order; of a model, the whole of it as `model`.
    pub kernels: Vec<KernelTime>,
    /// Serial work, in the order of the machine file.
    pub serial: Vec<SerialTime>,
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
        self.serial.iter().map(|term| term.seconds).sum()
    }

    /// All of it.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.machine_seconds() + self.serial_seconds()
    }

    /// Tokens a second of all that time; `None` for a run of no time.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        let seconds = self.seconds();
        (seconds > 0.0).then(|| self.tokens as f64 / seconds)
    }
}

/// Why there is no prediction.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// A piece of work cannot run on the machine.
    #[error("{kernel}: {why}")]
    Refused {
        /// Which.
        kernel: String,
        /// Why.
        why: String,
    },
    /// A mistake of the simulator's own: the run breaks a law that holds of every run.
    #[error("{kernel}: {why}")]
    Internal {
        /// Which.
        kernel: String,
        /// Which law, and by how much.
        why: String,
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
    let (counted, kernels) = match load {
        Load::Model(workload) => {
            let point = Point {
                machine,
                workload: (**workload).clone(),
            };
            let measured = point
                .measure()
                .map_err(|error| refused("model", error.into()))?;
            let layers = workload.model.layers;
            let counted = Counted {
                tokens: measured.tokens,
                layers: layers.saturating_mul(measured.summary.passes),
                gemms: measured.gemms,
                kernels: measured.gemms,
            };
            (counted, vec![kernel_time("model", &measured, 1)])
        }
        Load::Kernels(list) => all(machine, list)?,
    };
    Ok(Prediction {
        tokens: counted.tokens,
        kernels,
        serial: serial(machine.spec(), counted),
    })
}

fn refused(kernel: &str, refusal: Refusal) -> PredictError {
    let kernel = kernel.to_owned();
    match refusal {
        Refusal::Unfit(why) => PredictError::Refused { kernel, why },
        Refusal::Internal(why) => PredictError::Internal { kernel, why },
    }
}

/// The times of a list, each name once, and what the machine started.
fn all(machine: &Machine, list: &KernelList) -> Result<(Counted, Vec<KernelTime>), PredictError> {
    let mut counted = Counted {
        tokens: list.tokens,
        layers: list.layers,
        gemms: 0,
        kernels: 0,
    };
    let mut times: Vec<KernelTime> = Vec::new();
    let mut runs = runs(machine, list).into_iter();
    for kernel in &list.kernels {
        let time = match &kernel.work {
            KernelWork::Machine { gemm, .. } => {
                counted.kernels = counted.kernels.saturating_add(kernel.times);
                if *gemm {
                    counted.gemms = counted.gemms.saturating_add(kernel.times);
                }
                let run = runs.next().expect("a run for each kernel of the machine");
                let run = run.map_err(|refusal| refused(&kernel.name, refusal))?;
                kernel_time(&kernel.name, &run, kernel.times)
            }
            KernelWork::AllReduce { bytes, machines } => KernelTime {
                name: kernel.name.clone(),
                times: kernel.times,
                seconds: kernel.times as f64 * all_reduce(machine, kernel, *bytes, *machines)?,
                cycles: 0.0,
                bytes_read: 0.0,
                bytes_written: 0.0,
                spent: Vec::new(),
            },
        };
        match times.iter_mut().find(|known| known.name == time.name) {
            None => times.push(time),
            Some(known) => known.add(time),
        }
    }
    Ok((counted, times))
}

/// Runs the kernels of the machine, equal ones once, as many at once as there are threads.
fn runs(machine: &Machine, list: &KernelList) -> Vec<Answer> {
    let asked = list.kernels.iter().filter_map(|kernel| match &kernel.work {
        KernelWork::Machine { workload, .. } => {
            Some((machine.spec().clone(), (**workload).clone()))
        }
        KernelWork::AllReduce { .. } => None,
    });
    Lab::default().runs(&asked.collect::<Vec<_>>())
}

/// Seconds of an all-reduce on the machine's link.
fn all_reduce(
    machine: &Machine,
    kernel: &Kernel,
    bytes: u64,
    machines: u64,
) -> Result<f64, PredictError> {
    let name = || kernel.name.clone();
    let link = machine.spec().link;
    let link = link.ok_or_else(|| PredictError::NoLink { kernel: name() })?;
    let picoseconds = link.all_reduce_picoseconds(bytes, machines);
    let picoseconds = picoseconds.ok_or_else(|| PredictError::TooLong { kernel: name() })?;
    Ok(picoseconds as f64 * 1e-12)
}

fn kernel_time(name: &str, measured: &Measured, times: u64) -> KernelTime {
    let summary = &measured.summary;
    let cells = summary.makespan.iter().map(|cell| {
        let cycles = times as f64 * cell.cycles.get() as f64;
        (Term::of(cell.class, cell.cause), cycles)
    });
    KernelTime {
        name: name.to_owned(),
        times,
        seconds: times as f64 * measured.seconds(),
        cycles: times as f64 * summary.total.get() as f64,
        bytes_read: times as f64 * summary.bytes_read.get() as f64,
        bytes_written: times as f64 * summary.bytes_written.get() as f64,
        spent: sorted(cells),
    }
}

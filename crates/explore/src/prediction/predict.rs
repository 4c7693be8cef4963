//! A prediction: a workload or a list of kernels on a machine, with the serial work around it.

use accelerator::{Machine, MachineError};
use config::FieldError;
use simulator::{Counted, Point, RunRecord, SerialTime, SimulationError, measure_all, serial};
use workload_compiler::{Concern, Workload};

use super::kernel_time::{KernelTime, Which};
use super::kernels::{Kernel, KernelList, KernelWork};

/// What is run.
#[derive(Clone, Debug)]
pub enum Load {
    /// A model, as `ternion simulate` runs it.
    Model(Box<Workload>),
    /// Kernels, one after another.
    Kernels(KernelList),
}

/// The predicted time of a workload or of a list of kernels.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// Tokens made; `None` where the load makes none.
    pub tokens: Option<u64>,
    /// The kernels in the order of the list, each by itself, also where several share a name; of a
    /// model, the whole of it as `model`.
    pub kernels: Vec<KernelTime>,
    /// Serial work, in the order of the machine file.
    pub serial: Vec<SerialTime>,
}

impl Prediction {
    /// Time on machine and link.
    #[must_use]
    pub fn machine_seconds(&self) -> f64 {
        let kernels = self.kernels.iter();
        kernels.fold(0.0, |sum, kernel| sum + kernel.seconds)
    }

    /// Time of serial work.
    #[must_use]
    pub fn serial_seconds(&self) -> f64 {
        // Not `sum()`, which is -0.0 where there is nothing to add.
        let terms = self.serial.iter();
        terms.fold(0.0, |sum, term| sum + term.seconds)
    }

    /// All of it.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.machine_seconds() + self.serial_seconds()
    }

    /// Tokens a second of all that time; `None` for a load that makes no tokens, or a run of no
    /// time.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (tokens, seconds) = (self.tokens?, self.seconds());
        (seconds > 0.0).then(|| tokens as f64 / seconds)
    }
}

/// Why there is no prediction.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// A piece of work cannot be compiled for the machine.
    #[error("{kernel}: {error}")]
    Refused {
        /// The name of the work that was refused.
        kernel: String,
        /// The file to change.
        concern: Concern,
        /// The field to change there, and what would be right.
        error: FieldError,
    },
    /// The program of a piece of work asks of an array what it cannot do.
    #[error("{kernel}: {why}")]
    Unfit {
        /// The name of the work that no array can do.
        kernel: String,
        /// What the program asks, and what the array cannot do.
        why: String,
    },
    /// A mistake of the simulator's own: the run breaks a law that holds of every run.
    #[error("{kernel}: {why}")]
    Internal {
        /// The name of the work whose run breaks the law.
        kernel: String,
        /// Which law, and by how much.
        why: String,
    },
    /// The machine stopped at a piece of work.
    #[error("{kernel}: {why}")]
    Stopped {
        /// The name of the work at which the machine stopped.
        kernel: String,
        /// What the machine waits for, or which limit it passed.
        why: String,
    },
    /// An all-reduce on a machine without a link.
    #[error("{kernel}: an all-reduce, and the machine has no `link`")]
    NoLink {
        /// The name of the all-reduce.
        kernel: String,
    },
    /// A time beyond 64 bits.
    #[error("{kernel}: takes more than 2^64 cycles or picoseconds, or moves more than 2^64 bytes")]
    TooLong {
        /// The name of the work that takes too long.
        kernel: String,
    },
}

impl PredictError {
    /// The file and the field to change, with what would be right; `None` where no field is at
    /// fault.
    #[must_use]
    pub fn place(&self) -> Option<(Concern, FieldError)> {
        match self {
            Self::Refused {
                kernel,
                concern,
                error,
            } => {
                let message = format!("{kernel}: {}", error.message);
                let error = error.clone();
                Some((*concern, FieldError { message, ..error }))
            }
            Self::NoLink { .. } => {
                let help = "give the machine a `link`, or leave the all-reduce out";
                let error = FieldError::new("link", self).help(help);
                Some((Concern::Machine, error))
            }
            Self::Unfit { .. }
            | Self::Internal { .. }
            | Self::Stopped { .. }
            | Self::TooLong { .. } => None,
        }
    }
}

/// Runs a load on a machine.
///
/// # Errors
/// [`PredictError`], with the kernel that cannot be run.
pub fn predict(machine: &Machine, load: &Load) -> Result<Prediction, PredictError> {
    let (tokens, counted, kernels) = match load {
        Load::Model(workload) => {
            let point = Point {
                machine,
                workload: (**workload).clone(),
            };
            let which = Which {
                index: 0,
                name: "model",
                times: 1,
            };
            let measured = point.measure();
            let measured = measured.as_ref().map_err(|error| {
                let in_file = |error| error;
                refused(which.name, error, in_file)
            })?;
            let layers = workload.model.layers;
            let tokens = workload.tokens_made();
            let counted = Counted {
                tokens: tokens.unwrap_or(0),
                layers: layers.saturating_mul(measured.summary.passes),
                gemms: measured.gemms,
                kernels: measured.gemms,
            };
            (tokens, counted, vec![KernelTime::of(which, measured)?])
        }
        Load::Kernels(list) => {
            let (counted, times) = all(machine, list)?;
            (list.tokens, counted, times)
        }
    };
    Ok(Prediction {
        tokens,
        kernels,
        serial: serial(machine.spec(), counted),
    })
}

/// The times of a list, and what the machine started.
fn all(machine: &Machine, list: &KernelList) -> Result<(Counted, Vec<KernelTime>), PredictError> {
    let mut counted = Counted {
        tokens: list.tokens.unwrap_or(0),
        layers: list.layers,
        gemms: 0,
        kernels: 0,
    };
    let mut times = Vec::with_capacity(list.kernels.len());
    let runs = Runs::of(machine, list);
    for (index, kernel) in list.kernels.iter().enumerate() {
        let which = Which {
            index,
            name: &kernel.name,
            times: kernel.times,
        };
        times.push(match &kernel.work {
            KernelWork::Machine { workload, gemm } => {
                counted.kernels = counted.kernels.saturating_add(kernel.times);
                if *gemm {
                    counted.gemms = counted.gemms.saturating_add(kernel.times);
                }
                let in_list = |error| kernel.field(index, error);
                let measured = runs.result(workload).as_ref();
                let measured = measured.map_err(|error| refused(&kernel.name, error, in_list))?;
                KernelTime::of(which, measured)?
            }
            KernelWork::AllReduce { bytes, machines } => {
                let once = all_reduce(machine, kernel, *bytes, *machines)?;
                KernelTime::on_the_link(which, kernel.times as f64 * once)
            }
        });
    }
    Ok((counted, times))
}

/// An error of a piece of work; `place` tells where a field of its workload stands in the file.
fn refused(
    kernel: &str,
    error: &SimulationError,
    place: impl FnOnce(FieldError) -> FieldError,
) -> PredictError {
    let kernel = kernel.to_owned();
    match error {
        SimulationError::Spec(error) => PredictError::Refused {
            kernel,
            concern: Concern::Machine,
            error: error.clone(),
        },
        SimulationError::Compile(error) => {
            let (concern, error) = error.field();
            let error = match concern {
                Concern::Machine => error,
                Concern::Workload => place(error),
            };
            PredictError::Refused {
                kernel,
                concern,
                error,
            }
        }
        SimulationError::Machine(error @ MachineError::Array { .. }) => PredictError::Unfit {
            kernel,
            why: error.to_string(),
        },
        SimulationError::Machine(error @ MachineError::Shortfall(_)) => PredictError::Internal {
            kernel,
            why: error.to_string(),
        },
        SimulationError::Machine(error) => PredictError::Stopped {
            kernel,
            why: error.to_string(),
        },
    }
}

/// The runs of a list's kernels on the machine, equal ones done once.
struct Runs<'a> {
    workloads: Vec<&'a Workload>,
    results: Vec<Result<RunRecord, SimulationError>>,
}

impl<'a> Runs<'a> {
    /// Runs as many at once as there are threads.
    fn of(machine: &Machine, list: &'a KernelList) -> Self {
        let mut workloads: Vec<&Workload> = Vec::new();
        for kernel in &list.kernels {
            if let KernelWork::Machine { workload, .. } = &kernel.work
                && !workloads.contains(&&**workload)
            {
                workloads.push(workload);
            }
        }
        let points: Vec<Point<'_>> = workloads
            .iter()
            .map(|&workload| Point {
                machine,
                workload: workload.clone(),
            })
            .collect();
        let results = measure_all(&points);
        Self { workloads, results }
    }

    fn result(&self, workload: &Workload) -> &Result<RunRecord, SimulationError> {
        let mut known = self.workloads.iter().zip(&self.results);
        let found = known.find(|(known, _)| **known == workload);
        found.expect("a run for each kernel of the machine").1
    }
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

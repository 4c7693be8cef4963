//! Whether a list of kernels and a machine go together, known before any of them is run.

use accelerator::Machine;
use config::FieldError;
use workload_compiler::{Concern, compile};

use super::kernels::{Kernel, KernelList, KernelWork};

/// Checks that a machine can run every kernel of a list, without running any.
///
/// # Errors
/// The first that it cannot, at the field to change and in the file to change it in: the machine's,
/// or (`Concern::Workload`) the list's.
pub fn fit(machine: &Machine, list: &KernelList) -> Result<(), (Concern, FieldError)> {
    one_core(machine).map_err(|error| (Concern::Machine, error))?;
    for (index, kernel) in list.kernels.iter().enumerate() {
        kernel_fits(machine, kernel).map_err(|(concern, error)| {
            let error = match concern {
                Concern::Machine => error,
                Concern::Workload => kernel.field(index, error),
            };
            let message = format!("kernel `{}`: {}", kernel.name, error.message);
            (concern, FieldError { message, ..error })
        })?;
    }
    Ok(())
}

/// Kernels are started one by one, each on the whole machine: there must be one core.
fn one_core(machine: &Machine) -> Result<(), FieldError> {
    let platform = machine.platform();
    let cores = platform.cores.len();
    if cores == 1 {
        return Ok(());
    }
    let field = if platform.cores_per_chip > 1 {
        "cores"
    } else {
        "chips"
    };
    let message = format!("a list of kernels runs on one core, and the machine has {cores}");
    Err(FieldError::new(field, message).help(
        "cores: [(count: 1)] and chips: 1; or write the work as a `Workload(..)`, which can be split",
    ))
}

/// Whether a machine can run a kernel; paths of the workload are those of the one that stands for
/// the kernel.
fn kernel_fits(machine: &Machine, kernel: &Kernel) -> Result<(), (Concern, FieldError)> {
    match &kernel.work {
        KernelWork::Machine { workload, .. } => {
            let compiled = compile((**workload).clone(), machine.platform());
            compiled.map(|_| ()).map_err(|error| error.field())
        }
        KernelWork::AllReduce { bytes, machines } => {
            let Some(link) = machine.spec().link else {
                let error = FieldError::new("link", "an all-reduce, and the machine has no `link`");
                let help = "give the machine a `link`, or leave the all-reduce out";
                return Err((Concern::Machine, error.help(help)));
            };
            let time = link.all_reduce_picoseconds(*bytes, *machines);
            time.map(|_| ()).ok_or_else(|| {
                let message = format!("{bytes} bytes take more than 2^64 picoseconds");
                let error = FieldError::new("bytes", message);
                (
                    Concern::Workload,
                    error.help("fewer bytes, or a faster link"),
                )
            })
        }
    }
}

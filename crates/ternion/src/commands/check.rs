//! `ternion check`

use std::io::Write;

use accelerator::Machine;
use config::{ConfigError, Document};
use energy::Technology;
use explore::price;

use crate::failure::{Failure, show};
use crate::load;
use crate::shipped::ALL;

/// Check machine, workload and technology files, and lists of kernels, without running them
///
/// Reads each file, checks names, units and values, and prints one line for each file that can be
/// run. Every file is checked; if any cannot be run, the exit code is 2.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion check my-machine.ron my-workload.ron
  ternion check hw-configs/*.ron workloads/*.ron")]
pub(crate) struct Args {
    /// Files, or names of shipped machines and workloads
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut wrong = 0;
    let mut out = std::io::stdout().lock();
    for file in &args.files {
        match load::open(file, &ALL).and_then(verdict) {
            Ok(verdict) => writeln!(out, "{file}: {verdict}")?,
            Err(error) => {
                out.flush()?;
                show(&error);
                wrong += 1;
            }
        }
    }
    match wrong {
        0 => Ok(()),
        _ => Err(Failure::Input(Vec::new())),
    }
}

/// One line about a file that can be run.
fn verdict(document: Document) -> Result<String, ConfigError> {
    let begin = "a machine file begins `Machine(`, a workload file `Workload(` or `Kernels(`, a \
                 technology file `Technology(`";
    match document.root_name() {
        Some("Machine") => {
            let spec = load::resolve_machine(document)?;
            let machine = Machine::new(spec.value.clone()).map_err(|error| spec.point(&error))?;
            if let Some(technology) = load::technology(&spec)? {
                price::priced(&machine, &technology).map_err(|error| spec.point(&error))?;
            }
            Ok(format!("machine `{}` is in order", spec.value.name))
        }
        Some("Technology") => {
            let technology = Technology::read(&document)?;
            Ok(format!("technology `{}` is in order", technology.name))
        }
        Some("Workload") => {
            let workload = load::resolve_workload(document)?.value;
            Ok(format!("workload on `{}` is in order", workload.model.name))
        }
        Some("Kernels") => {
            let list = load::resolve_kernels(document)?.value;
            Ok(format!(
                "list of {} kernels is in order",
                list.kernels.len()
            ))
        }
        Some(other) => Err(document
            .complain(format!("a file of this kind is not known: `{other}`"))
            .help(begin)),
        None => Err(document
            .complain("the file does not say what it describes")
            .help(begin)),
    }
}

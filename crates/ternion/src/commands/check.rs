//! `ternion check`

use std::io::Write;

use config::{ConfigError, Document};

use crate::failure::{Failure, show};
use crate::load;
use crate::shipped::{MACHINES, WORKLOADS};

/// Check machine and workload files without running them
///
/// Reads each file, checks names, units and values, and prints one line for each file that can be
/// run. Every file is checked; if any cannot be run, the exit code is 2.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion check my-machine.ron my-workload.ron
  ternion check hw-configs/*.ron workloads/*.ron")]
pub(crate) struct Args {
    /// Machine or workload files, or names of shipped ones
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut wrong = 0;
    let mut out = std::io::stdout().lock();
    for file in &args.files {
        match load::open(file, &[&MACHINES, &WORKLOADS]).and_then(verdict) {
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
    let begin = "a machine file begins `Machine(`, a workload file `Workload(`";
    match document.root_name() {
        Some("Machine") => {
            let machine = load::resolve_machine(document)?.value;
            Ok(format!("machine `{}` is in order", machine.name))
        }
        Some("Workload") => {
            let workload = load::resolve_workload(document)?.value;
            Ok(format!("workload on `{}` is in order", workload.model.name))
        }
        Some(other) => Err(document
            .complain(format!("a file of this kind is not known: `{other}`"))
            .help(begin)),
        None => Err(document
            .complain("the file does not say what it describes")
            .help(begin)),
    }
}

//! `ternion check`

use std::io::Write;

use accelerator::{Machine, MachineSpec};
use config::{ConfigError, Document, printable};
use energy::Technology;
use explore::prediction::{KernelList, Load};
use report::model_lines;
use simulator::Chips;
use workload_compiler::Workload;

use crate::commands::kernels;
use crate::console::Console;
use crate::failure::{Failure, show};
use crate::input;
use crate::job::Job;
use crate::load::{self, Loaded};
use crate::shipped::ALL;

/// Check machine, workload and technology files, and lists of kernels, without running them
///
/// Reads each file, checks names, units and values, and prints one line for each file that can be
/// run; of a workload also the shape of its model and its formats. Every file is checked; if any
/// cannot be run, the exit code is 2. One machine and one workload (or list of kernels) are checked
/// together, too: whether the machine can run it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion check edge-hybrid gpt2-124m-prefill
  ternion machines tpu-v1 > mine.ron && ternion check mine.ron
  ternion machines --template | ternion check -")]
pub(crate) struct Args {
    /// Files, or names of shipped machines and workloads; `-`: stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut wrong = 0;
    let (mut machines, mut loads) = (Vec::new(), Vec::new());
    let mut out = Console::stdout();
    for file in &args.files {
        match load::open(file, &ALL).and_then(verdict) {
            Ok((verdict, checked)) => {
                let name = printable(&input::name(file.as_ref())).into_owned();
                writeln!(out, "{name}: {verdict}")?;
                match checked {
                    Checked::Machine(spec) => machines.push(spec),
                    Checked::Workload(workload) => loads.push(workload.map(Load::Model)),
                    Checked::Kernels(list) => loads.push(list.map(Load::Kernels)),
                    Checked::Technology => {}
                }
            }
            Err(error) => {
                out.flush()?;
                show(&error);
                wrong += 1;
            }
        }
    }
    if wrong > 0 {
        return Err(Failure::Input(Vec::new()));
    }
    if let ([_], [_]) = (&machines[..], &loads[..]) {
        out.flush()?;
        for (spec, load) in machines.into_iter().zip(loads) {
            together(*spec, load)?;
        }
        writeln!(out, "the machine can run it")?;
    }
    Ok(())
}

/// What a file describes, checked by itself.
enum Checked {
    Machine(Box<Loaded<MachineSpec>>),
    Workload(Loaded<Box<Workload>>),
    Kernels(Loaded<KernelList>),
    Technology,
}

/// Checks that a machine can run a workload, or each kernel of a list, without running it.
fn together(spec: Loaded<MachineSpec>, load: Loaded<Load>) -> Result<(), Failure> {
    match &load.value {
        Load::Model(_) => {
            let workload = load.map(|load| match load {
                Load::Model(workload) => *workload,
                Load::Kernels(_) => unreachable!("just seen"),
            });
            Job::of(spec, workload, Chips::OneOfEqual).map(|_| ())
        }
        Load::Kernels(list) => {
            let machine = Machine::new(spec.value.clone()).map_err(|error| spec.point(&error))?;
            Ok(kernels::fit(&machine, list, &spec, &load)?)
        }
    }
}

/// What is said of a file that can be run, and what it describes.
fn verdict(document: Document) -> Result<(String, Checked), ConfigError> {
    let begin = "a machine file begins `Machine(`, a workload file `Workload(` or `Kernels(`, a \
                 technology file `Technology(`";
    match document.root_name() {
        Some("Machine") => {
            let spec = load::resolve_machine(document)?;
            load::simulation(&spec)?;
            let line = format!("machine `{}` is in order", spec.value.name);
            Ok((line, Checked::Machine(Box::new(spec))))
        }
        Some("Technology") => {
            let technology = Technology::read(&document)?;
            let line = format!("technology `{}` is in order", technology.name);
            Ok((line, Checked::Technology))
        }
        Some("Workload") => {
            let workload = load::resolve_workload(document)?.map(Box::new);
            let line = format!(
                "workload on `{}` is in order\n{}",
                workload.value.model.name,
                model_lines(&workload.value)
            );
            Ok((line, Checked::Workload(workload)))
        }
        Some("Kernels") => {
            let list = load::resolve_kernels(document)?;
            let line = format!("list of {} kernels is in order", list.value.kernels.len());
            Ok((line, Checked::Kernels(list)))
        }
        Some(other) => Err(document
            .complain(format!("a file of this kind is not known: `{other}`"))
            .help(begin)),
        None => Err(document
            .complain("the file does not say what it describes")
            .help(begin)),
    }
}

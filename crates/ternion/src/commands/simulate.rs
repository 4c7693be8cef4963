//! `ternion simulate`

use std::path::PathBuf;

use accelerator::{Machine, MachineError, RunOptions};
use attribution::Ledger;
use event_kernel::Cycle;
use workload_compiler::Concern;

use crate::failure::Failure;
use crate::load::{self, Loaded};
use crate::progress::Bar;

/// Run a workload on a machine and tell where the cycles went
///
/// Without arguments: a ternary model's decode step on the edge machine with two arrays, its trace
/// written under traces/.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion simulate
  ternion simulate --hw cloud-hybrid --set workload.run=Prefill(tokens:512)
  ternion simulate --hw mine.ron --set 'hw.arrays[0].rows=128' --trace run.json.gz --json run.json

--set reaches any field of either file: hw.FIELD or workload.FIELD, the value in RON as the files
have it. It may be given more than once; later ones win.")]
pub(crate) struct Args {
    /// Machine: a RON file, or the name of a shipped one (ternion machines) [default: edge-hybrid]
    #[arg(long, value_name = "FILE")]
    hw: Option<String>,
    /// Workload: a RON file, or the name of a shipped one (ternion workloads)
    /// [default: bitnet-b1.58-2b-4t-decode]
    #[arg(long, value_name = "FILE")]
    workload: Option<String>,
    /// Change a field of either file
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Write a trace for Perfetto or chrome://tracing; compressed if the name ends in .gz
    #[arg(long, value_name = "FILE[.gz]")]
    trace: Option<PathBuf>,
    /// Write the simulated facts as JSON; equal runs write equal bytes
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
    /// Give up past this cycle of the machine's clock (exit code 3)
    #[arg(long, value_name = "CYCLES")]
    max_cycles: Option<u64>,
}

/// What runs when nothing is named.
const DEFAULT_MACHINE: &str = "edge-hybrid";
const DEFAULT_WORKLOAD: &str = "bitnet-b1.58-2b-4t-decode";

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let overrides = load::overrides(&args.set)?;
    let hw = args.hw.as_deref().unwrap_or(DEFAULT_MACHINE);
    let spec = load::machine(hw, &overrides)?;
    let name = args.workload.as_deref().unwrap_or(DEFAULT_WORKLOAD);
    let workload = load::workload(name, &overrides)?;
    let machine = Machine::new(spec.value.clone()).map_err(|error| spec.point(&error))?;
    let mut program = workload_compiler::compile(workload.value.clone(), machine.target())
        .map_err(|error| match error.field() {
            (Concern::Machine, error) => spec.point(&error),
            (Concern::Workload, error) => workload.point(&error),
        })?;
    let bar = Bar::new(args.quiet);
    let options = RunOptions {
        cycle_limit: args.max_cycles.map(Cycle),
        progress: &mut |progress| bar.update(progress),
    };
    let ran = machine.run(&mut program, Ledger::new(machine.target()), options);
    bar.finish();
    let (outcome, ledger) = ran.map_err(stopped)?;
    let summary = ledger.summary();
    println!("{} {:#?}", outcome.total, summary.makespan);
    Ok(())
}

/// The machine could not go on.
fn stopped(error: MachineError) -> Failure {
    match error {
        MachineError::Array { .. } => config::ConfigError::new(error.to_string()).into(),
        _ => Failure::Stopped(error.to_string()),
    }
}

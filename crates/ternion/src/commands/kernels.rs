//! `ternion simulate` of a list of kernels.

use std::io::Write;

use accelerator::{Machine, MachineSpec};
use config::{ConfigError, Document};
use explore::machines::{self, KernelList, KernelTime, Load, PredictError, Prediction, digits};
use explore::sheet::{grouped, percent};
use serde::Serialize;
use workload_compiler::Concern;

use crate::commands::simulate::Args;
use crate::console::Console;
use crate::failure::Failure;
use crate::job::DEFAULT_MACHINE;
use crate::load::{self, Loaded};
use crate::output::{self, tell};
use crate::table::Table;

/// The JSON document.
#[derive(Serialize)]
struct Facts<'a> {
    schema_version: u32,
    machine: &'a str,
    workload: &'a str,
    tokens: u64,
    seconds: f64,
    machine_seconds: f64,
    serial_seconds: f64,
    tokens_per_second: Option<f64>,
    kernels: &'a [KernelTime],
    serial: &'a [machines::SerialTime],
}

/// Runs each kernel by itself, and tells of each.
pub(crate) fn run(args: &Args, workload: Document) -> Result<(), Failure> {
    refuse(args)?;
    let overrides = load::overrides(&args.set)?;
    let spec = load::machine(args.hw.as_deref().unwrap_or(DEFAULT_MACHINE), &overrides)?;
    let work = load::changed_load(workload, &overrides)?;
    let [json] = output::open([("--json", args.json.as_deref())])?;
    let mut out = output::report_beside(&[&json]);
    let machine = Machine::new(spec.value.clone()).map_err(|error| spec.point(&error))?;
    if let Load::Kernels(list) = &work.value {
        fit(&machine, list, &spec, &work)?;
    }
    let prediction = machines::predict(&machine, &work.value).map_err(|error| {
        let message = error.to_string();
        match error {
            PredictError::Internal { .. } => Failure::Internal(message),
            _ => ConfigError::new(message).into(),
        }
    })?;
    let name = work.name();
    let mut written = None;
    if let Some(mut file) = json {
        let document = Facts {
            schema_version: 1,
            machine: &spec.value.name,
            workload: &name,
            tokens: prediction.tokens,
            seconds: prediction.seconds(),
            machine_seconds: prediction.machine_seconds(),
            serial_seconds: prediction.serial_seconds(),
            tokens_per_second: prediction.tokens_per_second(),
            kernels: &prediction.kernels,
            serial: &prediction.serial,
        };
        let text = serde_json::to_string_pretty(&document).map_err(anyhow::Error::from)?;
        writeln!(file, "{text}")?;
        written = Some(file.finish()?);
    }
    if !args.quiet {
        print(&mut out, &prediction, &name, &spec.value.name)?;
        tell(&mut out, &written)?;
    }
    Ok(())
}

/// Checks that a machine can run every kernel of a list: if not, at the field that is to be changed.
pub(crate) fn fit<T>(
    machine: &Machine,
    list: &KernelList,
    spec: &Loaded<MachineSpec>,
    work: &Loaded<T>,
) -> Result<(), ConfigError> {
    machines::fit(machine, list).map_err(|(concern, error)| match concern {
        Concern::Machine => spec.point(&error),
        Concern::Workload => work.point(&error),
    })
}

/// What is told of a run as a whole, and not of kernels that are run one by one.
fn refuse(args: &Args) -> Result<(), ConfigError> {
    let given = [
        ("--trace", args.trace.is_some()),
        ("--max-cycles", args.max_cycles.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => {
            let message = format!("{option} does not go with a list of kernels");
            let help =
                "each kernel is a run of its own; a `Workload(..)` of `Dense` layers is one run";
            Err(ConfigError::new(message).help(help))
        }
        None => Ok(()),
    }
}

fn print(
    out: &mut Console,
    prediction: &Prediction,
    workload: &str,
    machine: &str,
) -> std::io::Result<()> {
    let all = prediction.seconds();
    let rate = prediction.tokens_per_second();
    let rate = rate.map_or("no time".into(), |rate| {
        format!("{} tokens/s", digits(rate))
    });
    writeln!(
        out,
        "{workload} on {machine}: {} ms, {rate}; kernels one after another\n",
        digits(1e3 * all)
    )?;
    let share = |seconds: f64| percent(seconds / all.max(f64::MIN_POSITIVE));
    let mut table = Table::new(
        &[
            "kernel", "times", "cycles", "ms", "share", "GB/s", "spent on",
        ],
        &[1, 2, 3, 4, 5],
    );
    for kernel in &prediction.kernels {
        let bytes = kernel.bytes_read + kernel.bytes_written;
        let rate = bytes / kernel.seconds.max(f64::MIN_POSITIVE) / 1e9;
        table.row(vec![
            kernel.name.clone(),
            grouped(kernel.times),
            grouped(kernel.cycles.round() as u64),
            digits(1e3 * kernel.seconds),
            share(kernel.seconds),
            digits(rate),
            spent(kernel),
        ]);
    }
    for term in &prediction.serial {
        table.row(vec![
            term.what.clone(),
            grouped(term.times),
            "-".into(),
            digits(1e3 * term.seconds),
            share(term.seconds),
            "-".into(),
            "work outside the machine".into(),
        ]);
    }
    write!(out, "{table}")
}

/// What most of a kernel's cycles are spent on.
fn spent(kernel: &KernelTime) -> String {
    if kernel.cycles == 0.0 {
        return "the link".into();
    }
    let largest = kernel.spent.iter().take(3);
    let terms = largest
        .map(|(term, cycles)| format!("{} {}", term.name(), percent(cycles / kernel.cycles)));
    terms.collect::<Vec<_>>().join(", ")
}

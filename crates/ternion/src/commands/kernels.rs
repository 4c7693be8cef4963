//! `ternion simulate` of a list of kernels.

use std::io::Write;

use accelerator::{Machine, MachineSpec};
use config::{ConfigError, Document};
use explore::prediction::{self, KernelList, KernelTime, Load, PredictError, Prediction, digits};
use explore::sheet::percent;
use quantities::grouped;
use report::Table;
use serde::Serialize;
use simulator::SerialTime;
use workload_compiler::Concern;

use crate::commands::simulate::Args;
use crate::console::Console;
use crate::failure::Failure;
use crate::job::DEFAULT_MACHINE;
use crate::load::{self, Loaded};
use crate::output::{self, tell};

/// The version of the document's shape. 2: kernels of one name are told apart, cycles and bytes are
/// integers, and what the cycles went to is told by cause.
const SCHEMA_VERSION: u32 = 2;

/// The JSON document. Its fields are described in the README of `report`.
#[derive(Serialize)]
struct Facts<'a> {
    schema_version: u32,
    machine: &'a str,
    workload: &'a str,
    tokens: Option<u64>,
    seconds: f64,
    machine_seconds: f64,
    serial_seconds: f64,
    tokens_per_second: Option<f64>,
    kernels: &'a [KernelTime],
    serial: &'a [SerialTime],
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
    let prediction = prediction::predict(&machine, &work.value);
    let prediction = prediction.map_err(|error| match (error.place(), error) {
        (Some((Concern::Machine, error)), _) => Failure::from(spec.point(&error)),
        (Some((Concern::Workload, error)), _) => work.point(&error).into(),
        (None, error @ PredictError::Internal { .. }) => Failure::Internal(error.to_string()),
        (None, error @ PredictError::Stopped { .. }) => Failure::Stopped(error.to_string()),
        (None, error) => ConfigError::new(error.to_string()).into(),
    })?;
    let name = work.name();
    let mut written = None;
    if let Some(mut file) = json {
        let document = Facts {
            schema_version: SCHEMA_VERSION,
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

/// Checks that a machine can run every kernel of a list: if not, at the field that is to be
/// changed.
pub(crate) fn fit<T>(
    machine: &Machine,
    list: &KernelList,
    spec: &Loaded<MachineSpec>,
    work: &Loaded<T>,
) -> Result<(), ConfigError> {
    prediction::fit(machine, list).map_err(|(concern, error)| match concern {
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
    let rate = rate.map_or(String::new(), |rate| format!(", {} tokens/s", digits(rate)));
    writeln!(
        out,
        "{workload} on {machine}: {} ms{rate}; kernels one after another\n",
        digits(1e3 * all)
    )?;
    writeln!(out, "{}", table(prediction, all))?;
    writeln!(
        out,
        "at work: share of the kernel's time in which a part of the machine works; where two come near \
         100 %,\nboth bound it. critical path: where the cycles go from the kernel's start to its end."
    )
}

/// The kernels and the serial work, one a line; shares are of `all` seconds.
fn table(prediction: &Prediction, all: f64) -> Table {
    let share = |seconds: f64| percent(seconds / all.max(f64::MIN_POSITIVE));
    let header = [
        "kernel",
        "times",
        "cycles",
        "ms",
        "share",
        "GB/s",
        "at work",
        "critical path",
    ];
    let mut table = Table::new(&header, &[1, 2, 3, 4, 5]);
    for kernel in &prediction.kernels {
        let on_link = kernel.units.is_empty();
        let dash = |text: String| if on_link { "-".to_owned() } else { text };
        let bytes = (kernel.bytes_read + kernel.bytes_written) as f64;
        let rate = bytes / kernel.seconds.max(f64::MIN_POSITIVE) / 1e9;
        table.row(vec![
            told_apart(kernel, &prediction.kernels),
            grouped(kernel.times),
            dash(grouped(kernel.cycles)),
            digits(1e3 * kernel.seconds),
            share(kernel.seconds),
            dash(digits(rate)),
            at_work(kernel),
            critical_path(kernel),
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
            "-".into(),
            "work outside the machine".into(),
        ]);
    }
    table
}

/// The name of a kernel, with its place among those of the same name where there are several.
fn told_apart(kernel: &KernelTime, all: &[KernelTime]) -> String {
    let namesakes = all.iter().filter(|other| other.name == kernel.name);
    if namesakes.clone().count() == 1 {
        return kernel.name.clone();
    }
    let place = namesakes.take_while(|other| other.index < kernel.index);
    format!("{} #{}", kernel.name, 1 + place.count())
}

/// Smaller shares would be told as 0.0 %.
const TOLD: f64 = 5e-4;

/// The parts of the machine that work longest.
fn at_work(kernel: &KernelTime) -> String {
    let parts = kernel.busy.iter().filter(|busy| busy.share >= TOLD).take(3);
    let parts = parts.map(|busy| format!("{} {}", busy.part, percent(busy.share)));
    parts.collect::<Vec<_>>().join(", ")
}

/// What most of the critical path's cycles went to.
fn critical_path(kernel: &KernelTime) -> String {
    if kernel.units.is_empty() {
        return "the link".into();
    }
    let all = kernel.cycles.max(1) as f64;
    let cells = kernel.critical_path.iter();
    let shares = cells.map(|cell| (cell.cause, cell.cycles as f64 / all));
    let largest = shares.filter(|(_, share)| *share >= TOLD).take(3);
    let largest = largest.map(|(cause, share)| format!("{} {}", cause.name(), percent(share)));
    largest.collect::<Vec<_>>().join(", ")
}

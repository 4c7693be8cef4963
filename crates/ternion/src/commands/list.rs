//! `ternion machines`, `ternion workloads`, `ternion models`: what is shipped.

use std::io::Write;

use accelerator::{MachineSpec, TEMPLATE, VectorSpec};

use explore::prediction::{KernelList, KernelWork};
use quantities::grouped;
use report::Table;
use workload_compiler::{Model, Workload, models as presets};

use crate::console::Console;
use crate::failure::Failure;
use crate::load;
use crate::shipped::{KERNELS, Kind, MACHINES, PUBLISHED, Shipped, WORKLOADS, named};

/// Every kind of machine that `--hw` takes by name.
static MACHINE_KINDS: [&Kind; 2] = [&MACHINES, &PUBLISHED];

/// Every kind of workload that `--workload` takes by name.
static WORKLOAD_KINDS: [&Kind; 2] = [&WORKLOADS, &KERNELS];

/// The files of some kinds, one kind after another.
fn files(
    kinds: &'static [&'static Kind],
) -> impl Iterator<Item = (&'static Kind, &'static Shipped)> {
    kinds
        .iter()
        .flat_map(|kind| kind.files.iter().map(move |file| (*kind, file)))
}

/// List the shipped machines, or print the file of one
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion machines
  ternion machines tpu-v1 > mine.ron
  ternion machines --template > mine.ron")]
pub(crate) struct MachineArgs {
    /// Print the file of this machine
    name: Option<String>,
    /// Print a machine file with every field, its default and what it means
    #[arg(long, conflicts_with = "name")]
    template: bool,
}

pub(crate) fn machines(args: &MachineArgs) -> Result<(), Failure> {
    let mut out = Console::stdout();
    if args.template {
        out.write_all(TEMPLATE.as_bytes())?;
        return Ok(());
    }
    if let Some(name) = &args.name {
        out.write_all(named(name, &MACHINE_KINDS)?.text.as_bytes())?;
        return Ok(());
    }
    let header = [
        "machine",
        "arrays",
        "peak MAC/cycle",
        "clock",
        "on chip",
        "description",
    ];
    let mut table = Table::new(&header, &[2, 3, 4]);
    for (kind, file) in files(&MACHINE_KINDS) {
        let spec = load::resolve_machine(kind.document(file)?)?.value;
        table.row(vec![
            file.name.to_string(),
            arrays(&spec),
            grouped(peak_macs_per_cycle(&spec)),
            spec.clock.to_string(),
            on_chip(&spec),
            spec.description.clone(),
        ]);
    }
    write!(out, "{table}")?;
    Ok(())
}

fn arrays(spec: &MachineSpec) -> String {
    let mut kinds: Vec<(String, u64)> = Vec::new();
    for array in spec.cores.iter().flat_map(|core| &core.arrays) {
        let kind = format!(
            "{} {}x{}",
            array.kind.name, array.array.rows, array.array.columns
        );
        match kinds.last_mut() {
            Some((last, count)) if *last == kind => *count += 1,
            _ => kinds.push((kind, 1)),
        }
    }
    let names: Vec<String> = kinds
        .into_iter()
        .map(|(kind, count)| match count {
            1 => kind,
            _ => format!("{count} {kind}"),
        })
        .collect();
    let vector = match &spec.cores.first().vector {
        VectorSpec::Free => String::new(),
        VectorSpec::Lanes(lanes) => format!(" + {} lanes", lanes.lanes),
    };
    let chip = format!("{}{vector}", names.join(" + "));
    match spec.chips {
        1 => chip,
        chips => format!("{chips} chips of {chip}"),
    }
}

fn peak_macs_per_cycle(spec: &MachineSpec) -> u64 {
    let arrays = spec.cores.iter().flat_map(|core| &core.arrays);
    let chip: f64 = arrays
        .map(|array| array.peak_macs_per_cycle(spec.clock))
        .sum();
    chip as u64 * u64::from(spec.chips)
}

fn on_chip(spec: &MachineSpec) -> String {
    let pads = spec.cores.iter().flat_map(|core| core.scratchpads);
    let capacities: Option<Vec<u64>> = pads
        .map(|scratchpad| scratchpad.map(|limits| limits.capacity.get()))
        .collect();
    capacities.map_or("unlimited".into(), |all| size(all.iter().sum()))
}

/// List the shipped workloads and lists of kernels, or print the file of one
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion workloads
  ternion workloads bitnet-b1.58-2b-4t-decode > mine.ron")]
pub(crate) struct WorkloadArgs {
    /// Print the file of this workload
    name: Option<String>,
}

pub(crate) fn workloads(args: &WorkloadArgs) -> Result<(), Failure> {
    let mut out = Console::stdout();
    if let Some(name) = &args.name {
        out.write_all(named(name, &WORKLOAD_KINDS)?.text.as_bytes())?;
        return Ok(());
    }
    let header = ["workload", "model", "run", "batch", "weights"];
    let mut table = Table::new(&header, &[3]);
    for (kind, file) in files(&WORKLOAD_KINDS) {
        let document = kind.document(file)?;
        table.row(if load::lists_kernels(&document) {
            kernels_row(file.name, &load::resolve_kernels(document)?.value)
        } else {
            workload_row(file.name, &load::resolve_workload(document)?.value)
        });
    }
    write!(out, "{table}")?;
    Ok(())
}

/// A workload's line of the list.
fn workload_row(name: &str, workload: &Workload) -> Vec<String> {
    vec![
        name.to_owned(),
        workload.model.name.clone(),
        workload.run.to_string(),
        workload.batch.to_string(),
        workload.precision.projection.to_string(),
    ]
}

/// A list of kernels among the workloads: its weights have the format of its matrix products.
fn kernels_row(name: &str, list: &KernelList) -> Vec<String> {
    let workloads = list.kernels.iter().filter_map(|kernel| match &kernel.work {
        KernelWork::Machine { workload, .. } => Some(workload),
        KernelWork::AllReduce { .. } => None,
    });
    let mut formats = workloads.map(|workload| workload.precision.projection.to_string());
    let tokens = match list.tokens {
        None => String::new(),
        Some(1) => " for 1 token".to_owned(),
        Some(tokens) => format!(" for {tokens} tokens"),
    };
    let kernels = match list.kernels.len() {
        1 => "1 kernel".to_owned(),
        several => format!("{several} kernels"),
    };
    vec![
        name.to_owned(),
        "a list of kernels".to_owned(),
        format!("{kernels}{tokens}"),
        "-".to_owned(),
        formats.next().unwrap_or_else(|| "-".to_owned()),
    ]
}

/// List the models that workloads can name
#[derive(clap::Args)]
pub(crate) struct ModelArgs {}

pub(crate) fn models(_: &ModelArgs) -> Result<(), Failure> {
    let header = [
        "model",
        "layers",
        "width",
        "heads",
        "kv",
        "head",
        "ffn",
        "vocabulary",
        "context",
        "weights",
        "published",
    ];
    let mut table = Table::new(&header, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for preset in presets() {
        let model = &preset.model;
        table.row(vec![
            preset.slug.clone(),
            model.layers.to_string(),
            model.d_model.to_string(),
            model.n_heads.to_string(),
            model.n_kv_heads.to_string(),
            model.head_dim.to_string(),
            model.d_ff.to_string(),
            model.vocab.to_string(),
            model.max_context.to_string(),
            weights(model),
            model.published_precision.to_string(),
        ]);
    }
    write!(Console::stdout(), "{table}")?;
    Ok(())
}

/// A count of weights with three digits: `2.41 B`.
fn weights(model: &Model) -> String {
    let Some(weights) = model.weights() else {
        return "?".into();
    };
    let (factor, unit) = match weights {
        1_000_000_000.. => (1e9, "B"),
        _ => (1e6, "M"),
    };
    format!("{:.2} {unit}", weights as f64 / factor)
}

/// A size in the largest unit that keeps it whole.
fn size(bytes: u64) -> String {
    for (factor, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{} {unit}", bytes / factor);
        }
    }
    format!("{bytes} B")
}

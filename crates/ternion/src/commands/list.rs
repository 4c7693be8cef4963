//! `ternion machines`: what is shipped.

use std::io::Write;

use accelerator::{MachineSpec, TEMPLATE, VectorSpec};

use crate::failure::Failure;
use crate::shipped::MACHINES;
use crate::table::{Table, grouped, size};

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
    let mut out = std::io::stdout().lock();
    if args.template {
        out.write_all(TEMPLATE.as_bytes())?;
        return Ok(());
    }
    if let Some(name) = &args.name {
        out.write_all(MACHINES.named(name)?.text.as_bytes())?;
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
    for file in MACHINES.files {
        let spec = file.document(&MACHINES)?.resolve(accelerator::resolve)?;
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
    for array in &spec.arrays {
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
    let vector = match &spec.vector {
        VectorSpec::Free => String::new(),
        VectorSpec::Lanes(lanes) => format!(" + {} lanes", lanes.lanes),
    };
    format!("{}{vector}", names.join(" + "))
}

fn peak_macs_per_cycle(spec: &MachineSpec) -> u64 {
    spec.arrays
        .iter()
        .map(|array| array.array.rows * array.array.columns / array.kind.initiation_interval)
        .sum()
}

fn on_chip(spec: &MachineSpec) -> String {
    let capacities: Option<Vec<u64>> = spec
        .scratchpads
        .iter()
        .map(|scratchpad| scratchpad.map(|limits| limits.capacity.get()))
        .collect();
    capacities.map_or("unlimited".into(), |all| size(all.iter().sum()))
}

//! What a machine's run costs in energy, and the machine in area: its parts and counters as the
//! `energy` crate takes them.

use accelerator::{Machine, Outcome, VectorSpec};
use attribution::Summary;
use config::FieldError;
use energy::{
    Account, ArrayPart, Basis, Counts, Energy, MemoryEnergy, PadPart, Parts, Priced, Source,
    Technology, VectorPart, memory_bit,
};

/// A machine in a technology.
///
/// # Errors
/// At the element of an array that the technology has no figures of.
pub fn priced(machine: &Machine, technology: Technology) -> Result<Priced, FieldError> {
    Priced::new(technology, parts(machine))
        .map_err(|(index, missing)| missing.at(format!("arrays[{index}].element")))
}

/// The parts of a machine, as far as energy and area go.
#[must_use]
pub fn parts(machine: &Machine) -> Parts {
    let spec = machine.spec();
    let cores = spec.cores();
    let simulated = machine.platform().cores.iter();
    let arrays = simulated.flat_map(|core| &cores[core.core.index() % cores.len()].arrays);
    let arrays = arrays.map(|array| ArrayPart {
        name: array.name.clone(),
        kind: array.kind,
        rows: array.array.rows,
        columns: array.array.columns,
        dataflow: array.array.dataflow,
    });
    Parts {
        arrays: arrays.collect(),
        pads: spec.scratchpads.map(|pad| {
            pad.map(|pad| PadPart {
                capacity: pad.capacity,
                banks: pad.banks,
                port: pad.port,
            })
        }),
        vector: match &spec.vector {
            VectorSpec::Free => None,
            VectorSpec::Lanes(lanes) => Some(VectorPart {
                lanes: lanes.lanes,
                operations_per_lane_per_cycle: lanes.operations_per_lane_per_cycle,
                operations: std::array::from_fn(|kind| lanes.costs[kind].operations),
            }),
        },
        clock: spec.clock.as_fraction(),
    }
}

/// Where the energy of a run went.
#[must_use]
pub fn account(
    priced: &Priced,
    machine: &Machine,
    counts: &Counts,
    outcome: &Outcome,
    summary: &Summary,
) -> Account {
    let cells = summary.makespan.iter();
    let makespan: Vec<_> = cells
        .map(|cell| (cell.class, cell.cause, cell.cycles.get()))
        .collect();
    priced.account(counts, &makespan, memory(machine, outcome).as_ref())
}

/// What main memory spent: by command where its commands' energies are known, else by the bit.
fn memory(machine: &Machine, outcome: &Outcome) -> Option<MemoryEnergy> {
    let device = machine.memory().device()?;
    let Some(table) = machine.memory().energy() else {
        return by_bit(&device.preset.name, machine, outcome);
    };
    let seconds = machine.spec().clock.seconds_f64(outcome.total);
    let mut sum = dram::energy::Energy::default();
    for channel in &outcome.channels {
        let spent = table.energy(&device.preset, &channel.counters, seconds);
        sum.activate_pj += spent.activate_pj;
        sum.read_pj += spent.read_pj;
        sum.write_pj += spent.write_pj;
        sum.refresh_pj += spent.refresh_pj;
        sum.background_pj += spent.background_pj;
    }
    Some(MemoryEnergy {
        activate: from_picojoules(sum.activate_pj),
        read: from_picojoules(sum.read_pj),
        write: from_picojoules(sum.write_pj),
        refresh: from_picojoules(sum.refresh_pj),
        background: from_picojoules(sum.background_pj),
        source: Source {
            name: table.presets.clone(),
            basis: match table.mark.as_str() {
                "published" => Basis::Published,
                "derived" => Basis::Derived,
                _ => Basis::Assumed,
            },
            mark: table.mark.clone(),
            what: table.source.clone(),
        },
    })
}

fn by_bit(timing_set: &str, machine: &Machine, outcome: &Outcome) -> Option<MemoryEnergy> {
    let figure = memory_bit(timing_set)?;
    let burst = machine.memory().access_bytes() * 8;
    let bits = |bursts: fn(&dram::Counters) -> u64| {
        let channels = outcome.channels.iter();
        let bursts: u64 = channels.map(|channel| bursts(&channel.counters)).sum();
        bursts.saturating_mul(burst)
    };
    Some(MemoryEnergy {
        activate: Energy::ZERO,
        read: figure.value.times(bits(|counters| counters.reads)),
        write: figure.value.times(bits(|counters| counters.writes)),
        refresh: Energy::ZERO,
        background: Energy::ZERO,
        source: figure.source.clone(),
    })
}

/// The memory's crate counts in picojoules of floating point; nothing negative is taken over.
fn from_picojoules(picojoules: f64) -> Energy {
    // A float as large as this casts to the greatest integer, one below zero to none.
    Energy::attojoules((picojoules * 1e6) as u128)
}

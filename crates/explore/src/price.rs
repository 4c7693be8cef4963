//! What a machine's run costs in energy, and the machine in area: its parts and counters as the
//! `energy` crate takes them.

use accelerator::{CoreSpec, Machine, Outcome, VectorSpec};
use attribution::Summary;
use config::FieldError;
use energy::{
    Account, ArrayPart, Basis, Counts, Energy, MemoryEnergy, PadPart, Parts, Priced, Source,
    Technology, UnitArea, VectorPart, link_bit, memory_bit,
};

/// A machine in a technology, core by core of a chip.
///
/// # Errors
/// At the element of an array that the technology has no figures of.
pub fn priced(machine: &Machine, technology: &Technology) -> Result<Vec<Priced>, FieldError> {
    let cores = machine.spec().cores().into_iter();
    let priced = cores.map(|core| {
        Priced::new(technology.clone(), parts(machine, &core))
            .map_err(|(index, missing)| missing.at(format!("arrays[{index}].element")))
    });
    priced.collect()
}

/// The parts of a core, as far as energy and area go.
#[must_use]
pub fn parts(machine: &Machine, core: &CoreSpec) -> Parts {
    let arrays = core.arrays.iter().map(|array| ArrayPart {
        name: array.name.clone(),
        kind: array.kind,
        rows: array.array.rows,
        columns: array.array.columns,
        dataflow: array.array.dataflow,
    });
    Parts {
        arrays: arrays.collect(),
        pads: core.scratchpads.map(|pad| {
            pad.map(|pad| PadPart {
                capacity: pad.capacity,
                banks: pad.banks,
                port: pad.port,
            })
        }),
        vector: match &core.vector {
            VectorSpec::Free => None,
            VectorSpec::Lanes(lanes) => Some(VectorPart {
                lanes: lanes.lanes,
                operations_per_lane_per_cycle: lanes.operations_per_lane_per_cycle,
                operations: std::array::from_fn(|kind| lanes.costs[kind].operations),
            }),
        },
        clock: machine.spec().clock.as_fraction(),
    }
}

/// The area of each unit of a chip's cores, times as many as there are chips.
#[must_use]
pub fn areas(priced: &[Priced], machine: &Machine) -> Vec<UnitArea> {
    let chips = machine.spec().chips;
    let cores = priced.iter().enumerate();
    let units =
        cores.flat_map(|(core, priced)| priced.areas().iter().map(move |area| (core, area)));
    units
        .map(|(core, area)| {
            let core = match priced.len() {
                1 => String::new(),
                _ => format!("core{core}."),
            };
            let times = match chips {
                1 => String::new(),
                _ => format!(" x{chips}"),
            };
            UnitArea {
                unit: format!("{core}{}{times}", area.unit),
                area: std::iter::repeat_n(area.area, usize::from(chips)).sum(),
                sources: area.sources.clone(),
            }
        })
        .collect()
}

/// Where the energy of a run went, on all chips that took part. `counts` are those of the simulated
/// cores.
#[must_use]
pub fn account(
    priced: &[Priced],
    machine: &Machine,
    counts: &[Counts],
    outcome: &Outcome,
    summary: &Summary,
) -> Account {
    let cells = summary.makespan.iter();
    let makespan: Vec<_> = cells
        .map(|cell| (cell.class, cell.cause, cell.cycles.get()))
        .collect();
    let platform = machine.platform();
    let mut memory = memory(machine, outcome);
    // The memories are told with the first core, whose counts are then those of all.
    let mut counts = counts.to_vec();
    if let [first, others @ ..] = &mut counts[..] {
        for other in others {
            first.take_memory_traffic(other);
        }
    }
    let link = machine.spec().link;
    let link = link.map(|link| link_bit(link.reach));
    let mut all = Account::default();
    for (core, counts) in platform.cores.iter().zip(&counts) {
        let priced = &priced[core.core.index() % priced.len()];
        all.add(&priced.account(counts, &makespan, memory.take().as_ref(), link));
    }
    all.times(platform.replicas)
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

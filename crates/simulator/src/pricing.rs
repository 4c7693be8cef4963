//! What a machine's run costs in energy, and the machine in area: its parts and counters as the
//! `energy` crate takes them.

use accelerator::{CoreSpec, Machine, Outcome, VectorSpec};
use config::FieldError;
use energy::{
    Account, Area, ArrayPart, Basis, Counts, Energy, MemoryEnergy, PadPart, Parts, Priced, Source,
    Technology, UnitArea, VectorPart, link_bit, memory_bit,
};

use crate::dram_energy::DramEnergy;
use crate::simulation::Ran;

/// Energy and area of a run on a machine in a technology.
#[derive(Clone, Debug)]
pub struct EnergyRecord {
    /// The name of the technology.
    pub technology: String,
    /// Its node in nanometres.
    pub node_nm: u64,
    /// Placed area by unit, over all chips.
    pub areas: Vec<UnitArea>,
    /// The energy by component and class, over all chips that took part.
    pub account: Account,
}

impl EnergyRecord {
    /// Of a run; `counts` are those of the simulated cores.
    pub(crate) fn of(priced: &[Priced], machine: &Machine, counts: &[Counts], ran: &Ran) -> Self {
        let technology = priced[0].technology();
        Self {
            technology: technology.name.clone(),
            node_nm: technology.node_nm,
            areas: areas(priced, machine),
            account: account(priced, machine, counts, ran),
        }
    }

    /// Placed area of all units.
    #[must_use]
    pub fn area(&self) -> Area {
        self.areas.iter().map(|unit| unit.area).sum()
    }
}

/// A machine in a technology, core by core of a chip.
///
/// # Errors
/// At the element of an array that the technology has no figures of.
pub(crate) fn priced(
    machine: &Machine,
    technology: &Technology,
) -> Result<Vec<Priced>, FieldError> {
    let cores = machine.spec().cores.iter();
    let priced = cores.map(|core| {
        Priced::new(technology.clone(), parts(machine, core))
            .map_err(|(index, missing)| missing.at(format!("arrays[{index}].element")))
    });
    priced.collect()
}

/// The parts of a core, as far as energy and area go.
fn parts(machine: &Machine, core: &CoreSpec) -> Parts {
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
fn areas(priced: &[Priced], machine: &Machine) -> Vec<UnitArea> {
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
fn account(priced: &[Priced], machine: &Machine, counts: &[Counts], ran: &Ran) -> Account {
    let cells = ran.summary.makespan.iter();
    let makespan: Vec<_> = cells
        .map(|cell| (cell.class, cell.cause, cell.cycles.get()))
        .collect();
    let platform = machine.platform();
    let mut memory = memory(machine, ran);
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
fn memory(machine: &Machine, ran: &Ran) -> Option<MemoryEnergy> {
    let device = machine.memory().device();
    let spent = match (device, machine.memory().energy(), ran.dram_energy) {
        (Some(_), Some(table), Some(spent)) => Some(by_command(&table, spent)),
        (Some(device), ..) => by_bit(&device.preset.name, machine, &ran.outcome),
        (None, ..) => None,
    };
    if spent.is_none() {
        tracing::info!(
            cycle = ran.outcome.total.get(),
            "energy is told without main memory, which is ideal or of a standard without figures"
        );
    }
    spent
}

fn by_command(table: &dram::energy::EnergyTable, spent: DramEnergy) -> MemoryEnergy {
    let spent = spent.by_command;
    MemoryEnergy {
        activate: from_picojoules(spent.activate_pj),
        read: from_picojoules(spent.read_pj),
        write: from_picojoules(spent.write_pj),
        refresh: from_picojoules(spent.refresh_pj),
        background: from_picojoules(spent.background_pj),
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
    }
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

//! Figures times counts: where the joules went, and how large the machine is.

use pe_array::PeKind;
use tile_program::{Bytes, Cause, Class, Dataflow, ScratchpadId, VectorKind};

use crate::counts::{ArrayCounts, CLASSES, Counts, VECTOR_KINDS};
use crate::file::Basis;
use crate::sram::Macro;
use crate::technology::{MissingPe, Source, Technology};
use crate::unit::{Area, Energy, PerEvent, Power};

/// An array, as far as energy and area go.
#[derive(Clone, Debug)]
pub struct ArrayPart {
    /// Its name.
    pub name: String,
    /// Its PEs.
    pub kind: PeKind,
    /// PE rows.
    pub rows: u64,
    /// PE columns.
    pub columns: u64,
    /// What stays in it.
    pub dataflow: Dataflow,
}

/// A scratchpad with limits, as far as energy and area go.
#[derive(Clone, Copy, Debug)]
pub struct PadPart {
    /// All that it can hold.
    pub capacity: Bytes,
    /// Equal banks of one port each.
    pub banks: u64,
    /// Width of a bank's port.
    pub port: Bytes,
}

/// A vector unit, as far as energy and area go.
#[derive(Clone, Debug)]
pub struct VectorPart {
    /// Elements side by side.
    pub lanes: u64,
    /// Operations of a lane in a cycle.
    pub operations_per_lane_per_cycle: u64,
    /// Lane operations of an element, by `VectorKind as usize`.
    pub operations: [u64; VECTOR_KINDS],
}

/// The parts of a machine.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Its arrays.
    pub arrays: Vec<ArrayPart>,
    /// Its scratchpads; `None` without limits, which costs nothing.
    pub pads: [Option<PadPart>; 3],
    /// Its vector unit; `None` if that is free.
    pub vector: Option<VectorPart>,
    /// Its reference clock in hertz, as a fraction.
    pub clock: (u64, u64),
}

/// What main memory spent, by command.
#[derive(Clone, Debug)]
pub struct MemoryEnergy {
    /// Opening and closing rows.
    pub activate: Energy,
    /// Reading.
    pub read: Energy,
    /// Writing.
    pub write: Energy,
    /// Refreshing.
    pub refresh: Energy,
    /// Standby.
    pub background: Energy,
    /// Where its figures come from.
    pub source: Source,
}

/// What energy is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // The names say it; `name` gives them as reports have them.
pub enum Component {
    Arithmetic,
    Registers,
    SramActivations,
    SramWeights,
    SramOutputs,
    Vector,
    DramActivate,
    DramRead,
    DramWrite,
    DramRefresh,
    DramBackground,
    Leakage,
}

impl Component {
    /// All components, in the order of the declaration; `component as usize` indexes it.
    pub const ALL: [Self; 12] = [
        Self::Arithmetic,
        Self::Registers,
        Self::SramActivations,
        Self::SramWeights,
        Self::SramOutputs,
        Self::Vector,
        Self::DramActivate,
        Self::DramRead,
        Self::DramWrite,
        Self::DramRefresh,
        Self::DramBackground,
        Self::Leakage,
    ];

    /// The name used in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arithmetic => "arithmetic",
            Self::Registers => "registers",
            Self::SramActivations => "sram_activations",
            Self::SramWeights => "sram_weights",
            Self::SramOutputs => "sram_outputs",
            Self::Vector => "vector",
            Self::DramActivate => "dram_activate",
            Self::DramRead => "dram_read",
            Self::DramWrite => "dram_write",
            Self::DramRefresh => "dram_refresh",
            Self::DramBackground => "dram_background",
            Self::Leakage => "leakage",
        }
    }

    /// Whether it is spent with time, whatever is done.
    #[must_use]
    pub const fn is_static(self) -> bool {
        matches!(
            self,
            Self::DramRefresh | Self::DramBackground | Self::Leakage
        )
    }

    const fn of_pad(pad: ScratchpadId) -> Self {
        match pad {
            ScratchpadId::Activations => Self::SramActivations,
            ScratchpadId::Weights => Self::SramWeights,
            ScratchpadId::Outputs => Self::SramOutputs,
        }
    }
}

/// Energy of one component.
#[derive(Clone, Debug)]
pub struct ComponentEnergy {
    /// Which.
    pub component: Component,
    /// By `class as usize`. What is spent with time goes by the class of the makespan's cycles.
    pub by_class: [Energy; CLASSES],
    /// Where its figures come from, each once.
    pub sources: Vec<Source>,
}

impl ComponentEnergy {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Energy {
        self.by_class.iter().copied().sum()
    }

    /// The weakest basis of its figures.
    #[must_use]
    pub fn basis(&self) -> Basis {
        weakest(&self.sources)
    }
}

/// Area of one unit.
#[derive(Clone, Debug)]
pub struct UnitArea {
    /// An array's own name, `vector`, or a scratchpad's.
    pub unit: String,
    /// Its placed area.
    pub area: Area,
    /// Where its figures come from.
    pub sources: Vec<Source>,
}

impl UnitArea {
    /// The weakest basis of its figures.
    #[must_use]
    pub fn basis(&self) -> Basis {
        weakest(&self.sources)
    }
}

fn weakest(sources: &[Source]) -> Basis {
    let bases = sources.iter().map(|source| source.basis);
    bases.max().unwrap_or(Basis::Published)
}

/// A machine in a technology.
#[derive(Clone, Debug)]
pub struct Priced {
    technology: Technology,
    parts: Parts,
    pe: Vec<Array>,
    banks: [Option<Bank>; 3],
    areas: Vec<UnitArea>,
    leakage: Power,
}

/// Energies of one array's steps.
#[derive(Clone, Debug)]
struct Array {
    operation: PerEvent,
    operation_from: Source,
    /// Bits of registers that move in a step.
    moving_bits: u64,
    /// Of those, the bits of a standing sum, which a zero weight keeps still.
    standing_bits: u64,
    gates_zeros: bool,
}

/// One bank of a scratchpad, and the wire from it to the edge.
#[derive(Clone, Copy, Debug)]
struct Bank {
    figures: Macro,
    port_bits: u64,
    wire_bit: PerEvent,
}

impl Priced {
    /// Prices the parts of a machine.
    ///
    /// # Errors
    /// An array whose PEs the technology has no figures of, with its place.
    pub fn new(technology: Technology, parts: Parts) -> Result<Self, (usize, MissingPe)> {
        let mut pe = Vec::new();
        for (index, part) in parts.arrays.iter().enumerate() {
            pe.push(array(&technology, part).map_err(|missing| (index, missing))?);
        }
        let areas = areas(&technology, &parts);
        let banks = parts.pads.map(|pad| pad.map(|pad| bank(&technology, pad)));
        let leakage = leakage(&technology, &parts, &areas, &banks);
        Ok(Self {
            technology,
            parts,
            pe,
            banks,
            areas,
            leakage,
        })
    }

    /// The technology.
    #[must_use]
    pub fn technology(&self) -> &Technology {
        &self.technology
    }

    /// Placed area by unit.
    #[must_use]
    pub fn areas(&self) -> &[UnitArea] {
        &self.areas
    }

    /// Placed area of all units.
    #[must_use]
    pub fn area(&self) -> Area {
        self.areas.iter().map(|unit| unit.area).sum()
    }

    /// Leakage of all units.
    #[must_use]
    pub fn leakage(&self) -> Power {
        self.leakage
    }

    /// Where the energy of a run went. `makespan` is its cycles by class and cause.
    #[must_use]
    pub fn account(
        &self,
        counts: &Counts,
        makespan: &[(Class, Cause, u64)],
        memory: Option<&MemoryEnergy>,
    ) -> Account {
        let mut components = vec![self.arithmetic(counts), self.registers(counts)];
        components.extend(ScratchpadId::ALL.map(|pad| self.pad(pad, counts)));
        components.push(self.vector(counts));
        components.extend(
            memory
                .into_iter()
                .flat_map(|m| by_command(m, counts, makespan)),
        );
        let cycles = makespan.iter().map(|(_, _, cycles)| cycles).sum();
        let leaked = self.leakage.over(cycles, self.parts.clock);
        let mut leakage_from = vec![self.technology.leakage_per_um2.source.clone()];
        add(&mut leakage_from, &self.technology.sram.leakage_from);
        components.push(ComponentEnergy {
            component: Component::Leakage,
            by_class: by_makespan(leaked, makespan),
            sources: leakage_from,
        });
        components.retain(|component| component.total() > Energy::ZERO);
        let static_energy: Energy = components
            .iter()
            .filter(|component| component.component.is_static())
            .map(ComponentEnergy::total)
            .sum();
        let static_by_cause = Cause::ALL
            .into_iter()
            .map(|cause| (cause, by(static_energy, makespan, |cell| cell.1 == cause)))
            .filter(|(_, energy)| *energy > Energy::ZERO)
            .collect();
        Account {
            components,
            static_by_cause,
            knows_memory: memory.is_some(),
        }
    }

    fn arithmetic(&self, counts: &Counts) -> ComponentEnergy {
        let mut sources = Vec::new();
        let by_class = std::array::from_fn(|class| {
            let arrays = self.pe.iter().zip(&counts.arrays[class]);
            arrays
                .map(|(pe, count)| {
                    let all = pe.operation.times(count.macs);
                    if count.macs > 0 {
                        add(&mut sources, &pe.operation_from);
                    }
                    let gated = self.gated(pe, all);
                    if gated > Energy::ZERO {
                        add(&mut sources, &self.technology.zero_weights.source);
                    }
                    Energy::attojoules(all.get() - gated.get())
                })
                .sum()
        });
        ComponentEnergy {
            component: Component::Arithmetic,
            by_class,
            sources,
        }
    }

    /// The part of an energy that zero weights save.
    fn gated(&self, pe: &Array, all: Energy) -> Energy {
        if pe.gates_zeros {
            self.technology.zero_weights.value.of(all)
        } else {
            Energy::ZERO
        }
    }

    fn registers(&self, counts: &Counts) -> ComponentEnergy {
        let Technology {
            register_bit,
            toggle,
            ..
        } = &self.technology;
        let by_class = std::array::from_fn(|class| {
            let arrays = self
                .pe
                .iter()
                .zip(&self.parts.arrays)
                .zip(&counts.arrays[class]);
            arrays
                .map(|((pe, part), count)| {
                    let step =
                        |bits: u64| register_bit.value.times(count.macs.saturating_mul(bits));
                    let all = step(pe.moving_bits);
                    let still = self.gated(pe, step(pe.standing_bits));
                    let shifted = register_bit.value.times(shifted_bits(part, count));
                    let moved = Energy::attojoules(all.get() - still.get());
                    toggle.value.of(moved.plus(shifted))
                })
                .sum()
        });
        let mut sources = vec![register_bit.source.clone()];
        add(&mut sources, &toggle.source);
        ComponentEnergy {
            component: Component::Registers,
            by_class,
            sources,
        }
    }

    fn pad(&self, id: ScratchpadId, counts: &Counts) -> ComponentEnergy {
        let table = &self.technology.sram;
        let by_class = std::array::from_fn(|class| {
            let Some(bank) = &self.banks[id as usize] else {
                return Energy::ZERO;
            };
            let count = &counts.pads[class][id as usize];
            let accesses = |bits: u64| bits.div_ceil(bank.port_bits);
            let read = bank.figures.read.times(accesses(count.read_bits));
            let written = bank.figures.write.times(accesses(count.written_bits));
            let bits = count.read_bits.saturating_add(count.written_bits);
            let wire = self.technology.toggle.value.of(bank.wire_bit.times(bits));
            read.plus(written).plus(wire)
        });
        let mut sources = vec![table.read_from.clone()];
        for other in [
            &table.write_from,
            &self.technology.wire_per_mm.source,
            &self.technology.toggle.source,
        ] {
            add(&mut sources, other);
        }
        ComponentEnergy {
            component: Component::of_pad(id),
            by_class,
            sources,
        }
    }

    fn vector(&self, counts: &Counts) -> ComponentEnergy {
        let figure = &self.technology.vector_operation;
        let by_class = std::array::from_fn(|class| {
            let Some(part) = &self.parts.vector else {
                return Energy::ZERO;
            };
            let elements = &counts.vector[class];
            let operations = VectorKind::ALL
                .map(|kind| elements[kind as usize].saturating_mul(part.operations[kind as usize]));
            operations
                .map(|count| figure.value.times(count))
                .into_iter()
                .sum()
        });
        ComponentEnergy {
            component: Component::Vector,
            by_class,
            sources: vec![figure.source.clone()],
        }
    }
}

/// Bits that shift through rows on their way in (a stationary operand) or out (results that stand).
/// On average an element passes half of the rows.
fn shifted_bits(part: &ArrayPart, count: &ArrayCounts) -> u64 {
    let bits = match part.dataflow {
        Dataflow::WeightStationary => count.b_bits,
        Dataflow::InputStationary => count.a_bits,
        Dataflow::OutputStationary => count.c_bits,
    };
    let twice = u128::from(bits) * u128::from(part.rows + 1);
    u64::try_from(twice / 2).unwrap_or(u64::MAX)
}

fn array(technology: &Technology, part: &ArrayPart) -> Result<Array, MissingPe> {
    let pe = technology.pe(&part.kind)?;
    let [a, b, c] = [
        part.kind.activation,
        part.kind.weight,
        part.kind.accumulator,
    ]
    .map(|format| format.bits().get());
    let (moving_bits, standing_bits) = match part.dataflow {
        Dataflow::OutputStationary => (a + b + c, c),
        Dataflow::WeightStationary => (a + c, 0),
        Dataflow::InputStationary => (b + c, 0),
    };
    // Wider operands take several passes of the same PE, each a step of it.
    let passes = u64::max(
        1,
        (a * b).div_ceil(pe.kind.activation.bits().get() * pe.kind.weight.bits().get()),
    );
    let operation = PerEvent::new(pe.operation.value.attojoules().saturating_mul(passes));
    Ok(Array {
        operation: operation.unwrap_or(pe.operation.value),
        operation_from: pe.operation.source.clone(),
        moving_bits,
        standing_bits,
        gates_zeros: part.kind.gates_zeros,
    })
}

fn bank(technology: &Technology, pad: PadPart) -> Bank {
    let port_bits = pad.port.get() * 8;
    let figures = technology
        .sram
        .bank(pad.capacity.get() / pad.banks.max(1), port_bits);
    // Half of the side of the whole scratchpad, in nanometres: a millimetre has 10^6.
    let side = figures.area.times(pad.banks).get().isqrt();
    let per_mm = u128::from(technology.wire_per_mm.value.attojoules());
    let wire = per_mm.saturating_mul(side / 2) / 1_000_000;
    let wire = u64::try_from(wire)
        .unwrap_or(u64::MAX)
        .min(PerEvent::GREATEST);
    Bank {
        figures,
        port_bits,
        wire_bit: PerEvent::new(wire).expect("held within the bound"),
    }
}

fn areas(technology: &Technology, parts: &Parts) -> Vec<UnitArea> {
    let mut areas = Vec::new();
    for part in &parts.arrays {
        let pe = technology.pe(&part.kind).expect("priced before");
        let area = technology.array_area(&part.kind, part.rows, part.columns);
        let mut sources = vec![pe.area.source.clone()];
        add(&mut sources, &technology.utilisation.source);
        areas.push(UnitArea {
            unit: part.name.clone(),
            area: area.expect("priced before"),
            sources,
        });
    }
    if let Some(vector) = &parts.vector {
        let mut sources = vec![technology.lane_area.source.clone()];
        add(&mut sources, &technology.utilisation.source);
        areas.push(UnitArea {
            unit: "vector".to_owned(),
            area: technology.vector_area(vector.lanes, vector.operations_per_lane_per_cycle),
            sources,
        });
    }
    for (id, pad) in ScratchpadId::ALL.into_iter().zip(&parts.pads) {
        if let Some(pad) = pad {
            areas.push(UnitArea {
                unit: id.name().to_owned(),
                area: technology.scratchpad_area(pad.capacity, pad.banks, pad.port),
                sources: vec![technology.sram.area_from.clone()],
            });
        }
    }
    areas
}

fn leakage(
    technology: &Technology,
    parts: &Parts,
    areas: &[UnitArea],
    banks: &[Option<Bank>; 3],
) -> Power {
    let macros: Power = banks
        .iter()
        .zip(&parts.pads)
        .filter_map(|(bank, pad)| Some(bank.as_ref()?.figures.leakage.times(pad.as_ref()?.banks)))
        .sum();
    let logic = areas.len() - parts.pads.iter().flatten().count();
    let logic: Area = areas[..logic].iter().map(|unit| unit.area).sum();
    // Square nanometres: a square micrometre has 10^6.
    let per_um2 = technology.leakage_per_um2.value.get();
    let leaked = logic.get().saturating_mul(per_um2) / 1_000_000;
    macros.plus(Power::nanowatts(leaked))
}

/// The share of an energy that goes to the cells chosen, by cycles.
fn by(
    energy: Energy,
    makespan: &[(Class, Cause, u64)],
    chosen: impl Fn(&(Class, Cause, u64)) -> bool,
) -> Energy {
    let all = makespan.iter().map(|cell| cell.2).sum();
    let part = makespan
        .iter()
        .filter(|cell| chosen(cell))
        .map(|cell| cell.2)
        .sum();
    energy.share(part, all)
}

fn by_makespan(energy: Energy, makespan: &[(Class, Cause, u64)]) -> [Energy; CLASSES] {
    Class::ALL.map(|class| by(energy, makespan, |cell| cell.0 == class))
}

fn by_command(
    memory: &MemoryEnergy,
    counts: &Counts,
    makespan: &[(Class, Cause, u64)],
) -> [ComponentEnergy; 5] {
    let (read, written) = (counts.memory_read_bits, counts.memory_written_bits);
    let both = std::array::from_fn(|class| read[class].saturating_add(written[class]));
    let by_bits = |energy: Energy, bits: [u64; CLASSES]| {
        let all = bits
            .iter()
            .fold(0u64, |sum, bits| sum.saturating_add(*bits));
        bits.map(|part| energy.share(part, all))
    };
    [
        (Component::DramActivate, by_bits(memory.activate, both)),
        (Component::DramRead, by_bits(memory.read, read)),
        (Component::DramWrite, by_bits(memory.write, written)),
        (
            Component::DramRefresh,
            by_makespan(memory.refresh, makespan),
        ),
        (
            Component::DramBackground,
            by_makespan(memory.background, makespan),
        ),
    ]
    .map(|(component, by_class)| ComponentEnergy {
        component,
        by_class,
        sources: vec![memory.source.clone()],
    })
}

fn add(sources: &mut Vec<Source>, source: &Source) {
    if !sources.contains(source) {
        sources.push(source.clone());
    }
}

/// Where the energy of a run went.
#[derive(Clone, Debug)]
pub struct Account {
    /// By component; components that spent nothing are left out.
    pub components: Vec<ComponentEnergy>,
    /// What is spent with time, by what the makespan's cycles were spent on.
    pub static_by_cause: Vec<(Cause, Energy)>,
    /// Whether main memory is in it: of an ideal one nothing is known.
    pub knows_memory: bool,
}

impl Account {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Energy {
        self.components.iter().map(ComponentEnergy::total).sum()
    }

    /// By `class as usize`.
    #[must_use]
    pub fn by_class(&self) -> [Energy; CLASSES] {
        std::array::from_fn(|class| {
            let components = self.components.iter();
            components.map(|component| component.by_class[class]).sum()
        })
    }
}

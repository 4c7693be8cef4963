//! Figures times counts: where the joules went.

use pe_array::dataflow::{Mapping, Operand};
use tile_program::{Cause, Class, ScratchpadId, VectorKind};

use crate::counts::{ArrayCounts, CLASSES, Counts};
use crate::file::Basis;
use crate::priced::{Array, ArrayPart, Priced, add, weakest};
use crate::technology::{Figure, Source, Technology};
use crate::unit::{Energy, PerEvent};

/// What main memory spent, by command.
#[derive(Clone, Debug)]
pub struct MemoryEnergy {
    /// The energy of opening and closing rows.
    pub activate: Energy,
    /// The energy of reading bursts.
    pub read: Energy,
    /// The energy of writing bursts.
    pub write: Energy,
    /// The energy of refreshing rows.
    pub refresh: Energy,
    /// The energy of standby, which is spent with time.
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
    Links,
    Leakage,
}

impl Component {
    /// All components, in the order of the declaration; `component as usize` indexes it.
    pub const ALL: [Self; 13] = [
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
        Self::Links,
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
            Self::Links => "links",
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
    /// The component that spent the energy.
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

impl Priced {
    /// Where the energy of a run went. `makespan` is its cycles by class and cause, `link` the
    /// energy of a bit on a link.
    #[must_use]
    pub fn account(
        &self,
        counts: &Counts,
        makespan: &[(Class, Cause, u64)],
        memory: Option<&MemoryEnergy>,
        link: Option<&Figure<PerEvent>>,
    ) -> Account {
        let mut components = vec![self.arithmetic(counts), self.registers(counts)];
        components.extend(ScratchpadId::ALL.map(|pad| self.pad(pad, counts)));
        components.push(self.vector(counts));
        components.extend(
            memory
                .into_iter()
                .flat_map(|m| by_command(m, counts, makespan)),
        );
        components.extend(link.map(|figure| ComponentEnergy {
            component: Component::Links,
            by_class: counts.link_bits.map(|bits| figure.value.times(bits)),
            sources: vec![figure.source.clone()],
        }));
        let cycles = makespan.iter().map(|(_, _, cycles)| cycles).sum();
        let leaked = self.leakage().over(cycles, self.parts.clock);
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
    let bits = match Mapping::of(part.dataflow).stays {
        Operand::A => count.a_bits,
        Operand::B => count.b_bits,
        Operand::C => count.c_bits,
    };
    let twice = u128::from(bits) * u128::from(part.rows + 1);
    u64::try_from(twice / 2).unwrap_or(u64::MAX)
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

/// Where the energy of a run went.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// By component; components that spent nothing are left out.
    pub components: Vec<ComponentEnergy>,
    /// What is spent with time, by what the makespan's cycles were spent on.
    pub static_by_cause: Vec<(Cause, Energy)>,
    /// Whether main memory is in it: of an ideal one nothing is known.
    pub knows_memory: bool,
}

impl Account {
    /// Adds what another core spent in the same run.
    pub fn add(&mut self, other: &Self) {
        for spent in &other.components {
            let mut known = self.components.iter_mut();
            let Some(own) = known.find(|own| own.component == spent.component) else {
                self.components.push(spent.clone());
                continue;
            };
            for (own, spent) in own.by_class.iter_mut().zip(spent.by_class) {
                *own = [*own, spent].into_iter().sum();
            }
            for source in &spent.sources {
                add(&mut own.sources, source);
            }
        }
        self.components.sort_by_key(|spent| spent.component);
        for &(cause, energy) in &other.static_by_cause {
            match self.static_by_cause.iter_mut().find(|own| own.0 == cause) {
                Some(own) => own.1 = [own.1, energy].into_iter().sum(),
                None => self.static_by_cause.push((cause, energy)),
            }
        }
        self.static_by_cause.sort_by_key(|own| own.0);
        self.knows_memory |= other.knows_memory;
    }

    /// What so many equal chips spent.
    #[must_use]
    pub fn times(mut self, chips: u64) -> Self {
        let times = |energy: Energy| (0..chips).map(|_| energy).sum();
        for spent in &mut self.components {
            spent.by_class = spent.by_class.map(times);
        }
        for (_, energy) in &mut self.static_by_cause {
            *energy = times(*energy);
        }
        self
    }

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

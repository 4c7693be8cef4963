//! The components of a running machine in one ordered list: what each is, its number, its name and
//! its clock.
//!
//! Units come first, in the order of their [`UnitId`]s, then the memories, chip after chip. Clocks,
//! component ids, names and the state of the run are all read off this list, and whoever adds the
//! components to a simulation asserts that each gets the id that stands here.

use event_kernel::ComponentId;
use quantities::Frequency;
use tile_program::{Platform, Role, Target, UnitId};

/// A place in [`Wiring::clocks`], and the number of a domain of the time line that is made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockIndex(pub(crate) usize);

/// A unit of a simulated core.
#[derive(Clone, Debug)]
pub(crate) struct UnitPlan {
    pub(crate) id: UnitId,
    pub(crate) role: Role,
    pub(crate) component: ComponentId,
    pub(crate) name: String,
    pub(crate) clock: ClockIndex,
    /// The place of its core among those that are simulated.
    pub(crate) core: usize,
}

/// The memory of a chip that has simulated cores.
#[derive(Clone, Debug)]
pub(crate) struct MemoryPlan {
    pub(crate) component: ComponentId,
    pub(crate) name: String,
    pub(crate) clock: ClockIndex,
    /// The simulated cores that share it, by their places.
    pub(crate) cores: Vec<usize>,
}

/// Where a core's DMA stands among those of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryPlace {
    /// The memory of its chip, by its place in [`Wiring::memories`].
    pub(crate) memory: usize,
    /// The core among those that share the memory.
    pub(crate) master: usize,
}

/// The frequencies by which a machine is clocked.
pub(crate) struct Clocks<F> {
    /// The reference clock: of all units that are no arrays.
    pub(crate) reference: Frequency,
    pub(crate) memory: Frequency,
    /// The clock of an array of a core, by its place.
    pub(crate) array: F,
}

/// All components of a running machine.
#[derive(Clone, Debug)]
pub(crate) struct Wiring {
    clocks: Vec<Frequency>,
    pub(crate) reference: ClockIndex,
    pub(crate) memory: ClockIndex,
    pub(crate) units: Vec<UnitPlan>,
    pub(crate) memories: Vec<MemoryPlan>,
}

impl Wiring {
    /// The components of the simulated cores of a platform and of their chips.
    pub(crate) fn new<F>(platform: &Platform, clocks: &Clocks<F>) -> Self
    where
        F: Fn(&Target, usize) -> Frequency,
    {
        // The first clocks are the reference and the memory's, then one for each array.
        let mut all = Vec::new();
        let mut add = |frequency| {
            all.push(frequency);
            ClockIndex(all.len() - 1)
        };
        let (reference, memory) = (add(clocks.reference), add(clocks.memory));
        let mut components = (0..).map(ComponentId::of_index);
        let mut next = || components.next().expect("a range without an end");
        let mut units = Vec::new();
        for (core, (target, id, role)) in
            platform.core_places().into_iter().zip(platform.all_units())
        {
            assert_eq!(id.index(), units.len(), "units are numbered in their order");
            units.push(UnitPlan {
                id,
                role,
                component: next(),
                name: target.unit_name(id),
                clock: match role {
                    Role::Array(place) => add((clocks.array)(target, place)),
                    _ => reference,
                },
                core,
            });
        }
        let mut memories: Vec<MemoryPlan> = Vec::new();
        let mut chips: Vec<u16> = platform.cores.iter().map(|core| core.chip).collect();
        chips.dedup();
        for &chip in &chips {
            let cores = (0..).zip(&platform.cores);
            let cores = cores.filter(|(_, core)| core.chip == chip);
            memories.push(MemoryPlan {
                component: next(),
                name: match chips.len() {
                    1 => Target::MEMORY_NAME.to_owned(),
                    _ => format!("chip{chip} {}", Target::MEMORY_NAME),
                },
                clock: memory,
                cores: cores.map(|(place, _)| place).collect(),
            });
        }
        Self {
            clocks: all,
            reference,
            memory,
            units,
            memories,
        }
    }

    /// The clocks of all components, by [`ClockIndex`].
    pub(crate) fn clocks(&self) -> &[Frequency] {
        &self.clocks
    }

    /// The component of a unit.
    pub(crate) fn component(&self, unit: UnitId) -> ComponentId {
        self.units[unit.index()].component
    }

    /// Where the DMA of a core stands, by the place of the core.
    pub(crate) fn memory_place(&self, core: usize) -> MemoryPlace {
        let mut memories = self.memories.iter().enumerate();
        let place = memories.find_map(|(memory, plan)| {
            let master = plan.cores.iter().position(|sharing| *sharing == core)?;
            Some(MemoryPlace { memory, master })
        });
        place.expect("each core shares the memory of its chip")
    }
}

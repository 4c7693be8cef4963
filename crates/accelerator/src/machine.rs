//! A machine that can run programs.

use dram::{Causes, Counters, Memory};
use event_kernel::{Limits, Simulation, Timeline};
use pe_array::ArrayModel;
use quantities::{Bytes, Cycle, Cycles, Frequency};
use sram::Scratchpad;
use tile_program::{Observer, Platform, Program, ScratchpadId, Target};

use crate::MachineError;
use crate::config::{CoreSpec, MachineSpec};
use crate::links::{Links, Receive};
use crate::memory::{Master, MemoryPorts, MemoryUnit, Side};
use crate::platform::{self, CoreModel};
use crate::sequencer::{Progress, Sequencer};
use crate::unit::compute::Compute;
use crate::unit::dma::{Dma, Place, Window};
use crate::unit::engine::Engine;
use crate::unit::transfer_time;
use crate::world::{CoreState, Issue, UnitState, World};

/// A machine: checked, with the timing models of its parts.
#[derive(Clone, Debug)]
pub struct Machine {
    spec: MachineSpec,
    /// The cores of a chip.
    cores: Vec<CoreModel>,
    memory: Memory,
    platform: Platform,
}

/// How a run is bounded and followed.
pub struct RunOptions<'a> {
    /// The run is given up past this cycle of the reference clock.
    pub cycle_limit: Option<Cycle>,
    /// Called now and then with how far the run has come.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// What a run leaves behind beside what its observer saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The makespan, in cycles of the reference clock.
    pub total: Cycles,
    /// Of each simulated core; indexed by [`ScratchpadId`].
    pub scratchpads: Vec<[ScratchpadOutcome; 3]>,
    /// What each memory channel did, chip after chip.
    pub channels: Vec<ChannelOutcome>,
    /// Cycles that each link was at work, in the order of [`Network`](tile_program::Network); of
    /// those between simulated chips only.
    pub links: Vec<Cycles>,
    /// Instructions executed.
    pub instructions: u64,
}

/// What a memory channel did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelOutcome {
    /// Commands, bursts, bytes.
    pub counters: Counters,
    /// Every cycle of the channel's clock in the run, in one bucket each.
    pub cycles: Causes,
}

/// What a scratchpad saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScratchpadOutcome {
    /// All that it can hold; `None` without limits.
    pub capacity: Option<Bytes>,
    /// The most that it held.
    pub peak: Bytes,
    /// Bytes that the DMA wrote into it.
    pub filled: Bytes,
    /// Bytes that the DMA read from it.
    pub drained: Bytes,
    /// Bytes that arrays and the vector unit read from it.
    pub read: Bytes,
    /// Bytes that they wrote to it.
    pub written: Bytes,
    /// Bytes that its ports carried for them: a partial sum that is added to is one access.
    pub accesses: Bytes,
}

impl Machine {
    /// Makes the models of a checked description.
    ///
    /// # Errors
    /// A field that cannot stand after all, with its path in the machine file.
    pub fn new(spec: MachineSpec) -> Result<Self, config::FieldError> {
        let cores = spec
            .cores()
            .into_iter()
            .map(CoreModel::new)
            .collect::<Result<Vec<_>, _>>()?;
        let memory = Memory::new(&spec.memory, spec.clock).map_err(|e| e.inside("memory"))?;
        let platform = platform::platform(&spec, &cores, &memory);
        Ok(Self {
            spec,
            cores,
            memory,
            platform,
        })
    }

    /// What a compiler must know of the machine.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The machine of which only those cores are simulated that a program is for: the others do what
    /// these do.
    #[must_use]
    pub fn simulating(self, platform: Platform) -> Self {
        Self { platform, ..self }
    }

    /// The description that the machine was made of.
    #[must_use]
    pub fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    /// The description of a simulated core.
    #[must_use]
    pub fn core_spec(&self, core: &Target) -> &CoreSpec {
        &self.model(core).spec
    }

    /// Bytes that the ports of each scratchpad's computing side carry in a cycle of the machine's clock,
    /// those of all simulated cores together; infinite without limits.
    #[must_use]
    pub fn port_bytes_per_cycle(&self) -> [f64; ScratchpadId::ALL.len()] {
        ScratchpadId::ALL.map(|id| {
            let cores = self.platform().cores.iter();
            let pads = cores.map(|core| self.core_spec(core).scratchpads[id as usize]);
            // Half of the banks face the computing units.
            let rates = pads.map(|pad| {
                pad.map_or(f64::INFINITY, |pad| {
                    (pad.banks * pad.port.get()) as f64 / 2.0
                })
            });
            rates.fold(0.0, |sum, rate| sum + rate)
        })
    }

    /// The models of the arrays of a chip's first core, in the order of the description.
    #[must_use]
    pub fn arrays(&self) -> &[ArrayModel] {
        &self.cores[0].arrays
    }

    /// The main memory of a chip.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Runs a program from cycle 0 until its last instruction is complete.
    ///
    /// # Errors
    /// [`MachineError`]; the observer has then seen the run up to there.
    pub fn run<O: Observer>(
        &self,
        program: &mut dyn Program,
        observer: O,
        options: RunOptions<'_>,
    ) -> Result<(Outcome, O), MachineError> {
        let RunOptions {
            cycle_limit,
            progress,
        } = options;
        let timeline = Timeline::new(&self.clocks())?;
        let (reference, memory) = (timeline.domain(0), timeline.domain(1));
        let limits = Limits {
            last: cycle_limit.map(|edge| (reference, edge)),
            ..Limits::default()
        };
        let cores = self.platform.cores.iter();
        let arrays = cores.clone().flat_map(|core| {
            let models = self.model(core).arrays.iter().copied();
            core.arrays.iter().cloned().zip(models)
        });
        let sequencer = Sequencer::new(program, progress, arrays.collect(), cores.len());
        let mut world = self.world(&timeline, observer, sequencer);
        let mut simulation = Simulation::new(timeline);
        self.add_components(&mut simulation);
        let ended = simulation.run(&mut world, limits);
        if let Some(fault) = world.fault {
            return Err(fault);
        }
        ended?;
        if !world.sequencer.is_done() {
            return Err(MachineError::Stalled);
        }
        world.finish();
        let memory_end = simulation.timeline().convert(reference, world.end, memory);
        Ok((outcome(&world, memory_end), world.observer))
    }

    /// What a simulated core is made of.
    fn model(&self, core: &Target) -> &CoreModel {
        &self.cores[core.core.index() % self.cores.len()]
    }

    /// The clocks: the reference, the memory's, and one for each array.
    fn clocks(&self) -> Vec<Frequency> {
        let cores = self.platform.cores.iter();
        let arrays = cores.flat_map(|core| &self.model(core).spec.arrays);
        [self.spec.clock, self.memory.frequency()]
            .into_iter()
            .chain(arrays.map(|array| array.clock))
            .collect()
    }

    /// The chips of the simulated cores, each once.
    fn chips(&self) -> Vec<u16> {
        let mut chips: Vec<_> = self.platform.cores.iter().map(|core| core.chip).collect();
        chips.dedup();
        chips
    }

    /// Components are numbered: units first, as the platform numbers them, then memories,
    /// chip after chip.
    fn world<'r, O>(
        &'r self,
        timeline: &Timeline,
        observer: O,
        sequencer: Sequencer<'r>,
    ) -> World<'r, O> {
        let id = Simulation::<World<'r, O>>::id;
        let cores = &self.platform.cores;
        let units = (0..).zip(cores).flat_map(|(index, core)| {
            core.units()
                .map(move |(unit, _)| UnitState::new(core.unit_name(unit), index, id(unit.index())))
        });
        let memories = (0..).zip(self.chips()).map(|(index, chip)| {
            let component = id(self.platform.units() + index);
            let masters = cores.iter().filter(|core| core.chip == chip).map(|core| {
                let dma = [core.load, core.store].map(|unit| id(unit.index()));
                Master::new(dma, &self.model(core).spec.dma)
            });
            let memory = self.memory.clone();
            MemoryPorts::new(memory, timeline.domain(1), component, masters.collect())
        });
        World {
            observer,
            reference: timeline.domain(0),
            units: units.collect(),
            sequencer,
            platform: &self.platform,
            cores: cores.iter().map(|core| self.core_state(core)).collect(),
            memories: memories.collect(),
            links: Links::new(&self.platform.network, self.spec.clock, self.spec.link),
            fault: None,
            end: Cycle::ZERO,
        }
    }

    fn core_state(&self, core: &Target) -> CoreState {
        let pads = self.model(core).spec.scratchpads;
        CoreState {
            id: core.core,
            chip: core.chip,
            scratchpads: pads.map(|pad| Scratchpad::new(pad.map(Into::into))),
        }
    }

    fn add_components<'r, O: Observer + 'r>(&self, simulation: &mut Simulation<'r, World<'r, O>>) {
        let reference = simulation.timeline().domain(0);
        let chips = self.chips();
        let mut domains = 2..;
        for (index, core) in self.platform.cores.iter().enumerate() {
            let model = self.model(core);
            let engines = platform::engines(self.spec.clock, &model.spec, &model.arrays);
            for (engine, array) in engines.into_iter().zip(&core.arrays) {
                let domain = simulation
                    .timeline()
                    .domain(domains.next().expect("numbers from 2 on do not end"));
                let compute = Compute::new(Issue::new(array.unit), Engine::Array(Box::new(engine)));
                simulation.add(core.unit_name(array.unit), domain, compute);
            }
            let vector = Issue::new(core.vector);
            let engine = Engine::Vector(model.spec.vector.clone());
            let name = core.unit_name(core.vector);
            simulation.add(name, reference, Compute::new(vector, engine));
            let before = self.platform.cores[..index].iter();
            let place = Place {
                core: index,
                memory: chips
                    .iter()
                    .position(|chip| *chip == core.chip)
                    .unwrap_or(0),
                master: before.filter(|other| other.chip == core.chip).count(),
            };
            for (unit, side) in [(core.load, Side::Load), (core.store, Side::Store)] {
                let remainder = transfer_time::remainder(&self.memory, &model.spec.dma);
                let window = Window::new(&model.spec.dma);
                let dma = Dma::new(Issue::new(unit), side, place, window, remainder);
                simulation.add(core.unit_name(unit), reference, dma);
            }
            if let Some(unit) = core.receive {
                let receive = Receive::new(Issue::new(unit));
                simulation.add(core.unit_name(unit), reference, receive);
            }
        }
        let domain = simulation.timeline().domain(1);
        for (memory, chip) in chips.iter().enumerate() {
            let name = match chips.len() {
                1 => Target::MEMORY_NAME.to_owned(),
                _ => format!("chip{chip} {}", Target::MEMORY_NAME),
            };
            simulation.add(name, domain, MemoryUnit { memory });
        }
    }
}

fn outcome<O>(world: &World<'_, O>, memory_end: Cycle) -> Outcome {
    let pads = |core: &CoreState| {
        ScratchpadId::ALL.map(|id| {
            let pad = &core.scratchpads[id as usize];
            ScratchpadOutcome {
                capacity: pad.geometry().map(|geometry| geometry.capacity),
                peak: pad.peak(),
                filled: pad.filled(),
                drained: pad.drained(),
                read: pad.read().to_bytes_ceil(),
                written: pad.written().to_bytes_ceil(),
                accesses: pad.accesses().to_bytes_ceil(),
            }
        })
    };
    let memories = world.memories.iter();
    Outcome {
        total: world.end.since(Cycle::ZERO),
        scratchpads: world.cores.iter().map(pads).collect(),
        channels: memories
            .flat_map(|memory| memory.outcomes(memory_end))
            .collect(),
        links: world.links.busy.clone(),
        instructions: world.sequencer.instructions_issued,
    }
}

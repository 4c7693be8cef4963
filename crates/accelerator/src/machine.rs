//! A machine that can run programs.

use dram::Memory;
use event_kernel::{ComponentId, Limits, Simulation, Timeline};
use pe_array::ArrayModel;
use quantities::Cycle;
use sram::Scratchpad;
use tile_program::{Observer, Platform, Program, Role, ScratchpadId, Target};

use crate::MachineError;
use crate::config::{CoreSpec, MachineSpec};
use crate::core_model::CoreModel;
use crate::links::Links;
use crate::memory::{ChipMemory, Master, Side};
use crate::memory_component::MemoryComponent;
use crate::outcome::{Outcome, ScratchpadOutcome};
use crate::platform;
use crate::sequencer::{Progress, Sequencer};
use crate::unit::compute::Compute;
use crate::unit::dma::{Dma, Place, Window};
use crate::unit::engine::Engine;
use crate::unit::pipe::Pipe;
use crate::unit::receive::Receive;
use crate::unit::state::UnitState;
use crate::unit::transfer_time;
use crate::wiring::{Clocks, MemoryPlace, UnitPlan, Wiring};
use crate::world::{CoreState, World};

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

impl Machine {
    /// Makes the models of a checked description.
    ///
    /// # Errors
    /// A field that cannot stand after all, with its path in the machine file.
    pub fn new(spec: MachineSpec) -> Result<Self, config::FieldError> {
        let cores = spec
            .cores
            .iter()
            .cloned()
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

    /// The machine of which only the cores of `platform` are simulated, which a program is for.
    /// Each stands for those that do the same in the same cycles, by symmetry.
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

    /// Bytes that the ports of each scratchpad's computing side carry in a cycle of the machine's
    /// clock, those of all simulated cores together; infinite without limits.
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
        let wiring = self.wiring();
        let timeline = Timeline::new(wiring.clocks())?;
        let reference = timeline.domain(wiring.reference.0);
        let memory = timeline.domain(wiring.memory.0);
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
        let mut world = self.world(&wiring, &timeline, observer, sequencer);
        let mut simulation = Simulation::new(timeline);
        self.add_components(&wiring, &mut simulation);
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

    /// The components of a run and their clocks.
    fn wiring(&self) -> Wiring {
        let array = |core: &Target, place: usize| self.model(core).spec.arrays[place].clock;
        let clocks = Clocks {
            reference: self.spec.clock,
            memory: self.memory.frequency(),
            array,
        };
        Wiring::new(&self.platform, &clocks)
    }

    /// The state of a run before its first cycle.
    fn world<'r, O>(
        &'r self,
        wiring: &Wiring,
        timeline: &Timeline,
        observer: O,
        sequencer: Sequencer<'r>,
    ) -> World<'r, O> {
        let cores = &self.platform.cores;
        let units = wiring.units.iter().map(|plan| {
            let UnitPlan {
                role,
                component,
                core,
                ..
            } = *plan;
            UnitState::new(plan.name.clone(), role, core, component)
        });
        let memories = wiring.memories.iter().map(|plan| {
            let masters = plan.cores.iter().map(|&place| {
                let core = &cores[place];
                let dma = [core.load, core.store].map(|unit| wiring.component(unit));
                Master::new(dma, &self.model(core).spec.dma)
            });
            let domain = timeline.domain(plan.clock.0);
            let memory = self.memory.clone();
            ChipMemory::new(memory, domain, plan.component, masters.collect())
        });
        World {
            observer,
            reference: timeline.domain(wiring.reference.0),
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

    /// Adds the components of the wiring in its order.
    fn add_components<'r, O: Observer + 'r>(
        &self,
        wiring: &Wiring,
        simulation: &mut Simulation<'r, World<'r, O>>,
    ) {
        for plan in &wiring.units {
            let added = self.add_unit(wiring, plan, simulation);
            assert_eq!(added, plan.component, "{} stands in its place", plan.name);
        }
        for (memory, plan) in wiring.memories.iter().enumerate() {
            let domain = simulation.timeline().domain(plan.clock.0);
            let component = MemoryComponent { memory };
            let added = simulation.add(plan.name.clone(), domain, component);
            assert_eq!(added, plan.component, "{} stands in its place", plan.name);
        }
    }

    /// Adds the component that a unit's role asks for.
    fn add_unit<'r, O: Observer + 'r>(
        &self,
        wiring: &Wiring,
        plan: &UnitPlan,
        simulation: &mut Simulation<'r, World<'r, O>>,
    ) -> ComponentId {
        let model = self.model(&self.platform.cores[plan.core]);
        let domain = simulation.timeline().domain(plan.clock.0);
        let (name, id) = (plan.name.clone(), plan.id);
        let dma = |side: Side| {
            let MemoryPlace { memory, master } = wiring.memory_place(plan.core);
            let place = Place {
                core: plan.core,
                memory,
                master,
            };
            let remainder = transfer_time::remainder(&self.memory, &model.spec.dma);
            Dma::new(side, place, Window::new(&model.spec.dma), remainder)
        };
        match plan.role {
            Role::Array(place) => {
                let engine = model.engine(self.spec.clock, place);
                let compute = Compute::new(Engine::Array(Box::new(engine)));
                simulation.add(name, domain, Pipe::new(id, compute))
            }
            Role::Vector => {
                let compute = Compute::new(Engine::Vector(model.spec.vector.clone()));
                simulation.add(name, domain, Pipe::new(id, compute))
            }
            Role::Load => simulation.add(name, domain, Pipe::new(id, dma(Side::Load))),
            Role::Store => simulation.add(name, domain, Pipe::new(id, dma(Side::Store))),
            Role::Receive => simulation.add(name, domain, Pipe::new(id, Receive)),
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

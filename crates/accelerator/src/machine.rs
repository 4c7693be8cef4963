//! A machine that can run programs.

use std::sync::Arc;

use dram::{Causes, Counters, Memory};
use event_kernel::{Cycle, Cycles, Frequency, Limits, Simulation, Timeline};
use pe_array::{ArrayModel, Feed, Rate, Tiles};
use sram::Scratchpad;
use tile_program::{
    ArrayTarget, Bits, Bytes, MemoryTarget, Observer, Packed, Program, ScratchpadId,
    ScratchpadTarget, Target, UnitId,
};

use crate::MachineError;
use crate::compute::Compute;
use crate::config::{ArraySpec, MachineSpec};
use crate::dma::{Dma, Window};
use crate::engine::{ArrayEngine, Engine};
use crate::laws::MachineLaws;
use crate::memory::{ChannelUnit, MemoryPorts, Side};
use crate::sequencer::{Progress, Sequencer};
use crate::world::{Issue, UnitState, World};

/// A machine: checked, with the timing models of its parts.
#[derive(Clone, Debug)]
pub struct Machine {
    spec: MachineSpec,
    arrays: Vec<ArrayModel>,
    memory: Memory,
    target: Target,
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
    /// Indexed by [`ScratchpadId`].
    pub scratchpads: [ScratchpadOutcome; 3],
    /// What each memory channel did.
    pub channels: Vec<ChannelOutcome>,
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
        let arrays = spec
            .arrays
            .iter()
            .enumerate()
            .map(|(index, array)| {
                ArrayModel::new(&array.array)
                    .and_then(|model| model.with_tiles(array.tiles))
                    .map_err(|e| e.inside(format!("arrays[{index}]")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let memory = Memory::new(&spec.memory, spec.clock).map_err(|e| e.inside("memory"))?;
        let target = target(&spec, &arrays, &memory);
        Ok(Self {
            spec,
            arrays,
            memory,
            target,
        })
    }

    /// What a compiler must know of the machine.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The description that the machine was made of.
    #[must_use]
    pub fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    /// The models of the arrays, in the order of the description.
    #[must_use]
    pub fn arrays(&self) -> &[ArrayModel] {
        &self.arrays
    }

    /// The main memory.
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
        let reference = timeline.domain(0);
        let limits = Limits {
            last: cycle_limit.map(|edge| (reference, edge)),
            ..Limits::default()
        };
        let arrays = self
            .target
            .arrays
            .iter()
            .cloned()
            .zip(self.arrays.iter().copied());
        let sequencer = Sequencer::new(program, progress, arrays.collect());
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
        let memory_end = simulation
            .timeline()
            .convert(reference, world.end, world.memory.domain);
        Ok((outcome(&world, memory_end), world.observer))
    }

    /// The clocks: the reference, the memory's, and one for each array.
    fn clocks(&self) -> Vec<Frequency> {
        let arrays = self.spec.arrays.iter().map(|array| array.clock);
        [self.spec.clock, self.memory.frequency()]
            .into_iter()
            .chain(arrays)
            .collect()
    }

    /// Components are numbered: units first, as the target numbers them, then memory channels.
    fn world<'r, O>(
        &self,
        timeline: &Timeline,
        observer: O,
        sequencer: Sequencer<'r>,
    ) -> World<'r, O> {
        let id = Simulation::<World<'r, O>>::id;
        let units = self.target.units();
        let unit = |index: usize| {
            let unit = UnitId(u16::try_from(index).expect("a target numbers units in 16 bits"));
            UnitState::new(self.target.unit_name(unit).to_owned(), id(index))
        };
        let channels = (0..self.channels())
            .map(|channel| id(units + channel))
            .collect();
        let dma = [id(self.target.load.index()), id(self.target.store.index())];
        World {
            observer,
            reference: timeline.domain(0),
            units: (0..units).map(unit).collect(),
            sequencer,
            scratchpads: self
                .spec
                .scratchpads
                .map(|pad| Scratchpad::new(pad.map(Into::into))),
            memory: MemoryPorts::new(
                self.memory.clone(),
                timeline.domain(1),
                channels,
                dma,
                &self.spec.dma,
            ),
            fault: None,
            end: Cycle::ZERO,
        }
    }

    fn channels(&self) -> usize {
        usize::try_from(self.memory.channels()).expect("channel counts are checked")
    }

    fn add_components<'r, O: Observer + 'r>(&self, simulation: &mut Simulation<'r, World<'r, O>>) {
        let reference = simulation.timeline().domain(0);
        for (index, engine) in engines(&self.spec, &self.arrays).into_iter().enumerate() {
            let domain = simulation.timeline().domain(2 + index);
            let unit = self.target.arrays[index].unit;
            let name = engine.name.clone();
            let compute = Compute::new(Issue::new(unit), Engine::Array(engine));
            simulation.add(name, domain, compute);
        }
        let vector = Issue::new(self.target.vector);
        let engine = Engine::Vector(self.spec.vector.clone());
        simulation.add("vector", reference, Compute::new(vector, engine));
        let request = self.spec.dma.request;
        let in_flight = Bytes(
            request
                .get()
                .saturating_mul(self.spec.dma.requests_in_flight),
        );
        let ports = usize::try_from(self.spec.dma.ports).expect("port counts are checked");
        let window = Window {
            request,
            in_flight,
            ports,
        };
        for (unit, side) in [
            (self.target.load, Side::Load),
            (self.target.store, Side::Store),
        ] {
            let dma = Dma::new(Issue::new(unit), side, window);
            simulation.add(self.target.unit_name(unit), reference, dma);
        }
        let memory = simulation.timeline().domain(1);
        for index in 0..self.channels() {
            simulation.add(
                format!("memory channel {index}"),
                memory,
                ChannelUnit { index },
            );
        }
    }
}

/// The rates at which the scratchpads feed an array, in elements a cycle of its clock, and those of
/// packed weights, by packing.
fn feeds(spec: &MachineSpec) -> impl Fn(&ArraySpec) -> (Feed, [Option<Rate>; Packed::ALL.len()]) {
    let sides = spec
        .scratchpads
        .map(|pad| Scratchpad::new(pad.map(Into::into)).side_rate());
    let reference = spec.clock.as_fraction();
    move |array| {
        let own = array.clock.as_fraction();
        // Scratchpads run on the reference clock: bytes a reference cycle · own / reference.
        let rate = |pad: ScratchpadId, tenths: u64| {
            let (bytes, cycles) = sides[pad as usize]?.as_fraction();
            let per_second = [80 * bytes, reference.0, own.1].map(u128::from);
            let elements = per_second.into_iter().product::<u128>();
            let cycles = [cycles, reference.1, own.0, tenths].map(u128::from);
            reduced(elements, cycles.into_iter().product())
        };
        let port = |pad, element: Bits| rate(pad, 10 * element.get());
        let feed = Feed {
            a: port(ScratchpadId::Activations, array.kind.activation.bits()),
            b: port(ScratchpadId::Weights, array.kind.weight.bits()),
            c: port(ScratchpadId::Outputs, array.kind.accumulator.bits()),
        };
        let unpack = array.unpack.rate();
        let packed = Packed::ALL.map(|packed| {
            let port = rate(ScratchpadId::Weights, packed.tenths());
            [port, unpack].into_iter().flatten().min_by(slower)
        });
        (feed, packed)
    }
}

/// The order of two rates.
fn slower(one: &Rate, other: &Rate) -> std::cmp::Ordering {
    let cross = |a: &Rate, b: &Rate| u64::from(a.elements()) * u64::from(b.cycles());
    cross(one, other).cmp(&cross(other, one))
}

/// A rate in lowest terms; `None`, which is no limit, if its terms need more than 32 bits even so:
/// a port that many orders of magnitude wider than an element never slows an array.
fn reduced(elements: u128, cycles: u128) -> Option<Rate> {
    let (mut a, mut b) = (elements, cycles);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let term = |value: u128| u32::try_from(value / a).ok();
    Rate::new(term(elements)?, term(cycles)?)
}

fn target(spec: &MachineSpec, models: &[ArrayModel], memory: &Memory) -> Target {
    let unit = |index: usize| UnitId(u16::try_from(index).expect("array counts are checked"));
    let arrays = spec
        .arrays
        .iter()
        .enumerate()
        .map(|(index, array)| ArrayTarget {
            unit: unit(index),
            name: array.name.clone(),
            rows: array.array.rows,
            columns: array.array.columns,
            dataflow: array.array.dataflow,
            serves: array.serves.clone(),
            matmul_free: array.kind.matmul_free,
            activation: array.kind.activation.bits(),
            weight: array.kind.weight.bits(),
            accumulator: array.kind.accumulator.bits(),
            whole_tiles: array.tiles == Tiles::Whole,
            unpacks: array.unpack.formats.clone(),
        });
    let others = spec.arrays.len();
    Target {
        arrays: arrays.collect(),
        vector: unit(others),
        load: unit(others + 1),
        store: unit(others + 2),
        scratchpads: spec.scratchpads.map(|pad| ScratchpadTarget {
            // Without limits: as much as addresses reach.
            capacity: pad.map_or(Bytes(1 << 62), |limits| limits.capacity),
        }),
        memory: MemoryTarget {
            capacity: Some(Bytes(memory.capacity_bytes())),
            access: Bytes(memory.access_bytes()),
        },
        laws: Arc::new(MachineLaws::new(spec, engines(spec, models), memory)),
    }
}

/// The arrays with what feeds them.
fn engines(spec: &MachineSpec, models: &[ArrayModel]) -> Vec<ArrayEngine> {
    let feed = feeds(spec);
    let engine = |(array, model): (&ArraySpec, &ArrayModel)| {
        let (feed, packed) = feed(array);
        ArrayEngine {
            name: array.name.clone(),
            model: *model,
            feed,
            packed,
        }
    };
    spec.arrays.iter().zip(models).map(engine).collect()
}

fn outcome<O>(world: &World<'_, O>, memory_end: Cycle) -> Outcome {
    Outcome {
        total: world.end.since(Cycle::ZERO),
        scratchpads: ScratchpadId::ALL.map(|id| {
            let pad = &world.scratchpads[id as usize];
            ScratchpadOutcome {
                capacity: pad.geometry().map(|geometry| geometry.capacity),
                peak: pad.peak(),
                filled: pad.filled(),
                drained: pad.drained(),
                read: pad.read().to_bytes_ceil(),
                written: pad.written().to_bytes_ceil(),
                accesses: pad.accesses().to_bytes_ceil(),
            }
        }),
        channels: world.memory.outcomes(memory_end),
        instructions: world.sequencer.instructions_issued,
    }
}

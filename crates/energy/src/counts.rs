//! Counts of activity: what a run did on chip, by class.

use quantities::Cycle;
use tile_program::{
    Activity, Class, Flow, GemmTile, Observer, Operation, Platform, Role, ScratchpadId, VectorKind,
    VectorTile, Work,
};

/// How many classes there are.
pub(crate) const CLASSES: usize = Class::ALL.len();
/// How many operators a vector unit knows.
pub(crate) const VECTOR_KINDS: usize = VectorKind::ALL.len();

/// What one array did for one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrayCounts {
    /// The number of multiply-accumulates.
    pub macs: u64,
    /// Bits of operand A that entered.
    pub a_bits: u64,
    /// Bits of operand B that entered.
    pub b_bits: u64,
    /// Bits of results and partial sums that left.
    pub c_bits: u64,
}

/// What moved through one scratchpad for one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PadCounts {
    /// Bits read by arrays, by the vector unit, by the DMA, and for other cores over links.
    pub read_bits: u64,
    /// Bits written by arrays, by the vector unit, by the DMA, and from other cores over links.
    pub written_bits: u64,
}

/// Counts of a core, each table indexed by `class as usize` first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// By class, then by array in the order of the machine file.
    pub arrays: [Vec<ArrayCounts>; CLASSES],
    /// Elements by class, then by `VectorKind as usize`.
    pub vector: [[u64; VECTOR_KINDS]; CLASSES],
    /// By class, then by scratchpad.
    pub pads: [[PadCounts; 3]; CLASSES],
    /// Bits read from main memory, by class.
    pub memory_read_bits: [u64; CLASSES],
    /// Bits written to main memory, by class.
    pub memory_written_bits: [u64; CLASSES],
    /// Bits that came from other chips times the links that each passed, by class.
    pub link_bits: [u64; CLASSES],
}

impl Counts {
    fn new(arrays: usize) -> Self {
        Self {
            arrays: std::array::from_fn(|_| vec![ArrayCounts::default(); arrays]),
            vector: [[0; VECTOR_KINDS]; CLASSES],
            pads: [[PadCounts::default(); 3]; CLASSES],
            memory_read_bits: [0; CLASSES],
            memory_written_bits: [0; CLASSES],
            link_bits: [0; CLASSES],
        }
    }

    /// Takes over what another core moved to and from main memory.
    pub fn take_memory_traffic(&mut self, other: &mut Self) {
        let own = self
            .memory_read_bits
            .iter_mut()
            .chain(&mut self.memory_written_bits);
        let others = other.memory_read_bits.iter_mut();
        for (own, other) in own.zip(others.chain(&mut other.memory_written_bits)) {
            *own += std::mem::take(other);
        }
    }
}

/// The observer that counts, core by core. It holds a few hundred numbers a core, however long the
/// run.
#[derive(Clone, Debug)]
pub struct Counter {
    /// The core of each unit.
    cores: Vec<usize>,
    /// Of each unit that is an array: its place in its core.
    arrays: Vec<Option<usize>>,
    /// Of each unit, whether it loads from main memory.
    loads: Vec<bool>,
    /// Class of each operation of the current pass.
    classes: Vec<Class>,
    counts: Vec<Counts>,
    platform: Platform,
}

impl Counter {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(platform: &Platform) -> Self {
        let arrays = platform.all_units().map(|(_, _, role)| match role {
            Role::Array(place) => Some(place),
            _ => None,
        });
        let loads = platform.all_units();
        let loads = loads.map(|(_, _, role)| role.flow() == Some(Flow::FromMemory));
        let counts = platform.cores.iter();
        Self {
            loads: loads.collect(),
            cores: platform.core_places(),
            arrays: arrays.collect(),
            classes: Vec::new(),
            platform: platform.clone(),
            counts: counts.map(|core| Counts::new(core.arrays.len())).collect(),
        }
    }

    /// What was counted, core by core.
    #[must_use]
    pub fn counts(&self) -> &[Counts] {
        &self.counts
    }
}

impl Observer for Counter {
    fn pass(&mut self, _name: &str, operations: &[Operation], _at: Cycle) {
        self.classes.clear();
        self.classes
            .extend(operations.iter().map(|operation| operation.class));
    }

    fn activity(&mut self, activity: &Activity<'_>) {
        let class = self.classes[activity.operation.index()] as usize;
        let counts = &mut self.counts[self.cores[activity.unit.index()]];
        let (read, written) = (activity.read, activity.written);
        for (pad, (read, written)) in counts.pads[class]
            .iter_mut()
            .zip(read.into_iter().zip(written))
        {
            pad.read_bits += read.get();
            pad.written_bits += written.get();
        }
        match activity.work {
            Work::Gemm(tile) => {
                if let Some(place) = self.arrays[activity.unit.index()] {
                    let array = &mut counts.arrays[class][place];
                    array.macs += GemmTile::macs(tile);
                    array.a_bits += read[ScratchpadId::Activations as usize].get();
                    array.b_bits += read[ScratchpadId::Weights as usize].get();
                    array.c_bits += written[ScratchpadId::Outputs as usize].get();
                }
            }
            Work::Vector(VectorTile { kind, elements, .. }) => {
                counts.vector[class][*kind as usize] += elements;
            }
            Work::Transfer(tile) => {
                let bits = tile.region.bytes().to_bits().get();
                if self.loads[activity.unit.index()] {
                    counts.memory_read_bits[class] += bits;
                } else {
                    counts.memory_written_bits[class] += bits;
                }
            }
            Work::Receive(tile) => {
                let core = self.cores[activity.unit.index()];
                let (from, to) = (
                    self.platform.chip_of(tile.from),
                    self.platform.cores[core].chip,
                );
                let route = self.platform.network.route(from, to);
                let links = route.map_or(0, |route| route.len() as u64);
                counts.link_bits[class] += tile.bytes.to_bits().get() * links;
            }
        }
    }
}

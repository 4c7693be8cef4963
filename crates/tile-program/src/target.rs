//! What a compiler must know of a machine.

use std::fmt;
use std::sync::Arc;

use crate::{Dataflow, Family, GemmTile, Numbers, Packed, Role, VectorTile};
use quantities::{Bits, Bytes};

/// A unit of the machine that executes instructions in order: an array, the vector unit, the
/// load or the store side of the DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub u16);

impl UnitId {
    /// As an index into per-unit tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A scratchpad of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScratchpadId {
    /// Activations: operand A, and vectors that stay on chip between operations.
    Activations,
    /// Weights, or whatever stands in their place (keys, values): operand B.
    Weights,
    /// Results and partial sums: operand C.
    Outputs,
}

impl ScratchpadId {
    /// All scratchpads, in the order of the declaration; `id as usize` indexes it.
    pub const ALL: [Self; 3] = [Self::Activations, Self::Weights, Self::Outputs];

    /// The name used in reports and traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activations => "activations",
            Self::Weights => "weights",
            Self::Outputs => "outputs",
        }
    }
}

/// One PE array, as a compiler sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayTarget {
    /// Its place in the machine.
    pub unit: UnitId,
    /// Its name in the machine file.
    pub name: String,
    /// The number of rows of PEs.
    pub rows: u64,
    /// The number of columns of PEs.
    pub columns: u64,
    /// What stays in the array.
    pub dataflow: Dataflow,
    /// The operator families it takes.
    pub serves: Vec<Family>,
    /// Whether its PEs multiply by 1-bit or ternary weights only, so that projections on it are
    /// MatMul-free in fact and not only in principle.
    pub matmul_free: bool,
    /// The kind of numbers that its PEs multiply, activations and weights alike.
    pub numbers: Numbers,
    /// Width of an activation element that its PEs take.
    pub activation: Bits,
    /// Widest weight element that its PEs take.
    pub weight: Bits,
    /// Width of a result as it leaves the array (the accumulator).
    pub accumulator: Bits,
    /// The greatest magnitude of a product of two operands; `None` for PEs whose accumulator holds
    /// floating-point numbers, which do not wrap.
    pub greatest_product: Option<u64>,
    /// Whether it takes weights in whole tiles of `rows` x `columns`, one at a time, padded.
    pub whole_tiles: bool,
    /// The packings of weights that it can unpack, beside weights as wide as its PEs take them.
    pub unpacks: Vec<Packed>,
}

impl ArrayTarget {
    /// Bits that an accumulator needs so that a sum of `k` products never wraps, every operand at
    /// its greatest magnitude: the least b with k · |product| ≤ 2^(b − 1) − 1. `None` where this
    /// array's accumulator is wide enough.
    #[must_use]
    pub fn accumulator_bits_missing(&self, k: u64) -> Option<Bits> {
        let greatest_sum = u128::from(self.greatest_product?) * u128::from(k);
        let needed = u64::from(u128::BITS - greatest_sum.leading_zeros()) + 1;
        (needed > self.accumulator.get()).then_some(Bits(needed))
    }
}

/// One scratchpad, as a compiler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScratchpadTarget {
    /// All that it can hold.
    pub capacity: Bytes,
}

/// The main memory, as a compiler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryTarget {
    /// All that it can hold; `None` where memory is ideal and nothing is said.
    pub capacity: Option<Bytes>,
    /// Bytes of one access (burst): transfers are whole accesses, regions start at a multiple.
    pub access: Bytes,
    /// How addresses are spread over the channels.
    pub interleave: Interleave,
}

/// How consecutive addresses are spread over the channels of a memory: so many bytes on one
/// channel, then as many on the next, and after the last channel the first one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interleave {
    /// Bytes that lie on one channel before the next channel's turn: a multiple of an access.
    pub stripe: Bytes,
    /// How many channels take turns; 1 where the memory has no channels to tell apart.
    pub channels: u64,
}

impl Interleave {
    /// All addresses are on one channel.
    pub const NONE: Self = Self {
        stripe: Bytes(1),
        channels: 1,
    };
}

/// How long a tile keeps an array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrayTime {
    /// From its start until an equal one may start right behind it.
    pub next_cycles: u64,
    /// The time from its start until its last result is out.
    pub total_cycles: u64,
}

/// How long work takes on a machine, by the machine's own laws: what a compiler weighs one way to
/// cut an operation against another with. Cycles are those of the reference clock, rounded up.
pub trait Laws: fmt::Debug + Send + Sync {
    /// Of a tile on an array (by its place in [`Target::arrays`]); `None` if the array cannot run
    /// it.
    fn array(&self, array: usize, tile: &GemmTile) -> Option<ArrayTime>;

    /// How many independent GEMMs of a tile's m, n and k run at the same time on an array, in
    /// blocks that share neither rows nor columns; 0 if not even one is a single fold.
    fn side_by_side(&self, array: usize, tile: &GemmTile) -> u64;

    /// Of the vector unit; `None` past 64 bits.
    fn vector(&self, tile: &VectorTile) -> Option<u64>;

    /// For which so many bytes keep the main memory's bus busy.
    fn memory(&self, bytes: Bytes) -> u64;

    /// From a request to the data of an idle main memory.
    fn latency(&self) -> u64;
}

/// Nothing takes time: for machines that are compiled for by nobody.
impl Laws for () {
    fn array(&self, _: usize, _: &GemmTile) -> Option<ArrayTime> {
        Some(ArrayTime::default())
    }

    fn side_by_side(&self, _: usize, _: &GemmTile) -> u64 {
        1
    }

    fn vector(&self, _: &VectorTile) -> Option<u64> {
        Some(0)
    }

    fn memory(&self, _: Bytes) -> u64 {
        0
    }

    fn latency(&self) -> u64 {
        0
    }
}

/// A core of the machine, numbered chip after chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(pub u16);

impl CoreId {
    /// As an index into per-core tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a compiler must know of a core: all of a machine that has one core. Each array, the vector
/// unit, load, store and receive are distinct units; those of a core are numbered one after
/// another.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which core of the machine it is.
    pub core: CoreId,
    /// Which chip it is on: the cores of a chip share its main memory.
    pub chip: u16,
    /// What stands before the names of its units: nothing in a machine of one core.
    pub prefix: Arc<str>,
    /// The PE arrays.
    pub arrays: Vec<ArrayTarget>,
    /// The vector unit.
    pub vector: UnitId,
    /// The DMA's DRAM-to-scratchpad side.
    pub load: UnitId,
    /// The DMA's scratchpad-to-DRAM side.
    pub store: UnitId,
    /// The receiving end of the links, in a machine of several chips.
    pub receive: Option<UnitId>,
    /// Indexed by [`ScratchpadId`].
    pub scratchpads: [ScratchpadTarget; 3],
    /// The main memory.
    pub memory: MemoryTarget,
    /// How long work takes.
    pub laws: Arc<dyn Laws>,
}

impl Target {
    /// The name of a chip's main memory in reports and traces.
    pub const MEMORY_NAME: &'static str = "memory";

    /// The names that units have that are no arrays, and the memory: no array may be called so.
    pub const FIXED_NAMES: [&'static str; Role::SINGLE.len() + 1] = {
        let mut names = [Self::MEMORY_NAME; Role::SINGLE.len() + 1];
        let mut index = 0;
        while index < Role::SINGLE.len() {
            names[index] = match Role::SINGLE[index].name() {
                Some(name) => name,
                None => panic!("every unit but an array has a name of its kind"),
            };
            index += 1;
        }
        names
    };

    /// The unit of a kind of which a core has at most one.
    const fn single(&self, role: Role) -> Option<UnitId> {
        match role {
            Role::Array(_) => None,
            Role::Vector => Some(self.vector),
            Role::Load => Some(self.load),
            Role::Store => Some(self.store),
            Role::Receive => self.receive,
        }
    }

    const fn single_mut(&mut self, role: Role) -> Option<&mut UnitId> {
        match role {
            Role::Array(_) => None,
            Role::Vector => Some(&mut self.vector),
            Role::Load => Some(&mut self.load),
            Role::Store => Some(&mut self.store),
            Role::Receive => self.receive.as_mut(),
        }
    }

    /// The core's units in the order of their numbers, with what each is.
    pub fn units(&self) -> impl Iterator<Item = (UnitId, Role)> {
        let arrays = (0..).zip(&self.arrays);
        let arrays = arrays.map(|(place, array)| (array.unit, Role::Array(place)));
        let single = Role::SINGLE.into_iter();
        arrays.chain(single.filter_map(|role| Some((self.single(role)?, role))))
    }

    /// What a unit of this core is.
    ///
    /// # Panics
    /// If there is no such unit: a caller's mistake.
    #[must_use]
    pub fn role(&self, unit: UnitId) -> Role {
        let mut units = self.units();
        let found = units.find(|(known, _)| *known == unit);
        found.expect("a unit of this core").1
    }

    /// The name of a unit in reports and traces, after the core's prefix: an array's own, or that
    /// of the unit's [`Role`].
    ///
    /// # Panics
    /// If there is no such unit: a caller's mistake.
    #[must_use]
    pub fn unit_name(&self, unit: UnitId) -> String {
        let name = match self.role(unit) {
            Role::Array(place) => &self.arrays[place].name,
            role => role.name().expect("every unit but an array has one"),
        };
        format!("{}{name}", self.prefix)
    }

    /// The first array that serves a family.
    #[must_use]
    pub fn array_for(&self, family: Family) -> Option<&ArrayTarget> {
        self.arrays
            .iter()
            .find(|array| array.serves.contains(&family))
    }

    /// The capacity of a scratchpad.
    #[must_use]
    pub fn capacity(&self, id: ScratchpadId) -> Bytes {
        self.scratchpads[id as usize].capacity
    }

    /// Numbers the core's units from a first one on; says the one after the last.
    #[must_use]
    pub fn numbered_from(mut self, first: u16) -> (Self, u16) {
        let mut numbers = first..;
        let mut number = |unit: &mut UnitId| {
            *unit = UnitId(numbers.next().expect("a machine has fewer than 2^16 units"));
        };
        for array in &mut self.arrays {
            number(&mut array.unit);
        }
        for unit in Role::SINGLE {
            self.single_mut(unit).map(&mut number);
        }
        let next = numbers.start;
        (self, next)
    }
}

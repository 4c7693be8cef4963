//! A machine as checked: plain data that makes sense.

use dram::MemoryConfig;
use pe_array::{ArrayConfig, PeKind, Tiles};
use quantities::{Bytes, Cycles, Frequency, Ratio};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use tile_program::{Family, Packed, Reach, ScratchpadId, VectorKind};
use vec1::Vec1;

use super::file::Each;

/// A machine whose description makes sense.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    /// The name of the machine, which is not empty.
    pub name: String,
    /// What the machine is, in one line; may be empty.
    pub description: String,
    /// The technology in which energy and area are told, by name or file; `None` if they are not.
    pub technology: Option<String>,
    /// The reference clock: of the vector unit, the scratchpads and the DMA.
    pub clock: Frequency,
    /// The cores of a chip. All chips are alike.
    pub cores: Vec1<CoreSpec>,
    /// The main memory of a chip, checked, in the form that its crate takes.
    pub memory: MemoryConfig,
    /// Work outside the machine, during which the machine stands still.
    pub serial: Vec<SerialSpec>,
    /// The links between chips, or to machines equal to this one.
    pub link: Option<LinkSpec>,
    /// The number of equal chips, at least one.
    pub chips: u16,
    /// The pairs of chips that a link joins, each chip by its number from 0.
    pub joined: Vec<(u16, u16)>,
}

/// The form of a [`MachineSpec`] in results. The fields of the first core stand beside those of the
/// machine, as in a machine file, and further cores in a list of their own.
#[derive(Serialize)]
struct MachineView<'a> {
    name: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    technology: Option<&'a str>,
    #[serde(rename = "clock_hertz", serialize_with = "hertz")]
    clock: Frequency,
    #[serde(flatten)]
    first_core: &'a CoreSpec,
    memory: &'a MemoryConfig,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    serial: &'a [SerialSpec],
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<LinkSpec>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    other_cores: &'a [CoreSpec],
    #[serde(skip_serializing_if = "Option::is_none")]
    chips: Option<u16>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    joined: &'a [(u16, u16)],
}

impl Serialize for MachineSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = MachineView {
            name: &self.name,
            description: &self.description,
            technology: self.technology.as_deref(),
            clock: self.clock,
            first_core: self.cores.first(),
            memory: &self.memory,
            serial: &self.serial,
            link: self.link,
            other_cores: &self.cores[1..],
            chips: (self.chips > 1).then_some(self.chips),
            joined: &self.joined,
        };
        view.serialize(serializer)
    }
}

/// One core of a chip.
#[derive(Clone, Debug, Serialize)]
pub struct CoreSpec {
    /// The PE arrays: at least one, with distinct names.
    pub arrays: Vec<ArraySpec>,
    /// The vector unit.
    pub vector: VectorSpec,
    /// Indexed by [`ScratchpadId`]; `None` has no limits.
    #[serde(serialize_with = "by_name")]
    pub scratchpads: [Option<ScratchpadSpec>; 3],
    /// The DMA of the core.
    pub dma: DmaSpec,
}

/// One PE array.
#[derive(Clone, Debug, Serialize)]
pub struct ArraySpec {
    /// The name of the array, which no unit of the core shares.
    pub name: String,
    /// The clock of the array, which may differ from the reference clock.
    #[serde(rename = "clock_hertz", serialize_with = "hertz")]
    pub clock: Frequency,
    /// The operator families that the array takes: at least one, each once.
    pub serves: Vec<Family>,
    /// Dimensions, element, dataflow and convention, as its crate takes them; checked.
    pub array: ArrayConfig,
    /// How large the tiles of weights are that it takes.
    pub tiles: Tiles,
    /// The unit that unpacks the weights of the array.
    pub unpack: UnpackSpec,
    /// The PE with its kind's defaults filled in, and the array's own interval and latency.
    pub kind: PeKind,
}

impl ArraySpec {
    /// Multiply-accumulates that all its PEs can do in a cycle of another clock. A lookup PE takes
    /// a group of products in a step.
    #[must_use]
    pub fn peak_macs_per_cycle(&self, of: Frequency) -> f64 {
        let products = (self.array.rows * self.array.columns * self.kind.group) as f64;
        let clocks = self.clock.as_hertz_f64() / of.as_hertz_f64();
        products * clocks / self.kind.initiation_interval as f64
    }
}

/// What makes weights as wide as the PEs take them, on their way from the scratchpad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnpackSpec {
    /// Weights in a cycle of the array's clock; `None`: as many as the port gives.
    pub weights_per_cycle: Option<u32>,
    /// The packings that it takes, each once.
    pub formats: Vec<Packed>,
}

impl UnpackSpec {
    /// Its rate, if it is limited.
    #[must_use]
    pub fn rate(&self) -> Option<Ratio> {
        Ratio::new(self.weights_per_cycle?.into(), 1)
    }
}

/// The vector unit.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorSpec {
    /// Costs nothing: every operator takes zero cycles.
    Free,
    /// Lanes that work on elements.
    Lanes(VectorLanes),
}

/// A vector unit of lanes.
#[derive(Clone, Debug, Serialize)]
pub struct VectorLanes {
    /// Elements side by side.
    pub lanes: u64,
    /// Operations that a lane completes in a cycle.
    pub operations_per_lane_per_cycle: u64,
    /// From the first element of a pass to its first result.
    pub startup_cycles: Cycles,
    /// Indexed by `VectorKind as usize`.
    #[serde(serialize_with = "costs_by_name")]
    pub costs: Vec<VectorCost>,
}

/// What one operator costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorCost {
    /// The work that the cost is of.
    pub kind: VectorKind,
    /// Lane operations per element, over all passes.
    pub operations: u64,
    /// Sweeps over the elements that must follow one another.
    pub passes: u64,
}

impl VectorLanes {
    /// The cost of an operator.
    #[must_use]
    pub fn cost(&self, kind: VectorKind) -> VectorCost {
        self.costs[kind as usize]
    }

    /// Cycles that an operator takes for a number of elements, or `None` past 64 bits:
    ///
    /// `passes · startup + ⌈elements · operations / (lanes · operations per lane and cycle)⌉`.
    ///
    /// Rows of a tile are packed: a pass streams all of them, and its startup is paid once.
    #[must_use]
    pub fn cycles(&self, kind: VectorKind, elements: u64) -> Option<Cycles> {
        let cost = self.cost(kind);
        let operations = u128::from(elements) * u128::from(cost.operations);
        let rate = u128::from(self.lanes) * u128::from(self.operations_per_lane_per_cycle);
        let streaming = u64::try_from(operations.div_ceil(rate)).ok()?;
        self.startup_cycles
            .checked_mul(cost.passes)?
            .checked_add(Cycles(streaming))
    }
}

/// A scratchpad with limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ScratchpadSpec {
    /// All that it can hold, both halves of its double buffer together.
    #[serde(rename = "capacity_bytes")]
    pub capacity: Bytes,
    /// Equal banks of one port each.
    pub banks: u64,
    /// Width of a bank's port.
    #[serde(rename = "port_bytes")]
    pub port: Bytes,
}

impl From<ScratchpadSpec> for sram::Geometry {
    fn from(spec: ScratchpadSpec) -> Self {
        Self {
            capacity: spec.capacity,
            banks: spec.banks,
            port: spec.port,
        }
    }
}

/// The DMA of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DmaSpec {
    /// Requests under way at once, on each port.
    pub requests_in_flight: u64,
    /// Bytes of a request: a power of two.
    #[serde(rename = "request_bytes")]
    pub request: Bytes,
    /// Masters side by side, each with a part of every transfer: at least one.
    pub ports: u64,
    /// Bytes that a port moves in a cycle of the machine's clock; `None` without limit.
    #[serde(rename = "port_bytes")]
    pub port: Option<Bytes>,
}

/// A piece of work outside the machine, during which it stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SerialSpec {
    /// What it is.
    pub what: String,
    /// What it is done once for.
    pub each: Each,
    /// How long it takes.
    pub picoseconds: u64,
}

/// A link to machines equal to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkSpec {
    /// Bytes a second that the link moves, in each direction.
    pub bytes_per_second: u64,
    /// The latency of one step from machine to machine, in picoseconds.
    pub latency_picoseconds: u64,
    /// How far the link reaches, which decides its energy.
    pub reach: Reach,
}

impl LinkSpec {
    /// The time of an all-reduce of so many bytes over a ring of machines: each sends
    /// 2 (n - 1) / n of the bytes, in 2 (n - 1) steps. `None` past 64 bits of picoseconds.
    #[must_use]
    pub fn all_reduce_picoseconds(&self, bytes: u64, machines: u64) -> Option<u64> {
        let steps = u128::from(2 * machines.checked_sub(1)?);
        let sent = (u128::from(bytes) * steps).div_ceil(u128::from(machines));
        let moving = (sent * 1_000_000_000_000).div_ceil(u128::from(self.bytes_per_second));
        let latency = steps * u128::from(self.latency_picoseconds);
        u64::try_from(moving + latency).ok()
    }
}

/// Whole hertz as a number, others as the fraction that they are.
fn hertz<S: Serializer>(clock: &Frequency, serializer: S) -> Result<S::Ok, S::Error> {
    match clock.as_fraction() {
        (hertz, 1) => serializer.serialize_u64(hertz),
        (numerator, denominator) => {
            serializer.collect_str(&format_args!("{numerator}/{denominator}"))
        }
    }
}

fn by_name<S: Serializer>(
    scratchpads: &[Option<ScratchpadSpec>; 3],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(scratchpads.len()))?;
    for (id, scratchpad) in ScratchpadId::ALL.iter().zip(scratchpads) {
        match scratchpad {
            Some(limits) => map.serialize_entry(id.name(), limits)?,
            None => map.serialize_entry(id.name(), "unlimited")?,
        }
    }
    map.end()
}

fn costs_by_name<S: Serializer>(costs: &[VectorCost], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Cost {
        operations: u64,
        passes: u64,
    }
    serializer.collect_map(costs.iter().map(|cost| {
        let VectorCost {
            kind,
            operations,
            passes,
        } = *cost;
        (kind.name(), Cost { operations, passes })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_all_reduce_sends_twice_all_but_its_own_share() {
        let link = LinkSpec {
            bytes_per_second: 1_000_000_000,
            latency_picoseconds: 500,
            reach: Reach::Board,
        };
        // 4 machines: 6 / 4 of 4000 bytes at a byte a nanosecond, and 6 steps.
        assert_eq!(link.all_reduce_picoseconds(4000, 4), Some(6_000_000 + 3000));
        assert_eq!(link.all_reduce_picoseconds(4000, 1), Some(0));
        assert_eq!(link.all_reduce_picoseconds(u64::MAX, 1 << 40), None);
    }
}

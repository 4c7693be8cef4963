//! A machine file as written. Field by field explained in `template.ron`.

use config::{Bandwidth, Clock, Keyword, Or, Size, Time, Unlimited, Whole};
use dram::DramConfig;
use pe_array::{ArrayConfig, Convention, Element, Tiles};
use serde::{Deserialize, Serialize};
use tile_program::{Dataflow, Family, Packed, Reach};

use super::costs::Costs;

/// The most cores of a machine, all chips together: units are numbered in 16 bits.
pub(super) const MOST_CORES: u64 = 1024;

/// The most lanes, requests in flight, startup cycles: past it, a file holds a slip of the
/// keyboard.
pub(super) const MOST: u64 = 1 << 20;

/// A machine file as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Machine", deny_unknown_fields)]
pub struct MachineFile {
    /// What the machine is called.
    pub name: String,
    /// One line for the list of machines. Default: empty.
    #[serde(default)]
    pub description: String,
    /// The technology that energy and area are told in: a shipped one (`45nm`, `7nm`) or a file.
    /// Default: none, and neither is told.
    #[serde(default)]
    pub technology: Option<String>,
    /// The reference clock: of the vector unit, scratchpads and DMA, and of arrays that name none.
    pub clock: Clock,
    /// The PE arrays.
    pub arrays: Vec<ArrayFile>,
    /// The vector unit, or `Free`.
    pub vector: Or<Free, VectorFile>,
    /// The three scratchpads of a core.
    pub scratchpads: ScratchpadsFile,
    /// The DMA of a core.
    #[serde(default)]
    pub dma: DmaFile,
    /// The main memory.
    pub memory: MemoryFile,
    /// Work outside the machine, during which it stands still. Default: none.
    #[serde(default)]
    pub serial: Vec<SerialFile>,
    /// The cores of a chip, which share its memory. Default: one, as described above.
    #[serde(default = "one_core")]
    pub cores: Vec<CoreFile>,
    /// Equal chips. Default 1.
    #[serde(default = "one")]
    pub chips: Whole<1, MOST_CORES>,
    /// The links between chips (or to machines that are equal to this one). Default: none.
    #[serde(default)]
    pub link: Option<LinkFile>,
}

fn one_core() -> Vec<CoreFile> {
    vec![CoreFile::default()]
}

/// Equal cores as written; what is left out is as the machine says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Core", default, deny_unknown_fields)]
pub struct CoreFile {
    /// How many. Default 1.
    pub count: Whole<1, MOST_CORES>,
    /// Their PE arrays.
    pub arrays: Option<Vec<ArrayFile>>,
    /// Their vector unit.
    pub vector: Option<Or<Free, VectorFile>>,
    /// The scratchpads of these cores; those of the machine if left out.
    pub scratchpads: Option<ScratchpadsFile>,
    /// The DMA of these cores; that of the machine if left out.
    pub dma: Option<DmaFile>,
}

impl Default for CoreFile {
    fn default() -> Self {
        Self {
            count: one(),
            arrays: None,
            vector: None,
            scratchpads: None,
            dma: None,
        }
    }
}

/// Work outside the machine as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Serial", deny_unknown_fields)]
pub struct SerialFile {
    /// What it is.
    pub what: String,
    /// What it is done once for.
    pub each: Each,
    /// How long it takes.
    pub time: Time,
}

/// A link as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Link", deny_unknown_fields)]
pub struct LinkFile {
    /// Bytes a second in each direction.
    pub bandwidth: Bandwidth,
    /// Of one step from machine to machine. Default `Ns(0)`.
    #[serde(default = "no_time")]
    pub latency: Time,
    /// Which chips are joined. Default `Ring`.
    #[serde(default)]
    pub topology: Topology,
    /// How far they go, for the energy of a bit. Default `Board`.
    #[serde(default)]
    pub reach: Reach,
}

/// What a piece of serial work is done once for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Each {
    /// Once for each token.
    Token,
    /// Once for each layer of a token or prompt.
    Layer,
    /// Once for each kernel: a matrix product or work of the vector unit that is started by itself.
    Kernel,
    /// Once for each matrix product that is started by itself.
    Gemm,
}

/// Which chips are joined, each pair in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Topology {
    /// Each chip with the next, the last with the first.
    #[default]
    Ring,
    /// Each chip with the next.
    Line,
    /// Each chip with each other.
    FullyConnected,
    /// Rows of so many chips: each with its neighbours in its row and column.
    Mesh(Whole<1, MOST_CORES>),
    /// The same, with the ends of rows and columns joined too.
    Torus(Whole<1, MOST_CORES>),
    /// The pairs that are named.
    Links(Vec<(ChipNumber, ChipNumber)>),
}

/// The number of a chip, counted from 0.
pub(super) type ChipNumber = Whole<0, { MOST_CORES - 1 }>;

/// An array as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Array", deny_unknown_fields)]
pub struct ArrayFile {
    /// What the array is called; no two may share a name.
    pub name: String,
    /// What its PEs compute with.
    pub element: Element,
    /// The number of rows of PEs.
    pub rows: Whole<1, { ArrayConfig::GREATEST_SIDE }>,
    /// The number of columns of PEs.
    pub columns: Whole<1, { ArrayConfig::GREATEST_SIDE }>,
    /// What stays in the array.
    pub dataflow: Dataflow,
    /// How cycles are counted. Default `Overlapped`.
    #[serde(default = "overlapped")]
    pub timing: Convention,
    /// How large the tiles of weights are that it takes. Default `AsUsed`.
    #[serde(default)]
    pub tiles: Tiles,
    /// What unpacks its weights. Default `Unlimited`: any packing, as fast as the scratchpad's
    /// ports give it.
    #[serde(default = "Or::word")]
    pub unpack: Or<Unlimited, UnpackFile>,
    /// The operator families it takes. Default: all.
    #[serde(default = "all_families")]
    pub serves: Vec<Family>,
    /// Its clock. Default: the machine's.
    #[serde(default)]
    pub clock: Option<Clock>,
    /// Cycles between two steps of one PE. Default: the element's.
    #[serde(default)]
    pub initiation_interval: Option<Whole<1, { ArrayConfig::GREATEST_DEPTH }>>,
    /// Pipeline latency of a PE in cycles. Default: the element's.
    #[serde(default)]
    pub latency: Option<Whole<1, { ArrayConfig::GREATEST_DEPTH }>>,
}

const fn overlapped() -> Convention {
    Convention::Overlapped
}

fn all_families() -> Vec<Family> {
    Family::ALL.to_vec()
}

/// The most weights that an unpack unit gives in a cycle.
const MOST_UNPACKED: u64 = 1 << 24;

/// An unpack unit as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Unpack", deny_unknown_fields)]
pub struct UnpackFile {
    /// Weights that it gives in a cycle of the array's clock.
    pub weights_per_cycle: Whole<1, MOST_UNPACKED>,
    /// The packings that it takes. Default: all.
    #[serde(default = "all_packings")]
    pub formats: Vec<Packed>,
}

fn all_packings() -> Vec<Packed> {
    Packed::ALL.to_vec()
}

/// The word `Free`: a vector unit that costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {}

impl Keyword for Free {
    const WORD: &'static [&'static str; 1] = &["Free"];
}

/// The vector unit as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Vector", deny_unknown_fields)]
pub struct VectorFile {
    /// Elements side by side.
    pub lanes: Whole<1, MOST>,
    /// Operations that a lane completes in a cycle. Default 1.
    #[serde(default = "one")]
    pub operations_per_lane_per_cycle: Whole<1, MOST>,
    /// Cycles from the first element of a pass to its first result. Default 8.
    #[serde(default = "eight")]
    pub startup_cycles: Whole<0, MOST>,
    /// What each operator costs. Default: `vector-costs.ron`.
    #[serde(default)]
    pub costs: Costs,
}

const fn one<const MOST: u64>() -> Whole<1, MOST> {
    Whole::new(1)
}

const fn eight<const LEAST: u64, const MOST: u64>() -> Whole<LEAST, MOST> {
    Whole::new(8)
}

/// The three scratchpads as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Scratchpads", deny_unknown_fields)]
pub struct ScratchpadsFile {
    /// Activations: operand A, and vectors that stay on chip.
    pub activations: Or<Unlimited, ScratchpadFile>,
    /// Weights, keys and values: operand B.
    pub weights: Or<Unlimited, ScratchpadFile>,
    /// Results and partial sums: operand C.
    pub outputs: Or<Unlimited, ScratchpadFile>,
}

/// A scratchpad as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Scratchpad", deny_unknown_fields)]
pub struct ScratchpadFile {
    /// All that it can hold, both halves of its double buffer together.
    pub capacity: Size,
    /// Equal banks of one port each. Default 8.
    #[serde(default = "eight")]
    pub banks: Whole<1, 4096>,
    /// Width of a bank's port. Default `Bytes(64)`.
    #[serde(default = "port")]
    pub port: Size,
}

const fn port() -> Size {
    Size::bytes_exactly(64)
}

/// The DMA as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Dma", default, deny_unknown_fields)]
pub struct DmaFile {
    /// Requests under way at once, on each port. Default 16.
    pub requests_in_flight: Whole<1, MOST>,
    /// Bytes of a request. Default `KiB(4)`.
    pub request: Size,
    /// Masters side by side, each with a part of every transfer. Default 1.
    pub ports: Whole<1, 256>,
    /// Bytes that a port moves in a cycle of the machine's clock. Default `Unlimited`.
    pub port: Or<Unlimited, Size>,
}

impl Default for DmaFile {
    fn default() -> Self {
        Self {
            requests_in_flight: Whole::new(16),
            request: Size::kibibytes(4),
            ports: one(),
            port: Or::word(),
        }
    }
}

/// The main memory as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Memory")]
pub enum MemoryFile {
    /// DRAM timed by command.
    Dram(DramConfig),
    /// A fixed bandwidth and a fixed latency.
    Ideal(IdealFile),
}

/// An ideal memory as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Ideal", deny_unknown_fields)]
pub struct IdealFile {
    /// Bytes a second, or `Unlimited`.
    pub bandwidth: Or<Unlimited, Bandwidth>,
    /// From a request to its first byte. Default `Ns(0)`.
    #[serde(default = "no_time")]
    pub latency: Time,
    /// All that it can hold. Default `Unlimited`.
    #[serde(default = "Or::word")]
    pub capacity: Or<Unlimited, Size>,
    /// Bytes of one access: what is asked for moves in whole accesses. Default `None`: what is
    /// asked for.
    #[serde(default)]
    pub access: Option<Size>,
}

const fn no_time() -> Time {
    Time::nanoseconds(0)
}

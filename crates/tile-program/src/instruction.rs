//! What a unit executes.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{CoreId, Operands, OperationId, Packed, Results, ScratchpadId, UnitId};
use quantities::{Bits, Bytes};

/// Why an instruction must wait for another unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// It reads what the other unit produces.
    Data,
    /// It overwrites a buffer that the other unit still uses.
    Buffer,
}

/// "At least `completed` instructions of `unit` are complete", counted from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// Whose progress is waited for.
    pub unit: UnitId,
    /// The number of its instructions that must be complete.
    pub completed: u64,
    /// What the instruction needs that the unit's work gives: data, or room in a buffer.
    pub reason: WaitReason,
}

/// The waits of an instruction: all must be met, and each names another unit. A unit takes its
/// instructions in program order, but an array may begin one before the last has ended, so an
/// instruction that needs what an earlier one of the same array leaves (its result, or the bytes
/// that it gives back) waits for its own unit. So does one of the receiving end of the links.
pub type Waits = SmallVec<[Wait; 4]>;

/// Scratchpad bytes that an instruction takes when it starts or gives back when it completes. The
/// machine keeps the occupancy and asserts that a scratchpad never overflows: that a tile fits is
/// the compiler's proof, made through waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The scratchpad whose bytes are claimed.
    pub scratchpad: ScratchpadId,
    /// How many bytes.
    pub bytes: Bytes,
}

/// C\[m,n\] (+)= A\[m,k\] · B\[k,n\] on one array, operands in the scratchpads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GemmTile {
    /// Rows of A and C.
    pub m: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Columns of A, rows of B.
    pub k: u64,
    /// Independent GEMMs of this shape (heads, sequences); at least one.
    pub repeat: u64,
    /// How many of them run at the same time, in blocks of the array that share neither rows nor
    /// columns; the groups run back to back. Divides `repeat`; the blocks of a group fit the array
    /// in one fold.
    pub side_by_side: u64,
    /// Whether the result is added to partial sums already in the output scratchpad.
    pub accumulate: bool,
    /// How weights lie where they are narrower than the PEs take them, and are unpacked on the way
    /// from the scratchpad to the array; `None` for an operand as wide as the PEs'.
    pub packed: Option<Packed>,
}

impl GemmTile {
    /// A single GEMM, its result added to nothing.
    #[must_use]
    pub const fn one(m: u64, n: u64, k: u64) -> Self {
        Self {
            m,
            n,
            k,
            repeat: 1,
            side_by_side: 1,
            accumulate: false,
            packed: None,
        }
    }

    /// Multiply-accumulates of the tile (additions, where weights are ternary or binary).
    #[must_use]
    pub const fn macs(&self) -> u64 {
        self.m * self.n * self.k * self.repeat
    }
}

/// What the vector unit does to each element; costs (operations per element) belong to the
/// machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorKind {
    /// Root-mean-square norm: square-accumulate, then scale.
    RmsNorm,
    /// Layer norm: mean and variance, then scale and shift.
    LayerNorm,
    /// Rotary position embedding.
    Rotary,
    /// Row-wise softmax, scaling and mask included.
    Softmax,
    /// ReLU: the greater of the element and zero.
    Relu,
    /// Squared ReLU: the square of the ReLU of the element.
    SquaredRelu,
    /// GELU, tanh form.
    Gelu,
    /// SiLU, also called swish: the element times its sigmoid.
    Silu,
    /// The logistic sigmoid of the element.
    Sigmoid,
    /// Elementwise product (gated feed-forward, gates).
    Multiply,
    /// Elementwise sum (residual, bias, position embedding).
    Add,
    /// Per-token absmax scan, then scale, round and clamp to INT8 (BitNet). A barrier: no quantised
    /// value exists until the whole vector is present.
    Quantise,
    /// Accumulator times scale (BitNet), or conversion of accumulators to the activation format.
    Dequantise,
    /// One step of an elementwise gated recurrence (MLGRU).
    Recurrence,
}

impl VectorKind {
    /// All kinds, in the order of the declaration; `kind as usize` indexes it.
    pub const ALL: [Self; 14] = [
        Self::RmsNorm,
        Self::LayerNorm,
        Self::Rotary,
        Self::Softmax,
        Self::Relu,
        Self::SquaredRelu,
        Self::Gelu,
        Self::Silu,
        Self::Sigmoid,
        Self::Multiply,
        Self::Add,
        Self::Quantise,
        Self::Dequantise,
        Self::Recurrence,
    ];

    /// The name used in machine files, reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RmsNorm => "rms_norm",
            Self::LayerNorm => "layer_norm",
            Self::Rotary => "rotary",
            Self::Softmax => "softmax",
            Self::Relu => "relu",
            Self::SquaredRelu => "squared_relu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Sigmoid => "sigmoid",
            Self::Multiply => "multiply",
            Self::Add => "add",
            Self::Quantise => "quantise",
            Self::Dequantise => "dequantise",
            Self::Recurrence => "recurrence",
        }
    }
}

/// Where the elements of vector work are, one for each that is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// The scratchpad that holds the elements.
    pub scratchpad: ScratchpadId,
    /// Width of an element.
    pub width: Bits,
}

impl Stream {
    /// Elements of so many bits in a scratchpad.
    #[must_use]
    pub const fn new(scratchpad: ScratchpadId, bits: u64) -> Self {
        Self {
            scratchpad,
            width: Bits(bits),
        }
    }
}

/// Work of the vector unit on elements in the scratchpads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VectorTile {
    /// What is done.
    pub kind: VectorKind,
    /// Elements processed (all rows together).
    pub elements: u64,
    /// Independent rows: a reduction (norm, softmax, absmax) runs over one row.
    pub rows: u64,
    /// What is read, in each sweep over the elements.
    pub source: Stream,
    /// A second operand, read once.
    pub operand: Option<Stream>,
    /// What is written, once.
    pub result: Stream,
}

impl VectorTile {
    /// Work on elements of so many bits where they are, in the output scratchpad.
    #[must_use]
    pub const fn on_sums(kind: VectorKind, elements: u64, rows: u64, bits: u64) -> Self {
        let sums = Stream::new(ScratchpadId::Outputs, bits);
        Self {
            kind,
            elements,
            rows,
            source: sums,
            operand: None,
            result: sums,
        }
    }
}

/// Bytes in main memory: `rows` rows of `row_bytes` each, `pitch` bytes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// Address of the first byte.
    pub address: u64,
    /// Bytes in a row.
    pub row_bytes: Bytes,
    /// Number of rows.
    pub rows: u64,
    /// Distance between the starts of two rows; at least `row_bytes`.
    pub pitch: Bytes,
}

impl Region {
    /// A contiguous region.
    #[must_use]
    pub const fn contiguous(address: u64, bytes: Bytes) -> Self {
        Self {
            address,
            row_bytes: bytes,
            rows: 1,
            pitch: bytes,
        }
    }

    /// Payload of the region.
    #[must_use]
    pub const fn bytes(&self) -> Bytes {
        Bytes(self.row_bytes.0 * self.rows)
    }
}

/// A transfer between main memory and a scratchpad; the direction is the unit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransferTile {
    /// The main-memory side.
    pub region: Region,
    /// The on-chip side.
    pub scratchpad: ScratchpadId,
}

/// Bytes that come over links from a scratchpad of another core into the same one of this core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceiveTile {
    /// The core from whose scratchpad the bytes come.
    pub from: CoreId,
    /// The number of bytes that come.
    pub bytes: Bytes,
    /// The scratchpad, which is the same one in both cores.
    pub scratchpad: ScratchpadId,
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// A tile of a GEMM, on an array.
    Gemm(GemmTile),
    /// Work on elements, on the vector unit.
    Vector(VectorTile),
    /// A transfer, on the load or the store side of the DMA.
    Transfer(TransferTile),
    /// Bytes from another core, on the receiving end of the links.
    Receive(ReceiveTile),
}

/// One step of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The unit that executes it.
    pub unit: UnitId,
    /// The operation it belongs to: its class is what the cycles are charged to.
    pub operation: OperationId,
    /// Number of the tile within the operation; equal for a tile's loads, compute and stores.
    pub tile: u32,
    /// What it does.
    pub work: Work,
    /// What must be complete before it starts.
    pub waits: Waits,
    /// Scratchpad bytes taken when it starts.
    pub takes: SmallVec<[Claim; 2]>,
    /// Scratchpad bytes given back when it completes.
    pub gives: SmallVec<[Claim; 2]>,
    /// What it reads in scratchpads of its own core and, over links, of another one. The machine
    /// does not look at operands: they are there for whoever checks the waits.
    pub reads: Operands,
    /// What it writes in the scratchpads of its core.
    pub writes: Results,
}

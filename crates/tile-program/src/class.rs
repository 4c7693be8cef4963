//! The words of attribution: what kind of work a cycle belongs to, and why it was spent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The family of an operator: it decides precision and which array serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// Linear layers inside the blocks: Q, K, V, output, feed-forward. What 1-bit weights reach.
    Projection,
    /// Products of two activations: scores (Q·Kᵀ) and context (P·V).
    Attention,
    /// The final product with the vocabulary.
    LmHead,
}

impl Family {
    /// All families, in the order of the declaration.
    pub const ALL: [Self; 3] = [Self::Projection, Self::Attention, Self::LmHead];
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Projection => "Projection",
            Self::Attention => "Attention",
            Self::LmHead => "LmHead",
        })
    }
}

/// The class of work that a cycle is charged to. Moving an operand belongs to the operation that
/// needs it; `Transfer` is only what no GEMM or vector operation asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// GEMMs whose weights are, or could be, 1-bit or ternary: the part that Amdahl's F counts.
    #[serde(rename = "matmul_free")]
    MatMulFree,
    /// GEMMs that keep multiplying: attention, and the LM head in high precision.
    #[serde(rename = "matmul")]
    MatMul,
    /// Norms, softmax, activations, rotary embedding, (de)quantisation, residual sums.
    Vector,
    /// Movement that belongs to no computation: embedding rows, KV-cache appends, spills.
    Transfer,
}

impl Class {
    /// All classes, in the order of the declaration; `class as usize` indexes it.
    pub const ALL: [Self; 4] = [Self::MatMulFree, Self::MatMul, Self::Vector, Self::Transfer];

    /// The name used in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatMulFree => "matmul_free",
            Self::MatMul => "matmul",
            Self::Vector => "vector",
            Self::Transfer => "transfer",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a unit spent a cycle. Every cycle of every unit is in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The skewed wavefront enters the array.
    Fill,
    /// Operands stream through the array, or lanes work.
    Compute,
    /// The wavefront leaves; results shift out.
    Drain,
    /// A stationary tile is loaded into the array (WS, IS).
    WeightLoad,
    /// A stream is slowed by scratchpad ports or banks, or a transfer by the scratchpad side.
    SramPort,
    /// A transfer's data pass the DMA's port on the side of the memory no faster than it is wide.
    DmaPort,
    /// DRAM data moves at the rate of the bus: as much of it as the channels moved on average.
    DramBandwidth,
    /// The data bus of the channel that is waited for moves data, while the others have less to do:
    /// time that an even spread over all channels would have avoided.
    DramChannelImbalance,
    /// The first data of a request is under way: command, CAS and interface latency, queueing.
    DramLatency,
    /// Precharge and activate: another row was open, or none.
    DramRowConflict,
    /// A refresh holds the rank or bank.
    DramRefresh,
    /// The bus turns between reads and writes or between ranks.
    DramTurnaround,
    /// An operand is not ready: another unit works on it.
    Dependency,
    /// An operand is on its way from another core.
    Link,
    /// An operand is not ready: another core works on it.
    Peer,
    /// A buffer must be emptied first: back-pressure.
    BufferFull,
    /// No instruction is at hand.
    Idle,
}

impl Cause {
    /// All causes, in the order of the declaration; `cause as usize` indexes it.
    pub const ALL: [Self; 17] = [
        Self::Fill,
        Self::Compute,
        Self::Drain,
        Self::WeightLoad,
        Self::SramPort,
        Self::DmaPort,
        Self::DramBandwidth,
        Self::DramChannelImbalance,
        Self::DramLatency,
        Self::DramRowConflict,
        Self::DramRefresh,
        Self::DramTurnaround,
        Self::Dependency,
        Self::Link,
        Self::Peer,
        Self::BufferFull,
        Self::Idle,
    ];

    /// How many causes there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether main memory is what kept the unit: its data buses, rows, refreshes or latency.
    #[must_use]
    pub const fn is_of_memory(self) -> bool {
        matches!(
            self,
            Self::DramBandwidth
                | Self::DramChannelImbalance
                | Self::DramLatency
                | Self::DramRowConflict
                | Self::DramRefresh
                | Self::DramTurnaround
        )
    }

    /// The name used in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Compute => "compute",
            Self::Drain => "drain",
            Self::WeightLoad => "weight_load",
            Self::SramPort => "sram_port",
            Self::DmaPort => "dma_port",
            Self::DramBandwidth => "dram_bandwidth",
            Self::DramChannelImbalance => "dram_channel_imbalance",
            Self::DramLatency => "dram_latency",
            Self::DramRowConflict => "dram_row_conflict",
            Self::DramRefresh => "dram_refresh",
            Self::DramTurnaround => "dram_turnaround",
            Self::Dependency => "dependency",
            Self::Link => "link",
            Self::Peer => "peer",
            Self::BufferFull => "buffer_full",
            Self::Idle => "idle",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which operand stays in the array. For C\[M,N\] = A\[M,K\] · B\[K,N\] the spatial sizes
/// (rows, columns) and the streamed length are: OS (M, N, K), WS (K, N, M), IS (K, M, N).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dataflow {
    /// Partial sums stay; both operands stream.
    OutputStationary,
    /// Weights (B) stay; inputs stream, sums leave.
    WeightStationary,
    /// Inputs (A) stay; weights stream, sums leave.
    InputStationary,
}

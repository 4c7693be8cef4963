//! Where the law and the machine part, by cause.

use attribution::Summary;
use serde::Serialize;
use tile_program::{Cause, Class, OperatorRole};

use super::Part;

/// What a cycle more than the law allows was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Main memory at the rate of its bus.
    DramBandwidth,
    /// One channel of main memory at the rate of its bus, while others have less to do.
    DramChannelImbalance,
    /// Main memory: latency, rows, refresh, turning the bus.
    DramLatency,
    /// The DMA's ports on the side of the memory.
    DmaPort,
    /// Scratchpad ports and banks.
    SramPort,
    /// Quantising and dequantising around integer arrays.
    Quantisation,
    /// All other work of the vector unit.
    Vector,
    /// Wavefronts entering and leaving.
    FillAndDrain,
    /// Stationary tiles loading into arrays.
    WeightLoad,
    /// Operands streaming through arrays.
    Arithmetic,
    /// Links between chips, and waiting for what other cores do.
    OtherCores,
    /// Waiting for another unit, for a buffer, for an instruction.
    Waiting,
}

impl Term {
    /// All terms, in the order of reports.
    pub const ALL: [Self; 12] = [
        Self::DramBandwidth,
        Self::DramChannelImbalance,
        Self::DramLatency,
        Self::DmaPort,
        Self::SramPort,
        Self::Quantisation,
        Self::Vector,
        Self::FillAndDrain,
        Self::WeightLoad,
        Self::Arithmetic,
        Self::OtherCores,
        Self::Waiting,
    ];

    /// As reports say.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DramBandwidth => "DRAM bandwidth",
            Self::DramLatency => "DRAM latency and rows",
            Self::DramChannelImbalance => "DRAM channel imbalance",
            Self::DmaPort => "DMA ports",
            Self::SramPort => "scratchpad ports",
            Self::Quantisation => "quantisation barrier",
            Self::Vector => "vector unit",
            Self::FillAndDrain => "fill and drain",
            Self::WeightLoad => "weight load",
            Self::Arithmetic => "array arithmetic",
            Self::OtherCores => "links and other cores",
            Self::Waiting => "waiting for other units",
        }
    }

    /// The term of a cell of the makespan. All that belongs to the vector class is `Vector`;
    /// quantisation is taken out of it by operator.
    pub(crate) const fn of(class: Class, cause: Cause) -> Self {
        match cause {
            Cause::DramBandwidth => Self::DramBandwidth,
            Cause::DramChannelImbalance => Self::DramChannelImbalance,
            Cause::DmaPort => Self::DmaPort,
            Cause::DramLatency
            | Cause::DramRowConflict
            | Cause::DramRefresh
            | Cause::DramTurnaround => Self::DramLatency,
            Cause::SramPort => Self::SramPort,
            Cause::Link | Cause::Peer => Self::OtherCores,
            Cause::Dependency | Cause::BufferFull | Cause::Idle => Self::Waiting,
            Cause::Fill | Cause::Drain => Self::FillAndDrain,
            Cause::WeightLoad => Self::WeightLoad,
            Cause::Compute if matches!(class, Class::Vector) => Self::Vector,
            Cause::Compute => Self::Arithmetic,
        }
    }
}

/// Cycles that the machine needs more than the law says (negative: fewer), by term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Cycles by the law: T (1 − F) + T F / S, to the nearest.
    pub law_cycles: u64,
    /// Cycles of the machine.
    pub machine_cycles: u64,
    /// The difference by term, largest first; terms sum to it. Where attention shares its class
    /// with an LM head, the law's saving is spread over the causes of both.
    pub terms: Vec<(Term, i64)>,
}

impl Gap {
    /// Between a baseline with a part `s` times faster by the law, and the machine made so.
    #[must_use]
    pub fn of(part: Part, s: f64, baseline: &Summary, machine: &Summary) -> Self {
        let mut terms = [0i64; Term::ALL.len()];
        // Whole cycles of each cell, rounded so that they sum to the rounded whole.
        let (mut exact, mut law_cycles) = (0.0, 0);
        for cell in &baseline.makespan {
            let share = part.share_of(cell.class, baseline);
            exact += cell.cycles.get() as f64 * ((1.0 - share) + share / s);
            let whole = exact.round() as u64;
            terms[Term::of(cell.class, cell.cause) as usize] -= signed(whole - law_cycles);
            law_cycles = whole;
        }
        for cell in &machine.makespan {
            terms[Term::of(cell.class, cell.cause) as usize] += signed(cell.cycles.get());
        }
        let quantising = quantisation(machine) - quantisation(baseline);
        terms[Term::Quantisation as usize] += quantising;
        terms[Term::Vector as usize] -= quantising;
        let mut terms: Vec<_> = Term::ALL.into_iter().zip(terms).collect();
        terms.retain(|&(_, cycles)| cycles != 0);
        terms.sort_by_key(|&(_, cycles)| std::cmp::Reverse(cycles.abs()));
        Self {
            law_cycles,
            machine_cycles: machine.total.get(),
            terms,
        }
    }

    /// The term that costs most, if the machine is behind the law.
    #[must_use]
    pub fn main_cause(&self) -> Option<(Term, i64)> {
        let largest = self.terms.iter().max_by_key(|(_, cycles)| *cycles);
        largest.copied().filter(|&(_, cycles)| cycles > 0)
    }
}

/// Cycles of a makespan, to take a difference of.
fn signed(cycles: u64) -> i64 {
    i64::try_from(cycles).expect("a makespan of less than 2^63 cycles: centuries")
}

/// Cycles of the makespan charged to quantising and dequantising.
fn quantisation(summary: &Summary) -> i64 {
    let operators = summary.operators.iter();
    operators
        .filter(|each| each.operator.role() == OperatorRole::Quantisation)
        .map(|each| signed(each.makespan.get()))
        .sum()
}

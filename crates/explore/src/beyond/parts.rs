//! Shares of a makespan, by what an architect would build.

use attribution::{OperatorSummary, Summary};
use quantities::Cycles;
use tile_program::{Cause, Class};

use crate::what_if::Part;
use simulator::RunRecord;

/// What a cycle of the makespan was charged to.
pub(super) const PARTS: [&str; 5] = [
    "MatMul-free (projections)",
    "attention",
    "LM head",
    "vector unit",
    "transfers",
];

/// Whether an operator is a GEMM of attention.
pub(super) fn is_attention(operator: &OperatorSummary) -> bool {
    Part::Attention.holds(operator)
}

/// The share of the makespan of the operators that are chosen.
pub(super) fn share(run: &RunRecord, chosen: impl Fn(&OperatorSummary) -> bool) -> f64 {
    makespan(&run.summary, chosen).get() as f64 / run.summary.total.get().max(1) as f64
}

pub(super) fn makespan(summary: &Summary, chosen: impl Fn(&OperatorSummary) -> bool) -> Cycles {
    let operators = summary.operators.iter();
    operators
        .filter(|operator| chosen(operator))
        .map(|operator| operator.makespan)
        .sum()
}

/// The shares of the [`PARTS`], summing to 1.
pub(super) fn shares(run: &RunRecord) -> Vec<f64> {
    vec![
        share(run, |each| each.class == Class::MatMulFree),
        share(run, is_attention),
        share(run, |each| {
            each.class == Class::MatMul && !is_attention(each)
        }),
        share(run, |each| each.class == Class::Vector),
        share(run, |each| each.class == Class::Transfer),
    ]
}

/// The share of bytes of the operators that are chosen.
pub(super) fn bytes(run: &RunRecord, chosen: impl Fn(&OperatorSummary) -> bool) -> f64 {
    let sum = |chosen: &dyn Fn(&OperatorSummary) -> bool| -> u64 {
        let operators = run.summary.operators.iter();
        operators
            .filter(|operator| chosen(operator))
            .map(|operator| operator.bytes.get())
            .sum()
    };
    sum(&chosen) as f64 / sum(&|_| true).max(1) as f64
}

/// The share of the makespan of some causes.
pub(super) fn causes(run: &RunRecord, causes: &[Cause]) -> f64 {
    let cells = run.summary.makespan.iter();
    let cycles: u64 = cells
        .filter(|cell| causes.contains(&cell.cause))
        .map(|cell| cell.cycles.get())
        .sum();
    cycles as f64 / run.summary.total.get().max(1) as f64
}

/// 1 / (1 − F), infinite where there is no limit.
pub(super) fn ceiling(run: &RunRecord) -> f64 {
    run.amdahl().ceiling().unwrap_or(f64::INFINITY)
}

/// Tokens a second; 0 for a run of no time.
pub(super) fn tokens_per_second(run: &RunRecord) -> f64 {
    run.tokens_per_second().unwrap_or(0.0)
}

/// How many times as fast `run` is as `base`.
pub(super) fn speedup(base: &RunRecord, run: &RunRecord) -> f64 {
    base.seconds() / run.seconds().max(f64::MIN_POSITIVE)
}

/// Smallest and largest of some values; zeros for none.
pub(super) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| {
        (a.min(value), b.max(value))
    });
    if least > most {
        (0.0, 0.0)
    } else {
        (least, most)
    }
}

//! Amdahl's law, what faster arrays buy, and the roofline.

use attribution::{FasterArrays, FasterArraysBound, Limit, Roofline, Speedup};
use serde::Serialize;
use simulator::RunRecord;
use tile_program::Class;

use super::model::Weights;
use crate::law_speedups;

#[derive(Serialize)]
pub(super) struct Law {
    class: Class,
    fraction: f64,
    ceiling: Option<f64>,
    law: Vec<LawPoint>,
    weights: Weights,
    faster_arrays: Faster,
}

/// What faster arrays alone would buy.
#[derive(Serialize)]
struct Faster {
    #[serde(flatten)]
    cycles: FasterArrays,
    estimate: Vec<LawPoint>,
    /// For arrays that take no time; `None` where nothing else takes any.
    ceiling: Option<f64>,
    bound: FasterArraysBound,
}

/// The roofline with whole cycles.
#[derive(Serialize)]
pub(super) struct RooflineDocument {
    floor_bytes: u64,
    memory_cycles: u64,
    compute_cycles: u64,
    floor_cycles: u64,
    limit: Limit,
    ratio: Option<f64>,
    macs_per_byte: Option<f64>,
}

impl From<Roofline> for RooflineDocument {
    fn from(roofline: Roofline) -> Self {
        Self {
            floor_bytes: roofline.floor_bytes,
            memory_cycles: roofline.memory_cycles.round() as u64,
            compute_cycles: roofline.compute_cycles.round() as u64,
            floor_cycles: roofline.floor_cycles.round() as u64,
            limit: roofline.limit,
            ratio: roofline.ratio,
            macs_per_byte: roofline.macs_per_byte,
        }
    }
}

#[derive(Serialize)]
struct LawPoint {
    speedup: f64,
    whole: f64,
}

impl Law {
    pub(super) fn of(run: &RunRecord) -> Self {
        let (amdahl, faster) = (run.amdahl(), run.faster_arrays());
        let points = |whole: &dyn Fn(Speedup) -> f64| {
            let speedups = law_speedups().into_iter();
            let point = |speedup: Speedup| LawPoint {
                speedup: speedup.get(),
                whole: whole(speedup),
            };
            speedups.map(point).collect()
        };
        let ceiling = faster.estimate(Speedup::INFINITE);
        Self {
            class: Class::MatMulFree,
            fraction: amdahl.fraction(),
            ceiling: amdahl.ceiling(),
            law: points(&|speedup| amdahl.law(speedup)),
            weights: Weights::of(run.workload.precision.projection),
            faster_arrays: Faster {
                estimate: points(&|speedup| faster.estimate(speedup)),
                ceiling: ceiling.is_finite().then_some(ceiling),
                bound: run.faster_arrays_bound(),
                cycles: faster,
            },
        }
    }
}

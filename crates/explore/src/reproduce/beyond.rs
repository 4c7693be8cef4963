//! What the published account leaves out, measured by the full machine: real memory, vector work,
//! the LM head, packed weights, prefill, models of today.

use accelerator::{Machine, MachineSpec};
use serde::Serialize;
use tile_program::{Class, Family};
use workload_compiler::{
    Format, Fusion, Heads, MaskedKeys, ModelChoice, Operators, Packing, PrecisionFile, Run,
    Softmax, Weights, WorkloadFile, resolve,
};

use super::ReproduceError;
use crate::what_if::memory_share;
use crate::{Measured, Point, measure_all};

/// One run of the full machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BeyondRun {
    /// The machine.
    pub machine: String,
    /// The model, in its true architecture.
    pub model: String,
    /// Prefill or decode, and of what.
    pub run: String,
    /// Cycles.
    pub total_cycles: u64,
    /// Shares of the makespan by class: MatMul-free, MatMul, vector, transfer.
    pub class_shares: [f64; 4],
    /// The share of the makespan that main memory decides.
    pub memory_share: f64,
    /// 1 / (1 − F); `null` in JSON where there is no limit.
    pub ceiling: f64,
    /// Tokens a second.
    pub tokens_per_second: f64,
    /// Cycles with an ideal memory without limits, over those with the real one.
    pub ideal_memory_ratio: f64,
}

/// A model of the published families, one published with ternary weights, and one of today with
/// grouped queries and a gated feed-forward network.
const MODELS: [&str; 3] = ["gpt2-355m", "bitnet-b1.58-2b-4t", "llama-3.2-1b"];
const RUNS: [Run; 3] = [Run::decode(128), Run::decode(4096), Run::prefill(256)];

impl BeyondRun {
    fn new(point: &Point<'_>, run: &Measured, ideal: &Measured) -> Self {
        let total = run.summary.total.get();
        let class_shares = Class::ALL.map(|class| {
            let classes = run.summary.classes.iter();
            let cycles: u64 = classes
                .filter(|work| work.class == class)
                .map(|work| work.makespan.get())
                .sum();
            cycles as f64 / total.max(1) as f64
        });
        Self {
            machine: point.machine.spec().name.clone(),
            model: point.workload.model.name.clone(),
            run: point.workload.run.to_string(),
            total_cycles: total,
            class_shares,
            memory_share: memory_share(run),
            ceiling: run.amdahl().ceiling().unwrap_or(f64::INFINITY),
            tokens_per_second: run.tokens_per_second(),
            ideal_memory_ratio: ideal.summary.total.get() as f64 / total.max(1) as f64,
        }
    }
}

/// Runs the models with ternary projections on machines with real memories, and again with the
/// memory of `ideal`. A model that a machine cannot run is left out.
///
/// # Errors
/// If a machine cannot be made.
pub(super) fn beyond(
    real: &[MachineSpec],
    ideal: &MachineSpec,
) -> Result<Vec<BeyondRun>, ReproduceError> {
    let mut machines = Vec::new();
    for spec in real {
        let without = MachineSpec {
            memory: ideal.memory.clone(),
            ..spec.clone()
        };
        machines.push((Machine::new(spec.clone())?, Machine::new(without)?));
    }
    let mut points = Vec::new();
    for (machine, without) in &machines {
        for model in MODELS {
            for run in RUNS {
                let workload = resolve(&file(model, run, machine.spec()), |path| {
                    Err(format!("{path} is not asked for"))
                })?;
                for machine in [machine, without] {
                    points.push(Point {
                        machine,
                        workload: workload.clone(),
                    });
                }
            }
        }
    }
    let runs = measure_all(&points);
    let pairs = points.chunks(2).zip(runs.chunks(2));
    let results = pairs.filter_map(|(points, runs)| match runs {
        [Ok(run), Ok(ideal)] => Some(BeyondRun::new(&points[0], run, ideal)),
        _ => None,
    });
    Ok(results.collect())
}

/// The whole model with packed ternary projections; everything else as wide as the machine's arrays
/// take it.
fn file(model: &str, run: Run, spec: &MachineSpec) -> WorkloadFile {
    let attention = spec
        .arrays
        .iter()
        .find(|array| array.serves.contains(&Family::Attention));
    let wide = attention.is_some_and(|array| array.kind.weight.bits().get() >= 16);
    let format = if wide { Format::Bf16 } else { Format::Int8 };
    WorkloadFile {
        model: ModelChoice::Preset(model.into()),
        run,
        batch: 1,
        precision: PrecisionFile {
            projection: Some(Format::Ternary {
                packing: Packing::FiveTritsPerByte,
            }),
            attention: Some(format),
            lm_head: Some(format),
            kv_cache: None,
            activation: None,
        },
        operators: Operators::All,
        heads: Heads::Grouped,
        softmax: Softmax::Auto,
        masked_keys: MaskedKeys::Compute,
        fusion: Fusion::Full,
        weights: Weights::Kept,
        beyond_max_context: true,
    }
}

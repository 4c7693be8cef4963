//! Output, weight and input stationary arrays.

use accelerator::MachineSpec;
use tile_program::{Cause, Dataflow, Family};
use workload_compiler::Run;

use super::parts::{causes, ceiling};
use super::{Bench, Chapter, TERNARY, refused};
use crate::Measured;
use crate::reproduce::ReproduceError;
use crate::sheet::{Sheet, Value, times};

const MODELS: [&str; 1] = ["qwen2.5-0.5b"];
const RUNS: [Run; 2] = [Run::decode(1024), Run::prefill(64)];
const DATAFLOWS: [(Dataflow, &str); 3] = [
    (Dataflow::OutputStationary, "OS"),
    (Dataflow::WeightStationary, "WS"),
    (Dataflow::InputStationary, "IS"),
];

/// The machine with one dataflow in all its arrays.
fn with_dataflow(spec: &MachineSpec, dataflow: Dataflow) -> MachineSpec {
    let mut spec = spec.clone();
    for array in &mut spec.arrays {
        array.array.dataflow = dataflow;
    }
    spec
}

/// Useful multiply-accumulates of the array of the projections, of its peak over the run.
fn use_of_peak(spec: &MachineSpec, run: &Measured) -> f64 {
    let served = |family| move |array: &&accelerator::ArraySpec| array.serves.contains(&family);
    let Some(array) = spec.arrays.iter().find(served(Family::Projection)) else {
        return 0.0;
    };
    let units = run.summary.units.iter();
    let macs: u64 = units
        .filter(|unit| unit.name == array.name)
        .map(|unit| unit.macs)
        .sum();
    let pes = array.array.rows * array.array.columns;
    let peak = pes as f64 * array.clock.as_hertz_f64() * run.seconds();
    macs as f64 / peak.max(1.0)
}

const TEXT: &str = "The same arrays with outputs, weights or inputs held in place. `overhead` is the \
share of the makespan in which arrays fill, drain or load stationary tiles on the critical path; \
`use` the useful multiply-accumulates of the projections' array, of its peak over the whole run.";

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let mut table = Sheet::new(&[
        ("machine", "machine"),
        ("model", "model"),
        ("run", "run"),
        ("dataflow", "dataflow"),
        ("total_cycles", "cycles"),
        ("tokens_per_second", "tokens/s"),
        ("matmul_free_share", "F"),
        ("ceiling", "ceiling"),
        ("overhead_share", "overhead"),
        ("projection_array_use", "use"),
    ]);
    let mut findings = Vec::new();
    for spec in [bench.edge.clone(), bench.cloud.clone()] {
        for &model in bench.models(&MODELS) {
            for run in RUNS {
                let workload = bench.workload(model, &run, TERNARY, &spec)?;
                let machines = DATAFLOWS.map(|(dataflow, _)| with_dataflow(&spec, dataflow));
                let asked: Vec<_> = machines
                    .iter()
                    .map(|machine| (machine.clone(), workload.clone()))
                    .collect();
                let answers = bench.runs(&asked);
                let mut ends = Vec::new();
                for ((_, name), answer) in DATAFLOWS.iter().zip(&answers) {
                    let run_of = match answer {
                        Ok(answer) => answer,
                        Err(error) => {
                            findings.push(refused(&format!("{model} on {name} arrays"), error));
                            continue;
                        }
                    };
                    ends.push((*name, run_of.seconds()));
                    table.push(vec![
                        spec.name.clone().into(),
                        model.into(),
                        run.to_string().into(),
                        (*name).into(),
                        run_of.summary.total.get().into(),
                        Value::Quantity(run_of.tokens_per_second()),
                        Value::Share(run_of.amdahl().fraction()),
                        Value::Factor(ceiling(run_of)),
                        Value::Share(causes(
                            run_of,
                            &[Cause::Fill, Cause::Drain, Cause::WeightLoad],
                        )),
                        Value::Share(use_of_peak(&spec, run_of)),
                    ]);
                }
                let best = ends.iter().min_by(|a, b| a.1.total_cmp(&b.1));
                let worst = ends.iter().max_by(|a, b| a.1.total_cmp(&b.1));
                if let (Some(best), Some(worst)) = (best, worst) {
                    findings.push(format!(
                        "{model} on {}, {}: {} is the fastest, {} as fast as {}.",
                        spec.name,
                        run,
                        best.0,
                        times(worst.1 / best.1),
                        worst.0
                    ));
                }
            }
        }
    }
    Ok(Chapter {
        name: "dataflows",
        title: "Output, weight and input stationary",
        text: TEXT.into(),
        table,
        findings,
        figures: Vec::new(),
    })
}

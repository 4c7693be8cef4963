//! Output, weight and input stationary arrays.

use accelerator::MachineSpec;
use tile_program::{Cause, Dataflow, Family};
use workload_compiler::Run;

use super::parts::{causes, ceiling, tokens_per_second};
use super::{Bench, Case, Chapter, TERNARY, refused};
use crate::figure::{BarChart, Drawn, Group};
use crate::lab::Answer;
use crate::setting::ReproduceError;
use crate::sheet::{Value, times};
use simulator::RunRecord;

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
fn use_of_peak(spec: &MachineSpec, run: &RunRecord) -> f64 {
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
    let mut table = Case::table(&[
        ("dataflow", "dataflow"),
        ("total_cycles", "cycles"),
        ("tokens_per_second", "tokens/s"),
        ("matmul_free_share", "F"),
        ("ceiling", "ceiling"),
        ("overhead_share", "overhead"),
        ("projection_array_use", "use"),
    ]);
    let machines = [bench.edge.clone(), bench.cloud.clone()];
    let cases = bench.cases(&machines.each_ref(), &MODELS, &RUNS);
    let answers = bench.ask(cases, |bench, case| {
        let workload = bench.workload(case.model, &case.run, TERNARY, &case.spec)?;
        let machines = DATAFLOWS.map(|(dataflow, _)| with_dataflow(&case.spec, dataflow));
        Ok(machines.map(|machine| (machine, workload.clone())).into())
    })?;
    let (mut findings, mut groups) = (Vec::new(), Vec::new());
    for (case, answers) in &answers {
        let mut ends = Vec::new();
        for ((_, name), answer) in DATAFLOWS.iter().zip(answers) {
            let run_of = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    findings.push(refused(&format!("{} on {name} arrays", case.model), error));
                    continue;
                }
            };
            ends.push((*name, run_of.seconds()));
            let overhead = [Cause::Fill, Cause::Drain, Cause::WeightLoad];
            table.push(case.cells([
                (*name).into(),
                run_of.summary.total.get().into(),
                Value::Quantity(tokens_per_second(run_of)),
                Value::Share(run_of.amdahl().fraction()),
                Value::Factor(ceiling(run_of)),
                Value::Share(causes(run_of, &overhead)),
                Value::Share(use_of_peak(&case.spec, run_of)),
            ]));
        }
        let best = ends.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let worst = ends.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let (Some(best), Some(worst)) = (best, worst) else {
            continue;
        };
        findings.push(format!(
            "{case}: {} is the fastest, {} as fast as {}.",
            best.0,
            times(worst.1 / best.1),
            worst.0
        ));
        let factor = |answer: &Answer| Some(worst.1 / answer.as_ref().ok()?.seconds());
        groups.push(Group {
            name: case.to_string(),
            factors: answers.iter().map(factor).collect(),
            ceiling: None,
        });
    }
    let chart = BarChart {
        title: bench.title("Output (OS), weight (WS) and input stationary (IS) arrays"),
        x_label: "speedup over the slowest of the three".into(),
        alternatives: DATAFLOWS.map(|(_, name)| name.into()).into(),
        groups,
    };
    let caption = "Speed of a run with one dataflow in all arrays, over the slowest of the three.";
    let figures = vec![Drawn::new("dataflows", caption, &chart)?];
    Ok(Chapter {
        name: "dataflows",
        title: bench.title("Output, weight and input stationary"),
        text: TEXT.into(),
        table,
        findings,
        figures,
    })
}

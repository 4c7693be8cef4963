//! Output, weight and input stationary arrays.

use accelerator::MachineSpec;
use tile_program::{Cause, Dataflow, Family};
use workload_compiler::Run;

use super::parts::{causes, ceiling, tokens_per_second};
use super::{Bench, Case, Chapter, Rank, TERNARY, refused};
use crate::figure::{BarChart, Drawn, Group};
use crate::lab::Answer;
use crate::setting::ReproduceError;
use crate::sheet::{Value, times};
use simulator::{ArrayOfRun, RunRecord};

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
    for array in spec.cores.iter_mut().flat_map(|core| &mut core.arrays) {
        array.array.dataflow = dataflow;
    }
    spec
}

/// Useful multiply-accumulates of the arrays of the projections, of their peak over the run.
fn use_of_peak(run: &RunRecord) -> f64 {
    let (mut macs, mut peak) = (0, 0.0);
    let serves = |array: &ArrayOfRun<'_>| array.spec.serves.contains(&Family::Projection);
    for array in run.arrays().filter(serves) {
        let pes = array.target.rows * array.target.columns;
        macs += run.unit(array.target.unit).macs;
        peak += pes as f64 * array.spec.clock.as_hertz_f64() * run.seconds();
    }
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
        for ((_, name), answer) in DATAFLOWS.iter().zip(answers) {
            match answer {
                Ok(run) => table.push(row(case, name, run)),
                Err(error) => {
                    findings.push(refused(&format!("{} on {name} arrays", case.model), error));
                }
            }
        }
        if let Some((finding, group)) = compared(case, answers) {
            findings.push(finding);
            groups.push(group);
        }
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
        rank: Rank::Question,
        title: bench.title("Output, weight and input stationary"),
        text: TEXT.into(),
        table,
        findings,
        figures,
    })
}

fn row(case: &Case, dataflow: &str, run: &RunRecord) -> Vec<Value> {
    let overhead = [Cause::Fill, Cause::Drain, Cause::WeightLoad];
    case.cells([
        dataflow.into(),
        run.summary.total.get().into(),
        Value::Quantity(tokens_per_second(run)),
        Value::Share(run.amdahl().fraction()),
        Value::Factor(ceiling(run)),
        Value::Share(causes(run, &overhead)),
        Value::Share(use_of_peak(run)),
    ])
}

/// The fastest and the slowest dataflow of a case, in words, and all of them over the slowest;
/// `None` where none can be run.
fn compared(case: &Case, answers: &[Answer]) -> Option<(String, Group)> {
    let ends = DATAFLOWS.iter().zip(answers);
    let ends: Vec<_> = ends
        .filter_map(|((_, name), answer)| Some((*name, answer.as_ref().ok()?.seconds())))
        .collect();
    let best = ends.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let worst = ends.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let finding = format!(
        "{case}: {} is the fastest, {} as fast as {}.",
        best.0,
        times(worst.1 / best.1),
        worst.0
    );
    let factor = |answer: &Answer| Some(worst.1 / answer.as_ref().ok()?.seconds());
    let group = Group {
        name: case.to_string(),
        factors: answers.iter().map(factor).collect(),
        ceiling: None,
    };
    Some((finding, group))
}

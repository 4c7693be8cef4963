//! Two arrays at work together: where Amdahl's serial assumption ends.

use accelerator::MachineSpec;
use attribution::Speedup;
use workload_compiler::{Format, Run};

use super::parts::speedup;
use super::{Bench, Case, Chapter, IDEAL, refused, with_memory};
use crate::setting::ReproduceError;
use crate::sheet::{Value, times};
use crate::what_if::{Means, Part, faster, law};

/// Serial blocks, grouped queries, and a block whose attention and feed-forward network stand side
/// by side (Phi-2).
const MODELS: [&str; 3] = ["gpt2-355m", "phi-2", "llama-3.2-1b"];
const RUNS: [Run; 2] = [Run::decode(4096), Run::prefill(64)];
/// How much faster the projections become.
const SPEEDUPS: [f64; 3] = [1.0, 4.0, 16.0];

const TEXT: &str = "One array for everything, against a copy of it for the projections alone, one \
and more times as fast; memory ideal, so that nothing but the arrays differs. The law takes the two \
parts to follow one another. Two arrays may work at once: the machine is then ahead of the law. \
`both at work` is the least share of the time in which both must have worked (their busy cycles, less \
the makespan); `bound` is the speedup if all else were hidden behind the longer of the two.";

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let mut table = Case::table(&[
        ("projection_speedup", "S"),
        ("total_cycles", "cycles"),
        ("law_speedup", "law"),
        ("machine_speedup", "machine"),
        ("ahead_of_law", "machine / law"),
        ("both_at_work_share", "both at work"),
        ("bound_speedup", "bound"),
    ]);
    let spec = with_memory(&bench.single, IDEAL);
    let mut machines = Vec::new();
    for s in SPEEDUPS {
        let s = Speedup::new(s).expect("at least 1");
        machines.push((s, faster(&spec, Part::MatMulFree, s, Means::Clock)?));
    }
    let cases = bench.cases(&[&spec], &MODELS, &RUNS);
    let answers = bench.ask(cases, |bench, case| {
        let workload = bench.workload(case.model, &case.run, Format::Int8, &case.spec)?;
        let machines = machines.iter().map(|(_, machine)| machine);
        let all = [&case.spec].into_iter().chain(machines);
        Ok(all.map(|spec| (spec.clone(), workload.clone())).collect())
    })?;
    let mut findings = Vec::new();
    let mut most = (0.0_f64, String::new());
    let mut least = (f64::INFINITY, String::new());
    for (case, answers) in &answers {
        let base = match &answers[0] {
            Ok(base) => base,
            Err(error) => {
                findings.push(refused(&case.to_string(), error));
                continue;
            }
        };
        for ((s, machine), answer) in machines.iter().zip(&answers[1..]) {
            let Ok(answer) = answer else { continue };
            let by_law = law(Part::MatMulFree, &base.summary).law(*s);
            let gain = speedup(base, answer);
            let busy = busy(machine, answer);
            let total = answer.summary.total.get() as f64;
            let both = (busy.iter().sum::<f64>() - total).max(0.0) / total;
            let longer = busy.iter().copied().fold(1.0, f64::max);
            let bound = base.summary.total.get() as f64 / longer;
            let ahead = gain / by_law;
            table.push(case.cells([
                Value::Quantity(s.get()),
                answer.summary.total.get().into(),
                Value::Factor(by_law),
                Value::Factor(gain),
                Value::Factor(ahead),
                Value::Share(both),
                Value::Factor(bound),
            ]));
            let name = format!("{}, {}, S = {}", case.model, case.run, s.get());
            if ahead > most.0 {
                most = (ahead, name.clone());
            }
            if ahead < least.0 {
                least = (ahead, name);
            }
        }
    }
    findings.push(format!(
        "The machine is ahead of the law by {} at most ({}): the data of a token leave little to do \
         side by side. It falls behind to {} of the law ({}), where scratchpad ports and the vector \
         unit do not grow with S.",
        times(most.0),
        most.1,
        times(least.0),
        least.1
    ));
    Ok(Chapter {
        name: "overlap",
        title: bench.title("Two arrays at work together"),
        text: TEXT.into(),
        table,
        findings,
        figures: Vec::new(),
    })
}

/// Cycles that each array is at work.
fn busy(machine: &MachineSpec, run: &simulator::RunRecord) -> Vec<f64> {
    let arrays = machine.arrays.iter();
    let of = |array: &accelerator::ArraySpec| {
        let unit = run
            .summary
            .units
            .iter()
            .find(|unit| unit.name == array.name);
        unit.map_or(0.0, |unit| unit.busy.get() as f64)
    };
    arrays.map(of).collect()
}

//! Two arrays at work together: where Amdahl's serial assumption ends.

use attribution::Speedup;
use simulator::RunRecord;
use workload_compiler::{Format, Run};

use super::parts::speedup;
use super::{Bench, Case, Chapter, IDEAL, Rank, refused, with_memory};
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
    let mut ends = Ends::default();
    for (case, answers) in &answers {
        let base = match &answers[0] {
            Ok(base) => base,
            Err(error) => {
                findings.push(refused(&case.to_string(), error));
                continue;
            }
        };
        for ((s, _), answer) in machines.iter().zip(&answers[1..]) {
            let Ok(answer) = answer else { continue };
            let (row, ahead) = row(case, *s, base, answer);
            table.push(row);
            ends.see(
                ahead,
                format!("{}, {}, S = {}", case.model, case.run, s.get()),
            );
        }
    }
    findings.push(ends.words());
    Ok(Chapter {
        name: "overlap",
        rank: Rank::Question,
        title: bench.title("Two arrays at work together"),
        text: TEXT.into(),
        table,
        findings,
        figures: Vec::new(),
    })
}

/// Where the machine is farthest ahead of the law and farthest behind it.
struct Ends {
    most: (f64, String),
    least: (f64, String),
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            most: (0.0, String::new()),
            least: (f64::INFINITY, String::new()),
        }
    }
}

impl Ends {
    fn see(&mut self, ahead: f64, name: String) {
        if ahead > self.most.0 {
            self.most = (ahead, name.clone());
        }
        if ahead < self.least.0 {
            self.least = (ahead, name);
        }
    }

    fn words(&self) -> String {
        format!(
            "The machine is ahead of the law by {} at most ({}): the data of a token leave little to \
             do side by side. It falls behind to {} of the law ({}), where scratchpad ports and the \
             vector unit do not grow with S.",
            times(self.most.0),
            self.most.1,
            times(self.least.0),
            self.least.1
        )
    }
}

/// The row of a case at a speedup, and how far the machine is ahead of the law.
fn row(case: &Case, s: Speedup, base: &RunRecord, run: &RunRecord) -> (Vec<Value>, f64) {
    let by_law = law(Part::MatMulFree, &base.summary).law(s);
    let gain = speedup(base, run);
    // Cycles that each array is at work.
    let busy = run.arrays().map(|array| run.unit(array.target.unit).busy);
    let busy: Vec<f64> = busy.map(|cycles| cycles.get() as f64).collect();
    let total = run.summary.total.get() as f64;
    let both = (busy.iter().sum::<f64>() - total).max(0.0) / total;
    let longer = busy.iter().copied().fold(1.0, f64::max);
    let bound = base.summary.total.get() as f64 / longer;
    let ahead = gain / by_law;
    let row = case.cells([
        Value::Quantity(s.get()),
        run.summary.total.get().into(),
        Value::Factor(by_law),
        Value::Factor(gain),
        Value::Factor(ahead),
        Value::Share(both),
        Value::Factor(bound),
    ]);
    (row, ahead)
}

//! The whole question: both parts, all speedups, all contexts.

use accelerator::{Machine, MachineSpec};
use attribution::{FasterArrays, Speedup};
use serde::Serialize;
use workload_compiler::{Lengths, Run, Workload};

use super::{Gap, How, Part, faster, law, nearest_machine};
use simulator::{Point, RunRecord, SimulationError, measure_all};

/// One speedup of one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// What is made faster.
    pub part: Part,
    /// How much, as asked; `null` in JSON for infinitely.
    pub s: f64,
    /// How much the machine was built for: the same, or the stand-in for infinitely.
    pub built: f64,
    /// The whole run's speedup by the law.
    pub law: f64,
    /// The whole run's speedup on the machine; `None` if it cannot be built.
    pub machine: Option<f64>,
    /// Why it cannot.
    pub refused: Option<String>,
    /// Where the two part, for the S that was built.
    pub gap: Option<Gap>,
    /// The share of the makespan in which the critical path waits for or moves main memory.
    pub memory_share: f64,
}

/// The baseline at another context.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContextPoint {
    /// Positions that the new token sees, or tokens of the prompt.
    pub context: u64,
    /// Cycles of the whole run.
    pub total_cycles: u64,
    /// Of them, MatMul-free.
    pub matmul_free_cycles: u64,
    /// Of them, attention.
    pub attention_cycles: u64,
    /// The share of main memory.
    pub memory_share: f64,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Study {
    /// The name of the machine.
    pub machine: String,
    /// How parts were made faster.
    #[serde(flatten)]
    pub how: How,
    /// Cycles of the baseline.
    pub total_cycles: u64,
    /// Of them, MatMul-free.
    pub matmul_free_cycles: u64,
    /// Of them, attention.
    pub attention_cycles: u64,
    /// The share F of the cycles that becomes faster, from 0 to 1.
    pub fraction: f64,
    /// 1 / (1 − F); `None` where there is no limit.
    pub ceiling: Option<f64>,
    /// The MatMul-free cycles of the baseline's critical path by what would shorten them, and what
    /// faster arrays leave as it is.
    pub faster_arrays: FasterArrays,
    /// The share of main memory in the baseline.
    pub memory_share: f64,
    /// Cycles with the array split in two and nothing faster, relative to the baseline: what
    /// overlap alone brings (1 where no array had to be split).
    pub split_alone: f64,
    /// By part, then speedup.
    pub answers: Vec<Answer>,
    /// What the further baselines differ in: `context` of a decoded token, `prompt` of a prefill.
    pub sweeps: &'static str,
    /// The baseline at other contexts, or of other prompts.
    pub contexts: Vec<ContextPoint>,
}

impl Study {
    /// Cycles of the baseline that a part holds.
    #[must_use]
    pub const fn cycles(&self, part: Part) -> u64 {
        match part {
            Part::MatMulFree => self.matmul_free_cycles,
            Part::Attention => self.attention_cycles,
            Part::Both => self.matmul_free_cycles + self.attention_cycles,
        }
    }
}

impl ContextPoint {
    /// F at this context.
    #[must_use]
    pub fn matmul_free_share(&self) -> f64 {
        self.matmul_free_cycles as f64 / self.total_cycles.max(1) as f64
    }

    /// The share of attention.
    #[must_use]
    pub fn attention_share(&self) -> f64 {
        self.attention_cycles as f64 / self.total_cycles.max(1) as f64
    }
}

/// The share of the makespan that main memory decides.
pub(crate) fn memory_share(run: &RunRecord) -> f64 {
    let cells = run.summary.makespan.iter();
    let cycles: u64 = cells
        .filter(|cell| cell.cause.is_of_memory())
        .map(|cell| cell.cycles.get())
        .sum();
    cycles as f64 / run.summary.total.get().max(1) as f64
}

/// What is asked of one further run.
enum Question {
    Faster(Part, Speedup),
    Context(u64),
}

/// Runs a workload on a machine and on the machines that it could become.
///
/// # Errors
/// If the baseline cannot be run. A faster machine that cannot be run is an answer.
pub fn study(
    spec: &MachineSpec,
    workload: &Workload,
    speedups: &[Speedup],
    how: impl Into<How>,
) -> Result<Study, SimulationError> {
    let how = how.into();
    let machine = Machine::new(spec.clone())?;
    let baseline = Point {
        machine: &machine,
        workload: workload.clone(),
    }
    .measure()?;
    let questions = questions(workload, speedups);
    let machines: Vec<_> = questions
        .iter()
        .map(|question| asked(question, &machine, how))
        .collect();
    let runs = measured(&questions, &machines, workload);
    let mut answers = Vec::new();
    let mut contexts = Vec::new();
    let mut split_alone = 1.0;
    for (index, (question, run)) in questions.iter().zip(runs).enumerate() {
        match (question, run) {
            (Question::Faster(..), Ok(run)) if index == 0 => {
                split_alone = ratio(&baseline, &run);
            }
            (Question::Faster(..), Err(_)) if index == 0 => {}
            (&Question::Faster(part, s), run) => {
                let asked = Asked {
                    part,
                    s,
                    built: nearest_machine(spec, part, s, how.means),
                };
                answers.push(answer(&asked, &baseline, run));
            }
            (&Question::Context(context), Ok(run)) => contexts.push(context_point(context, &run)),
            (Question::Context(_), Err(_)) => {}
        }
    }
    let amdahl = baseline.amdahl();
    Ok(Study {
        machine: spec.name.clone(),
        how,
        total_cycles: baseline.summary.total.get(),
        matmul_free_cycles: Part::MatMulFree.cycles(&baseline.summary).get(),
        attention_cycles: Part::Attention.cycles(&baseline.summary).get(),
        fraction: amdahl.fraction(),
        ceiling: amdahl.ceiling(),
        faster_arrays: FasterArrays::of(&baseline.summary, machine.port_bytes_per_cycle()),
        memory_share: memory_share(&baseline),
        split_alone,
        answers,
        sweeps: if matches!(workload.run, Run::Prefill { .. }) {
            "prompt"
        } else {
            "context"
        },
        contexts,
    })
}

/// All that is asked: the array split and nothing faster, each part at each speedup, and the
/// baseline at other contexts.
fn questions(workload: &Workload, speedups: &[Speedup]) -> Vec<Question> {
    let one = Speedup::new(1.0).expect("1 is a speedup");
    let mut questions = vec![Question::Faster(Part::MatMulFree, one)];
    for part in Part::ALL {
        questions.extend(speedups.iter().map(|&s| Question::Faster(part, s)));
    }
    questions.extend(contexts(workload).into_iter().map(Question::Context));
    questions
}

/// The machine that a question is about, or why it cannot be built.
fn asked(question: &Question, machine: &Machine, how: How) -> Result<Machine, String> {
    match *question {
        Question::Faster(part, s) => faster(machine.spec(), part, s, how)
            .and_then(Machine::new)
            .map_err(|error| error.to_string()),
        Question::Context(_) => Ok(machine.clone()),
    }
}

/// Runs every question that has a machine.
fn measured(
    questions: &[Question],
    machines: &[Result<Machine, String>],
    workload: &Workload,
) -> Vec<Result<RunRecord, String>> {
    let mut points = Vec::new();
    for (question, machine) in questions.iter().zip(machines) {
        let Ok(machine) = machine else { continue };
        let mut workload = workload.clone();
        if let Question::Context(context) = *question {
            workload.run = match workload.run {
                Run::Prefill { .. } => Run::prefill(context),
                _ => Run::decode(context),
            };
        }
        points.push(Point { machine, workload });
    }
    let mut runs = measure_all(&points).into_iter();
    machines
        .iter()
        .map(|machine| match machine {
            Ok(_) => {
                let run = runs.next().expect("one run for each machine");
                run.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.clone()),
        })
        .collect()
}

fn ratio(baseline: &RunRecord, run: &RunRecord) -> f64 {
    baseline.summary.total.get() as f64 / run.summary.total.get().max(1) as f64
}

/// A part made faster, by how much, and how much faster the machine was built.
struct Asked {
    part: Part,
    s: Speedup,
    /// The finite speedup of the machine that stands for `s`.
    built: f64,
}

fn answer(asked: &Asked, baseline: &RunRecord, run: Result<RunRecord, String>) -> Answer {
    let Asked { part, s, built } = *asked;
    let law = law(part, &baseline.summary).law(s);
    match run {
        Ok(run) => Answer {
            part,
            s: s.get(),
            built,
            law,
            machine: Some(ratio(baseline, &run)),
            refused: None,
            gap: Some(Gap::of(part, built, &baseline.summary, &run.summary)),
            memory_share: memory_share(&run),
        },
        Err(error) => Answer {
            part,
            s: s.get(),
            built,
            law,
            machine: None,
            refused: Some(error),
            gap: None,
            memory_share: 0.0,
        },
    }
}

/// Contexts to look at: powers of two. For one decoded token from 128 on, up to what the model was
/// made for or what was asked for; for a prefill prompts from 32 on, up to what was asked for.
fn contexts(workload: &Workload) -> Vec<u64> {
    let (first, last) = match &workload.run {
        Run::Decode {
            context: Lengths::Same(context),
        } => {
            let made_for = workload.model.max_context.min(1 << 14);
            (128, made_for.max(*context))
        }
        Run::Prefill {
            tokens: Lengths::Same(tokens),
            chunk: None,
        } => (32, *tokens),
        _ => return Vec::new(),
    };
    let doubled = std::iter::successors(Some(first), |context: &u64| context.checked_mul(2));
    doubled.take_while(|&context| context <= last).collect()
}

fn context_point(context: u64, run: &RunRecord) -> ContextPoint {
    ContextPoint {
        context,
        total_cycles: run.summary.total.get(),
        matmul_free_cycles: Part::MatMulFree.cycles(&run.summary).get(),
        attention_cycles: Part::Attention.cycles(&run.summary).get(),
        memory_share: memory_share(run),
    }
}

//! Area-equal comparison: one silicon budget, split between ternary and BF16 PEs.

use accelerator::MachineSpec;
use energy::{Area, Technology};
use pe_array::Element;
use tile_program::Family;
use workload_compiler::{Format, Run};

use super::parts::{speedup, tokens_per_second};
use super::silicon::{TECHNOLOGY, array_of, arrays, technology};
use super::{Bench, Case, Chapter, Rank, TERNARY, refused};
use crate::figure::{Axis, Drawn, Line, LineChart, XAxis};
use crate::lab::Answer;
use crate::setting::ReproduceError;
use crate::sheet::{Sheet, Value, times};
use crate::what_if::pe_for;

const MODELS: [&str; 2] = ["gpt2-355m", "qwen2.5-0.5b"];
const RUNS: [Run; 3] = [Run::decode(128), Run::decode(4096), Run::prefill(64)];
/// Hundredths of the budget that ternary PEs get; 0: one BF16 array does everything.
const SPLITS: [u64; 5] = [0, 20, 40, 60, 80];

const TEXT: &str = "The area of a machine's arrays, split anew: so much of it for ternary PEs that \
serve the projections, the rest for BF16 PEs that serve attention and LM head; with no ternary PEs \
one BF16 array does everything. Rows and dataflows stay, columns are what fits (45 nm, cells placed \
at the technology's utilisation). Memory, scratchpads and vector unit stay. `gain` is over BF16 \
alone.";

/// The machine with a share of its arrays' area for ternary PEs; `None` if its arrays are not one
/// for projections and one for the rest.
fn split(
    technology: &Technology,
    spec: &MachineSpec,
    hundredths: u64,
) -> Result<Option<MachineSpec>, ReproduceError> {
    let serving = |family| {
        let mut arrays = spec.cores.first().arrays.iter();
        arrays.find(|array| array.serves.contains(&family))
    };
    let (Some(free), Some(rest)) = (serving(Family::Projection), serving(Family::Attention)) else {
        return Ok(None);
    };
    let budget = arrays(technology, spec)?;
    let part =
        |hundredths: u64| Area::square_nanometres(budget.get() * u128::from(hundredths) / 100);
    let ternary: Element = free.array.element;
    let bf16 = pe_for(Format::Bf16);
    let mut machine = spec.clone();
    let arrays = &mut machine.cores.first_mut().arrays;
    arrays.clear();
    let mut all = array_of(technology, rest, bf16, part(100 - hundredths))?;
    if hundredths == 0 {
        all.serves = Family::ALL.to_vec();
    } else {
        let own = array_of(technology, free, ternary, part(hundredths))?;
        arrays.push(own);
    }
    arrays.push(all);
    Ok(Some(machine))
}

fn columns(machine: &MachineSpec) -> [Value; 2] {
    let size = |array: &accelerator::ArraySpec| {
        Value::Text(format!("{} x {}", array.array.rows, array.array.columns))
    };
    match machine.cores.first().arrays.as_slice() {
        [ternary, bf16] => [size(ternary), size(bf16)],
        [bf16] => [Value::Absent, size(bf16)],
        _ => [Value::Absent, Value::Absent],
    }
}

/// A machine whose arrays are split anew.
struct Split {
    /// Hundredths of the budget that ternary PEs get.
    hundredths: u64,
    machine: MachineSpec,
    area: Area,
}

fn splits(technology: &Technology, spec: &MachineSpec) -> Result<Vec<Split>, ReproduceError> {
    let mut splits = Vec::new();
    for hundredths in SPLITS {
        if let Some(machine) = split(technology, spec, hundredths)? {
            let area = arrays(technology, &machine)?;
            splits.push(Split {
                hundredths,
                machine,
                area,
            });
        }
    }
    Ok(splits)
}

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let technology = technology();
    let mut table = Case::table(&[
        ("ternary_area_share", "ternary area"),
        ("ternary_array", "ternary PEs"),
        ("bf16_array", "BF16 PEs"),
        ("array_square_millimetres", "mm2"),
        ("total_cycles", "cycles"),
        ("tokens_per_second", "tokens/s"),
        ("speedup_over_bf16", "gain"),
        ("matmul_free_share", "F"),
        ("best", "best"),
    ]);
    let machines = [bench.edge.clone(), bench.cloud.clone()];
    let cases = bench.cases(&machines.each_ref(), &MODELS, &RUNS);
    let answers = bench.ask(cases, |bench, case| {
        let question = |split: Split| {
            let workload = bench.workload(case.model, &case.run, TERNARY, &split.machine)?;
            Ok((split.machine, workload))
        };
        let splits = splits(&technology, &case.spec)?;
        splits.into_iter().map(question).collect()
    })?;
    let (mut findings, mut lines) = (Vec::new(), Vec::new());
    for (case, answers) in &answers {
        let splits = splits(&technology, &case.spec)?;
        let mut told = Told::default();
        told.tell(case, &splits, answers, &mut table);
        findings.extend(told.findings);
        if case.spec.name == bench.edge.name {
            lines.push(Line {
                name: format!("{}, {}", case.model, case.run),
                marks: told.points.clone(),
                points: told.points,
                ..Line::default()
            });
        }
    }
    let figures = figure(bench, lines)?;
    Ok(Chapter {
        name: "area",
        rank: Rank::Question,
        title: bench.title("One silicon budget: ternary or BF16 PEs"),
        text: format!("{TEXT} Areas: technology {TECHNOLOGY}."),
        table,
        findings,
        figures,
    })
}

/// What the runs of a case say.
#[derive(Default)]
struct Told {
    findings: Vec<String>,
    /// Hundredths of the budget that ternary PEs get, and the speedup over BF16 PEs alone.
    points: Vec<(f64, f64)>,
}

impl Told {
    fn tell(&mut self, case: &Case, splits: &[Split], answers: &[Answer], table: &mut Sheet) {
        let base = answers.first().and_then(|answer| answer.as_ref().ok());
        let ends = answers.iter().flatten().map(|run| run.seconds());
        let best = ends.fold(f64::INFINITY, f64::min);
        for (split, answer) in splits.iter().zip(answers) {
            let run = match answer {
                Ok(run) => run,
                Err(error) => {
                    self.findings.push(refused(&case.to_string(), error));
                    continue;
                }
            };
            let is_best = run.seconds() <= best;
            let gain = base.map(|base| speedup(base, run));
            let [ternary, bf16] = columns(&split.machine);
            table.push(case.cells([
                Value::Share(split.hundredths as f64 / 100.0),
                ternary,
                bf16,
                Value::Quantity(split.area.square_millimetres()),
                run.summary.total.get().into(),
                Value::Quantity(tokens_per_second(run)),
                gain.map_or(Value::Absent, Value::Factor),
                Value::Share(run.amdahl().fraction()),
                if is_best { "best" } else { "" }.into(),
            ]));
            if is_best {
                self.findings.push(format!(
                    "{case}: best with {} % of the arrays' area in ternary PEs, {} over BF16 alone.",
                    split.hundredths,
                    times(gain.unwrap_or(1.0))
                ));
            }
            self.points
                .extend(gain.map(|gain| (split.hundredths as f64, gain)));
        }
    }
}

fn figure(bench: &Bench, lines: Vec<Line>) -> Result<Vec<Drawn>, ReproduceError> {
    let chart = LineChart {
        title: bench.title(&format!(
            "Splitting the area of the arrays of {}",
            bench.edge.name
        )),
        x_label: "share of the area in ternary PEs (%)".into(),
        y_label: "speedup over BF16 PEs alone".into(),
        x: XAxis::Linear,
        y: Axis::Times,
        lines,
    };
    let caption = "Speedup over one BF16 array of the same area, by the share of it that ternary \
                   PEs take.";
    Ok(vec![Drawn::new("area", caption, &chart)?])
}

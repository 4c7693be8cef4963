//! Area-equal comparison: one silicon budget, split between ternary and BF16 PEs.

use accelerator::MachineSpec;
use energy::{Area, Technology};
use pe_array::Element;
use tile_program::Family;
use workload_compiler::{Format, Run};

use super::silicon::{TECHNOLOGY, array_of, arrays, technology};
use super::{Bench, Chapter, TERNARY, refused};
use crate::figure::{Axis, Drawn, Line, LineChart, XAxis};
use crate::reproduce::ReproduceError;
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
        let mut arrays = spec.arrays.iter();
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
    machine.arrays.clear();
    let mut all = array_of(technology, rest, bf16, part(100 - hundredths))?;
    if hundredths == 0 {
        all.serves = Family::ALL.to_vec();
    } else {
        let own = array_of(technology, free, ternary, part(hundredths))?;
        machine.arrays.push(own);
    }
    machine.arrays.push(all);
    Ok(Some(machine))
}

fn columns(machine: &MachineSpec) -> [Value; 2] {
    let size = |array: &accelerator::ArraySpec| {
        Value::Text(format!("{} x {}", array.array.rows, array.array.columns))
    };
    match machine.arrays.as_slice() {
        [ternary, bf16] => [size(ternary), size(bf16)],
        [bf16] => [Value::Absent, size(bf16)],
        _ => [Value::Absent, Value::Absent],
    }
}

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let technology = technology();
    let mut table = Sheet::new(&[
        ("machine", "machine"),
        ("model", "model"),
        ("run", "run"),
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
    let (mut findings, mut lines) = (Vec::new(), Vec::new());
    for spec in [bench.edge.clone(), bench.cloud.clone()] {
        let mut machines = Vec::new();
        for hundredths in SPLITS {
            if let Some(machine) = split(&technology, &spec, hundredths)? {
                let area = arrays(&technology, &machine)?.square_millimetres();
                machines.push((hundredths, machine, area));
            }
        }
        for &model in bench.models(&MODELS) {
            for run in RUNS {
                let mut asked = Vec::new();
                for (_, machine, _) in &machines {
                    let workload = bench.workload(model, &run, TERNARY, machine)?;
                    asked.push((machine.clone(), workload));
                }
                let answers = bench.runs(&asked);
                let seconds: Vec<Option<f64>> = answers
                    .iter()
                    .map(|answer| answer.as_ref().ok().map(|run| run.seconds()))
                    .collect();
                let ends = seconds.iter().copied().flatten();
                let best = ends.fold(f64::INFINITY, f64::min);
                let base = seconds.first().copied().flatten();
                let mut points = Vec::new();
                for ((hundredths, machine, area), answer) in machines.iter().zip(&answers) {
                    let run_of = match answer {
                        Ok(answer) => answer,
                        Err(error) => {
                            findings.push(refused(model, error));
                            continue;
                        }
                    };
                    let is_best = run_of.seconds() <= best;
                    let gain = base.map(|base| base / run_of.seconds());
                    let [ternary, bf16] = columns(machine);
                    table.push(vec![
                        spec.name.clone().into(),
                        model.into(),
                        run.to_string().into(),
                        Value::Share(*hundredths as f64 / 100.0),
                        ternary,
                        bf16,
                        Value::Quantity(*area),
                        run_of.summary.total.get().into(),
                        Value::Quantity(run_of.tokens_per_second()),
                        gain.map_or(Value::Absent, Value::Factor),
                        Value::Share(run_of.amdahl().fraction()),
                        if is_best { "best" } else { "" }.into(),
                    ]);
                    if is_best {
                        findings.push(format!(
                            "{model} on {}, {}: best with {hundredths} % of the arrays' area in \
                             ternary PEs, {} over BF16 alone.",
                            spec.name,
                            run,
                            times(gain.unwrap_or(1.0))
                        ));
                    }
                    points.extend(gain.map(|gain| (*hundredths as f64, gain)));
                }
                if spec.name == bench.edge.name {
                    lines.push(Line {
                        name: format!("{model}, {run}"),
                        marks: points.clone(),
                        points,
                    });
                }
            }
        }
    }
    let figures = figure(bench, lines)?;
    Ok(Chapter {
        name: "area",
        title: "One silicon budget: ternary or BF16 PEs",
        text: format!("{TEXT} Areas: technology {TECHNOLOGY}."),
        table,
        findings,
        figures,
    })
}

fn figure(bench: &Bench, lines: Vec<Line>) -> Result<Vec<Drawn>, ReproduceError> {
    let chart = LineChart {
        title: format!("Splitting the area of the arrays of {}", bench.edge.name),
        x_label: "share of the area in ternary PEs (%)".into(),
        y_label: "speedup over BF16 PEs alone".into(),
        x: XAxis::Linear,
        y: Axis::Times,
        falling: false,
        lines,
    };
    let caption = "Speedup over one BF16 array of the same area, by the share of it that ternary \
                   PEs take.";
    Ok(vec![Drawn::new("area", caption, &chart)?])
}

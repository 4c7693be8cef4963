//! BF16, INT8, ternary and binary weights: packed traffic, PEs of the same kind.

use accelerator::MachineSpec;
use config::FieldError;
use pe_array::{ArrayModel, Element};
use tile_program::{Class, Family};
use workload_compiler::{Format, Packing, Run};

use super::parts::{ceiling, speedup, tokens_per_second};
use super::{Bench, Case, Chapter, Rank, TERNARY, refused};
use crate::figure::{BarChart, Drawn, Group};
use crate::lab::Answer;
use crate::setting::ReproduceError;
use crate::sheet::{Value, times};
use crate::what_if::{memory_share, pe_for};
use simulator::RunRecord;

const MODELS: [&str; 1] = ["qwen2.5-0.5b"];
const RUNS: [Run; 2] = [Run::decode(1024), Run::prefill(64)];

/// Formats of weights, the widest in memory first.
const FORMATS: [Format; 5] = [
    Format::Bf16,
    Format::Int8,
    Format::Ternary {
        packing: Packing::TwoBits,
    },
    TERNARY,
    Format::Binary,
];

/// The machine with other PEs for a family, as many as before.
pub(super) fn with_element(
    spec: &MachineSpec,
    family: Family,
    element: Element,
) -> Result<MachineSpec, FieldError> {
    let mut spec = spec.clone();
    for array in spec.cores.iter_mut().flat_map(|core| &mut core.arrays) {
        if array.serves.contains(&family) {
            array.array.element = element;
            array.kind = ArrayModel::new(&array.array)?.kind();
        }
    }
    Ok(spec)
}

const TEXT: &str = "The same model with its projections in five formats, on as many PEs of the \
matching kind and the same memory: what the format itself buys, by traffic alone. `gain` is over \
BF16. F counts projections whatever their format: of BF16 weights it is what there is to be won.";

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let mut table = Case::table(&[
        ("weights", "weights"),
        ("bits_per_weight", "bits"),
        ("projection_mebibytes", "MiB of projections"),
        ("all_mebibytes", "MiB in all"),
        ("total_cycles", "cycles"),
        ("tokens_per_second", "tokens/s"),
        ("speedup_over_bf16", "gain"),
        ("projection_share", "F"),
        ("ceiling", "ceiling"),
        ("memory_share", "memory"),
    ]);
    let machines = [bench.edge.clone(), bench.cloud.clone()];
    let cases = bench.cases(&machines.each_ref(), &MODELS, &RUNS);
    let answers = bench.ask(cases, |bench, case| {
        let question = |&format: &Format| {
            let machine = with_element(&case.spec, Family::Projection, pe_for(format))?;
            let workload = bench.workload(case.model, &case.run, format, &machine)?;
            Ok((machine, workload))
        };
        FORMATS.iter().map(question).collect()
    })?;
    let (mut findings, mut groups) = (Vec::new(), Vec::new());
    for (case, answers) in &answers {
        let base = answers[0].as_ref().ok();
        let gain = |answer: &Answer| Some(speedup(base?, answer.as_ref().ok()?));
        for (format, answer) in FORMATS.into_iter().zip(answers) {
            match answer {
                Ok(run) => table.push(row(case, format, run, gain(answer))),
                Err(error) => {
                    findings.push(refused(&format!("{} in {}", case.model, format), error));
                }
            }
        }
        let group = Group {
            name: case.to_string(),
            factors: answers.iter().map(gain).collect(),
            ceiling: base.map(|base| ceiling(base)),
        };
        findings.extend(finding(&group));
        groups.push(group);
    }
    let figures = vec![figure(bench, groups)?];
    Ok(Chapter {
        name: "formats",
        rank: Rank::Question,
        title: bench.title("BF16, INT8, ternary, binary"),
        text: TEXT.into(),
        table,
        findings,
        figures,
    })
}

fn row(case: &Case, format: Format, run: &RunRecord, gain: Option<f64>) -> Vec<Value> {
    case.cells([
        format.to_string().into(),
        Value::Quantity(format.packed().tenths() as f64 / 10.0),
        mebibytes(run, |class| class == Class::MatMulFree),
        mebibytes(run, |_| true),
        run.summary.total.get().into(),
        Value::Quantity(tokens_per_second(run)),
        gain.map_or(Value::Absent, Value::Factor),
        Value::Share(run.amdahl().fraction()),
        Value::Factor(ceiling(run)),
        Value::Share(memory_share(run)),
    ])
}

/// What the narrower formats bring, in words; `None` where one of them cannot be run.
fn finding(group: &Group) -> Option<String> {
    let [_, Some(int8), _, Some(ternary), Some(binary)] = group.factors.as_slice() else {
        return None;
    };
    Some(format!(
        "{}: INT8 weights bring {}, ternary {}, binary {}, of a ceiling of {} over BF16.",
        group.name,
        times(*int8),
        times(*ternary),
        times(*binary),
        times(group.ceiling?)
    ))
}

fn figure(bench: &Bench, groups: Vec<Group>) -> Result<Drawn, ReproduceError> {
    let chart = BarChart {
        title: bench.title("What the format of the weights buys"),
        x_label: "speedup over BF16 weights, and its ceiling by Amdahl's law".into(),
        alternatives: FORMATS.map(|format| format.to_string()).into(),
        groups,
    };
    let caption = "Speedup by the format of the projections' weights, on as many PEs of the matching \
                   kind and the same memory. The ceiling is 1 / (1 - F) of the run with BF16 weights.";
    Ok(Drawn::new("formats", caption, &chart)?)
}

/// Bytes from and to main memory of the operators of some classes.
fn mebibytes(run: &RunRecord, chosen: impl Fn(Class) -> bool) -> Value {
    let operators = run.summary.operators.iter();
    let bytes: u64 = operators
        .filter(|operator| chosen(operator.class))
        .map(|operator| operator.bytes.get())
        .sum();
    Value::Quantity(bytes as f64 / f64::from(1 << 20))
}

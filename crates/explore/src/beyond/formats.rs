//! BF16, INT8, ternary and binary weights: packed traffic, PEs of the same kind.

use accelerator::MachineSpec;
use config::FieldError;
use pe_array::{ArrayModel, Element};
use tile_program::{Class, Family};
use workload_compiler::{Format, Packing, Run};

use super::parts::{ceiling, speedup, tokens_per_second};
use super::{Bench, Case, Chapter, TERNARY, refused};
use crate::figure::{BarChart, Drawn, Group};
use crate::lab::Answer;
use crate::setting::ReproduceError;
use crate::sheet::{Value, times};
use crate::what_if::{memory_share, pe_for};
use simulator::RunRecord;

const MODELS: [&str; 1] = ["qwen2.5-0.5b"];
const RUNS: [Run; 2] = [Run::decode(1024), Run::prefill(64)];

/// Formats, widest first, and tenths of a bit that a weight takes.
const FORMATS: [(Format, u64); 5] = [
    (Format::Bf16, 160),
    (Format::Int8, 80),
    (
        Format::Ternary {
            packing: Packing::TwoBits,
        },
        20,
    ),
    (TERNARY, 16),
    (Format::Binary, 10),
];

/// The machine with other PEs for a family, as many as before.
pub(super) fn with_element(
    spec: &MachineSpec,
    family: Family,
    element: Element,
) -> Result<MachineSpec, FieldError> {
    let mut spec = spec.clone();
    for array in &mut spec.arrays {
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
        let question = |(format, _): &(Format, u64)| {
            let machine = with_element(&case.spec, Family::Projection, pe_for(*format))?;
            let workload = bench.workload(case.model, &case.run, *format, &machine)?;
            Ok((machine, workload))
        };
        FORMATS.iter().map(question).collect()
    })?;
    let (mut findings, mut groups) = (Vec::new(), Vec::new());
    for (case, answers) in &answers {
        let base = answers[0].as_ref().ok();
        let gain = |answer: &Answer| Some(speedup(base?, answer.as_ref().ok()?));
        for ((format, tenths), answer) in FORMATS.into_iter().zip(answers) {
            let run_of = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    findings.push(refused(&format!("{} in {format}", case.model), error));
                    continue;
                }
            };
            table.push(case.cells([
                format.to_string().into(),
                Value::Quantity(tenths as f64 / 10.0),
                mebibytes(run_of, |class| class == Class::MatMulFree),
                mebibytes(run_of, |_| true),
                run_of.summary.total.get().into(),
                Value::Quantity(tokens_per_second(run_of)),
                gain(answer).map_or(Value::Absent, Value::Factor),
                Value::Share(run_of.amdahl().fraction()),
                Value::Factor(ceiling(run_of)),
                Value::Share(memory_share(run_of)),
            ]));
        }
        let gains: Vec<Option<f64>> = answers.iter().map(gain).collect();
        let bound = base.map(|base| ceiling(base));
        if let (Some(bound), [_, Some(int8), _, Some(ternary), Some(binary)]) =
            (bound, gains.as_slice())
        {
            findings.push(format!(
                "{case}: INT8 weights bring {}, ternary {}, binary {}, of a ceiling of {} over BF16.",
                times(*int8),
                times(*ternary),
                times(*binary),
                times(bound)
            ));
        }
        groups.push(Group {
            name: case.to_string(),
            factors: gains,
            ceiling: bound,
        });
    }
    let chart = BarChart {
        title: bench.title("What the format of the weights buys"),
        x_label: "speedup over BF16 weights, and its ceiling by Amdahl's law".into(),
        alternatives: FORMATS.map(|(format, _)| format.to_string()).into(),
        groups,
    };
    let caption = "Speedup by the format of the projections' weights, on as many PEs of the matching \
                   kind and the same memory. The ceiling is 1 / (1 - F) of the run with BF16 weights.";
    let figures = vec![Drawn::new("formats", caption, &chart)?];
    Ok(Chapter {
        name: "formats",
        title: bench.title("BF16, INT8, ternary, binary"),
        text: TEXT.into(),
        table,
        findings,
        figures,
    })
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

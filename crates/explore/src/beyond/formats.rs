//! BF16, INT8, ternary and binary weights: packed traffic, PEs of the same kind.

use accelerator::MachineSpec;
use config::FieldError;
use pe_array::{ArrayModel, Element};
use tile_program::{Class, Family};
use workload_compiler::{Format, Packing, Run};

use super::parts::{ceiling, speedup};
use super::{Bench, Chapter, TERNARY, refused};
use crate::reproduce::ReproduceError;
use crate::sheet::{Sheet, Value, times};
use crate::what_if::{memory_share, pe_for};

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
    let mut table = Sheet::new(&[
        ("machine", "machine"),
        ("model", "model"),
        ("run", "run"),
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
    let mut findings = Vec::new();
    for spec in [bench.edge.clone(), bench.cloud.clone()] {
        for &model in bench.models(&MODELS) {
            for run in RUNS {
                let mut asked = Vec::new();
                for (format, _) in FORMATS {
                    let machine = with_element(&spec, Family::Projection, pe_for(format))?;
                    let workload = bench.workload(model, &run, format, &machine)?;
                    asked.push((machine, workload));
                }
                let answers = bench.runs(&asked);
                let base = answers[0].clone();
                let mut gains = Vec::new();
                for ((format, tenths), answer) in FORMATS.into_iter().zip(&answers) {
                    let run_of = match answer {
                        Ok(answer) => answer,
                        Err(error) => {
                            findings.push(refused(&format!("{model} in {format}"), error));
                            continue;
                        }
                    };
                    let mebibytes = |chosen: &dyn Fn(Class) -> bool| {
                        let operators = run_of.summary.operators.iter();
                        let bytes: u64 = operators
                            .filter(|operator| chosen(operator.class))
                            .map(|operator| operator.bytes.get())
                            .sum();
                        Value::Quantity(bytes as f64 / f64::from(1 << 20))
                    };
                    let gain = base.as_ref().map(|base| speedup(base, run_of));
                    gains.extend(gain);
                    table.push(vec![
                        spec.name.clone().into(),
                        model.into(),
                        run.to_string().into(),
                        format.to_string().into(),
                        Value::Quantity(tenths as f64 / 10.0),
                        mebibytes(&|class| class == Class::MatMulFree),
                        mebibytes(&|_| true),
                        run_of.summary.total.get().into(),
                        Value::Quantity(run_of.tokens_per_second()),
                        gain.map_or(Value::Absent, Value::Factor),
                        Value::Share(run_of.amdahl().fraction()),
                        Value::Factor(ceiling(run_of)),
                        Value::Share(memory_share(run_of)),
                    ]);
                }
                if let (Ok(base), [_, int8, _, ternary, binary]) = (&base, gains.as_slice()) {
                    findings.push(format!(
                        "{model} on {}, {}: INT8 weights bring {}, ternary {}, binary {}, of a \
                         ceiling of {} over BF16.",
                        spec.name,
                        run,
                        times(*int8),
                        times(*ternary),
                        times(*binary),
                        times(ceiling(base))
                    ));
                }
            }
        }
    }
    Ok(Chapter {
        name: "formats",
        title: "BF16, INT8, ternary, binary",
        text: TEXT.into(),
        table,
        findings,
        figures: Vec::new(),
    })
}

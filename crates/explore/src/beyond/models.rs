//! Models end to end in their true architecture on machines with real memories.

use std::sync::Arc;

use accelerator::MachineSpec;
use workload_compiler::Run;

use super::parts::{PARTS, ceiling, range, shares, speedup, tokens_per_second};
use super::{Bench, Case, Chapter, IDEAL, Rank, TERNARY, refused, with_memory};
use crate::figure::{Drawn, Panel, SharesChart};
use crate::setting::ReproduceError;
use crate::sheet::{Value, percent};
use crate::what_if::memory_share;
use simulator::RunRecord;

/// Of the published families, of models published with ternary weights, of today's with grouped
/// queries and gated feed-forward networks, and one without attention.
pub(super) const MODELS: [&str; 7] = [
    "gpt2-355m",
    "opt-1.3b",
    "bitnet-b1.58-2b-4t",
    "falcon3-1b-1.58bit",
    "llama-3.2-1b",
    "qwen2.5-1.5b",
    "matmul-free-lm-1.3b",
];

/// What each model does.
pub(super) const RUNS: [Run; 3] = [Run::decode(128), Run::decode(4096), Run::prefill(64)];

/// A model's run on a machine as it is, and with an ideal memory.
pub(super) struct Pair {
    pub(super) case: Case,
    pub(super) real: Arc<RunRecord>,
    pub(super) ideal: Arc<RunRecord>,
}

/// Runs of models on both machines; what cannot be run is told.
pub(super) fn pairs(
    bench: &mut Bench,
    runs: &[Run],
) -> Result<(Vec<Pair>, Vec<String>), ReproduceError> {
    let machines = [bench.edge.clone(), bench.cloud.clone()];
    let cases = bench.cases(&machines.each_ref(), &MODELS, runs);
    let answers = bench.ask(cases, |bench, case| {
        let workload = bench.workload(case.model, &case.run, TERNARY, &case.spec)?;
        let ideal = with_memory(&case.spec, IDEAL);
        Ok(vec![
            (case.spec.clone(), workload.clone()),
            (ideal, workload),
        ])
    })?;
    let (mut pairs, mut without) = (Vec::new(), Vec::new());
    for (case, answers) in answers {
        match answers.as_slice() {
            [Ok(real), Ok(ideal)] => pairs.push(Pair {
                case,
                real: Arc::clone(real),
                ideal: Arc::clone(ideal),
            }),
            [Err(error), _] | [_, Err(error)] => without.push(refused(&case.to_string(), error)),
            _ => {}
        }
    }
    Ok((pairs, without))
}

const TEXT: &str = "Models from the embedding to the LM head in their true architecture, projections ternary at 1.6 bits a \
weight, everything else as wide as the machine's arrays take it. Softmax, norms, quantisation, the \
LM head and the cache are counted; memory is DRAM timed by command. Shares are of the makespan; a \
wait belongs to the operation that waits. `memory` is the share in which the critical path waits \
for or moves main memory, `F, ideal` the MatMul-free share and `gain` the speedup with a memory \
without limits.";

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let (pairs, mut findings) = pairs(bench, &RUNS)?;
    let mut table = Case::table(&[
        ("total_cycles", "cycles"),
        ("tokens_per_second", "tokens/s"),
        ("matmul_free_share", "F"),
        ("attention_share", "attention"),
        ("lm_head_share", "LM head"),
        ("vector_share", "vector"),
        ("transfer_share", "transfer"),
        ("memory_share", "memory"),
        ("ceiling", "ceiling"),
        ("ideal_matmul_free_share", "F, ideal"),
        ("ideal_memory_speedup", "gain"),
    ]);
    for pair in &pairs {
        let mut row = vec![
            pair.real.summary.total.get().into(),
            Value::Quantity(tokens_per_second(&pair.real)),
        ];
        row.extend(shares(&pair.real).into_iter().map(Value::Share));
        row.extend([
            Value::Share(memory_share(&pair.real)),
            Value::Factor(ceiling(&pair.real)),
            Value::Share(pair.ideal.amdahl().fraction()),
            Value::Factor(speedup(&pair.real, &pair.ideal)),
        ]);
        table.push(pair.case.cells(row));
    }
    findings.extend(say(bench, &pairs));
    let figures = vec![figure(bench, &pairs)?];
    Ok(Chapter {
        name: "models",
        rank: Rank::Question,
        title: bench.title("Models end to end: prefill and decode, real memory and ideal"),
        text: TEXT.into(),
        table,
        findings,
        figures,
    })
}

fn say(bench: &Bench, pairs: &[Pair]) -> Vec<String> {
    let mut findings = Vec::new();
    for spec in [&bench.edge, &bench.cloud] {
        let of = |decode: bool| {
            let pairs = pairs.iter().filter(|pair| pair.case.spec.name == spec.name);
            pairs.filter(move |pair| matches!(pair.case.run, Run::Decode { .. }) == decode)
        };
        let share = |(least, most): (f64, f64)| match (percent(least), percent(most)) {
            (least, most) if least == most => least,
            (least, most) => format!("{least} to {most}"),
        };
        findings.push(format!(
            "On {} memory decides {} of a decoded token and {} of a prefill; F is {} in decode and \
             {} in prefill, {} in decode with an ideal memory.",
            spec.name,
            share(range(of(true).map(|pair| memory_share(&pair.real)))),
            share(range(of(false).map(|pair| memory_share(&pair.real)))),
            share(range(of(true).map(|pair| pair.real.amdahl().fraction()))),
            share(range(of(false).map(|pair| pair.real.amdahl().fraction()))),
            share(range(of(true).map(|pair| pair.ideal.amdahl().fraction()))),
        ));
    }
    findings
}

fn figure(bench: &Bench, pairs: &[Pair]) -> Result<Drawn, ReproduceError> {
    let chart = shares_of(
        bench,
        pairs,
        "Where the makespan of a model goes (share of cycles)",
        &PARTS,
        |pair| shares(&pair.real),
    );
    let caption = "Shares of the makespan, ternary projections at 1.6 bits a weight, DRAM timed by \
                   command. Work hidden behind other work is in nobody's share.";
    Ok(Drawn::new("models", caption, &chart)?)
}

/// Shares of each pair as a figure, a panel for each machine.
pub(super) fn shares_of(
    bench: &Bench,
    pairs: &[Pair],
    title: &str,
    parts: &[&str],
    shares: impl Fn(&Pair) -> Vec<f64>,
) -> SharesChart {
    let of = |machine: &MachineSpec| -> Vec<&Pair> {
        let pairs = pairs.iter();
        pairs
            .filter(|pair| pair.case.spec.name == machine.name)
            .collect()
    };
    let bars = of(&bench.edge);
    let panel = |spec: &MachineSpec| Panel {
        title: spec.name.clone(),
        shares: bars
            .iter()
            .map(|bar| {
                let same = |pair: &&&Pair| {
                    let same_model = pair.case.model.preset().slug == bar.case.model.preset().slug;
                    same_model && pair.case.run == bar.case.run
                };
                of(spec)
                    .iter()
                    .find(same)
                    .map_or(Vec::new(), |pair| shares(pair))
            })
            .collect(),
    };
    SharesChart {
        title: bench.title(title),
        parts: parts.iter().map(|&part| part.to_owned()).collect(),
        bars: bars
            .iter()
            .map(|pair| format!("{}, {}", pair.case.model, pair.case.run))
            .collect(),
        panels: vec![panel(&bench.edge), panel(&bench.cloud)],
    }
}

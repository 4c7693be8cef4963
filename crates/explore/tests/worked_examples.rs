//! The worked examples of the README hold numbers of simulated runs. This test makes them anew and
//! fails if the README says otherwise; with `TERNION_UPDATE_DOCS=1` it writes them there.

use std::fmt::Write;

use attribution::Speedup;
use dram::{Bandwidth, IdealConfig, MemoryConfig};
use explore::published::{self, Form};
use explore::sheet::{percent, times};
use explore::what_if::{Answer, Means, Part, Study, study, words};
use quantities::grouped;
use simulator::{Machine, MachineSpec, Point, RunRecord, read_machine};
use workload_compiler::{Workload, find};

const BEGIN: &str = "<!-- worked examples: begin -->\n";
const END: &str = "<!-- worked examples: end -->\n";

fn edge() -> MachineSpec {
    let text = include_str!("../../../hw-configs/edge-tpu-paper.ron");
    read_machine("edge-tpu-paper", text).unwrap()
}

fn workload(model: &str, form: Form, context: u64) -> Workload {
    published::workload(find(model).unwrap(), form, context).unwrap()
}

fn run(spec: &MachineSpec, workload: Workload) -> RunRecord {
    let machine = Machine::new(spec.clone()).unwrap();
    let machine = &machine;
    Point { machine, workload }.measure().unwrap()
}

fn asked(spec: &MachineSpec, workload: &Workload, speedups: &[f64]) -> Study {
    let speedups: Vec<_> = speedups.iter().map(|&s| Speedup::new(s).unwrap()).collect();
    study(spec, workload, &speedups, Means::Clock).unwrap()
}

fn operator(run: &RunRecord, name: &str) -> u64 {
    let operators = run.summary.operators.iter();
    let cycles = operators.filter(|each| each.operator.name() == name);
    cycles.map(|each| each.makespan.get()).sum()
}

fn shares(text: &mut String) {
    let spec = edge();
    let model = &find("opt-1.3b").unwrap().model;
    let short = run(&spec, workload("opt-1.3b", Form::AsPublished, 128));
    let per_layer = operator(&short, "q_proj") / model.layers;
    let scores = operator(&short, "scores") / model.layers;
    *text += "**1. From GEMMs to F.** OPT-1.3B on the published edge machine (32 x 32, output \
              stationary, 100 MHz), one token.\n";
    let _ = writeln!(
        text,
        "A projection of {d} x {d} takes ⌈{d}/32⌉ · ({d} + 62) = {} cycles; the {} heads' scores over 128 \
         positions {} · ⌈128/32⌉ · ({} + 62) = {}.\nSummed over {} blocks:\n",
        grouped(per_layer),
        model.n_heads,
        model.n_heads,
        model.head_dim,
        grouped(scores),
        model.layers,
        d = model.d_model,
    );
    *text += "| context | projections | attention | F | S = 2 | S = 8 | S = 64 | ceiling |\n\
              |---|---|---|---|---|---|---|---|\n";
    for context in [128, 1024, 4096, 16384] {
        let run = run(&spec, workload("opt-1.3b", Form::AsPublished, context));
        let amdahl = run.amdahl();
        let law = |s: f64| times(amdahl.law(Speedup::new(s).unwrap()));
        let _ = writeln!(
            text,
            "| {context} | {} | {} | {:.3} | {} | {} | {} | {} |",
            grouped(amdahl.reachable.get()),
            grouped((amdahl.total - amdahl.reachable).get()),
            amdahl.fraction(),
            law(2.0),
            law(8.0),
            law(64.0),
            times(amdahl.ceiling().unwrap())
        );
    }
    *text += "\nAttention grows with the context and projections do not: the same machine that is all \
              projections at 128 is bound by attention at 16384.\n\n";
}

fn forms(text: &mut String) {
    let spec = edge();
    *text += "**2. The model's shape is part of F.** One token at a context of 1024, in the shape that \
              the published figures ask for and in the true one.\n\n\
              | model | F, as published | F, true | tokens/s, as published | tokens/s, true |\n\
              |---|---|---|---|---|\n";
    for model in ["gpt2-355m", "opt-1.3b", "llama-7b"] {
        let [published, real] = Form::ALL.map(|form| run(&spec, workload(model, form, 1024)));
        let _ = writeln!(
            text,
            "| {model} | {:.3} | {:.3} | {:.2} | {:.2} |",
            published.amdahl().fraction(),
            real.amdahl().fraction(),
            published::tokens_per_second(&published),
            published::tokens_per_second(&real)
        );
    }
    *text += "\n";
}

fn row(text: &mut String, answer: &Answer) {
    let gap = answer.gap.as_ref().unwrap();
    let apart = gap.machine_cycles as f64 - gap.law_cycles as f64;
    let main = gap
        .terms
        .first()
        .filter(|_| apart.abs() > 0.005 * gap.law_cycles as f64);
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} |",
        answer.part.name(),
        answer.s,
        times(answer.law),
        times(answer.machine.unwrap()),
        percent(answer.memory_share),
        main.map_or("they agree within 0.5 %".into(), |(term, cycles)| {
            let sign = if *cycles < 0 { "-" } else { "+" };
            format!("{} {sign}{}", term.name(), grouped(cycles.unsigned_abs()))
        })
    );
}

const HEAD: &str = "| part | S | law | machine | memory | largest difference, cycles |\n\
                    |---|---|---|---|---|---|\n";

fn machines(text: &mut String) {
    let workload = workload("opt-1.3b", Form::AsPublished, 4096);
    let ideal = asked(&edge(), &workload, &[4.0, 64.0]);
    *text += "**3. Where the law holds.** The same token at 4096, memory free: the machine simulated \
              again with a part's array clocked S times as fast.\n\n";
    *text += HEAD;
    ideal.answers.iter().for_each(|answer| row(text, answer));
    let split = ideal.split_alone;
    let _ = writeln!(
        text,
        "\nWhere projections have an array of their own, scores run beside the projection of the values: \
         the split alone brings {}.\n",
        times(split)
    );
    let memory = MemoryConfig::Ideal(IdealConfig {
        bandwidth: Bandwidth::BytesPerSecond(4_000_000_000),
        latency_picoseconds: 0,
        capacity_bytes: u64::MAX,
        access_bytes: None,
    });
    let spec = MachineSpec { memory, ..edge() };
    let real = asked(&spec, &workload, &[4.0, 64.0]);
    let free = |answer: &&Answer| answer.part == Part::MatMulFree;
    *text += "**4. Where it ends.** The same with a memory of 4 GB/s and INT8 weights. Once the array is \
              faster than the weights arrive, more S changes nothing, and the difference is the \
              memory's.\n\n";
    *text += HEAD;
    real.answers
        .iter()
        .filter(free)
        .for_each(|answer| row(text, answer));
    *text += "\nIn the words of `ternion amdahl`:\n\n";
    for sentence in words(&real) {
        let _ = writeln!(text, "> {sentence}");
    }
    *text += "\n";
}

#[test]
fn the_worked_examples_of_the_readme_are_what_the_machine_says() {
    let mut examples = String::new();
    shares(&mut examples);
    forms(&mut examples);
    machines(&mut examples);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme
        .split_once(BEGIN)
        .expect("the README marks the begin");
    let (stands, after) = rest.split_once(END).expect("the README marks the end");
    if std::env::var_os("TERNION_UPDATE_DOCS").is_some() {
        let text = format!("{before}{BEGIN}{examples}{END}{after}");
        std::fs::write(path, text).unwrap();
        return;
    }
    assert_eq!(
        stands, examples,
        "stale: TERNION_UPDATE_DOCS=1 cargo test -p explore --test worked_examples"
    );
}

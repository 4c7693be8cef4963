//! Real memory against ideal, over bandwidths.

use dram::{Bandwidth, IdealConfig, MemoryConfig};
use simulator::RunRecord;
use workload_compiler::Run;

use super::parts::{ceiling, speedup, tokens_per_second};
use super::{Bench, Case, Chapter, IDEAL, Rank, Subject, TERNARY, refused, with_memory};
use crate::figure::{Axis, Drawn, Line, LineChart, XAxis};
use crate::lab::Answer;
use crate::setting::ReproduceError;
use crate::sheet::{Sheet, Value, percent};
use crate::what_if::memory_share;

const MODELS: [&str; 2] = ["bitnet-b1.58-2b-4t", "qwen2.5-0.5b"];
const RUN: Run = Run::decode(2048);
/// Times as many channels as the machine has.
const CHANNELS: [(u64, u64); 5] = [(1, 4), (1, 2), (1, 1), (2, 1), (4, 1)];

const TEXT: &str = "One decoded token at a context of 2048 on the edge machine with more and fewer \
DRAM channels, each beside an ideal memory of the same peak bandwidth (no rows, no refresh, no \
turning of the bus, no latency). `DRAM cost` is the time that command timing adds. F belongs to the \
baseline on which it is measured: more bandwidth moves it.";

/// A memory to try.
struct Try {
    channels: Value,
    peak: f64,
    real: Option<MemoryConfig>,
    ideal: MemoryConfig,
}

fn tries(bench: &Bench) -> Result<Vec<Try>, ReproduceError> {
    let mut tries = Vec::new();
    if let MemoryConfig::Dram(dram) = &bench.edge.memory {
        for (times, part) in CHANNELS {
            let channels = (dram.channels * times / part).max(1);
            let mut dram = dram.clone();
            dram.channels = channels;
            let real = MemoryConfig::Dram(dram);
            let machine = accelerator::Machine::new(with_memory(&bench.edge, real.clone()))?;
            let peak = machine
                .memory()
                .peak_bytes_per_second()
                .unwrap_or(f64::INFINITY);
            let whole = machine.memory().peak_whole_bytes_per_second();
            let ideal = MemoryConfig::Ideal(IdealConfig {
                bandwidth: whole.map_or(Bandwidth::Unlimited, Bandwidth::BytesPerSecond),
                latency_picoseconds: 0,
                capacity_bytes: u64::MAX,
                access_bytes: None,
            });
            tries.push(Try {
                channels: channels.into(),
                peak,
                real: Some(real),
                ideal,
            });
        }
    }
    tries.push(Try {
        channels: Value::Absent,
        peak: f64::INFINITY,
        real: None,
        ideal: IDEAL,
    });
    Ok(tries)
}

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let mut table = Sheet::new(&[
        ("model", "model"),
        ("channels", "channels"),
        ("peak_gigabytes_per_second", "peak GB/s"),
        ("tokens_per_second", "tokens/s, DRAM"),
        ("ideal_tokens_per_second", "tokens/s, ideal"),
        ("dram_cost_factor", "DRAM cost"),
        ("matmul_free_share", "F, DRAM"),
        ("ideal_matmul_free_share", "F, ideal"),
        ("memory_share", "memory"),
        ("ceiling", "ceiling, DRAM"),
    ]);
    let tries = tries(bench)?;
    let (mut findings, mut lines) = (Vec::new(), Vec::new());
    let cases = bench.cases(&[&bench.edge], &MODELS, &[RUN]);
    let answers = bench.ask(cases, |bench, case| {
        let workload = bench.workload(case.model, &case.run, TERNARY, &case.spec)?;
        let memories = tries.iter().flat_map(|each| {
            let real = each.real.as_ref().unwrap_or(&each.ideal);
            [real.clone(), each.ideal.clone()]
        });
        let machines = memories.map(|memory| with_memory(&case.spec, memory));
        Ok(machines
            .map(|machine| (machine, workload.clone()))
            .collect())
    })?;
    for (Case { model, .. }, answers) in answers {
        let mut told = Told::default();
        told.tell(model, &tries, &answers, &mut table);
        findings.extend(told.refused);
        findings.push(halves(model, told.halves));
        for (kind, points) in [("DRAM", told.real), ("ideal", told.ideal)] {
            lines.push(Line {
                name: format!("{model}, {kind}"),
                marks: points.clone(),
                points,
                ..Line::default()
            });
        }
    }
    let figures = vec![figure(bench, lines)?];
    Ok(Chapter {
        name: "memory",
        rank: Rank::Question,
        title: bench.title("Real memory against ideal"),
        text: TEXT.into(),
        table,
        findings,
        figures,
    })
}

/// What the runs of a model say. Points are gigabytes and tokens a second.
#[derive(Default)]
struct Told {
    real: Vec<(f64, f64)>,
    ideal: Vec<(f64, f64)>,
    /// The least bandwidth at which memory decides less than half of the token, in gigabytes a
    /// second.
    halves: Option<f64>,
    refused: Vec<String>,
}

impl Told {
    fn tell(&mut self, model: Subject, tries: &[Try], answers: &[Answer], table: &mut Sheet) {
        for (each, answers) in tries.iter().zip(answers.chunks(2)) {
            let (real, ideal) = match answers {
                [Ok(real), Ok(ideal)] => (real, ideal),
                [Err(error), _] | [_, Err(error)] => {
                    self.refused.push(refused(&model.to_string(), error));
                    continue;
                }
                _ => continue,
            };
            table.push(row(model, each, real, ideal));
            if each.real.is_some() {
                let gigabytes = each.peak / 1e9;
                self.real.push((gigabytes, tokens_per_second(real)));
                self.ideal.push((gigabytes, tokens_per_second(ideal)));
                if memory_share(real) < 0.5 && self.halves.is_none() {
                    self.halves = Some(gigabytes);
                }
            }
        }
    }
}

/// From where on memory decides less than half of a token, in words.
fn halves(model: Subject, gigabytes: Option<f64>) -> String {
    let half = percent(0.5);
    match gigabytes {
        Some(gigabytes) => format!(
            "{model}: from {gigabytes:.1} GB/s on memory decides less than {half} of the token."
        ),
        None => format!(
            "{model}: memory decides more than {half} of the token at every bandwidth tried."
        ),
    }
}

fn row(model: Subject, each: &Try, real: &RunRecord, ideal: &RunRecord) -> Vec<Value> {
    let has_real = each.real.is_some();
    let of_real = |value: Value| if has_real { value } else { Value::Absent };
    vec![
        model.into(),
        each.channels.clone(),
        Value::Quantity(each.peak / 1e9),
        of_real(Value::Quantity(tokens_per_second(real))),
        Value::Quantity(tokens_per_second(ideal)),
        of_real(Value::Factor(speedup(real, ideal))),
        of_real(Value::Share(real.amdahl().fraction())),
        Value::Share(ideal.amdahl().fraction()),
        of_real(Value::Share(memory_share(real))),
        of_real(Value::Factor(ceiling(real))),
    ]
}

fn figure(bench: &Bench, lines: Vec<Line>) -> Result<Drawn, ReproduceError> {
    let chart = LineChart {
        title: bench.title(&format!(
            "Tokens a second over memory bandwidth, {}",
            bench.edge.name
        )),
        x_label: "peak bandwidth of the memory (GB/s)".into(),
        y_label: "tokens a second".into(),
        x: XAxis::Doubling,
        y: Axis::Quantity,
        lines,
    };
    let caption = "One decoded token at a context of 2048: DRAM timed by command, and an ideal \
                   memory of the same peak.";
    Ok(Drawn::new("memory", caption, &chart)?)
}

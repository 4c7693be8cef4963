//! Which part to build next, by what each candidate gains at equal cost.

use accelerator::MachineSpec;
use dram::MemoryConfig;
use energy::{Area, Technology};
use tile_program::Family;
use workload_compiler::{Format, Run, Workload};

use super::parts::speedup;
use super::silicon::{grown_array, grown_scratchpads, grown_vector, machine, technology};
use super::{Bench, Chapter, TERNARY, with_memory};
use crate::published::{self, Form};
use crate::reproduce::ReproduceError;
use crate::sheet::{Sheet, Value, times};
use crate::what_if::pe_for;

/// What the next silicon, or the next memory, may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidate {
    Projections,
    Attention,
    Vector,
    Scratchpads,
    Memory,
}

const CANDIDATES: [Candidate; 5] = [
    Candidate::Projections,
    Candidate::Attention,
    Candidate::Vector,
    Candidate::Scratchpads,
    Candidate::Memory,
];

impl Candidate {
    const fn name(self) -> &'static str {
        match self {
            Self::Projections => "projection array",
            Self::Attention => "attention array",
            Self::Vector => "vector unit",
            Self::Scratchpads => "scratchpads",
            Self::Memory => "memory channels",
        }
    }

    /// The machine with this part grown; `None` where the machine has no limit there.
    fn build(
        self,
        technology: &Technology,
        spec: &MachineSpec,
        more: Area,
    ) -> Result<Option<MachineSpec>, ReproduceError> {
        Ok(match self {
            Self::Projections => {
                let (family, pe) = (Family::Projection, pe_for(TERNARY));
                Some(grown_array(technology, spec, family, pe, more)?)
            }
            Self::Attention => {
                let family = Family::Attention;
                let serving = |array: &&accelerator::ArraySpec| array.serves.contains(&family);
                let array = spec.arrays.iter().find(serving);
                let Some(array) = array else { return Ok(None) };
                let pe = array.array.element;
                Some(grown_array(technology, spec, family, pe, more)?)
            }
            Self::Vector => grown_vector(technology, spec, more),
            Self::Scratchpads => grown_scratchpads(technology, spec, more),
            Self::Memory => match &spec.memory {
                MemoryConfig::Ideal(_) => None,
                MemoryConfig::Dram(dram) => {
                    let mut dram = dram.clone();
                    dram.channels *= 2;
                    Some(with_memory(spec, MemoryConfig::Dram(dram)))
                }
            },
        })
    }
}

/// Model classes on whole machines.
const CLASSES: [(&str, &str); 4] = [
    ("small, plain", "gpt2-355m"),
    ("ternary by training", "bitnet-b1.58-large"),
    ("grouped queries, gated", "qwen2.5-0.5b"),
    ("no attention", "matmul-free-lm-370m"),
];
const RUNS: [Run; 2] = [Run::decode(4096), Run::prefill(64)];

/// Model classes of the published account: one token at these contexts.
const PUBLISHED: [(&str, &str); 5] = [
    ("below 0.5 B", "gpt2-124m"),
    ("1 B", "opt-1.3b"),
    ("7 B", "opt-6.7b"),
    ("7 B, gated", "llama-7b"),
    ("66 B", "opt-66b"),
];
const CONTEXTS: [u64; 3] = [128, 1024, 4096];

const TEXT: &str = "Every candidate costs the same: as much silicon as the machine has in all (arrays, \
vector unit, scratchpads; 45 nm), spent on one part alone, or as many memory channels again. Each \
machine is simulated with each candidate; the part to build next is the one that gains most. An array \
that serves everything is kept, and projections get a ternary array of that area beside it, or attention \
one of the array's own PEs. `8-bit` costs no silicon: LM head and cache in INT8 instead of BF16. On the \
published machines memory and vector unit are free, so they are no candidates there.";

/// A row to be asked.
struct Row {
    class: &'static str,
    model: &'static str,
    spec: MachineSpec,
    workload: Workload,
    narrow: Option<Workload>,
}

fn rows(bench: &Bench) -> Result<Vec<Row>, ReproduceError> {
    let mut rows = Vec::new();
    for spec in &bench.paper {
        let classes = if bench.quick {
            &PUBLISHED[..1]
        } else {
            &PUBLISHED[..]
        };
        for &(class, model) in classes {
            let preset = workload_compiler::find(model).expect("a shipped model");
            for context in CONTEXTS {
                let form = Form::TrueArchitecture;
                let mut workload = published::workload(preset, form, context)?;
                workload.precision.projection = TERNARY;
                rows.push(Row {
                    class,
                    model,
                    spec: spec.clone(),
                    workload,
                    narrow: None,
                });
            }
        }
    }
    for spec in [&bench.edge, &bench.cloud] {
        let classes = if bench.quick {
            &CLASSES[..1]
        } else {
            &CLASSES[..]
        };
        for &(class, model) in classes {
            for run in RUNS {
                let workload = bench.workload(model, &run, TERNARY, spec)?;
                let mut narrow = workload.clone();
                narrow.precision.lm_head = Format::Int8;
                narrow.precision.kv_cache = Format::Int8;
                rows.push(Row {
                    class,
                    model,
                    spec: spec.clone(),
                    workload,
                    narrow: Some(narrow),
                });
            }
        }
    }
    Ok(rows)
}

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let technology = technology();
    let mut table = Sheet::new(&[
        ("machine", "machine"),
        ("class", "class"),
        ("model", "model"),
        ("run", "run"),
        ("matmul_free_share", "F"),
        ("cost_square_millimetres", "cost, mm2"),
        ("projection_array_gain", "projections"),
        ("attention_array_gain", "attention"),
        ("vector_unit_gain", "vector"),
        ("scratchpad_gain", "scratchpads"),
        ("memory_channel_gain", "memory"),
        ("eight_bit_gain", "8-bit"),
        ("build_next", "build next"),
    ]);
    let rows = rows(bench)?;
    let mut asked = Vec::new();
    let mut places = Vec::new();
    for row in &rows {
        let cost = machine(&technology, &row.spec)?;
        let mut place = (asked.len(), Vec::new(), None, cost);
        asked.push((row.spec.clone(), row.workload.clone()));
        for candidate in CANDIDATES {
            if let Some(spec) = candidate.build(&technology, &row.spec, cost)? {
                place.1.push((candidate, asked.len()));
                asked.push((spec, row.workload.clone()));
            }
        }
        if let Some(narrow) = &row.narrow {
            place.2 = Some(asked.len());
            asked.push((row.spec.clone(), narrow.clone()));
        }
        places.push(place);
    }
    let answers = bench.runs(&asked);
    let mut chosen: Vec<(String, Candidate)> = Vec::new();
    for (row, (base, candidates, narrow, cost)) in rows.iter().zip(places) {
        let Ok(base) = &answers[base] else { continue };
        let gain = |index: usize| Some(speedup(base, answers[index].as_ref().ok()?));
        let gains: Vec<(Candidate, f64)> = candidates
            .iter()
            .filter_map(|&(candidate, index)| Some((candidate, gain(index)?)))
            .collect();
        let of = |candidate| {
            let found = gains.iter().find(|(each, _)| *each == candidate);
            found.map_or(Value::Absent, |(_, gain)| Value::Factor(*gain))
        };
        let best = gains.iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
        let mut cells = vec![
            row.spec.name.clone().into(),
            row.class.into(),
            row.model.into(),
            row.workload.run.to_string().into(),
            Value::Share(base.amdahl().fraction()),
            Value::Quantity(cost.square_millimetres()),
        ];
        cells.extend(CANDIDATES.map(of));
        cells.push(narrow.and_then(gain).map_or(Value::Absent, Value::Factor));
        cells.push(best.map_or(Value::Absent, |(candidate, gain)| {
            format!("{} ({})", candidate.name(), times(*gain)).into()
        }));
        table.push(cells);
        chosen.extend(best.map(|(candidate, _)| (row.spec.name.clone(), *candidate)));
    }
    Ok(Chapter {
        name: "roadmap",
        title: "What to build next",
        text: TEXT.into(),
        table,
        findings: say(&chosen),
        figures: Vec::new(),
    })
}

/// How often each part comes first, machine by machine.
fn say(chosen: &[(String, Candidate)]) -> Vec<String> {
    let mut machines: Vec<&str> = chosen.iter().map(|(name, _)| name.as_str()).collect();
    machines.dedup();
    let sentence = |machine: &str| {
        let ours: Vec<_> = chosen.iter().filter(|(name, _)| name == machine).collect();
        let counts = CANDIDATES.iter().filter_map(|candidate| {
            let count = ours.iter().filter(|(_, each)| each == candidate).count();
            (count > 0).then(|| format!("{} in {count}", candidate.name()))
        });
        let counts: Vec<_> = counts.collect();
        format!(
            "On {machine} the part to build next, of {} runs: {}.",
            ours.len(),
            counts.join(", ")
        )
    };
    machines.into_iter().map(sentence).collect()
}

//! Which part to build next, by what each candidate gains at equal cost.

use accelerator::MachineSpec;
use dram::MemoryConfig;
use energy::{Area, Technology};
use tile_program::Family;
use workload_compiler::{Format, Run, Workload};

use super::parts::speedup;
use super::silicon::{grown_array, grown_scratchpads, grown_vector, machine, technology};
use super::{Bench, Case, Chapter, Rank, Subject, TERNARY, with_memory};
use crate::figure::{Drawn, HeatMap, HeatScale};
use crate::published::{self, Form};
use crate::setting::ReproduceError;
use crate::sheet::{Value, times};
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
                let array = spec.cores.first().arrays.iter().find(serving);
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
const CLASSES: [(&str, &str, &[Run]); 6] = [
    ("small, plain", "gpt2-355m", &RUNS),
    ("ternary by training, 0.7 B", "bitnet-b1.58-large", &RUNS),
    ("grouped queries, gated", "qwen2.5-0.5b", &RUNS),
    ("no attention", "matmul-free-lm-370m", &RUNS),
    ("ternary by training, 2 B", "bitnet-b1.58-2b-4t", &DECODE),
    ("ternary after training, 1 B", "falcon3-1b-1.58bit", &DECODE),
];
const RUNS: [Run; 2] = [Run::decode(4096), Run::prefill(64)];
const DECODE: [Run; 1] = [Run::decode(4096)];

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
    case: Case,
    workload: Workload,
    /// With an LM head and a cache of 8 bits.
    narrow: Option<Workload>,
}

/// A row answered.
struct Answered {
    row: Row,
    cost: Area,
    fraction: f64,
    /// By candidate, where it could be built and run.
    gains: Vec<(Candidate, f64)>,
    narrow: Option<f64>,
}

impl Answered {
    fn gain(&self, candidate: Candidate) -> Option<f64> {
        let found = self.gains.iter().find(|(each, _)| *each == candidate);
        found.map(|(_, gain)| *gain)
    }

    /// The candidate that gains most.
    fn best(&self) -> Option<(Candidate, f64)> {
        let gains = self.gains.iter().copied();
        gains.max_by(|(_, a), (_, b)| a.total_cmp(b))
    }
}

fn rows(bench: &Bench) -> Result<Vec<Row>, ReproduceError> {
    let mut rows = Vec::new();
    for spec in &bench.paper {
        for &(class, model) in bench.asked(&PUBLISHED) {
            let model = Subject::whole(model);
            for context in CONTEXTS {
                let form = Form::TrueArchitecture;
                let mut workload = published::workload(model.preset(), form, context)?;
                workload.precision.projection = TERNARY;
                rows.push(Row {
                    class,
                    case: Case {
                        spec: spec.clone(),
                        model,
                        run: Run::decode(context),
                    },
                    workload,
                    narrow: None,
                });
            }
        }
    }
    for spec in [&bench.edge, &bench.cloud] {
        for &(class, model, runs) in bench.asked(&CLASSES) {
            let model = bench.subject(model);
            for run in runs {
                let workload = bench.workload(model, run, TERNARY, spec)?;
                let mut narrow = workload.clone();
                narrow.precision.lm_head = Format::Int8;
                narrow.precision.kv_cache = Format::Int8;
                rows.push(Row {
                    class,
                    case: Case {
                        spec: spec.clone(),
                        model,
                        run: run.clone(),
                    },
                    workload,
                    narrow: Some(narrow),
                });
            }
        }
    }
    Ok(rows)
}

/// Runs every row as it is and with each candidate, all at once. A row that cannot be run as it is
/// is left out.
fn answered(bench: &mut Bench) -> Result<Vec<Answered>, ReproduceError> {
    let technology = technology();
    let mut asked = Vec::new();
    let mut places = Vec::new();
    for row in rows(bench)? {
        let (spec, base) = (&row.case.spec, asked.len());
        let cost = machine(&technology, spec)?;
        asked.push((spec.clone(), row.workload.clone()));
        let mut candidates = Vec::new();
        for candidate in CANDIDATES {
            if let Some(grown) = candidate.build(&technology, spec, cost)? {
                candidates.push((candidate, asked.len()));
                asked.push((grown, row.workload.clone()));
            }
        }
        let narrow = row.narrow.as_ref().map(|narrow| {
            asked.push((spec.clone(), narrow.clone()));
            asked.len() - 1
        });
        places.push((row, cost, base, candidates, narrow));
    }
    let answers = bench.runs(&asked);
    let mut rows = Vec::new();
    for (row, cost, base, candidates, narrow) in places {
        let Ok(base) = &answers[base] else { continue };
        let gain = |index: usize| Some(speedup(base, answers[index].as_ref().ok()?));
        let gains = candidates
            .into_iter()
            .filter_map(|(candidate, index)| Some((candidate, gain(index)?)));
        rows.push(Answered {
            gains: gains.collect(),
            narrow: narrow.and_then(gain),
            fraction: base.amdahl().fraction(),
            row,
            cost,
        });
    }
    Ok(rows)
}

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let mut table = Case::table(&[
        ("class", "class"),
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
    let rows = answered(bench)?;
    let factor = |gain: Option<f64>| gain.map_or(Value::Absent, Value::Factor);
    for answered in &rows {
        let mut cells = vec![
            answered.row.class.into(),
            Value::Share(answered.fraction),
            Value::Quantity(answered.cost.square_millimetres()),
        ];
        cells.extend(CANDIDATES.map(|candidate| factor(answered.gain(candidate))));
        cells.push(factor(answered.narrow));
        cells.push(answered.best().map_or(Value::Absent, |(candidate, gain)| {
            format!("{} ({})", candidate.name(), times(gain)).into()
        }));
        table.push(answered.row.case.cells(cells));
    }
    let machines: Vec<Vec<&Answered>> = by_machine(&rows);
    Ok(Chapter {
        name: "roadmap",
        rank: Rank::Conclusion,
        title: bench.title("What to build next"),
        text: TEXT.into(),
        table,
        findings: machines.iter().map(|rows| say(rows)).collect(),
        figures: machines
            .iter()
            .map(|rows| figure(rows))
            .collect::<Result<_, _>>()?,
    })
}

/// The rows of each machine, in their order.
fn by_machine(rows: &[Answered]) -> Vec<Vec<&Answered>> {
    let groups = rows.chunk_by(|a, b| a.row.case.spec.name == b.row.case.spec.name);
    groups.map(|group| group.iter().collect()).collect()
}

/// How often each part comes first on a machine.
fn say(rows: &[&Answered]) -> String {
    let counts = CANDIDATES.iter().filter_map(|candidate| {
        let first =
            |answered: &&&Answered| answered.best().is_some_and(|(best, _)| best == *candidate);
        let count = rows.iter().filter(first).count();
        (count > 0).then(|| format!("{} in {count}", candidate.name()))
    });
    let counts: Vec<_> = counts.collect();
    format!(
        "On {} the part to build next, of {} runs: {}.",
        rows[0].row.case.spec.name,
        rows.len(),
        counts.join(", ")
    )
}

/// The gains of all candidates that a machine has.
fn figure(rows: &[&Answered]) -> Result<Drawn, ReproduceError> {
    let machine = &rows[0].row.case.spec.name;
    let mut candidates = CANDIDATES.to_vec();
    candidates.retain(|&candidate| rows.iter().any(|row| row.gain(candidate).is_some()));
    let narrow = rows.iter().any(|row| row.narrow.is_some());
    let mut columns: Vec<String> = candidates.iter().map(|each| each.name().into()).collect();
    columns.extend(narrow.then(|| "8-bit".into()));
    let cells = |answered: &&Answered| {
        let Case { model, run, .. } = &answered.row.case;
        let mut gains: Vec<_> = candidates.iter().map(|&each| answered.gain(each)).collect();
        gains.extend(narrow.then_some(answered.narrow));
        (format!("{model}, {run}"), gains)
    };
    let chart = HeatMap {
        title: format!(
            "What the next silicon buys on {machine}{}",
            rows[0].row.case.model.mark()
        ),
        x_label: "speedup of the run, candidates of equal cost".into(),
        columns,
        rows: rows.iter().map(cells).collect(),
        scale: HeatScale::Times,
    };
    let caption = format!(
        "Speedup on {machine} with as much silicon again spent on one part, or as many memory channels \
         again; `8-bit` costs nothing."
    );
    Ok(Drawn::new(format!("roadmap-{machine}"), caption, &chart)?)
}

//! What the published account leaves out, measured by the full machine: whole models, real memory,
//! vector work, packed weights, other dataflows, two arrays at once.
//!
//! Each question is a [`Chapter`]: a table, what it says in sentences made from its numbers, and
//! figures. All chapters share their runs.

mod area;
mod dataflows;
mod formats;
mod memory;
mod models;
mod overheads;
mod overlap;
mod parts;
mod roadmap;
mod silicon;

use std::fmt;

use accelerator::MachineSpec;
use dram::MemoryConfig;
use serde::Serialize;
use tile_program::Family;
use workload_compiler::{
    Format, ModelChoice, Overrides, Packing, PrecisionFile, Run, Workload, WorkloadFile, resolve,
};

use crate::figure::Drawn;
use crate::lab::{Answer, Lab};
use crate::reproduce::{Machines, ReproduceError};
use crate::sheet::{Sheet, Value};

/// One question and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Chapter {
    /// The name of its files.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What was asked, and how to read the table.
    pub text: String,
    /// The numbers.
    pub table: Sheet,
    /// What they say.
    pub findings: Vec<String>,
    /// Figures.
    #[serde(skip)]
    pub figures: Vec<Drawn>,
}

/// A model's run on a machine: what most questions are about.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) spec: MachineSpec,
    pub(crate) model: &'static str,
    pub(crate) run: Run,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}, {}", self.model, self.spec.name, self.run)
    }
}

impl Case {
    /// A table whose rows begin with the [`cells`](Self::cells) of a case.
    fn table(more: &[(&'static str, &'static str)]) -> Sheet {
        let first = [("machine", "machine"), ("model", "model"), ("run", "run")];
        Sheet::new(&[&first, more].concat())
    }

    /// The first cells of its rows, and more.
    fn cells(&self, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let first = [
            self.spec.name.as_str().into(),
            self.model.into(),
            self.run.to_string().into(),
        ];
        first.into_iter().chain(more).collect()
    }
}

/// The machines of the chapters, and their runs.
pub(crate) struct Bench {
    /// A small machine with a real memory.
    pub(crate) edge: MachineSpec,
    /// A large one.
    pub(crate) cloud: MachineSpec,
    /// The published machines, counted as published.
    pub(crate) paper: [MachineSpec; 2],
    /// One array for everything.
    pub(crate) single: MachineSpec,
    /// Short: one model of two blocks in place of each list.
    pub(crate) quick: bool,
    lab: Lab,
}

/// Ternary weights at 1.6 bits.
pub(crate) const TERNARY: Format = Format::Ternary {
    packing: Packing::FiveTritsPerByte,
};

/// The memory that costs nothing.
pub(crate) const IDEAL: MemoryConfig = MemoryConfig::Ideal(dram::IdealConfig {
    bandwidth: dram::Bandwidth::Unlimited,
    latency_picoseconds: 0,
    capacity_bytes: u64::MAX,
    access_bytes: None,
});

/// The machine with another memory.
pub(crate) fn with_memory(spec: &MachineSpec, memory: MemoryConfig) -> MachineSpec {
    MachineSpec {
        memory,
        ..spec.clone()
    }
}

impl Bench {
    /// What was run before is not run again.
    pub(crate) fn new(machines: &Machines, quick: bool, lab: Lab) -> Self {
        let [edge, cloud, single] = machines.real.clone();
        Self {
            edge,
            cloud,
            paper: [machines.edge.clone(), machines.cloud.clone()],
            single,
            quick,
            lab,
        }
    }

    /// The models of a chapter.
    pub(crate) fn models<T>(&self, models: &'static [T]) -> &'static [T] {
        if self.quick { &models[..1] } else { models }
    }

    /// Each model's runs on each machine.
    pub(crate) fn cases(
        &self,
        machines: &[&MachineSpec],
        models: &'static [&'static str],
        runs: &[Run],
    ) -> Vec<Case> {
        let mut cases = Vec::new();
        for &spec in machines {
            for &model in self.models(models) {
                cases.extend(runs.iter().map(|run| Case {
                    spec: spec.clone(),
                    model,
                    run: run.clone(),
                }));
            }
        }
        cases
    }

    /// A whole model; what is not a projection as wide as the machine's arrays take it.
    pub(crate) fn workload(
        &self,
        model: &str,
        run: &Run,
        projection: Format,
        spec: &MachineSpec,
    ) -> Result<Workload, ReproduceError> {
        let wide = |family| {
            let array = spec
                .arrays
                .iter()
                .find(|array| array.serves.contains(&family));
            let wide = array.is_some_and(|array| array.kind.weight.bits().get() >= 16);
            Some(if wide { Format::Bf16 } else { Format::Int8 })
        };
        let choice = if self.quick {
            ModelChoice::Variant(Box::new(Overrides {
                of: model.into(),
                name: Some(format!("{model}, two blocks")),
                layers: Some(2),
                vocab: Some(1024),
                ..Overrides::default()
            }))
        } else {
            ModelChoice::Preset(model.into())
        };
        let file = WorkloadFile {
            precision: PrecisionFile {
                projection: Some(projection),
                attention: wide(Family::Attention),
                lm_head: wide(Family::LmHead),
                kv_cache: None,
                activation: None,
            },
            beyond_max_context: true,
            ..WorkloadFile::new(choice, run.clone())
        };
        Ok(resolve(&file, |path| {
            Err(format!("{path} is not asked for"))
        })?)
    }

    /// Runs what has not been run yet; results in the order of the questions.
    pub(crate) fn runs(&mut self, asked: &[(MachineSpec, Workload)]) -> Vec<Answer> {
        self.lab.runs(asked)
    }

    /// Asks several things of each case, all of them at once: with each case its answers, in the
    /// order of its questions.
    ///
    /// # Errors
    /// If a question cannot be put.
    pub(crate) fn ask(
        &mut self,
        cases: Vec<Case>,
        questions: impl Fn(&Self, &Case) -> Result<Vec<(MachineSpec, Workload)>, ReproduceError>,
    ) -> Result<Vec<(Case, Vec<Answer>)>, ReproduceError> {
        let mut asked = Vec::new();
        let mut counts = Vec::new();
        for case in &cases {
            let questions = questions(self, case)?;
            counts.push(questions.len());
            asked.extend(questions);
        }
        let mut answers = self.runs(&asked).into_iter();
        let cases = cases.into_iter().zip(counts);
        Ok(cases
            .map(|(case, count)| (case, answers.by_ref().take(count).collect()))
            .collect())
    }
}

type Study = fn(&mut Bench) -> Result<Chapter, ReproduceError>;

/// The chapters in their order.
const STUDIES: [Study; 8] = [
    models::chapter,
    overheads::chapter,
    memory::chapter,
    formats::chapter,
    dataflows::chapter,
    overlap::chapter,
    area::chapter,
    roadmap::chapter,
];

/// Asks all questions.
///
/// # Errors
/// If a machine or a figure cannot be made.
pub(crate) fn chapters(bench: &mut Bench, step: &dyn Fn()) -> Result<Vec<Chapter>, ReproduceError> {
    let chapters = STUDIES.iter().map(|study| {
        step();
        study(bench)
    });
    chapters.collect()
}

/// How many chapters there are.
pub(crate) const CHAPTERS: u64 = STUDIES.len() as u64;

/// What could not be run, for the findings.
pub(crate) fn refused(what: &str, error: &str) -> String {
    format!("{what} cannot be run: {error}.")
}

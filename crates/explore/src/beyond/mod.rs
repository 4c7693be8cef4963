//! What the published account leaves out, measured by the full machine: whole models, real memory,
//! vector work, packed weights, other dataflows, two arrays at once.
//!
//! Each question is a [`Chapter`]: a table, what it says in sentences made from its numbers, and
//! figures. All chapters share their runs.

mod area;
mod case;
mod dataflows;
mod formats;
mod memory;
mod models;
mod overheads;
mod overlap;
mod parts;
mod roadmap;
mod silicon;

use accelerator::MachineSpec;
use dram::MemoryConfig;
use serde::Serialize;
use tile_program::Family;
use workload_compiler::{Format, Packing, PrecisionFile, Run, Workload, WorkloadFile, resolve};

use crate::figure::Drawn;
use crate::lab::{Answer, Lab, Refusal};
use crate::setting::{Extent, Machines, ReproduceError};
use crate::sheet::Sheet;

pub(crate) use case::{Case, Subject};

/// The place of a chapter among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// One question of several, under the heading that they share.
    Question,
    /// What follows from all questions, under a heading of its own.
    Conclusion,
}

/// One question and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Chapter {
    /// The name of its files.
    pub name: &'static str,
    /// Whether it is one of the questions or the conclusion.
    #[serde(skip)]
    pub rank: Rank,
    /// The heading over it in the report.
    pub title: String,
    /// What was asked, and how to read the table.
    pub text: String,
    /// The table of numbers, which is also written as CSV.
    pub table: Sheet,
    /// What they say.
    pub findings: Vec<String>,
    /// The figures drawn of the table.
    #[serde(skip)]
    pub figures: Vec<Drawn>,
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
    /// Quick: one shortened model in place of each list.
    extent: Extent,
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
    pub(crate) fn new(machines: &Machines, extent: Extent, lab: Lab) -> Self {
        let [edge, cloud, single] = machines.real.clone();
        Self {
            edge,
            cloud,
            paper: [machines.edge.clone(), machines.cloud.clone()],
            single,
            extent,
            lab,
        }
    }

    /// What is asked of a chapter's list: all of it, or in a quick reproduction the first alone.
    pub(crate) fn asked<T>(&self, models: &'static [T]) -> &'static [T] {
        match self.extent {
            Extent::Full => models,
            Extent::Quick => &models[..1],
        }
    }

    /// A heading over what this reproduction asks: it says where models are shortened.
    pub(crate) fn title(&self, words: &str) -> String {
        format!("{words}{}", self.extent.mark())
    }

    /// A shipped model as the chapters run it: shortened in a quick reproduction.
    pub(crate) fn subject(&self, slug: &str) -> Subject {
        Subject::of(slug, self.extent)
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
            for &model in self.asked(models) {
                cases.extend(runs.iter().map(|run| Case {
                    spec: spec.clone(),
                    model: self.subject(model),
                    run: run.clone(),
                }));
            }
        }
        cases
    }

    /// A whole model; what is not a projection as wide as the machine's arrays take it.
    pub(crate) fn workload(
        &self,
        model: Subject,
        run: &Run,
        projection: Format,
        spec: &MachineSpec,
    ) -> Result<Workload, ReproduceError> {
        let wide = |family| {
            let array = spec
                .cores
                .first()
                .arrays
                .iter()
                .find(|array| array.serves.contains(&family));
            let wide = array.is_some_and(|array| array.kind.weight.bits().get() >= 16);
            Some(if wide { Format::Bf16 } else { Format::Int8 })
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
            ..WorkloadFile::new(model.choice(), run.clone())
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
    let note = bench.extent.note();
    let chapters = STUDIES.iter().map(|study| {
        step();
        let mut chapter = study(bench)?;
        if let Some(note) = note {
            chapter.text = format!("{note} {}", chapter.text);
        }
        Ok(chapter)
    });
    chapters.collect()
}

/// How many chapters there are.
pub(crate) const CHAPTERS: u64 = STUDIES.len() as u64;

/// What could not be run, for the findings.
pub(crate) fn refused(what: &str, refusal: &Refusal) -> String {
    format!("{what} cannot be run: {}.", refusal.why())
}

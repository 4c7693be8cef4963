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
use crate::sheet::Sheet;

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
});

/// The machine with another memory.
pub(crate) fn with_memory(spec: &MachineSpec, memory: MemoryConfig) -> MachineSpec {
    MachineSpec {
        memory,
        ..spec.clone()
    }
}

impl Bench {
    pub(crate) fn new(machines: &Machines, quick: bool) -> Self {
        let [edge, cloud, single] = machines.real.clone();
        Self {
            edge,
            cloud,
            paper: [machines.edge.clone(), machines.cloud.clone()],
            single,
            quick,
            lab: Lab::default(),
        }
    }

    /// The models of a chapter.
    pub(crate) fn models<'a>(&self, models: &'a [&'a str]) -> &'a [&'a str] {
        if self.quick { &models[..1] } else { models }
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

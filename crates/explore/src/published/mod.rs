//! The published figures: their models, their way of counting, and the comparison.
//!
//! Figures: "Matmul or No Matmul in the Era of 1-bit LLMs" (arXiv 2408.11939) and, of the same
//! group, decoder, simulator and machine, PIM-LLM (arXiv 2504.01994).

mod cell;
mod check;

use serde::{Deserialize, Serialize, Serializer};
use workload_compiler::{
    FeedForward, Format, Fusion, Heads, MaskedKeys, ModelChoice, Operators, Overrides,
    PrecisionFile, Preset, Run, Softmax, Split, Weights, Workload, WorkloadFile, resolve,
};

use simulator::RunRecord;

pub use cell::{Cell, Printed, Quantity};
pub use check::{CellError, CheckError, Checked, check};
pub(crate) use check::{compare_all, workloads};

/// The machine that the figures were published for: the name of its file.
pub const EDGE_MACHINE: &str = "edge-tpu-paper";

/// In which form a model is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// With the shape that the published figures were computed for.
    AsPublished,
    /// With the shape of the real model.
    TrueArchitecture,
}

impl Form {
    /// Both, the published first.
    pub const ALL: [Self; 2] = [Self::AsPublished, Self::TrueArchitecture];

    /// As reports say.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AsPublished => "as published",
            Self::TrueArchitecture => "true architecture",
        }
    }
}

impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How wide the published feed-forward network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Width {
    /// As in the real model.
    True,
    /// As the residual stream.
    AsWideAsModel,
}

/// How the published models of a family differ from the real ones.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyRule {
    /// `gpt2`, as in the table of models.
    pub family: String,
    /// Short names of the models of the published question, in the order of the table of models.
    pub models: Vec<String>,
    d_ff: Width,
    feed_forward: FeedForward,
    /// The difference in words.
    pub difference: String,
}

/// The rules of all families that have one.
///
/// # Panics
/// If the data file that is compiled in is malformed; a test reads it.
#[must_use]
pub fn family_rules() -> Vec<FamilyRule> {
    ron::from_str(include_str!("../../data/published-families.ron"))
        .expect("the shipped table of families is well formed")
}

/// One decoded token of a model at a context, counted as published: the GEMMs of the blocks alone,
/// each head its own GEMM, 8-bit operands.
///
/// # Errors
/// If no workload can have this context.
pub fn workload(preset: &Preset, form: Form, context: u64) -> Result<Workload, config::FieldError> {
    let file = WorkloadFile {
        model: model(preset, form),
        run: Run::decode(context),
        batch: 1,
        precision: PrecisionFile {
            projection: Some(Format::Int8),
            attention: Some(Format::Int8),
            lm_head: Some(Format::Int8),
            kv_cache: None,
            activation: None,
        },
        weights: Weights::Kept,
        operators: Operators::BlockGemms,
        heads: Heads::Separate,
        softmax: Softmax::Auto,
        masked_keys: MaskedKeys::Compute,
        fusion: Fusion::Full,
        split: Split::default(),
        // Published up to 4096, twice what most of these models were made for.
        beyond_max_context: true,
    };
    resolve(&file, |path| Err(format!("{path} is not asked for")))
}

/// The model in a form, as a workload file names it.
fn model(preset: &Preset, form: Form) -> ModelChoice {
    let rules = family_rules();
    let rule = rules.iter().find(|rule| rule.family == preset.model.family);
    match (form, rule) {
        (Form::AsPublished, Some(rule)) => ModelChoice::Variant(Box::new(Overrides {
            of: preset.slug.clone(),
            name: Some(format!("{} (as published)", preset.model.name)),
            d_ff: match rule.d_ff {
                Width::True => None,
                Width::AsWideAsModel => Some(preset.model.d_model),
            },
            feed_forward: Some(rule.feed_forward),
            ..Overrides::default()
        })),
        _ => ModelChoice::Preset(preset.slug.clone()),
    }
}

/// The share of the cycles that projections hold, as published: each fold costs the whole array.
#[must_use]
pub fn projection_fraction(run: &RunRecord) -> f64 {
    run.amdahl().fraction()
}

/// The decode rate as published: the simulator behind it reports the index of a GEMM's last cycle,
/// one less than the number of its cycles, and GEMMs follow one another.
#[must_use]
pub fn tokens_per_second(run: &RunRecord) -> f64 {
    let cycles = run.summary.total.get().saturating_sub(run.gemms);
    run.workload.tokens() as f64 * run.clock().as_hertz_f64() / cycles.max(1) as f64
}

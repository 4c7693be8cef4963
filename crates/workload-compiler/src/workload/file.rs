//! A workload file as written.

use std::fmt;

use serde::de::value::EnumAccessDeserializer;
use serde::de::{Deserializer, EnumAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Fusion, Heads, MaskedKeys, Operators, Run, Softmax, Split, Weights};
use crate::format::Format;
use crate::model::{Activation, DenseLayer, FeedForward};

/// A workload file as written:
///
/// ```ron
/// Workload(
///     model: "bitnet-b1.58-2b-4t",
///     run: Decode(context: 2048),
/// )
/// ```
///
/// Everything but `model` and `run` has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Workload", deny_unknown_fields)]
pub struct WorkloadFile {
    /// A shipped model's name, `HuggingFace("path/config.json")`,
    /// `Variant(of: "llama-7b", d_ff: 4096)` or `Dense([(inputs: 2000, outputs: 2000)])`.
    pub model: ModelChoice,
    /// `Prefill(tokens: 512)`, `Decode(context: 2048)`, `Generate(prompt: 512, tokens: 128)` or
    /// `Mixed(decode: [2048, 512], prefill: 256)`.
    pub run: Run,
    /// Copies of the run's sequences side by side. Default 1.
    #[serde(default = "one")]
    pub batch: u64,
    /// Formats per operator class. Default: what the model was published in.
    #[serde(default)]
    pub precision: PrecisionFile,
    /// What of the weights stays on chip from pass to pass: what fits (`Kept`, the default), the
    /// same and there from the start (`Warm`), or nothing (`Streamed`).
    #[serde(default)]
    pub weights: Weights,
    /// Which operators are run. Default `All`.
    #[serde(default)]
    pub operators: Operators,
    /// Whether query heads that share keys are one GEMM (`Grouped`, the default) or each its own
    /// (`Separate`).
    #[serde(default)]
    pub heads: Heads,
    /// Whether softmax waits for whole rows where they fit (`Auto`, the default) or goes block by
    /// block (`Online`).
    #[serde(default)]
    pub softmax: Softmax,
    /// Whether a prefill leaves out keys that the mask hides from a whole block of queries (`Skip`,
    /// the default) or computes the full rectangle (`Compute`).
    #[serde(default)]
    pub masked_keys: MaskedKeys,
    /// How much is done with a tile while it is on chip: `Full` (the default), `AllButAttention`
    /// (scores and probabilities go through main memory) or `None` (every result does, kernel after
    /// kernel).
    #[serde(default)]
    pub fusion: Fusion,
    /// How the model is split over the cores of a machine. Default: each layer over all of them.
    #[serde(default)]
    pub split: Split,
    /// Allows contexts longer than the model was made for. Default false.
    #[serde(default)]
    pub beyond_max_context: bool,
}

const fn one() -> u64 {
    1
}

impl WorkloadFile {
    /// What a file says that names a model and a run and nothing else.
    #[must_use]
    pub fn new(model: ModelChoice, run: Run) -> Self {
        Self {
            model,
            run,
            batch: one(),
            precision: PrecisionFile::default(),
            weights: Weights::default(),
            operators: Operators::default(),
            heads: Heads::default(),
            softmax: Softmax::default(),
            masked_keys: MaskedKeys::default(),
            fusion: Fusion::default(),
            split: Split::default(),
            beyond_max_context: false,
        }
    }
}

/// Formats per operator class; what is left out has a default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrecisionFile {
    /// Weights of the projections. Default: `Ternary(packing: TwoBits)` for models published so,
    /// `Bf16` for all others.
    pub projection: Option<Format>,
    /// Operands of attention. Default `Bf16`.
    pub attention: Option<Format>,
    /// Weights of the LM head. Default `Bf16`.
    pub lm_head: Option<Format>,
    /// The cache of keys and values. Default: as attention.
    pub kv_cache: Option<Format>,
    /// Vectors between operators. Default `Bf16`.
    pub activation: Option<Format>,
}

/// Where the model comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ModelChoice {
    /// A file in the form of Hugging Face's `config.json`.
    HuggingFace(String),
    /// A shipped model with some of its shape changed: `Variant(of: "llama-7b", d_ff: 4096)`.
    Variant(Box<Overrides>),
    /// Dense layers by themselves: `Dense([(count: 5, inputs: 2000, outputs: 2000)])`.
    Dense(Vec<DenseLayer>),
    /// A shipped model: `"llama-2-7b"`.
    #[serde(untagged)]
    Preset(String),
}

/// A shipped model with some of its shape changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // The fields are those of `Model`, each replaced if given.
pub struct Overrides {
    /// The shipped model that is changed.
    pub of: String,
    /// What the result is called. Default: the preset's name and "(variant)".
    pub name: Option<String>,
    pub layers: Option<u64>,
    pub d_model: Option<u64>,
    pub n_heads: Option<u64>,
    pub n_kv_heads: Option<u64>,
    pub head_dim: Option<u64>,
    pub d_ff: Option<u64>,
    pub feed_forward: Option<FeedForward>,
    pub activation: Option<Activation>,
    pub vocab: Option<u64>,
    pub tied_embeddings: Option<bool>,
    pub max_context: Option<u64>,
    pub sliding_window: Option<u64>,
}

/// The forms of a model that have a name in the file.
#[derive(Deserialize)]
enum Named {
    HuggingFace(String),
    Variant(Box<Overrides>),
    Dense(Vec<DenseLayer>),
}

struct ModelVisitor;

impl<'de> Visitor<'de> for ModelVisitor {
    type Value = ModelChoice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the name of a shipped model, HuggingFace(\"path/config.json\"), Variant(of: ...) or \
             Dense([...])",
        )
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ModelChoice, E> {
        Ok(ModelChoice::Preset(name.to_owned()))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<ModelChoice, A::Error> {
        Ok(
            match Named::deserialize(EnumAccessDeserializer::new(data))? {
                Named::HuggingFace(path) => ModelChoice::HuggingFace(path),
                Named::Variant(overrides) => ModelChoice::Variant(overrides),
                Named::Dense(layers) => ModelChoice::Dense(layers),
            },
        )
    }
}

impl<'de> Deserialize<'de> for ModelChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModelVisitor)
    }
}

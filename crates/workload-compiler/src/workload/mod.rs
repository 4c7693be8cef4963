//! A workload: a model, a run and its precision; as written ([`WorkloadFile`]) and as checked
//! ([`Workload`]).

mod file;
mod resolve;
mod run;
mod split;

use std::fmt;

use config::FieldError;
use serde::{Deserialize, Serialize};

use crate::format::Format;
use crate::model::{Mixer, Model};

pub use file::{ModelChoice, Overrides, PrecisionFile, WorkloadFile};
pub use resolve::resolve;
pub use run::{Lengths, Run};
pub use split::{Algorithm, Split};

/// Which operators are run and counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operators {
    /// The whole model.
    #[default]
    All,
    /// The blocks alone: no embedding, final norm or LM head.
    Blocks,
    /// All GEMMs, with the LM head; no vector work, embedding or cache appends.
    Gemms,
    /// The GEMMs of the blocks alone: the account of "Matmul or No Matmul in the Era of 1-bit
    /// LLMs".
    BlockGemms,
}

impl Operators {
    /// Whether norms, softmax, activations and the like are run.
    #[must_use]
    pub const fn vector(self) -> bool {
        matches!(self, Self::All | Self::Blocks)
    }

    /// Whether embedding rows are fetched.
    #[must_use]
    pub const fn embedding(self) -> bool {
        matches!(self, Self::All)
    }

    /// Whether the LM head is run.
    #[must_use]
    pub const fn lm_head(self) -> bool {
        matches!(self, Self::All | Self::Gemms)
    }
}

/// How the query heads that share a key/value head become GEMMs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heads {
    /// One GEMM: the query heads stand side by side in its M, so keys pass the array once.
    #[default]
    Grouped,
    /// Each query head is a GEMM of its own.
    Separate,
}

/// How attention's scores become probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Softmax {
    /// Whole rows if they fit on chip, else blocks of keys: whichever moves fewer bytes.
    #[default]
    Auto,
    /// Blocks of keys with running maximum and sum; partial contexts are rescaled.
    Online,
}

/// How much is done with a tile while it is on chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fusion {
    /// Row-wise and element-wise work rides on the tiles of GEMMs, vectors that fit stay on chip,
    /// scores never leave it.
    #[default]
    Full,
    /// The same, but scores are written to main memory, softmax reads and writes them there, and
    /// the context reads them.
    AllButAttention,
    /// Each operator is a kernel of its own: it reads its operands from main memory and writes its
    /// result there, and the next begins when it has ended.
    None,
}

/// What a prefill does about keys that the mask hides from a whole block of queries: positions
/// after its last one, and those that have left its sliding window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MaskedKeys {
    /// They are left out: the triangle, to within a block.
    #[default]
    Skip,
    /// Their scores are computed and masked: the full rectangle.
    Compute,
}

/// What of the weights stays in their scratchpad from pass to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Weights {
    /// Matrices that fit beside what else the scratchpad must hold: loaded at their first use,
    /// there for all passes after it.
    #[default]
    Kept,
    /// The same, and there before the run begins: a decode step amid many.
    Warm,
    /// Nothing: each pass loads all weights.
    Streamed,
}

/// Formats per operator class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Precision {
    /// Weights of the projections inside the blocks.
    pub projection: Format,
    /// Both operands of scores and context, as the array sees them.
    pub attention: Format,
    /// Weights of the LM head (and of the embedding table, where it is the same).
    pub lm_head: Format,
    /// Keys and values as they lie in memory.
    pub kv_cache: Format,
    /// Vectors between operators: the residual stream, queries, feed-forward vectors.
    pub activation: Format,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "projections {}, attention {}, KV cache {}, LM head {}, activations {}",
            self.projection, self.attention, self.kv_cache, self.lm_head, self.activation
        )
    }
}

/// A checked workload: what a compiler needs, nothing missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Workload {
    /// The model, overrides applied.
    pub model: Model,
    /// What is run.
    pub run: Run,
    /// Copies of the run's sequences side by side.
    pub batch: u64,
    /// Formats per operator class.
    pub precision: Precision,
    /// What of the weights stays on chip from pass to pass.
    pub weights: Weights,
    /// Which operators are run.
    pub operators: Operators,
    /// How query heads become GEMMs.
    pub heads: Heads,
    /// How scores become probabilities.
    pub softmax: Softmax,
    /// Whether a prefill computes what the mask hides.
    pub masked_keys: MaskedKeys,
    /// How much is done with a tile while it is on chip.
    pub fusion: Fusion,
    /// How the model is split over cores.
    pub split: Split,
    /// What the model's file says that the model does not hold, and what in it is not known.
    #[serde(skip)]
    pub warnings: Vec<FieldError>,
}

impl Workload {
    /// Rows that the run adds to its results, over the whole batch: a language model's are tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.run.tokens() * self.batch
    }

    /// The tokens that the run adds to its results, over the whole batch; `None` for dense layers
    /// by themselves, whose results are no tokens.
    #[must_use]
    pub fn tokens_made(&self) -> Option<u64> {
        (!matches!(self.model.mixer, Mixer::Dense(_))).then(|| self.tokens())
    }

    /// Sequences side by side, over the whole batch.
    #[must_use]
    pub fn sequences(&self) -> u64 {
        self.run.sequences() * self.batch
    }
}

//! What a language model is made of, as far as shapes and operators go.

mod dense;
mod hugging_face;
pub(crate) mod limits;
mod parameters;
mod precision;
mod presets;
mod summary;

use serde::{Deserialize, Serialize};

use config::FieldError;
use tile_program::VectorKind;

pub use dense::DenseLayer;
pub(crate) use dense::dense_model;
pub use hugging_face::{ModelFile, from_hugging_face};
pub use precision::PublishedPrecision;
pub use presets::{Preset, find, models, nearest};

/// How tokens see each other in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mixer {
    /// Softmax attention over a cache of keys and values.
    Attention,
    /// The elementwise gated recurrence of MatMul-free LM: projections i, f, g, o and a state of
    /// `d_model` per layer; no attention, no cache.
    Mlgru,
    /// Not at all, and there are no blocks: dense layers in a row, no embedding and no LM head.
    Dense(Vec<DenseLayer>),
}

/// The form of the feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedForward {
    /// Two matrices: up, activation, down.
    #[serde(alias = "Plain")]
    Plain,
    /// Three matrices: activation(gate) times up, down.
    #[serde(alias = "Gated")]
    Gated,
}

/// The non-linearity of the feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The rectifier: max(x, 0).
    #[serde(alias = "Relu")]
    Relu,
    /// The squared rectifier: max(x, 0)².
    #[serde(alias = "SquaredRelu")]
    SquaredRelu,
    /// Gaussian error linear unit, tanh form.
    #[serde(alias = "Gelu")]
    Gelu,
    /// x · sigmoid(x).
    #[serde(alias = "Silu")]
    Silu,
}

impl Activation {
    /// What the vector unit does for it.
    #[must_use]
    pub const fn kind(self) -> VectorKind {
        match self {
            Self::Relu => VectorKind::Relu,
            Self::SquaredRelu => VectorKind::SquaredRelu,
            Self::Gelu => VectorKind::Gelu,
            Self::Silu => VectorKind::Silu,
        }
    }
}

/// The kind of norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Mean and variance.
    LayerNorm,
    /// Root mean square.
    RmsNorm,
}

impl Norm {
    /// What the vector unit does for it.
    #[must_use]
    pub const fn kind(self) -> VectorKind {
        match self {
            Self::LayerNorm => VectorKind::LayerNorm,
            Self::RmsNorm => VectorKind::RmsNorm,
        }
    }
}

/// Where the norms of a block stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormPlacement {
    /// Before attention and before the feed-forward network.
    Pre,
    /// After each residual sum (the first transformers, OPT 350M).
    Post,
    /// Before and after each of the two (Gemma 2 and 3).
    Sandwich,
    /// One norm feeds attention and feed-forward side by side (Phi-2).
    Parallel,
    /// Attention and feed-forward stand side by side, each after a norm of its own (GPT-NeoX).
    ParallelTwo,
}

/// How positions enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// A learned vector is added to the embedding.
    Learned,
    /// Queries and keys rotate.
    Rotary,
    /// Not at all (recurrent models).
    None,
}

/// The shape and the operators of a decoder-only language model. Sizes are in elements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// How the model is called in reports.
    pub name: String,
    /// The architecture's family: `llama`, `opt`, `bitnet`.
    pub family: String,
    /// Number of blocks.
    pub layers: u64,
    /// Width of the residual stream.
    pub d_model: u64,
    /// The number of query heads.
    pub n_heads: u64,
    /// Key/value heads; query heads share them evenly.
    pub n_kv_heads: u64,
    /// Width of a head (not always `d_model / n_heads`).
    pub head_dim: u64,
    /// Width of the feed-forward network.
    pub d_ff: u64,
    /// How tokens see each other.
    pub mixer: Mixer,
    /// Plain or gated.
    pub feed_forward: FeedForward,
    /// Of the feed-forward network.
    pub activation: Activation,
    /// Kind of all norms.
    pub norm: Norm,
    /// Where they stand.
    pub norm_placement: NormPlacement,
    /// A further norm before the output and the down projection (BitNet b1.58 2B4T).
    pub sub_norms: bool,
    /// A norm inside every linear layer (1bitLLM's BitNet b1.58, MatMul-free LM).
    pub linear_norms: bool,
    /// A norm over each head of queries and keys (Qwen3, Gemma 3).
    pub qk_norm: bool,
    /// How positions enter.
    pub position: Position,
    /// Dimensions of a head that rotate.
    pub rotary_dim: u64,
    /// Whether Q, K and V have a bias.
    pub qkv_bias: bool,
    /// Whether the other linear layers have one.
    pub linear_bias: bool,
    /// The number of tokens of the vocabulary.
    pub vocab: u64,
    /// Whether the LM head is the embedding table.
    pub tied_embeddings: bool,
    /// Width of the embedding table; where it is not `d_model`, two matrices project in and out.
    pub embedding_dim: u64,
    /// The longest context that the model was made for.
    pub max_context: u64,
    /// Attention sees only so many last positions, in the layers that are not global.
    pub sliding_window: Option<u64>,
    /// With a sliding window: every n-th layer is global; `None` or 0: none is.
    pub global_every: Option<u64>,
    /// With a sliding window: further layers that are global, in order. Empty where `global_every`
    /// says it all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub global_layers: Vec<u64>,
    /// Layers that do not rotate queries and keys, in order (SmolLM3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrotated_layers: Vec<u64>,
    /// The precision that the weights were published in: `bf16`, `W1.58A8`.
    pub published_precision: PublishedPrecision,
}

impl Model {
    /// Width of all query heads together.
    #[must_use]
    pub const fn query_width(&self) -> u64 {
        self.n_heads * self.head_dim
    }

    /// Width of all key (or value) heads together.
    #[must_use]
    pub const fn kv_width(&self) -> u64 {
        self.n_kv_heads * self.head_dim
    }

    /// Query heads that share one key/value head.
    #[must_use]
    pub const fn group(&self) -> u64 {
        self.n_heads / self.n_kv_heads
    }

    /// The window of a layer's attention, if it has one.
    #[must_use]
    pub fn window(&self, layer: u64) -> Option<u64> {
        let window = self.sliding_window?;
        match self.global_every {
            Some(every) if every > 0 && (layer + 1).is_multiple_of(every) => None,
            _ if self.global_layers.binary_search(&layer).is_ok() => None,
            _ => Some(window),
        }
    }

    /// Dimensions of a head that rotate in a layer.
    #[must_use]
    pub fn rotary(&self, layer: u64) -> u64 {
        match self.unrotated_layers.binary_search(&layer) {
            Ok(_) => 0,
            Err(_) => self.rotary_dim,
        }
    }

    /// Matrices of the feed-forward network.
    const fn feed_forward_matrices(&self) -> u64 {
        match self.feed_forward {
            FeedForward::Plain => 2,
            FeedForward::Gated => 3,
        }
    }

    /// Weights of all projections in all blocks: what 1-bit weights reach. `None` past 64 bits.
    #[must_use]
    pub fn block_weights(&self) -> Option<u64> {
        let d = self.d_model;
        let mixer = match &self.mixer {
            Mixer::Dense(layers) => return dense::weights(layers),
            Mixer::Attention => {
                let queries = d.checked_mul(self.n_heads)?.checked_mul(self.head_dim)?;
                let keys = d.checked_mul(self.n_kv_heads)?.checked_mul(self.head_dim)?;
                queries.checked_mul(2)?.checked_add(keys.checked_mul(2)?)?
            }
            Mixer::Mlgru => d.checked_mul(d)?.checked_mul(4)?,
        };
        let feed_forward = d
            .checked_mul(self.d_ff)?
            .checked_mul(self.feed_forward_matrices())?;
        mixer.checked_add(feed_forward)?.checked_mul(self.layers)
    }

    /// Weights of the embedding table. `None` past 64 bits.
    #[must_use]
    pub fn embedding_weights(&self) -> Option<u64> {
        self.vocab.checked_mul(self.embedding_dim)
    }

    /// Weights of the LM head that are not the embedding table's. `None` past 64 bits.
    #[must_use]
    pub fn lm_head_weights(&self) -> Option<u64> {
        if self.tied_embeddings {
            Some(0)
        } else {
            self.embedding_weights()
        }
    }

    /// Weights of the two matrices around an embedding table of another width.
    #[must_use]
    pub fn embedding_projection_weights(&self) -> Option<u64> {
        if self.embedding_dim == self.d_model {
            Some(0)
        } else {
            self.embedding_dim.checked_mul(self.d_model)?.checked_mul(2)
        }
    }

    /// Weights of learned positions.
    #[must_use]
    pub fn position_weights(&self) -> Option<u64> {
        match self.position {
            Position::Learned => self.max_context.checked_mul(self.d_model),
            Position::Rotary | Position::None => Some(0),
        }
    }

    /// All weights but norms and biases. `None` past 64 bits.
    #[must_use]
    pub fn weights(&self) -> Option<u64> {
        self.block_weights()?
            .checked_add(self.embedding_weights()?)?
            .checked_add(self.lm_head_weights()?)?
            .checked_add(self.embedding_projection_weights()?)?
            .checked_add(self.position_weights()?)
    }

    /// Whether the published weights are ternary.
    #[must_use]
    pub fn is_ternary(&self) -> bool {
        self.published_precision == PublishedPrecision::Ternary
    }

    /// Checks that the shape can stand.
    ///
    /// # Errors
    /// At the field that cannot, seen from the model.
    pub fn check(&self) -> Result<(), FieldError> {
        limits::sizes(self)?;
        if !self.n_heads.is_multiple_of(self.n_kv_heads) {
            return Err(FieldError::new(
                "n_kv_heads",
                format!(
                    "{} query heads do not divide evenly over {} key/value heads",
                    self.n_heads, self.n_kv_heads
                ),
            )
            .help(format!(
                "use a divisor of {}: one key/value head serves a whole number of query heads",
                self.n_heads
            )));
        }
        if self.rotary_dim > self.head_dim || !self.rotary_dim.is_multiple_of(2) {
            return Err(FieldError::new(
                "rotary_dim",
                format!("{} of {} dimensions rotate", self.rotary_dim, self.head_dim),
            )
            .help("rotary dimensions come in pairs, at most a whole head"));
        }
        if self.sliding_window == Some(0) {
            return Err(FieldError::new("sliding_window", "a window of 0 positions")
                .help("leave it out if attention sees the whole context"));
        }
        limits::products(self)?;
        Ok(())
    }
}

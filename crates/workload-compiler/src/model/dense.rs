//! A model that is nothing but dense layers: what accelerators are measured with.

use config::FieldError;
use serde::{Deserialize, Serialize};
use tile_program::VectorKind;

use super::limits::MOST;
use super::{
    Activation, FeedForward, Mixer, Model, Norm, NormPlacement, Position, PublishedPrecision,
};

/// Dense layers of one shape: C\[rows, outputs\] = A\[rows, inputs\] · B\[inputs, outputs\], a row
/// for each new token of each sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Dense", deny_unknown_fields)]
pub struct DenseLayer {
    /// How many of them stand in a row. Default 1.
    #[serde(default = "one")]
    pub count: u64,
    /// Rows of the matrix: K.
    pub inputs: u64,
    /// Columns of the matrix: N.
    pub outputs: u64,
    /// What follows on the vector unit. Default: nothing.
    #[serde(default)]
    pub activation: Option<Activation>,
    /// Whether it stands for itself: its input and its result lie in main memory, and no other
    /// layer's result is its input. Default: no.
    #[serde(default)]
    pub stored: bool,
    /// Work of the vector unit on rows of `inputs` elements in place of the matrix; it has as many
    /// `outputs`. Default: none.
    #[serde(default)]
    pub vector: Option<VectorKind>,
    /// Bits of an element of the result. Default: those of the activations.
    #[serde(default)]
    pub result_bits: Option<u64>,
}

const fn one() -> u64 {
    1
}

impl DenseLayer {
    /// One matrix of `inputs` x `outputs`, everything else left out.
    #[must_use]
    pub const fn new(inputs: u64, outputs: u64) -> Self {
        Self {
            count: 1,
            inputs,
            outputs,
            activation: None,
            stored: false,
            vector: None,
            result_bits: None,
        }
    }
}

/// The most layers in a row: of one operation each, they take less memory than those of a language
/// model.
const MOST_LAYERS: u64 = 1 << 16;

/// Weights of all layers; `None` past 64 bits.
pub(super) fn weights(layers: &[DenseLayer]) -> Option<u64> {
    layers.iter().try_fold(0u64, |sum, layer| {
        let matrix = match layer.vector {
            None => layer.inputs.checked_mul(layer.outputs)?,
            Some(_) => 0,
        };
        sum.checked_add(matrix.checked_mul(layer.count)?)
    })
}

/// Checks that each size of each layer is in its range.
fn check_sizes(layers: &[DenseLayer]) -> Result<(), FieldError> {
    for (index, layer) in layers.iter().enumerate() {
        for (field, value, most) in [
            ("count", layer.count, MOST_LAYERS),
            ("inputs", layer.inputs, MOST),
            ("outputs", layer.outputs, MOST),
            ("result_bits", layer.result_bits.unwrap_or(8), 64),
        ] {
            if !(1..=most).contains(&value) {
                let path = format!("[{index}].{field}");
                return Err(
                    FieldError::new(path, format!("{value}")).help(format!("from 1 to {most}"))
                );
            }
        }
    }
    Ok(())
}

/// Checks that each layer can give its results: vector work keeps the number of elements, and an
/// element is whole bytes.
fn check_results(layers: &[DenseLayer]) -> Result<(), FieldError> {
    for (index, layer) in layers.iter().enumerate() {
        if layer.vector.is_some() && layer.inputs != layer.outputs {
            return Err(FieldError::new(
                format!("[{index}].outputs"),
                format!("{} outputs of {} inputs", layer.outputs, layer.inputs),
            )
            .help("work of the vector unit gives as many elements as it takes"));
        }
        if layer
            .result_bits
            .is_some_and(|bits| !bits.is_multiple_of(8))
        {
            return Err(FieldError::new(
                format!("[{index}].result_bits"),
                "elements that are not whole bytes",
            )
            .help("8, 16, 24 or 32"));
        }
    }
    Ok(())
}

/// The model that is these layers and nothing else.
///
/// # Errors
/// At the layer and field that cannot stand.
pub(crate) fn dense_model(layers: &[DenseLayer]) -> Result<Model, FieldError> {
    let first = layers.first().ok_or_else(|| {
        FieldError::new("", "no layers").help("Dense([(inputs: 2048, outputs: 2048)])")
    })?;
    check_sizes(layers)?;
    check_results(layers)?;
    let count = layers.iter().map(|layer| layer.count).sum::<u64>();
    if count > MOST_LAYERS || weights(layers).is_none() {
        return Err(FieldError::new("", format!("{count} layers")).help(format!(
            "at most {MOST_LAYERS}, with less than 2^64 weights"
        )));
    }
    Ok(Model {
        name: format!("{count} dense layers"),
        family: "dense".to_owned(),
        layers: count,
        d_model: first.inputs,
        n_heads: 1,
        n_kv_heads: 1,
        head_dim: first.inputs,
        d_ff: first.outputs,
        mixer: Mixer::Dense(layers.to_vec()),
        feed_forward: FeedForward::Plain,
        activation: first.activation.unwrap_or(Activation::Relu),
        norm: Norm::RmsNorm,
        norm_placement: NormPlacement::Pre,
        sub_norms: false,
        linear_norms: false,
        qk_norm: false,
        position: Position::None,
        rotary_dim: 0,
        qkv_bias: false,
        linear_bias: false,
        vocab: 0,
        tied_embeddings: true,
        embedding_dim: first.inputs,
        max_context: MOST,
        sliding_window: None,
        global_every: None,
        global_layers: Vec::new(),
        unrotated_layers: Vec::new(),
        published_precision: PublishedPrecision::Bf16,
    })
}

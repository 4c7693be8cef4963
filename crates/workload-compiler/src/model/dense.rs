//! A model that is nothing but dense layers: what accelerators are measured with.

use config::FieldError;
use serde::{Deserialize, Serialize};

use super::{Activation, FeedForward, MOST, Mixer, Model, Norm, NormPlacement, Position};

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
}

const fn one() -> u64 {
    1
}

/// More layers than that are a slip of the keyboard.
const MOST_LAYERS: u64 = 1 << 16;

/// Weights of all layers; `None` past 64 bits.
pub(super) fn weights(layers: &[DenseLayer]) -> Option<u64> {
    layers.iter().try_fold(0u64, |sum, layer| {
        let matrix = layer.inputs.checked_mul(layer.outputs)?;
        sum.checked_add(matrix.checked_mul(layer.count)?)
    })
}

/// The model that is these layers and nothing else.
///
/// # Errors
/// At the layer and field that cannot stand.
pub(crate) fn dense_model(layers: &[DenseLayer]) -> Result<Model, FieldError> {
    let first = layers.first().ok_or_else(|| {
        FieldError::new("", "no layers").help("Dense([(inputs: 2048, outputs: 2048)])")
    })?;
    for (index, layer) in layers.iter().enumerate() {
        for (field, value, most) in [
            ("count", layer.count, MOST_LAYERS),
            ("inputs", layer.inputs, MOST),
            ("outputs", layer.outputs, MOST),
        ] {
            if !(1..=most).contains(&value) {
                let path = format!("[{index}].{field}");
                return Err(
                    FieldError::new(path, format!("{value}")).help(format!("from 1 to {most}"))
                );
            }
        }
    }
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
        published_precision: "bf16".to_owned(),
    })
}

//! Hugging Face `config.json` to [`Model`].

use config::{FieldError, is_control};
use serde::Deserialize;

use super::{Activation, FeedForward, Mixer, Model, Norm, NormPlacement, Position};

/// The fields that matter, under the names that the architectures use. Unknown fields are fine.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "_name_or_path")]
    name_or_path: Option<String>,
    model_type: Option<String>,
    torch_dtype: Option<String>,
    #[serde(alias = "n_embd", alias = "d_model")]
    hidden_size: Option<u64>,
    #[serde(alias = "n_layer", alias = "num_layers")]
    num_hidden_layers: Option<u64>,
    #[serde(alias = "n_head", alias = "num_heads")]
    num_attention_heads: Option<u64>,
    num_key_value_heads: Option<u64>,
    num_kv_heads: Option<u64>,
    multi_query: Option<bool>,
    new_decoder_architecture: Option<bool>,
    parallel_attn: Option<bool>,
    head_dim: Option<u64>,
    #[serde(alias = "n_inner", alias = "ffn_dim", alias = "ffn_hidden_size")]
    intermediate_size: Option<u64>,
    hidden_ratio: Option<u64>,
    #[serde(alias = "activation_function")]
    hidden_act: Option<String>,
    /// Gemma writes both; this one holds.
    hidden_activation: Option<String>,
    #[serde(alias = "n_positions")]
    max_position_embeddings: Option<u64>,
    vocab_size: Option<u64>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    bias: Option<bool>,
    do_layer_norm_before: Option<bool>,
    word_embed_proj_dim: Option<u64>,
    partial_rotary_factor: Option<f64>,
    sliding_window: Option<u64>,
    sliding_window_pattern: Option<u64>,
    use_sliding_window: Option<bool>,
    quantization_config: Option<Quantisation>,
    text_config: Option<Box<Config>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Quantisation {
    quant_method: Option<String>,
}

/// What an architecture is, beyond the numbers of its file.
struct Architecture {
    feed_forward: FeedForward,
    activation: Activation,
    norm: Norm,
    norm_placement: NormPlacement,
    position: Position,
    bias: bool,
    tied: bool,
}

const LLAMA: Architecture = Architecture {
    feed_forward: FeedForward::Gated,
    activation: Activation::Silu,
    norm: Norm::RmsNorm,
    norm_placement: NormPlacement::Pre,
    position: Position::Rotary,
    bias: false,
    tied: false,
};

const GPT: Architecture = Architecture {
    feed_forward: FeedForward::Plain,
    activation: Activation::Gelu,
    norm: Norm::LayerNorm,
    norm_placement: NormPlacement::Pre,
    position: Position::Learned,
    bias: true,
    tied: true,
};

fn architecture(model_type: &str) -> Option<Architecture> {
    Some(match model_type {
        "llama" | "mistral" | "qwen2" | "qwen3" | "phi3" | "smollm3" | "bitnet" => LLAMA,
        "gemma" => Architecture {
            activation: Activation::Gelu,
            tied: true,
            ..LLAMA
        },
        "gemma2" | "gemma3" | "gemma3_text" => Architecture {
            activation: Activation::Gelu,
            norm_placement: NormPlacement::Sandwich,
            tied: true,
            ..LLAMA
        },
        "hgrn_bit" => Architecture {
            position: Position::None,
            ..LLAMA
        },
        "gpt2" => GPT,
        "opt" => Architecture {
            activation: Activation::Relu,
            ..GPT
        },
        "phi" => Architecture {
            norm_placement: NormPlacement::Parallel,
            position: Position::Rotary,
            tied: false,
            ..GPT
        },
        "gpt_neox" => Architecture {
            position: Position::Rotary,
            norm_placement: NormPlacement::Parallel,
            tied: false,
            ..GPT
        },
        "falcon" => Architecture {
            position: Position::Rotary,
            norm_placement: NormPlacement::Parallel,
            bias: false,
            ..GPT
        },
        _ => return None,
    })
}

const KNOWN: &str = "llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3, phi, phi3, gpt2, gpt_neox, opt, \
     bitnet, falcon, hgrn_bit";

fn activation(name: &str) -> Option<Activation> {
    Some(match name {
        "relu" => Activation::Relu,
        "relu2" => Activation::SquaredRelu,
        "silu" | "swish" => Activation::Silu,
        name if name.starts_with("gelu") => Activation::Gelu,
        _ => return None,
    })
}

fn needed(value: Option<u64>, field: &str) -> Result<u64, FieldError> {
    value.ok_or_else(|| {
        FieldError::new(field, "missing").help("the shape of the model cannot be known without it")
    })
}

/// Reads the text of a `config.json`. `name` is how the model is called if the file does not say.
///
/// # Errors
/// If the text is not JSON, the architecture is unknown, or a size is missing or makes no sense;
/// paths are those of the JSON file.
pub fn from_hugging_face(text: &str, name: &str) -> Result<Model, FieldError> {
    let mut config: Config = serde_json::from_str(text).map_err(|error| {
        FieldError::new("", format!("not a Hugging Face config.json: {error}"))
            .help("give the config.json that lies beside the model's weights")
    })?;
    if let Some(inner) = config.text_config.take() {
        let outer = config;
        config = *inner;
        config.model_type = config.model_type.or(outer.model_type);
        config.name_or_path = config.name_or_path.or(outer.name_or_path);
        config.torch_dtype = config.torch_dtype.or(outer.torch_dtype);
    }
    let model_type = config.model_type.clone().unwrap_or_default();
    let known = architecture(&model_type).ok_or_else(|| {
        FieldError::new("model_type", format!("`{model_type}` is not known")).help(format!(
            "known are {KNOWN}; describe others with Variant(of: ...)"
        ))
    })?;
    let model = build(&config, &model_type, &known, name)?;
    if model.name.contains(is_control) {
        let message = "a name with control characters";
        return Err(
            FieldError::new("_name_or_path", message).help("reports print it: leave it out")
        );
    }
    model.check()?;
    Ok(model)
}

fn key_value_heads(config: &Config, model_type: &str, heads: u64) -> u64 {
    if model_type == "falcon" {
        return if config.new_decoder_architecture == Some(true) {
            config.num_kv_heads.unwrap_or(heads)
        } else if config.multi_query.unwrap_or(true) {
            1
        } else {
            heads
        };
    }
    config.num_key_value_heads.unwrap_or(heads)
}

fn feed_forward_width(config: &Config, model_type: &str, d: u64) -> Result<u64, FieldError> {
    match (config.intermediate_size, model_type) {
        (Some(width), _) => Ok(width),
        (None, "gpt2" | "falcon") => Ok(d.saturating_mul(4)),
        // The rule of MatMul-free LM's code: two thirds of hidden_ratio · d, up to 256s.
        (None, "hgrn_bit") => Ok((d.saturating_mul(config.hidden_ratio.unwrap_or(4)) * 2 / 3)
            .div_ceil(256)
            .saturating_mul(256)),
        (None, _) => needed(None, "intermediate_size"),
    }
}

fn build(
    config: &Config,
    model_type: &str,
    known: &Architecture,
    name: &str,
) -> Result<Model, FieldError> {
    let d_model = needed(config.hidden_size, "hidden_size")?;
    let recurrent = model_type == "hgrn_bit";
    let (n_heads, head_dim) = heads(config, d_model, recurrent)?;
    let activation = written_activation(config)?.unwrap_or(known.activation);
    let windowed = config
        .use_sliding_window
        .unwrap_or(!model_type.starts_with("qwen"));
    let global_every = match model_type {
        "gemma2" => Some(config.sliding_window_pattern.unwrap_or(2)),
        "gemma3" | "gemma3_text" => Some(config.sliding_window_pattern.unwrap_or(6)),
        _ => None,
    };
    let norm_placement = match (
        model_type,
        config.do_layer_norm_before,
        config.parallel_attn,
    ) {
        ("opt", Some(false), _) => NormPlacement::Post,
        ("falcon", _, Some(false)) => NormPlacement::Pre,
        _ => known.norm_placement,
    };
    Ok(Model {
        name: config
            .name_or_path
            .clone()
            .unwrap_or_else(|| name.to_owned()),
        family: model_type.to_owned(),
        layers: needed(config.num_hidden_layers, "num_hidden_layers")?,
        d_model,
        n_heads,
        n_kv_heads: key_value_heads(config, model_type, n_heads),
        head_dim,
        d_ff: feed_forward_width(config, model_type, d_model)?,
        mixer: if recurrent {
            Mixer::Mlgru
        } else {
            Mixer::Attention
        },
        feed_forward: known.feed_forward,
        activation,
        norm: known.norm,
        norm_placement,
        sub_norms: model_type == "bitnet",
        linear_norms: recurrent,
        qk_norm: matches!(model_type, "qwen3" | "gemma3" | "gemma3_text"),
        position: known.position,
        rotary_dim: match known.position {
            Position::Rotary => rotary_dim(config, head_dim),
            Position::Learned | Position::None => 0,
        },
        qkv_bias: config
            .attention_bias
            .or(config.bias)
            .unwrap_or(known.bias || model_type == "qwen2"),
        linear_bias: config.mlp_bias.or(config.bias).unwrap_or(known.bias),
        vocab: needed(config.vocab_size, "vocab_size")?,
        tied_embeddings: config.tie_word_embeddings.unwrap_or(known.tied),
        embedding_dim: config.word_embed_proj_dim.unwrap_or(d_model),
        max_context: config.max_position_embeddings.unwrap_or(2048),
        sliding_window: config.sliding_window.filter(|_| windowed),
        global_every,
        published_precision: published_precision(config, model_type).to_owned(),
    })
}

/// Query heads, and the width of a head.
fn heads(config: &Config, d_model: u64, recurrent: bool) -> Result<(u64, u64), FieldError> {
    let n_heads = if recurrent {
        config.num_attention_heads.unwrap_or(1)
    } else {
        needed(config.num_attention_heads, "num_attention_heads")?
    };
    if n_heads == 0 {
        return Err(FieldError::new("num_attention_heads", "0").help("at least 1 is needed"));
    }
    match config.head_dim {
        Some(head_dim) => Ok((n_heads, head_dim)),
        None if d_model.is_multiple_of(n_heads) => Ok((n_heads, d_model / n_heads)),
        None => {
            let what = format!("hidden_size {d_model} does not divide evenly over {n_heads} heads");
            let help = "give head_dim, or a number of heads that divides";
            Err(FieldError::new("num_attention_heads", what).help(help))
        }
    }
}

fn written_activation(config: &Config) -> Result<Option<Activation>, FieldError> {
    let written = config.hidden_activation.as_ref();
    let Some(name) = written.or(config.hidden_act.as_ref()) else {
        return Ok(None);
    };
    let known = activation(name).ok_or_else(|| {
        FieldError::new("hidden_act", format!("`{name}` is not known"))
            .help("relu, relu2, gelu (any form), silu or swish")
    })?;
    Ok(Some(known))
}

/// Dimensions of a head that are rotated: a share, in pairs.
fn rotary_dim(config: &Config, head_dim: u64) -> u64 {
    let factor = config.partial_rotary_factor.unwrap_or(1.0).clamp(0.0, 1.0);
    // Below 2^53 the product is exact.
    (head_dim as f64 * factor) as u64 / 2 * 2
}

fn published_precision(config: &Config, model_type: &str) -> &'static str {
    let quantisation = config.quantization_config.as_ref();
    let method = quantisation.and_then(|quantisation| quantisation.quant_method.as_deref());
    if method == Some("bitnet") || matches!(model_type, "bitnet" | "hgrn_bit") {
        return "W1.58A8";
    }
    match config.torch_dtype.as_deref() {
        Some("float16") => "fp16",
        Some("float32") => "fp32",
        _ => "bf16",
    }
}

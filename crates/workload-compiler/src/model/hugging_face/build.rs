//! From the keys of a `config.json` to a [`Model`].

use config::{FieldError, is_control};
use serde_json::Value;

use super::Config;
use super::keys::Resolved;
use super::layers;
use super::quantised::Quantised;
use super::text::Object;
use crate::model::{Activation, Mixer, Model, NormPlacement, Position, PublishedPrecision, limits};

/// A model, and what of its file it does not hold.
pub(super) struct Built {
    pub(super) model: Model,
    pub(super) warnings: Vec<FieldError>,
}

/// The model that a file describes.
pub(super) fn model(
    config: &Config<'_, '_>,
    quantised: Option<&Quantised>,
    name: &str,
) -> Result<Built, FieldError> {
    let (own, family) = (config.own, config.family);
    let ternary = quantised.is_some_and(Quantised::is_one_bit_llm);
    let d_model = size(config, HIDDEN_SIZE, family.hidden_size)?;
    let recurrent = family.family == "hgrn_bit";
    let (n_heads, head_dim) = heads(config, d_model, recurrent)?;
    let activation = written_activation(config)?.unwrap_or(family.activation);
    let (qkv_bias, linear_bias) = biases(config)?;
    let mut model = Model {
        name: written_name(config)?.unwrap_or_else(|| name.to_owned()),
        family: family.family.clone(),
        layers: size(config, LAYERS, family.layers)?,
        d_model,
        n_heads,
        n_kv_heads: key_value_heads(config, n_heads)?,
        head_dim,
        d_ff: feed_forward_width(config, d_model)?,
        mixer: if recurrent {
            Mixer::Mlgru
        } else {
            Mixer::Attention
        },
        feed_forward: family.feed_forward,
        activation,
        norm: family.norm,
        norm_placement: norm_placement(config)?,
        sub_norms: family.sub_norms || ternary,
        linear_norms: family.linear_norms,
        qk_norm: family.qk_norm,
        position: position(config)?,
        rotary_dim: rotary_dim(config, head_dim)?,
        qkv_bias,
        linear_bias,
        vocab: size(config, &["vocab_size"], family.vocab_size)?,
        tied_embeddings: config
            .either("tie_word_embeddings", Object::flag)?
            .unwrap_or(family.tied),
        embedding_dim: own.number("word_embed_proj_dim")?.unwrap_or(d_model),
        max_context: first_number(own, &read_spellings(config, POSITIONS))?
            .unwrap_or(family.max_positions),
        sliding_window: None,
        global_every: None,
        global_layers: Vec::new(),
        unrotated_layers: Vec::new(),
        published_precision: published_precision(config, quantised)?,
    };
    // Lists of layers are made of numbers that are known to make sense.
    model
        .check()
        .map_err(|error| in_terms_of_the_file(own, error))?;
    layers::mask(config, &mut model)?;
    layers::rotation(config, &mut model)?;
    model
        .check()
        .map_err(|error| in_terms_of_the_file(own, error))?;
    let warnings = unmodelled(config, &model)?;
    Ok(Built { model, warnings })
}

/// The name that the file gives the model, unless it is empty.
fn written_name(config: &Config<'_, '_>) -> Result<Option<String>, FieldError> {
    let named = config.either("_name_or_path", Object::word)?;
    if named.as_ref().is_some_and(|name| name.contains(is_control)) {
        let error = config
            .own
            .error_of("_name_or_path", "a name with control characters");
        return Err(error.help("reports print it: leave it out"));
    }
    Ok(named.filter(|name| !name.is_empty()))
}

const HIDDEN_SIZE: &[&str] = &["hidden_size", "n_embd", "n_embed"];
const LAYERS: &[&str] = &["num_hidden_layers", "n_layer"];
const HEADS: &[&str] = &["num_attention_heads", "n_head", "num_heads"];
const POSITIONS: &[&str] = &["max_position_embeddings", "n_positions"];
const FEED_FORWARD: &[&str] = &["intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"];

/// The first of several spellings that is given, if the family reads it.
fn first_number(object: &Object<'_>, spellings: &[&str]) -> Result<Option<u64>, FieldError> {
    for key in spellings {
        if let Some(number) = object.number(key)? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// A size that a file of its own must give. A nested one leaves out what its class has by default.
fn size(config: &Config<'_, '_>, spellings: &[&str], default: u64) -> Result<u64, FieldError> {
    let read: Vec<&str> = read_spellings(config, spellings);
    match first_number(config.own, &read)? {
        Some(size) => Ok(size),
        None if config.outer.is_some() => Ok(default),
        None => Err(missing(read.first().unwrap_or(&spellings[0]))),
    }
}

/// The spellings that the family reads.
fn read_spellings<'k>(config: &Config<'_, '_>, spellings: &[&'k str]) -> Vec<&'k str> {
    let family = &config.family.family;
    let read = |key: &&&str| super::keys::is_read_by(key, family);
    spellings.iter().filter(read).copied().collect()
}

fn missing(key: &str) -> FieldError {
    FieldError::new(key, "missing").help("the shape of the model cannot be known without it")
}

/// Query heads, and the width of a head.
fn heads(config: &Config<'_, '_>, d_model: u64, recurrent: bool) -> Result<(u64, u64), FieldError> {
    let (own, family) = (config.own, config.family);
    let read = read_spellings(config, HEADS);
    let n_heads = if recurrent {
        first_number(own, &read)?.unwrap_or(family.heads)
    } else {
        size(config, HEADS, family.heads)?
    };
    let key = read
        .iter()
        .find(|key| own.get(key).is_some())
        .copied()
        .unwrap_or(HEADS[0]);
    if n_heads == 0 {
        return Err(own.error_of(key, "0").help("at least 1 is needed"));
    }
    let given = match super::keys::is_read_by("head_dim", &family.family) {
        true => own.number("head_dim")?,
        false => None,
    };
    match given.or(family.head_dim) {
        Some(head_dim) => Ok((n_heads, head_dim)),
        None if d_model.is_multiple_of(n_heads) => Ok((n_heads, d_model / n_heads)),
        None => {
            let what = format!("hidden_size {d_model} does not divide evenly over {n_heads} heads");
            let help = "give head_dim, or a number of heads that divides";
            Err(own.error_of(key, what).help(help))
        }
    }
}

fn key_value_heads(config: &Config<'_, '_>, heads: u64) -> Result<u64, FieldError> {
    let (own, family) = (config.own, config.family);
    match family.family.as_str() {
        "falcon" => {
            let new = own.flag("new_decoder_architecture")? == Some(true);
            if !new && own.flag("multi_query")?.unwrap_or(true) {
                return Ok(1);
            }
            Ok(own.number("num_kv_heads")?.unwrap_or(heads))
        }
        // Files of the first SantaCoder say it in a word.
        "gpt2" => match own.word("attention_head_type")?.as_deref() {
            None | Some("multihead") => Ok(heads),
            Some("multiquery") => Ok(1),
            Some(other) => Err(own
                .error_of("attention_head_type", format!("`{other}` is not known"))
                .help("multihead or multiquery")),
        },
        name if super::keys::is_read_by("num_key_value_heads", name) => {
            let given = own.number("num_key_value_heads")?;
            let default = match own.is_null("num_key_value_heads") {
                true => None,
                false => family.kv_heads,
            };
            Ok(given.or(default).unwrap_or(heads))
        }
        _ => Ok(heads),
    }
}

fn feed_forward_width(config: &Config<'_, '_>, d: u64) -> Result<u64, FieldError> {
    let read = read_spellings(config, FEED_FORWARD);
    let given = first_number(config.own, &read)?;
    match (given, config.family.family.as_str()) {
        (Some(width), _) => Ok(width),
        (None, "gpt2" | "falcon") => Ok(d.saturating_mul(4)),
        // The rule of MatMul-free LM's code: two thirds of hidden_ratio · d, up to 256s.
        (None, "hgrn_bit") => {
            let ratio = config.own.number("hidden_ratio")?.unwrap_or(4);
            limits::mlgru_width(d, ratio).map_err(|error| {
                let key = error.path.clone();
                at_key(config.own, &key, error)
            })
        }
        (None, _) => match config.family.intermediate_size {
            Some(default) if config.outer.is_some() => Ok(default),
            _ => Err(missing(read.first().unwrap_or(&FEED_FORWARD[0]))),
        },
    }
}

/// Whether Q, K and V have a bias, and whether the other linear layers do.
fn biases(config: &Config<'_, '_>) -> Result<(bool, bool), FieldError> {
    let (own, family) = (config.own, config.family);
    let flag = |key: &str| match super::keys::is_read_by(key, &family.family) {
        true => own.flag(key),
        false => Ok(None),
    };
    let all = flag("bias")?.or(flag("enable_bias")?);
    let qkv = flag("attention_bias")?.or(all).unwrap_or(family.qkv_bias);
    let linear = flag("mlp_bias")?.or(all).unwrap_or(family.linear_bias);
    Ok((qkv, linear))
}

fn norm_placement(config: &Config<'_, '_>) -> Result<NormPlacement, FieldError> {
    let own = config.own;
    Ok(match config.family.family.as_str() {
        "opt" if own.flag("do_layer_norm_before")? == Some(false) => NormPlacement::Post,
        "gpt_neox" if own.flag("use_parallel_residual")? == Some(false) => NormPlacement::Pre,
        "falcon" => {
            let new = own.flag("new_decoder_architecture")? == Some(true);
            let parallel = own.flag("parallel_attn")?.unwrap_or(true);
            let norms = own.number("num_ln_in_parallel_attn")?.unwrap_or(2);
            match (new, parallel) {
                (true, _) if norms == 2 => NormPlacement::ParallelTwo,
                (true, _) | (false, true) => NormPlacement::Parallel,
                (false, false) => NormPlacement::Pre,
            }
        }
        _ => config.family.norm_placement,
    })
}

fn position(config: &Config<'_, '_>) -> Result<Position, FieldError> {
    let is_falcon = config.family.family == "falcon";
    if is_falcon && config.own.flag("alibi")? == Some(true) {
        return Ok(Position::None);
    }
    Ok(config.family.position)
}

/// Dimensions of a head that are rotated: a share, in pairs.
fn rotary_dim(config: &Config<'_, '_>, head_dim: u64) -> Result<u64, FieldError> {
    let (own, family) = (config.own, config.family);
    if position(config)? != Position::Rotary {
        return Ok(0);
    }
    let key = match family.family.as_str() {
        "phi" | "phi3" => "partial_rotary_factor",
        "gpt_neox" => "rotary_pct",
        _ => return Ok(head_dim / 2 * 2),
    };
    let parameters = own.object("rope_parameters")?;
    let newer = match &parameters {
        Some(parameters) => parameters.fraction("partial_rotary_factor")?,
        None => None,
    };
    let Some(share) = newer.or(own.fraction(key)?) else {
        let hundredths = u64::from(family.rotary_share_percent);
        return Ok(head_dim.saturating_mul(hundredths) / 100 / 2 * 2);
    };
    if !(0.0..=1.0).contains(&share) {
        return Err(own
            .error_of(key, format!("{share} of a head rotates"))
            .help("from 0 to 1"));
    }
    // Below 2^53 the product is exact.
    Ok((head_dim as f64 * share) as u64 / 2 * 2)
}

fn activation(name: &str) -> Option<Activation> {
    Some(match name {
        "relu" => Activation::Relu,
        "relu2" => Activation::SquaredRelu,
        "silu" | "swish" => Activation::Silu,
        name if name.starts_with("gelu") => Activation::Gelu,
        _ => return None,
    })
}

/// The activation that the file names. Gemma writes both `hidden_activation`, which holds, and
/// `hidden_act`.
fn written_activation(config: &Config<'_, '_>) -> Result<Option<Activation>, FieldError> {
    let own = config.own;
    let spellings = [
        "hidden_activation",
        "activation_function",
        "activation",
        "hidden_act",
    ];
    for key in read_spellings(config, &spellings) {
        if let Some(name) = own.word(key)? {
            let known = activation(&name).ok_or_else(|| {
                let message = format!("`{}` is not known", super::text::cut(&name));
                own.error_of(key, message)
                    .help("relu, relu2, gelu (any form), silu or swish")
            })?;
            return Ok(Some(known));
        }
    }
    Ok(None)
}

fn published_precision(
    config: &Config<'_, '_>,
    quantised: Option<&Quantised>,
) -> Result<PublishedPrecision, FieldError> {
    let is_ternary = matches!(config.family.family.as_str(), "bitnet" | "hgrn_bit")
        || quantised.is_some_and(Quantised::is_ternary);
    if is_ternary {
        return Ok(PublishedPrecision::Ternary);
    }
    let written = config.either("torch_dtype", Object::word)?;
    let written = written.or(config.either("dtype", Object::word)?);
    Ok(match written.as_deref() {
        Some("float16") => PublishedPrecision::Fp16,
        Some("float32") => PublishedPrecision::Fp32,
        _ => PublishedPrecision::Bf16,
    })
}

/// What the file says that a [`Model`] does not hold.
fn unmodelled(config: &Config<'_, '_>, model: &Model) -> Result<Vec<FieldError>, FieldError> {
    let (own, mut warnings) = (config.own, Vec::new());
    if super::keys::is_read_by("attention_bias", &model.family)
        && model.qkv_bias != model.linear_bias
        && own.flag("attention_bias")?.is_some()
    {
        let (without, message) = match model.qkv_bias {
            true => ("leaves out", "the output projection has a bias, too"),
            false => ("counts", "the output projection has none, either"),
        };
        warnings.push(own.error_of(
            "attention_bias",
            format!("{message}, which the model {without}"),
        ));
    }
    if model.family == "falcon" && model.position == Position::None {
        let message = "the bias that ALiBi adds to the scores is not modelled";
        warnings.push(own.error_of("alibi", message));
    }
    if let (Some(outer), Some(inside)) = (config.outer, own.flag("tie_word_embeddings")?)
        && outer.flag("tie_word_embeddings")? == Some(!inside)
    {
        let message = format!("{}, where text_config says {inside}, which holds", !inside);
        warnings.push(outer.error_of("tie_word_embeddings", message));
    }
    Ok(warnings)
}

/// An error of [`Model::check`] at the key of the file that the field comes from.
fn in_terms_of_the_file(own: &Object<'_>, error: FieldError) -> FieldError {
    let spellings: &[&str] = match error.path.as_str() {
        "layers" => LAYERS,
        "d_model" => HIDDEN_SIZE,
        "n_heads" => HEADS,
        "n_kv_heads" => &["num_key_value_heads", "num_kv_heads"],
        "d_ff" if own.get("hidden_ratio").is_some() => &["hidden_ratio"],
        "d_ff" => FEED_FORWARD,
        "vocab" => &["vocab_size"],
        "embedding_dim" => &["word_embed_proj_dim"],
        "max_context" => POSITIONS,
        "head_dim" => &["head_dim"],
        "rotary_dim" => &["partial_rotary_factor", "rotary_pct"],
        "sliding_window" => &["sliding_window"],
        "global_every" => &["sliding_window_pattern"],
        _ => &[],
    };
    let key = spellings.iter().find(|key| own.get(key).is_some());
    let Some(key) = key.or(spellings.first()) else {
        return error;
    };
    at_key(own, key, error)
}

/// The same error at a key of the file.
fn at_key(own: &Object<'_>, key: &str, error: FieldError) -> FieldError {
    let at = own.error_of(key, error.message);
    match error.help {
        Some(help) => at.help(help),
        None => at,
    }
}

impl Resolved for Model {
    fn agrees(&self, key: &str, value: &Value) -> Option<bool> {
        let holds = match key {
            "hidden_size" => self.d_model,
            "num_hidden_layers" => self.layers,
            "num_attention_heads" => self.n_heads,
            "num_key_value_heads" => match value.as_str() {
                Some(word) => return Some((word == "multiquery") == (self.n_kv_heads == 1)),
                None => self.n_kv_heads,
            },
            "head_dim" => self.head_dim,
            "intermediate_size" => self.d_ff,
            "vocab_size" => self.vocab,
            "max_position_embeddings" => self.max_context,
            "word_embed_proj_dim" => self.embedding_dim,
            "rotary_dim" => self.rotary_dim,
            "tie_word_embeddings" => return Some(value.as_bool() == Some(self.tied_embeddings)),
            "attention_bias" => return Some(value.as_bool() == Some(self.qkv_bias)),
            "mlp_bias" => return Some(value.as_bool() == Some(self.linear_bias)),
            "multi_query" => return Some(value.as_bool() == Some(self.n_kv_heads == 1)),
            "hidden_act" => {
                return Some(value.as_str().and_then(activation) == Some(self.activation));
            }
            _ => return None,
        };
        Some(value.as_u64() == Some(holds))
    }
}

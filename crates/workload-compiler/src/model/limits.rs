//! How large a model may be.
//!
//! Each number of a model is bounded where it is read, so that no product of them leaves 64 bits
//! later: with dimensions of at most 2^24 and 2^50 weights in all, sizes in bits stay below 2^60.
//! The bounds are far above every model that is known.

use config::FieldError;

use super::{Mixer, Model};

/// The largest width, vocabulary, number of heads or context.
pub(crate) const MOST: u64 = 1 << 24;

/// The most layers. A plan of a pass takes about 50 KB of memory a layer.
pub(crate) const MOST_LAYERS: u64 = 1 << 14;

/// The most weights of a model, all together.
const MOST_WEIGHTS: u64 = 1 << 50;

/// The most elements of a vector of every token of a pass, together.
const MOST_ELEMENTS: u64 = 1 << 50;

/// The most scores of a layer's attention in a pass.
const MOST_SCORES: u64 = 1 << 56;

fn within(field: &str, value: u64, most: u64) -> Result<(), FieldError> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    let message = match value {
        0 => "0 is too small".to_owned(),
        _ => format!("{value} is too large"),
    };
    Err(FieldError::new(field, message).help(format!("from 1 to {most}")))
}

/// Checks each number of a model by itself.
pub(super) fn sizes(model: &Model) -> Result<(), FieldError> {
    within("layers", model.layers, MOST_LAYERS)?;
    for (field, size) in [
        ("d_model", model.d_model),
        ("n_heads", model.n_heads),
        ("n_kv_heads", model.n_kv_heads),
        ("head_dim", model.head_dim),
        ("d_ff", model.d_ff),
        ("vocab", model.vocab),
        ("embedding_dim", model.embedding_dim),
        ("max_context", model.max_context),
    ] {
        within(field, size, MOST)?;
    }
    if let Some(window) = model.sliding_window {
        within("sliding_window", window, MOST)?;
    }
    match model.global_every {
        None | Some(0) => Ok(()),
        Some(every) => within("global_every", every, MOST_LAYERS),
    }
}

/// Checks what the numbers of a model come to together.
pub(super) fn products(model: &Model) -> Result<(), FieldError> {
    // Two dimensions of at most 2^24: no product overflows.
    let width = model.n_heads * model.head_dim;
    if width > MOST {
        let message = format!(
            "{} heads of {} are {width} wide together",
            model.n_heads, model.head_dim
        );
        return Err(FieldError::new("head_dim", message)
            .help(format!("heads times head_dim: at most {MOST}")));
    }
    match model.weights() {
        Some(weights) if weights <= MOST_WEIGHTS => Ok(()),
        _ => {
            let message = format!(
                "{} layers of these sizes have too many weights",
                model.layers
            );
            let help = format!("fewer or narrower layers: at most {MOST_WEIGHTS} weights in all");
            Err(FieldError::new("layers", message).help(help))
        }
    }
}

/// Checks what a pass of so many tokens over all sequences, the longest context of which is
/// `context`, makes of a model.
pub(crate) fn pass(model: &Model, tokens: u64, context: u64) -> Result<(), FieldError> {
    let widest = match &model.mixer {
        Mixer::Dense(layers) => {
            let widths = layers
                .iter()
                .flat_map(|layer| [layer.inputs, layer.outputs]);
            widths.max().unwrap_or(1)
        }
        Mixer::Attention | Mixer::Mlgru => model
            .d_model
            .max(model.n_heads.saturating_mul(model.head_dim))
            .max(model.d_ff)
            .max(model.vocab),
    };
    if tokens.saturating_mul(widest) > MOST_ELEMENTS {
        let message = format!("{tokens} tokens of vectors that are {widest} wide at once");
        let most = MOST_ELEMENTS / widest;
        return Err(FieldError::new("run", message).help(format!(
            "at most {most} tokens in a pass: a `chunk`, or fewer sequences"
        )));
    }
    let heads = tokens.saturating_mul(model.n_heads);
    if heads.saturating_mul(context) > MOST_SCORES {
        let message = format!(
            "{tokens} tokens of {} heads at once, each over {context} positions",
            model.n_heads
        );
        let most = MOST_SCORES / model.n_heads.saturating_mul(context).max(1);
        return Err(FieldError::new("run", message).help(format!(
            "at most {most} tokens in a pass: a `chunk`, or fewer sequences"
        )));
    }
    Ok(())
}

/// Width of the feed-forward network of MatMul-free LM by the rule of its code: two thirds of
/// `ratio` times the width of the model, up to the next multiple of 256.
///
/// # Errors
/// At `hidden_ratio`, if that is more than any network is wide.
pub(super) fn mlgru_width(d_model: u64, ratio: u64) -> Result<u64, FieldError> {
    within("hidden_ratio", ratio, MOST)?;
    within("hidden_size", d_model, MOST)?;
    let width = (d_model * ratio * 2 / 3).next_multiple_of(256);
    if (1..=MOST).contains(&width) {
        return Ok(width);
    }
    let message = format!("{ratio} times {d_model} makes a feed-forward network {width} wide");
    let most = (MOST - 256) * 3 / 2 / d_model;
    Err(FieldError::new("hidden_ratio", message).help(format!("from 1 to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_hugging_face;
    use proptest::prelude::*;

    /// A `config.json` of each architecture, with all numbers that some architecture reads.
    fn config(model_type: &str) -> serde_json::Value {
        serde_json::json!({
            "model_type": model_type, "hidden_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "num_kv_heads": 2, "head_dim": 16,
            "intermediate_size": 96, "vocab_size": 100, "max_position_embeddings": 512,
            "word_embed_proj_dim": 64, "partial_rotary_factor": 0.5, "sliding_window": 32,
            "sliding_window_pattern": 2, "hidden_ratio": 4,
        })
    }

    const KEYS: [&str; 14] = [
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "num_kv_heads",
        "head_dim",
        "intermediate_size",
        "vocab_size",
        "max_position_embeddings",
        "word_embed_proj_dim",
        "partial_rotary_factor",
        "sliding_window",
        "sliding_window_pattern",
        "hidden_ratio",
    ];

    const TYPES: [&str; 8] = [
        "llama", "hgrn_bit", "gpt2", "falcon", "gpt_neox", "gemma3", "opt", "qwen3",
    ];

    /// What a number may be written as, from the usual to the absurd; `None` leaves the key out.
    fn values() -> Vec<Option<&'static str>> {
        let numbers = [
            "0",
            "1",
            "3",
            "-1",
            "65537",
            "2147483648",
            "4294967296",
            "9007199254740992",
            "6148914691236517206",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
            "-1e300",
            "0.5",
            "\"64\"",
            "null",
            "[]",
            "{}",
            "true",
        ];
        numbers.into_iter().map(Some).chain([None]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// No number of a file makes a sum overflow: a model comes out that can stand, or an error
        /// with a place.
        #[test]
        fn any_number_of_a_config_json_is_taken_or_refused(
            model_type in prop::sample::select(TYPES.to_vec()),
            changes in prop::collection::vec(
                (prop::sample::select(KEYS.to_vec()), prop::sample::select(values())), 1..4),
        ) {
            let mut config = config(model_type);
            for (key, value) in &changes {
                let fields = config.as_object_mut().unwrap();
                match value {
                    Some(value) => {
                        fields.insert((*key).to_owned(), serde_json::from_str(value).unwrap());
                    }
                    None => drop(fields.remove(*key)),
                }
            }
            if let Ok(file) = from_hugging_face(&config.to_string(), "fuzzed") {
                let model = file.model;
                prop_assert!(model.check().is_ok());
                prop_assert!(model.weights().is_some_and(|weights| weights <= MOST_WEIGHTS));
                prop_assert!(model.group() > 0 && model.query_width() > 0 && model.kv_width() > 0);
            }
        }
    }

    #[test]
    fn a_ratio_of_two_to_the_63_is_refused_where_it_stands() {
        let mut config = config("hgrn_bit");
        config["hidden_ratio"] = 9_223_372_036_854_775_808_u64.into();
        config.as_object_mut().unwrap().remove("intermediate_size");
        let error = from_hugging_face(&config.to_string(), "file").unwrap_err();
        assert_eq!(error.path, "hidden_ratio");
        assert_eq!(error.help.as_deref(), Some("from 1 to 16777216"));
    }

    #[test]
    fn the_widest_network_of_a_ratio_is_as_wide_as_any() {
        let error = mlgru_width(1 << 20, 25).unwrap_err();
        assert_eq!(error.help.as_deref(), Some("from 1 to 23"));
        assert!(mlgru_width(1 << 20, 23).is_ok());
    }
}

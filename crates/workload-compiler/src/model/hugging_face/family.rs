//! The families of models that are read: what their classes are built of, and the defaults of their
//! configurations. The table is `data/config-families.csv`.

use std::sync::OnceLock;

use config::FieldError;
use serde::Deserialize;

use super::text::Object;
use crate::model::{Activation, FeedForward, Norm, NormPlacement, Position};

/// What a family is, and what holds of what its file leaves out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family {
    pub(super) family: String,
    classes: String,
    pub(super) feed_forward: FeedForward,
    pub(super) activation: Activation,
    pub(super) norm: Norm,
    pub(super) norm_placement: NormPlacement,
    pub(super) position: Position,
    pub(super) qkv_bias: bool,
    pub(super) linear_bias: bool,
    pub(super) sub_norms: bool,
    pub(super) linear_norms: bool,
    pub(super) qk_norm: bool,
    pub(super) tied: bool,
    pub(super) hidden_size: u64,
    pub(super) layers: u64,
    pub(super) heads: u64,
    pub(super) kv_heads: Option<u64>,
    pub(super) head_dim: Option<u64>,
    pub(super) intermediate_size: Option<u64>,
    pub(super) vocab_size: u64,
    pub(super) max_positions: u64,
    pub(super) window: Option<u64>,
    pub(super) global_every: Option<u64>,
    /// Hundredths of a head that rotate.
    pub(super) rotary_share_percent: u32,
    /// Rows of the table of learned positions before that of the first position.
    pub(crate) position_offset: u64,
    /// Whether the LM head has a bias.
    pub(crate) lm_head_bias: bool,
}

fn families() -> &'static [Family] {
    static FAMILIES: OnceLock<Vec<Family>> = OnceLock::new();
    FAMILIES.get_or_init(|| {
        let text = include_str!("../../../data/config-families.csv");
        csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .from_reader(text.as_bytes())
            .deserialize()
            .map(|row| row.expect("the shipped table of families is well formed"))
            .collect()
    })
}

/// The family of a `model_type`.
pub(crate) fn find(model_type: &str) -> Option<&'static Family> {
    families().iter().find(|row| row.family == model_type)
}

/// The families in a sentence.
pub(super) fn names() -> String {
    let names: Vec<&str> = families().iter().map(|row| row.family.as_str()).collect();
    names.join(", ")
}

/// Parts of the names of classes that are no language model by themselves.
const DRAFTS: [&str; 6] = ["eagle", "medusa", "draft", "speculat", "mtp", "hydra"];

/// Checks what the file says its classes are.
///
/// # Errors
/// At `architectures`, if a class is a draft model or has another head than that of a language
/// model. A class of another name is warned about.
pub(super) fn check_classes(
    object: &Object<'_>,
    family: &Family,
    is_nested: bool,
) -> Result<Option<FieldError>, FieldError> {
    let what = "a list of names of classes";
    let classes: Vec<String> = object.list("architectures", what)?.unwrap_or_default();
    let mut warning = None;
    for class in &classes {
        let is_known = families()
            .iter()
            .any(|row| row.classes.split(' ').any(|name| name == class));
        let lower = class.to_lowercase();
        let is_draft = DRAFTS.iter().any(|part| lower.contains(part));
        let generates = is_nested && lower.ends_with("forconditionalgeneration");
        let is_language_model = lower.contains("forcausallm") || lower.contains("lmheadmodel");
        if is_draft || !(is_known || generates || is_language_model) {
            let what = if is_draft {
                "a draft model, whose inputs and head are others"
            } else {
                "no language model with an LM head"
            };
            return Err(object
                .error_of("architectures", format!("`{class}` is {what}"))
                .help(format!("read are the language models of {}", names())));
        }
        if !is_known && !generates {
            let message = format!(
                "the class `{class}` is not known: read as a plain `{}`",
                family.family
            );
            warning = Some(
                object
                    .error_of("architectures", message)
                    .help("if its code adds or leaves out operators, the model is another"),
            );
        }
    }
    Ok(warning)
}

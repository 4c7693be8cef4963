//! The shipped models: `data/models.csv`, found again by forgiving names.

use std::sync::OnceLock;

use serde::Deserialize;

use super::{
    Activation, FeedForward, Mixer, Model, Norm, NormPlacement, Position, PublishedPrecision,
};

/// A shipped model and where its shape comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name to write in files: `llama-2-7b`.
    pub slug: String,
    /// Other names that find it.
    pub aliases: Vec<String>,
    /// Its repository on Hugging Face.
    pub hugging_face: String,
    /// The shape of the model.
    pub model: Model,
    /// Where the shape was read.
    pub source: String,
    /// How sure that is.
    pub confidence: String,
    /// What is special.
    pub notes: String,
}

/// A row of the data file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    slug: String,
    aliases: String,
    name: String,
    hugging_face: String,
    family: String,
    layers: u64,
    d_model: u64,
    n_heads: u64,
    n_kv_heads: u64,
    head_dim: u64,
    d_ff: u64,
    mixer: Mixer,
    feed_forward: FeedForward,
    activation: Activation,
    norm: Norm,
    norm_placement: NormPlacement,
    sub_norms: bool,
    linear_norms: bool,
    qk_norm: bool,
    position: Position,
    rotary_dim: u64,
    qkv_bias: bool,
    linear_bias: bool,
    vocab: u64,
    tied_embeddings: bool,
    embedding_dim: u64,
    max_context: u64,
    sliding_window: Option<u64>,
    global_every: Option<u64>,
    published_precision: PublishedPrecision,
    source: String,
    confidence: String,
    notes: String,
}

impl From<Row> for Preset {
    fn from(row: Row) -> Self {
        Self {
            slug: row.slug,
            aliases: row.aliases.split_whitespace().map(str::to_owned).collect(),
            hugging_face: row.hugging_face,
            model: Model {
                name: row.name,
                family: row.family,
                layers: row.layers,
                d_model: row.d_model,
                n_heads: row.n_heads,
                n_kv_heads: row.n_kv_heads,
                head_dim: row.head_dim,
                d_ff: row.d_ff,
                mixer: row.mixer,
                feed_forward: row.feed_forward,
                activation: row.activation,
                norm: row.norm,
                norm_placement: row.norm_placement,
                sub_norms: row.sub_norms,
                linear_norms: row.linear_norms,
                qk_norm: row.qk_norm,
                position: row.position,
                rotary_dim: row.rotary_dim,
                qkv_bias: row.qkv_bias,
                linear_bias: row.linear_bias,
                vocab: row.vocab,
                tied_embeddings: row.tied_embeddings,
                embedding_dim: row.embedding_dim,
                max_context: row.max_context,
                sliding_window: row.sliding_window,
                global_every: row.global_every,
                global_layers: Vec::new(),
                unrotated_layers: Vec::new(),
                published_precision: row.published_precision,
            },
            source: row.source,
            confidence: row.confidence,
            notes: row.notes,
        }
    }
}

/// All shipped models, in the order of the data file.
///
/// # Panics
/// If the data file that is compiled in is malformed; a test reads all of it.
#[must_use]
pub fn models() -> &'static [Preset] {
    static MODELS: OnceLock<Vec<Preset>> = OnceLock::new();
    MODELS.get_or_init(|| {
        csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .from_reader(include_str!("../../data/models.csv").as_bytes())
            .deserialize::<Row>()
            .map(|row| {
                row.expect("the shipped table of models is well formed")
                    .into()
            })
            .collect()
    })
}

/// Letters, digits and points alone, in lower case: what spelling leaves of a name. (Points stay:
/// 1.3b is not 13b.)
fn key(name: &str) -> String {
    name.chars()
        .filter(|&c| c.is_ascii_alphanumeric() || c == '.')
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// All names of a preset.
fn names(preset: &Preset) -> impl Iterator<Item = &str> {
    let repository = preset.hugging_face.rsplit('/').next();
    [
        preset.slug.as_str(),
        &preset.model.name,
        &preset.hugging_face,
    ]
    .into_iter()
    .chain(repository)
    .chain(preset.aliases.iter().map(String::as_str))
}

/// The preset of a name: its slug, its title, its Hugging Face repository or an alias, whatever
/// the case and the punctuation.
#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    let wanted = key(name);
    models()
        .iter()
        .find(|preset| names(preset).any(|name| key(name) == wanted))
}

/// The slug nearest to a name that no preset has.
#[must_use]
pub fn nearest(name: &str) -> &'static str {
    let wanted = key(name);
    models()
        .iter()
        .min_by_key(|preset| {
            names(preset)
                .map(|name| distance(&key(name), &wanted))
                .min()
        })
        .map_or("", |preset| preset.slug.as_str())
}

/// The Levenshtein distance of two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_preset_finds_it_and_no_other() {
        for preset in models() {
            for name in names(preset) {
                assert_eq!(find(name).unwrap().slug, preset.slug, "{name}");
            }
            preset.model.check().unwrap();
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_answered_with_the_nearest_name() {
        assert_eq!(nearest("lama2-7b"), "llama-2-7b");
        assert_eq!(nearest("bitnet-b158-2b-4"), "bitnet-b1.58-2b-4t");
        assert_eq!(find("LLAMA 2 7B").unwrap().slug, "llama-2-7b");
        assert!(find("gpt5").is_none());
    }
}

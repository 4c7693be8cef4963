//! From a file as written to a workload that can be compiled.

use config::FieldError;

use super::{
    Lengths, ModelChoice, Overrides, Precision, PrecisionFile, Run, Workload, WorkloadFile,
};
use crate::format::{Format, Packing};
use crate::model::{Model, ModelFile, dense_model, find, from_hugging_face, limits, nearest};

/// The most sequences, and the longest context, that are taken seriously.
const MOST: u64 = 1 << 24;

/// Checks a workload file. `read` gives the text of a Hugging Face file named in it: reading files
/// is the caller's business.
///
/// # Errors
/// At the field that cannot stand, with what would be right.
pub fn resolve(
    file: &WorkloadFile,
    read: impl FnOnce(&str) -> Result<String, String>,
) -> Result<Workload, FieldError> {
    let ModelFile {
        model,
        mut warnings,
        quantised,
    } = model(&file.model, read)?;
    if let Some(stored) = quantised {
        // Whoever says a format knows that the weights are quantised.
        let Some(format) = file.precision.projection else {
            return Err(stored);
        };
        warnings.push(FieldError {
            message: format!(
                "{}: run in {format}, as `precision.projection` says, without scales and zero points",
                stored.message
            ),
            help: None,
            ..stored
        });
    }
    counted("batch", file.batch, "sequences")?;
    check_run(&file.run)?;
    check_batch(file.batch, &file.run)?;
    let longest = file.run.longest_context().unwrap_or(u64::MAX);
    let tokens = file.run.tokens_of_a_pass().saturating_mul(file.batch);
    limits::pass(&model, tokens, longest)?;
    if longest > model.max_context && !file.beyond_max_context {
        return Err(FieldError::new(
            "run",
            format!(
                "a context of {longest} is longer than {} was made for ({})",
                model.name, model.max_context
            ),
        )
        .help(format!(
            "stay within {}, or say `beyond_max_context: true`",
            model.max_context
        )));
    }
    let precision = precision(file.precision, &model)?;
    Ok(Workload {
        precision,
        run: file.run.clone(),
        batch: file.batch,
        weights: file.weights,
        operators: file.operators,
        heads: file.heads,
        softmax: file.softmax,
        masked_keys: file.masked_keys,
        fusion: file.fusion,
        split: file.split,
        model,
        warnings,
    })
}

fn counted(field: &str, count: u64, of: &str) -> Result<(), FieldError> {
    match count {
        0 => Err(FieldError::new(field, format!("0 {of}")).help("at least 1 is needed")),
        1..=MOST => Ok(()),
        _ => Err(FieldError::new(field, format!("{count} {of}"))
            .help(format!("at most {MOST} are taken"))),
    }
}

fn lengths(field: &str, lengths: &Lengths, of: &str) -> Result<(), FieldError> {
    match lengths {
        Lengths::Same(length) => counted(field, *length, of),
        Lengths::Each(list) if list.is_empty() => {
            Err(FieldError::new(field, "no sequences").help("at least one length is needed"))
        }
        Lengths::Each(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(index, &length)| counted(&format!("{field}[{index}]"), length, of)),
    }
}

fn check_chunk(chunk: Option<u64>) -> Result<(), FieldError> {
    chunk.map_or(Ok(()), |chunk| counted("run.chunk", chunk, "tokens"))
}

fn check_run(run: &Run) -> Result<(), FieldError> {
    match run {
        Run::Prefill { tokens, chunk } => {
            lengths("run.tokens", tokens, "tokens")?;
            check_chunk(*chunk)
        }
        Run::Decode { context } => lengths("run.context", context, "positions of context"),
        Run::Generate {
            prompt,
            tokens,
            chunk,
        } => {
            lengths("run.prompt", prompt, "tokens")?;
            counted("run.tokens", *tokens, "tokens")?;
            check_chunk(*chunk)
        }
        Run::Mixed {
            decode,
            prefill,
            after,
        } => {
            lengths("run.decode", decode, "positions of context")?;
            counted("run.prefill", *prefill, "tokens")?;
            match after {
                0 => Ok(()),
                _ => counted("run.after", *after, "tokens"),
            }
        }
    }
}

fn check_batch(batch: u64, run: &Run) -> Result<(), FieldError> {
    let sequences = run.sequences();
    if sequences.saturating_mul(batch) > MOST {
        return Err(
            FieldError::new("batch", format!("{batch} copies of {sequences} sequences"))
                .help(format!("at most {MOST} sequences are taken")),
        );
    }
    Ok(())
}

fn floating(field: &str, format: Format) -> Result<(), FieldError> {
    if !format.holds_vectors() {
        return Err(
            FieldError::new(field, format!("vectors cannot be {format}"))
                .help("`Bf16`, `Fp16` or `Int8`"),
        );
    }
    Ok(())
}

fn preset(name: &str, field: &str) -> Result<Model, FieldError> {
    find(name)
        .map(|preset| preset.model.clone())
        .ok_or_else(|| {
            FieldError::new(field, format!("no shipped model is called `{name}`")).help(format!(
                "did you mean `{}`? `ternion models` lists all",
                nearest(name)
            ))
        })
}

fn model(
    choice: &ModelChoice,
    read: impl FnOnce(&str) -> Result<String, String>,
) -> Result<ModelFile, FieldError> {
    let by_itself = |model| ModelFile {
        model,
        warnings: Vec::new(),
        quantised: None,
    };
    match choice {
        ModelChoice::Preset(name) => preset(name, "model").map(by_itself),
        ModelChoice::HuggingFace(path) => {
            let text = read(path).map_err(|message| {
                FieldError::new("model", message)
                    .help("HuggingFace(..) takes the path of a config.json")
            })?;
            let in_the_workload = |error| seen_from_the_workload(path, error);
            let file = from_hugging_face(&text, path).map_err(in_the_workload)?;
            Ok(ModelFile {
                model: file.model,
                warnings: file.warnings.into_iter().map(in_the_workload).collect(),
                quantised: file.quantised.map(in_the_workload),
            })
        }
        ModelChoice::Dense(layers) => {
            dense_model(layers)
                .map(by_itself)
                .map_err(|error| FieldError {
                    path: format!("model{}", error.path),
                    ..error
                })
        }
        ModelChoice::Variant(overrides) => {
            let model = varied(overrides)?;
            model.check().map_err(|error| error.inside("model"))?;
            Ok(by_itself(model))
        }
    }
}

/// An error in the file of a model, at the field that names it.
fn seen_from_the_workload(file: &str, error: FieldError) -> FieldError {
    let place = if error.path.is_empty() {
        file.to_owned()
    } else {
        format!("{file}: {}", error.path)
    };
    FieldError {
        path: "model".to_owned(),
        message: format!("{place}: {}", error.message),
        ..error
    }
}

fn varied(overrides: &Overrides) -> Result<Model, FieldError> {
    let base = preset(&overrides.of, "model.of")?;
    let name = overrides.name.clone();
    let d_model = overrides.d_model.unwrap_or(base.d_model);
    let n_heads = overrides.n_heads.unwrap_or(base.n_heads);
    // A head keeps its share of the width unless it is said how wide it is.
    let head_dim = match overrides.head_dim {
        Some(head_dim) => head_dim,
        None if (d_model, n_heads) == (base.d_model, base.n_heads) => base.head_dim,
        None if n_heads > 0 && d_model.is_multiple_of(n_heads) => d_model / n_heads,
        None => {
            return Err(FieldError::new(
                "model.n_heads",
                format!("d_model {d_model} does not divide evenly over {n_heads} heads"),
            )
            .help("give head_dim, or a number of heads that divides d_model"));
        }
    };
    let embedding_dim = if base.embedding_dim == base.d_model {
        d_model
    } else {
        base.embedding_dim
    };
    let rotary_dim = if head_dim == base.head_dim {
        base.rotary_dim
    } else {
        (base.rotary_dim.saturating_mul(head_dim) / base.head_dim) / 2 * 2
    };
    let kv_heads = if base.n_kv_heads == base.n_heads {
        n_heads
    } else {
        base.n_kv_heads
    };
    Ok(Model {
        name: name.unwrap_or_else(|| format!("{} (variant)", base.name)),
        layers: overrides.layers.unwrap_or(base.layers),
        d_model,
        n_heads,
        n_kv_heads: overrides.n_kv_heads.unwrap_or(kv_heads),
        head_dim,
        rotary_dim,
        embedding_dim,
        d_ff: overrides.d_ff.unwrap_or(base.d_ff),
        feed_forward: overrides.feed_forward.unwrap_or(base.feed_forward),
        activation: overrides.activation.unwrap_or(base.activation),
        vocab: overrides.vocab.unwrap_or(base.vocab),
        tied_embeddings: overrides.tied_embeddings.unwrap_or(base.tied_embeddings),
        max_context: overrides.max_context.unwrap_or(base.max_context),
        sliding_window: overrides.sliding_window.or(base.sliding_window),
        ..base
    })
}

fn precision(file: PrecisionFile, model: &Model) -> Result<Precision, FieldError> {
    let published = if model.is_ternary() {
        Format::Ternary {
            packing: Packing::TwoBits,
        }
    } else {
        Format::Bf16
    };
    let attention = file.attention.unwrap_or(Format::Bf16);
    let precision = Precision {
        projection: file.projection.unwrap_or(published),
        attention,
        lm_head: file.lm_head.unwrap_or(Format::Bf16),
        kv_cache: file.kv_cache.unwrap_or(attention),
        activation: file.activation.unwrap_or(Format::Bf16),
    };
    if !attention.holds_attention() {
        return Err(FieldError::new(
            "precision.attention",
            format!("attention multiplies two activations, which cannot be {attention}"),
        )
        .help("`Int4`, `Int8`, `Bf16` or `Fp16`"));
    }
    if !precision.kv_cache.holds_attention() {
        return Err(FieldError::new(
            "precision.kv_cache",
            format!("keys and values cannot be {}", precision.kv_cache),
        )
        .help("`Int4`, `Int8`, `Bf16` or `Fp16`"));
    }
    if precision.kv_cache.bits() > attention.bits() {
        return Err(FieldError::new(
            "precision.kv_cache",
            format!(
                "a cache in {} is wider than attention in {attention}",
                precision.kv_cache
            ),
        )
        .help("keep the cache no wider than its user, or widen `precision.attention`"));
    }
    if !attention.numbers().take(precision.kv_cache.numbers()) {
        return Err(FieldError::new(
            "precision.kv_cache",
            format!(
                "a cache in {} is not what attention in {attention} multiplies",
                precision.kv_cache
            ),
        )
        .help(format!("`Int4`, `Int8` or `{}`", attention.keyword())));
    }
    floating("precision.activation", precision.activation)?;
    Ok(precision)
}

//! What cannot be split, and the numbers that would do.

use crate::error::CompileError;
use crate::model::{Mixer, Model};
use crate::workload::Workload;

/// Whether a workload can be divided over `ways` cores to a layer, in `stages` groups of layers.
pub(super) fn check(
    workload: &Workload,
    cores: u64,
    ways: u64,
    stages: u64,
) -> Result<(), CompileError> {
    if stages == 0 || ways == 0 || stages.saturating_mul(ways) > cores {
        let what = format!("{ways} cores to a layer, in {stages} groups, of {cores} cores");
        let help = format!("tensor times pipeline from 1 to {cores}");
        return Err(wrong("pipeline", what, help));
    }
    let model = &workload.model;
    if ways * stages > 1 && !matches!(model.mixer, Mixer::Attention) {
        let what = match model.mixer {
            Mixer::Dense(_) => format!(
                "dense layers run on one core, and these were to be split over {} of {cores}",
                ways * stages
            ),
            _ => format!("{} has no attention to split by heads", model.name),
        };
        return Err(wrong("tensor", what, "split: (tensor: 1, pipeline: 1)"));
    }
    if ways * stages > 1 && !workload.operators.vector() {
        let what = "without vector work nobody adds up partial results";
        let help = "operators: All or Blocks, or split: (tensor: 1, pipeline: 1)";
        return Err(wrong("tensor", what, help));
    }
    check_parts(model, cores, ways)?;
    if stages > model.layers {
        let layers = model.layers;
        let what = format!("{layers} layers cannot be split over {stages} groups");
        return Err(wrong(
            "pipeline",
            what,
            format!("pipeline from 1 to {layers}"),
        ));
    }
    check_microbatches(workload)
}

/// Each core of a layer has as many heads, and columns of the feed-forward network.
fn check_parts(model: &Model, cores: u64, ways: u64) -> Result<(), CompileError> {
    let parts = [
        (model.n_heads, "query heads"),
        (model.n_kv_heads, "key/value heads"),
        (model.d_ff, "columns of the feed-forward network"),
    ];
    let divides = |ways: u64| parts.iter().all(|(count, _)| count.is_multiple_of(ways));
    let uneven = parts.iter().find(|(count, _)| !count.is_multiple_of(ways));
    let Some((count, of)) = uneven else {
        return Ok(());
    };
    let divisors = (1..=cores.min(*count)).filter(|&ways| divides(ways));
    let divisors: Vec<_> = divisors.map(|ways| ways.to_string()).collect();
    let what = format!("{count} {of} cannot be split over {ways} cores");
    let help = format!("tensor: {} for this model", divisors.join(", "));
    Err(wrong("tensor", what, help))
}

fn check_microbatches(workload: &Workload) -> Result<(), CompileError> {
    let (parts, sequences) = (workload.split.microbatches, workload.sequences());
    if parts == 0 || parts > sequences {
        let what = format!("{parts} parts of {sequences} sequences");
        let help = format!("microbatches from 1 to {sequences}");
        return Err(wrong("microbatches", what, help));
    }
    if parts > 1 && !workload.operators.embedding() {
        let what = "without an embedding all parts of the batch begin at once";
        return Err(wrong(
            "microbatches",
            what,
            "microbatches: 1, or operators: All",
        ));
    }
    Ok(())
}

fn wrong(field: &'static str, what: impl Into<String>, help: impl Into<String>) -> CompileError {
    CompileError::Split {
        field,
        what: what.into(),
        help: help.into(),
    }
}

//! What other arrays can do while attention runs.

use quantities::Cycles;
use tile_program::{GemmTile, OperationId, Target};

use super::team::times;
use crate::graph::{AttentionPhase, AttentionStage, GemmStage, Graph, Stage, team};

/// The cycles that other arrays can work while an attention stage runs; 0 for other stages.
///
/// They are those of the projections right before or right after it, whichever are more, if these
/// run on arrays of their own: the rows of one become whole block by block, so the other can follow.
pub(super) fn overlappable_cycles(graph: &Graph, place: usize, target: &Target) -> Cycles {
    let stages = &graph.stages;
    let Stage::Attention(stage) = &stages[place] else {
        return Cycles::ZERO;
    };
    if stage.phase != AttentionPhase::Fused {
        return Cycles::ZERO;
    }
    let before = nearest_gemm(stages[..place].iter().rev());
    let after = nearest_gemm(stages[place + 1..].iter());
    let near = before.into_iter().chain(after);
    let apart = near.filter(|gemm| share_no_array(graph, stage, gemm, target));
    apart
        .map(|gemm| cycles(gemm, target))
        .max()
        .unwrap_or(Cycles::ZERO)
}

/// The first GEMM stage if only vector work and attention of other sequences stand before it.
fn nearest_gemm<'a>(mut stages: impl Iterator<Item = &'a Stage>) -> Option<&'a GemmStage> {
    let passed = |stage: &&Stage| matches!(stage, Stage::Vector(_) | Stage::Attention(_));
    match stages.find(|stage| !passed(stage))? {
        Stage::Gemm(stage) => Some(stage),
        _ => None,
    }
}

/// Whether the two stages share no array.
fn share_no_array(
    graph: &Graph,
    stage: &AttentionStage,
    gemm: &GemmStage,
    target: &Target,
) -> bool {
    let arrays = |array: usize, operation: OperationId| {
        let family = graph.operations[operation.index()].family;
        team(target, array, family)
    };
    let own = arrays(stage.array, stage.scores);
    let others = arrays(gemm.array, gemm.sections[0].parts[0].operation);
    !others.iter().any(|array| own.contains(array))
}

/// About the cycles of a GEMM stage on its first array.
fn cycles(stage: &GemmStage, target: &Target) -> Cycles {
    let part = |n| {
        let tile = GemmTile {
            packed: stage.packed,
            ..GemmTile::one(stage.m, n, stage.k)
        };
        times(target, &[stage.array], &tile)
            .on_first()
            .unwrap_or(Cycles::MAX)
    };
    let sections = stage.sections.iter();
    let cycles = sections.map(|section| part(section.n).saturating_mul(section.parts.len() as u64));
    cycles.fold(Cycles::ZERO, Cycles::saturating_add)
}

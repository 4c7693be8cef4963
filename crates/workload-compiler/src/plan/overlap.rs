//! What other arrays can do beside attention.

use tile_program::{GemmTile, OperationId, Target};

use super::team::times;
use crate::graph::{AttentionPhase, AttentionStage, GemmStage, Graph, Stage, team};

/// Array cycles of the projections right before or right after an attention stage, whichever are
/// more, if they run on arrays of their own: where rows of one are whole block by block, the other
/// runs beside it. 0 for other stages.
pub(super) fn beside(graph: &Graph, place: usize, target: &Target) -> u64 {
    let stages = &graph.stages;
    let Stage::Attention(stage) = &stages[place] else {
        return 0;
    };
    if stage.phase != AttentionPhase::Fused {
        return 0;
    }
    let before = nearest(stages[..place].iter().rev());
    let after = nearest(stages[place + 1..].iter());
    let near = before.into_iter().chain(after);
    let apart = near.filter(|gemm| are_apart(graph, stage, gemm, target));
    apart.map(|gemm| cycles(gemm, target)).max().unwrap_or(0)
}

/// The first GEMM stage, past vector work and attention of other sequences.
fn nearest<'a>(mut stages: impl Iterator<Item = &'a Stage>) -> Option<&'a GemmStage> {
    let passed = |stage: &&Stage| matches!(stage, Stage::Vector(_) | Stage::Attention(_));
    match stages.find(|stage| !passed(stage))? {
        Stage::Gemm(stage) => Some(stage),
        _ => None,
    }
}

/// Whether the two share no array.
fn are_apart(graph: &Graph, stage: &AttentionStage, gemm: &GemmStage, target: &Target) -> bool {
    let arrays = |array: usize, operation: OperationId| {
        let family = graph.operations[operation.index()].family;
        team(target, array, family)
    };
    let own = arrays(stage.array, stage.scores);
    let others = arrays(gemm.array, gemm.sections[0].parts[0].operation);
    !others.iter().any(|array| own.contains(array))
}

/// About the cycles of a GEMM stage on its first array.
fn cycles(stage: &GemmStage, target: &Target) -> u64 {
    let parts = |n| {
        let tile = GemmTile {
            packed: stage.packed,
            ..GemmTile::one(stage.m, n, stage.k)
        };
        times(target, &[stage.array], &tile)[0]
    };
    let sections = stage.sections.iter();
    let cycles =
        sections.map(|section| parts(section.n).saturating_mul(section.parts.len() as u64));
    cycles.fold(0, u64::saturating_add)
}

//! What other arrays can do beside a stage.

use tile_program::{GemmTile, OperationId, Target};

use super::team::{team, times};
use crate::lower::{AttentionPhase, AttentionStage, GemmStage, Graph, Stage};

/// For each stage, array cycles of what stands right before or after it on arrays of its own:
/// attention beside projections, projections beside attention. Where rows of one are whole block by
/// block, the other runs beside it.
pub(super) fn beside(graph: &Graph, target: &Target) -> Vec<u64> {
    let near = Near { graph, target };
    (0..graph.stages.len())
        .map(|place| near.of(place))
        .collect()
}

struct Near<'a> {
    graph: &'a Graph,
    target: &'a Target,
}

impl Near<'_> {
    fn of(&self, place: usize) -> u64 {
        let stages = &self.graph.stages;
        let Some(own) = self.arrays(&stages[place]) else {
            return 0;
        };
        let before = self.first(stages[..place].iter().rev(), &stages[place], &own);
        before.max(self.first(stages[place + 1..].iter(), &stages[place], &own))
    }

    /// Cycles of the first stages that are not of the same sort, if they run on other arrays: all
    /// groups of sequences of an attention, or one GEMM stage.
    fn first<'a>(&self, stages: impl Iterator<Item = &'a Stage>, to: &Stage, own: &[usize]) -> u64 {
        let mut cycles: u64 = 0;
        for stage in stages {
            let same_sort = std::mem::discriminant(stage) == std::mem::discriminant(to);
            match stage {
                Stage::Vector(_) => continue,
                Stage::Attention(_) if same_sort => continue,
                _ if same_sort => break,
                _ => {}
            }
            let Some(arrays) = self.arrays(stage) else {
                break;
            };
            if arrays.iter().any(|array| own.contains(array)) {
                break;
            }
            cycles = cycles.saturating_add(self.cycles(stage));
            if matches!(stage, Stage::Gemm(_)) {
                break;
            }
        }
        cycles
    }

    /// The arrays of a stage that is made row by row.
    fn arrays(&self, stage: &Stage) -> Option<Vec<usize>> {
        let team = |array: usize, operation: OperationId| {
            let family = self.graph.operations[operation.index()].family;
            Some(team(self.target, array, family))
        };
        match stage {
            Stage::Gemm(stage) => team(stage.array, stage.sections[0].parts[0].operation),
            Stage::Attention(stage) if stage.phase == AttentionPhase::Fused => {
                team(stage.array, stage.scores)
            }
            _ => None,
        }
    }

    /// About the cycles of a stage on its first array.
    fn cycles(&self, stage: &Stage) -> u64 {
        let on = |array: usize, tile: &GemmTile| times(self.target, &[array], tile)[0];
        match stage {
            Stage::Gemm(stage) => gemms(stage)
                .map(|tile| on(stage.array, &tile))
                .fold(0, u64::saturating_add),
            Stage::Attention(stage) => attentions(stage)
                .map(|tile| on(stage.array, &tile))
                .iter()
                .fold(0, |sum, cycles| sum.saturating_add(*cycles)),
            _ => 0,
        }
    }
}

fn gemms(stage: &GemmStage) -> impl Iterator<Item = GemmTile> {
    let sections = stage.sections.iter();
    let parts = sections.flat_map(|section| section.parts.iter().map(|_| section.n));
    parts.map(|n| GemmTile {
        packed: stage.packed,
        ..GemmTile::one(stage.m, n, stage.k)
    })
}

fn attentions(stage: &AttentionStage) -> [GemmTile; 2] {
    let (m, span) = (stage.tokens * stage.group, stage.to - stage.from);
    [(span, stage.head_dim), (stage.head_dim, span)].map(|(n, k)| GemmTile {
        repeat: stage.batch * stage.kv_heads,
        ..GemmTile::one(m, n, k)
    })
}

//! What the tiles of a stage depend on, taken from the stage, its tensors and the machine.

use quantities::Bytes;
use tile_program::{GemmTile, OperationId, Target};

use super::attention::AttentionProblem;
use super::gemm::{GemmProblem, MovedTensor, SectionProblem};
use super::gemm_time::{Matrix, chain_cycles};
use super::prologue::InputState;
use super::residency::{self, Home};
use super::{PassPlan, StageRoom};
use crate::graph::{
    AttentionPhase, AttentionStage, Backing, GemmStage, Section, TensorId, VectorStep, team,
};

impl GemmProblem {
    /// The problem of a GEMM stage of which A is found as `input` says.
    pub(super) fn new(
        pass: &PassPlan,
        stage: &GemmStage,
        input: InputState,
        room: &StageRoom,
        target: &Target,
    ) -> Self {
        let operation = stage.sections[0].parts[0].operation;
        let team = stage_team(pass, target, stage.array, operation);
        let accumulator_bytes = accumulator_bytes(target, &team);
        let sections = stage.sections.iter().map(|section| {
            let sums = Matrix {
                rows: stage.m,
                columns: section.n,
                bits: 8 * accumulator_bytes,
            };
            SectionProblem::new(pass, section, sums, target)
        });
        Self {
            m: stage.m,
            k: stage.k,
            a_bits: stage.a_bits,
            packed: stage.packed,
            a_on_chip: input.a_on_chip,
            prologue: input.prologue,
            sections: sections.collect(),
            accumulator_bytes,
            rows: target.arrays[stage.array].rows,
            team,
            access: target.memory.access.get(),
            room: room.scratchpads,
        }
    }
}

impl SectionProblem {
    /// The problem of a section with these partial sums.
    fn new(pass: &PassPlan, section: &Section, sums: Matrix, target: &Target) -> Self {
        let in_memory = |id: &TensorId| pass.homes[id.0] == Home::Memory;
        let steps = || section.parts.iter().flat_map(|part| &part.epilogue);
        let operands = steps().filter_map(|step: &VectorStep| step.with);
        let moved_tensor = |id: TensorId| {
            let tensor = &pass.graph.tensors[id.0];
            MovedTensor {
                bits: tensor.bits,
                strip: tensor.strip,
            }
        };
        let mut moved: Vec<_> = operands.filter(in_memory).map(moved_tensor).collect();
        let mut staging_bits: u64 = moved.iter().map(|tensor| tensor.bits).sum();
        if in_memory(&section.out) {
            let out = moved_tensor(section.out);
            moved.push(out);
            if steps().next().is_some() {
                staging_bits += out.bits;
            }
        }
        Self {
            n: section.n,
            unit_columns: section.unit_columns,
            parts: section.parts.len() as u64,
            streamed: section.parts.iter().filter(|part| !part.kept).count() as u64,
            moved,
            staging_bits,
            epilogue_cycles: chain_cycles(steps(), sums, target),
            weights: section.parts[0].weights.without_address(),
        }
    }
}

impl AttentionProblem {
    /// The problem of an attention stage.
    pub(super) fn new(
        pass: &PassPlan,
        stage: &AttentionStage,
        room: &StageRoom,
        target: &Target,
    ) -> Self {
        let team = stage_team(pass, target, stage.array, stage.scores);
        // Contexts of heads, however many keys there are: where keys fill the rows of an array, no
        // other head stands in it.
        let contexts = GemmTile::one(1, stage.head_dim, u64::MAX);
        let Backing::Cache(cache) = pass.graph.tensors[stage.key.0].backing else {
            unreachable!("keys are backed by a cache")
        };
        let on_chip = |id: TensorId| pass.homes[id.0] != Home::Memory;
        let staged = !on_chip(stage.out) && stage.dequantise.is_some();
        let fused = stage.phase == AttentionPhase::Fused;
        Self {
            batch: stage.batch,
            tokens: stage.tokens,
            mask: stage.mask(),
            phase: stage.phase,
            streamed_to: if on_chip(stage.key) && on_chip(stage.value) {
                stage.sequences.past
            } else {
                stage.to
            },
            kv_heads: stage.kv_heads,
            group: stage.group,
            head_dim: stage.head_dim,
            separate: stage.separate,
            stride: cache.stride,
            a_bits: stage.a_bits,
            accumulator_bytes: accumulator_bytes(target, &team),
            query_bits: if on_chip(stage.query) {
                0
            } else {
                stage.a_bits
            },
            staging_bits: if staged {
                pass.graph.tensors[stage.out.0].bits
            } else {
                0
            },
            other_bytes: moved_vectors(pass, stage),
            whole_rows_allowed: fused && !stage.online,
            softmax: fused && stage.softmax.is_some(),
            columns: target.arrays[stage.array].columns,
            packs: team
                .iter()
                .map(|&index| target.laws.side_by_side(index, &contexts))
                .fold(1, u64::max),
            team,
            room: room.scratchpads,
            overlappable: room.overlappable,
        }
    }
}

/// Bytes that an attention stage moves however it is cut: its queries and contexts, or its scores
/// and probabilities, as far as they lie in main memory.
fn moved_vectors(pass: &PassPlan, stage: &AttentionStage) -> Bytes {
    let moved = |id: TensorId| match pass.homes[id.0] {
        Home::Chip(_) => Bytes::ZERO,
        Home::Memory => residency::bytes(&pass.graph.tensors[id.0]),
    };
    let (read, written) = match stage.phase {
        AttentionPhase::Fused => (stage.query, stage.out),
        AttentionPhase::Scores(scores) => (stage.query, scores),
        AttentionPhase::Context(probabilities) => (probabilities, stage.out),
    };
    moved(read).saturating_add(moved(written))
}

/// The arrays that share a stage, the stage's own first.
fn stage_team(
    pass: &PassPlan,
    target: &Target,
    array: usize,
    operation: OperationId,
) -> Vec<usize> {
    let family = pass.graph.operations[operation.index()].family;
    team(target, array, family)
}

/// Bytes of a sum, on whichever array of a team it is the widest.
pub(crate) fn accumulator_bytes(target: &Target, team: &[usize]) -> u64 {
    let bytes = |&array: &usize| target.arrays[array].accumulator.get().div_ceil(8);
    team.iter().map(bytes).max().unwrap_or(0)
}

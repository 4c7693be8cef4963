//! How a pass is run: what stays on chip, and the tiles of each stage.

mod attention;
mod compulsory;
mod gemm;
mod gemm_room;
mod gemm_time;
mod overlap;
mod prologue;
mod residency;
mod rows;
mod search;
mod sizes;
mod team;
mod unfuse;

use std::collections::BTreeMap;

use tile_program::{GemmTile, OperationId, OperationName, ScratchpadId, Target};

use crate::error::CompileError;
use crate::graph::{
    AttentionPhase, AttentionStage, Backing, GemmStage, Graph, Stage, Tensor, TensorId, VectorStep,
    team,
};
use crate::workload::Fusion;

use crate::tuning::MAX_CACHED_ATTENTIONS;
pub(crate) use attention::AttentionPlan;
use attention::{AttentionChoice, AttentionProblem};
pub(crate) use gemm::GemmPlan;
use gemm::{GemmChoice, GemmProblem, SectionProblem};
use gemm_time::step_cycles;
use overlap::beside;
use prologue::Entry;
pub(crate) use residency::Home;
use residency::Residency;
use rows::{rows_that_fit, vector_rows};
use search::Cost;
pub(crate) use team::{Times, assign, packed, times};

/// How a stage is run.
#[derive(Clone, Debug)]
pub(crate) enum StagePlan {
    /// Rows at a time.
    Rows(u64),
    Gemm(GemmPlan),
    Attention(AttentionPlan),
}

/// A pass, ready to be turned into instructions.
#[derive(Debug)]
pub(crate) struct PassPlan {
    pub(crate) graph: Graph,
    pub(crate) homes: Vec<Home>,
    pub(crate) plans: Vec<StagePlan>,
    /// Of each stage, the tensors that no later stage touches.
    pub(crate) last_touched: Vec<Vec<TensorId>>,
    /// A stage begins when the one before it has ended.
    pub(crate) one_after_another: bool,
}

/// Plans passes; remembers what it found, since layers and passes repeat.
#[derive(Debug)]
pub(crate) struct Planner {
    gemms: BTreeMap<GemmProblem, Option<GemmChoice>>,
    attentions: BTreeMap<AttentionProblem, Option<AttentionChoice>>,
}

/// What a stage finds in the scratchpads, and on other arrays.
#[derive(Clone, Copy, Debug)]
struct Room {
    activations: u64,
    weights: u64,
    outputs: u64,
    /// Cycles for which other arrays may work beside it.
    beside: u64,
}

impl Planner {
    pub(crate) fn new() -> Self {
        Self {
            gemms: BTreeMap::new(),
            attentions: BTreeMap::new(),
        }
    }

    /// Plans a pass.
    pub(crate) fn plan(
        &mut self,
        graph: Graph,
        fusion: Fusion,
        target: &Target,
    ) -> Result<PassPlan, CompileError> {
        let graph = unfuse::unfuse(graph, fusion, target);
        let residency = Residency::of(&graph, target, true)?;
        let mut pass = match self.plan_with(graph.clone(), target, &residency) {
            Err(CompileError::TileDoesNotFit { .. }) => {
                let residency = Residency::of(&graph, target, false)?;
                self.plan_with(graph, target, &residency)?
            }
            done => done?,
        };
        pass.one_after_another = fusion == Fusion::None;
        Ok(pass)
    }

    fn plan_with(
        &mut self,
        graph: Graph,
        target: &Target,
        residency: &Residency,
    ) -> Result<PassPlan, CompileError> {
        let stages = 0..graph.stages.len();
        let beside: Vec<_> = stages.map(|place| beside(&graph, place, target)).collect();
        let mut pass = PassPlan {
            homes: residency.homes.clone(),
            plans: Vec::with_capacity(graph.stages.len()),
            last_touched: Vec::new(),
            one_after_another: false,
            graph: Graph {
                sequences: graph.sequences,
                strips: graph.strips,
                operations: graph.operations,
                tensors: graph.tensors,
                stages: Vec::with_capacity(graph.stages.len()),
            },
        };
        for (index, stage) in graph.stages.into_iter().enumerate() {
            let room = Room {
                activations: residency.free(index, ScratchpadId::Activations),
                weights: residency.free(index, ScratchpadId::Weights),
                outputs: target.capacity(ScratchpadId::Outputs).get(),
                beside: beside[index],
            };
            match stage {
                Stage::Gemm(gemm) => self.gemm(&mut pass, gemm, room, target)?,
                Stage::Attention(attention) => {
                    self.attention(&mut pass, attention, room, target)?;
                }
                Stage::Vector(vector) => {
                    let rows = vector_rows(&pass, &vector, room, target)?;
                    pass.push(Stage::Vector(vector), StagePlan::Rows(rows));
                }
                Stage::Fetch(fetch) => {
                    let tensor = &pass.graph.tensors[fetch.out.0];
                    let row = fetch.row_bytes.max(row_bytes(tensor, tensor.bits));
                    let operation = fetch.operation.index();
                    let rows = rows_that_fit(&pass, operation, row, 2, tensor.rows, room, target)?;
                    pass.push(Stage::Fetch(fetch), StagePlan::Rows(rows));
                }
                Stage::Exchange(exchange) => {
                    let bytes =
                        exchange.bytes(exchange.rows, &pass.graph.tensors) * exchange.blocks;
                    let operation = exchange.operation.index();
                    rows_that_fit(&pass, operation, bytes, 1, 1, room, target)?;
                    pass.push(Stage::Exchange(exchange), StagePlan::Rows(exchange.rows));
                }
                Stage::Move(stage) => {
                    let rows = pass.graph.tensors[stage.tensor.0].rows;
                    pass.push(Stage::Move(stage), StagePlan::Rows(rows));
                }
            }
        }
        pass.finish();
        Ok(pass)
    }

    fn solve(&mut self, problem: &GemmProblem, target: &Target) -> Option<GemmChoice> {
        if let Some(choice) = self.gemms.get(problem) {
            return choice.clone();
        }
        let choice = problem.solve(target);
        self.gemms.insert(problem.clone(), choice.clone());
        choice
    }

    fn attention(
        &mut self,
        pass: &mut PassPlan,
        stage: AttentionStage,
        room: Room,
        target: &Target,
    ) -> Result<(), CompileError> {
        let problem = AttentionProblem::new(pass, &stage, room, target);
        if self.attentions.len() > MAX_CACHED_ATTENTIONS {
            self.attentions.clear();
        }
        let choice = match self.attentions.get(&problem) {
            Some(choice) => choice.clone(),
            None => {
                let mut choice = problem.solve(target);
                if let Some((plan, _)) = &mut choice {
                    plan.pairs = problem.pairs(plan);
                }
                self.attentions.insert(problem.clone(), choice.clone());
                choice
            }
        };
        let (plan, verdict) = choice.ok_or_else(|| {
            let name = &pass.graph.operations[stage.main().index()].name;
            too_small(name, problem.least(), room, target)
        })?;
        let tiling = verdict.choice(&plan, |plan| problem.tiling(plan, target));
        for id in stage.operations() {
            let operation = &mut pass.graph.operations[id.index()];
            operation.tiling = Some(tiling);
            // What the mask hides from a whole block is not computed.
            let heads = stage.batch * stage.kv_heads * stage.group;
            operation.macs = plan.pairs * heads * stage.head_dim;
        }
        pass.push(Stage::Attention(stage), StagePlan::Attention(plan));
        Ok(())
    }
}

impl PassPlan {
    fn push(&mut self, stage: Stage, plan: StagePlan) {
        self.graph.stages.push(stage);
        self.plans.push(plan);
    }

    fn push_gemm(&mut self, stage: GemmStage, (plan, verdict): GemmChoice) {
        for (index, section) in stage.sections.iter().enumerate() {
            let tiling = verdict.choice(&plan, |plan| plan.tiling(index));
            for part in &section.parts {
                self.graph.operations[part.operation.index()].tiling = Some(tiling);
            }
        }
        self.push(Stage::Gemm(stage), StagePlan::Gemm(plan));
    }

    /// About the cycles of its GEMMs and its attention: no more than they take one after another,
    /// and no less than the busiest kind of unit over all of them, since memory runs ahead of the
    /// arrays from stage to stage as far as there is room. The mean of both.
    pub(crate) fn cycles(&self) -> u64 {
        let costs = self.plans.iter().filter_map(|plan| match plan {
            StagePlan::Gemm(plan) => Some(plan.cost),
            StagePlan::Attention(plan) => Some(plan.cost),
            StagePlan::Rows(_) => None,
        });
        let sum = |part: fn(&Cost) -> u64| {
            let parts = costs.clone().map(|cost| part(&cost));
            parts.fold(0, u64::saturating_add)
        };
        let busiest = sum(|cost| cost.array).max(sum(|cost| cost.vector));
        let busiest = busiest.max(sum(|cost| cost.memory));
        busiest.midpoint(sum(Cost::cycles))
    }

    /// Notes last uses, and charges activations that lie in memory to those who must move them.
    fn finish(&mut self) {
        let mut last = vec![None; self.graph.tensors.len()];
        for (index, stage) in self.graph.stages.iter().enumerate() {
            for tensor in stage.tensors() {
                last[tensor.0] = Some(index);
            }
        }
        self.last_touched = vec![Vec::new(); self.graph.stages.len()];
        for (tensor, stage) in last.into_iter().enumerate() {
            if let Some(stage) = stage {
                self.last_touched[stage].push(TensorId(tensor));
            }
        }
        compulsory::charge(&mut self.graph, &self.homes);
    }
}

/// Bytes of a row of so many bits an element.
pub(crate) fn row_bytes(tensor: &Tensor, bits: u64) -> u64 {
    (tensor.width * bits).div_ceil(8)
}

/// The error of a stage of which not even the smallest tile, which needs so many bytes of each
/// scratchpad, fits: it names the one that is short.
fn too_small(
    operation: &OperationName,
    needs: [u64; 3],
    room: Room,
    target: &Target,
) -> CompileError {
    let room = [room.activations, room.weights, room.outputs];
    let is_short = |id: &ScratchpadId| needs[*id as usize] > room[*id as usize];
    let scratchpad = ScratchpadId::ALL.into_iter().find(is_short);
    let scratchpad = scratchpad.unwrap_or(ScratchpadId::Activations);
    let (need, free) = (needs[scratchpad as usize], room[scratchpad as usize]);
    let capacity = target.capacity(scratchpad);
    CompileError::TileDoesNotFit {
        operation: operation.to_string(),
        scratchpad,
        needed: quantities::Bytes(capacity.get().saturating_sub(free) + need),
        capacity,
    }
}

impl GemmProblem {
    fn new(
        pass: &PassPlan,
        stage: &GemmStage,
        on_chip: bool,
        entry: Option<Entry>,
        room: Room,
        target: &Target,
    ) -> Self {
        let team = stage_team(
            pass,
            target,
            stage.array,
            stage.sections[0].parts[0].operation,
        );
        let in_memory = |id: TensorId| pass.homes[id.0] == Home::Memory;
        let accumulator_bytes = accumulator_bytes(target, &team);
        let sum_bits = 8 * accumulator_bytes;
        let sections = stage.sections.iter().map(|section| {
            let out = section.out;
            let steps = || section.parts.iter().flat_map(|part| &part.epilogue);
            let operands = steps().filter_map(|step: &VectorStep| step.with);
            let passing = |id: TensorId| {
                let tensor = &pass.graph.tensors[id.0];
                (tensor.bits, tensor.strip)
            };
            let mut passed: Vec<_> = operands
                .filter(|&with| in_memory(with))
                .map(passing)
                .collect();
            let mut staging: u64 = passed.iter().map(|(bits, _)| bits).sum();
            if in_memory(out) {
                passed.push(passing(out));
                if steps().next().is_some() {
                    staging += pass.graph.tensors[out.0].bits;
                }
            }
            let exit_cycles =
                steps().map(|step| step_cycles(step, stage.m, section.n, sum_bits, target));
            SectionProblem {
                n: section.n,
                unit_columns: section.unit_columns,
                parts: section.parts.len() as u64,
                streamed: section.parts.iter().filter(|part| !part.kept).count() as u64,
                passing: passed,
                staging_bits: staging,
                exit_cycles: exit_cycles.fold(0, u64::saturating_add),
                weights: section.parts[0].weights.without_address(),
            }
        });
        Self {
            m: stage.m,
            k: stage.k,
            a_bits: stage.a_bits,
            packed: stage.packed,
            a_on_chip: on_chip,
            entry,
            sections: sections.collect(),
            accumulator_bytes,
            rows: target.arrays[stage.array].rows,
            team,
            access: target.memory.access.get(),
            activations: room.activations,
            weights: room.weights,
            outputs: room.outputs,
        }
    }
}

impl AttentionProblem {
    fn new(pass: &PassPlan, stage: &AttentionStage, room: Room, target: &Target) -> Self {
        let team = stage_team(pass, target, stage.array, stage.scores);
        // Contexts of heads, however many keys there are: where keys fill the rows of an array, no
        // other head stands in it.
        let contexts = GemmTile::one(1, stage.head_dim, u64::MAX);
        let Backing::Cache(cache) = pass.graph.tensors[stage.key.0].backing else {
            unreachable!("keys are backed by a cache")
        };
        let on_chip = |id: TensorId| pass.homes[id.0] != Home::Memory;
        let moved = |id: TensorId| {
            let tensor = &pass.graph.tensors[id.0];
            if on_chip(id) {
                0
            } else {
                residency::bytes(tensor)
            }
        };
        let out = pass.graph.tensors[stage.out.0];
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
            staging_bits: if on_chip(stage.out) || stage.dequantise.is_none() {
                0
            } else {
                out.bits
            },
            other_bytes: match stage.phase {
                AttentionPhase::Fused => moved(stage.query).saturating_add(moved(stage.out)),
                AttentionPhase::Scores(rows) => moved(stage.query).saturating_add(moved(rows)),
                AttentionPhase::Context(rows) => moved(rows).saturating_add(moved(stage.out)),
            },
            whole_rows_allowed: fused && !stage.online,
            softmax: fused && stage.softmax.is_some(),
            columns: target.arrays[stage.array].columns,
            packs: team
                .iter()
                .map(|&index| target.laws.side_by_side(index, &contexts))
                .fold(1, u64::max),
            team,
            activations: room.activations,
            weights: room.weights,
            outputs: room.outputs,
            beside: room.beside,
        }
    }
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

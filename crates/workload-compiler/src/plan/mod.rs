//! How a pass is run: what stays on chip, and the tiles of each stage.

mod attention;
mod compulsory;
mod cost;
mod gemm;
mod gemm_room;
mod gemm_time;
mod overlap;
mod problems;
mod prologue;
mod residency;
mod room;
mod rows;
mod search;
mod sizes;
mod team;
mod unfuse;

use std::collections::BTreeMap;

use quantities::{Bytes, Cycles};
use tile_program::{OperationName, ScratchpadId, Target};

use crate::error::CompileError;
use crate::graph::{
    AttentionStage, ExchangeStage, FetchStage, GemmStage, Graph, Stage, Tensor, TensorId,
};
use crate::tuning::MAX_CACHED_ATTENTIONS;
use crate::workload::Fusion;

pub(crate) use attention::AttentionPlan;
use attention::{AttentionChoice, AttentionProblem};
pub(crate) use cost::Buffering;
use cost::Cost;
pub(crate) use gemm::GemmPlan;
use gemm::{GemmChoice, GemmProblem};
use overlap::overlappable_cycles;
pub(crate) use problems::accumulator_bytes;
pub(crate) use residency::Home;
use residency::{Residency, ResidencyPolicy};
pub(crate) use room::ScratchpadNeeds;
use room::{Capacity, ScratchpadRoom};
use rows::{RowWork, rows_that_fit, vector_rows};
pub(crate) use team::{TileTimes, assign, packed, times};

/// How a stage is run.
#[derive(Clone, Debug)]
pub(crate) enum StagePlan {
    /// So many rows at a time.
    Rows(u64),
    /// In tiles of a GEMM.
    Gemm(GemmPlan),
    /// In blocks of heads, queries and keys.
    Attention(AttentionPlan),
}

/// A pass, ready to be turned into instructions.
#[derive(Debug)]
pub(crate) struct PassPlan {
    pub(crate) graph: Graph,
    /// Where each tensor is between stages.
    pub(crate) homes: Vec<Home>,
    /// How each stage is run.
    pub(crate) plans: Vec<StagePlan>,
    /// For each stage, the tensors that no later stage touches.
    pub(crate) last_touched: Vec<Vec<TensorId>>,
    /// Whether a stage begins only when the one before it has ended.
    pub(crate) one_after_another: bool,
}

/// Plans passes. It remembers the tiles of each stage, since layers and passes repeat.
#[derive(Debug)]
pub(crate) struct Planner {
    gemms: BTreeMap<GemmProblem, Option<GemmChoice>>,
    attentions: BTreeMap<AttentionProblem, Option<AttentionChoice>>,
}

/// What is free for a stage in the scratchpads, and on other arrays.
#[derive(Clone, Copy, Debug)]
struct StageRoom {
    scratchpads: ScratchpadRoom,
    /// The cycles that other arrays can work while the stage runs.
    overlappable: Cycles,
}

impl StageRoom {
    /// The same with fewer free bytes of activations, none if there are not so many.
    fn without_activations(mut self, held: Bytes) -> Self {
        let left = self.scratchpads.activations.checked_sub(held);
        self.scratchpads.activations = left.unwrap_or(Capacity::Limited(Bytes::ZERO));
        self
    }
}

impl Planner {
    pub(crate) fn new() -> Self {
        Self {
            gemms: BTreeMap::new(),
            attentions: BTreeMap::new(),
        }
    }

    /// Plans a pass.
    ///
    /// # Errors
    /// [`CompileError::TileDoesNotFit`] if a scratchpad is too small for what a stage must hold.
    pub(crate) fn plan(
        &mut self,
        graph: Graph,
        fusion: Fusion,
        target: &Target,
    ) -> Result<PassPlan, CompileError> {
        let graph = unfuse::unfuse(graph, fusion, target);
        let mut pass = match self.plan_with(graph.clone(), target, ResidencyPolicy::AsManyAsFit) {
            Err(CompileError::TileDoesNotFit { .. }) => {
                self.plan_with(graph, target, ResidencyPolicy::OnlyRequired)?
            }
            done => done?,
        };
        pass.one_after_another = fusion == Fusion::None;
        Ok(pass)
    }

    /// Plans a pass of which tensors stay on chip as a policy has it.
    fn plan_with(
        &mut self,
        graph: Graph,
        target: &Target,
        policy: ResidencyPolicy,
    ) -> Result<PassPlan, CompileError> {
        let residency = Residency::of(&graph, target, policy)?;
        let stages = 0..graph.stages.len();
        let overlappable: Vec<_> = stages
            .map(|place| overlappable_cycles(&graph, place, target))
            .collect();
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
            let room = StageRoom {
                scratchpads: ScratchpadRoom {
                    activations: residency.free(index, ScratchpadId::Activations),
                    weights: residency.free(index, ScratchpadId::Weights),
                    outputs: Capacity::of(target.capacity(ScratchpadId::Outputs)),
                },
                overlappable: overlappable[index],
            };
            self.stage(&mut pass, stage, &room, target)?;
        }
        pass.finish();
        Ok(pass)
    }

    /// Plans a stage and adds it to the pass.
    fn stage(
        &mut self,
        pass: &mut PassPlan,
        stage: Stage,
        room: &StageRoom,
        target: &Target,
    ) -> Result<(), CompileError> {
        match stage {
            Stage::Gemm(gemm) => self.gemm(pass, gemm, room, target)?,
            Stage::Attention(attention) => self.attention(pass, attention, room, target)?,
            Stage::Vector(vector) => {
                let rows = vector_rows(pass, &vector, room, target)?;
                pass.push(Stage::Vector(vector), StagePlan::Rows(rows));
            }
            Stage::Fetch(fetch) => {
                let rows = fetched_rows(pass, &fetch, room, target)?;
                pass.push(Stage::Fetch(fetch), StagePlan::Rows(rows));
            }
            Stage::Exchange(exchange) => {
                let rows = exchanged_rows(pass, &exchange, room, target)?;
                pass.push(Stage::Exchange(exchange), StagePlan::Rows(rows));
            }
            Stage::Move(moved) => {
                let rows = pass.graph.tensors[moved.tensor.0].rows;
                pass.push(Stage::Move(moved), StagePlan::Rows(rows));
            }
        }
        Ok(())
    }

    /// The best tiles of a GEMM stage, remembered from an equal one before; `None` if none fit.
    fn solve(&mut self, problem: &GemmProblem, target: &Target) -> Option<GemmChoice> {
        if let Some(choice) = self.gemms.get(problem) {
            return choice.clone();
        }
        let choice = problem.solve(target);
        self.gemms.insert(problem.clone(), choice.clone());
        choice
    }

    /// Plans an attention stage and adds it to the pass.
    fn attention(
        &mut self,
        pass: &mut PassPlan,
        stage: AttentionStage,
        room: &StageRoom,
        target: &Target,
    ) -> Result<(), CompileError> {
        let problem = AttentionProblem::new(pass, &stage, room, target);
        let choice = self.solve_attention(&problem, target).ok_or_else(|| {
            let name = &pass.graph.operations[stage.main().index()].name;
            too_small(name, problem.least_needs(), room, target)
        })?;
        let tiling = choice.choice(|plan| problem.tiling(plan, target));
        let plan = choice.best;
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

    /// The best tiles of attention, remembered from an equal stage before; `None` if none fit.
    fn solve_attention(
        &mut self,
        problem: &AttentionProblem,
        target: &Target,
    ) -> Option<AttentionChoice> {
        if self.attentions.len() > MAX_CACHED_ATTENTIONS {
            self.attentions.clear();
        }
        if let Some(choice) = self.attentions.get(problem) {
            return choice.clone();
        }
        let mut choice = problem.solve(target);
        if let Some(choice) = &mut choice {
            choice.best.pairs = problem.pairs(&choice.best);
        }
        self.attentions.insert(problem.clone(), choice.clone());
        choice
    }
}

/// Rows of a table that are fetched at a time.
fn fetched_rows(
    pass: &PassPlan,
    stage: &FetchStage,
    room: &StageRoom,
    target: &Target,
) -> Result<u64, CompileError> {
    let tensor = &pass.graph.tensors[stage.out.0];
    let work = RowWork {
        operation: stage.operation,
        row: Bytes(stage.row_bytes).max(row_bytes(tensor, tensor.bits)),
        buffers: 2,
        rows: tensor.rows,
    };
    rows_that_fit(pass, &work, room, target)
}

/// Rows of an exchange between cores: all of them, of which one block must fit.
fn exchanged_rows(
    pass: &PassPlan,
    stage: &ExchangeStage,
    room: &StageRoom,
    target: &Target,
) -> Result<u64, CompileError> {
    let block = stage.bytes(stage.rows, &pass.graph.tensors);
    let work = RowWork {
        operation: stage.operation,
        row: Bytes(block * stage.blocks),
        buffers: 1,
        rows: 1,
    };
    rows_that_fit(pass, &work, room, target)?;
    Ok(stage.rows)
}

impl PassPlan {
    fn push(&mut self, stage: Stage, plan: StagePlan) {
        self.graph.stages.push(stage);
        self.plans.push(plan);
    }

    fn push_gemm(&mut self, stage: GemmStage, choice: GemmChoice) {
        for (index, section) in stage.sections.iter().enumerate() {
            let tiling = choice.choice(|plan| plan.tiling(index));
            for part in &section.parts {
                self.graph.operations[part.operation.index()].tiling = Some(tiling);
            }
        }
        self.push(Stage::Gemm(stage), StagePlan::Gemm(choice.best));
    }

    /// About the cycles of its GEMMs and its attention.
    ///
    /// They take no longer than one after another, and no less than the busiest kind of unit over
    /// all of them, since memory runs ahead of the arrays from stage to stage as far as there is
    /// room. The estimate is the mean of both.
    pub(crate) fn cycles(&self) -> Cycles {
        let costs = self.plans.iter().filter_map(|plan| match plan {
            StagePlan::Gemm(plan) => Some(plan.cost),
            StagePlan::Attention(plan) => Some(plan.cost),
            StagePlan::Rows(_) => None,
        });
        let sum = |part: fn(&Cost) -> Cycles| {
            let parts = costs.clone().map(|cost| part(&cost));
            parts.fold(Cycles::ZERO, Cycles::saturating_add)
        };
        let busiest = sum(|cost| cost.array)
            .max(sum(|cost| cost.vector))
            .max(sum(|cost| cost.memory));
        let in_turn = sum(Cost::cycles);
        Cycles(busiest.get().midpoint(in_turn.get()))
    }

    /// Notes the last use of each tensor, and adds the compulsory bytes of activations that lie in
    /// main memory to the operations that move them.
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
        compulsory::add_activations(&mut self.graph, &self.homes);
    }
}

/// Bytes of a row of a tensor, were its elements so many bits wide.
pub(crate) fn row_bytes(tensor: &Tensor, bits: u64) -> Bytes {
    Bytes((tensor.width * bits).div_ceil(8))
}

/// The error of a stage of which not even the smallest tile fits; it names the scratchpad that is
/// too small for its needs.
fn too_small(
    operation: &OperationName,
    needs: ScratchpadNeeds,
    room: &StageRoom,
    target: &Target,
) -> CompileError {
    let is_short = |id: &ScratchpadId| !room.scratchpads.of(*id).holds(needs.of(*id));
    let scratchpad = ScratchpadId::ALL.into_iter().find(is_short);
    let scratchpad = scratchpad.unwrap_or(ScratchpadId::Activations);
    let capacity = target.capacity(scratchpad);
    let held = match room.scratchpads.of(scratchpad) {
        Capacity::Limited(free) => capacity.get().saturating_sub(free.get()),
        Capacity::Unlimited => 0,
    };
    CompileError::TileDoesNotFit {
        operation: operation.to_string(),
        scratchpad,
        needed: Bytes(held) + needs.of(scratchpad),
        capacity,
    }
}

//! How a pass is run: what stays on chip, and the tiles of each stage.

mod attention;
mod charge;
mod gemm;
mod residency;

use std::collections::BTreeMap;

use tile_program::{ScratchpadId, Target};

use crate::error::CompileError;
use crate::lower::{
    AttentionStage, Backing, GemmStage, Graph, Placement, Stage, Tensor, TensorId, VectorStage,
    VectorStep,
};

pub(crate) use attention::AttentionPlan;
use attention::AttentionProblem;
pub(crate) use gemm::{GemmPlan, Order};
use gemm::{GemmProblem, SectionProblem};
pub(crate) use residency::Home;
use residency::Residency;

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
    /// The last stage that touches each tensor.
    pub(crate) last_use: Vec<usize>,
}

/// Plans passes; remembers what it found, since layers and passes repeat.
#[derive(Debug)]
pub(crate) struct Planner {
    gemms: BTreeMap<GemmProblem, Option<GemmPlan>>,
    attentions: BTreeMap<AttentionProblem, Option<AttentionPlan>>,
}

/// What a stage finds in the scratchpads.
#[derive(Clone, Copy, Debug)]
struct Room {
    activations: u64,
    weights: u64,
    outputs: u64,
}

impl Planner {
    pub(crate) fn new() -> Self {
        Self {
            gemms: BTreeMap::new(),
            attentions: BTreeMap::new(),
        }
    }

    /// Plans a pass.
    pub(crate) fn plan(&mut self, graph: Graph, target: &Target) -> Result<PassPlan, CompileError> {
        let residency = Residency::of(&graph, target, true)?;
        match self.plan_with(graph.clone(), target, &residency) {
            Err(CompileError::TileDoesNotFit { .. }) => {
                let residency = Residency::of(&graph, target, false)?;
                self.plan_with(graph, target, &residency)
            }
            done => done,
        }
    }

    fn plan_with(
        &mut self,
        graph: Graph,
        target: &Target,
        residency: &Residency,
    ) -> Result<PassPlan, CompileError> {
        let mut pass = PassPlan {
            homes: residency.homes.clone(),
            plans: Vec::with_capacity(graph.stages.len()),
            last_use: Vec::new(),
            graph: Graph {
                sequences: graph.sequences,
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
            };
            match stage {
                Stage::Gemm(gemm) => self.gemm(&mut pass, gemm, room, target)?,
                Stage::Attention(attention) => {
                    let plan = self.attention(&pass, &attention, room, target)?;
                    pass.push(Stage::Attention(attention), StagePlan::Attention(plan));
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
                Stage::Move(stage) => {
                    let rows = pass.graph.tensors[stage.tensor.0].rows;
                    pass.push(Stage::Move(stage), StagePlan::Rows(rows));
                }
            }
        }
        pass.finish();
        Ok(pass)
    }

    /// A GEMM stage: its row-wise entry rides on the tiles, or is a stage of its own, whichever
    /// moves fewer bytes.
    fn gemm(
        &mut self,
        pass: &mut PassPlan,
        stage: GemmStage,
        room: Room,
        target: &Target,
    ) -> Result<(), CompileError> {
        let input = pass.graph.tensors[stage.input.0];
        let on_chip = pass.homes[stage.input.0] != Home::Memory;
        let name = &stage.sections[0].parts[0].operation;
        let name = pass.graph.operations[name.index()].name.clone();
        let fail = |needs| too_small(&name, needs, room, target);
        if stage.prologue.is_empty() {
            let problem = GemmProblem::new(pass, &stage, on_chip, None, room, target);
            let plan = self.solve(&problem).ok_or_else(|| fail(problem.least()))?;
            pass.push(Stage::Gemm(stage), StagePlan::Gemm(plan));
            return Ok(());
        }
        let rows = u64::max(stage.m, 1);
        let entry_bytes: u64 = entry_operands(&stage)
            .filter(|id| pass.homes[id.0] == Home::Memory)
            .map(|id| row_bytes(&pass.graph.tensors[id.0], pass.graph.tensors[id.0].bits) * rows)
            .sum();
        let result_bits = stage.prologue.last().map_or(input.bits, |step| step.bits);
        let result_bytes = rows * (stage.k * result_bits).div_ceil(8);
        // Candidates: apart and kept on chip; riding along; apart through main memory.
        let mut best: Option<(u128, GemmPlan, Option<Home>)> = None;
        let mut offer = |plan: Option<GemmPlan>, home: Option<Home>, bytes: u64| {
            let Some(plan) = plan else { return };
            let traffic = plan.traffic + entry_bytes + bytes;
            let cost = u128::from(traffic.max(1)) * u128::from(plan.cycles.max(1));
            if best.as_ref().is_none_or(|(least, _, _)| cost < *least) {
                best = Some((cost, plan, home));
            }
        };
        if result_bytes <= room.activations / 2 {
            let room = Room {
                activations: room.activations - result_bytes,
                ..room
            };
            let problem = GemmProblem::new(pass, &stage, true, None, room, target);
            let home = Home::Chip(ScratchpadId::Activations);
            offer(self.solve(&problem), Some(home), 0);
        }
        let width = Some(entry_width(pass, &stage));
        let fused = GemmProblem::new(pass, &stage, false, width, room, target);
        offer(self.solve(&fused), None, 0);
        let apart = GemmProblem::new(pass, &stage, false, None, room, target);
        offer(self.solve(&apart), Some(Home::Memory), result_bytes);
        let (_, plan, home) = best.ok_or_else(|| fail(apart.least()))?;
        match home {
            None => pass.push(Stage::Gemm(stage), StagePlan::Gemm(plan)),
            Some(home) => split(pass, stage, plan, home, room, target)?,
        }
        Ok(())
    }

    fn solve(&mut self, problem: &GemmProblem) -> Option<GemmPlan> {
        if let Some(plan) = self.gemms.get(problem) {
            return plan.clone();
        }
        let plan = problem.solve();
        self.gemms.insert(problem.clone(), plan.clone());
        plan
    }

    fn attention(
        &mut self,
        pass: &PassPlan,
        stage: &AttentionStage,
        room: Room,
        target: &Target,
    ) -> Result<AttentionPlan, CompileError> {
        let problem = AttentionProblem::new(pass, stage, room, target);
        // Contexts differ from pass to pass: what was found for another is of no use for long.
        if self.attentions.len() > 1024 {
            self.attentions.clear();
        }
        let plan = self
            .attentions
            .entry(problem)
            .or_insert_with_key(AttentionProblem::solve);
        plan.clone().ok_or_else(|| {
            let name = &pass.graph.operations[stage.scores.index()].name;
            too_small(name, problem.least(), room, target)
        })
    }
}

impl PassPlan {
    fn push(&mut self, stage: Stage, plan: StagePlan) {
        self.graph.stages.push(stage);
        self.plans.push(plan);
    }

    /// Bytes that GEMMs and attention load, and about the cycles of the arrays for the GEMMs.
    pub(crate) fn cost(&self) -> (u64, u64) {
        let mut cost = (0_u64, 0_u64);
        for (stage, plan) in self.graph.stages.iter().zip(&self.plans) {
            let (traffic, cycles) = match (stage, plan) {
                (_, StagePlan::Gemm(plan)) => (plan.traffic, plan.cycles),
                (Stage::Attention(stage), StagePlan::Attention(plan)) => {
                    (self.keys_and_values(stage, plan), 0)
                }
                _ => (0, 0),
            };
            cost.0 = cost.0.saturating_add(traffic);
            cost.1 = cost.1.saturating_add(cycles);
        }
        cost
    }

    /// Bytes of keys and values that attention loads.
    fn keys_and_values(&self, stage: &AttentionStage, plan: &AttentionPlan) -> u64 {
        let times = match plan.kept {
            true => 1,
            false => stage.tokens.div_ceil(plan.queries),
        };
        let row =
            |id: TensorId| row_bytes(&self.graph.tensors[id.0], self.graph.tensors[id.0].bits);
        (stage.to - stage.from)
            .saturating_mul(row(stage.key) + row(stage.value))
            .saturating_mul(stage.batch)
            .saturating_mul(times)
    }

    /// Notes last uses, and charges activations that lie in memory to those who must move them.
    fn finish(&mut self) {
        self.last_use = vec![0; self.graph.tensors.len()];
        for (index, stage) in self.graph.stages.iter().enumerate() {
            for tensor in stage.tensors() {
                self.last_use[tensor.0] = index;
            }
        }
        charge::charge(&mut self.graph, &self.homes);
    }
}

/// Bytes of a row of so many bits an element.
pub(crate) fn row_bytes(tensor: &Tensor, bits: u64) -> u64 {
    (tensor.width * bits).div_ceil(8)
}

/// Bytes from row to row of a tensor in memory.
pub(crate) fn pitch(tensor: &Tensor, access: u64) -> u64 {
    row_bytes(tensor, tensor.bits).next_multiple_of(access)
}

/// The input of a stage and the second operands of its entry.
fn entry_operands(stage: &GemmStage) -> impl Iterator<Item = TensorId> {
    std::iter::once(stage.input).chain(stage.prologue.iter().filter_map(|step| step.with))
}

/// Bits of all vectors that the entry of one element holds at once while it is worked on.
fn entry_width(pass: &PassPlan, stage: &GemmStage) -> u64 {
    let operands = stage
        .prologue
        .iter()
        .filter_map(|step| step.with)
        .filter(|id| pass.homes[id.0] == Home::Memory)
        .count() as u64;
    pass.graph.tensors[stage.input.0].bits * (1 + operands)
}

/// Makes the entry of a GEMM a vector stage of its own.
fn split(
    pass: &mut PassPlan,
    mut stage: GemmStage,
    plan: GemmPlan,
    home: Home,
    room: Room,
    target: &Target,
) -> Result<(), CompileError> {
    let input = pass.graph.tensors[stage.input.0];
    let steps = std::mem::take(&mut stage.prologue);
    let bits = steps.last().map_or(input.bits, |step| step.bits);
    let out = TensorId(pass.graph.tensors.len());
    pass.graph.tensors.push(Tensor {
        rows: stage.m,
        width: stage.k,
        bits,
        backing: Backing::Slot(stage.prologue_slot),
        placement: Placement::Any,
    });
    pass.homes.push(home);
    let vector = VectorStage {
        input: stage.input,
        first: 0,
        stride: 1,
        steps,
        out,
        out_rows: 0..stage.m,
    };
    let held = match home {
        Home::Chip(_) => stage.m * (stage.k * bits).div_ceil(8),
        Home::Memory => 0,
    };
    let left = Room {
        activations: room.activations.saturating_sub(held),
        ..room
    };
    let rows = vector_rows(pass, &vector, left, target)?;
    pass.push(Stage::Vector(vector), StagePlan::Rows(rows));
    stage.input = out;
    pass.push(Stage::Gemm(stage), StagePlan::Gemm(plan));
    Ok(())
}

/// Rows that a vector stage takes at a time: few enough for double buffers, and for units to
/// overlap; as many as that allows.
fn vector_rows(
    pass: &PassPlan,
    stage: &VectorStage,
    room: Room,
    target: &Target,
) -> Result<u64, CompileError> {
    let tensors = &pass.graph.tensors;
    let input = &tensors[stage.input.0];
    let mut row = row_bytes(input, input.bits);
    if pass.homes[stage.out.0] == Home::Memory {
        row += row_bytes(&tensors[stage.out.0], tensors[stage.out.0].bits);
    }
    for step in &stage.steps {
        if let Some(with) = step.with
            && pass.homes[with.0] == Home::Memory
        {
            row += row_bytes(&tensors[with.0], tensors[with.0].bits);
        }
    }
    let operation = stage.steps.first().map_or(0, |step| step.operation.index());
    rows_that_fit(
        pass,
        operation,
        row,
        2,
        stage.out_rows.end - stage.out_rows.start,
        room,
        target,
    )
}

fn rows_that_fit(
    pass: &PassPlan,
    operation: usize,
    row: u64,
    buffers: u64,
    rows: u64,
    room: Room,
    target: &Target,
) -> Result<u64, CompileError> {
    if row > room.activations {
        return Err(CompileError::TileDoesNotFit {
            operation: pass.graph.operations[operation].name.clone(),
            scratchpad: ScratchpadId::Activations,
            needed: tile_program::Bytes(
                target.capacity(ScratchpadId::Activations).get() - room.activations + row,
            ),
            capacity: target.capacity(ScratchpadId::Activations),
        });
    }
    let fit = (room.activations / (row.max(1) * buffers)).max(1);
    // An eighth of the rows at a time lets the next stage begin early.
    Ok(fit.min(rows.div_ceil(8)).max(1))
}

/// The error of a stage of which not even the smallest tile fits: the scratchpad that is short.
fn too_small(
    operation: &str,
    (activations, weights, outputs): (u64, u64, u64),
    room: Room,
    target: &Target,
) -> CompileError {
    let short = [
        (ScratchpadId::Activations, activations, room.activations),
        (ScratchpadId::Weights, weights, room.weights),
        (ScratchpadId::Outputs, outputs, room.outputs),
    ];
    let (scratchpad, need, free) = short
        .into_iter()
        .find(|(_, need, free)| need > free)
        .unwrap_or(short[0]);
    let capacity = target.capacity(scratchpad);
    CompileError::TileDoesNotFit {
        operation: operation.to_owned(),
        scratchpad,
        needed: tile_program::Bytes(capacity.get().saturating_sub(free) + need),
        capacity,
    }
}

impl GemmProblem {
    fn new(
        pass: &PassPlan,
        stage: &GemmStage,
        on_chip: bool,
        entry: Option<u64>,
        room: Room,
        target: &Target,
    ) -> Self {
        let array = &target.arrays[stage.array];
        let in_memory = |id: TensorId| pass.homes[id.0] == Home::Memory;
        let sections = stage.sections.iter().map(|section| {
            let out = section.out;
            let steps = || section.parts.iter().flat_map(|part| &part.epilogue);
            let operands = steps().filter_map(|step: &VectorStep| step.with);
            let mut staging: u64 = operands
                .filter(|&with| in_memory(with))
                .map(|with| pass.graph.tensors[with.0].bits)
                .sum();
            if in_memory(out) && steps().next().is_some() {
                staging += pass.graph.tensors[out.0].bits;
            }
            SectionProblem {
                n: section.n,
                unit_columns: section.unit_columns,
                parts: section.parts.len() as u64,
                streamed: section.parts.iter().filter(|part| !part.kept).count() as u64,
                staging_bits: staging,
                weights: section.parts[0].weights.without_address(),
            }
        });
        Self {
            m: stage.m,
            k: stage.k,
            a_bits: stage.a_bits,
            a_on_chip: on_chip,
            entry_bits: entry,
            sections: sections.collect(),
            accumulator_bytes: array.accumulator.get().div_ceil(8),
            array: gemm::Array {
                rows: array.rows,
                columns: array.columns,
                dataflow: array.dataflow,
            },
            access: target.memory.access.get(),
            activations: room.activations,
            weights: room.weights,
            outputs: room.outputs,
        }
    }
}

impl AttentionProblem {
    fn new(pass: &PassPlan, stage: &AttentionStage, room: Room, target: &Target) -> Self {
        let array = &target.arrays[stage.array];
        let Backing::Cache(cache) = pass.graph.tensors[stage.key.0].backing else {
            unreachable!("keys are backed by a cache")
        };
        let on_chip = |id: TensorId| pass.homes[id.0] != Home::Memory;
        let out = pass.graph.tensors[stage.out.0];
        Self {
            tokens: stage.tokens,
            span: stage.to - stage.from,
            streamed: if on_chip(stage.key) && on_chip(stage.value) {
                stage.sequences.past.saturating_sub(stage.from)
            } else {
                stage.to - stage.from
            },
            kv_heads: stage.kv_heads,
            group: stage.group,
            head_dim: stage.head_dim,
            stride: cache.stride,
            a_bits: stage.a_bits,
            accumulator_bytes: array.accumulator.get().div_ceil(8),
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
            whole_rows_allowed: !stage.online,
            columns: array.columns,
            activations: room.activations,
            weights: room.weights,
            outputs: room.outputs,
        }
    }
}

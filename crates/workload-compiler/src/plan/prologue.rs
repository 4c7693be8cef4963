//! The row-wise entry of a GEMM stage (norm, quantisation): on its blocks of rows, or before it.

use quantities::Bytes;
use tile_program::{ScratchpadId, Target};

use super::gemm::{GemmChoice, GemmProblem};
use super::gemm_time::step_cycles;
use super::residency::Home;
use super::rows::vector_rows;
use super::{PassPlan, Planner, Room, StagePlan, row_bytes, too_small};
use crate::error::CompileError;
use crate::graph::{Backing, GemmStage, Placement, Stage, Tensor, TensorId, VectorStage};
use crate::tuning::ACTIVATIONS_PER_RESIDENT;

/// An entry that rides on blocks of rows, as far as the tiles of its GEMM go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Of all vectors of an element that are held at once while it is worked on.
    pub(crate) bits: u64,
    /// That all rows move from main memory.
    pub(crate) bytes: u64,
    /// Of the vector unit, for all rows.
    pub(crate) cycles: u64,
}

impl Entry {
    fn new(pass: &PassPlan, stage: &GemmStage, target: &Target) -> Self {
        let tensors = &pass.graph.tensors;
        let in_memory = |id: &TensorId| pass.homes[id.0] == Home::Memory;
        let seconds = stage.prologue.iter().filter_map(|step| step.with);
        let operands = std::iter::once(stage.input).chain(seconds.clone());
        let rows = u64::max(stage.m, 1);
        let bytes = |id: TensorId| row_bytes(&tensors[id.0], tensors[id.0].bits);
        let bits = tensors[stage.input.0].bits;
        let steps = stage.prologue.iter();
        let cycles = steps.map(|step| step_cycles(step, rows, stage.k, bits, target));
        Self {
            bits: tensors[stage.input.0].bits * (1 + seconds.filter(in_memory).count() as u64),
            bytes: operands.filter(in_memory).map(bytes).sum::<u64>() * rows,
            cycles: cycles.fold(0, u64::saturating_add),
        }
    }

    /// Cycles for all rows, if nothing else is done meanwhile and `more` bytes move, too.
    pub(super) fn alone(&self, more: u64, target: &Target) -> u64 {
        let bytes = Bytes(self.bytes.saturating_add(more));
        self.cycles.max(target.laws.memory(bytes))
    }
}

impl Planner {
    /// A GEMM stage: its entry rides on the tiles, or is a stage of its own that ends before the
    /// first tile; whichever takes less time.
    pub(super) fn gemm(
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
            let choice = self.solve(&problem, target);
            let choice = choice.ok_or_else(|| fail(problem.least()))?;
            pass.push_gemm(stage, choice);
            return Ok(());
        }
        let entry = Entry::new(pass, &stage, target);
        let result_bits = stage.prologue.last().map_or(input.bits, |step| step.bits);
        let result_bytes = u64::max(stage.m, 1) * (stage.k * result_bits).div_ceil(8);
        // Candidates: riding along; apart and kept on chip; apart through main memory.
        let mut best: Option<(u64, GemmChoice, Option<Home>)> = None;
        let mut offer = |choice: Option<GemmChoice>, home: Option<Home>, before: u64| {
            let Some(choice) = choice else { return };
            let cycles = choice.0.cost.cycles().saturating_add(before);
            if best.as_ref().is_none_or(|(least, _, _)| cycles < *least) {
                best = Some((cycles, choice, home));
            }
        };
        let fused = GemmProblem::new(pass, &stage, false, Some(entry), room, target);
        offer(self.solve(&fused, target), None, 0);
        if result_bytes <= room.activations / ACTIVATIONS_PER_RESIDENT {
            let room = Room {
                activations: room.activations - result_bytes,
                ..room
            };
            let problem = GemmProblem::new(pass, &stage, true, None, room, target);
            let home = Home::Chip(ScratchpadId::Activations);
            let choice = self.solve(&problem, target);
            offer(choice, Some(home), entry.alone(0, target));
        }
        let apart = GemmProblem::new(pass, &stage, false, None, room, target);
        let choice = self.solve(&apart, target);
        offer(
            choice,
            Some(Home::Memory),
            entry.alone(result_bytes, target),
        );
        let (_, choice, home) = best.ok_or_else(|| fail(apart.least()))?;
        match home {
            None => pass.push_gemm(stage, choice),
            Some(home) => split(pass, stage, choice, home, room, target)?,
        }
        Ok(())
    }
}

/// Makes the entry of a GEMM a vector stage of its own.
fn split(
    pass: &mut PassPlan,
    mut stage: GemmStage,
    choice: GemmChoice,
    home: Home,
    room: Room,
    target: &Target,
) -> Result<(), CompileError> {
    let input = pass.graph.tensors[stage.input.0];
    let steps = std::mem::take(&mut stage.prologue);
    let bits = steps.last().map_or(input.bits, |step| step.bits);
    let out = TensorId(pass.graph.tensors.len());
    pass.graph.tensors.push(Tensor {
        microbatch: input.microbatch,
        rows: stage.m,
        width: stage.k,
        bits,
        strip: pass
            .graph
            .strips
            .of(stage.prologue_slot.strip_unit(), stage.k, bits),
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
        stored_by: None,
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
    pass.push_gemm(stage, choice);
    Ok(())
}

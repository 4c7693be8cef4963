//! The row-wise prologue of a GEMM stage (norm, quantisation): on its blocks of rows, or before it.

use quantities::{Bytes, Cycles};
use tile_program::{ScratchpadId, Target};

use super::cost::memory_cycles;
use super::gemm::{GemmChoice, GemmProblem};
use super::gemm_time::{Matrix, chain_cycles};
use super::residency::Home;
use super::rows::vector_rows;
use super::{PassPlan, Planner, StagePlan, StageRoom, row_bytes, too_small};
use crate::error::CompileError;
use crate::graph::{Backing, GemmStage, Placement, Stage, Tensor, TensorId, VectorStage};
use crate::tuning::ACTIVATIONS_PER_RESIDENT;

/// A prologue that is run on blocks of rows, as far as the tiles of its GEMM depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prologue {
    /// Bits of all vectors of an element that are held at once while it is worked on.
    pub(super) bits: u64,
    /// The bytes that all rows move from main memory.
    pub(super) bytes: Bytes,
    /// The time of the vector unit for all rows.
    pub(super) cycles: Cycles,
}

/// Where the prologue of a GEMM is run.
#[derive(Clone, Copy, Debug)]
enum ProloguePlacement {
    /// On each block of rows, before its tiles.
    OnBlocks,
    /// As a stage of its own, the result of which lies here.
    Apart(Home),
}

/// A way to run a GEMM stage with its prologue.
struct GemmOption {
    /// Estimated cycles of the stage and its prologue.
    cycles: Cycles,
    choice: GemmChoice,
    placement: ProloguePlacement,
}

impl Prologue {
    fn new(pass: &PassPlan, stage: &GemmStage, target: &Target) -> Self {
        let tensors = &pass.graph.tensors;
        let in_memory = |id: &TensorId| pass.homes[id.0] == Home::Memory;
        let seconds = stage.prologue.iter().filter_map(|step| step.with);
        let operands = std::iter::once(stage.input).chain(seconds.clone());
        let rows = u64::max(stage.m, 1);
        let bytes = |id: TensorId| row_bytes(&tensors[id.0], tensors[id.0].bits);
        let bits = tensors[stage.input.0].bits;
        let matrix = Matrix {
            rows,
            columns: stage.k,
            bits,
        };
        let row: Bytes = operands.filter(in_memory).map(bytes).sum();
        Self {
            bits: bits * (1 + seconds.filter(in_memory).count() as u64),
            bytes: Bytes(row.get() * rows),
            cycles: chain_cycles(stage.prologue.iter(), matrix, target),
        }
    }

    /// The time for all rows, if nothing else is done meanwhile and these bytes move, too.
    pub(super) fn cycles_apart(&self, further: Bytes, target: &Target) -> Cycles {
        let bytes = self.bytes.saturating_add(further);
        self.cycles.max(memory_cycles(bytes, target))
    }
}

impl Planner {
    /// Plans a GEMM stage: its prologue is run on blocks of rows, or is a stage of its own that
    /// ends before the first tile; whichever takes less time.
    pub(super) fn gemm(
        &mut self,
        pass: &mut PassPlan,
        stage: GemmStage,
        room: &StageRoom,
        target: &Target,
    ) -> Result<(), CompileError> {
        let a_on_chip = pass.homes[stage.input.0] != Home::Memory;
        let name = &stage.sections[0].parts[0].operation;
        let name = pass.graph.operations[name.index()].name.clone();
        let without_prologue = |home: Home| InputState {
            a_on_chip: home != Home::Memory,
            prologue: None,
        };
        if stage.prologue.is_empty() {
            let input = InputState {
                a_on_chip,
                prologue: None,
            };
            let problem = GemmProblem::new(pass, &stage, input, room, target);
            let choice = self.solve(&problem, target);
            let choice =
                choice.ok_or_else(|| too_small(&name, problem.least_needs(), room, target))?;
            pass.push_gemm(stage, choice);
            return Ok(());
        }
        let prologue = Prologue::new(pass, &stage, target);
        let mut options = Vec::new();
        let on_blocks = InputState {
            a_on_chip: false,
            prologue: Some(prologue),
        };
        let problem = GemmProblem::new(pass, &stage, on_blocks, room, target);
        options.extend(self.solve(&problem, target).map(|choice| GemmOption {
            cycles: choice.best.cost.cycles(),
            choice,
            placement: ProloguePlacement::OnBlocks,
        }));
        let mut apart = |home: Home, room: &StageRoom, moved: Bytes| {
            let problem = GemmProblem::new(pass, &stage, without_prologue(home), room, target);
            let before = prologue.cycles_apart(moved, target);
            options.extend(self.solve(&problem, target).map(|choice| GemmOption {
                cycles: choice.best.cost.cycles().saturating_add(before),
                choice,
                placement: ProloguePlacement::Apart(home),
            }));
            problem
        };
        let result_bytes = prologue_result_bytes(pass, &stage);
        let resident = room.scratchpads.activations;
        if resident
            .fraction(ACTIVATIONS_PER_RESIDENT)
            .holds(result_bytes)
        {
            let home = Home::Chip(ScratchpadId::Activations);
            apart(home, &room.without_activations(result_bytes), Bytes::ZERO);
        }
        let in_memory = apart(Home::Memory, room, result_bytes);
        let best = options.into_iter().min_by_key(|option| option.cycles);
        let best = best.ok_or_else(|| too_small(&name, in_memory.least_needs(), room, target))?;
        match best.placement {
            ProloguePlacement::OnBlocks => pass.push_gemm(stage, best.choice),
            ProloguePlacement::Apart(home) => {
                let stage = split_prologue(pass, stage, home, room, target)?;
                pass.push_gemm(stage, best.choice);
            }
        }
        Ok(())
    }
}

/// How a GEMM stage finds the rows of A.
#[derive(Clone, Copy, Debug)]
pub(super) struct InputState {
    /// Whether they are held in the activation scratchpad.
    pub(super) a_on_chip: bool,
    /// The prologue that is still to be run on them.
    pub(super) prologue: Option<Prologue>,
}

/// Bits of an element as the prologue of a stage leaves it.
fn prologue_result_bits(pass: &PassPlan, stage: &GemmStage) -> u64 {
    let input = &pass.graph.tensors[stage.input.0];
    stage.prologue.last().map_or(input.bits, |step| step.bits)
}

/// Bytes of all rows as the prologue of a stage leaves them; one row at least.
fn prologue_result_bytes(pass: &PassPlan, stage: &GemmStage) -> Bytes {
    let row = (stage.k * prologue_result_bits(pass, stage)).div_ceil(8);
    Bytes(u64::max(stage.m, 1) * row)
}

/// Makes the prologue of a GEMM a vector stage of its own and returns what is left of the stage.
fn split_prologue(
    pass: &mut PassPlan,
    mut stage: GemmStage,
    home: Home,
    room: &StageRoom,
    target: &Target,
) -> Result<GemmStage, CompileError> {
    let input = pass.graph.tensors[stage.input.0];
    let bits = prologue_result_bits(pass, &stage);
    let steps = std::mem::take(&mut stage.prologue);
    let out = TensorId(pass.graph.tensors.len());
    let unit = stage.prologue_slot.strip_unit();
    pass.graph.tensors.push(Tensor {
        microbatch: input.microbatch,
        rows: stage.m,
        width: stage.k,
        bits,
        strip: pass.graph.strips.of(unit, stage.k, bits),
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
        Home::Chip(_) => Bytes(stage.m * (stage.k * bits).div_ceil(8)),
        Home::Memory => Bytes::ZERO,
    };
    let room = room.without_activations(held);
    let rows = vector_rows(pass, &vector, &room, target)?;
    pass.push(Stage::Vector(vector), StagePlan::Rows(rows));
    stage.input = out;
    Ok(stage)
}

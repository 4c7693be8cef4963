//! Stages that are emitted side by side.
//!
//! Units take their instructions in program order. If one stage followed the other whole, the
//! vector unit would end all that a projection leaves to it before it began with the first softmax:
//! two arrays would never work at once. So a stage begins while others are under way if it runs on
//! other units, and each of its pieces follows those that make its rows: one sequence's attention
//! stands in program order among another's projections, piece by piece as the arrays' time goes.

use std::collections::{BTreeSet, VecDeque};
use std::task::Poll;

use tile_program::ScratchpadId;

use super::context::Context;
use super::stage::StageEmitter;
use crate::graph::{AttentionPhase, Backing, Slot, Stage, TensorId};
use crate::plan::{Home, ScratchpadNeeds, StagePlan};

/// Stages under way, the earliest first.
#[derive(Default)]
pub(super) struct Interleaver {
    active: VecDeque<Active>,
}

/// A stage under way.
struct Active {
    emitter: StageEmitter,
    /// The stage's number in the pass.
    index: usize,
    footprint: Option<Footprint>,
    /// The array cycles emitted since it began, plus those of the earliest stage at that time.
    spent: u64,
    /// The array cycles of one of its pieces.
    step_cycles: u64,
}

/// What a stage takes of the machine. It decides whether other stages may be under way meanwhile.
struct Footprint {
    /// Rows of all tensors; a piece reads and makes whole rows of them, from the first on.
    rows: u64,
    microbatch: usize,
    arrays: Vec<usize>,
    tensors: Vec<TensorId>,
    /// Bytes of each scratchpad that it takes at once, beside tensors that stay.
    bytes: [u64; 3],
}

impl Footprint {
    /// The footprint of a stage; `None` if it is not made row by row.
    fn of(stage: &Stage, plan: &StagePlan, context: &Context) -> Option<Self> {
        let tensors = stage.tensors();
        let spec = |id: &TensorId| context.tensors[*id].spec;
        let bytes = |needs: &ScratchpadNeeds| ScratchpadId::ALL.map(|id| needs.of(id).get());
        let (rows, arrays, bytes) = match (stage, plan) {
            (Stage::Gemm(stage), StagePlan::Gemm(plan)) => {
                let operation = stage.sections[0].parts[0].operation;
                let team = context.team(stage.array, operation);
                (stage.m, team, bytes(&plan.needs))
            }
            (Stage::Attention(stage), StagePlan::Attention(plan))
                if stage.phase == AttentionPhase::Fused =>
            {
                let team = context.team(stage.array, stage.scores);
                (spec(&stage.query).rows, team, bytes(&plan.needs))
            }
            (Stage::Vector(stage), StagePlan::Rows(rows))
                if (stage.first, stage.stride, stage.out_rows.start) == (0, 1, 0) =>
            {
                // The band of each tensor, and one vector in the making.
                let bits = tensors.iter().map(|id| spec(id).bits).sum::<u64>();
                let made = stage.steps.iter().map(|step| step.bits).max().unwrap_or(0);
                let width = spec(&stage.out).width.max(spec(&stage.input).width);
                let band = (rows * width).saturating_mul(bits + made).div_ceil(8);
                (stage.out_rows.end, Vec::new(), [band, 0, 0])
            }
            _ => return None,
        };
        Some(Self {
            rows,
            microbatch: spec(&tensors[0]).microbatch,
            arrays,
            tensors,
            bytes,
        })
    }

    /// Memory that a tensor shares with others of its role.
    fn slot(context: &Context, id: TensorId) -> Option<Slot> {
        let live = &context.tensors[id];
        match (live.home, live.spec.backing) {
            (Home::Memory, Backing::Slot(slot)) => Some(slot),
            _ => None,
        }
    }
}

impl Interleaver {
    /// Whether no stage is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Whether a stage may begin although those under way have not ended.
    pub(super) fn admits(&self, stage: &Stage, plan: &StagePlan, context: &Context) -> bool {
        let Some(new) = Footprint::of(stage, plan, context) else {
            return false;
        };
        let mut others = Vec::with_capacity(self.active.len());
        for active in &self.active {
            let Some(footprint) = &active.footprint else {
                return false;
            };
            others.push(footprint);
        }
        let follows = |other: &&Footprint| {
            let alike = (other.rows, other.microbatch) == (new.rows, new.microbatch);
            let apart = |array: &usize| !other.arrays.contains(array);
            // Memory of a role is written anew only when all of what was there has been read.
            let distinct = |id: &TensorId| {
                let slot = Footprint::slot(context, *id);
                other.tensors.contains(id)
                    || slot.is_none()
                    || other
                        .tensors
                        .iter()
                        .all(|&old| Footprint::slot(context, old) != slot)
            };
            alike && new.arrays.iter().all(apart) && new.tensors.iter().all(distinct)
        };
        others.iter().all(follows) && Self::fit(&others, &new, context)
    }

    /// Whether the scratchpads hold what all of them take, beside the tensors that stay there.
    fn fit(others: &[&Footprint], new: &Footprint, context: &Context) -> bool {
        let mut taken = new.bytes;
        for other in others {
            for (sum, bytes) in taken.iter_mut().zip(other.bytes) {
                *sum = sum.saturating_add(bytes);
            }
        }
        let footprints = others.iter().copied().chain([new]);
        let touched = footprints.flat_map(|footprint| &footprint.tensors);
        let tensors: BTreeSet<TensorId> = touched.chain(context.tensors.held()).copied().collect();
        for live in tensors.iter().map(|id| &context.tensors[*id]) {
            if let Some(scratchpad) = live.on_chip() {
                let bytes = live.piece(live.spec.rows, live.spec.width);
                taken[scratchpad as usize] = taken[scratchpad as usize].saturating_add(bytes);
            }
        }
        let fits = |id: &ScratchpadId| taken[*id as usize] <= context.emitter.room(*id);
        ScratchpadId::ALL.iter().all(fits)
    }

    /// Begins a stage.
    pub(super) fn begin(
        &mut self,
        index: usize,
        stage: Stage,
        plan: StagePlan,
        context: &mut Context,
    ) {
        let footprint = Footprint::of(&stage, &plan, context);
        let cycles = match &plan {
            StagePlan::Gemm(plan) => plan.cost.array.get(),
            StagePlan::Attention(plan) => plan.cost.array.get(),
            StagePlan::Rows(_) => 0,
        };
        context.resident_uses.stage = index;
        let emitter = StageEmitter::begin(stage, plan, context);
        self.active.push_back(Active {
            step_cycles: cycles / emitter.steps().max(1),
            spent: self.active.front().map_or(0, |first| first.spent),
            emitter,
            index,
            footprint,
        });
    }

    /// Emits a piece of the stage that is behind the others, of those whose rows are there. Says
    /// which stage has ended with it.
    pub(super) fn step(&mut self, context: &mut Context) -> Poll<Option<usize>> {
        let next = self.next();
        let active = &mut self.active[next];
        context.resident_uses.stage = active.index;
        let Poll::Ready(more) = active.emitter.step(context) else {
            return Poll::Pending;
        };
        active.spent = active.spent.saturating_add(active.step_cycles);
        if more {
            return Poll::Ready(None);
        }
        let ended = self.active.remove(next).map(|active| active.index);
        Poll::Ready(ended)
    }

    /// The place of the stage whose piece comes next.
    fn next(&mut self) -> usize {
        let now = self.active[0].spent;
        let mut done = u64::MAX;
        let mut next = (now, 0);
        for (place, active) in self.active.iter_mut().enumerate() {
            if active.emitter.rows_needed() > done {
                // It waits, while time goes on.
                active.spent = active.spent.max(now);
            } else if place > 0 {
                next = next.min((active.spent, place));
            }
            done = done.min(active.emitter.rows_done());
        }
        next.1
    }
}

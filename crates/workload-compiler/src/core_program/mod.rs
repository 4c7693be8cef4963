//! The program of one core: the shard of the workload that it holds, and its part of each pass.

mod instructions;
mod kept_weights;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use quantities::Bytes;
use tile_program::{Operation, OperationId, Target};

use crate::emit::{Emitter, PassEmitter, PassPlace, RankContext, ResidentWeights};
use crate::error::CompileError;
use crate::graph::{Graph, Slot};
use crate::layout::Layout;
use crate::lower::lower;
use crate::passes::{PassShape, Passes};
use crate::plan::{PassPlan, Planner};
use crate::split::Shard;
use crate::strips::Place;
use crate::workload::Workload;

pub(crate) use instructions::Instructions;
pub use kept_weights::KeptWeights;
use kept_weights::RunCost;

/// The program of one core.
#[derive(Debug)]
pub(crate) struct CoreProgram {
    /// The workload as this core sees it.
    workload: Workload,
    shard: Shard,
    rank: RankContext,
    target: Target,
    /// The core without the bytes that weights hold from pass to pass.
    target_without_kept: Target,
    passes: Passes,
    layout: Layout,
    planner: Planner,
    /// The address of each slot.
    slots: [u64; Slot::COUNT],
    /// Bytes that each slot has room for.
    sizes: [u64; Slot::COUNT],
    footprint: Bytes,
    kept: KeptWeights,
    /// Makes the instructions of all passes; a pass borrows it until it is over.
    emitter: Rc<RefCell<Option<Emitter>>>,
}

/// What the program of a core is made from.
pub(crate) struct CoreTask<'a> {
    /// The workload as this core sees it.
    pub(crate) workload: Workload,
    pub(crate) shard: Shard,
    pub(crate) rank: RankContext,
    pub(crate) target: &'a Target,
    /// Units of the whole machine.
    pub(crate) machine_units: usize,
    /// The first address of the chip's memory that is free.
    pub(crate) first_address: u64,
}

/// How much of its weight scratchpad a core plans with.
#[derive(Clone, Copy, Debug)]
enum WeightRoom {
    /// All of it.
    Whole,
    /// What weights that stay from pass to pass leave.
    WithoutKept,
}

impl CoreProgram {
    /// Plans a core's part of a run, and lays it out in its chip's memory.
    pub(crate) fn new(task: CoreTask<'_>) -> Result<Self, CompileError> {
        let CoreTask {
            workload,
            shard,
            rank,
            target,
            machine_units,
            first_address,
        } = task;
        let mut program = Self {
            layout: Layout::new(&target.memory, first_address),
            emitter: Rc::new(RefCell::new(None)),
            planner: Planner::new(),
            slots: [0; Slot::COUNT],
            sizes: [0; Slot::COUNT],
            footprint: Bytes::ZERO,
            kept: KeptWeights::default(),
            target: target.clone(),
            target_without_kept: target.clone(),
            passes: Passes::new(&workload),
            workload,
            shard,
            rank,
        };
        program.prepare()?;
        let bytes = program.kept.bytes.get();
        let resident = match program.kept.warm {
            true => ResidentWeights::preloaded(bytes),
            false => ResidentWeights::loaded(bytes),
        };
        let emitter = Emitter::new(target, machine_units, resident);
        program.emitter = Rc::new(RefCell::new(Some(emitter)));
        Ok(program)
    }

    /// Bytes of the chip's memory up to the end of what this core holds.
    pub(crate) const fn footprint(&self) -> Bytes {
        self.footprint
    }

    pub(crate) const fn kept(&self) -> KeptWeights {
        self.kept
    }

    pub(crate) fn record_dependencies(&self) {
        let mut emitter = self.emitter.borrow_mut();
        let emitter = emitter.as_mut().expect("no pass is in use");
        emitter.record_dependencies();
    }

    /// For each operation of the latest pass, those whose results it reads.
    pub(crate) fn dependencies(&self) -> Vec<BTreeSet<OperationId>> {
        let emitter = self.emitter.borrow();
        let known = emitter.as_ref().and_then(Emitter::dependencies);
        known.map(<[_]>::to_vec).unwrap_or_default()
    }

    /// This core's operations of a pass, and their instructions; its operations are numbered from
    /// `first` on.
    pub(crate) fn pass(
        &mut self,
        shape: &PassShape,
        last: bool,
        first: u32,
    ) -> (Vec<Operation>, Instructions) {
        let plan = self.plan(shape);
        let emitter = self.emitter.borrow_mut().take();
        let emitter = emitter.expect("the pass before must be used up or dropped");
        let place = PassPlace {
            units: crate::emit::Units::new(&self.target),
            rank: self.rank.clone(),
            is_last_pass: last,
        };
        let (pass, mut operations) = PassEmitter::new(plan, emitter, &self.slots, place);
        if !self.target.prefix.is_empty() {
            for operation in &mut operations {
                operation.name.core = Some(Arc::clone(&self.target.prefix));
            }
        }
        let instructions = Instructions {
            pass: Some(pass),
            first,
            emitter: Rc::clone(&self.emitter),
        };
        (operations, instructions)
    }

    /// The graph of this core's part of a pass, and its plan.
    fn plan_on(&mut self, shape: &PassShape, room: WeightRoom) -> Result<PassPlan, CompileError> {
        let target = match room {
            WeightRoom::Whole => &self.target,
            WeightRoom::WithoutKept => &self.target_without_kept,
        };
        let graph = lower(&self.workload, target, shape, &self.shard, &mut self.layout)?;
        self.planner.plan(graph, self.workload.fusion, target)
    }

    /// Plans the longest pass of each kind, so that what cannot run is known now, and lays out
    /// main memory for all of them.
    fn prepare(&mut self) -> Result<(), CompileError> {
        let representatives = self.passes.representatives();
        let mut streamed = RunCost::default();
        for (&index, &stands_for) in &representatives {
            let shape = self.passes.shape(index);
            let plan = self.plan_on(&shape, WeightRoom::Whole)?;
            self.sizes = self.measure(&plan.graph);
            streamed.add(index, plan.cycles(), stands_for);
        }
        let (all, cached) = (self.layout.footprint(), self.layout.cached());
        self.keep_weights(&representatives, streamed);
        for &index in representatives.keys() {
            let shape = self.passes.shape(index);
            let plan = self.plan_on(&shape, WeightRoom::WithoutKept)?;
            self.sizes = self.measure(&plan.graph);
        }
        for (slot, bytes) in self.slots.iter_mut().zip(self.sizes) {
            *slot = self.layout.take(bytes)?;
        }
        self.footprint = Bytes(self.layout.footprint());
        self.check_capacity(Bytes(all - cached))
    }

    /// Checks that main memory holds weights and tables, and the rest beside them.
    fn check_capacity(&self, weights: Bytes) -> Result<(), CompileError> {
        let Some(capacity) = self.target.memory.capacity else {
            return Ok(());
        };
        if weights > capacity {
            return Err(CompileError::MemoryTooSmall {
                needed: weights,
                capacity,
            });
        }
        if self.footprint <= capacity {
            return Ok(());
        }
        let needed = self.footprint - weights;
        let copy = needed.get().div_ceil(self.workload.batch).max(1);
        Err(CompileError::BatchTooLarge {
            sequences: self.workload.sequences(),
            needed,
            weights,
            capacity,
            fits: (capacity - weights).get() / copy,
        })
    }

    /// The room that each slot needs, so that it holds what it did and the tensors of a pass.
    fn measure(&self, graph: &Graph) -> [u64; Slot::COUNT] {
        let mut sizes = self.sizes;
        for tensor in &graph.tensors {
            if let crate::graph::Backing::Slot(slot) = tensor.backing {
                let bytes = Place::new(0, &tensor.extent(), &self.target.memory).bytes();
                let size = &mut sizes[slot as usize];
                *size = (*size).max(bytes);
            }
        }
        sizes
    }

    /// The plan of a pass that is known to be possible.
    fn plan(&mut self, shape: &PassShape) -> PassPlan {
        let plan = self
            .plan_on(shape, WeightRoom::WithoutKept)
            .expect("the longest pass was planned when the program was compiled");
        // A shorter pass may be cut so that it stores what the longest keeps on chip.
        let sizes = self.measure(&plan.graph);
        let slots = self.slots.iter_mut().zip(self.sizes.iter_mut());
        for ((slot, size), needed) in slots.zip(sizes) {
            if needed > *size {
                *slot = self
                    .layout
                    .take(needed)
                    .expect("vectors of a pass, far below 64 bits");
                *size = needed;
            }
        }
        plan
    }
}

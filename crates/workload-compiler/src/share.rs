//! A core's share of a workload: what it holds, and its part of each pass.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::task::Poll;

use quantities::Bytes;
use serde::Serialize;
use tile_program::{Instruction, Operation, OperationId, ScratchpadId, Target};

use crate::emit::{Emitter, Kept, PassEmitter, Seat};
use crate::error::CompileError;
use crate::layout::Layout;
use crate::lower::{Graph, Slot, lower};
use crate::passes::{PassShape, Passes};
use crate::plan::tuning::{COST_PER_TIE, PREFERRED_EIGHTHS, RESIDENT_EIGHTHS};
use crate::plan::{PassPlan, Planner};
use crate::split::Shard;
use crate::strips::Place;
use crate::workload::{Weights, Workload};

/// A core's share of a workload.
#[derive(Debug)]
pub(crate) struct Share {
    /// The workload as this core sees it.
    workload: Workload,
    shard: Shard,
    seat: Seat,
    target: Target,
    /// The core without the bytes that weights hold from pass to pass.
    beside: Target,
    passes: Passes,
    layout: Layout,
    planner: Planner,
    slots: [u64; Slot::COUNT],
    /// Bytes that each slot has room for.
    sizes: [u64; Slot::COUNT],
    footprint: Bytes,
    kept: KeptWeights,
    /// The books of the run; a pass borrows them until it is over.
    emitter: Rc<RefCell<Option<Emitter>>>,
}

/// Weights that stay on chip from pass to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeptWeights {
    /// Matrices.
    pub matrices: u64,
    /// Bytes of the weight scratchpad that they hold.
    pub bytes: Bytes,
    /// They are there before the run begins; else their first use loads them.
    pub warm: bool,
}

impl Share {
    /// Plans a core's share, and lays it out in its chip's memory from an address on. The machine has
    /// so many units in all.
    pub(crate) fn new(
        (workload, shard, seat): (Workload, Shard, Seat),
        (target, units): (&Target, usize),
        first_address: u64,
    ) -> Result<Self, CompileError> {
        let mut share = Self {
            layout: Layout::new(&target.memory, first_address),
            emitter: Rc::new(RefCell::new(None)),
            planner: Planner::new(),
            slots: [0; Slot::COUNT],
            sizes: [0; Slot::COUNT],
            footprint: Bytes::ZERO,
            kept: KeptWeights::default(),
            target: target.clone(),
            beside: target.clone(),
            passes: Passes::new(&workload),
            workload,
            shard,
            seat,
        };
        share.prepare()?;
        let kept = Kept::new(share.kept.bytes.get(), share.kept.warm);
        let emitter = Emitter::new(target, units, kept);
        share.emitter = Rc::new(RefCell::new(Some(emitter)));
        Ok(share)
    }

    /// Bytes of the chip's memory up to the end of this share.
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
        let units = crate::emit::Units::new(&self.target);
        let seat = self.seat.clone();
        let (pass, mut operations) =
            PassEmitter::new(plan, emitter, &self.slots, units, seat, last);
        for operation in &mut operations {
            operation.name.insert_str(0, &self.target.prefix);
        }
        let instructions = Instructions {
            pass: Some(pass),
            first,
            home: Rc::clone(&self.emitter),
        };
        (operations, instructions)
    }

    fn lower(&mut self, shape: &PassShape, beside: bool) -> Result<Graph, CompileError> {
        let target = if beside { &self.beside } else { &self.target };
        lower(&self.workload, target, shape, &self.shard, &mut self.layout)
    }

    /// Plans the longest pass of each kind, so that what cannot run is known now, and lays out
    /// main memory for all of them.
    fn prepare(&mut self) -> Result<(), CompileError> {
        let representatives = self.passes.representatives();
        let mut streamed = Cost::default();
        for (&index, &stands_for) in &representatives {
            let shape = self.passes.shape(index);
            let graph = self.lower(&shape, false)?;
            let plan = self
                .planner
                .plan(graph, self.workload.fusion, &self.target)?;
            self.sizes = self.measure(&plan.graph);
            streamed.add(index, plan.cycles(), stands_for);
        }
        let (all, cached) = (self.layout.footprint(), self.layout.cached());
        self.keep_weights(&representatives, streamed);
        for &index in representatives.keys() {
            let shape = self.passes.shape(index);
            let graph = self.lower(&shape, true)?;
            let plan = self
                .planner
                .plan(graph, self.workload.fusion, &self.beside)?;
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

    /// Decides which weights stay on chip from pass to pass, by [`Keeping::best`].
    fn keep_weights(&mut self, representatives: &BTreeMap<u64, u64>, streamed: Cost) {
        let warm = match self.workload.weights {
            Weights::Streamed => return,
            Weights::Kept => false,
            Weights::Warm => true,
        };
        let matrices = self.matrices_worth_keeping(warm);
        let capacity = self.target.capacity(ScratchpadId::Weights).get();
        let mut choices = vec![Keeping {
            run: streamed.run,
            ..Keeping::default()
        }];
        for eighths in RESIDENT_EIGHTHS {
            let mut left = capacity / 8 * eighths;
            let mut kept = Keeping {
                eighths,
                ..Keeping::default()
            };
            for &(bytes, base) in &matrices {
                if bytes <= left {
                    left -= bytes;
                    kept.bytes += bytes;
                    kept.set.insert(base);
                }
            }
            if choices.iter().any(|choice| choice.set == kept.set) {
                continue;
            }
            let Some(cost) = self.cost_beside(representatives, &kept.set, kept.bytes) else {
                continue;
            };
            // The pass that loads them is about as long as if they did not stay.
            let first = match warm {
                true => 0,
                false => streamed.first.saturating_sub(cost.first),
            };
            kept.run = cost.run.saturating_add(first);
            choices.push(kept);
        }
        let Keeping { set, bytes, .. } = Keeping::best(choices);
        self.beside = self.without(bytes);
        self.kept = KeptWeights {
            matrices: set.len() as u64,
            bytes: Bytes(bytes),
            warm: warm && bytes > 0,
        };
        self.layout.kept = set;
    }

    /// Bytes and addresses of the matrices of which keeping saves loads: those first of which a byte
    /// saves most, then the larger ones.
    fn matrices_worth_keeping(&self, warm: bool) -> Vec<(u64, u64)> {
        let (passes, with_head) = (self.passes.count(), self.passes.with_head());
        let matrices = self.layout.matrices().map(|((_, name), region)| {
            let uses = match *name {
                "lm_head" | "project_out" => with_head,
                _ => passes,
            };
            let saved = uses.saturating_sub(u64::from(!warm));
            (saved, region.footprint(), region.base)
        });
        let mut matrices: Vec<_> = matrices.filter(|(saved, ..)| *saved > 0).collect();
        matrices
            .sort_unstable_by_key(|&(saved, bytes, base)| (Reverse(saved), Reverse(bytes), base));
        let kept = matrices.into_iter().map(|(_, bytes, base)| (bytes, base));
        kept.collect()
    }

    /// The machine without so many bytes of its weight scratchpad.
    fn without(&self, bytes: u64) -> Target {
        let mut target = self.target.clone();
        target.scratchpads[ScratchpadId::Weights as usize]
            .capacity
            .0 -= bytes;
        target
    }

    /// About the cycles of the run beside weights that stay; `None` if it cannot be run so.
    fn cost_beside(
        &mut self,
        representatives: &BTreeMap<u64, u64>,
        kept: &BTreeSet<u64>,
        bytes: u64,
    ) -> Option<Cost> {
        self.layout.kept.clone_from(kept);
        let target = self.without(bytes);
        let mut cost = Cost::default();
        for (&index, &stands_for) in representatives {
            let shape = self.passes.shape(index);
            let graph = lower(
                &self.workload,
                &target,
                &shape,
                &self.shard,
                &mut self.layout,
            )
            .ok()?;
            let plan = self
                .planner
                .plan(graph, self.workload.fusion, &target)
                .ok()?;
            cost.add(index, plan.cycles(), stands_for);
        }
        Some(cost)
    }

    /// The room that each slot needs, so that it holds what it did and the tensors of a pass.
    fn measure(&self, graph: &Graph) -> [u64; Slot::COUNT] {
        let mut sizes = self.sizes;
        for tensor in &graph.tensors {
            if let crate::lower::Backing::Slot(slot) = tensor.backing {
                let bytes = Place::new(0, tensor, &self.target.memory).bytes();
                let size = &mut sizes[slot as usize];
                *size = (*size).max(bytes);
            }
        }
        sizes
    }

    /// The plan of a pass that is known to be possible.
    fn plan(&mut self, shape: &PassShape) -> PassPlan {
        let graph = self
            .lower(shape, true)
            .expect("the longest pass was lowered when the program was compiled");
        let plan = self
            .planner
            .plan(graph, self.workload.fusion, &self.beside)
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

/// Matrices that might stay, and what of it.
#[derive(Debug, Default)]
struct Keeping {
    /// Of the weight scratchpad, at most.
    eighths: u64,
    set: BTreeSet<u64>,
    bytes: u64,
    /// About the cycles of the run.
    run: u64,
}

impl Keeping {
    /// Of those that take about the least time, within [`COST_PER_TIE`], the one that saves most bytes; but
    /// a quarter of the scratchpad is left to other tiles, unless that costs time.
    fn best(choices: Vec<Self>) -> Self {
        let least = choices.iter().map(|choice| choice.run).min().unwrap_or(0);
        let about = |choice: &Self| choice.run <= least.saturating_add(least / COST_PER_TIE);
        let merit = |choice: &Self| match choice.eighths {
            0..=PREFERRED_EIGHTHS => (1, choice.bytes),
            eighths => (0, 8 - eighths),
        };
        let eligible = choices.into_iter().filter(about);
        eligible.max_by_key(merit).unwrap_or_default()
    }
}

/// About the cycles of a run, and of its first pass.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    run: u64,
    first: u64,
}

impl Cost {
    /// Adds a pass that stands for several.
    const fn add(&mut self, index: u64, cycles: u64, stands_for: u64) {
        if index == 0 {
            self.first = cycles;
        }
        self.run = self.run.saturating_add(cycles.saturating_mul(stands_for));
    }
}

/// The instructions of a core's part of a pass. The books go home when they end.
pub(crate) struct Instructions {
    pass: Option<PassEmitter>,
    /// The number of its first operation.
    first: u32,
    home: Rc<RefCell<Option<Emitter>>>,
}

impl Instructions {
    /// Whether they have all been given.
    pub(crate) const fn is_over(&self) -> bool {
        self.pass.is_none()
    }
}

impl Iterator for Instructions {
    type Item = Poll<Instruction>;

    fn next(&mut self) -> Option<Self::Item> {
        let instruction = self.pass.as_mut()?.next();
        if instruction.is_none()
            && let Some(pass) = self.pass.take()
        {
            *self.home.borrow_mut() = Some(pass.finish());
        }
        instruction.map(|instruction| {
            instruction.map(|mut instruction| {
                instruction.operation.0 += self.first;
                instruction
            })
        })
    }
}

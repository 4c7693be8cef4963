//! A compiled workload: passes, one after another, made as they are asked for.

use std::cell::RefCell;
use std::rc::Rc;

use tile_program::{Bytes, Family, Instruction, Pass, Program, Target};

use crate::emit::{Emitter, PassEmitter};
use crate::error::CompileError;
use crate::layout::Layout;
use crate::lower::{Graph, PassShape, Slot, lower, operands};
use crate::model::Mixer;
use crate::plan::{PassPlan, Planner, pitch};
use crate::workload::{Run, Workload};

/// A workload compiled for a machine.
///
/// Passes must be run in order: the next one is given once the one before has been used up or
/// dropped.
#[derive(Debug)]
pub struct CompiledProgram {
    workload: Workload,
    target: Target,
    layout: Layout,
    planner: Planner,
    slots: [u64; Slot::COUNT],
    footprint: Bytes,
    next: u64,
    /// The books of the run; a pass borrows them until it is over.
    emitter: Rc<RefCell<Option<Emitter>>>,
}

/// Compiles a workload for a machine: checks that it can run and lays out main memory.
/// Instructions are made later, pass by pass.
///
/// # Errors
/// If an array is missing or too narrow, a scratchpad cannot hold the smallest tile, or main
/// memory cannot hold the workload.
pub fn compile(workload: Workload, target: &Target) -> Result<CompiledProgram, CompileError> {
    operands(&workload, target, Family::Projection)?;
    if workload.model.mixer == Mixer::Attention {
        operands(&workload, target, Family::Attention)?;
    }
    let dense = matches!(workload.model.mixer, Mixer::Dense(_));
    if workload.operators.lm_head() && !dense {
        operands(&workload, target, Family::LmHead)?;
    }
    let mut program = CompiledProgram {
        layout: Layout::new(target.memory.access.get().max(1)),
        emitter: Rc::new(RefCell::new(Some(Emitter::new(target)))),
        planner: Planner::new(),
        slots: [0; Slot::COUNT],
        footprint: Bytes::ZERO,
        next: 0,
        target: target.clone(),
        workload,
    };
    program.prepare()?;
    Ok(program)
}

impl CompiledProgram {
    /// The workload.
    #[must_use]
    pub const fn workload(&self) -> &Workload {
        &self.workload
    }

    /// Bytes of main memory that the workload takes: weights, tables, caches, activations.
    #[must_use]
    pub const fn footprint(&self) -> Bytes {
        self.footprint
    }

    /// Plans the longest pass of each kind, so that what cannot run is known now, and lays out
    /// main memory for all of them.
    fn prepare(&mut self) -> Result<(), CompileError> {
        let passes = self.passes();
        let mut sizes = [0_u64; Slot::COUNT];
        let kinds = match self.workload.run {
            Run::Generate { .. } => vec![0, 1, passes - 1],
            Run::Prefill { .. } | Run::Decode { .. } => vec![0],
        };
        for index in kinds {
            let shape = self.shape(index);
            let graph = lower(&self.workload, &self.target, &shape, &mut self.layout)?;
            let plan = self.planner.plan(graph, &self.target)?;
            self.measure(&plan.graph, &mut sizes);
        }
        for (slot, bytes) in self.slots.iter_mut().zip(sizes) {
            *slot = self.layout.take(bytes)?;
        }
        let needed = Bytes(self.layout.footprint());
        self.footprint = needed;
        match self.target.memory.capacity {
            Some(capacity) if needed > capacity => {
                Err(CompileError::MemoryTooSmall { needed, capacity })
            }
            _ => Ok(()),
        }
    }

    /// The largest tensor of each slot.
    fn measure(&self, graph: &Graph, sizes: &mut [u64; Slot::COUNT]) {
        for tensor in &graph.tensors {
            if let crate::lower::Backing::Slot(slot) = tensor.backing {
                let bytes = pitch(tensor, self.layout.access()).saturating_mul(tensor.rows);
                let size = &mut sizes[slot as usize];
                *size = (*size).max(bytes);
            }
        }
    }

    /// What the pass of a number is.
    fn shape(&self, index: u64) -> PassShape {
        let batch = self.workload.batch;
        let prefill = |tokens: u64, positions: u64, counted: u64| PassShape {
            name: format!("prefill({tokens})"),
            tokens,
            past: 0,
            positions,
            counted,
        };
        let decode = |context: u64, positions: u64| PassShape {
            name: format!("decode@{context}"),
            tokens: 1,
            past: context - 1,
            positions,
            counted: batch,
        };
        match self.workload.run {
            Run::Prefill { tokens } => prefill(tokens, tokens, batch * tokens),
            Run::Decode { context } => decode(context, context),
            Run::Generate { prompt, tokens } if index == 0 => prefill(prompt, prompt + tokens, 0),
            Run::Generate { prompt, tokens } => decode(prompt + index, prompt + tokens),
        }
    }

    /// The plan of a pass that is known to be possible.
    fn plan(&mut self, shape: &PassShape) -> PassPlan {
        let graph = lower(&self.workload, &self.target, shape, &mut self.layout)
            .expect("the longest pass was lowered when the program was compiled");
        self.planner
            .plan(graph, &self.target)
            .expect("the longest pass was planned when the program was compiled")
    }
}

impl Program for CompiledProgram {
    /// # Panics
    /// If the pass before is still in use.
    fn next_pass(&mut self) -> Option<Pass> {
        if self.next == self.passes() {
            return None;
        }
        let shape = self.shape(self.next);
        self.next += 1;
        let plan = self.plan(&shape);
        let emitter = self.emitter.borrow_mut().take();
        let emitter = emitter.expect("the pass before must be used up or dropped");
        let operations = plan.graph.operations.clone();
        let units = crate::emit::Units::new(&self.target);
        let pass = PassEmitter::new(plan, emitter, &self.slots, units);
        Some(Pass {
            name: shape.name,
            tokens: shape.counted,
            operations,
            instructions: Box::new(Instructions {
                pass: Some(pass),
                home: Rc::clone(&self.emitter),
            }),
        })
    }

    fn passes(&self) -> u64 {
        match self.workload.run {
            Run::Prefill { .. } | Run::Decode { .. } => 1,
            Run::Generate { tokens, .. } => 1 + tokens,
        }
    }
}

/// The instructions of a pass. The books go home when they end.
struct Instructions {
    pass: Option<PassEmitter>,
    home: Rc<RefCell<Option<Emitter>>>,
}

impl Iterator for Instructions {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        let instruction = self.pass.as_mut()?.next();
        if instruction.is_none()
            && let Some(pass) = self.pass.take()
        {
            *self.home.borrow_mut() = Some(pass.finish());
        }
        instruction
    }
}

impl Drop for Instructions {
    /// What was not asked for is made and thrown away, so that the counts of the next pass are
    /// right.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.for_each_remaining();
        }
    }
}

impl Instructions {
    fn for_each_remaining(&mut self) {
        while self.next().is_some() {}
    }
}

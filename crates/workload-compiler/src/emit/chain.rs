//! Chains of vector work on bands of rows.

use std::ops::Range;

use smallvec::SmallVec;
use tile_program::{Operand, OperationId, ScratchpadId, Stream};

use super::buffer::Buffer;
use super::context::{Context, Streams};
use super::dependencies::{Completion, Dependencies};
use super::step::Step;
use crate::graph::{TensorId, VectorStage, VectorStep};

/// Where the result of a chain goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// To a tensor.
    Tensor(TensorId),
    /// Into a buffer that the caller keeps.
    Buffer,
}

/// Rows of the input that a chain reads.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) rows: Range<u64>,
    pub(super) stride: u64,
    /// The same rows as numbered by the result.
    pub(super) out_rows: Range<u64>,
    pub(super) width: u64,
}

impl Band {
    pub(super) const fn count(&self) -> u64 {
        self.out_rows.end - self.out_rows.start
    }
}

/// A second operand of vector work.
pub(super) struct SecondOperand {
    pub(super) ready: Dependencies,
    pub(super) operands: SmallVec<[Operand; 1]>,
    /// The tensor, if it is on chip.
    pub(super) tensor: Option<TensorId>,
    /// The loaded piece, if it is not.
    pub(super) buffer: Option<Buffer>,
}

/// What a step of a chain reads.
struct Reads {
    /// The tensor that the chain began with.
    input: TensorId,
    /// Width of an element so far.
    bits: u64,
    /// The vector so far; `None` while it is still the tensor itself.
    current: Option<Buffer>,
    /// The step's second operand.
    operand: Option<SecondOperand>,
}

impl Context {
    /// The second operand of a step, loaded if it is in memory.
    pub(super) fn operand(
        &mut self,
        step: &VectorStep,
        tile: u32,
        rows: &Range<u64>,
        columns: &Range<u64>,
    ) -> Option<SecondOperand> {
        let id = step.with?;
        if self.tensors[id].on_chip().is_some() {
            let live = &self.tensors[id];
            return Some(SecondOperand {
                ready: live.ready(rows),
                operands: live.operand(rows, columns).into_iter().collect(),
                tensor: Some(id),
                buffer: None,
            });
        }
        let buffer = self.load_piece((step.operation, tile), id, rows, 1, columns);
        Some(SecondOperand {
            ready: buffer.ready.clone(),
            operands: buffer.operands.clone(),
            tensor: None,
            buffer: Some(buffer),
        })
    }

    /// What a step waits for beside what it works on: its second operand, and its state.
    pub(super) fn wait_for_others(
        &self,
        mut step: Step,
        work: &VectorStep,
        operand: Option<&SecondOperand>,
    ) -> Step {
        if let Some(operand) = operand {
            step = step.after(&operand.ready).read_operands(&operand.operands);
        }
        if let Some(state) = work.state {
            let state = &self.tensors[state];
            step = step.read_tensor(state, &(0..state.spec.rows), &state.columns());
        }
        step
    }

    /// Issues a step that is the last to read its second operand.
    pub(super) fn issue_with(
        &mut self,
        mut step: Step,
        operand: Option<SecondOperand>,
    ) -> Completion {
        let tensor = operand.as_ref().and_then(|operand| operand.tensor);
        if let Some(buffer) = operand.and_then(|operand| operand.buffer) {
            step = step.give(buffer);
        }
        let completion = self.emitter.issue(step);
        if let Some(tensor) = tensor {
            self.tensors[tensor].read(completion);
        }
        completion
    }

    /// A step writes its state, if it has one.
    fn update(&self, step: Step, work: &VectorStep) -> Step {
        let Some(state) = work.state else {
            return step;
        };
        let state = &self.tensors[state];
        step.write_tensor(state, &(0..state.spec.rows), &state.columns())
    }

    /// A step has updated its state, if it has one.
    fn updated(&mut self, step: &VectorStep, completion: Completion) {
        if let Some(state) = step.state {
            let all = 0..self.tensors[state].spec.rows;
            self.tensors[state].written(&all, completion);
        }
    }

    /// Runs a chain over a band; the buffer is the caller's if it asked for one.
    pub(super) fn chain(
        &mut self,
        input: TensorId,
        steps: &[VectorStep],
        band: &Band,
        goal: Goal,
        stored_by: Option<OperationId>,
    ) -> Option<Buffer> {
        let first = &steps[0];
        let tile = self.emitter.tile(first.operation);
        let columns = 0..band.width;
        // What is worked on: a buffer, or (none) the input where it is held.
        let mut current = if self.tensors[input].on_chip().is_some() {
            None
        } else {
            let load = (first.operation, tile);
            Some(self.load_piece(load, input, &band.rows, band.stride, &columns))
        };
        let mut bits = self.tensors[input].spec.bits;
        for (index, work) in steps.iter().enumerate() {
            let tile = if index == 0 {
                tile
            } else {
                self.emitter.tile(work.operation)
            };
            let last = index + 1 == steps.len();
            let result = match goal {
                Goal::Tensor(out) if last => self.home(out),
                _ => Stream::new(ScratchpadId::Activations, work.bits),
            };
            let reads = Reads {
                input,
                bits,
                current,
                operand: self.operand(work, tile, &band.out_rows, &columns),
            };
            let mut step = self.chain_step(work, tile, &reads, band, result);
            if last {
                return self.end_chain(work, step, reads, band, (goal, stored_by));
            }
            current = reads.current;
            let made = current.is_none().then(|| {
                let bytes = (band.count() * band.width * work.bits).div_ceil(8);
                self.emitter.buffer(ScratchpadId::Activations, bytes)
            });
            step = match (&made, &current) {
                (Some(buffer), _) => step.take(buffer).write(buffer),
                (None, Some(buffer)) => step.write(buffer),
                (None, None) => unreachable!("a vector is where it was made or loaded"),
            };
            step = self.update(step, work);
            bits = if current.is_none() { work.bits } else { bits };
            let completion = self.issue_with(step, reads.operand);
            self.updated(work, completion);
            if current.is_none() {
                self.tensors[input].read(completion);
            }
            let buffer = current.or(made);
            current = buffer.map(|mut buffer| {
                buffer.written(completion);
                buffer
            });
        }
        unreachable!("a chain has a last step")
    }

    /// A step that waits for what it reads.
    fn chain_step(
        &self,
        work: &VectorStep,
        tile: u32,
        reads: &Reads,
        band: &Band,
        result: Stream,
    ) -> Step {
        let input = &self.tensors[reads.input];
        let source = match &reads.current {
            Some(buffer) => Stream::new(buffer.scratchpad, reads.bits),
            None => self.home(reads.input),
        };
        let streams = Streams {
            source,
            operand: self.stream(work.with),
            result,
        };
        let vector = Self::vector_work(work, band.count(), band.width, streams);
        let step = Step::new(self.units.vector, work.operation, tile, vector);
        let step = match &reads.current {
            Some(buffer) => step.read(buffer),
            None => step.read_tensor(input, &band.rows, &(0..band.width)),
        };
        self.wait_for_others(step, work, reads.operand.as_ref())
    }

    /// The last step: its result goes where the chain's result is wanted.
    fn end_chain(
        &mut self,
        work: &VectorStep,
        mut step: Step,
        reads: Reads,
        band: &Band,
        (goal, stored_by): (Goal, Option<OperationId>),
    ) -> Option<Buffer> {
        let Reads {
            input,
            bits,
            current,
            operand,
        } = reads;
        let held_input = current.is_none();
        let operand_tensor = operand.as_ref().and_then(|operand| operand.tensor);
        if let Some(buffer) = operand.and_then(|operand| operand.buffer) {
            step = step.give(buffer);
        }
        let bytes = (band.count() * band.width * work.bits).div_ceil(8);
        let (operation, tile) = (step.operation, step.tile);
        let target = match goal {
            Goal::Tensor(out) => Some((out, self.tensors[out].on_chip())),
            Goal::Buffer => None,
        };
        step = self.update(step, work);
        let mut result = None;
        if let Some((out, Some(scratchpad))) = target {
            let in_place = (held_input && out == input) || operand_tensor == Some(out);
            if in_place {
                step.overwrites.merge(&self.tensors[out].users);
            } else {
                let buffer = self.hold(out, scratchpad, bytes);
                step = step.take(&buffer);
            }
            step = step.write_tensor(&self.tensors[out], &band.out_rows, &(0..band.width));
            if let Some(buffer) = current {
                step = step.give(buffer);
            }
        } else if let Some(buffer) = current {
            if bits == work.bits {
                result = Some(buffer);
            } else {
                let fresh = self.emitter.buffer(ScratchpadId::Activations, bytes);
                step = step.take(&fresh).give(buffer);
                result = Some(fresh);
            }
        } else {
            let fresh = self.emitter.buffer(ScratchpadId::Activations, bytes);
            step = step.take(&fresh);
            result = Some(fresh);
        }
        if let Some(buffer) = &result {
            step = step.write(buffer);
        }
        let completion = self.emitter.issue(step);
        self.updated(work, completion);
        if held_input {
            self.tensors[input].read(completion);
        }
        if let Some(tensor) = operand_tensor {
            self.tensors[tensor].read(completion);
        }
        match (target, result) {
            (Some((out, Some(_))), _) => {
                self.tensors[out].written(&band.out_rows, completion);
                None
            }
            (Some((out, None)), Some(mut buffer)) => {
                buffer.written(completion);
                let columns = 0..band.width;
                let writer = (stored_by.unwrap_or(operation), tile);
                self.store_piece(writer, buffer, out, &band.out_rows, &columns);
                None
            }
            (None, Some(mut buffer)) => {
                buffer.written(completion);
                Some(buffer)
            }
            (_, None) => unreachable!("a result is held or in a buffer"),
        }
    }
}

/// A vector stage in the course of being emitted, band by band.
pub(super) struct VectorEmitter {
    stage: VectorStage,
    rows: u64,
    next: u64,
}

impl VectorEmitter {
    pub(super) const fn new(stage: VectorStage, rows: u64) -> Self {
        Self {
            next: stage.out_rows.start,
            stage,
            rows,
        }
    }

    /// Rows that the next band reads, where it reads them all in order.
    pub(super) fn rows_needed(&self) -> u64 {
        (self.next + self.rows).min(self.stage.out_rows.end)
    }

    /// Rows that are done.
    pub(super) const fn rows_done(&self) -> u64 {
        self.next
    }

    pub(super) fn step(&mut self, context: &mut Context) -> bool {
        let stage = &self.stage;
        let width = context.tensors[stage.out].spec.width;
        let all = &stage.out_rows;
        let out_rows = self.next..(self.next + self.rows).min(all.end);
        let first = stage.first + (out_rows.start - all.start) * stage.stride;
        let last = stage.first + (out_rows.end - 1 - all.start) * stage.stride;
        let band = Band {
            rows: first..last + 1,
            stride: stage.stride,
            width,
            out_rows,
        };
        let goal = Goal::Tensor(stage.out);
        context.chain(stage.input, &stage.steps, &band, goal, stage.stored_by);
        self.next = band.out_rows.end;
        self.next < stage.out_rows.end
    }
}

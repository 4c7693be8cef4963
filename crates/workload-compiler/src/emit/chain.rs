//! Chains of vector work on bands of rows.

use std::ops::Range;

use smallvec::SmallVec;
use tile_program::{Operand, OperationId, ScratchpadId, Stream};

use super::buffer::Buffer;
use super::context::{Context, Streams};
use super::dependencies::{Completion, Dependencies};
use super::step::Step;
use crate::graph::{TensorId, VectorStage, VectorStep};

/// Where the result of a chain of vector work goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// The result becomes rows of a tensor.
    Tensor(TensorId),
    /// The result is a buffer that the caller keeps.
    Buffer,
}

/// How a chain ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChainEnd {
    pub(super) goal: Goal,
    /// The operation whose store brings the result to main memory; that of the last step if `None`.
    pub(super) stored_by: Option<OperationId>,
}

/// The rows of the input that a chain reads at once.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) rows: Range<u64>,
    /// Every so many rows of the input count.
    pub(super) stride: u64,
    /// The rows of the result that they become.
    pub(super) out_rows: Range<u64>,
    /// The number of columns.
    pub(super) width: u64,
}

impl Band {
    /// The number of rows of the result.
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

    /// Adds what a step reads beside what it works on: its second operand, and its state.
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

    /// Lets a step write its state, if it has one.
    fn update(&self, step: Step, work: &VectorStep) -> Step {
        let Some(state) = work.state else {
            return step;
        };
        let state = &self.tensors[state];
        step.write_tensor(state, &(0..state.spec.rows), &state.columns())
    }

    /// Records that a step has written its state, if it has one.
    fn updated(&mut self, step: &VectorStep, completion: Completion) {
        if let Some(state) = step.state {
            let all = 0..self.tensors[state].spec.rows;
            self.tensors[state].written(&all, completion);
        }
    }

    /// Emits a chain over a band of rows. Returns the result if the caller asked for a buffer.
    pub(super) fn chain(
        &mut self,
        input: TensorId,
        steps: &[VectorStep],
        band: &Band,
        end: ChainEnd,
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
            let result = match end.goal {
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
                return self.end_chain(work, step, reads, band, end);
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

    /// A step of a chain, with what it reads and waits for.
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

    /// Issues the last step: its result goes where the chain's result is wanted.
    fn end_chain(
        &mut self,
        work: &VectorStep,
        mut step: Step,
        reads: Reads,
        band: &Band,
        end: ChainEnd,
    ) -> Option<Buffer> {
        let held_input = reads.current.is_none().then_some(reads.input);
        let operand_tensor = reads.operand.as_ref().and_then(|operand| operand.tensor);
        if let Some(buffer) = reads.operand.and_then(|operand| operand.buffer) {
            step = step.give(buffer);
        }
        let bytes = (band.count() * band.width * work.bits).div_ceil(8);
        let at = (step.operation, step.tile);
        step = self.update(step, work);
        let held_out = match end.goal {
            Goal::Tensor(out) => self.tensors[out].on_chip().map(|chip| (out, chip)),
            Goal::Buffer => None,
        };
        let mut result = None;
        if let Some((out, scratchpad)) = held_out {
            if held_input == Some(out) || operand_tensor == Some(out) {
                step.overwrites.merge(&self.tensors[out].users);
            } else {
                let buffer = self.hold(out, scratchpad, bytes);
                step = step.take(&buffer);
            }
            step = step.write_tensor(&self.tensors[out], &band.out_rows, &(0..band.width));
            if let Some(buffer) = reads.current {
                step = step.give(buffer);
            }
        } else {
            // The result takes the place of what was worked on where its elements are as wide.
            let buffer = match reads.current {
                Some(buffer) if reads.bits == work.bits => buffer,
                current => {
                    let fresh = self.emitter.buffer(ScratchpadId::Activations, bytes);
                    step = step.take(&fresh);
                    if let Some(buffer) = current {
                        step = step.give(buffer);
                    }
                    fresh
                }
            };
            step = step.write(&buffer);
            result = Some(buffer);
        }
        let completion = self.emitter.issue(step);
        self.updated(work, completion);
        for tensor in held_input.into_iter().chain(operand_tensor) {
            self.tensors[tensor].read(completion);
        }
        if let Some((out, _)) = held_out {
            self.tensors[out].written(&band.out_rows, completion);
        }
        let mut buffer = result?;
        buffer.written(completion);
        let Goal::Tensor(out) = end.goal else {
            return Some(buffer);
        };
        let writer = (end.stored_by.unwrap_or(at.0), at.1);
        self.store_piece(writer, buffer, out, &band.out_rows, &(0..band.width));
        None
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
        let end = ChainEnd {
            goal: Goal::Tensor(stage.out),
            stored_by: stage.stored_by,
        };
        context.chain(stage.input, &stage.steps, &band, end);
        self.next = band.out_rows.end;
        self.next < stage.out_rows.end
    }
}

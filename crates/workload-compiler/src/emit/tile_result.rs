//! Where the result of a tile goes: to a tensor on chip, or through a buffer to memory.

use tile_program::ScratchpadId;

use super::buffer::Buffer;
use super::chain::SecondOperand;
use super::context::Context;
use super::gemm::Tile;
use super::step::Step;
use crate::graph::{Section, TensorId};

impl Context {
    /// The last vector work on a tile: it leaves the output scratchpad.
    pub(super) fn deliver(
        &mut self,
        mut step: Step,
        section: &Section,
        tile: &Tile,
        sums: impl Iterator<Item = Buffer>,
        operand: Option<SecondOperand>,
        state: Option<TensorId>,
    ) {
        let out = section.out;
        for buffer in sums {
            step = step.read(&buffer).give(buffer);
        }
        let (rows, columns) = tile.shape();
        let bytes = self.tensors[out].piece(rows, columns);
        let number = step.tile;
        let chip = self.tensors[out].on_chip();
        let operand_tensor = operand.as_ref().and_then(|operand| operand.tensor);
        let loaded = operand.and_then(|operand| operand.buffer);
        let mut staged = None;
        match chip {
            // A residual on chip is updated where it is; what is overwritten holds its bytes
            // already.
            Some(_) if operand_tensor == Some(out) || self.tensors[out].is_full(bytes) => {
                step.overwrites.merge(&self.tensors[out].users);
            }
            Some(scratchpad) => {
                let buffer = self.hold(out, scratchpad, bytes);
                step = step.take(&buffer);
            }
            None => {
                let buffer = self.emitter.buffer(ScratchpadId::Activations, bytes);
                step = step.take(&buffer).write(&buffer);
                staged = Some(buffer);
            }
        }
        step = step.write_tensor(&self.tensors[out], &tile.rows, &tile.columns);
        if let Some(state) = state {
            let live = &self.tensors[state];
            step = step.write_tensor(live, &(0..live.spec.rows), &live.columns());
        }
        if let Some(buffer) = loaded {
            step = step.give(buffer);
        }
        let completion = self.emitter.issue(step);
        if let Some(tensor) = operand_tensor {
            self.tensors[tensor].read(completion);
        }
        if let Some(state) = state {
            let all = 0..self.tensors[state].spec.rows;
            self.tensors[state].written(&all, completion);
        }
        match staged {
            Some(mut buffer) => {
                buffer.written(completion);
                let at = (section.stored_by, number);
                self.store_piece(at, buffer, out, &tile.rows, &tile.columns);
            }
            None => self.tensors[out].written(&tile.rows, completion),
        }
    }
}

//! Dense layers by themselves: a list of matrices, without a language model around them.

use tile_program::{Matrix, Operator};

use super::block::InputNorm;
use super::builder::Builder;
use super::names::Linear;
use crate::error::CompileError;
use crate::graph::{Backing, Placement, Slot, TensorId};
use crate::layout::RegionName;
use crate::model::DenseLayer;

impl Builder<'_> {
    /// Layer after layer. A layer reads the result of the one before where that is as wide as its
    /// input; else vectors that are there from the start.
    pub(super) fn dense(&mut self, layers: &[DenseLayer]) -> Result<(), CompileError> {
        let bits = self.vector_bits()?;
        let mut slots = [Slot::Residual, Slot::Hidden];
        let mut last: Option<(TensorId, u64)> = None;
        let each = layers
            .iter()
            .flat_map(|layer| (0..layer.count).map(move |_| layer));
        for (index, layer) in (0..).zip(each) {
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            let input = match last {
                _ if layer.stored => self.stored(RegionName::DenseInput(index), inputs, bits)?,
                Some((result, width)) if width == inputs => result,
                _ => self.tensor(self.rows, inputs, bits, slots[0]),
            };
            let result_bits = layer.result_bits.unwrap_or(bits);
            let result = if layer.stored {
                self.stored(RegionName::DenseResult(index), outputs, result_bits)?
            } else {
                self.tensor(self.rows, outputs, result_bits, slots[1])
            };
            if let Some(kind) = layer.vector {
                let mut step = self.step_as(Some(index), Operator::Matrix(Matrix::Dense), kind);
                step.bits = result_bits;
                self.vector_stage(input, vec![step], result);
            } else {
                let (matrix, norm) = (Matrix::Dense, InputNorm::None);
                let prologue = self.matrix_prologue(index, matrix, norm)?;
                let mut part = self.projection(index, Linear::plain(matrix), inputs, outputs)?;
                if let Some(activation) = layer.activation
                    && self.vector()
                {
                    let operator = Operator::Activation;
                    let step = self.step_as(Some(index), operator, activation.kind());
                    part.epilogue.push(step);
                }
                self.projections(input, prologue, vec![Self::section(part, result)])?;
            }
            last = (!layer.stored).then_some((result, outputs));
            slots.reverse();
        }
        Ok(())
    }

    /// Rows in main memory, at a place of their own.
    fn stored(
        &mut self,
        name: RegionName,
        width: u64,
        bits: u64,
    ) -> Result<TensorId, CompileError> {
        let bytes = width
            .checked_mul(bits)
            .map(|bits| bits.div_ceil(8))
            .and_then(|row| row.checked_next_multiple_of(self.layout.access()))
            .and_then(|row| row.checked_mul(self.rows));
        let base = self.layout.place(name, bytes)?;
        let backing = Backing::Rows(base);
        Ok(self.tensor_in(self.rows, width, bits, backing, Placement::Memory))
    }
}

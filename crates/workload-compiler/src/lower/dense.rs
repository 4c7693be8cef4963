//! Dense layers by themselves: a list of matrices, without a language model around them.

use super::builder::Builder;
use super::{Slot, TensorId};
use crate::error::CompileError;
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
            let &DenseLayer {
                inputs, outputs, ..
            } = layer;
            let input = match last {
                Some((result, width)) if width == inputs => result,
                _ => self.tensor(self.rows, inputs, bits, slots[0]),
            };
            let enter = self.enter(index, &entry!("dense"), false)?;
            let mut part = self.projection(index, &linear!("dense", false), inputs, outputs)?;
            if let Some(activation) = layer.activation
                && self.vector()
            {
                let step = self.step(Some(index), "activation", activation.kind());
                part.epilogue.push(step);
            }
            let result = self.tensor(self.rows, outputs, bits, slots[1]);
            let section = self.section(part, result);
            self.projections(input, enter, vec![section])?;
            last = Some((result, outputs));
            slots.reverse();
        }
        Ok(())
    }
}

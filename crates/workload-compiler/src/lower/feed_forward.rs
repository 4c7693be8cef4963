//! The feed-forward network of a block.

use tile_program::{Matrix, Operator};

use super::block::{BlockOutput, InputNorm};
use super::builder::Builder;
use super::names::{Linear, Residual};
use crate::error::CompileError;
use crate::graph::{Part, Section, Slot, TensorId};
use crate::model::FeedForward;

impl Builder<'_> {
    /// The vector between the matrices of the network.
    pub(super) fn hidden(&mut self) -> Result<TensorId, CompileError> {
        let bits = self.vector_bits()?;
        let width = self.workload.model.d_ff;
        Ok(self.tensor(self.rows, width, bits, Slot::Hidden))
    }

    /// A matrix into the network.
    fn expanding(&mut self, layer: u64, matrix: Matrix) -> Result<Part, CompileError> {
        let model = &self.workload.model;
        let (d, d_ff, bias) = (model.d_model, model.d_ff, model.linear_bias);
        self.projection(layer, Linear { matrix, bias }, d, d_ff)
    }

    /// Adds the activation behind a matrix.
    fn activate(&mut self, layer: u64, part: &mut Part) {
        let kind = self.workload.model.activation.kind();
        part.epilogue
            .push(self.step_as(Some(layer), Operator::Activation, kind));
    }

    /// Into the feed-forward network: activation(gate) · up, or activation(up).
    pub(super) fn up_sections(
        &mut self,
        layer: u64,
        hidden: TensorId,
    ) -> Result<Vec<Section>, CompileError> {
        if self.workload.model.feed_forward == FeedForward::Plain {
            let mut up = self.expanding(layer, Matrix::Up)?;
            if self.vector() {
                self.activate(layer, &mut up);
            }
            return Ok(vec![Self::section(up, hidden)]);
        }
        let mut gate = self.expanding(layer, Matrix::Gate)?;
        let mut up = self.expanding(layer, Matrix::Up)?;
        if !self.vector() {
            let bits = self.vector_bits()?;
            let gated = self.tensor(self.rows, self.workload.model.d_ff, bits, Slot::Gate);
            return Ok(vec![Self::section(gate, gated), Self::section(up, hidden)]);
        }
        self.activate(layer, &mut gate);
        up.epilogue
            .push(self.step(Some(layer), Operator::GateProduct));
        let mut section = Self::section(up, hidden);
        section.parts.insert(0, gate);
        Ok(vec![section])
    }

    /// Out of the feed-forward network.
    pub(super) fn down(
        &mut self,
        layer: u64,
        hidden: TensorId,
        x: TensorId,
    ) -> Result<(), CompileError> {
        let model = &self.workload.model;
        let (d, d_ff) = (model.d_model, model.d_ff);
        let (matrix, bias) = (Matrix::Down, model.linear_bias);
        let norm = InputNorm::of_block_output(model);
        let output = BlockOutput {
            input: hidden,
            prologue: self.matrix_prologue(layer, matrix, norm)?,
            part: self.projection(layer, Linear { matrix, bias }, d_ff, d)?,
        };
        self.add_residual(layer, &Residual::FEED_FORWARD, output, x)
    }

    /// The norm before the feed-forward network, where one stands there, and the way into it.
    pub(super) fn enter_feed_forward(
        &mut self,
        layer: u64,
        x: TensorId,
        hidden: TensorId,
    ) -> Result<(), CompileError> {
        let norm = Operator::FeedForwardNorm;
        let prologue = self.shared_prologue(layer, norm, Operator::FeedForwardQuantise)?;
        let sections = self.up_sections(layer, hidden)?;
        self.projections(x, prologue, sections)
    }

    /// The feed-forward network behind attention or a recurrence.
    pub(super) fn feed_forward(&mut self, layer: u64, x: TensorId) -> Result<(), CompileError> {
        let hidden = self.hidden()?;
        if self.workload.model.linear_norms && self.vector() {
            self.normed_feed_forward(layer, x, hidden)?;
        } else {
            self.enter_feed_forward(layer, x, hidden)?;
        }
        self.down(layer, hidden, x)
    }

    /// Into the network of a model that norms the input of each linear layer by itself.
    fn normed_feed_forward(
        &mut self,
        layer: u64,
        x: TensorId,
        hidden: TensorId,
    ) -> Result<(), CompileError> {
        let model = &self.workload.model;
        let (d, d_ff) = (model.d_model, model.d_ff);
        let is_gated = model.feed_forward == FeedForward::Gated;
        let normed = self.tensor(self.rows, d, self.bits, Slot::Normed);
        let norm = self.norm(layer, Operator::FeedForwardNorm);
        self.vector_stage(x, norm, normed);
        let gate = self.tensor(self.rows, d_ff, self.bits, Slot::Gate);
        if is_gated {
            let prologue = self.matrix_prologue(layer, Matrix::Gate, InputNorm::Own)?;
            let mut part = self.expanding(layer, Matrix::Gate)?;
            self.activate(layer, &mut part);
            self.projections(normed, prologue, vec![Self::section(part, gate)])?;
        }
        let prologue = self.matrix_prologue(layer, Matrix::Up, InputNorm::Own)?;
        let mut part = self.expanding(layer, Matrix::Up)?;
        if is_gated {
            let mut product = self.step(Some(layer), Operator::GateProduct);
            product.with = Some(gate);
            part.epilogue.push(product);
        } else {
            self.activate(layer, &mut part);
        }
        self.projections(normed, prologue, vec![Self::section(part, hidden)])
    }
}

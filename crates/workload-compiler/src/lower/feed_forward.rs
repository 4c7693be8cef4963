//! The feed-forward network of a block.

use tile_program::VectorKind;

use super::builder::Builder;
use super::{Section, Slot, TensorId};
use crate::error::CompileError;
use crate::model::{FeedForward, NormPlacement};

impl Builder<'_> {
    pub(super) fn hidden(&mut self) -> Result<TensorId, CompileError> {
        let bits = self.vector_bits()?;
        let width = self.workload.model.d_ff;
        Ok(self.tensor(self.rows, width, bits, Slot::Hidden))
    }

    /// Into the feed-forward network: activation(gate) · up, or activation(up).
    pub(super) fn up_sections(
        &mut self,
        layer: u64,
        hidden: TensorId,
    ) -> Result<Vec<Section>, CompileError> {
        let model = &self.workload.model;
        let (d, d_ff, bias) = (model.d_model, model.d_ff, model.linear_bias);
        let (activation, form) = (model.activation.kind(), model.feed_forward);
        let (gate, up) = (linear!("gate_proj", bias), linear!("up_proj", bias));
        if form == FeedForward::Plain {
            let mut part = self.projection(layer, &up, d, d_ff)?;
            if self.vector() {
                part.epilogue
                    .push(self.step(Some(layer), "activation", activation));
            }
            return Ok(vec![self.section(part, hidden)]);
        }
        let mut first = self.projection(layer, &gate, d, d_ff)?;
        let mut second = self.projection(layer, &up, d, d_ff)?;
        if !self.vector() {
            let bits = self.vector_bits()?;
            let gated = self.tensor(self.rows, d_ff, bits, Slot::Gate);
            return Ok(vec![
                self.section(first, gated),
                self.section(second, hidden),
            ]);
        }
        first
            .epilogue
            .push(self.step(Some(layer), "activation", activation));
        second
            .epilogue
            .push(self.step(Some(layer), "gate", VectorKind::Multiply));
        let mut section = self.section(second, hidden);
        section.parts.insert(0, first);
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
        let (d, d_ff, bias) = (model.d_model, model.d_ff, model.linear_bias);
        let norm = model.sub_norms || model.linear_norms;
        let enter = self.enter(layer, &entry!("down_proj"), norm)?;
        let part = self.projection(layer, &linear!("down_proj", bias), d_ff, d)?;
        let names = ("ffn_post_norm", "ffn_residual");
        self.add_residual(layer, names, hidden, enter, part, x)
    }

    /// The norm before the feed-forward network, where one stands there, and the way into it.
    pub(super) fn enter_feed_forward(
        &mut self,
        layer: u64,
        x: TensorId,
        hidden: TensorId,
    ) -> Result<(), CompileError> {
        let pre = self.workload.model.norm_placement != NormPlacement::Post;
        let mut enter = if pre {
            self.norm(layer, "ffn_norm")
        } else {
            Vec::new()
        };
        enter.extend(self.enter(layer, &entry!("ffn"), false)?);
        let sections = self.up_sections(layer, hidden)?;
        self.projections(x, enter, sections)
    }

    pub(super) fn feed_forward(&mut self, layer: u64, x: TensorId) -> Result<(), CompileError> {
        let model = &self.workload.model;
        let (d, d_ff, bias) = (model.d_model, model.d_ff, model.linear_bias);
        let (activation, form) = (model.activation.kind(), model.feed_forward);
        let hidden = self.hidden()?;
        if !(model.linear_norms && self.vector()) {
            self.enter_feed_forward(layer, x, hidden)?;
            return self.down(layer, hidden, x);
        }
        let normed = self.tensor(self.rows, d, self.bits, Slot::Normed);
        let norm = self.norm(layer, "ffn_norm");
        self.vector_stage(x, norm, normed);
        let gated = form == FeedForward::Gated;
        let gate = self.tensor(self.rows, d_ff, self.bits, Slot::Gate);
        if gated {
            let enter = self.enter(layer, &entry!("gate_proj"), true)?;
            let mut part = self.projection(layer, &linear!("gate_proj", bias), d, d_ff)?;
            part.epilogue
                .push(self.step(Some(layer), "activation", activation));
            let section = self.section(part, gate);
            self.projections(normed, enter, vec![section])?;
        }
        let enter = self.enter(layer, &entry!("up_proj"), true)?;
        let mut part = self.projection(layer, &linear!("up_proj", bias), d, d_ff)?;
        if gated {
            let mut multiply = self.step(Some(layer), "gate", VectorKind::Multiply);
            multiply.with = Some(gate);
            part.epilogue.push(multiply);
        } else {
            part.epilogue
                .push(self.step(Some(layer), "activation", activation));
        }
        let section = self.section(part, hidden);
        self.projections(normed, enter, vec![section])?;
        self.down(layer, hidden, x)
    }
}

//! Exchanges with the cores that share the work.

use tile_program::{Class, Operator, VectorKind};

use super::builder::Builder;
use crate::graph::{
    Backing, Exchange, ExchangeStage, Placement, Slot, Stage, TensorId, VectorStep,
};
use crate::workload::Algorithm;

impl Builder<'_> {
    fn exchange(
        &mut self,
        layer: Option<u64>,
        operator: Operator,
        exchange: Exchange,
        tensor: TensorId,
    ) {
        let unit = self.target.receive.unwrap_or(self.target.load);
        let operation = self.operation(layer, operator, Class::Transfer, unit);
        let mut stage = ExchangeStage {
            operation,
            exchange,
            tensor,
            rows: 1,
            blocks: 1,
        };
        let all = self.graph.tensors[tensor.0].rows;
        let row = stage.bytes(1, &self.graph.tensors).max(1);
        stage.rows = match exchange {
            // A few bytes each.
            Exchange::Statistics(_) => all,
            // Two blocks take turns on the links.
            _ => (self.shard.piece_bytes / row).clamp(1, all.div_ceil(2)),
        };
        if stage.bytes(stage.rows, &self.graph.tensors) <= 2 * self.shard.piece_bytes {
            stage.blocks = 2;
        }
        self.mailbox(&stage);
        self.graph.stages.push(Stage::Exchange(stage));
    }

    /// Room in memory for what goes to cores of the same chip in a collective.
    fn mailbox(&mut self, stage: &ExchangeStage) {
        let rows = match stage.exchange {
            Exchange::HandOn | Exchange::TakeOver => return,
            Exchange::Sum | Exchange::Statistics(_) | Exchange::Gather(_) => stage.rows,
        };
        if self.shard.shares_chip {
            let steps = 2 * self.shard.ways;
            let bytes = stage.bytes(rows, &self.graph.tensors);
            let part = (bytes + self.shard.ways).next_multiple_of(self.layout.access());
            // Each part is sent twice at most around a ring; down a tree the whole is, at each
            // step. Two blocks are under way.
            let block = match self.shard.algorithm {
                Algorithm::Ring => 2 * part + steps * self.layout.access(),
                Algorithm::Tree => steps * (part + self.layout.access()),
            };
            let width = 2 * block;
            let backing = Backing::Slot(Slot::Mailbox);
            self.tensor_in(1, width, 8, backing, Placement::Memory);
        }
    }

    /// Whether several cores share each layer.
    pub(super) const fn is_split(&self) -> bool {
        self.shard.ways > 1
    }

    /// The sum of all ranks' partial results.
    pub(super) fn all_reduce(&mut self, layer: u64, operator: Operator, partial: TensorId) {
        self.exchange(Some(layer), operator, Exchange::Sum, partial);
    }

    /// Row-wise work on a vector of which each rank has a part needs what all parts come to: a norm
    /// its sums, quantisation its maximum. They are had as the vector is made.
    pub(super) fn agree_on(
        &mut self,
        layer: u64,
        operator: Operator,
        vector: TensorId,
        steps: &[VectorStep],
    ) {
        let figures = |step: &VectorStep| match step.kind {
            VectorKind::RmsNorm | VectorKind::Quantise => 1,
            VectorKind::LayerNorm => 2,
            _ => 0,
        };
        let figures: u64 = steps.iter().map(figures).sum();
        if self.is_split() && figures > 0 {
            self.exchange(Some(layer), operator, Exchange::Statistics(figures), vector);
        }
    }

    /// Each rank's part of the logits, gathered.
    pub(super) fn gather_logits(&mut self, part: TensorId, whole: TensorId) {
        self.exchange(None, Operator::LogitsGather, Exchange::Gather(whole), part);
    }

    /// The residual stream goes to the next stage.
    pub(super) fn hand_on(&mut self, x: TensorId) {
        // Whoever takes it over moves it over the link; here it passes through this core's chip.
        self.exchange(None, Operator::HandOn, Exchange::HandOn, x);
    }

    /// The residual stream comes from the stage before.
    pub(super) fn take_over(&mut self, x: TensorId) {
        self.exchange(None, Operator::TakeOver, Exchange::TakeOver, x);
    }

    /// Partial results of a projection whose inputs are split, in the format of vectors.
    pub(super) fn partial(&mut self) -> TensorId {
        let d = self.workload.model.d_model;
        self.tensor(self.rows, d, self.bits, Slot::Mixed)
    }
}

//! The blocks of MatMul-free LM.

use quantities::Bytes;
use tile_program::{Class, VectorKind};

use super::block::PROJECTION;
use super::builder::Builder;
use super::{Backing, Placement, Slot, TensorId};
use crate::error::CompileError;

impl Builder<'_> {
    /// One block of MatMul-free LM: h ← f·h + (1 − f)·silu(i), out = o(norm(h) · silu(g)).
    pub(super) fn recurrent_block(&mut self, layer: u64, x: TensorId) -> Result<(), CompileError> {
        let d = self.workload.model.d_model;
        let rows = self.rows;
        let bits = self.vector_bits()?;
        let candidate = self.tensor(rows, d, bits, Slot::Candidate);
        let mixed = self.tensor(rows, d, bits, Slot::Mixed);
        let gate = self.tensor(rows, d, bits, Slot::Gate);
        let linears = [
            linear!("i_proj", false),
            linear!("f_proj", false),
            linear!("g_proj", false),
        ];
        let o = linear!("o_proj", false);
        if !self.vector() {
            let mut sections = Vec::new();
            for (linear, out) in linears.iter().zip([candidate, mixed, gate]) {
                let part = self.projection(layer, linear, d, d)?;
                sections.push(self.section(part, out));
            }
            self.projections(x, Vec::new(), sections)?;
            let part = self.projection(layer, &o, d, d)?;
            self.simple_gemm(PROJECTION, mixed, Vec::new(), part, x)?;
            return self.feed_forward(layer, x);
        }
        let batch = self.shape.count();
        // Each sequence's state begins on an access.
        let row = d
            .checked_mul(self.bits / 8)
            .and_then(|bytes| bytes.checked_next_multiple_of(self.layout.access()));
        let bytes = row.and_then(|row| row.checked_mul(self.workload.sequences()));
        let place = self.layout.cache((layer, "state"), bytes)?;
        // Those of the sequences of earlier parts of the batch come first.
        let backing = Backing::Rows(place + self.shape.before * row.unwrap_or(0));
        let state = self.tensor_in(batch, d, self.bits, backing, Placement::Chip);
        let normed = self.tensor(rows, d, self.bits, Slot::Normed);
        let norm = self.norm(layer, "attention_norm");
        self.vector_stage(x, norm, normed);
        let load = self.operation(Some(layer), "state_load", Class::Transfer, self.target.load);
        self.graph.operations[load.index()].compulsory_read = Bytes(batch * d * self.bits / 8);
        self.move_stage(load, state, true);

        let entries = [entry!("i_proj"), entry!("f_proj"), entry!("g_proj")];
        let mut parts = Vec::new();
        for (linear, entry) in linears.iter().zip(&entries) {
            let enter = self.enter(layer, entry, true)?;
            let mut part = self.projection(layer, linear, d, d)?;
            match linear.name {
                "i_proj" => part
                    .epilogue
                    .push(self.step(Some(layer), "silu", VectorKind::Silu)),
                "f_proj" => {
                    let sigmoid = self.step(Some(layer), "sigmoid", VectorKind::Sigmoid);
                    let mut step = self.step(Some(layer), "recurrence", VectorKind::Recurrence);
                    (step.with, step.state) = (Some(candidate), Some(state));
                    part.epilogue.extend([sigmoid, step]);
                }
                _ => part
                    .epilogue
                    .push(self.step(Some(layer), "swish", VectorKind::Silu)),
            }
            parts.push((enter, part));
        }
        for ((enter, part), out) in parts.into_iter().zip([candidate, mixed, gate]) {
            let section = self.section(part, out);
            self.projections(normed, enter, vec![section])?;
        }
        let store = self.operation(
            Some(layer),
            "state_store",
            Class::Transfer,
            self.target.store,
        );
        self.graph.operations[store.index()].compulsory_write = Bytes(batch * d * self.bits / 8);
        self.move_stage(store, state, false);

        let mut enter = self.norm(layer, "output_norm");
        let mut gated = self.step(Some(layer), "output_gate", VectorKind::Multiply);
        gated.with = Some(gate);
        enter.push(gated);
        enter.extend(self.enter(layer, &entry!("o_proj"), true)?);
        let part = self.projection(layer, &o, d, d)?;
        let names = ("attention_post_norm", "attention_residual");
        self.add_residual(layer, names, mixed, enter, part, x)?;
        self.feed_forward(layer, x)
    }
}

//! The blocks of MatMul-free LM.

use quantities::Bytes;
use tile_program::{Class, Matrix, Operator};

use super::block::{BlockOutput, InputNorm, PROJECTION};
use super::builder::Builder;
use super::names::{Linear, Residual};
use crate::error::CompileError;
use crate::graph::{Backing, MoveDirection, Placement, Slot, TensorId, VectorStep};
use crate::layout::RegionName;

/// The vectors of a gated linear recurrence.
#[derive(Clone, Copy, Debug)]
struct Recurrence {
    /// What the state takes in: silu(i).
    candidate: TensorId,
    /// The state after each token.
    mixed: TensorId,
    /// The output gate.
    gate: TensorId,
}

impl Recurrence {
    /// The matrices into the recurrence, each with its result.
    const fn projections(self) -> [(Matrix, TensorId); 3] {
        [
            (Matrix::RecurrenceInput, self.candidate),
            (Matrix::RecurrenceForget, self.mixed),
            (Matrix::RecurrenceGate, self.gate),
        ]
    }
}

impl Builder<'_> {
    /// One block of MatMul-free LM: h ← f·h + (1 − f)·silu(i), out = o(norm(h) · silu(g)).
    pub(super) fn recurrent_block(&mut self, layer: u64, x: TensorId) -> Result<(), CompileError> {
        let d = self.workload.model.d_model;
        let rows = self.rows;
        let bits = self.vector_bits()?;
        let recurrence = Recurrence {
            candidate: self.tensor(rows, d, bits, Slot::Candidate),
            mixed: self.tensor(rows, d, bits, Slot::Mixed),
            gate: self.tensor(rows, d, bits, Slot::Gate),
        };
        if !self.vector() {
            self.recurrent_products(layer, x, recurrence)?;
            return self.feed_forward(layer, x);
        }
        let state = self.recurrent_state(layer)?;
        let normed = self.tensor(rows, d, self.bits, Slot::Normed);
        let norm = self.norm(layer, Operator::AttentionNorm);
        self.vector_stage(x, norm, normed);
        let state_bytes = Bytes(self.shape.count() * d * self.bits / 8);
        let load = self.target.load;
        let load = self.operation(Some(layer), Operator::StateLoad, Class::Transfer, load);
        self.graph.operations[load.index()].compulsory_read = state_bytes;
        self.move_stage(load, state, MoveDirection::ToChip);
        self.recurrent_projections(layer, normed, recurrence, state)?;
        let store = self.target.store;
        let store = self.operation(Some(layer), Operator::StateStore, Class::Transfer, store);
        self.graph.operations[store.index()].compulsory_write = state_bytes;
        self.move_stage(store, state, MoveDirection::ToMemory);

        let mut prologue = self.norm(layer, Operator::OutputNorm);
        let mut gated = self.step(Some(layer), Operator::OutputGate);
        gated.with = Some(recurrence.gate);
        prologue.push(gated);
        prologue.extend(self.matrix_prologue(layer, Matrix::Output, InputNorm::Own)?);
        let output = BlockOutput {
            input: recurrence.mixed,
            prologue,
            part: self.projection(layer, Linear::plain(Matrix::Output), d, d)?,
        };
        self.add_residual(layer, &Residual::ATTENTION, output, x)?;
        self.feed_forward(layer, x)
    }

    /// The block's GEMMs alone.
    fn recurrent_products(
        &mut self,
        layer: u64,
        x: TensorId,
        recurrence: Recurrence,
    ) -> Result<(), CompileError> {
        let d = self.workload.model.d_model;
        let mut sections = Vec::new();
        for (matrix, out) in recurrence.projections() {
            let part = self.projection(layer, Linear::plain(matrix), d, d)?;
            sections.push(Self::section(part, out));
        }
        self.projections(x, Vec::new(), sections)?;
        let part = self.projection(layer, Linear::plain(Matrix::Output), d, d)?;
        self.simple_gemm(PROJECTION, recurrence.mixed, Vec::new(), part, x)
    }

    /// The state of each sequence of the pass, which begins on an access of its own.
    fn recurrent_state(&mut self, layer: u64) -> Result<TensorId, CompileError> {
        let d = self.workload.model.d_model;
        let row = d
            .checked_mul(self.bits / 8)
            .and_then(|bytes| bytes.checked_next_multiple_of(self.layout.access()));
        let bytes = row.and_then(|row| row.checked_mul(self.workload.sequences()));
        let base = self.layout.cache(RegionName::State(layer), bytes)?;
        // The states of the sequences of earlier parts of the batch come first.
        let backing = Backing::Rows(base + self.shape.before * row.unwrap_or(0));
        let batch = self.shape.count();
        Ok(self.tensor_in(batch, d, self.bits, backing, Placement::Chip))
    }

    /// The matrices into the recurrence, and its steps on their results.
    fn recurrent_projections(
        &mut self,
        layer: u64,
        normed: TensorId,
        recurrence: Recurrence,
        state: TensorId,
    ) -> Result<(), CompileError> {
        let d = self.workload.model.d_model;
        let mut projections = Vec::new();
        for (matrix, out) in recurrence.projections() {
            let prologue = self.matrix_prologue(layer, matrix, InputNorm::Own)?;
            let mut part = self.projection(layer, Linear::plain(matrix), d, d)?;
            let steps = self.recurrent_steps(layer, matrix, recurrence.candidate, state);
            part.epilogue.extend(steps);
            projections.push((prologue, Self::section(part, out)));
        }
        for (prologue, section) in projections {
            self.projections(normed, prologue, vec![section])?;
        }
        Ok(())
    }

    /// What follows on the result of a matrix into the recurrence.
    fn recurrent_steps(
        &mut self,
        layer: u64,
        matrix: Matrix,
        candidate: TensorId,
        state: TensorId,
    ) -> Vec<VectorStep> {
        let at = Some(layer);
        match matrix {
            Matrix::RecurrenceInput => vec![self.step(at, Operator::Silu)],
            Matrix::RecurrenceForget => {
                let sigmoid = self.step(at, Operator::Sigmoid);
                let mut step = self.step(at, Operator::Recurrence);
                (step.with, step.state) = (Some(candidate), Some(state));
                vec![sigmoid, step]
            }
            _ => vec![self.step(at, Operator::Swish)],
        }
    }
}

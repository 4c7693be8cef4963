//! What the blocks of a model have in common: norms, projections, and the residual stream.

use tile_program::{Family, GemmDims, Matrix, Operator, VectorKind};

use super::builder::Builder;
use super::names::{Linear, Residual};
use super::operands::operands;
use crate::error::CompileError;
use crate::graph::{GemmStage, Part, Section, Slot, Stage, TensorId, VectorStep};
use crate::model::{Model, NormPlacement};

pub(super) const PROJECTION: Family = Family::Projection;

/// The last matrix of a block, before its result joins the residual stream.
pub(super) struct BlockOutput {
    pub(super) input: TensorId,
    /// Row-wise work on the input.
    pub(super) prologue: Vec<VectorStep>,
    pub(super) part: Part,
}

/// Whether the input of a matrix goes through a norm that is the matrix's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputNorm {
    Own,
    None,
}

impl InputNorm {
    /// Of the last matrix of a block.
    pub(super) const fn of_block_output(model: &Model) -> Self {
        if model.sub_norms || model.linear_norms {
            Self::Own
        } else {
            Self::None
        }
    }
}

impl Builder<'_> {
    /// A norm of the model's kind on the rows of a layer; nothing where vector work is left out.
    pub(super) fn norm(&mut self, layer: u64, operator: Operator) -> Vec<VectorStep> {
        if !self.vector() {
            return Vec::new();
        }
        let kind = self.workload.model.norm.kind();
        vec![self.step_as(Some(layer), operator, kind)]
    }

    /// What precedes a matrix: its norm, if it has one, then quantisation.
    pub(super) fn matrix_prologue(
        &mut self,
        layer: u64,
        matrix: Matrix,
        norm: InputNorm,
    ) -> Result<Vec<VectorStep>, CompileError> {
        let mut steps = match norm {
            InputNorm::Own => self.norm(layer, Operator::InputNorm(matrix)),
            InputNorm::None => Vec::new(),
        };
        let quantise = Operator::InputQuantise(matrix);
        steps.extend(self.quantised_input(Some(layer), PROJECTION, quantise)?);
        Ok(steps)
    }

    /// What precedes matrices that share their input: the norm of the block, unless norms stand
    /// behind blocks, then quantisation.
    pub(super) fn shared_prologue(
        &mut self,
        layer: u64,
        norm: Operator,
        quantise: Operator,
    ) -> Result<Vec<VectorStep>, CompileError> {
        let mut steps = match self.workload.model.norm_placement {
            NormPlacement::Post => Vec::new(),
            _ => self.norm(layer, norm),
        };
        steps.extend(self.quantised_input(Some(layer), PROJECTION, quantise)?);
        Ok(steps)
    }

    /// A section of one projection whose result is a tensor of its own.
    pub(super) fn section(part: Part, out: TensorId) -> Section {
        let stored_by = part
            .epilogue
            .last()
            .map_or(part.operation, |step| step.operation);
        Section {
            n: part.weights.n,
            unit_columns: 1,
            parts: vec![part],
            out,
            stored_by,
        }
    }

    /// A projection of all rows from `k` elements to `n`.
    pub(super) fn projection(
        &mut self,
        layer: u64,
        linear: Linear,
        k: u64,
        n: u64,
    ) -> Result<Part, CompileError> {
        let strip = operands(self.workload, self.target, PROJECTION)?.columns;
        let m = self.rows;
        self.part(Some(layer), linear, GemmDims { m, n, k }, strip)
    }

    /// Projections from one tensor, each section a result.
    pub(super) fn projections(
        &mut self,
        input: TensorId,
        prologue: Vec<VectorStep>,
        sections: Vec<Section>,
    ) -> Result<(), CompileError> {
        let operands = operands(self.workload, self.target, PROJECTION)?;
        self.graph.stages.push(Stage::Gemm(GemmStage {
            array: operands.array,
            input,
            prologue,
            prologue_slot: Slot::Quantised,
            m: self.rows,
            k: self.graph.tensors[input.0].width,
            a_bits: operands.a_bits,
            packed: operands.packed,
            sections,
        }));
        Ok(())
    }

    /// Width of a vector that the next projection reads without a step of its own.
    pub(super) fn vector_bits(&self) -> Result<u64, CompileError> {
        Ok(if self.vector() {
            self.bits
        } else {
            operands(self.workload, self.target, PROJECTION)?.a_bits
        })
    }

    /// A projection whose result is added to the residual stream `x`.
    pub(super) fn add_residual(
        &mut self,
        layer: u64,
        operators: &Residual,
        output: BlockOutput,
        x: TensorId,
    ) -> Result<(), CompileError> {
        let BlockOutput {
            input,
            prologue,
            mut part,
        } = output;
        self.agree_on(layer, operators.agree, input, &prologue);
        if !self.vector() {
            return self.simple_gemm(PROJECTION, input, prologue, part, x);
        }
        let placement = self.workload.model.norm_placement;
        let has_norm_before_sum = placement == NormPlacement::Sandwich;
        if has_norm_before_sum || self.is_split() {
            let mixed = self.partial();
            self.simple_gemm(PROJECTION, input, prologue, part, mixed)?;
            if self.is_split() {
                self.all_reduce(layer, operators.all_reduce, mixed);
            }
            let mut steps = if has_norm_before_sum {
                self.norm(layer, operators.post_norm)
            } else {
                Vec::new()
            };
            steps.push(self.sum_with(layer, operators.add, x));
            self.vector_stage(mixed, steps, x);
        } else {
            part.epilogue.push(self.sum_with(layer, operators.add, x));
            self.simple_gemm(PROJECTION, input, prologue, part, x)?;
        }
        if placement == NormPlacement::Post {
            let steps = self.norm(layer, operators.post_norm);
            self.vector_stage(x, steps, x);
        }
        Ok(())
    }

    /// The element-wise sum with a tensor.
    fn sum_with(&mut self, layer: u64, operator: Operator, tensor: TensorId) -> VectorStep {
        let mut add = self.step(Some(layer), operator);
        debug_assert_eq!(add.kind, VectorKind::Add);
        add.with = Some(tensor);
        add
    }
}

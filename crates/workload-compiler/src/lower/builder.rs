//! Builds the graph of a pass: operations, tensors and stages around the blocks.

use quantities::Bytes;
use tile_program::{
    Class, Family, GemmDims, GemmShape, Matrix, Operation, OperationId, OperationName, Operator,
    Target, UnitId, VectorKind,
};

use super::names::Linear;
use super::operands::operands;
use crate::error::CompileError;
use crate::format::Format;
use crate::graph::{
    Backing, GemmStage, Graph, MoveDirection, MoveStage, Part, Placement, Slot, Stage, Tensor,
    TensorId, VectorStage, VectorStep, team,
};
use crate::layout::{Layout, MatrixLayout, MatrixName};
use crate::model::Mixer;
use crate::passes::PassShape;
use crate::split::Shard;
use crate::strips::Strips;
use crate::workload::{Weights, Workload};

/// A graph in the making.
pub(crate) struct Builder<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) target: &'a Target,
    /// The part of the pass that is being built.
    pub(crate) shape: PassShape,
    pub(crate) shard: &'a Shard,
    pub(crate) layout: &'a mut Layout,
    pub(crate) graph: Graph,
    /// Rows of the residual stream: new tokens over the whole batch.
    pub(crate) rows: u64,
    /// Width of a vector element.
    pub(crate) bits: u64,
}

impl<'a> Builder<'a> {
    fn new(
        workload: &'a Workload,
        target: &'a Target,
        shape: PassShape,
        shard: &'a Shard,
        layout: &'a mut Layout,
    ) -> Self {
        let mut arrays = target.arrays.iter();
        let projections = arrays.find(|array| array.serves.contains(&Family::Projection));
        let strips = Strips {
            tile: projections.unwrap_or(&target.arrays[0]).columns,
            head: workload.model.head_dim,
            access: layout.access(),
        };
        Self {
            rows: shape.rows(),
            bits: workload.precision.activation.bits().next_multiple_of(8),
            workload,
            target,
            shape,
            shard,
            layout,
            graph: Graph {
                sequences: Vec::new(),
                strips,
                operations: Vec::new(),
                tensors: Vec::new(),
                stages: Vec::new(),
            },
        }
    }

    /// Adds an operation of a layer (or of none).
    pub(crate) fn operation(
        &mut self,
        layer: Option<u64>,
        operator: Operator,
        class: Class,
        unit: UnitId,
    ) -> OperationId {
        let id = OperationId(u32::try_from(self.graph.operations.len()).expect("far fewer"));
        self.graph.operations.push(Operation {
            name: OperationName {
                layer,
                ..OperationName::of(operator)
            },
            class,
            family: None,
            unit,
            gemm: None,
            tiling: None,
            macs: 0,
            compulsory_read: Bytes::ZERO,
            compulsory_write: Bytes::ZERO,
        });
        id
    }

    /// Adds a GEMM operation.
    pub(crate) fn gemm(
        &mut self,
        layer: Option<u64>,
        operator: Operator,
        class: Class,
        shape: GemmShape,
        array: usize,
    ) -> Result<OperationId, CompileError> {
        let unit = self.target.arrays[array].unit;
        let id = self.operation(layer, operator, class, unit);
        let family = operator.family().expect("the operator of a GEMM");
        self.check_sums(id, array, family, shape.k)?;
        let operation = &mut self.graph.operations[id.index()];
        operation.family = Some(family);
        operation.gemm = Some(shape);
        operation.macs = shape.macs().ok_or(CompileError::Overflow {
            what: "the multiply-accumulates of an operation",
        })?;
        Ok(id)
    }

    /// Checks that the accumulators of all arrays that share an operation hold a sum of `k`
    /// products, however it is cut: parts of it are added up in the same format.
    fn check_sums(
        &self,
        operation: OperationId,
        array: usize,
        family: Family,
        k: u64,
    ) -> Result<(), CompileError> {
        for index in team(self.target, array, Some(family)) {
            let array = &self.target.arrays[index];
            if let Some(needed) = array.accumulator_bits_missing(k) {
                return Err(CompileError::Accumulator {
                    operation: self.graph.operations[operation.index()].name.to_string(),
                    k,
                    needed: needed.get(),
                    bits: array.accumulator.get(),
                    array: array.name.clone(),
                    index,
                });
            }
        }
        Ok(())
    }

    /// Adds vector work whose kind its operator says.
    pub(crate) fn step(&mut self, layer: Option<u64>, operator: Operator) -> VectorStep {
        let kind = operator.vector_kind();
        let kind = kind.expect("an operator that is the same work in every model");
        self.step_as(layer, operator, kind)
    }

    /// Adds vector work whose kind the model says.
    pub(crate) fn step_as(
        &mut self,
        layer: Option<u64>,
        operator: Operator,
        kind: VectorKind,
    ) -> VectorStep {
        VectorStep {
            operation: self.operation(layer, operator, Class::Vector, self.target.vector),
            kind,
            with: None,
            state: None,
            group: None,
            share: (1, 1),
            bits: self.bits,
        }
    }

    /// Adds per-token quantisation to the width that an array reads.
    pub(crate) fn quantise(
        &mut self,
        layer: Option<u64>,
        operator: Operator,
        bits: u64,
    ) -> VectorStep {
        let mut step = self.step(layer, operator);
        step.bits = bits;
        step
    }

    pub(crate) fn tensor(&mut self, rows: u64, width: u64, bits: u64, slot: Slot) -> TensorId {
        self.tensor_in(rows, width, bits, Backing::Slot(slot), Placement::Any)
    }

    pub(crate) fn tensor_in(
        &mut self,
        rows: u64,
        width: u64,
        bits: u64,
        backing: Backing,
        placement: Placement,
    ) -> TensorId {
        let strip = match backing {
            Backing::Slot(slot) => self.graph.strips.of(slot.strip_unit(), width, bits),
            Backing::Cache(_) | Backing::Rows(_) => width,
        };
        self.graph.tensors.push(Tensor {
            microbatch: self.graph.sequences.len().saturating_sub(1),
            rows,
            width,
            bits,
            strip,
            backing,
            placement,
        });
        TensorId(self.graph.tensors.len() - 1)
    }

    /// A linear layer as part of a stage: its product, then scaling back and the bias.
    pub(crate) fn part(
        &mut self,
        layer: Option<u64>,
        linear: Linear,
        dims: GemmDims,
        strip: u64,
    ) -> Result<Part, CompileError> {
        let matrix = linear.matrix;
        let family = matrix.family();
        let operands = operands(self.workload, self.target, family)?;
        let format = self.weight_format(family);
        let weights = self.layout.weights(
            MatrixName { layer, matrix },
            MatrixLayout {
                k: dims.k,
                n: dims.n,
                format,
                strip,
                whole: operands.whole,
            },
        )?;
        let class = if family == Family::Projection || format.is_matmul_free() {
            Class::MatMulFree
        } else {
            Class::MatMul
        };
        let operator = Operator::Matrix(matrix);
        let operation = self.gemm(layer, operator, class, dims.times(1), operands.array)?;
        let kept = self.layout.kept.contains(&weights.base);
        if !kept || self.is_first_use(matrix) {
            self.graph.operations[operation.index()].compulsory_read = Bytes(weights.compulsory());
        }
        let mut epilogue = Vec::new();
        if operands.quantised {
            epilogue.push(self.step(layer, Operator::Dequantise(matrix)));
        }
        if linear.bias && self.vector() {
            epilogue.push(self.step(layer, Operator::Bias(matrix)));
        }
        Ok(Part {
            operation,
            weights,
            kept,
            epilogue,
        })
    }

    /// The format of a family's weights.
    fn weight_format(&self, family: Family) -> Format {
        match family {
            Family::LmHead => self.workload.precision.lm_head,
            Family::Projection | Family::Attention => self.workload.precision.projection,
        }
    }

    /// Whether weights that stay on chip must be loaded now: nothing before has used them.
    fn is_first_use(&self, matrix: Matrix) -> bool {
        let in_pass = if matrix.makes_logits() {
            self.shape.first_head
        } else {
            self.shape.first
        };
        // What one part of the batch has loaded is there for those after it.
        let in_batch = self.graph.sequences.len() <= 1;
        in_pass && in_batch && self.workload.weights != Weights::Warm
    }

    pub(crate) fn vector(&self) -> bool {
        self.workload.operators.vector()
    }

    /// One matrix from a tensor to a tensor.
    pub(crate) fn simple_gemm(
        &mut self,
        family: Family,
        input: TensorId,
        prologue: Vec<VectorStep>,
        part: Part,
        out: TensorId,
    ) -> Result<(), CompileError> {
        let operands = operands(self.workload, self.target, family)?;
        let k = part.weights.k;
        let shape = self.graph.operations[part.operation.index()].gemm;
        let m = shape.map_or(0, |shape| shape.m);
        self.graph.stages.push(Stage::Gemm(GemmStage {
            array: operands.array,
            input,
            prologue,
            prologue_slot: Slot::Quantised,
            m,
            k,
            a_bits: operands.a_bits,
            packed: operands.packed,
            sections: vec![Self::section(part, out)],
        }));
        Ok(())
    }

    pub(crate) fn vector_stage(&mut self, input: TensorId, steps: Vec<VectorStep>, out: TensorId) {
        self.graph.stages.push(Stage::Vector(VectorStage {
            input,
            first: 0,
            stride: 1,
            steps,
            out,
            stored_by: None,
            out_rows: 0..self.graph.tensors[out.0].rows,
        }));
    }

    pub(crate) fn move_stage(
        &mut self,
        operation: OperationId,
        tensor: TensorId,
        direction: MoveDirection,
    ) {
        self.graph.stages.push(Stage::Move(MoveStage {
            operation,
            tensor,
            direction,
        }));
    }

    /// Quantisation before a GEMM of a family, if its array wants it.
    pub(crate) fn quantised_input(
        &mut self,
        layer: Option<u64>,
        family: Family,
        operator: Operator,
    ) -> Result<Vec<VectorStep>, CompileError> {
        let operands = operands(self.workload, self.target, family)?;
        Ok(if operands.quantised {
            vec![self.quantise(layer, operator, operands.a_bits)]
        } else {
            Vec::new()
        })
    }
}

/// The graph of a core's part of a pass.
pub(crate) fn lower(
    workload: &Workload,
    target: &Target,
    shape: &PassShape,
    shard: &Shard,
    layout: &mut Layout,
) -> Result<Graph, CompileError> {
    let parts = shape.microbatches(shard.microbatches);
    let mut builder = Builder::new(workload, target, shape.clone(), shard, layout);
    if let Mixer::Dense(layers) = &workload.model.mixer {
        builder.graph.sequences.push(shape.sequences.clone());
        builder.dense(layers)?;
        return Ok(builder.graph);
    }
    let several = parts.len() > 1;
    for (index, part) in (0..).zip(parts) {
        let begun = builder.graph.operations.len();
        builder.rows = part.rows();
        builder.graph.sequences.push(part.sequences.clone());
        builder.shape = part;
        builder.part_of_pass()?;
        if several {
            for operation in &mut builder.graph.operations[begun..] {
                operation.name.microbatch = Some(index);
            }
        }
    }
    Ok(builder.graph)
}

impl Builder<'_> {
    /// The core's layers for one part of the batch, and what stands before and after them.
    fn part_of_pass(&mut self) -> Result<(), CompileError> {
        let residual_bits = if self.vector() {
            self.bits
        } else {
            operands(self.workload, self.target, Family::Projection)?.a_bits
        };
        let model = &self.workload.model;
        let backing = Backing::Slot(Slot::Residual);
        // Whoever takes it over on the same chip reads it in memory.
        let placement = if self.shard.shares_chip && !self.shard.last {
            Placement::Memory
        } else {
            Placement::Any
        };
        let x = self.tensor_in(self.rows, model.d_model, residual_bits, backing, placement);
        if self.shard.first {
            self.embed(x)?;
        } else {
            self.take_over(x);
        }
        for layer in self.shard.layers.clone() {
            match &model.mixer {
                Mixer::Attention => self.attention_block(layer, x)?,
                Mixer::Mlgru => self.recurrent_block(layer, x)?,
                Mixer::Dense(_) => unreachable!("dense layers have no blocks"),
            }
        }
        if self.shard.last {
            self.head(x)
        } else {
            self.hand_on(x);
            Ok(())
        }
    }
}

//! Builds the graph of a pass: operations, tensors and stages around the blocks.

use quantities::Bytes;
use tile_program::{Class, Family, GemmShape, Operation, OperationId, Target, UnitId, VectorKind};

use super::{
    Backing, GemmStage, Graph, MoveStage, Part, Placement, Section, Slot, Stage, Tensor, TensorId,
    VectorStage, VectorStep, class_of, operands, unit_of,
};
use crate::error::CompileError;
use crate::layout::Layout;
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
        operator: &'static str,
        class: Class,
        unit: UnitId,
    ) -> OperationId {
        let id = OperationId(u32::try_from(self.graph.operations.len()).expect("far fewer"));
        self.graph.operations.push(Operation {
            name: layer.map_or_else(|| operator.to_owned(), |l| super::in_layer(l, operator)),
            operator,
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
        operator: &'static str,
        family: Family,
        free: bool,
        shape: GemmShape,
        array: usize,
    ) -> Result<OperationId, CompileError> {
        let unit = unit_of(self.target, array);
        let id = self.operation(layer, operator, class_of(family, free), unit);
        self.check_sums(id, (array, family), shape.k)?;
        let operation = &mut self.graph.operations[id.index()];
        operation.family = Some(family);
        operation.gemm = Some(shape);
        operation.macs = shape.macs().ok_or(CompileError::Overflow {
            what: "the multiply-accumulates of an operation",
        })?;
        Ok(id)
    }

    /// Checks that the accumulators of all arrays that share an operation hold a sum of `k` products,
    /// however it is cut: parts of it are added up in the same format.
    fn check_sums(
        &self,
        operation: OperationId,
        (array, family): (usize, Family),
        k: u64,
    ) -> Result<(), CompileError> {
        for index in crate::plan::team(self.target, array, Some(family)) {
            let array = &self.target.arrays[index];
            if let Some(needed) = array.accumulator_bits_missing(k) {
                return Err(CompileError::Accumulator {
                    operation: self.graph.operations[operation.index()].name.clone(),
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

    /// Adds vector work.
    pub(crate) fn step(
        &mut self,
        layer: Option<u64>,
        operator: &'static str,
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
        operator: &'static str,
        bits: u64,
    ) -> VectorStep {
        let mut step = self.step(layer, operator, VectorKind::Quantise);
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
            Backing::Slot(slot) => self.graph.strips.of(slot, width, bits),
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

    /// A linear layer as part of a stage: scale back, add the bias.
    pub(crate) fn part(
        &mut self,
        layer: Option<u64>,
        linear: &super::names::Linear,
        family: Family,
        (m, k, n): (u64, u64, u64),
        strip: u64,
    ) -> Result<Part, CompileError> {
        let operands = operands(self.workload, self.target, family)?;
        let format = match family {
            Family::LmHead => self.workload.precision.lm_head,
            _ => self.workload.precision.projection,
        };
        let weights = self.layout.weights(
            (layer.unwrap_or(u64::MAX), linear.name),
            (k, n),
            format,
            strip,
            operands.whole,
        )?;
        let shape = GemmShape { m, n, k, count: 1 };
        let free = format.is_matmul_free();
        let operation = self.gemm(layer, linear.name, family, free, shape, operands.array)?;
        let kept = self.layout.kept.contains(&weights.base);
        let first = match linear.name {
            "project_out" | "lm_head" => self.shape.first_head,
            _ => self.shape.first,
        };
        // What one part of the batch has loaded is there for those after it.
        let first = first && self.graph.sequences.len() <= 1;
        if !kept || (first && self.workload.weights != Weights::Warm) {
            self.graph.operations[operation.index()].compulsory_read = Bytes(weights.compulsory());
        }
        let mut epilogue = Vec::new();
        if operands.quantised {
            epilogue.push(self.step(layer, linear.dequantise, VectorKind::Dequantise));
        }
        if let Some(bias) = linear.bias
            && self.vector()
        {
            epilogue.push(self.step(layer, bias, VectorKind::Add));
        }
        Ok(Part {
            operation,
            weights,
            kept,
            epilogue,
        })
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
        let stored_by = part
            .epilogue
            .last()
            .map_or(part.operation, |step| step.operation);
        let (k, n) = (part.weights.k, part.weights.n);
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
            sections: vec![Section {
                n,
                unit_columns: 1,
                parts: vec![part],
                out,
                stored_by,
            }],
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

    pub(crate) fn move_stage(&mut self, operation: OperationId, tensor: TensorId, load: bool) {
        self.graph.stages.push(Stage::Move(MoveStage {
            operation,
            tensor,
            load,
        }));
    }

    /// Quantisation before a GEMM of a family, if its array wants it.
    pub(crate) fn quantised_input(
        &mut self,
        layer: Option<u64>,
        family: Family,
        operator: &'static str,
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
    for (index, part) in parts.into_iter().enumerate() {
        let begun = builder.graph.operations.len();
        builder.rows = part.rows();
        builder.graph.sequences.push(part.sequences.clone());
        builder.shape = part;
        builder.part_of_pass()?;
        if several {
            for operation in &mut builder.graph.operations[begun..] {
                operation.name += &format!("#{index}");
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

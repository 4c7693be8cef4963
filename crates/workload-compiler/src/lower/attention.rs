//! A block with attention.

use quantities::Bytes;
use tile_program::{
    Class, Family, GemmDims, GemmShape, Matrix, OperationId, Operator, SequenceRange,
};

use super::block::{BlockOutput, InputNorm, PROJECTION};
use super::builder::Builder;
use super::names::{Linear, Residual};
use super::operands::{Operands, operands};
use crate::error::CompileError;
use crate::graph::{
    AttentionPhase, AttentionStage, Backing, MoveDirection, Placement, Section, Slot, Stage,
    TensorId,
};
use crate::layout::{Cache, RegionName};
use crate::model::NormPlacement;
use crate::passes::Sequences;
use crate::workload::{Heads, MaskedKeys, Softmax};

/// The operands of a layer's attention.
#[derive(Clone, Copy, Debug)]
struct Qkv {
    query: TensorId,
    /// The new rows of the cache of keys.
    key: TensorId,
    /// The new rows of the cache of values.
    value: TensorId,
}

/// Queries, or keys, or values: projected, biased, normed by head, rotated.
#[derive(Clone, Copy, Debug)]
struct HeadProjection {
    linear: Linear,
    heads: u64,
    /// The norm and the rotation of each head, of queries and keys.
    norm_and_rotary: Option<(Operator, Operator)>,
    /// Quantisation of the result, and the bits of an element behind it.
    quantise: Option<(Operator, u64)>,
    out: TensorId,
}

/// The operations of attention; those of the vector unit where they are needed.
#[derive(Clone, Copy, Debug)]
struct AttentionOperations {
    scores: OperationId,
    softmax: Option<OperationId>,
    quantise: Option<OperationId>,
    context: OperationId,
    dequantise: Option<OperationId>,
}

impl Builder<'_> {
    /// One block with attention, and the feed-forward network behind or beside it.
    pub(super) fn attention_block(&mut self, layer: u64, x: TensorId) -> Result<(), CompileError> {
        let attention = operands(self.workload, self.target, Family::Attention)?;
        let model = &self.workload.model;
        let (placement, linear_norms) = (model.norm_placement, model.linear_norms);
        let query = self.tensor(
            self.rows,
            model.query_width(),
            attention.a_bits,
            Slot::Query,
        );
        let qkv = Qkv {
            query,
            key: self.cache(RegionName::Keys(layer))?,
            value: self.cache(RegionName::Values(layer))?,
        };
        let heads = self.head_projections(&attention, qkv);
        if linear_norms && self.vector() {
            self.project_normed_heads(layer, x, heads)?;
            self.attend(layer, qkv, x)?;
            return self.feed_forward(layer, x);
        }
        match placement {
            NormPlacement::Parallel => {
                let hidden = self.hidden()?;
                self.project_heads(layer, x, heads, Some(hidden))?;
                self.attend(layer, qkv, x)?;
                self.down(layer, hidden, x)
            }
            NormPlacement::ParallelTwo => {
                self.project_heads(layer, x, heads, None)?;
                // The feed-forward network reads what attention reads, before its sum.
                let hidden = self.hidden()?;
                self.enter_feed_forward(layer, x, hidden)?;
                self.attend(layer, qkv, x)?;
                self.down(layer, hidden, x)
            }
            _ => {
                self.project_heads(layer, x, heads, None)?;
                self.attend(layer, qkv, x)?;
                self.feed_forward(layer, x)
            }
        }
    }

    /// The projections of queries, keys and values, in this order.
    fn head_projections(&self, attention: &Operands, qkv: Qkv) -> [HeadProjection; 3] {
        let model = &self.workload.model;
        let kv_format = self.workload.precision.kv_cache;
        let kv_bits = kv_format.bits();
        let narrows = self.vector() && kv_format.is_integer() && self.bits > kv_bits;
        let linear = |matrix| Linear {
            matrix,
            bias: model.qkv_bias,
        };
        [
            HeadProjection {
                linear: linear(Matrix::Query),
                heads: model.n_heads,
                norm_and_rotary: Some((Operator::QueryNorm, Operator::QueryRotary)),
                quantise: attention
                    .quantised
                    .then_some((Operator::QueryQuantise, attention.a_bits)),
                out: qkv.query,
            },
            HeadProjection {
                linear: linear(Matrix::Key),
                heads: model.n_kv_heads,
                norm_and_rotary: Some((Operator::KeyNorm, Operator::KeyRotary)),
                quantise: narrows.then_some((Operator::KeyQuantise, kv_bits)),
                out: qkv.key,
            },
            HeadProjection {
                linear: linear(Matrix::Value),
                heads: model.n_kv_heads,
                norm_and_rotary: None,
                quantise: narrows.then_some((Operator::ValueQuantise, kv_bits)),
                out: qkv.value,
            },
        ]
    }

    /// Queries, keys and values of a model that norms the input of each linear layer by itself.
    fn project_normed_heads(
        &mut self,
        layer: u64,
        x: TensorId,
        heads: [HeadProjection; 3],
    ) -> Result<(), CompileError> {
        let width = self.workload.model.d_model;
        let normed = self.tensor(self.rows, width, self.bits, Slot::Normed);
        let norm = self.norm(layer, Operator::AttentionNorm);
        self.vector_stage(x, norm, normed);
        let [_, key, value] = heads;
        let mut append = None;
        for head in heads {
            let prologue = self.matrix_prologue(layer, head.linear.matrix, InputNorm::Own)?;
            let mut section = self.head_section(layer, &head)?;
            if head.linear.matrix == Matrix::Key {
                append = self.append(layer, key.out);
            }
            section.stored_by = append.unwrap_or(section.stored_by);
            self.projections(normed, prologue, vec![section])?;
        }
        self.append_stages(append, [key.out, value.out]);
        Ok(())
    }

    /// Queries, keys and values from one input, and with them what goes into the feed-forward
    /// network where that reads the same.
    fn project_heads(
        &mut self,
        layer: u64,
        x: TensorId,
        heads: [HeadProjection; 3],
        hidden: Option<TensorId>,
    ) -> Result<(), CompileError> {
        let norm = Operator::AttentionNorm;
        let prologue = self.shared_prologue(layer, norm, Operator::QkvQuantise)?;
        let mut sections = Vec::new();
        for head in &heads {
            sections.push(self.head_section(layer, head)?);
        }
        let [_, key, value] = heads;
        let append = self.append(layer, key.out);
        for section in &mut sections[1..] {
            section.stored_by = append.unwrap_or(section.stored_by);
        }
        if let Some(hidden) = hidden {
            sections.extend(self.up_sections(layer, hidden)?);
        }
        self.projections(x, prologue, sections)?;
        self.append_stages(append, [key.out, value.out]);
        Ok(())
    }

    fn head_section(&mut self, layer: u64, head: &HeadProjection) -> Result<Section, CompileError> {
        let model = &self.workload.model;
        let (head_dim, rotary) = (model.head_dim, model.rotary(layer));
        let (qk_norm, norm_kind) = (model.qk_norm, model.norm.kind());
        let columns = operands(self.workload, self.target, PROJECTION)?.columns;
        // Whole heads in a strip, so that no head is torn.
        let strip = head_dim * (columns / head_dim).max(1);
        let dims = GemmDims {
            m: self.rows,
            n: head.heads * head_dim,
            k: model.d_model,
        };
        let mut part = self.part(Some(layer), head.linear, dims, strip)?;
        if let Some((norm, rotation)) = head.norm_and_rotary
            && self.vector()
        {
            if qk_norm {
                let mut step = self.step_as(Some(layer), norm, norm_kind);
                step.group = Some(head_dim);
                part.epilogue.push(step);
            }
            if rotary > 0 {
                let mut step = self.step(Some(layer), rotation);
                step.share = (rotary, head_dim);
                part.epilogue.push(step);
            }
        }
        if let Some((operator, bits)) = head.quantise {
            part.epilogue
                .push(self.quantise(Some(layer), operator, bits));
        }
        let mut section = Self::section(part, head.out);
        section.unit_columns = head_dim;
        Ok(section)
    }

    /// The new rows of a cache of keys or values.
    fn cache(&mut self, name: RegionName) -> Result<TensorId, CompileError> {
        let model = &self.workload.model;
        let format = self.workload.precision.kv_cache;
        let positions = self.shape.positions;
        let access = self.layout.access();
        let stride = format
            .bytes(model.head_dim)
            .map(|bytes| bytes.next_multiple_of(access));
        let overflow = CompileError::Overflow {
            what: "the bytes of the cache",
        };
        let stride = stride.ok_or(overflow)?;
        let bytes = stride
            .checked_mul(positions)
            .and_then(|bytes| bytes.checked_mul(model.n_kv_heads));
        let base = self.layout.cache(name, bytes)?;
        let region = Cache {
            base,
            heads: model.n_kv_heads,
            head_dim: model.head_dim,
            stride,
        };
        let (rows, width) = (self.rows, model.kv_width());
        Ok(self.tensor_in(
            rows,
            width,
            format.bits(),
            Backing::Cache(region),
            Placement::Any,
        ))
    }

    /// The operation that appends to the cache, where transfers are counted at all.
    fn append(&mut self, layer: u64, key: TensorId) -> Option<OperationId> {
        if !self.vector() {
            return None;
        }
        let tensor = self.graph.tensors[key.0];
        let store = self.target.store;
        let id = self.operation(Some(layer), Operator::KvAppend, Class::Transfer, store);
        let bytes = 2 * (tensor.rows * tensor.width * tensor.bits).div_ceil(8);
        self.graph.operations[id.index()].compulsory_write = Bytes(bytes);
        Some(id)
    }

    fn append_stages(&mut self, append: Option<OperationId>, caches: [TensorId; 2]) {
        if let Some(operation) = append {
            for cache in caches {
                self.move_stage(operation, cache, MoveDirection::ToMemory);
            }
        }
    }

    /// Scores, softmax, context and the output projection.
    fn attend(&mut self, layer: u64, qkv: Qkv, x: TensorId) -> Result<(), CompileError> {
        let query_width = self.workload.model.query_width();
        let bits = self.vector_bits()?;
        let out = self.tensor(self.rows, query_width, bits, Slot::Context);
        let groups = self.shape.sequences.clone();
        let mut first = 0;
        for group in groups.iter() {
            let begun = self.graph.operations.len();
            self.attend_to(layer, qkv, *group, out)?;
            if groups.len() > 1 {
                let last = first + group.count - 1;
                for operation in &mut self.graph.operations[begun..] {
                    operation.name.sequences = Some(SequenceRange { first, last });
                }
            }
            first += group.count;
        }
        let model = &self.workload.model;
        let norm = InputNorm::of_block_output(model);
        let (matrix, bias, width) = (Matrix::Output, model.linear_bias, model.d_model);
        let prologue = self.matrix_prologue(layer, matrix, norm)?;
        let part = self.projection(layer, Linear { matrix, bias }, query_width, width)?;
        let output = BlockOutput {
            input: out,
            prologue,
            part,
        };
        self.add_residual(layer, &Residual::ATTENTION, output, x)
    }

    /// Scores, softmax and context of sequences that are equal.
    fn attend_to(
        &mut self,
        layer: u64,
        qkv: Qkv,
        sequences: Sequences,
        out: TensorId,
    ) -> Result<(), CompileError> {
        let model = &self.workload.model;
        let to = sequences.past + sequences.tokens;
        let window = model.window(layer);
        // What the first new token's window leaves out, no token sees; for the rest the whole
        // rectangle is computed, masked.
        let from = window.map_or(0, |window| (sequences.past + 1).saturating_sub(window));
        let (kv_heads, group, head_dim) = (model.n_kv_heads, model.group(), model.head_dim);
        let attention = operands(self.workload, self.target, Family::Attention)?;
        let operations = self.attention_operations(layer, &attention, sequences, from)?;
        self.graph.stages.push(Stage::Attention(AttentionStage {
            phase: AttentionPhase::Fused,
            array: attention.array,
            scores: operations.scores,
            softmax: operations.softmax,
            quantise: operations.quantise,
            context: operations.context,
            dequantise: operations.dequantise,
            query: qkv.query,
            key: qkv.key,
            value: qkv.value,
            out,
            batch: sequences.count,
            tokens: sequences.tokens,
            sequences,
            from,
            to,
            kv_heads,
            group,
            head_dim,
            separate: self.workload.heads == Heads::Separate,
            online: self.workload.softmax == Softmax::Online,
            skips_masked: self.workload.masked_keys == MaskedKeys::Skip,
            window,
            a_bits: attention.a_bits,
        }));
        Ok(())
    }

    /// Adds the operations of attention over positions from `from` on, in the order in which they
    /// run.
    fn attention_operations(
        &mut self,
        layer: u64,
        attention: &Operands,
        sequences: Sequences,
        from: u64,
    ) -> Result<AttentionOperations, CompileError> {
        let model = &self.workload.model;
        let (kv_heads, head_dim) = (model.n_kv_heads, model.head_dim);
        let (tokens, batch) = (sequences.tokens, sequences.count);
        let span = sequences.past + tokens - from;
        let (m, count) = match self.workload.heads {
            Heads::Separate => (tokens, batch * kv_heads * model.group()),
            Heads::Grouped => (tokens * model.group(), batch * kv_heads),
        };
        let at = Some(layer);
        let products = |this: &mut Self, operator, n, k| {
            let shape = GemmShape { m, n, k, count };
            this.gemm(at, operator, Class::MatMul, shape, attention.array)
        };
        let vector = self.vector();
        let quantised = attention.quantised;
        let step = |this: &mut Self, operator| this.step(at, operator).operation;

        let scores = products(self, Operator::Scores, span, head_dim)?;
        let softmax = vector.then(|| step(self, Operator::Softmax));
        let quantise = quantised.then(|| step(self, Operator::SoftmaxQuantise));
        let context = products(self, Operator::Context, head_dim, span)?;
        let dequantise = quantised.then(|| step(self, Operator::ContextDequantise));

        let cached = sequences.past.saturating_sub(from) * batch * kv_heads;
        let bytes = cached * (head_dim * self.workload.precision.kv_cache.bits()).div_ceil(8);
        for id in [scores, context] {
            self.graph.operations[id.index()].compulsory_read = Bytes(bytes);
        }
        Ok(AttentionOperations {
            scores,
            softmax,
            quantise,
            context,
            dequantise,
        })
    }
}

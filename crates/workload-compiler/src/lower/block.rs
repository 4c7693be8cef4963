//! The blocks of a model: attention or recurrence, then the feed-forward network.

use quantities::Bytes;
use tile_program::{Class, Family, GemmShape, VectorKind};

use super::builder::Builder;
use super::names::{Entry, Linear};
use super::operands::operands;
use super::{
    AttentionPhase, AttentionStage, Backing, GemmStage, Part, Placement, Section, Slot, Stage,
    TensorId, VectorStep,
};
use crate::error::CompileError;
use crate::layout::Cache;
use crate::model::NormPlacement;
use crate::passes::Sequences;
use crate::workload::{Heads, MaskedKeys, Softmax};

pub(super) const PROJECTION: Family = Family::Projection;

impl Builder<'_> {
    pub(super) fn norm(&mut self, layer: u64, name: &'static str) -> Vec<VectorStep> {
        if !self.vector() {
            return Vec::new();
        }
        let kind = self.workload.model.norm.kind();
        vec![self.step(Some(layer), name, kind)]
    }

    /// What precedes a projection: its own norm where the model has one, then quantisation.
    pub(super) fn enter(
        &mut self,
        layer: u64,
        entry: &Entry,
        norm: bool,
    ) -> Result<Vec<VectorStep>, CompileError> {
        let mut steps = if norm {
            self.norm(layer, entry.norm)
        } else {
            Vec::new()
        };
        steps.extend(self.quantised_input(Some(layer), PROJECTION, entry.quantise)?);
        Ok(steps)
    }

    /// A section of one projection whose result is a tensor of its own.
    pub(super) fn section(&self, part: Part, out: TensorId) -> Section {
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

    pub(super) fn projection(
        &mut self,
        layer: u64,
        linear: &Linear,
        k: u64,
        n: u64,
    ) -> Result<Part, CompileError> {
        let strip = operands(self.workload, self.target, PROJECTION)?.columns;
        self.part(Some(layer), linear, PROJECTION, (self.rows, k, n), strip)
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

    /// Queries, or keys, or values: projected, biased, normed by head, rotated.
    pub(super) fn head_section(
        &mut self,
        layer: u64,
        linear: &Linear,
        names: Option<(&'static str, &'static str)>,
        heads: u64,
        quantise: Option<(&'static str, u64)>,
        out: TensorId,
    ) -> Result<Section, CompileError> {
        let model = &self.workload.model;
        let (d, head_dim, rotary) = (model.d_model, model.head_dim, model.rotary(layer));
        let (qk_norm, norm) = (model.qk_norm, model.norm.kind());
        let columns = operands(self.workload, self.target, PROJECTION)?.columns;
        // Whole heads in a strip, so that no head is torn.
        let strip = head_dim * (columns / head_dim).max(1);
        let shape = (self.rows, d, heads * head_dim);
        let mut part = self.part(Some(layer), linear, PROJECTION, shape, strip)?;
        if let Some((norm_name, rotary_name)) = names
            && self.vector()
        {
            if qk_norm {
                let mut step = self.step(Some(layer), norm_name, norm);
                step.group = Some(head_dim);
                part.epilogue.push(step);
            }
            if rotary > 0 {
                let mut step = self.step(Some(layer), rotary_name, VectorKind::Rotary);
                step.share = (rotary, head_dim);
                part.epilogue.push(step);
            }
        }
        if let Some((name, bits)) = quantise {
            part.epilogue.push(self.quantise(Some(layer), name, bits));
        }
        let mut section = self.section(part, out);
        section.unit_columns = head_dim;
        Ok(section)
    }

    /// The new rows of a cache.
    pub(super) fn cache(
        &mut self,
        layer: u64,
        name: &'static str,
    ) -> Result<TensorId, CompileError> {
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
        let base = self.layout.cache((layer, name), bytes)?;
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

    /// One block with attention.
    pub(super) fn attention_block(&mut self, layer: u64, x: TensorId) -> Result<(), CompileError> {
        let model = &self.workload.model;
        let (rows, query_width, qkv_bias) = (self.rows, model.query_width(), model.qkv_bias);
        let (heads, kv_heads) = (model.n_heads, model.n_kv_heads);
        let (linear_norms, placement) = (model.linear_norms, model.norm_placement);
        let attention = operands(self.workload, self.target, Family::Attention)?;
        let q = self.tensor(rows, query_width, attention.a_bits, Slot::Query);
        let (k, v) = (self.cache(layer, "keys")?, self.cache(layer, "values")?);
        let kv_format = self.workload.precision.kv_cache;
        let narrow = self.vector() && kv_format.is_integer() && self.bits > kv_format.bits();
        let kv_bits = kv_format.bits();
        let q_quantise = attention
            .quantised
            .then_some(("q_quantise", attention.a_bits));
        let k_quantise = narrow.then_some(("k_quantise", kv_bits));
        let v_quantise = narrow.then_some(("v_quantise", kv_bits));
        let pre = placement != NormPlacement::Post;

        let (q_linear, k_linear, v_linear) = (
            linear!("q_proj", qkv_bias),
            linear!("k_proj", qkv_bias),
            linear!("v_proj", qkv_bias),
        );
        let rotary = [
            Some(("q_norm", "q_rotary")),
            Some(("k_norm", "k_rotary")),
            None,
        ];
        if linear_norms && self.vector() {
            let normed = self.tensor(rows, self.workload.model.d_model, self.bits, Slot::Normed);
            let norm = self.norm(layer, "attention_norm");
            self.vector_stage(x, norm, normed);
            let enter = self.enter(layer, &entry!("q_proj"), true)?;
            let section = self.head_section(layer, &q_linear, rotary[0], heads, q_quantise, q)?;
            self.projections(normed, enter, vec![section])?;
            let enter = self.enter(layer, &entry!("k_proj"), true)?;
            let mut section =
                self.head_section(layer, &k_linear, rotary[1], kv_heads, k_quantise, k)?;
            let append = self.append(layer, k);
            section.stored_by = append.unwrap_or(section.stored_by);
            self.projections(normed, enter, vec![section])?;
            let enter = self.enter(layer, &entry!("v_proj"), true)?;
            let mut section =
                self.head_section(layer, &v_linear, rotary[2], kv_heads, v_quantise, v)?;
            section.stored_by = append.unwrap_or(section.stored_by);
            self.projections(normed, enter, vec![section])?;
            self.append_stages(append, k, v);
        } else {
            let mut enter = if pre {
                self.norm(layer, "attention_norm")
            } else {
                Vec::new()
            };
            enter.extend(self.enter(layer, &entry!("qkv"), false)?);
            let sq = self.head_section(layer, &q_linear, rotary[0], heads, q_quantise, q)?;
            let mut sk = self.head_section(layer, &k_linear, rotary[1], kv_heads, k_quantise, k)?;
            let mut sv = self.head_section(layer, &v_linear, rotary[2], kv_heads, v_quantise, v)?;
            let append = self.append(layer, k);
            sk.stored_by = append.unwrap_or(sk.stored_by);
            sv.stored_by = append.unwrap_or(sv.stored_by);
            let mut sections = vec![sq, sk, sv];
            if placement == NormPlacement::Parallel {
                let hidden = self.hidden()?;
                sections.extend(self.up_sections(layer, hidden)?);
                self.projections(x, enter, sections)?;
                self.append_stages(append, k, v);
                self.attend(layer, q, k, v, x)?;
                return self.down(layer, hidden, x);
            }
            self.projections(x, enter, sections)?;
            self.append_stages(append, k, v);
            if placement == NormPlacement::ParallelTwo {
                // The feed-forward network reads what attention reads, before its sum.
                let hidden = self.hidden()?;
                self.enter_feed_forward(layer, x, hidden)?;
                self.attend(layer, q, k, v, x)?;
                return self.down(layer, hidden, x);
            }
        }
        self.attend(layer, q, k, v, x)?;
        self.feed_forward(layer, x)
    }

    /// The operation that appends to the cache, where transfers are counted at all.
    pub(super) fn append(&mut self, layer: u64, k: TensorId) -> Option<tile_program::OperationId> {
        if !self.vector() {
            return None;
        }
        let tensor = self.graph.tensors[k.0];
        let id = self.operation(Some(layer), "kv_append", Class::Transfer, self.target.store);
        let bytes = 2 * (tensor.rows * tensor.width * tensor.bits).div_ceil(8);
        self.graph.operations[id.index()].compulsory_write = Bytes(bytes);
        Some(id)
    }

    pub(super) fn append_stages(
        &mut self,
        append: Option<tile_program::OperationId>,
        k: TensorId,
        v: TensorId,
    ) {
        if let Some(operation) = append {
            self.move_stage(operation, k, false);
            self.move_stage(operation, v, false);
        }
    }

    /// Scores, softmax, context and the output projection.
    pub(super) fn attend(
        &mut self,
        layer: u64,
        query: TensorId,
        key: TensorId,
        value: TensorId,
        x: TensorId,
    ) -> Result<(), CompileError> {
        let query_width = self.workload.model.query_width();
        let bits = self.vector_bits()?;
        let out = self.tensor(self.rows, query_width, bits, Slot::Context);
        let all = self.shape.sequences.clone();
        let mut first = 0;
        for some in all.iter() {
            let begun = self.graph.operations.len();
            self.attend_to(layer, (query, key, value, out), *some)?;
            if all.len() > 1 {
                let last = first + some.count - 1;
                for operation in &mut self.graph.operations[begun..] {
                    operation.name += &match some.count {
                        1 => format!("[{first}]"),
                        _ => format!("[{first}-{last}]"),
                    };
                }
            }
            first += some.count;
        }
        let model = &self.workload.model;
        let (norm, bias, d) = (
            model.sub_norms || model.linear_norms,
            model.linear_bias,
            model.d_model,
        );
        let enter = self.enter(layer, &entry!("o_proj"), norm)?;
        let part = self.projection(layer, &linear!("o_proj", bias), query_width, d)?;
        let names = ("attention_post_norm", "attention_residual");
        self.add_residual(layer, names, out, enter, part, x)
    }

    /// Scores, softmax and context of sequences that are equal.
    fn attend_to(
        &mut self,
        layer: u64,
        (query, key, value, out): (TensorId, TensorId, TensorId, TensorId),
        sequences: Sequences,
    ) -> Result<(), CompileError> {
        let model = &self.workload.model;
        let (batch, tokens) = (sequences.count, sequences.tokens);
        let to = sequences.past + tokens;
        // What the first new token's window leaves out, no token sees; for the rest the whole
        // rectangle is computed, masked.
        let from = match model.window(layer) {
            Some(window) => (sequences.past + 1).saturating_sub(window),
            None => 0,
        };
        let window = model.window(layer);
        let separate = self.workload.heads == Heads::Separate;
        let (kv_heads, group, head_dim) = (model.n_kv_heads, model.group(), model.head_dim);
        let (m, count) = if separate {
            (tokens, batch * kv_heads * group)
        } else {
            (tokens * group, batch * kv_heads)
        };
        let attention = operands(self.workload, self.target, Family::Attention)?;
        let span = to - from;
        let l = Some(layer);
        let shape = |n, k| GemmShape { m, n, k, count };
        let gemm = |this: &mut Self, operator, shape| {
            this.gemm(
                l,
                operator,
                Family::Attention,
                false,
                shape,
                attention.array,
            )
        };
        let scores = gemm(self, "scores", shape(span, head_dim))?;
        let softmax = self
            .vector()
            .then(|| self.step(l, "softmax", VectorKind::Softmax).operation);
        let quantise = attention.quantised.then(|| {
            self.step(l, "softmax_quantise", VectorKind::Quantise)
                .operation
        });
        let context = gemm(self, "context", shape(head_dim, span))?;
        let dequantise = attention.quantised.then(|| {
            self.step(l, "context_dequantise", VectorKind::Dequantise)
                .operation
        });
        let cached = sequences.past.saturating_sub(from) * batch * kv_heads;
        let bytes = cached * (head_dim * self.workload.precision.kv_cache.bits()).div_ceil(8);
        for id in [scores, context] {
            self.graph.operations[id.index()].compulsory_read = Bytes(bytes);
        }
        self.graph.stages.push(Stage::Attention(AttentionStage {
            phase: AttentionPhase::Fused,
            array: attention.array,
            scores,
            softmax,
            quantise,
            context,
            dequantise,
            query,
            key,
            value,
            out,
            batch,
            tokens,
            sequences,
            from,
            to,
            kv_heads,
            group,
            head_dim,
            separate,
            online: self.workload.softmax == Softmax::Online,
            skips_masked: self.workload.masked_keys == MaskedKeys::Skip,
            window,
            a_bits: attention.a_bits,
        }));
        Ok(())
    }

    /// A projection whose result is added to the residual stream.
    pub(super) fn add_residual(
        &mut self,
        layer: u64,
        (norm_name, residual_name): (&'static str, &'static str),
        input: TensorId,
        enter: Vec<VectorStep>,
        mut part: Part,
        x: TensorId,
    ) -> Result<(), CompileError> {
        let (agree, reduce) = match residual_name {
            "ffn_residual" => ("ffn_agree", "ffn_all_reduce"),
            _ => ("attention_agree", "attention_all_reduce"),
        };
        self.agree_on(layer, agree, input, &enter);
        if !self.vector() {
            return self.simple_gemm(PROJECTION, input, enter, part, x);
        }
        let placement = self.workload.model.norm_placement;
        let sandwich = placement == NormPlacement::Sandwich;
        if sandwich || self.is_split() {
            let mixed = self.partial();
            self.simple_gemm(PROJECTION, input, enter, part, mixed)?;
            if self.is_split() {
                self.all_reduce(layer, reduce, mixed);
            }
            let mut steps = if sandwich {
                self.norm(layer, norm_name)
            } else {
                Vec::new()
            };
            let mut add = self.step(Some(layer), residual_name, VectorKind::Add);
            add.with = Some(x);
            steps.push(add);
            self.vector_stage(mixed, steps, x);
            if placement == NormPlacement::Post {
                let steps = self.norm(layer, norm_name);
                self.vector_stage(x, steps, x);
            }
            return Ok(());
        }
        let mut add = self.step(Some(layer), residual_name, VectorKind::Add);
        add.with = Some(x);
        part.epilogue.push(add);
        self.simple_gemm(PROJECTION, input, enter, part, x)?;
        if placement == NormPlacement::Post {
            let steps = self.norm(layer, norm_name);
            self.vector_stage(x, steps, x);
        }
        Ok(())
    }
}

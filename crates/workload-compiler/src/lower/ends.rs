//! What stands before the first block and after the last: embedding and LM head.

use quantities::Bytes;
use tile_program::{Class, Family, VectorKind};

use super::builder::Builder;
use super::operands::operands;
use super::{Backing, FetchStage, Placement, Slot, Stage, TensorId, VectorStage};
use crate::Format;
use crate::error::CompileError;
use crate::layout::WeightRegion;
use crate::model::{NormPlacement, Position};

impl Builder<'_> {
    /// The embedding: a row of the table for each token, a position, a projection where the table
    /// is narrower than the model.
    pub(super) fn embed(&mut self, x: TensorId) -> Result<(), CompileError> {
        let model = &self.workload.model;
        if !self.workload.operators.embedding() {
            return Ok(());
        }
        let (d, width, vocab) = (model.d_model, model.embedding_dim, self.shard.vocab);
        let learned = model.position == Position::Learned;
        let position_bytes = model.max_context.max(self.shape.longest()).checked_mul(d);
        // A core that has only a part of the LM head has a table of its own.
        let tied = model.tied_embeddings && !self.shard.is_part();
        let row_bits = if tied {
            self.workload.precision.lm_head
        } else {
            Format::Bf16
        };
        let row_bytes = row_bits.bytes(width).ok_or(CompileError::Overflow {
            what: "the bytes of the embedding table",
        })?;
        let row_bytes = row_bytes.next_multiple_of(self.layout.access());
        // A tied table is the LM head's, packed as that one needs it: whole rows' worth of bytes
        // somewhere in it stand for the rows.
        let (table, available) = if tied {
            let weights = self.head_weights()?;
            (weights.base, weights.footprint() / row_bytes)
        } else {
            let bytes = row_bytes.checked_mul(vocab);
            (self.layout.place((u64::MAX, "embedding"), bytes)?, vocab)
        };
        let operation = self.operation(None, "embedding", Class::Transfer, self.target.load);
        let bytes = row_bytes.checked_mul(self.rows);
        self.graph.operations[operation.index()].compulsory_read =
            Bytes(bytes.ok_or(CompileError::Overflow {
                what: "the bytes of the embedding",
            })?);
        let narrow = width != d;
        let rows = self.rows;
        let out = if narrow {
            self.tensor(rows, width, self.bits, Slot::Embedded)
        } else {
            x
        };
        self.graph.stages.push(Stage::Fetch(FetchStage {
            operation,
            table,
            row_bytes,
            available,
            stride: (available / rows).max(1),
            out,
        }));
        if narrow {
            let linear = super::names::Linear {
                name: "project_in",
                dequantise: "project_in_dequantise",
                bias: None,
            };
            let quantise = self.quantised_input(None, Family::LmHead, "project_in_quantise")?;
            let strip = operands(self.workload, self.target, Family::LmHead)?.columns;
            let part = self.part(None, &linear, Family::LmHead, (rows, width, d), strip)?;
            self.simple_gemm(Family::LmHead, out, quantise, part, x)?;
        }
        if learned {
            let base = self.layout.place(
                (u64::MAX, "positions"),
                position_bytes.and_then(|elements| Format::Bf16.bytes(elements)),
            )?;
            let row = d * 2;
            let past = self.shape.sequences.first().map_or(0, |some| some.past);
            let table = base + past * row;
            let positions = self.tensor_in(
                rows,
                d,
                16,
                Backing::Rows(table / self.layout.access() * self.layout.access()),
                Placement::Memory,
            );
            let mut add = self.step(None, "position_embedding", VectorKind::Add);
            add.with = Some(positions);
            self.vector_stage(x, vec![add], x);
        }
        Ok(())
    }

    fn head_weights(&mut self) -> Result<WeightRegion, CompileError> {
        let model = &self.workload.model;
        let operands = operands(self.workload, self.target, Family::LmHead)?;
        self.layout.weights(
            (u64::MAX, "lm_head"),
            (model.embedding_dim, model.vocab),
            self.workload.precision.lm_head,
            operands.columns,
            operands.whole,
        )
    }

    /// Final norm and LM head, for the last token of each sequence whose prompt ends here.
    pub(super) fn head(&mut self, x: TensorId) -> Result<(), CompileError> {
        let logits = self.shape.logits();
        if !self.workload.operators.lm_head() || logits == 0 {
            return Ok(());
        }
        let model = &self.workload.model;
        let (d, width, vocab, norm) = (
            model.d_model,
            model.embedding_dim,
            model.vocab,
            model.norm.kind(),
        );
        let post = model.norm_placement == NormPlacement::Post;
        let family = Family::LmHead;
        let strip = operands(self.workload, self.target, family)?.columns;
        let a_bits = operands(self.workload, self.target, family)?.a_bits;
        let mut steps = Vec::new();
        if self.vector() && !post {
            steps.push(self.step(None, "final_norm", norm));
        }
        let narrow = width != d;
        let name = if narrow {
            "project_out_quantise"
        } else {
            "lm_head_quantise"
        };
        steps.extend(self.quantised_input(None, family, name)?);
        // Without row-wise work the GEMM reads the rows of x where they are.
        let mut hidden = if steps.is_empty() {
            x
        } else {
            let bits = steps.last().map_or(self.bits, |step| step.bits);
            let last = self.tensor(logits, d, bits, Slot::Final);
            let mut row = 0;
            for some in self.shape.sequences.iter().filter(|some| some.logits) {
                self.graph.stages.push(Stage::Vector(VectorStage {
                    input: x,
                    first: some.row + some.tokens - 1,
                    stride: some.tokens,
                    steps: steps.clone(),
                    out: last,
                    out_rows: row..row + some.count,
                    stored_by: None,
                }));
                row += some.count;
            }
            last
        };
        if narrow {
            let linear = super::names::Linear {
                name: "project_out",
                dequantise: "project_out_dequantise",
                bias: None,
            };
            let mut part = self.part(None, &linear, family, (logits, d, width), strip)?;
            let again = self.quantised_input(None, family, "lm_head_quantise")?;
            let bits = again.last().map_or(self.bits, |step| step.bits);
            part.epilogue.extend(again);
            let projected = self.tensor(logits, width, bits.max(a_bits), Slot::Embedded);
            self.simple_gemm(family, hidden, Vec::new(), part, projected)?;
            hidden = projected;
        }
        let linear = super::names::Linear {
            name: "lm_head",
            dequantise: "lm_head_dequantise",
            bias: None,
        };
        self.head_weights()?;
        let part = self.part(None, &linear, family, (logits, width, vocab), strip)?;
        let slot = if self.is_split() {
            Slot::Shard
        } else {
            Slot::Logits
        };
        let memory = Placement::Memory;
        let out = self.tensor_in(logits, vocab, 16, Backing::Slot(slot), memory);
        self.simple_gemm(family, hidden, Vec::new(), part, out)?;
        if self.is_split() {
            let width = vocab * self.shard.ways;
            let backing = Backing::Slot(Slot::Logits);
            let whole = self.tensor_in(logits, width, 16, backing, memory);
            self.gather_logits(out, whole);
        }
        Ok(())
    }
}

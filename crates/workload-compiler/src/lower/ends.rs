//! What stands before the first block and after the last: embedding and LM head.

use quantities::Bytes;
use tile_program::{Class, Family, GemmDims, Matrix, Operator};

use super::builder::Builder;
use super::names::Linear;
use super::operands::operands;
use crate::error::CompileError;
use crate::format::Format;
use crate::graph::{
    Backing, FetchStage, Placement, Slot, Stage, TensorId, VectorStage, VectorStep,
};
use crate::layout::{MatrixLayout, MatrixName, RegionName, WeightRegion};
use crate::model::{NormPlacement, Position};

/// The embedding table in memory.
struct EmbeddingTable {
    base: u64,
    /// Bytes of a row, in whole accesses.
    row_bytes: u64,
    rows: u64,
}

impl Builder<'_> {
    /// The embedding: a row of the table for each token, a position, a projection where the table
    /// is narrower than the model.
    pub(super) fn embed(&mut self, x: TensorId) -> Result<(), CompileError> {
        if !self.workload.operators.embedding() {
            return Ok(());
        }
        let model = &self.workload.model;
        let is_narrow = model.embedding_dim != model.d_model;
        let (width, is_learned) = (model.embedding_dim, model.position == Position::Learned);
        let table = self.embedding_table()?;
        let load = self.target.load;
        let operation = self.operation(None, Operator::Embedding, Class::Transfer, load);
        let bytes = table.row_bytes.checked_mul(self.rows);
        self.graph.operations[operation.index()].compulsory_read =
            Bytes(bytes.ok_or(CompileError::Overflow {
                what: "the bytes of the embedding",
            })?);
        let out = if is_narrow {
            self.tensor(self.rows, width, self.bits, Slot::Embedded)
        } else {
            x
        };
        self.graph.stages.push(Stage::Fetch(FetchStage {
            operation,
            table: table.base,
            row_bytes: table.row_bytes,
            available: table.rows,
            stride: (table.rows / self.rows).max(1),
            out,
        }));
        if is_narrow {
            self.project_in(out, x)?;
        }
        if is_learned {
            self.add_positions(x)?;
        }
        Ok(())
    }

    /// The place of the embedding table.
    fn embedding_table(&mut self) -> Result<EmbeddingTable, CompileError> {
        let model = &self.workload.model;
        // A core that has only a part of the LM head has a table of its own.
        let is_tied = model.tied_embeddings && !self.shard.is_part();
        let format = if is_tied {
            self.workload.precision.lm_head
        } else {
            Format::Bf16
        };
        let row_bytes = format.bytes(model.embedding_dim);
        let row_bytes = row_bytes.ok_or(CompileError::Overflow {
            what: "the bytes of the embedding table",
        })?;
        let row_bytes = row_bytes.next_multiple_of(self.layout.access());
        // A tied table is the LM head's, packed as that one needs it: whole rows' worth of bytes
        // somewhere in it stand for the rows.
        let (base, rows) = if is_tied {
            let weights = self.head_weights()?;
            (weights.base, weights.footprint() / row_bytes)
        } else {
            let rows = self.shard.vocab;
            let bytes = row_bytes.checked_mul(rows);
            (self.layout.place(RegionName::Embedding, bytes)?, rows)
        };
        Ok(EmbeddingTable {
            base,
            row_bytes,
            rows,
        })
    }

    /// From an embedding that is narrower than the model to the residual stream.
    fn project_in(&mut self, embedded: TensorId, x: TensorId) -> Result<(), CompileError> {
        let (family, matrix) = (Family::LmHead, Matrix::ProjectIn);
        let quantise = self.quantised_input(None, family, Operator::InputQuantise(matrix))?;
        let strip = operands(self.workload, self.target, family)?.columns;
        let model = &self.workload.model;
        let dims = GemmDims {
            m: self.rows,
            n: model.d_model,
            k: model.embedding_dim,
        };
        let part = self.part(None, Linear::plain(matrix), dims, strip)?;
        self.simple_gemm(family, embedded, quantise, part, x)
    }

    /// Adds learned positions to the residual stream.
    fn add_positions(&mut self, x: TensorId) -> Result<(), CompileError> {
        let model = &self.workload.model;
        let d = model.d_model;
        let positions = model.max_context.max(self.shape.longest());
        let elements = positions.checked_mul(d);
        let bytes = elements.and_then(|elements| Format::Bf16.bytes(elements));
        let base = self.layout.place(RegionName::Positions, bytes)?;
        let row = d * 2;
        let past = self.shape.sequences.first().map_or(0, |group| group.past);
        let access = self.layout.access();
        let backing = Backing::Rows((base + past * row) / access * access);
        let positions = self.tensor_in(self.rows, d, 16, backing, Placement::Memory);
        let mut add = self.step(None, Operator::PositionEmbedding);
        add.with = Some(positions);
        self.vector_stage(x, vec![add], x);
        Ok(())
    }

    fn head_weights(&mut self) -> Result<WeightRegion, CompileError> {
        let model = &self.workload.model;
        let operands = operands(self.workload, self.target, Family::LmHead)?;
        self.layout.weights(
            MatrixName {
                layer: None,
                matrix: Matrix::LmHead,
            },
            MatrixLayout {
                k: model.embedding_dim,
                n: model.vocab,
                format: self.workload.precision.lm_head,
                strip: operands.columns,
                whole: operands.whole,
            },
        )
    }

    /// Final norm and LM head, for the last token of each sequence whose prompt ends here.
    pub(super) fn head(&mut self, x: TensorId) -> Result<(), CompileError> {
        let logits = self.shape.logits();
        if !self.workload.operators.lm_head() || logits == 0 {
            return Ok(());
        }
        let model = &self.workload.model;
        let (width, vocab) = (model.embedding_dim, model.vocab);
        let is_narrow = width != model.d_model;
        let family = Family::LmHead;
        let strip = operands(self.workload, self.target, family)?.columns;
        let first = match is_narrow {
            true => Matrix::ProjectOut,
            false => Matrix::LmHead,
        };
        let steps = self.head_prologue(first)?;
        // Without row-wise work the GEMM reads the rows of x where they are.
        let mut hidden = if steps.is_empty() {
            x
        } else {
            self.last_tokens(x, &steps)
        };
        if is_narrow {
            hidden = self.project_out(hidden, strip)?;
        }
        self.head_weights()?;
        let dims = GemmDims {
            m: logits,
            n: vocab,
            k: width,
        };
        let part = self.part(None, Linear::plain(Matrix::LmHead), dims, strip)?;
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

    /// Row-wise work before the matrices behind the last block, of which `first` is the first.
    fn head_prologue(&mut self, first: Matrix) -> Result<Vec<VectorStep>, CompileError> {
        let model = &self.workload.model;
        let has_norm = model.norm_placement != NormPlacement::Post;
        let kind = model.norm.kind();
        let mut steps = Vec::new();
        if self.vector() && has_norm {
            steps.push(self.step_as(None, Operator::FinalNorm, kind));
        }
        let quantise = Operator::InputQuantise(first);
        steps.extend(self.quantised_input(None, Family::LmHead, quantise)?);
        Ok(steps)
    }

    /// The last token of each sequence whose logits are asked for, after some steps.
    fn last_tokens(&mut self, x: TensorId, steps: &[VectorStep]) -> TensorId {
        let (logits, d) = (self.shape.logits(), self.workload.model.d_model);
        let bits = steps.last().map_or(self.bits, |step| step.bits);
        let last = self.tensor(logits, d, bits, Slot::Final);
        let mut row = 0;
        for group in self.shape.sequences.iter().filter(|group| group.logits) {
            self.graph.stages.push(Stage::Vector(VectorStage {
                input: x,
                first: group.row + group.tokens - 1,
                stride: group.tokens,
                steps: steps.to_vec(),
                out: last,
                out_rows: row..row + group.count,
                stored_by: None,
            }));
            row += group.count;
        }
        last
    }

    /// From the model's width to that of a narrower embedding.
    fn project_out(&mut self, hidden: TensorId, strip: u64) -> Result<TensorId, CompileError> {
        let family = Family::LmHead;
        let a_bits = operands(self.workload, self.target, family)?.a_bits;
        let model = &self.workload.model;
        let width = model.embedding_dim;
        let dims = GemmDims {
            m: self.shape.logits(),
            n: width,
            k: model.d_model,
        };
        let mut part = self.part(None, Linear::plain(Matrix::ProjectOut), dims, strip)?;
        let quantise = Operator::InputQuantise(Matrix::LmHead);
        let again = self.quantised_input(None, family, quantise)?;
        let bits = again.last().map_or(self.bits, |step| step.bits);
        part.epilogue.extend(again);
        let projected = self.tensor(dims.m, width, bits.max(a_bits), Slot::Embedded);
        self.simple_gemm(family, hidden, Vec::new(), part, projected)?;
        Ok(projected)
    }
}

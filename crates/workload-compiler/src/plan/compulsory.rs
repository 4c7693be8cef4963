//! Compulsory bytes of activations: what no scratchpad holds is read and written once at least, by
//! the operations that must move it. (Weights, caches and tables are charged when they are
//! lowered.)

use quantities::Bytes;
use tile_program::OperationId;

use super::residency::Home;
use crate::graph::{
    AttentionPhase, AttentionStage, Backing, Exchange, ExchangeStage, GemmStage, Graph, Stage,
    TensorId, VectorStage,
};

/// Adds them to the operations.
pub(super) fn charge(graph: &mut Graph, homes: &[Home]) {
    let mut ledger = Ledger {
        reads: Vec::new(),
        writes: Vec::new(),
    };
    for stage in &graph.stages {
        match stage {
            Stage::Gemm(stage) => ledger.gemm(stage),
            Stage::Vector(stage) => ledger.vector(stage),
            Stage::Attention(stage) => ledger.attention(stage),
            Stage::Fetch(stage) => ledger.writes.push((stage.operation, stage.out, None)),
            Stage::Move(_) => {}
            Stage::Exchange(stage) => ledger.exchange(stage),
        }
    }
    let in_memory = |id: TensorId| homes[id.0] == Home::Memory;
    let bytes = |id: TensorId, rows: Option<u64>| {
        let tensor = &graph.tensors[id.0];
        Bytes(rows.map_or_else(
            || super::residency::bytes(tensor),
            |rows| rows * super::row_bytes(tensor, tensor.bits),
        ))
    };
    let mut charges = Vec::new();
    for (operation, id, rows) in ledger.reads {
        if in_memory(id) {
            charges.push((operation, bytes(id, rows), Bytes::ZERO));
        }
    }
    for (operation, id, rows) in ledger.writes {
        // New rows of a cache are charged to the append.
        let cache = matches!(graph.tensors[id.0].backing, Backing::Cache(_));
        if in_memory(id) && !cache {
            charges.push((operation, Bytes::ZERO, bytes(id, rows)));
        }
    }
    for (operation, read, written) in charges {
        let operation = &mut graph.operations[operation.index()];
        operation.compulsory_read += read;
        operation.compulsory_write += written;
    }
}

/// Who reads a tensor and who writes it: all rows, or so many.
struct Ledger {
    reads: Vec<(OperationId, TensorId, Option<u64>)>,
    writes: Vec<(OperationId, TensorId, Option<u64>)>,
}

impl Ledger {
    fn gemm(&mut self, stage: &GemmStage) {
        let first = &stage.sections[0].parts[0];
        let reader = stage
            .prologue
            .first()
            .map_or(first.operation, |step| step.operation);
        self.reads.push((reader, stage.input, Some(stage.m)));
        for step in &stage.prologue {
            self.reads
                .extend(step.with.map(|with| (step.operation, with, None)));
        }
        for section in &stage.sections {
            self.writes.push((section.stored_by, section.out, None));
            for step in section.parts.iter().flat_map(|part| &part.epilogue) {
                self.reads
                    .extend(step.with.map(|with| (step.operation, with, None)));
            }
        }
    }

    fn vector(&mut self, stage: &VectorStage) {
        let (first, last) = (&stage.steps[0], &stage.steps[stage.steps.len() - 1]);
        let rows = Some(stage.out_rows.end - stage.out_rows.start);
        if stage.stride == 1 {
            self.reads.push((first.operation, stage.input, rows));
        }
        for step in &stage.steps {
            self.reads
                .extend(step.with.map(|with| (step.operation, with, None)));
        }
        let writer = stage.stored_by.unwrap_or(last.operation);
        self.writes.push((writer, stage.out, rows));
    }

    fn exchange(&mut self, stage: &ExchangeStage) {
        let read = (stage.operation, stage.tensor, None);
        match stage.exchange {
            Exchange::Sum => {
                self.reads.push(read);
                self.writes.push(read);
            }
            Exchange::Gather(whole) => {
                self.reads.push(read);
                self.writes.push((stage.operation, whole, None));
            }
            Exchange::TakeOver => self.writes.push(read),
            // On one chip, whoever takes over reads it.
            Exchange::HandOn | Exchange::Statistics(_) => {}
        }
    }

    fn attention(&mut self, stage: &AttentionStage) {
        let rows = Some(stage.sequences.rows());
        if let AttentionPhase::Context(probabilities) = stage.phase {
            self.reads.push((stage.context, probabilities, None));
        } else {
            self.reads.push((stage.scores, stage.query, rows));
            self.reads.push((stage.scores, stage.key, rows));
        }
        if let AttentionPhase::Scores(scores) = stage.phase {
            self.writes.push((stage.scores, scores, None));
        } else {
            self.reads.push((stage.context, stage.value, rows));
            let writer = stage.dequantise.unwrap_or(stage.context);
            self.writes.push((writer, stage.out, rows));
        }
    }
}

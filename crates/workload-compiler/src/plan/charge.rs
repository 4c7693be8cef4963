//! Compulsory bytes of activations: what no scratchpad holds is read and written once at least, by
//! the operations that must move it. (Weights, caches and tables are charged when they are lowered.)

use tile_program::{Bytes, OperationId};

use super::residency::Home;
use crate::lower::{
    AttentionPhase, AttentionStage, Backing, GemmStage, Graph, Stage, TensorId, VectorStage,
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
            Stage::Fetch(stage) => ledger.writes.push((stage.operation, stage.out)),
            Stage::Move(_) => {}
        }
    }
    let in_memory = |id: TensorId| homes[id.0] == Home::Memory;
    let bytes = |id: TensorId| super::residency::bytes(&graph.tensors[id.0]);
    for (operation, id, rows) in ledger.reads {
        if in_memory(id) {
            let tensor = &graph.tensors[id.0];
            let bytes = rows.map_or(bytes(id), |rows| {
                rows * super::row_bytes(tensor, tensor.bits)
            });
            graph.operations[operation.index()].compulsory_read += Bytes(bytes);
        }
    }
    for (operation, id) in ledger.writes {
        // New rows of a cache are charged to the append.
        let cache = matches!(graph.tensors[id.0].backing, Backing::Cache(_));
        if in_memory(id) && !cache {
            graph.operations[operation.index()].compulsory_write += Bytes(bytes(id));
        }
    }
}

/// Who reads (all or some rows of) a tensor, and who writes it.
struct Ledger {
    reads: Vec<(OperationId, TensorId, Option<u64>)>,
    writes: Vec<(OperationId, TensorId)>,
}

impl Ledger {
    fn read(&mut self, operation: OperationId, tensor: TensorId) {
        self.reads.push((operation, tensor, None));
    }

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
            self.writes.push((section.stored_by, section.out));
            for step in section.parts.iter().flat_map(|part| &part.epilogue) {
                self.reads
                    .extend(step.with.map(|with| (step.operation, with, None)));
            }
        }
    }

    fn vector(&mut self, stage: &VectorStage) {
        let (first, last) = (&stage.steps[0], &stage.steps[stage.steps.len() - 1]);
        if stage.stride == 1 {
            self.read(first.operation, stage.input);
        }
        for step in &stage.steps {
            self.reads
                .extend(step.with.map(|with| (step.operation, with, None)));
        }
        let writer = stage.stored_by.unwrap_or(last.operation);
        self.writes.push((writer, stage.out));
    }

    fn attention(&mut self, stage: &AttentionStage) {
        if let AttentionPhase::Context(rows) = stage.phase {
            self.read(stage.context, rows);
        } else {
            self.read(stage.scores, stage.query);
            self.read(stage.scores, stage.key);
        }
        if let AttentionPhase::Scores(rows) = stage.phase {
            self.writes.push((stage.scores, rows));
        } else {
            self.read(stage.context, stage.value);
            let writer = stage.dequantise.unwrap_or(stage.context);
            self.writes.push((writer, stage.out));
        }
    }
}

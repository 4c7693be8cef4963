//! Compulsory bytes of activations: what no scratchpad holds is read and written once at least, by
//! the operations that must move it. Those of weights, caches and tables are counted when a model
//! is lowered.

use quantities::Bytes;
use tile_program::OperationId;

use super::residency::Home;
use crate::graph::{
    AttentionPhase, AttentionStage, Backing, Exchange, ExchangeStage, GemmStage, Graph, Stage,
    TensorId, VectorStage, VectorStep,
};

/// Adds the compulsory bytes of activations to the operations of a graph.
pub(super) fn add_activations(graph: &mut Graph, homes: &[Home]) {
    let mut ledger = Ledger::default();
    for stage in &graph.stages {
        match stage {
            Stage::Gemm(stage) => ledger.gemm(stage),
            Stage::Vector(stage) => ledger.vector(stage),
            Stage::Attention(stage) => ledger.attention(stage),
            Stage::Fetch(stage) => ledger.write(stage.operation, stage.out, Extent::Whole),
            Stage::Move(_) => {}
            Stage::Exchange(stage) => ledger.exchange(stage),
        }
    }
    for access in ledger.accesses {
        let tensor = &graph.tensors[access.tensor.0];
        let in_memory = homes[access.tensor.0] == Home::Memory;
        let cache = matches!(tensor.backing, Backing::Cache(_));
        let bytes = match access.extent {
            Extent::Whole => super::residency::bytes(tensor),
            Extent::Rows(rows) => Bytes(rows * super::row_bytes(tensor, tensor.bits).get()),
        };
        let operation = &mut graph.operations[access.operation.index()];
        match access.direction {
            Direction::Read if in_memory => operation.compulsory_read += bytes,
            // New rows of a cache count for the append.
            Direction::Write if in_memory && !cache => operation.compulsory_write += bytes,
            Direction::Read | Direction::Write => {}
        }
    }
}

/// Whether an operation reads a tensor or writes it.
#[derive(Clone, Copy, Debug)]
enum Direction {
    Read,
    Write,
}

/// How much of a tensor an operation touches.
#[derive(Clone, Copy, Debug)]
enum Extent {
    Whole,
    Rows(u64),
}

/// What an operation reads or writes of a tensor.
#[derive(Clone, Copy, Debug)]
struct Access {
    operation: OperationId,
    tensor: TensorId,
    direction: Direction,
    extent: Extent,
}

/// Who reads and writes which tensors.
#[derive(Debug, Default)]
struct Ledger {
    accesses: Vec<Access>,
}

impl Ledger {
    fn read(&mut self, operation: OperationId, tensor: TensorId, extent: Extent) {
        self.accesses.push(Access {
            operation,
            tensor,
            direction: Direction::Read,
            extent,
        });
    }

    fn write(&mut self, operation: OperationId, tensor: TensorId, extent: Extent) {
        self.accesses.push(Access {
            operation,
            tensor,
            direction: Direction::Write,
            extent,
        });
    }

    /// Reads of the second operands of vector steps.
    fn second_operands<'a>(&mut self, steps: impl Iterator<Item = &'a VectorStep>) {
        for step in steps {
            if let Some(with) = step.with {
                self.read(step.operation, with, Extent::Whole);
            }
        }
    }

    fn gemm(&mut self, stage: &GemmStage) {
        let first = &stage.sections[0].parts[0];
        let reader = stage
            .prologue
            .first()
            .map_or(first.operation, |step| step.operation);
        self.read(reader, stage.input, Extent::Rows(stage.m));
        self.second_operands(stage.prologue.iter());
        for section in &stage.sections {
            self.write(section.stored_by, section.out, Extent::Whole);
            self.second_operands(section.parts.iter().flat_map(|part| &part.epilogue));
        }
    }

    fn vector(&mut self, stage: &VectorStage) {
        let (first, last) = (&stage.steps[0], &stage.steps[stage.steps.len() - 1]);
        let rows = Extent::Rows(stage.out_rows.end - stage.out_rows.start);
        if stage.stride == 1 {
            self.read(first.operation, stage.input, rows);
        }
        self.second_operands(stage.steps.iter());
        let writer = stage.stored_by.unwrap_or(last.operation);
        self.write(writer, stage.out, rows);
    }

    fn exchange(&mut self, stage: &ExchangeStage) {
        let (operation, tensor) = (stage.operation, stage.tensor);
        match stage.exchange {
            Exchange::Sum => {
                self.read(operation, tensor, Extent::Whole);
                self.write(operation, tensor, Extent::Whole);
            }
            Exchange::Gather(whole) => {
                self.read(operation, tensor, Extent::Whole);
                self.write(operation, whole, Extent::Whole);
            }
            Exchange::TakeOver => self.write(operation, tensor, Extent::Whole),
            // On one chip, whoever takes over reads it.
            Exchange::HandOn | Exchange::Statistics(_) => {}
        }
    }

    fn attention(&mut self, stage: &AttentionStage) {
        let rows = Extent::Rows(stage.sequences.rows());
        if let AttentionPhase::Context(probabilities) = stage.phase {
            self.read(stage.context, probabilities, Extent::Whole);
        } else {
            self.read(stage.scores, stage.query, rows);
            self.read(stage.scores, stage.key, rows);
        }
        if let AttentionPhase::Scores(scores) = stage.phase {
            self.write(stage.scores, scores, Extent::Whole);
        } else {
            self.read(stage.context, stage.value, rows);
            let writer = stage.dequantise.unwrap_or(stage.context);
            self.write(writer, stage.out, rows);
        }
    }
}

//! Takes stages apart that a workload does not want fused.

use tile_program::{Target, VectorKind};

use crate::graph::{
    AttentionPhase, AttentionStage, Backing, GemmStage, Graph, Part, Placement, Section, Slot,
    Stage, Tensor, TensorId, VectorStage, VectorStep,
};
use crate::strips::Strips;
use crate::workload::Fusion;

/// The graph with as much fusion as is allowed.
pub(super) fn unfuse(graph: Graph, fusion: Fusion, target: &Target) -> Graph {
    if fusion == Fusion::Full {
        return graph;
    }
    let mut unfused = Unfused {
        tensors: graph.tensors,
        stages: Vec::new(),
        target,
        strips: graph.strips,
        microbatch: 0,
    };
    for stage in graph.stages {
        let microbatches = stage.tensors().into_iter();
        let microbatches = microbatches.map(|tensor| unfused.tensors[tensor.0].microbatch);
        unfused.microbatch = microbatches.max().unwrap_or(0);
        match stage {
            Stage::Attention(stage) => unfused.attention(&stage),
            Stage::Gemm(stage) if fusion == Fusion::None => unfused.gemm(&stage),
            Stage::Vector(stage) if fusion == Fusion::None => unfused.vector(stage),
            stage => unfused.stages.push(stage),
        }
    }
    if fusion == Fusion::None {
        for tensor in &mut unfused.tensors {
            if tensor.placement == Placement::Any {
                tensor.placement = Placement::Memory;
            }
        }
    }
    Graph {
        sequences: graph.sequences,
        strips: graph.strips,
        operations: graph.operations,
        tensors: unfused.tensors,
        stages: unfused.stages,
    }
}

/// The shape of a tensor that lies between two stages.
#[derive(Clone, Copy, Debug)]
struct TensorShape {
    rows: u64,
    /// Columns of the whole tensor.
    width: u64,
    /// Bits of an element.
    bits: u64,
}

/// The rows that a vector stage reads.
#[derive(Clone, Copy, Debug)]
struct RowSource {
    tensor: TensorId,
    /// The first row.
    first: u64,
    /// Every `stride`-th row from there on.
    stride: u64,
}

/// Which of the parts of a section a part is.
#[derive(Clone, Copy, Debug)]
enum PartPosition {
    /// A further part takes in its result.
    Inner,
    /// It makes the result of the section, and takes in the result of the part before it.
    Last { before: Option<TensorId> },
}

/// The stages and tensors of a graph whose stages are taken apart.
struct Unfused<'a> {
    tensors: Vec<Tensor>,
    stages: Vec<Stage>,
    target: &'a Target,
    strips: Strips,
    /// The microbatch of the stage that is taken apart.
    microbatch: usize,
}

impl Unfused<'_> {
    /// A new tensor in main memory.
    fn tensor(&mut self, shape: TensorShape, slot: Slot) -> TensorId {
        let TensorShape { rows, width, bits } = shape;
        self.tensors.push(Tensor {
            microbatch: self.microbatch,
            rows,
            width,
            bits,
            strip: self.strips.of(slot.strip_unit(), width, bits),
            backing: Backing::Slot(slot),
            placement: Placement::Memory,
        });
        TensorId(self.tensors.len() - 1)
    }

    /// Takes attention apart: scores go to memory, softmax reads them there and writes
    /// probabilities, and the context is computed from those.
    fn attention(&mut self, stage: &AttentionStage) {
        let steps = softmax_steps(stage);
        let shape = TensorShape {
            rows: stage.batch * stage.kv_heads * stage.tokens * stage.group,
            width: stage.to - stage.from,
            bits: stage.a_bits,
        };
        let (scores, probabilities) = if steps.is_empty() {
            let scores = self.tensor(shape, Slot::Scores);
            (scores, scores)
        } else {
            let bits = self.tensors[stage.out.0].bits;
            let scores = self.tensor(TensorShape { bits, ..shape }, Slot::Scores);
            (scores, self.tensor(shape, Slot::Probabilities))
        };
        self.stages.push(Stage::Attention(AttentionStage {
            phase: AttentionPhase::Scores(scores),
            // A softmax of its own reads whole rows.
            skips_masked: false,
            ..stage.clone()
        }));
        if !steps.is_empty() {
            self.stages.push(Stage::Vector(VectorStage {
                input: scores,
                first: 0,
                stride: 1,
                steps,
                out: probabilities,
                out_rows: 0..shape.rows,
                stored_by: None,
            }));
        }
        self.stages.push(Stage::Attention(AttentionStage {
            phase: AttentionPhase::Context(probabilities),
            skips_masked: false,
            ..stage.clone()
        }));
    }

    /// Takes vector work apart: each step becomes a stage of its own.
    fn vector(&mut self, stage: VectorStage) {
        let VectorStage {
            input,
            first,
            stride,
            steps,
            out,
            out_rows,
            stored_by,
        } = stage;
        let shape = &self.tensors[out.0];
        let (rows, width) = (shape.rows, shape.width);
        let last = steps.len() - 1;
        let mut source = RowSource {
            tensor: input,
            first,
            stride,
        };

        for (index, step) in steps.into_iter().enumerate() {
            let to = if index == last {
                out
            } else {
                let slot = [Slot::Even, Slot::Odd][index % 2];
                let bits = step.bits;
                self.tensor(TensorShape { rows, width, bits }, slot)
            };
            self.stages.push(Stage::Vector(VectorStage {
                input: source.tensor,
                first: source.first,
                stride: source.stride,
                steps: vec![step],
                out: to,
                out_rows: out_rows.clone(),
                stored_by: stored_by.filter(|_| index == last),
            }));
            source = RowSource {
                tensor: to,
                first: out_rows.start,
                stride: 1,
            };
        }
    }

    /// Takes a GEMM stage apart: each matrix and each step becomes a stage of its own.
    fn gemm(&mut self, stage: &GemmStage) {
        let mut input = stage.input;
        if let Some(last) = stage.prologue.last() {
            let shape = TensorShape {
                rows: stage.m,
                width: stage.k,
                bits: last.bits,
            };
            let entered = self.tensor(shape, stage.prologue_slot);
            self.vector(VectorStage {
                input,
                first: 0,
                stride: 1,
                steps: stage.prologue.clone(),
                out: entered,
                out_rows: 0..stage.m,
                stored_by: None,
            });
            input = entered;
        }
        for section in &stage.sections {
            let mut before = None;
            let parts = section.parts.len();
            for (index, part) in section.parts.iter().enumerate() {
                let position = if index + 1 == parts {
                    PartPosition::Last { before }
                } else {
                    PartPosition::Inner
                };
                before = Some(self.part(stage, input, section, part, position));
            }
        }
    }

    /// Takes a part of a section apart: its matrix, then the steps that followed on its tiles, the
    /// last of which takes in the part before. Returns the tensor of its result.
    fn part(
        &mut self,
        stage: &GemmStage,
        input: TensorId,
        section: &Section,
        part: &Part,
        position: PartPosition,
    ) -> TensorId {
        let shape = TensorShape {
            rows: stage.m,
            width: section.n,
            bits: self.tensors[section.out.0].bits,
        };
        let mut steps = part.epilogue.clone();
        let result = match position {
            PartPosition::Last { .. } => section.out,
            PartPosition::Inner => self.tensor(shape, Slot::SiblingSums),
        };
        if let (PartPosition::Last { before }, Some(step)) = (position, steps.last_mut())
            && step.with.is_none()
        {
            step.with = before;
        }
        // Sums of integers leave as they are, until they are scaled back.
        let bits = match steps.first() {
            Some(step) if step.kind == VectorKind::Dequantise => {
                let sums = self.target.arrays[stage.array].accumulator.get();
                sums.next_multiple_of(8)
            }
            _ => shape.bits,
        };
        let (sums, stored_by) = if steps.is_empty() {
            (result, section.stored_by)
        } else {
            let sums = self.tensor(TensorShape { bits, ..shape }, Slot::Sums);
            (sums, part.operation)
        };
        self.stages.push(Stage::Gemm(GemmStage {
            input,
            prologue: Vec::new(),
            sections: vec![Section {
                n: section.n,
                unit_columns: section.unit_columns,
                parts: vec![Part {
                    epilogue: Vec::new(),
                    ..part.clone()
                }],
                out: sums,
                stored_by,
            }],
            ..stage.clone()
        }));
        if let Some(last) = steps.last() {
            let is_last = matches!(position, PartPosition::Last { .. });
            let stores = is_last && section.stored_by != last.operation;
            self.vector(VectorStage {
                input: sums,
                first: 0,
                stride: 1,
                steps,
                out: result,
                out_rows: 0..stage.m,
                stored_by: stores.then_some(section.stored_by),
            });
        }
        result
    }
}

/// Softmax of an attention stage and the quantisation of its result, as far as it has them.
fn softmax_steps(stage: &AttentionStage) -> Vec<VectorStep> {
    let steps = [
        (stage.softmax, VectorKind::Softmax),
        (stage.quantise, VectorKind::Quantise),
    ];
    let steps = steps.into_iter().filter_map(|(operation, kind)| {
        Some(VectorStep {
            operation: operation?,
            kind,
            with: None,
            state: None,
            group: None,
            share: (1, 1),
            bits: stage.a_bits,
        })
    });
    steps.collect()
}

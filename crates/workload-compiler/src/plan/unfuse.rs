//! Takes apart what a workload does not want fused.

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
    let mut parts = Parts {
        tensors: graph.tensors,
        stages: Vec::new(),
        target,
        strips: graph.strips,
        microbatch: 0,
    };
    for stage in graph.stages {
        let microbatches = stage.tensors().into_iter();
        let microbatches = microbatches.map(|tensor| parts.tensors[tensor.0].microbatch);
        parts.microbatch = microbatches.max().unwrap_or(0);
        match stage {
            Stage::Attention(stage) => parts.attention(&stage),
            Stage::Gemm(stage) if fusion == Fusion::None => parts.gemm(&stage),
            Stage::Vector(stage) if fusion == Fusion::None => parts.vector(stage),
            stage => parts.stages.push(stage),
        }
    }
    if fusion == Fusion::None {
        for tensor in &mut parts.tensors {
            if tensor.placement == Placement::Any {
                tensor.placement = Placement::Memory;
            }
        }
    }
    Graph {
        sequences: graph.sequences,
        strips: graph.strips,
        operations: graph.operations,
        tensors: parts.tensors,
        stages: parts.stages,
    }
}

struct Parts<'a> {
    tensors: Vec<Tensor>,
    stages: Vec<Stage>,
    target: &'a Target,
    strips: Strips,
    /// Of the stage that is taken apart.
    microbatch: usize,
}

impl Parts<'_> {
    fn tensor(&mut self, (rows, width, bits): (u64, u64, u64), slot: Slot) -> TensorId {
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

    /// Scores to memory; softmax from there and back; context from there.
    fn attention(&mut self, stage: &AttentionStage) {
        let rows = stage.batch * stage.kv_heads * stage.tokens * stage.group;
        let span = stage.to - stage.from;
        let steps = [
            (stage.softmax, VectorKind::Softmax),
            (stage.quantise, VectorKind::Quantise),
        ];
        let steps: Vec<VectorStep> = steps
            .into_iter()
            .filter_map(|(operation, kind)| {
                Some(VectorStep {
                    operation: operation?,
                    kind,
                    with: None,
                    state: None,
                    group: None,
                    share: (1, 1),
                    bits: stage.a_bits,
                })
            })
            .collect();
        let bits = if steps.is_empty() {
            stage.a_bits
        } else {
            self.tensors[stage.out.0].bits
        };
        let scores = self.tensor((rows, span, bits), Slot::Scores);
        let probabilities = if steps.is_empty() {
            scores
        } else {
            self.tensor((rows, span, stage.a_bits), Slot::Probabilities)
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
                out_rows: 0..rows,
                stored_by: None,
            }));
        }
        self.stages.push(Stage::Attention(AttentionStage {
            phase: AttentionPhase::Context(probabilities),
            skips_masked: false,
            ..stage.clone()
        }));
    }

    /// Each step a stage of its own.
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
        let mut from = (input, first, stride);

        for (index, step) in steps.into_iter().enumerate() {
            let to = if index == last {
                out
            } else {
                let slot = [Slot::Even, Slot::Odd][index % 2];
                self.tensor((rows, width, step.bits), slot)
            };
            self.stages.push(Stage::Vector(VectorStage {
                input: from.0,
                first: from.1,
                stride: from.2,
                steps: vec![step],
                out: to,
                out_rows: out_rows.clone(),
                stored_by: stored_by.filter(|_| index == last),
            }));
            from = (to, out_rows.start, 1);
        }
    }

    /// Each matrix and each step a stage of its own.
    fn gemm(&mut self, stage: &GemmStage) {
        let mut input = stage.input;
        if let Some(last) = stage.prologue.last() {
            let shape = (stage.m, stage.k, last.bits);
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
                let last = index + 1 == parts;
                before = Some(self.part(stage, input, section, part, (last, before)));
            }
        }
    }

    /// A matrix, then what followed on its tiles; the last step takes in the part before.
    fn part(
        &mut self,
        stage: &GemmStage,
        input: TensorId,
        section: &Section,
        part: &Part,
        (last, before): (bool, Option<TensorId>),
    ) -> TensorId {
        let out = self.tensors[section.out.0];
        let mut steps = part.epilogue.clone();
        let result = if last {
            section.out
        } else {
            self.tensor((stage.m, section.n, out.bits), Slot::SiblingSums)
        };
        if let (true, Some(step)) = (last, steps.last_mut())
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
            _ => out.bits,
        };
        let sums = if steps.is_empty() {
            result
        } else {
            self.tensor((stage.m, section.n, bits), Slot::Sums)
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
                stored_by: if steps.is_empty() {
                    section.stored_by
                } else {
                    part.operation
                },
            }],
            ..stage.clone()
        }));
        if !steps.is_empty() {
            let writer = steps[steps.len() - 1].operation;
            self.vector(VectorStage {
                input: sums,
                first: 0,
                stride: 1,
                steps,
                out: result,
                out_rows: 0..stage.m,
                stored_by: Some(section.stored_by).filter(|&other| last && other != writer),
            });
        }
        result
    }
}

//! Follows each buffer of the scratchpads: who has written it and who has read it.

use std::collections::HashMap;

use tile_program::{BufferId, Instruction, Operand, ScratchpadId, Span, UnitId, Work};

/// What certainly comes before an instruction.
pub(super) struct Before<'a> {
    /// Of each unit, how many instructions are complete when the present one starts.
    pub(super) complete: &'a [u64],
    /// The unit of the present instruction, and whether it may begin one before the last has ended.
    pub(super) unit: UnitId,
    pub(super) overlaps: bool,
}

impl Before<'_> {
    /// Whether an instruction is complete when the present one starts.
    fn complete(&self, access: &Access) -> bool {
        self.complete[access.unit.index()] >= access.count
    }

    /// Whether an instruction comes before the present one of the same unit: operands enter an
    /// array, and results leave it, in program order.
    fn in_order(&self, access: &Access, work: &Work) -> bool {
        access.unit == self.unit && (!self.overlaps || matches!(work, Work::Gemm(_)))
    }
}

/// An operand of an instruction that stands before the present one.
#[derive(Clone, Debug)]
struct Access {
    operand: Operand,
    unit: UnitId,
    count: u64,
}

/// Who has used a buffer. What is overwritten whole is forgotten.
#[derive(Debug, Default)]
struct Accesses {
    writes: Vec<Access>,
    reads: Vec<Access>,
}

impl Accesses {
    /// Whether the corners of an operand have been written, unless nothing of its buffer has been:
    /// what a run begins with is there.
    fn have_made(&self, read: &Operand) -> bool {
        let whole = read.columns == Span::ALL;
        let ends = |span: Span| [span.start, span.end - 1];
        let one = |start: u32| Span {
            start,
            end: start + 1,
        };
        let corners = ends(read.rows).into_iter().flat_map(|row| {
            ends(read.columns).map(|column| Operand {
                rows: one(row),
                columns: one(column),
                ..*read
            })
        });
        let written = |corner: &Operand| self.writes.iter().any(|it| it.operand.covers(corner));
        self.writes.is_empty() || whole || corners.into_iter().all(|corner| written(&corner))
    }
}

/// All buffers that have been used in a run.
#[derive(Default)]
pub(super) struct OnChip {
    buffers: HashMap<BufferId, Accesses>,
}

impl OnChip {
    /// Checks an instruction, the `count`-th of its unit, and notes what it reads and writes.
    pub(super) fn instruction(
        &mut self,
        instruction: &Instruction,
        count: u64,
        before: &Before<'_>,
        name: &str,
    ) {
        assert!(
            names_its_operands(instruction),
            "{name}: {instruction:?} lacks an operand"
        );
        for read in &instruction.reads {
            let accesses = self.buffers.entry(read.buffer).or_default();
            // What is updated in place may be what the run begins with.
            assert!(
                accesses.have_made(read) || instruction.writes.contains(read),
                "read of nothing: {name}: {instruction:?} reads {read:?}"
            );
            // An array adds to its own sums, however closely its instructions follow one another.
            let sums = read.buffer.scratchpad == ScratchpadId::Outputs;
            for write in accesses.writes.iter().filter(|it| it.operand.meets(read)) {
                assert!(
                    before.complete(write) || sums && before.in_order(write, &instruction.work),
                    "read before write: {name}: {instruction:?} reads what {write:?} writes"
                );
            }
        }
        let access = |operand: &Operand| Access {
            operand: *operand,
            unit: instruction.unit,
            count,
        };
        for write in &instruction.writes {
            let accesses = self.buffers.entry(write.buffer).or_default();
            for other in accesses.reads.iter().chain(&accesses.writes) {
                assert!(
                    !other.operand.meets(write)
                        || before.complete(other)
                        || before.in_order(other, &instruction.work),
                    "early write: {name}: {instruction:?} overwrites what {other:?} uses"
                );
            }
            accesses.reads.retain(|it| !write.covers(&it.operand));
            accesses.writes.retain(|it| !write.covers(&it.operand));
            accesses.writes.push(access(write));
        }
        for read in &instruction.reads {
            let accesses = self.buffers.entry(read.buffer).or_default();
            let repeated = |it: &Access| it.unit == instruction.unit && read.covers(&it.operand);
            accesses.reads.retain(|it| !repeated(it));
            accesses.reads.push(access(read));
        }
    }
}

/// Whether the operands are those of the work: as many, and in the scratchpads that it names.
fn names_its_operands(instruction: &Instruction) -> bool {
    let has = |operands: &[Operand], pad| operands.iter().any(|it| it.buffer.scratchpad == pad);
    let (reads, writes) = (&instruction.reads[..], &instruction.writes[..]);
    match &instruction.work {
        Work::Gemm(tile) => {
            has(reads, ScratchpadId::Activations)
                && has(reads, ScratchpadId::Weights)
                && has(reads, ScratchpadId::Outputs) == tile.accumulate
                && writes.len() == 1
        }
        Work::Vector(tile) => {
            let second = |pad| has(reads, pad) && reads.len() > 1;
            has(reads, tile.source.scratchpad)
                && tile.operand.is_none_or(|it| second(it.scratchpad))
                && has(writes, tile.result.scratchpad)
        }
        Work::Transfer(tile) => {
            reads.is_empty() != writes.is_empty()
                && (has(reads, tile.scratchpad) || has(writes, tile.scratchpad))
        }
        // An acknowledgement carries nothing.
        Work::Receive(_) => reads.is_empty() == writes.is_empty(),
    }
}

//! How long a run will be.

use tile_program::{GemmTile, Operation, Program, Work, in_turn};

/// Counts the instructions of a program, which is used up by it: what
/// [`TraceOptions::instructions`](crate::TraceOptions::instructions) asks for.
///
/// No more than `at_most` instructions are made. If there are more, the answer is an estimate: of
/// the pass that was cut off, by its multiply-accumulates, and every later pass is taken to be as
/// long as that one.
pub fn count_instructions(program: &mut dyn Program, at_most: u64) -> u64 {
    let passes = program.passes();
    let (mut counted, mut counted_passes) = (0_u64, 0_u64);
    while let Some(pass) = program.next_pass() {
        let (mut own, mut macs) = (0_u64, 0_u64);
        let mut instructions = in_turn(pass.streams);
        for instruction in &mut instructions {
            own += 1;
            if let Work::Gemm(tile) = &instruction.work {
                macs = macs.saturating_add(GemmTile::macs(tile));
            }
            if counted + own == at_most {
                // Dropped, the streams would first make the rest of the pass, which may be long.
                std::mem::forget(instructions);
                let whole = whole_pass(own, macs, &pass.operations);
                let later = whole.saturating_mul(passes.saturating_sub(counted_passes));
                return counted.saturating_add(later);
            }
        }
        counted += own;
        counted_passes += 1;
    }
    counted
}

/// About the instructions of a pass, of which the first `own` do so many multiply-accumulates.
fn whole_pass(own: u64, macs: u64, operations: &[Operation]) -> u64 {
    let all: u128 = operations
        .iter()
        .map(|operation| u128::from(operation.macs))
        .sum();
    let whole = u128::from(own) * all / u128::from(macs.max(1));
    u64::try_from(whole).unwrap_or(u64::MAX).max(own)
}

//! Runs a program without time, in orders as different as the waits allow.

use std::collections::VecDeque;

use tile_program::{Instruction, Platform, Program, UnitId, in_turn};
use workload_compiler::CompiledProgram;

use super::is_array;

/// Instructions that an array has begun and not ended, at most: its results leave while operands
/// of the next ones enter.
const UNDER_WAY: usize = 3;

/// Who goes first when several could.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy {
    /// Units start as early as they can, and complete as late as they can: the fullest scratchpads.
    Greedy {
        /// The order of the units is turned by so many places.
        turn: usize,
    },
    /// A pseudo-random choice.
    Random {
        /// Where it starts.
        seed: u64,
    },
}

/// Runs a program in several orders: it must end each time, and no scratchpad may overflow.
pub(crate) fn run_all_ways(program: CompiledProgram) {
    run_all_ways_changed(program, &mut |_| {});
}

/// The same of a program of which each instruction has been changed.
pub(crate) fn run_all_ways_changed(
    mut program: CompiledProgram,
    change: &mut dyn FnMut(&mut Instruction),
) {
    let platform = program.platform().clone();
    let mut instructions = Vec::new();
    while let Some(pass) = program.next_pass() {
        instructions.extend(in_turn(pass.streams));
    }
    instructions.iter_mut().for_each(change);
    for turn in 0..platform.units() {
        run(&instructions, &platform, Policy::Greedy { turn });
    }
    for seed in 0..3 {
        run(&instructions, &platform, Policy::Random { seed });
    }
}

fn run(instructions: &[Instruction], platform: &Platform, policy: Policy) {
    let units = platform.units();
    let mut queues: Vec<VecDeque<&Instruction>> = vec![VecDeque::new(); units];
    for instruction in instructions {
        queues[instruction.unit.index()].push_back(instruction);
    }
    let mut completed = vec![0_u64; units];
    let mut running: Vec<VecDeque<&Instruction>> = vec![VecDeque::new(); units];
    let most = |unit: usize| {
        let id = UnitId(u16::try_from(unit).expect("few units"));
        if is_array(platform, id) { UNDER_WAY } else { 1 }
    };
    let cores = platform.core_places();
    let mut occupancy = vec![[0_u64; 3]; platform.cores.len()];
    let mut state = match policy {
        Policy::Random { seed } => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        Policy::Greedy { .. } => 0,
    };
    let mut left = instructions.len();
    while left > 0 {
        let can_start = |unit: usize, running: &[VecDeque<&Instruction>], completed: &[u64]| {
            running[unit].len() < most(unit)
                && queues[unit].front().is_some_and(|next| {
                    next.waits
                        .iter()
                        .all(|wait| completed[wait.unit.index()] >= wait.completed)
                })
        };
        let starts: Vec<usize> = (0..units)
            .filter(|&unit| can_start(unit, &running, &completed))
            .collect();
        let ends: Vec<usize> = (0..units)
            .filter(|&unit| !running[unit].is_empty())
            .collect();
        assert!(
            !starts.is_empty() || !ends.is_empty(),
            "{policy:?}: deadlock with {left} instructions left, {:?}",
            queues.iter().map(VecDeque::front).collect::<Vec<_>>()
        );
        let (unit, start) = match policy {
            Policy::Greedy { turn } => {
                let rank = |unit: &usize| (unit + turn) % units;
                match starts.iter().copied().min_by_key(rank) {
                    Some(unit) => (unit, true),
                    None => (ends.iter().copied().min_by_key(rank).unwrap(), false),
                }
            }
            Policy::Random { .. } => {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let choice = usize::try_from(state % (starts.len() + ends.len()) as u64).unwrap();
                if choice < starts.len() {
                    (starts[choice], true)
                } else {
                    (ends[choice - starts.len()], false)
                }
            }
        };
        if start {
            let next = queues[unit].pop_front().unwrap();
            for claim in &next.takes {
                let core = cores[unit];
                let held = &mut occupancy[core][claim.scratchpad as usize];
                *held += claim.bytes.get();
                assert!(
                    *held <= platform.cores[core].capacity(claim.scratchpad).get(),
                    "{policy:?}: {} overflows at {next:?}",
                    claim.scratchpad.name()
                );
            }
            running[unit].push_back(next);
        } else {
            let done = running[unit].pop_front().unwrap();
            for claim in &done.gives {
                occupancy[cores[unit]][claim.scratchpad as usize] -= claim.bytes.get();
            }
            completed[unit] += 1;
            left -= 1;
        }
    }
    let held = occupancy.iter().flatten().sum::<u64>();
    assert_eq!(held, 0, "scratchpads are empty at the end");
}

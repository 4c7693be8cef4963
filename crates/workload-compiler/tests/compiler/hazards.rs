//! The checker of programs notices what it is there for: a wait that is missing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tile_program::{Instruction, Target, WaitReason};
use workload_compiler::{CompiledProgram, Format, Model, Run, Workload};

use crate::support::{
    TERNARY, check_changed, compile, hybrid, model, run_all_ways_changed, single, workload,
};

/// A program, made anew for each change to it.
struct Case {
    name: &'static str,
    workload: Workload,
    target: Target,
}

impl Case {
    fn new(name: &'static str, run: Run, format: Format, target: Target) -> Self {
        let mut model: Model = model(name);
        (model.layers, model.vocab) = (1, 300);
        Self {
            name,
            workload: workload(model, run, format),
            target,
        }
    }

    /// Small programs that have, between them, all kinds of operations.
    fn all() -> [Self; 4] {
        let edge = || hybrid(64, [256, 512, 128]);
        let small = || single(32, [64, 128, 64], 16);
        [
            Self::new("bitnet-b1.58-2b-4t", Run::prefill(24), TERNARY, edge()),
            Self::new("bitnet-b1.58-2b-4t", Run::decode(40), TERNARY, edge()),
            Self::new("gpt2-124m", Run::prefill(32), Format::Bf16, small()),
            Self::new("matmul-free-lm-370m", Run::decode(4), TERNARY, edge()),
        ]
    }

    fn program(&self) -> CompiledProgram {
        compile(self.workload.clone(), &self.target).unwrap_or_else(|error| panic!("{error}"))
    }

    /// How many waits of a reason the program has.
    fn waits(&self, reason: WaitReason) -> usize {
        let mut waits = 0;
        check_changed(&mut self.program(), true, &mut |instruction| {
            let of_reason = instruction.waits.iter().filter(|it| it.reason == reason);
            waits += of_reason.count();
        });
        waits
    }
}

/// Takes the waits of a reason away from a program, those whose number is chosen.
fn without(reason: WaitReason, chosen: impl Fn(usize) -> bool) -> impl FnMut(&mut Instruction) {
    let mut number = 0;
    move |instruction| {
        instruction.waits.retain(|wait| {
            if wait.reason != reason {
                return true;
            }
            number += 1;
            !chosen(number - 1)
        });
    }
}

fn fails(run: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

#[test]
fn a_program_without_every_nth_wait_for_data_is_refused() {
    for case in Case::all() {
        for n in [1, 2, 3, 5, 8, 13, 21, 34, 55] {
            let mut change = without(WaitReason::Data, |number| number % n == n - 1);
            let refused = fails(|| {
                check_changed(&mut case.program(), true, &mut change);
            });
            assert!(refused, "{} without each {n}th wait", case.name);
        }
    }
}

/// But for few that follow from other waits, and those of stores that give a tensor back.
#[test]
fn a_program_without_any_one_wait_for_data_is_refused() {
    let (mut tried, mut missed) = (0, 0);
    for case in Case::all() {
        let waits = case.waits(WaitReason::Data);
        for dropped in (0..waits).step_by(waits / 20) {
            let mut change = without(WaitReason::Data, |number| number == dropped);
            tried += 1;
            missed += usize::from(!fails(|| {
                check_changed(&mut case.program(), true, &mut change);
            }));
        }
    }
    assert!(20 * missed <= tried, "{missed} of {tried} pass unnoticed");
}

#[test]
fn a_program_without_every_nth_wait_for_space_is_refused() {
    for case in Case::all() {
        for n in [1, 2, 3, 5, 8] {
            let chosen = |number| number % n == n - 1;
            let refused = fails(|| {
                let mut change = without(WaitReason::Buffer, chosen);
                check_changed(&mut case.program(), true, &mut change);
                let mut change = without(WaitReason::Buffer, chosen);
                run_all_ways_changed(case.program(), &mut change);
            });
            assert!(refused, "{} without each {n}th wait", case.name);
        }
    }
}

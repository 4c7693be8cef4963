//! The forward accounts against a walk back over the full record of random runs.

use crate::toy::{self, LOAD, Ran, STORE, UNITS};
use attribution::{Ledger, Summary};
use proptest::prelude::*;
use quantities::{Cycle, Cycles};
use tile_program::{Cause, Class, Observer, UnitId, WaitReason};

type Cells = [[u64; Cause::COUNT]; Class::ALL.len()];

/// What one unit did in one cycle, before waits for the DMA are resolved.
#[derive(Clone, Copy)]
enum Did {
    Cause(Cause),
    WaitedFor(UnitId),
}

/// Every cycle of every unit, with the class it was spent on.
struct Record {
    cycles: Vec<Vec<(Option<Class>, Did)>>,
}

impl Record {
    fn of(ran: &[Ran], end: Cycle) -> Self {
        let length = usize::try_from(end.get()).unwrap();
        let mut cycles = vec![vec![(None, Did::Cause(Cause::Idle)); length]; UNITS];
        for instruction in ran {
            let row = &mut cycles[instruction.unit.index()];
            let mut fill = |from: Cycle, to: Cycle, did: Did| {
                for cycle in from.get()..to.get() {
                    row[usize::try_from(cycle).unwrap()] = (Some(instruction.class), did);
                }
            };
            if instruction.waited() {
                let (on, reason, _) = instruction.last_wait.unwrap();
                let did = match reason {
                    WaitReason::Data if on == LOAD || on == STORE => Did::WaitedFor(on),
                    WaitReason::Data => Did::Cause(Cause::Dependency),
                    WaitReason::Buffer => Did::Cause(Cause::BufferFull),
                };
                fill(instruction.at_hand, instruction.start, did);
            }
            let mut from = instruction.start;
            for (cause, cycles) in &instruction.parts {
                fill(from, from + *cycles, Did::Cause(*cause));
                from += *cycles;
            }
        }
        Self { cycles }
    }

    fn cause(&self, unit: UnitId, cycle: usize) -> Cause {
        match self.cycles[unit.index()][cycle].1 {
            Did::Cause(cause) => cause,
            Did::WaitedFor(dma) => match self.cause(dma, cycle) {
                cause @ (Cause::SramPort | Cause::DmaPort) => cause,
                cause if cause.is_of_memory() => cause,
                _ => Cause::Dependency,
            },
        }
    }

    /// Walks back from the end along what each instruction waited for.
    fn critical_path(&self, ran: &[Ran], end: Cycle) -> Cells {
        let mut cells = Cells::default();
        let order = |index: &usize| (ran[*index].end, *index);
        let mut at = end;
        let mut next = (0..ran.len()).max_by_key(order);
        let Some(last) = next else {
            cells[Class::Transfer as usize][Cause::Idle as usize] = end.get();
            return cells;
        };
        let rest = end.since(ran[last].end).get();
        cells[ran[last].class as usize][Cause::Idle as usize] += rest;
        at = at.min(ran[last].end);
        while let Some(index) = next {
            let instruction = &ran[index];
            let bound = instruction.last_wait.filter(|_| instruction.waited());
            let (unit, from) = bound.map_or(
                (instruction.unit, instruction.previous),
                |(unit, _, met)| (unit, met),
            );
            for cycle in from.get()..at.get() {
                let cause = self.cause(instruction.unit, usize::try_from(cycle).unwrap());
                cells[instruction.class as usize][cause as usize] += 1;
            }
            at = from;
            next = (0..index)
                .rev()
                .find(|index| ran[*index].unit == unit && ran[*index].end == from);
        }
        cells
    }
}

fn cells_of(summary: &Summary) -> Cells {
    let mut cells = Cells::default();
    for cell in &summary.makespan {
        cells[cell.class as usize][cell.cause as usize] = cell.cycles.get();
    }
    cells
}

fn account(ran: &[Ran], end: Cycle) -> Summary {
    let mut ledger = Ledger::new(&toy::platform());
    toy::tell(ran, end, &mut ledger);
    ledger.summary()
}

fn end_of(ran: &[Ran], later: u64) -> Cycle {
    let last = ran.iter().map(|instruction| instruction.end).max();
    last.unwrap_or_default() + Cycles(later)
}

/// The same, so many cycles later.
fn later(ran: &[Ran], cycles: Cycles) -> Vec<Ran> {
    let later = ran.iter().cloned().map(|mut ran| {
        for at in [
            &mut ran.previous,
            &mut ran.at_hand,
            &mut ran.noticed,
            &mut ran.start,
            &mut ran.end,
        ] {
            *at += cycles;
        }
        ran.last_wait = ran.last_wait.map(|(on, why, at)| (on, why, at + cycles));
        ran
    });
    later.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_critical_path_is_the_walk_back_from_the_end(draws in toy::draws(), later in 0..3u64) {
        let ran = toy::run(&draws);
        let end = end_of(&ran, later);
        let summary = account(&ran, end);
        let expected = Record::of(&ran, end).critical_path(&ran, end);
        prop_assert_eq!(cells_of(&summary), expected);
    }

    #[test]
    fn the_path_through_a_pass_follows_on_that_through_the_pass_before(
        first in toy::draws(), second in toy::draws(),
    ) {
        let passes = [toy::run(&first), toy::run(&second)];
        let [begin, length] = [0, 1].map(|pass: usize| end_of(&passes[pass], 0));
        let end = begin + length.since(Cycle::ZERO);
        let mut ledger = Ledger::new(&toy::platform());
        toy::tell_pass(&passes[0], (Cycle::ZERO, begin), &mut ledger);
        let second = later(&passes[1], begin.since(Cycle::ZERO));
        toy::tell_pass(&second, (begin, end), &mut ledger);
        ledger.end(end);
        let mut expected = Cells::default();
        for ran in &passes {
            let end = end_of(ran, 0);
            let path = Record::of(ran, end).critical_path(ran, end);
            for (sum, cycles) in expected.iter_mut().flatten().zip(path.into_iter().flatten()) {
                *sum += cycles;
            }
        }
        prop_assert_eq!(cells_of(&ledger.summary()), expected);
    }

    #[test]
    fn every_cycle_of_a_unit_is_in_the_bucket_of_what_happened_then(draws in toy::draws()) {
        let ran = toy::run(&draws);
        let end = end_of(&ran, 0);
        let summary = account(&ran, end);
        let record = Record::of(&ran, end);
        for (index, unit) in summary.units.iter().enumerate() {
            let id = UnitId(u16::try_from(index).unwrap());
            for class in Class::ALL.into_iter().map(Some).chain([None]) {
                for cause in Cause::ALL {
                    let expected = (0..record.cycles[index].len())
                        .filter(|cycle| record.cycles[index][*cycle].0 == class)
                        .filter(|cycle| record.cause(id, *cycle) == cause)
                        .count();
                    let actual: Cycles = unit.buckets.iter()
                        .filter(|bucket| bucket.class == class && bucket.cause == cause)
                        .map(|bucket| bucket.cycles)
                        .sum();
                    prop_assert_eq!(actual.get(), expected as u64, "{} {:?} {}", unit.name, class, cause);
                }
            }
        }
    }

    #[test]
    fn hidden_work_and_work_on_the_path_are_all_the_work(draws in toy::draws()) {
        let ran = toy::run(&draws);
        let summary = account(&ran, end_of(&ran, 0));
        let makespan: Cycles = summary.classes.iter().map(|work| work.makespan).sum();
        let operators: Cycles = summary.operators.iter().map(|operator| operator.makespan).sum();
        prop_assert_eq!(makespan, summary.total);
        prop_assert_eq!(operators, if ran.is_empty() { Cycles::ZERO } else { summary.total });
        for work in &summary.classes {
            let busy: Cycles = ran.iter()
                .filter(|instruction| instruction.class == work.class)
                .map(|instruction| instruction.end.since(instruction.start))
                .sum();
            prop_assert_eq!(work.busy, busy);
            prop_assert!(work.busy - work.hidden <= work.makespan);
        }
    }
}

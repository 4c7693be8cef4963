//! Cases of the README, by hand.

use crate::toy::{self, LOAD, STORE, VECTOR};
use attribution::{Ledger, Limit, Peaks, Roofline, Summary};
use quantities::{Bytes, Cycle, Cycles};
use tile_program::{Bound, Busy, Cause, Class, Observer, OperationId, UnitId, WaitReason, Waiting};

const ARRAY: UnitId = UnitId(0);
const GEMM: OperationId = OperationId(Class::MatMulFree as u32);

/// A run written down by hand.
struct Story(Ledger);

impl Story {
    fn new() -> Self {
        let mut ledger = Ledger::new(&toy::platform());
        ledger.pass("pass", &toy::operations(), Cycle(0));
        Self(ledger)
    }

    fn busy(&mut self, unit: UnitId, from: u64, parts: &[(Cause, u64)], by: Bound) {
        let parts: Vec<_> = parts
            .iter()
            .map(|(cause, n)| (*cause, Cycles(*n)))
            .collect();
        let to = Cycle(from) + parts.iter().map(|(_, cycles)| *cycles).sum();
        let bytes = if unit == LOAD { 640 } else { 0 };
        self.0.busy(&Busy {
            unit,
            operation: GEMM,
            tile: 0,
            from: Cycle(from),
            to,
            parts: &parts,
            macs: if unit == ARRAY { 4000 } else { 0 },
            bytes: Bytes(bytes),
        });
        self.0.complete(unit, GEMM, 0, to, by);
    }

    fn wait(&mut self, unit: UnitId, from: u64, to: u64, on: Option<UnitId>) {
        self.0.waiting(&Waiting {
            unit,
            operation: on.map(|_| GEMM),
            from: Cycle(from),
            to: Cycle(to),
            on: on.map(|on| (on, WaitReason::Data)),
        });
    }

    fn end(mut self, end: u64, idle_since: &[(UnitId, u64)]) -> Summary {
        for (unit, from) in idle_since {
            self.wait(*unit, *from, end, None);
        }
        self.0.end(Cycle(end));
        self.0.summary()
    }
}

fn on_path(summary: &Summary, cause: Cause) -> u64 {
    let cells = summary.makespan.iter();
    cells
        .filter(|cell| cell.cause == cause)
        .map(|cell| cell.cycles.get())
        .sum()
}

#[test]
fn the_edge_of_a_slower_clock_is_a_dependency_on_the_path() {
    let mut story = Story::new();
    story.0.wait_begins(ARRAY, LOAD, Cycle(0));
    let parts = [(Cause::DramLatency, 4), (Cause::DramBandwidth, 6)];
    story.busy(LOAD, 0, &parts, Bound::Own);
    // The data is there at 10; the array's next edge is at 13.
    story.wait(ARRAY, 0, 13, Some(LOAD));
    let by = Bound::Unit(LOAD, Cycle(10));
    story.busy(ARRAY, 13, &[(Cause::Compute, 20)], by);
    let idle = [(UnitId(1), 0), (VECTOR, 0), (LOAD, 10), (STORE, 0)];
    let summary = story.end(33, &idle);
    assert_eq!(on_path(&summary, Cause::DramLatency), 4);
    assert_eq!(on_path(&summary, Cause::DramBandwidth), 6);
    assert_eq!(on_path(&summary, Cause::Dependency), 3);
    assert_eq!(on_path(&summary, Cause::Compute), 20);
    assert_eq!(summary.units[0].by_cause(Cause::Dependency), Cycles(3));
}

#[test]
fn a_wait_met_before_anything_was_at_hand_holds_nothing_up() {
    let mut story = Story::new();
    story.busy(LOAD, 0, &[(Cause::DramBandwidth, 10)], Bound::Own);
    // The array gets its instruction at 15 only.
    story.wait(ARRAY, 0, 15, None);
    let by = Bound::Unit(LOAD, Cycle(10));
    story.busy(ARRAY, 15, &[(Cause::Compute, 5)], by);
    let idle = [(UnitId(1), 0), (VECTOR, 0), (LOAD, 10), (STORE, 0)];
    let summary = story.end(20, &idle);
    assert_eq!(on_path(&summary, Cause::Idle), 15);
    assert_eq!(on_path(&summary, Cause::DramBandwidth), 0);
    let work = summary.classes[Class::MatMulFree as usize];
    assert_eq!((work.busy, work.hidden), (Cycles(15), Cycles(10)));
}

#[test]
fn the_path_is_the_one_at_the_completion_that_was_waited_for() {
    let mut story = Story::new();
    story.0.wait_begins(ARRAY, LOAD, Cycle(0));
    story.busy(LOAD, 0, &[(Cause::DramLatency, 10)], Bound::Own);
    story.wait(ARRAY, 0, 10, Some(LOAD));
    // The next load completes before the array does: it is not what the array began after.
    story.busy(LOAD, 10, &[(Cause::DramRowConflict, 7)], Bound::Own);
    let by = Bound::Unit(LOAD, Cycle(10));
    story.busy(ARRAY, 10, &[(Cause::Compute, 20)], by);
    let idle = [(UnitId(1), 0), (VECTOR, 0), (LOAD, 17), (STORE, 0)];
    let summary = story.end(30, &idle);
    assert_eq!(on_path(&summary, Cause::DramLatency), 10);
    assert_eq!(on_path(&summary, Cause::DramRowConflict), 0);
}

#[test]
#[should_panic(expected = "does not join the account")]
fn a_gap_in_the_account_is_found() {
    let mut story = Story::new();
    story.busy(ARRAY, 0, &[(Cause::Compute, 5)], Bound::Own);
    story.busy(ARRAY, 6, &[(Cause::Compute, 5)], Bound::Own);
}

#[test]
fn the_roofline_is_the_longer_of_bytes_and_multiplications() {
    let mut story = Story::new();
    story.busy(LOAD, 0, &[(Cause::DramBandwidth, 10)], Bound::Own);
    story.busy(ARRAY, 0, &[(Cause::Compute, 40)], Bound::Own);
    let idle = [(UnitId(1), 0), (VECTOR, 0), (LOAD, 10), (STORE, 0)];
    let mut summary = story.end(40, &idle);
    summary.compulsory_read = Bytes(512);
    let mut peaks = Peaks {
        memory_bytes_per_cycle: 64.0,
        array_macs_per_cycle: vec![(ARRAY, 200.0), (UnitId(1), 1.0)],
    };
    let roofline = Roofline::of(&summary, &peaks);
    // 4000 MACs at 200 a cycle; 512 bytes at 64 a cycle, although 640 were moved.
    assert_eq!(roofline.limit, Limit::Compute);
    assert_eq!(roofline.floor_bytes, 512);
    assert!((roofline.compute_cycles - 20.0).abs() < 1e-9);
    assert!((roofline.memory_cycles - 8.0).abs() < 1e-9);
    assert!((roofline.ratio.unwrap() - 2.0).abs() < 1e-9);
    peaks.memory_bytes_per_cycle = 16.0;
    let roofline = Roofline::of(&summary, &peaks);
    assert_eq!(roofline.limit, Limit::Memory);
    assert!((roofline.floor_cycles - 32.0).abs() < 1e-9);
}

#[test]
#[should_panic(expected = "is faster than its floor")]
fn the_floor_is_never_lowered_to_what_was_moved() {
    let mut story = Story::new();
    story.busy(LOAD, 0, &[(Cause::DramBandwidth, 10)], Bound::Own);
    let idle = [(ARRAY, 0), (UnitId(1), 0), (VECTOR, 0), (STORE, 0)];
    let mut summary = story.end(10, &idle);
    // Of ten times as many bytes as were moved, in the cycles of those that were.
    summary.compulsory_read = Bytes(6400);
    let peaks = Peaks {
        memory_bytes_per_cycle: 64.0,
        array_macs_per_cycle: Vec::new(),
    };
    let _ = Roofline::of(&summary, &peaks);
}

//! A small in-order machine that keeps the full record of its run: the oracle's side of the tests.

use std::sync::Arc;

use proptest::prelude::*;
use quantities::{Bits, Bytes, Cycle, Cycles};
use tile_program::{
    ArrayTarget, Bound, Busy, Cause, Class, CoreId, Dataflow, FoldSpan, MemoryTarget, Observer,
    Operation, OperationId, OperationName, Operator, Platform, ScratchpadId, ScratchpadTarget,
    Target, UnitId, WaitReason, Waiting,
};

pub(crate) const ARRAYS: u16 = 2;
pub(crate) const VECTOR: UnitId = UnitId(2);
pub(crate) const LOAD: UnitId = UnitId(3);
pub(crate) const STORE: UnitId = UnitId(4);
pub(crate) const UNITS: usize = 5;

pub(crate) fn platform() -> Platform {
    let array = |unit: u16| ArrayTarget {
        unit: UnitId(unit),
        name: format!("array{unit}"),
        rows: 4,
        columns: 4,
        dataflow: Dataflow::OutputStationary,
        serves: Vec::new(),
        matmul_free: unit == 0,
        numbers: tile_program::Numbers::Integers,
        activation: Bits(8),
        weight: Bits(8),
        accumulator: Bits(32),
        greatest_product: None,
        whole_tiles: false,
        unpacks: tile_program::Packed::ALL.to_vec(),
    };
    Platform::single(Target {
        core: CoreId(0),
        chip: 0,
        prefix: "".into(),
        receive: None,
        arrays: (0..ARRAYS).map(array).collect(),
        vector: VECTOR,
        load: LOAD,
        store: STORE,
        scratchpads: [ScratchpadTarget {
            capacity: Bytes(1024),
        }; 3],
        memory: MemoryTarget {
            capacity: None,
            access: Bytes(64),
            interleave: tile_program::Interleave::NONE,
        },
        laws: Arc::new(()),
    })
}

/// One operation for each class and array, so that every instruction finds one of its class.
pub(crate) fn operations() -> Vec<Operation> {
    Class::ALL
        .into_iter()
        .map(|class| Operation {
            name: OperationName::in_layer(0, Operator::Named(class.name())),
            class,
            family: None,
            unit: match class {
                Class::MatMulFree => UnitId(0),
                Class::MatMul => UnitId(1),
                Class::Vector => VECTOR,
                Class::Transfer => LOAD,
            },
            gemm: None,
            tiling: None,
            macs: 0,
            compulsory_read: Bytes::ZERO,
            compulsory_write: Bytes::ZERO,
        })
        .collect()
}

/// An instruction as drawn.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    pub(crate) unit: u16,
    pub(crate) class: usize,
    /// How long after the unit's previous instruction it comes to hand.
    pub(crate) arrives: u64,
    /// Index into causes, cycles.
    pub(crate) parts: Vec<(usize, u64)>,
    /// How many instructions back, and whether it waits for data.
    pub(crate) waits: Vec<(usize, bool)>,
}

pub(crate) fn draws() -> impl Strategy<Value = Vec<Draw>> {
    let draw = (
        0..u16::try_from(UNITS).unwrap(),
        0..Class::ALL.len(),
        prop_oneof![3 => Just(0), 1 => 0..8u64],
        prop::collection::vec((0..8usize, 0..6u64), 0..5),
        prop::collection::vec((1..12usize, prop::bool::weighted(0.8)), 0..4),
    );
    let draw = draw.prop_map(|(unit, class, arrives, parts, waits)| Draw {
        unit,
        class,
        arrives,
        parts,
        waits,
    });
    prop::collection::vec(draw, 0..60)
}

/// An instruction as it ran.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) unit: UnitId,
    pub(crate) tile: u32,
    pub(crate) class: Class,
    /// When the unit completed the instruction before.
    pub(crate) previous: Cycle,
    /// Nothing at hand in `previous..at_hand`, waiting in `at_hand..start`.
    pub(crate) at_hand: Cycle,
    /// When it was noticed that it must wait: earlier than `at_hand` where the unit is pipelined.
    pub(crate) noticed: Cycle,
    pub(crate) start: Cycle,
    pub(crate) end: Cycle,
    pub(crate) parts: Vec<(Cause, Cycles)>,
    /// The wait that was met last, if any.
    pub(crate) last_wait: Option<(UnitId, WaitReason, Cycle)>,
}

impl Ran {
    /// Whether a wait for another unit decided when it began.
    pub(crate) fn waited(&self) -> bool {
        self.start > self.at_hand
    }
}

fn causes_of(unit: UnitId) -> [Cause; 8] {
    if unit == LOAD || unit == STORE {
        [
            Cause::DramBandwidth,
            Cause::DramLatency,
            Cause::DramRowConflict,
            Cause::DramRefresh,
            Cause::DramTurnaround,
            Cause::DramChannelImbalance,
            Cause::DmaPort,
            Cause::SramPort,
        ]
    } else {
        [
            Cause::WeightLoad,
            Cause::Fill,
            Cause::Compute,
            Cause::Compute,
            Cause::SramPort,
            Cause::Drain,
            Cause::Drain,
            Cause::Fill,
        ]
    }
}

/// Runs the drawn program. DMA sides take an instruction at hand as soon as the one before has been
/// issued (its waits met), not only when it completed.
pub(crate) fn run(draws: &[Draw]) -> Vec<Ran> {
    let mut ran: Vec<Ran> = Vec::new();
    let mut free = [Cycle::ZERO; UNITS];
    let mut taken = [Cycle::ZERO; UNITS];
    for draw in draws {
        let unit = UnitId(draw.unit);
        let pipelined = unit == LOAD || unit == STORE;
        let previous = free[unit.index()];
        let before = if pipelined {
            taken[unit.index()]
        } else {
            previous
        };
        let noticed = before + Cycles(draw.arrives);
        let mut last_wait: Option<(UnitId, WaitReason, Cycle)> = None;
        for (back, data) in &draw.waits {
            let Some(index) = ran.len().checked_sub(*back) else {
                continue;
            };
            let on = &ran[index];
            let reason = if *data {
                WaitReason::Data
            } else {
                WaitReason::Buffer
            };
            if on.unit != unit && last_wait.is_none_or(|(_, _, at)| at < on.end) {
                last_wait = Some((on.unit, reason, on.end));
            }
        }
        let met = last_wait.map_or(Cycle::ZERO, |(_, _, at)| at);
        taken[unit.index()] = noticed.max(met);
        let at_hand = noticed.max(previous);
        let start = at_hand.max(met);
        let parts: Vec<_> = draw
            .parts
            .iter()
            .map(|(cause, cycles)| (causes_of(unit)[*cause], Cycles(*cycles)))
            .collect();
        let end = start + parts.iter().map(|(_, cycles)| *cycles).sum();
        free[unit.index()] = end;
        ran.push(Ran {
            unit,
            tile: u32::try_from(ran.len() / 4).unwrap(),
            class: Class::ALL[draw.class],
            previous,
            at_hand,
            noticed,
            start,
            end,
            parts,
            last_wait,
        });
    }
    ran
}

/// Tells an observer of a run, in the order of time.
pub(crate) fn tell(ran: &[Ran], end: Cycle, observer: &mut impl Observer) {
    tell_pass(ran, (Cycle::ZERO, end), observer);
    observer.end(end);
}

/// Tells an observer of a pass of a run.
pub(crate) fn tell_pass(ran: &[Ran], (begin, end): (Cycle, Cycle), observer: &mut impl Observer) {
    observer.pass("pass", &operations(), begin);
    // (time, instruction, step): program order is causal, so it orders what happens at one cycle.
    let mut steps = Vec::new();
    for (index, instruction) in ran.iter().enumerate() {
        steps.push((instruction.at_hand, index, 0));
        if instruction.waited() {
            steps.push((instruction.noticed, index, 1));
            steps.push((instruction.start, index, 2));
        }
        steps.push((instruction.end, index, 3));
    }
    steps.sort_unstable();
    for (_, index, step) in steps {
        tell_step(&ran[index], step, observer);
    }
    for unit in 0..UNITS {
        let unit = UnitId(u16::try_from(unit).unwrap());
        let last = ran
            .iter()
            .rev()
            .find(|instruction| instruction.unit == unit);
        observer.waiting(&idle(unit, last.map_or(begin, |last| last.end), end));
    }
}

fn idle(unit: UnitId, from: Cycle, to: Cycle) -> Waiting {
    Waiting {
        unit,
        operation: None,
        from,
        to,
        on: None,
    }
}

fn tell_step(ran: &Ran, step: u8, observer: &mut impl Observer) {
    let operation = OperationId(ran.class as u32);
    let (unit, on) = (ran.unit, ran.last_wait);
    match step {
        0 if ran.previous < ran.at_hand => {
            observer.waiting(&idle(unit, ran.previous, ran.at_hand));
        }
        0 => {}
        1 => observer.wait_begins(unit, on.unwrap().0, ran.noticed),
        2 => observer.waiting(&Waiting {
            unit,
            operation: Some(operation),
            from: ran.at_hand,
            to: ran.start,
            on: on.map(|(on, reason, _)| (on, reason)),
        }),
        _ => {
            observer.busy(&Busy {
                unit,
                operation,
                tile: ran.tile,
                from: ran.start,
                to: ran.end,
                parts: &ran.parts,
                macs: ran.end.since(ran.start).get() * 7,
                bytes: Bytes(ran.end.since(ran.start).get() * 5),
            });
            let by = on.map_or(Bound::Own, |(on, _, at)| Bound::Unit(on, at));
            observer.complete(unit, operation, ran.tile, ran.end, by);
            if unit.0 < ARRAYS && observer.wants_folds(ran.start, ran.end) {
                tell_folds(ran, observer);
            }
            let pad = ScratchpadId::ALL[ran.class as usize % 3];
            observer.occupancy(CoreId(0), pad, ran.end, Bytes(u64::from(ran.tile) * 64));
        }
    }
}

fn tell_folds(ran: &Ran, observer: &mut impl Observer) {
    let mut from = ran.start;
    for (fold, (cause, cycles)) in ran.parts.iter().enumerate() {
        let to = from + *cycles;
        observer.fold(&FoldSpan {
            unit: ran.unit,
            fold: fold as u64,
            cause: *cause,
            from,
            to,
        });
        from = to;
    }
}

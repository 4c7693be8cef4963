//! Counters of random runs add up to what was counted, however coarse they are.

// The random in-order machine that attribution is tested with.
#[path = "../../attribution/tests/ledger/toy.rs"]
mod toy;

use std::collections::BTreeMap;

use chrome_trace::check::{CheckError, check};
use chrome_trace::{TraceOptions, TraceWriter};
use proptest::prelude::*;
use quantities::{Bytes, Cycle, Frequency};
use tile_program::{
    Bound, Busy, CoreId, FoldSpan, Observer, Operation, OperationId, ScratchpadId, UnitId, Waiting,
};
use toy::{LOAD, STORE};

/// Hands a run of the toy machine on, with other amounts of work than its own, and adds them up.
struct Amounts<'a, O> {
    to: O,
    amounts: &'a [u64],
    next: usize,
    /// By the name of the counter.
    totals: BTreeMap<String, u128>,
    /// Bytes held in each scratchpad, and since when.
    held: [(u64, Cycle); 3],
}

impl<'a, O> Amounts<'a, O> {
    fn new(to: O, amounts: &'a [u64]) -> Self {
        let names = ["array0", "array1", "dram read", "dram write"];
        let pads = ScratchpadId::ALL.map(|pad| format!("sram {}", pad.name()));
        let all = names.map(String::from).into_iter().chain(pads);
        Self {
            to,
            amounts,
            next: 0,
            totals: all.map(|name| (name, 0)).collect(),
            held: [(0, Cycle::ZERO); 3],
        }
    }

    fn amount(&mut self) -> u64 {
        self.next += 1;
        self.amounts[self.next % self.amounts.len()]
    }

    fn count(&mut self, counter: &str, amount: u128) {
        *self.totals.get_mut(counter).unwrap() += amount;
    }

    fn hold(&mut self, pad: ScratchpadId, at: Cycle, bytes: u64) {
        let (held, since) = std::mem::replace(&mut self.held[pad as usize], (bytes, at));
        let spent = u128::from(held) * u128::from(at.since(since).get());
        self.count(&format!("sram {}", pad.name()), spent);
    }
}

impl<O: Observer> Observer for Amounts<'_, O> {
    fn pass(&mut self, name: &str, operations: &[Operation], at: Cycle) {
        self.to.pass(name, operations, at);
    }

    fn busy(&mut self, busy: &Busy<'_>) {
        let amount = self.amount();
        let mut busy = *busy;
        (busy.macs, busy.bytes) = (0, Bytes::ZERO);
        let counter = match busy.unit {
            UnitId(0) => Some("array0"),
            UnitId(1) => Some("array1"),
            LOAD => Some("dram read"),
            STORE => Some("dram write"),
            _ => None,
        };
        if let Some(counter) = counter {
            self.count(counter, amount.into());
            match busy.unit {
                LOAD | STORE => busy.bytes = Bytes(amount),
                _ => busy.macs = amount,
            }
        }
        self.to.busy(&busy);
    }

    fn waiting(&mut self, waiting: &Waiting) {
        self.to.waiting(waiting);
    }

    fn complete(&mut self, unit: UnitId, operation: OperationId, tile: u32, at: Cycle, by: Bound) {
        self.to.complete(unit, operation, tile, at, by);
    }

    fn wants_folds(&self, from: Cycle, to: Cycle) -> bool {
        self.to.wants_folds(from, to)
    }

    fn fold(&mut self, span: &FoldSpan) {
        self.to.fold(span);
    }

    fn occupancy(&mut self, core: CoreId, pad: ScratchpadId, at: Cycle, _: Bytes) {
        let amount = self.amount();
        self.hold(pad, at, amount);
        self.to.occupancy(core, pad, at, Bytes(amount));
    }

    fn end(&mut self, end: Cycle) {
        for pad in ScratchpadId::ALL {
            let (held, _) = self.held[pad as usize];
            self.hold(pad, end, held);
        }
        self.to.end(end);
    }
}

/// Amounts of work: mostly odd ones, many none.
fn amounts() -> impl Strategy<Value = Vec<u64>> {
    let amount = prop_oneof![Just(0), 1..10u64, 1..1_000_000u64, Just(1 << 40)];
    prop::collection::vec(amount, 1..40)
}

fn clocks() -> impl Strategy<Value = Frequency> {
    (250_000u64..100_000_000)
        .prop_map(|period| Frequency::from_period_femtoseconds(period).unwrap())
}

/// The trace of a run, and what its counters should add up to: nothing, if it takes no cycle.
fn traced(
    draws: &[toy::Draw],
    amounts: &[u64],
    options: &TraceOptions,
) -> (Vec<u8>, BTreeMap<String, u128>) {
    let ran = toy::run(draws);
    let end = ran.iter().map(|ran| ran.end).max().unwrap_or_default();
    let writer = TraceWriter::new(Vec::new(), &toy::platform(), options);
    let mut observer = Amounts::new(writer, amounts);
    toy::tell(&ran, end, &mut observer);
    let (bytes, _) = observer.to.finish().unwrap();
    if end == Cycle::ZERO {
        observer.totals.clear();
    }
    (bytes, observer.totals)
}

proptest! {
    #[test]
    fn counters_add_up_to_what_was_counted(
        draws in toy::draws(), amounts in amounts(), clock in clocks(),
        budget in prop_oneof![Just(500_000u64), 40..400u64],
        bus in prop::option::of(1_000_000u64..100_000_000_000),
    ) {
        let options = TraceOptions {
            event_budget: budget,
            memory_bytes_per_second: bus,
            ..TraceOptions::new("toy", "random", clock)
        };
        let (bytes, totals) = traced(&draws, &amounts, &options);
        let contents = check(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(contents.totals, totals);
    }

    /// Windows that join split what was counted between them, and lose nothing.
    #[test]
    fn what_windows_show_adds_up_to_the_whole(
        draws in toy::draws(), amounts in amounts(), cuts in prop::collection::btree_set(1..200u64, 0..6),
    ) {
        let clock = Frequency::from_megahertz(500).unwrap();
        let mut options = TraceOptions::new("toy", "random", clock);
        let whole = check(&traced(&draws, &amounts, &options).0).unwrap().totals;
        let mut sums: BTreeMap<String, u128> = BTreeMap::new();
        let bounds: Vec<u64> = [0].into_iter().chain(cuts).chain([1_000_000]).collect();
        for pair in bounds.windows(2) {
            options.window = Some((Cycle(pair[0]), Cycle(pair[1])));
            let (bytes, _) = traced(&draws, &amounts, &options);
            let part = check(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
            for (name, total) in part.totals {
                *sums.entry(name).or_default() += total;
            }
        }
        prop_assert_eq!(sums, whole);
    }
}

/// The samples of a counter: cycles and values as they are written.
fn samples(bytes: &[u8], name: &str) -> Vec<(u64, String)> {
    let events: Vec<serde_json::Value> = serde_json::from_slice(bytes).unwrap();
    let own = events
        .iter()
        .filter(|event| event["ph"] == "C" && event["name"] == name);
    own.map(|event| {
        let value = event["args"].as_object().unwrap().values().next().unwrap();
        (event["ts"].as_u64().unwrap(), value.to_string())
    })
    .collect()
}

#[test]
fn a_counter_is_zero_where_its_unit_is_idle_and_when_the_run_has_ended() {
    let clock = Frequency::from_megahertz(500).unwrap();
    let options = TraceOptions::new("toy", "gaps", clock);
    let mut writer = TraceWriter::new(Vec::new(), &toy::platform(), &options);
    writer.pass("pass", &toy::operations(), Cycle(0));
    for (from, to, macs) in [(10, 20, 70), (20, 30, 70), (40, 43, 10), (90, 90, 5)] {
        writer.busy(&Busy {
            unit: UnitId(0),
            operation: OperationId(0),
            tile: 0,
            from: Cycle(from),
            to: Cycle(to),
            parts: &[],
            macs,
            bytes: Bytes::ZERO,
        });
    }
    writer.occupancy(CoreId(0), ScratchpadId::Weights, Cycle(15), Bytes(64));
    writer.end(Cycle(100));
    let (bytes, _) = writer.finish().unwrap();
    let expected = [
        (0, "0"),
        (10, "7"),
        (30, "0"),
        (40, "3.3333"),
        (43, "0"),
        // What took no time is shown in the cycle before.
        (89, "5"),
        (90, "0"),
        (100, "0"),
    ];
    let expected = expected.map(|(at, value)| (at, value.to_owned()));
    assert_eq!(samples(&bytes, "array0"), expected);
    let idle = [(0, "0"), (100, "0")].map(|(at, value)| (at, value.to_owned()));
    assert_eq!(samples(&bytes, "array1"), idle);
    // What is still held at the end is told.
    let held = [(0, "0"), (15, "64"), (100, "64")].map(|(at, value)| (at, value.to_owned()));
    assert_eq!(samples(&bytes, "sram weights"), held);
    match check(&bytes) {
        Ok(contents) => assert_eq!(contents.totals["array0"], 155),
        Err(CheckError::Problems(problems)) => panic!("{}", problems.join("\n")),
        Err(error) => panic!("{error}"),
    }
}

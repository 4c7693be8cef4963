//! The observer that accounts for every cycle of a run.

use quantities::Cycle;
use tile_program::{
    Activity, Bound, Busy, Cause, Class, Observer, Operation, OperationId, Platform, ScratchpadId,
    UnitId, WaitReason, Waiting, Work,
};

use crate::operations::OperationTable;
use crate::path::{Charge, Path, UnitPath};
use crate::transfers::{CauseCycles, TransferLog};

/// Buckets of one unit: by class, and last those of no class (nothing at hand).
pub(crate) type Buckets = [CauseCycles; Class::ALL.len() + 1];

/// The place in [`Buckets`] of time that belongs to no operation.
pub(crate) const NO_CLASS: usize = Class::ALL.len();

/// One unit of the machine.
#[derive(Debug)]
pub(crate) struct UnitLedger {
    pub(crate) name: String,
    /// Every cycle before this one is in a bucket.
    through: Cycle,
    /// Since when the instruction at hand waits.
    waits_since: Option<Cycle>,
    pub(crate) buckets: Buckets,
    pub(crate) worked: [u64; Class::ALL.len()],
    pub(crate) macs: u64,
    pub(crate) bytes: u64,
    pub(crate) instructions: u64,
    pub(crate) path: UnitPath,
}

impl UnitLedger {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            through: Cycle::ZERO,
            waits_since: None,
            buckets: [[0; Cause::COUNT]; NO_CLASS + 1],
            worked: [0; Class::ALL.len()],
            macs: 0,
            bytes: 0,
            instructions: 0,
            path: UnitPath::default(),
        }
    }

    fn advance(&mut self, from: Cycle, to: Cycle) {
        assert!(
            self.through == from && from <= to,
            "{}: the span {}..{} does not join the account up to {}",
            self.name,
            from.get(),
            to.get(),
            self.through
        );
        self.through = to;
    }

    fn add(&mut self, class: usize, cause: Cause, cycles: u64) {
        self.buckets[class][cause as usize] += cycles;
        self.path.since.causes[cause as usize] += cycles;
    }
}

/// Accounts for every cycle of every unit, and for every cycle of the makespan.
///
/// Attach it to every run: it allocates nothing per event, and what it holds does not grow with
/// the length of the run. The account is checked as it is made; a gap or an overlap in what the
/// machine reports is a panic that names the unit.
///
/// What it expects of the machine beyond the contract of [`Observer`]:
/// * a span of a DMA side is reported when it ends, and before any wait that it ends;
/// * an instruction's `busy` comes before its `complete`, and that before the `waiting` of whoever
///   waited for it;
/// * passes do not overlap: one begins when all instructions before it are complete and every unit
///   is accounted for up to there; an `OperationId` always belongs to the pass that began last.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) units: Vec<UnitLedger>,
    pub(crate) operations: OperationTable,
    /// The core of each unit, and what the transfers of each core did.
    cores: Vec<usize>,
    logs: Vec<TransferLog>,
    pub(crate) passes: u64,
    /// Bits that ports of scratchpads carried for tiles of arrays: by class, then scratchpad.
    pub(crate) array_port_bits: [[u64; ScratchpadId::ALL.len()]; Class::ALL.len()],
    /// The unit that completed last, and on what.
    last: Option<(UnitId, Charge)>,
    /// The last cycle of the run, once it is over.
    pub(crate) end: Option<Cycle>,
}

impl Ledger {
    /// An empty account of a machine.
    #[must_use]
    pub fn new(platform: &Platform) -> Self {
        let all = platform.all_units();
        Self {
            units: all
                .map(|(core, unit, _)| UnitLedger::new(&core.unit_name(unit)))
                .collect(),
            cores: platform.core_places(),
            operations: OperationTable::new(platform),
            logs: platform.cores.iter().map(TransferLog::new).collect(),
            passes: 0,
            array_port_bits: Default::default(),
            last: None,
            end: None,
        }
    }

    /// The critical path of the whole run, summing to `end`: that of the completion that came
    /// last. Should the run end later than that, the rest is idle time of the same class.
    pub(crate) fn critical_path(&self, end: Cycle) -> Path {
        let Some((unit, charge)) = self.last else {
            // Nothing ever completed.
            let mut path = Path {
                at: end,
                operators: vec![0; self.operations.operators.len()],
                ..Default::default()
            };
            path.cells[Class::Transfer as usize][Cause::Idle as usize] = end.get();
            return path;
        };
        let mut path = self.units[unit.index()].path.last.clone();
        let rest = end.since(path.at).get();
        path.cells[charge.class as usize][Cause::Idle as usize] += rest;
        path.operators[charge.operator] += rest;
        path.at = end;
        path
    }

    /// Whatever follows on any unit follows on the completion that came last.
    fn join(&mut self, at: Cycle) {
        let path = self.critical_path(at);
        for unit in &mut self.units {
            assert!(
                unit.through == at,
                "{}: a pass begins at {}, but the account ends at {}",
                unit.name,
                at.get(),
                unit.through
            );
            unit.path.restart(&path);
        }
    }

    /// By cause, what a unit was kept waiting by.
    fn charge_wait(&mut self, waiting: &Waiting) -> CauseCycles {
        let cycles = waiting.to.since(waiting.from);
        let log = &mut self.logs[self.cores[waiting.unit.index()]];
        let cause = match waiting.on {
            // Who receives waits for data of another core, or of one that does the same as its own.
            Some((on, WaitReason::Data))
                if self.cores[on.index()] != self.cores[waiting.unit.index()]
                    || log.receives(waiting.unit) =>
            {
                Cause::Peer
            }
            Some((on, WaitReason::Data)) if on != waiting.unit && log.covers(on) => {
                return self.charge_wait_for_transfer(waiting, on);
            }
            Some((_, WaitReason::Data)) => Cause::Dependency,
            Some((_, WaitReason::Buffer)) => Cause::BufferFull,
            None => Cause::Idle,
        };
        log.add(waiting.unit, &[(cause, cycles)]);
        let mut window = [0; Cause::COUNT];
        window[cause as usize] = cycles.get();
        window
    }

    fn charge_wait_for_transfer(&mut self, waiting: &Waiting, on: UnitId) -> CauseCycles {
        let log = &mut self.logs[self.cores[waiting.unit.index()]];
        let window = log.window(waiting.unit, on, waiting.to);
        assert_eq!(
            window.iter().sum::<u64>(),
            waiting.to.since(waiting.from).get(),
            "{}: the wait from {} began where it was said to",
            self.units[waiting.unit.index()].name,
            waiting.from
        );
        if log.covers(waiting.unit) {
            log.add_window(waiting.unit, on, &window, waiting.to);
        }
        window
    }
}

impl Observer for Ledger {
    fn pass(&mut self, _name: &str, operations: &[Operation], at: Cycle) {
        self.passes += 1;
        self.operations.begin_pass(operations);
        let operators = self.operations.operators.len();
        for unit in &mut self.units {
            unit.path.resize(operators);
        }
        if self.passes > 1 {
            self.join(at);
        }
    }

    fn busy(&mut self, busy: &Busy<'_>) {
        let class = self.operations.get(busy.operation).class as usize;
        self.operations.busy(busy);
        let log = &mut self.logs[self.cores[busy.unit.index()]];
        log.add(busy.unit, busy.parts);
        let unit = &mut self.units[busy.unit.index()];
        unit.advance(busy.from, busy.to);
        let mut sum = 0;
        for (cause, cycles) in busy.parts {
            unit.add(class, *cause, cycles.get());
            sum += cycles.get();
        }
        assert_eq!(
            sum,
            busy.to.since(busy.from).get(),
            "{}: the parts of a span sum to its length",
            unit.name
        );
        unit.worked[class] += sum;
        unit.path.since.worked += sum;
        unit.macs += busy.macs;
        unit.bytes += busy.bytes.get();
        if unit.waits_since.is_some() {
            // A pipelined unit began to wait while the instruction before was still under way.
            unit.waits_since = Some(busy.to);
            log.mark(busy.unit, busy.to);
        }
    }

    fn activity(&mut self, activity: &Activity<'_>) {
        if !matches!(activity.work, Work::Gemm(_)) {
            return;
        }
        let class = self.operations.get(activity.operation).class as usize;
        let moved = activity.read.iter().zip(&activity.written);
        for (bits, (read, written)) in self.array_port_bits[class].iter_mut().zip(moved) {
            // A partial sum that is added to is read and written in one access.
            *bits += read.get().max(written.get());
        }
    }

    fn wait_begins(&mut self, unit: UnitId, _on: UnitId, at: Cycle) {
        let waiter = &mut self.units[unit.index()];
        if waiter.waits_since.is_none() {
            let at = at.max(waiter.through);
            waiter.waits_since = Some(at);
            self.logs[self.cores[unit.index()]].mark(unit, at);
        }
    }

    fn waiting(&mut self, waiting: &Waiting) {
        let unit = &mut self.units[waiting.unit.index()];
        unit.advance(waiting.from, waiting.to);
        if waiting.from < waiting.to {
            let window = self.charge_wait(waiting);
            let class = waiting.operation.map_or(NO_CLASS, |operation| {
                self.operations.get(operation).class as usize
            });
            let unit = &mut self.units[waiting.unit.index()];
            for cause in Cause::ALL {
                unit.add(class, cause, window[cause as usize]);
            }
        }
        self.logs[self.cores[waiting.unit.index()]].unmark(waiting.unit);
        self.units[waiting.unit.index()].waits_since = None;
        if let Some((on, _)) = waiting.on
            && on != waiting.unit
        {
            let pair = [waiting.unit.index(), on.index()];
            let [unit, on] = self
                .units
                .get_disjoint_mut(pair)
                .expect("two different units of this machine");
            unit.path.capture(&on.path.last, waiting.to);
        }
    }

    fn complete(&mut self, unit: UnitId, operation: OperationId, _tile: u32, at: Cycle, by: Bound) {
        let entry = self.operations.get(operation);
        let charge = Charge {
            class: entry.class,
            operator: entry.operator,
        };
        self.operations.complete(unit, operation);
        let ledger = &mut self.units[unit.index()];
        assert_eq!(
            ledger.through, at,
            "{}: an instruction completes where its work ends",
            ledger.name
        );
        ledger.instructions += 1;
        ledger.path.complete(charge, at, by);
        let latest = self
            .last
            .map(|(last, _)| self.units[last.index()].path.last.at);
        if latest.is_none_or(|latest| latest <= at) {
            self.last = Some((unit, charge));
        }
    }

    fn end(&mut self, end: Cycle) {
        for unit in &self.units {
            assert_eq!(
                unit.through, end,
                "{}: the account ends where the run does",
                unit.name
            );
        }
        self.end = Some(end);
    }
}

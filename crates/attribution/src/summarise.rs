//! The summary of a run, made of the ledger's account of it.

use quantities::{Bytes, Cycle, Cycles};
use tile_program::{Cause, Class};

use crate::ledger::{Ledger, NO_CLASS, UnitLedger};
use crate::operations::Entry;
use crate::path::Path;
use crate::summary::{
    Bucket, ClassWork, MakespanCell, OperationSummary, OperatorSummary, Summary, UnitSummary,
};

impl Ledger {
    /// The account of a run that is over.
    ///
    /// # Panics
    /// If the run is not over, or if the account does not sum: our own mistakes.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let end = self.end.expect("the run is over");
        let total = end.since(Cycle::ZERO);
        let path = self.critical_path(end);
        let units: Vec<_> = self.units.iter().map(unit_summary).collect();
        for unit in &units {
            let sum: Cycles = unit.buckets.iter().map(|bucket| bucket.cycles).sum();
            assert_eq!(sum, total, "{}: the buckets sum to the makespan", unit.name);
        }
        let makespan = makespan(&path);
        let sum: Cycles = makespan.iter().map(|cell| cell.cycles).sum();
        assert_eq!(sum, total, "the critical path sums to the makespan");
        let entries = &self.operations.entries;
        let total_of = |field: fn(&Entry) -> u64| entries.iter().map(field).sum::<u64>();
        Summary {
            total,
            makespan,
            classes: class_work(self, &path),
            operations: operations(self),
            operators: operators(self, &path),
            units,
            array_port_bits: self.array_port_bits,
            passes: self.passes,
            macs: total_of(|entry| entry.macs),
            bytes_read: Bytes(total_of(|entry| entry.bytes_read)),
            bytes_written: Bytes(total_of(|entry| entry.bytes_written)),
            bytes_received: Bytes(total_of(|entry| entry.bytes_received)),
            compulsory_read: Bytes(total_of(|entry| entry.compulsory_read)),
            compulsory_write: Bytes(total_of(|entry| entry.compulsory_write)),
        }
    }
}

/// The makespan by class and cause, without cells of zero cycles.
fn makespan(path: &Path) -> Vec<MakespanCell> {
    let mut cells = Vec::new();
    for class in Class::ALL {
        for cause in Cause::ALL {
            let cycles = Cycles(path.cells[class as usize][cause as usize]);
            if !cycles.is_zero() {
                cells.push(MakespanCell {
                    class,
                    cause,
                    cycles,
                });
            }
        }
    }
    cells
}

/// The account of one unit, without buckets of zero cycles.
fn unit_summary(unit: &UnitLedger) -> UnitSummary {
    let mut buckets = Vec::new();
    for (place, causes) in unit.buckets.iter().enumerate() {
        for cause in Cause::ALL {
            let cycles = Cycles(causes[cause as usize]);
            if !cycles.is_zero() {
                buckets.push(Bucket {
                    class: (place < NO_CLASS).then(|| Class::ALL[place]),
                    cause,
                    cycles,
                });
            }
        }
    }
    UnitSummary {
        name: unit.name.clone(),
        buckets,
        busy: Cycles(unit.worked.iter().sum()),
        macs: unit.macs,
        bytes: Bytes(unit.bytes),
        instructions: unit.instructions,
    }
}

/// The work of each class, in the order of `Class::ALL`.
fn class_work(ledger: &Ledger, path: &Path) -> Vec<ClassWork> {
    Class::ALL
        .into_iter()
        .map(|class| {
            let units = ledger.units.iter();
            let busy: u64 = units.map(|unit| unit.worked[class as usize]).sum();
            ClassWork {
                class,
                makespan: Cycles(path.cells[class as usize].iter().sum()),
                busy: Cycles(busy),
                hidden: Cycles(busy - path.worked[class as usize]),
            }
        })
        .collect()
}

/// Each operation, in the order of first appearance.
fn operations(ledger: &Ledger) -> Vec<OperationSummary> {
    let entries = ledger.operations.entries.iter();
    entries
        .map(|entry| OperationSummary {
            name: entry.name.to_string(),
            operator: ledger.operations.operators[entry.operator].0,
            class: entry.class,
            unit: ledger.units[entry.unit.index()].name.clone(),
            count: entry.count,
            tiles: entry.tiles,
            macs: entry.macs,
            declared_macs: entry.declared_macs,
            cycles: Cycles(entry.cycles),
            load_cycles: Cycles(entry.load_cycles),
            store_cycles: Cycles(entry.store_cycles),
            bytes_read: Bytes(entry.bytes_read),
            bytes_written: Bytes(entry.bytes_written),
            bytes_received: Bytes(entry.bytes_received),
            tiling: entry.tiling,
        })
        .collect()
}

/// Each operator, in the order of first appearance.
fn operators(ledger: &Ledger, path: &Path) -> Vec<OperatorSummary> {
    let mut operators: Vec<_> = ledger
        .operations
        .operators
        .iter()
        .zip(&path.operators)
        .map(|((operator, class), makespan)| OperatorSummary {
            operator: *operator,
            class: *class,
            count: 0,
            macs: 0,
            cycles: Cycles::ZERO,
            makespan: Cycles(*makespan),
            bytes: Bytes::ZERO,
        })
        .collect();
    for entry in &ledger.operations.entries {
        let operator = &mut operators[entry.operator];
        operator.count += entry.count;
        operator.macs += entry.macs;
        operator.cycles += Cycles(entry.cycles);
        operator.bytes += Bytes(entry.bytes_read + entry.bytes_written);
    }
    operators
}

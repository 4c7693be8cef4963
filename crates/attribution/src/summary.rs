//! The account of a run, as plain data.

use quantities::{Bytes, Cycle, Cycles};
use serde::Serialize;
use tile_program::{Cause, Class, Operator, ScratchpadId, TileChoice};

use crate::ledger::{Ledger, NO_CLASS, UnitLedger};
use crate::operations::Entry;
use crate::path::Path;

/// Cycles of the makespan charged to one class and cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MakespanCell {
    /// The class of the operation whose completion the path led to.
    pub class: Class,
    /// Why the cycles were spent.
    pub cause: Cause,
    /// How many.
    pub cycles: Cycles,
}

/// Cycles of one unit in one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The class of the operation at hand; `None` with nothing at hand.
    pub class: Option<Class>,
    /// Why the cycles were spent.
    pub cause: Cause,
    /// How many.
    pub cycles: Cycles,
}

/// One unit over the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitSummary {
    /// Its name; [`Summary::units`] is indexed by `UnitId`.
    pub name: String,
    /// Every cycle of the run, in one bucket each; buckets of zero cycles are left out. Ordered by
    /// class, then cause.
    pub buckets: Vec<Bucket>,
    /// Cycles spent on an instruction, stalls inside it included.
    pub busy: Cycles,
    /// Multiply-accumulates done.
    pub macs: u64,
    /// Payload bytes moved to or from main memory, or over links.
    pub bytes: Bytes,
    /// Instructions completed.
    pub instructions: u64,
}

impl UnitSummary {
    /// The cycles of one cause, over all classes.
    #[must_use]
    pub fn by_cause(&self, cause: Cause) -> Cycles {
        let buckets = self.buckets.iter();
        buckets
            .filter(|bucket| bucket.cause == cause)
            .map(|bucket| bucket.cycles)
            .sum()
    }
}

/// One operation, over all passes in which it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationSummary {
    /// `layers.3.q_proj`.
    pub name: String,
    /// The operator without its layer: `q_proj`.
    pub operator: Operator,
    /// What its cycles are charged to.
    pub class: Class,
    /// The name of the unit that does its main work.
    pub unit: String,
    /// In how many passes it ran.
    pub count: u64,
    /// Instructions of it completed on its unit (on all arrays that share it).
    pub tiles: u64,
    /// Multiply-accumulates done.
    pub macs: u64,
    /// Multiply-accumulates that the program announced; equal to `macs` if it covered each once.
    pub declared_macs: u64,
    /// Cycles that its unit (each array that shares it) was busy with it.
    pub cycles: Cycles,
    /// Cycles that the DMA was busy loading for it, beside or before.
    pub load_cycles: Cycles,
    /// Cycles that the DMA was busy storing for it.
    pub store_cycles: Cycles,
    /// Payload bytes read from main memory for it.
    pub bytes_read: Bytes,
    /// Payload bytes written to main memory for it.
    pub bytes_written: Bytes,
    /// Payload bytes that came over links for it.
    pub bytes_received: Bytes,
    /// How its GEMMs were cut into tiles, and why so; of its last pass.
    pub tiling: Option<TileChoice>,
}

/// All operations of one operator and class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperatorSummary {
    /// `q_proj`.
    pub operator: Operator,
    /// What its cycles are charged to.
    pub class: Class,
    /// How many operations ran, over all layers and passes.
    pub count: u64,
    /// Multiply-accumulates done.
    pub macs: u64,
    /// Cycles that its units were busy with it.
    pub cycles: Cycles,
    /// Cycles of the makespan charged to it; these sum to the makespan over all operators.
    pub makespan: Cycles,
    /// Payload bytes moved to or from main memory for it.
    pub bytes: Bytes,
}

/// Work of one class: on the critical path, and hidden beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClassWork {
    /// Which.
    pub class: Class,
    /// Cycles of the makespan charged to it, waits included.
    pub makespan: Cycles,
    /// Cycles of work on it, summed over all units (two units working at once count twice).
    pub busy: Cycles,
    /// Of that work, what was not on the critical path: it was overlapped by something else, and
    /// making it faster alone gains nothing.
    pub hidden: Cycles,
}

/// The account of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The makespan.
    pub total: Cycles,
    /// Where it went, summing to `total`; cells of zero cycles are left out. Ordered by class,
    /// then cause.
    pub makespan: Vec<MakespanCell>,
    /// Each unit, indexed by `UnitId`.
    pub units: Vec<UnitSummary>,
    /// Each class, in the order of `Class::ALL`.
    pub classes: Vec<ClassWork>,
    /// Each operation, in the order of first appearance.
    pub operations: Vec<OperationSummary>,
    /// Each operator, in the order of first appearance.
    pub operators: Vec<OperatorSummary>,
    /// Bits that the ports of each scratchpad carried for tiles of arrays, by class in the order of
    /// `Class::ALL`, then by scratchpad. A partial sum that is read, added to and written counts
    /// once.
    pub array_port_bits: [[u64; ScratchpadId::ALL.len()]; Class::ALL.len()],
    /// Passes run.
    pub passes: u64,
    /// Multiply-accumulates done.
    pub macs: u64,
    /// Payload bytes read from main memory.
    pub bytes_read: Bytes,
    /// Payload bytes written to main memory.
    pub bytes_written: Bytes,
    /// Payload bytes that came over links.
    pub bytes_received: Bytes,
    /// Bytes that had to be read at least, by the program's own account.
    pub compulsory_read: Bytes,
    /// Bytes that had to be written at least.
    pub compulsory_write: Bytes,
}

impl Summary {
    pub(crate) fn of(ledger: &Ledger, end: Cycle) -> Self {
        let total = end.since(Cycle::ZERO);
        let path = ledger.critical_path(end);
        let units: Vec<_> = ledger.units.iter().map(unit_summary).collect();
        for unit in &units {
            let sum: Cycles = unit.buckets.iter().map(|bucket| bucket.cycles).sum();
            assert_eq!(sum, total, "{}: the buckets sum to the makespan", unit.name);
        }
        let makespan = makespan(&path);
        let sum: Cycles = makespan.iter().map(|cell| cell.cycles).sum();
        assert_eq!(sum, total, "the critical path sums to the makespan");
        let entries = &ledger.operations.entries;
        let total_of = |field: fn(&Entry) -> u64| entries.iter().map(field).sum::<u64>();
        Self {
            total,
            makespan,
            classes: class_work(ledger, &path),
            operations: operations(ledger),
            operators: operators(ledger, &path),
            units,
            array_port_bits: ledger.array_port_bits,
            passes: ledger.passes,
            macs: total_of(|entry| entry.macs),
            bytes_read: Bytes(total_of(|entry| entry.bytes_read)),
            bytes_written: Bytes(total_of(|entry| entry.bytes_written)),
            bytes_received: Bytes(total_of(|entry| entry.bytes_received)),
            compulsory_read: Bytes(total_of(|entry| entry.compulsory_read)),
            compulsory_write: Bytes(total_of(|entry| entry.compulsory_write)),
        }
    }
}

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

//! The account of a run, as plain data.

use quantities::{Bytes, Cycles};
use serde::Serialize;
use tile_program::{Cause, Class, Operator, ScratchpadId, TileChoice};

/// Cycles of the makespan charged to one class and cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MakespanCell {
    /// The class of the operation whose completion the path led to.
    pub class: Class,
    /// Why the cycles were spent.
    pub cause: Cause,
    /// The number of cycles, at least one.
    pub cycles: Cycles,
}

/// Cycles of one unit in one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The class of the operation at hand; `None` with nothing at hand.
    pub class: Option<Class>,
    /// Why the cycles were spent.
    pub cause: Cause,
    /// The number of cycles, at least one.
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
    /// The multiply-accumulates that were done.
    pub macs: u64,
    /// Payload bytes moved to or from main memory, or over links.
    pub bytes: Bytes,
    /// The number of instructions that the unit completed.
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
    /// The name with the layer, such as `layers.3.q_proj`.
    pub name: String,
    /// The operator without its layer, such as `q_proj`.
    pub operator: Operator,
    /// What its cycles are charged to.
    pub class: Class,
    /// The name of the unit that does its main work.
    pub unit: String,
    /// The number of passes in which it ran.
    pub count: u64,
    /// Instructions of it completed on its unit (on all arrays that share it).
    pub tiles: u64,
    /// The multiply-accumulates that were done.
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
    /// The operator without its layer, such as `q_proj`.
    pub operator: Operator,
    /// What its cycles are charged to.
    pub class: Class,
    /// The number of operations that ran, over all layers and passes.
    pub count: u64,
    /// The multiply-accumulates that were done.
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
    /// The class of the operations that the work belongs to.
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
    /// The makespan, in cycles of the reference clock.
    pub total: Cycles,
    /// The makespan by class and cause, summing to `total`; cells of zero cycles are left out.
    /// Ordered by class, then cause.
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
    /// The number of passes that the run made.
    pub passes: u64,
    /// The multiply-accumulates that were done.
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

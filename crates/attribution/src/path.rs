//! The critical path, accumulated forwards.
//!
//! Walking back from the end of a run needs the whole run in memory. The same path is had going
//! forwards: every unit carries the path that ends in its last completed instruction, as cycles by
//! class and cause. When an instruction completes, its path is that of whatever let it begin, plus
//! the unit's own time since then. Memory is one path a unit, however long the run is.

use quantities::Cycle;
use tile_program::{Bound, Cause, Class};

use crate::transfers::CauseCycles;

/// A path from the start of the run to a completion.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    /// Where it ends; its cells sum to this.
    pub(crate) at: Cycle,
    /// Cycles by class and cause.
    pub(crate) cells: [CauseCycles; Class::ALL.len()],
    /// Of those, cycles by class in which the unit on the path was itself at work.
    pub(crate) worked: [u64; Class::ALL.len()],
    /// Cycles by operator.
    pub(crate) operators: Vec<u64>,
}

impl Path {
    /// Copies without allocating (unless operators have been added).
    fn copy_from(&mut self, other: &Self) {
        self.at = other.at;
        self.cells = other.cells;
        self.worked = other.worked;
        self.operators.clone_from(&other.operators);
    }
}

/// The own time of a unit since some point: by cause, and how much of it was work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Since {
    pub(crate) causes: CauseCycles,
    pub(crate) worked: u64,
}

/// The path of one unit.
#[derive(Debug, Default)]
pub(crate) struct UnitPath {
    /// To its last completed instruction.
    pub(crate) last: Path,
    /// To the completion, by another unit, that ended its last wait.
    captured: Path,
    /// The cycles from that completion to the end of the wait.
    late: u64,
    /// Its own time since its last completed instruction.
    pub(crate) since: Since,
    /// The value of `since.causes` at the end of that wait.
    since_captured: CauseCycles,
}

/// What an instruction that completes is charged to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    pub(crate) class: Class,
    pub(crate) operator: usize,
}

impl UnitPath {
    /// Makes room for more operators.
    pub(crate) fn resize(&mut self, operators: usize) {
        self.last.operators.resize(operators, 0);
        self.captured.operators.resize(operators, 0);
    }

    /// A path leads to all that comes next, up to where the unit's account ends.
    pub(crate) fn restart(&mut self, path: &Path) {
        self.last.copy_from(path);
        self.since = Since::default();
    }

    /// A wait ended at `to` because another unit completed an instruction: remembers the path to
    /// that completion, and how much later the wait ended (this unit's next clock edge).
    pub(crate) fn capture(&mut self, path: &Path, to: Cycle) {
        self.captured.copy_from(path);
        self.late = to.since(path.at).get();
        self.since_captured = self.since.causes;
    }

    /// An instruction completes at `at`.
    pub(crate) fn complete(&mut self, charge: Charge, at: Cycle, by: Bound) {
        let mut since = self.since;
        if let Bound::Unit(_, completed) = by
            && completed > self.last.at
            && completed == self.captured.at
        {
            std::mem::swap(&mut self.last, &mut self.captured);
            for (cycles, mark) in since.causes.iter_mut().zip(self.since_captured) {
                *cycles -= mark;
            }
            since.causes[Cause::Dependency as usize] += self.late;
        }
        let class = charge.class as usize;
        let mut sum = 0;
        for (cell, cycles) in self.last.cells[class].iter_mut().zip(since.causes) {
            *cell += cycles;
            sum += cycles;
        }
        self.last.worked[class] += since.worked;
        self.last.operators[charge.operator] += sum;
        assert_eq!(
            self.last.at.get() + sum,
            at.get(),
            "the path to a completion is as long as the time of that completion"
        );
        self.last.at = at;
        self.since = Since::default();
    }
}

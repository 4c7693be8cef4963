//! What a run tells those who watch it.
//!
//! All times are cycles of the machine's reference clock; where a unit has a clock of its own,
//! its edges are rounded up to the next reference edge, so that spans still join without a gap.

use quantities::{Bits, Bytes, Cycle, Cycles};

use crate::{Cause, CoreId, Operation, OperationId, ScratchpadId, UnitId, WaitReason, Work};

/// A unit worked on an instruction in `from..to`.
#[derive(Clone, Copy, Debug)]
pub struct Busy<'a> {
    /// The unit that worked.
    pub unit: UnitId,
    /// The operation that the instruction belongs to.
    pub operation: OperationId,
    /// The number of the tile within the operation.
    pub tile: u32,
    /// The first cycle of the span.
    pub from: Cycle,
    /// The cycle after the last.
    pub to: Cycle,
    /// The span by cause; the parts sum to `to - from`. Parts of a transfer stand in the order of
    /// time; those of an array alternate fold by fold and are summed up.
    pub parts: &'a [(Cause, Cycles)],
    /// Multiply-accumulates done in it.
    pub macs: u64,
    /// Payload bytes moved to or from main memory, or over links, in it.
    pub bytes: Bytes,
}

/// What an instruction moved through the ports of the scratchpads, beside what it did.
#[derive(Clone, Copy, Debug)]
pub struct Activity<'a> {
    /// The unit that executed the instruction.
    pub unit: UnitId,
    /// The operation that the instruction belongs to.
    pub operation: OperationId,
    /// What it did.
    pub work: &'a Work,
    /// Bits read from each scratchpad, by [`ScratchpadId`]: by an array, the vector unit or a side
    /// of the DMA. What comes over links is read from a scratchpad of the sender, and told here by
    /// the receiver.
    pub read: [Bits; 3],
    /// Bits written to each scratchpad.
    pub written: [Bits; 3],
}

/// A unit had an instruction at hand in `from..to` and could not start it (or had none: `on` is
/// `None`).
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// The unit that waited.
    pub unit: UnitId,
    /// The operation of the instruction at hand; `None` with nothing at hand.
    pub operation: Option<OperationId>,
    /// The first cycle of the wait.
    pub from: Cycle,
    /// The cycle after the last.
    pub to: Cycle,
    /// For whom and why; the wait that was met last.
    pub on: Option<(UnitId, WaitReason)>,
}

/// What determined when an instruction could begin: the edge of the critical path that ends there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The unit itself: its previous instruction (or the start of the run).
    Own,
    /// Another unit completed an instruction at this cycle, and that was the last wait to be met.
    Unit(UnitId, Cycle),
}

/// One phase of one fold, exactly stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldSpan {
    /// The array that the fold was on.
    pub unit: UnitId,
    /// Number of the fold within the tile.
    pub fold: u64,
    /// Fill, compute, drain, weight load or a stall.
    pub cause: Cause,
    /// The first cycle of the phase.
    pub from: Cycle,
    /// The cycle after the last.
    pub to: Cycle,
}

/// Methods that call the same method of both observers of a pair.
macro_rules! tell_both {
    ($($method:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            fn $method(&mut self, $($argument: $kind),*) {
                self.0.$method($($argument),*);
                self.1.$method($($argument),*);
            }
        )*
    };
}

/// Watches a run. The machine calls, per unit, in the order of time: [`Observer::busy`] and
/// [`Observer::waiting`] spans that join without gap or overlap from cycle 0 to the end of the
/// run. Every method has an empty default, and the machine is generic over its observer, so what
/// is not observed costs nothing.
///
/// A reference to an observer is one, too.
#[auto_impl::auto_impl(&mut)]
pub trait Observer {
    /// A pass begins; `OperationId`s from here on index `operations`.
    fn pass(&mut self, name: &str, operations: &[Operation], at: Cycle) {
        let _ = (name, operations, at);
    }

    /// A unit worked.
    fn busy(&mut self, busy: &Busy<'_>) {
        let _ = busy;
    }

    /// What the instruction that is told `busy` next moved on chip.
    fn activity(&mut self, activity: &Activity<'_>) {
        let _ = activity;
    }

    /// A unit begins to wait for another (always followed by `waiting` with the whole span).
    fn wait_begins(&mut self, unit: UnitId, on: UnitId, at: Cycle) {
        let _ = (unit, on, at);
    }

    /// A unit waited.
    fn waiting(&mut self, waiting: &Waiting) {
        let _ = waiting;
    }

    /// An instruction is complete: the unit's count rises at this cycle.
    fn complete(&mut self, unit: UnitId, operation: OperationId, tile: u32, at: Cycle, by: Bound) {
        let _ = (unit, operation, tile, at, by);
    }

    /// Whether [`Observer::fold`] is wanted for a tile that runs in `from..to`.
    fn wants_folds(&self, from: Cycle, to: Cycle) -> bool {
        let _ = (from, to);
        false
    }

    /// One phase of one fold of the tile last reported `busy`.
    fn fold(&mut self, span: &FoldSpan) {
        let _ = span;
    }

    /// The bytes held by a scratchpad of a core changed.
    fn occupancy(&mut self, core: CoreId, scratchpad: ScratchpadId, at: Cycle, bytes: Bytes) {
        let _ = (core, scratchpad, at, bytes);
    }

    /// The run is over; `end` is its makespan.
    fn end(&mut self, end: Cycle) {
        let _ = end;
    }
}

/// An observer that ignores whatever it is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// Two observers at once: each is told of everything.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn wants_folds(&self, from: Cycle, to: Cycle) -> bool {
        self.0.wants_folds(from, to) || self.1.wants_folds(from, to)
    }

    tell_both! {
        pass(name: &str, operations: &[Operation], at: Cycle);
        busy(busy: &Busy<'_>);
        activity(activity: &Activity<'_>);
        wait_begins(unit: UnitId, on: UnitId, at: Cycle);
        waiting(waiting: &Waiting);
        complete(unit: UnitId, operation: OperationId, tile: u32, at: Cycle, by: Bound);
        fold(span: &FoldSpan);
        occupancy(core: CoreId, scratchpad: ScratchpadId, at: Cycle, bytes: Bytes);
        end(end: Cycle);
    }
}

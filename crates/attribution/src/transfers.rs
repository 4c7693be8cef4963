//! What the transfers of a core (the sides of its DMA, the receiving end of its links) were doing
//! in any window that one of its other units waited through.
//!
//! A transfer is reported when it ends, with its causes in the order of time; who waits for it
//! began to wait at some cycle inside that transfer. Keeping every span until the wait is over
//! would need memory that grows with the wait. Instead each side keeps one running sum for each
//! cause, and whoever begins to wait leaves a *mark*: the value of the sums at that cycle, which
//! becomes known when the span that contains it is reported. A window is then a difference of two
//! sums.

use quantities::{Cycle, Cycles};
use smallvec::SmallVec;
use tile_program::{Cause, Target, UnitId};

/// Cycles by cause; `cause as usize` indexes it.
pub(crate) type CauseCycles = [u64; Cause::COUNT];

/// The running sums of one unit at the cycle where somebody began to wait.
#[derive(Clone, Copy, Debug)]
enum Mark {
    /// Nobody waits for this unit.
    Unset,
    /// The span that contains this cycle has not been reported yet.
    Open(Cycle),
    /// The sums at the mark.
    Known(CauseCycles),
}

/// A unit that transfers.
#[derive(Debug)]
struct Side {
    unit: UnitId,
    /// Every cycle before this one is in `sums`.
    through: Cycle,
    sums: CauseCycles,
    /// The mark of each unit of the core, by its place in the core.
    marks: Vec<Mark>,
    /// The number of marks that are open.
    open: usize,
}

impl Side {
    fn new(unit: UnitId, units: usize) -> Self {
        Self {
            unit,
            through: Cycle::ZERO,
            sums: [0; Cause::COUNT],
            marks: vec![Mark::Unset; units],
            open: 0,
        }
    }

    fn set(&mut self, waiter: usize, mark: Mark) {
        let is_open = |mark: &Mark| usize::from(matches!(mark, Mark::Open(_)));
        self.open -= is_open(&self.marks[waiter]);
        self.open += is_open(&mark);
        self.marks[waiter] = mark;
    }

    fn mark(&mut self, waiter: usize, at: Cycle) {
        assert!(
            self.through <= at,
            "unit {} reported its work up to {}, before it was over: a unit began to wait at {at}",
            self.unit.0,
            self.through
        );
        let mark = if at == self.through {
            Mark::Known(self.sums)
        } else {
            Mark::Open(at)
        };
        self.set(waiter, mark);
    }

    /// The sums at a waiter's mark. What has not been reported by then is nobody's transfer: it
    /// counts as dependency.
    fn at_mark(&self, waiter: usize) -> CauseCycles {
        match self.marks[waiter] {
            Mark::Known(sums) => sums,
            Mark::Open(at) => self.at(at),
            Mark::Unset => panic!("unit {waiter} waited without having begun to wait"),
        }
    }

    /// The sums at a cycle that is not before what was reported.
    fn at(&self, at: Cycle) -> CauseCycles {
        let mut sums = self.sums;
        sums[Cause::Dependency as usize] += at.since(self.through).get();
        sums
    }

    /// Adds a span whose parts stand in the order of time, and settles the marks inside it.
    fn add(&mut self, parts: &[(Cause, Cycles)]) {
        let before = self.through;
        if self.open > 0 {
            let end = before + parts.iter().map(|(_, cycles)| *cycles).sum::<Cycles>();
            for waiter in 0..self.marks.len() {
                if let Mark::Open(at) = self.marks[waiter]
                    && at <= end
                {
                    let known = partial(self.sums, parts, at.since(before).get());
                    self.set(waiter, Mark::Known(known));
                }
            }
        }
        for (cause, cycles) in parts {
            self.sums[*cause as usize] += cycles.get();
            self.through += *cycles;
        }
    }
}

/// The sums `length` cycles into a span.
fn partial(mut sums: CauseCycles, parts: &[(Cause, Cycles)], mut length: u64) -> CauseCycles {
    for (cause, cycles) in parts {
        let inside = length.min(cycles.get());
        sums[*cause as usize] += inside;
        length -= inside;
    }
    sums
}

/// The difference of two sums, as somebody sees it who waits for a transfer: what memory, ports and
/// links did keeps its name, and so does waiting for another core; while the unit itself waited for
/// its own core or had nothing at hand, it was a dependency.
fn difference(later: &CauseCycles, earlier: &CauseCycles) -> CauseCycles {
    let mut window = [0; Cause::COUNT];
    for cause in Cause::ALL {
        let cycles = later[cause as usize] - earlier[cause as usize];
        window[seen_from_outside(cause) as usize] += cycles;
    }
    window
}

const fn seen_from_outside(cause: Cause) -> Cause {
    match cause {
        Cause::SramPort | Cause::DmaPort | Cause::Link | Cause::Peer => cause,
        _ if cause.is_of_memory() => cause,
        _ => Cause::Dependency,
    }
}

/// The units of a core that transfer.
#[derive(Debug)]
pub(crate) struct TransferLog {
    /// The number of the core's first unit.
    first: usize,
    receive: Option<UnitId>,
    sides: SmallVec<[Side; 3]>,
}

impl TransferLog {
    pub(crate) fn new(core: &Target) -> Self {
        let units = core.units().count();
        let first = core.units().map(|(unit, _)| unit.index()).min();
        let sides = core.units().filter(|(_, role)| role.flow().is_some());
        Self {
            first: first.expect("a core has units"),
            receive: core.receive,
            sides: sides.map(|(unit, _)| Side::new(unit, units)).collect(),
        }
    }

    /// Whether a unit is the receiving end of the links.
    pub(crate) fn receives(&self, unit: UnitId) -> bool {
        self.receive == Some(unit)
    }

    /// Whether a wait for this unit is charged by what it did.
    pub(crate) fn covers(&self, unit: UnitId) -> bool {
        self.sides.iter().any(|side| side.unit == unit)
    }

    /// A unit begins to wait.
    pub(crate) fn mark(&mut self, waiter: UnitId, at: Cycle) {
        for side in &mut self.sides {
            if side.unit != waiter {
                side.mark(waiter.index() - self.first, at);
            }
        }
    }

    /// A wait is over.
    pub(crate) fn unmark(&mut self, waiter: UnitId) {
        for side in &mut self.sides {
            side.set(waiter.index() - self.first, Mark::Unset);
        }
    }

    /// What `on` did between the mark of `waiter` and `to`.
    pub(crate) fn window(&self, waiter: UnitId, on: UnitId, to: Cycle) -> CauseCycles {
        let side = self
            .sides
            .iter()
            .find(|side| side.unit == on)
            .expect("asked only of units that are covered");
        assert!(
            side.through <= to,
            "unit {} reported its work up to {}, after {to}, when a wait for it ended",
            on.0,
            side.through
        );
        difference(&side.at(to), &side.at_mark(waiter.index() - self.first))
    }

    /// A unit did this, in this order; units that do not transfer are not recorded.
    pub(crate) fn add(&mut self, unit: UnitId, parts: &[(Cause, Cycles)]) {
        if let Some(side) = self.sides.iter_mut().find(|side| side.unit == unit) {
            side.add(parts);
        }
    }

    /// One side waited for another until `to`, which is charged as `window`.
    pub(crate) fn add_window(&mut self, unit: UnitId, on: UnitId, window: &CauseCycles, to: Cycle) {
        let place = |wanted| self.sides.iter().position(|side| side.unit == wanted);
        let pair = [place(unit), place(on)].map(|place| place.expect("both transfer"));
        let pair = self.sides.get_disjoint_mut(pair);
        let [side, other] = pair.expect("a side does not wait for itself");
        let start = other.at_mark(unit.index() - self.first);
        for waiter in 0..side.marks.len() {
            if let Mark::Open(at) = side.marks[waiter]
                && at <= to
            {
                // The waiter marked all sides at the same cycle, so what happened between the
                // start of this window and its mark is known from the other side's sums. The other
                // side itself may wait already: from its last completion on.
                let until = if waiter == other.unit.index() - self.first {
                    other.at(at)
                } else {
                    other.at_mark(waiter)
                };
                let inside = difference(&until, &start);
                let mut known = side.sums;
                for (sum, cycles) in known.iter_mut().zip(inside) {
                    *sum += cycles;
                }
                side.set(waiter, Mark::Known(known));
            }
        }
        for (sum, cycles) in side.sums.iter_mut().zip(window) {
            *sum += cycles;
        }
        side.through = to;
    }
}

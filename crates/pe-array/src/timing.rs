//! When a tile's folds run: closed forms, and every stamp when asked for.

use quantities::{Cycle, Cycles};
use tile_program::Cause;

use crate::fold::Folds;
use crate::law::{Law, Stall, TimedFold};
use crate::totals::{FoldTable, TileTotals};
use crate::{Convention, Fold, Traffic};

/// Cycles of a tile by cause.
pub type Parts = [(Cause, Cycles); 5];

/// How long a tile takes on an array, and where its cycles go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileTiming {
    /// From the start until the last result is out.
    pub total: Cycles,
    /// From the start until the last operand has entered and another tile's may follow. The same
    /// as `total` but in the `Overlapped` convention, where the rest of `total` is all
    /// [`Cause::Drain`] (and [`Cause::SramPort`] as far as the result port is slow), and is hidden
    /// if another tile follows at once.
    pub occupied: Cycles,
    /// `total` by cause: fill, compute, drain, weight load, SRAM port, in this order. Each cycle
    /// is in exactly one part.
    ///
    /// `ScaleSim` and `Serial` sum the phases of the folds. `Overlapped` charges a cycle to compute
    /// when some fold's operands enter the array; to a wait when none does; to the drain after the
    /// last operand. The skew of a wavefront overlaps its own stream, and shows only once, at the
    /// end: there is no fill.
    pub parts: Parts,
    /// Of `parts`, what lies in the first `occupied` cycles.
    pub occupied_parts: Parts,
    /// The number of folds of the tile.
    pub folds: u64,
    /// Multiply-accumulates that the tile asked for.
    pub macs: u64,
    /// Products that all PEs of the array could have begun in `total`.
    pub mac_slots: u128,
    /// Elements that pass the scratchpads' ports.
    pub traffic: Traffic,
    table: FoldTable,
    totals: TileTotals,
}

/// One phase of a fold, in cycles since the tile's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldPhase {
    /// What the phase is spent on.
    pub cause: Cause,
    /// The first cycle of the phase.
    pub from: Cycle,
    /// The cycle after the last one of the phase.
    pub to: Cycle,
}

/// The stamps of one fold, in cycles since the tile's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldTiming {
    /// The number of the fold in the tile, from 0.
    pub index: u64,
    /// The rows and columns of the array that the fold uses.
    pub fold: Fold,
    /// The cycle in which the first stationary row may enter (WS, IS).
    pub load: Option<Cycle>,
    /// The cycle in which the first operands are at PE (0, 0).
    pub first_operand: Cycle,
    /// The edge at which the last PE's sum is complete.
    pub last_mac: Cycle,
    /// The edge at which the last result is in its tap register.
    pub last_result: Cycle,
    /// The fold's share of the tile's cycles, without gap or overlap from fold to fold. What a port
    /// adds to a phase follows that phase.
    pub phases: Vec<FoldPhase>,
}

impl TileTiming {
    /// `None` if the cycles do not fit 64 bits.
    pub(crate) fn new(law: Law, cut: Folds, macs: u64, traffic: Traffic) -> Option<Self> {
        let table = FoldTable::new(law, cut)?;
        let totals = table.totals()?;
        let pes = u128::from(law.array.rows) * u128::from(law.array.columns);
        let products = pes * u128::from(law.array.kind.group);
        Some(Self {
            total: Cycles(totals.total),
            occupied: Cycles(totals.occupied_parts.total()?),
            parts: totals.parts.parts(),
            occupied_parts: totals.occupied_parts.parts(),
            folds: cut.total(),
            macs,
            mac_slots: products * u128::from(totals.total) / u128::from(law.array.interval),
            traffic,
            table,
            totals,
        })
    }

    /// When a next tile may start at the soonest, counted from the start of this one.
    ///
    /// `ScaleSim` and `Serial`: `total`. `Overlapped`: as if the folds of both were one tile. A
    /// WS or IS tile may start (load its first stationary tile into the shadow registers) while
    /// this one still streams, before `occupied`; those cycles belong to this tile's compute, and
    /// are hidden in the next one's weight load, which begins its parts.
    #[must_use]
    pub fn next_start(&self, next: &Self) -> Cycles {
        if self.table.law.array.timing != Convention::Overlapped {
            return self.total;
        }
        let last = self.table.with(self.table.cut.last());
        let first = next.table.with(next.table.cut.first());
        let stall = next.table.law.stall(last, first).cycles();
        Cycles(self.totals.stream_end + stall - first.spans.whole_load())
    }

    /// The stamps of every fold, in the order in which they run.
    pub fn folds(&self) -> impl Iterator<Item = FoldTiming> + '_ {
        let mut walk = FoldWalk {
            timing: self,
            index: 0,
            at: 0,
            previous: None,
        };
        std::iter::from_fn(move || walk.next())
    }
}

/// Yields the stamps of the folds one after the other.
struct FoldWalk<'a> {
    timing: &'a TileTiming,
    index: u64,
    /// Start of the next fold (`Serial`), end of the last stream (`Overlapped`).
    at: u64,
    previous: Option<TimedFold>,
}

impl FoldWalk<'_> {
    fn next(&mut self) -> Option<FoldTiming> {
        if self.index == self.timing.folds {
            return None;
        }
        let table = &self.timing.table;
        let timed = table.with(table.cut.at(self.index));
        let stamps = if table.law.array.timing == Convention::Overlapped {
            self.overlapped(timed)
        } else {
            self.serial(timed)
        };
        self.previous = Some(timed);
        self.index += 1;
        Some(stamps)
    }

    fn serial(&mut self, timed: TimedFold) -> FoldTiming {
        let TimedFold { fold, spans } = timed;
        let start = self.at;
        let stream = start + spans.whole_load();
        let last_mac = stream + spans.stream() + spans.pipeline + spans.fill;
        let phases = Phases::from(start)
            .then(Cause::WeightLoad, spans.load)
            .then(Cause::SramPort, spans.load_stall)
            .then(Cause::Fill, spans.fill)
            .then(Cause::Compute, spans.steps + spans.pipeline)
            .then(Cause::SramPort, spans.stall)
            .then(Cause::Drain, spans.drain)
            .then(Cause::SramPort, spans.drain_stall);
        self.at = phases.at;
        FoldTiming {
            index: self.index,
            fold,
            load: (spans.load > 0).then_some(Cycle(start)),
            first_operand: Cycle(stream + spans.lead),
            last_mac: Cycle(last_mac),
            last_result: Cycle(self.at),
            phases: phases.list,
        }
    }

    fn overlapped(&mut self, timed: TimedFold) -> FoldTiming {
        let TimedFold { fold, spans } = timed;
        let law = &self.timing.table.law;
        let stall = self
            .previous
            .map_or(Stall::default(), |last| law.stall(last, timed));
        let mut phases = Phases::from(self.at);
        let loads = spans.load > 0;
        let (load, mut first) = match self.previous {
            // Its tile loads while the last fold streams.
            Some(last) if loads => (
                Some(self.at - last.spans.stream() + last.spans.lead),
                self.at + stall.cycles(),
            ),
            Some(_) => (None, self.at),
            None => {
                phases = phases
                    .then(Cause::WeightLoad, spans.load)
                    .then(Cause::SramPort, spans.load_stall);
                (loads.then_some(0), phases.at)
            }
        };
        first += spans.lead;
        let held = |phases: Phases| {
            phases
                .then(Cause::WeightLoad, stall.load)
                .then(Cause::Drain, stall.drain)
                .then(Cause::SramPort, stall.port)
        };
        let stream = |phases: Phases| {
            phases
                .then(Cause::Compute, spans.steps)
                .then(Cause::SramPort, spans.stall)
        };
        // A stationary tile is waited for before the stream; OS results before its last step.
        phases = if loads {
            stream(held(phases))
        } else {
            if law.steps == 1 {
                first += stall.cycles();
            }
            held(stream(phases))
        };
        self.at = phases.at;
        let last_mac = self.at + spans.pipeline + spans.fill;
        if self.index + 1 == self.timing.folds {
            let tail = self.timing.totals.total - self.at;
            let port = spans.drain_stall.min(tail);
            phases = phases
                .then(Cause::Drain, tail - port)
                .then(Cause::SramPort, port);
        }
        FoldTiming {
            index: self.index,
            fold,
            load: load.map(Cycle),
            first_operand: Cycle(first),
            last_mac: Cycle(last_mac),
            last_result: Cycle(last_mac + spans.whole_drain()),
            phases: phases.list,
        }
    }
}

/// A list of phases, each of which begins where the one before ends.
struct Phases {
    at: u64,
    list: Vec<FoldPhase>,
}

impl Phases {
    fn from(at: u64) -> Self {
        Self {
            at,
            list: Vec::with_capacity(5),
        }
    }

    fn then(mut self, cause: Cause, cycles: u64) -> Self {
        if cycles > 0 {
            let to = self.at + cycles;
            self.list.push(FoldPhase {
                cause,
                from: Cycle(self.at),
                to: Cycle(to),
            });
            self.at = to;
        }
        self
    }
}

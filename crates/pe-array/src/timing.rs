//! When a tile's folds run: closed forms, and every stamp when asked for.

use event_kernel::{Cycle, Cycles};
use tile_program::Cause;

use crate::fold::Folds;
use crate::law::{Hold, Law, Spans};
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
    /// Folds of the tile.
    pub folds: u64,
    /// Multiply-accumulates that the tile asked for.
    pub macs: u64,
    /// Steps that all PEs of the array could have begun in `total`.
    pub mac_slots: u128,
    /// Elements that pass the scratchpads' ports.
    pub traffic: Traffic,
    law: Law,
    cut: Folds,
    closed: Closed,
}

/// One phase of a fold, in cycles since the tile's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldPhase {
    /// What it is.
    pub cause: Cause,
    /// First cycle.
    pub from: Cycle,
    /// The cycle after the last.
    pub to: Cycle,
}

/// The stamps of one fold, in cycles since the tile's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldTiming {
    /// Its number in the tile.
    pub index: u64,
    /// What it uses of the array.
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

/// The sums of all folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Closed {
    parts: Sums,
    occupied_parts: Sums,
    total: u64,
    /// End of the last fold's stream.
    stream_end: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    fill: u64,
    compute: u64,
    drain: u64,
    load: u64,
    port: u64,
}

impl Sums {
    fn total(&self) -> Option<u64> {
        [self.compute, self.drain, self.load, self.port]
            .into_iter()
            .try_fold(self.fill, u64::checked_add)
    }

    fn add(&mut self, other: Self, count: u64) -> Option<()> {
        let sum = |a: u64, b: u64| a.checked_add(b.checked_mul(count)?);
        *self = Self {
            fill: sum(self.fill, other.fill)?,
            compute: sum(self.compute, other.compute)?,
            drain: sum(self.drain, other.drain)?,
            load: sum(self.load, other.load)?,
            port: sum(self.port, other.port)?,
        };
        Some(())
    }

    fn parts(&self) -> Parts {
        [
            (Cause::Fill, Cycles(self.fill)),
            (Cause::Compute, Cycles(self.compute)),
            (Cause::Drain, Cycles(self.drain)),
            (Cause::WeightLoad, Cycles(self.load)),
            (Cause::SramPort, Cycles(self.port)),
        ]
    }

    /// A fold that no other overlaps.
    fn alone(spans: &Spans) -> Self {
        Self {
            fill: spans.fill,
            compute: spans.steps + spans.pipeline,
            drain: spans.drain,
            load: spans.load,
            port: spans.load_stall + spans.stall + spans.drain_stall,
        }
    }

    fn streaming(spans: &Spans) -> Self {
        Self {
            compute: spans.steps,
            port: spans.stall,
            ..Self::default()
        }
    }

    fn held(hold: Hold) -> Self {
        Self {
            drain: hold.drain,
            load: hold.load,
            port: hold.port,
            ..Self::default()
        }
    }
}

impl TileTiming {
    /// `None` if the cycles do not fit 64 bits.
    pub(crate) fn new(law: Law, cut: Folds, macs: u64, traffic: Traffic) -> Option<Self> {
        let closed = match law.array.timing {
            Convention::ScaleSim | Convention::Serial => serial(&law, &cut)?,
            Convention::Overlapped => overlapped(&law, &cut)?,
        };
        let pes = u128::from(law.array.rows) * u128::from(law.array.columns);
        Some(Self {
            total: Cycles(closed.total),
            occupied: Cycles(closed.occupied_parts.total()?),
            parts: closed.parts.parts(),
            occupied_parts: closed.occupied_parts.parts(),
            folds: cut.total(),
            macs,
            mac_slots: pes * u128::from(closed.total) / u128::from(law.array.interval),
            traffic,
            law,
            cut,
            closed,
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
        if self.law.array.timing != Convention::Overlapped {
            return self.total;
        }
        // Cannot fail: both timings were made of these.
        let spans = |timing: &Self, fold| timing.law.spans(fold).expect("computed before");
        let (last, first) = (self.cut.last(), next.cut.first());
        let (last_spans, first_spans) = (spans(self, last), spans(next, first));
        let hold = next.law.hold((last, last_spans), (first, first_spans));
        let stream = self.closed.stream_end + hold.cycles();
        Cycles(
            stream
                - first_spans
                    .whole_load()
                    .min(last_spans.stream() + hold.cycles()),
        )
    }

    /// The stamps of every fold, in the order in which they run.
    pub fn folds(&self) -> impl Iterator<Item = FoldTiming> + '_ {
        let mut run = Run {
            timing: self,
            index: 0,
            at: 0,
            previous: None,
        };
        std::iter::from_fn(move || run.next())
    }
}

fn serial(law: &Law, cut: &Folds) -> Option<Closed> {
    let mut parts = Sums::default();
    for (fold, count) in cut.kinds() {
        parts.add(Sums::alone(&law.spans(fold)?), count)?;
    }
    let total = parts.total()?;
    Some(Closed {
        parts,
        occupied_parts: parts,
        total,
        stream_end: total,
    })
}

fn overlapped(law: &Law, cut: &Folds) -> Option<Closed> {
    let mut parts = Sums::default();
    let first = law.spans(cut.first())?;
    let loading = Sums {
        load: first.load,
        port: first.load_stall,
        ..Sums::default()
    };
    parts.add(loading, 1)?;
    for (fold, count) in cut.kinds() {
        parts.add(Sums::streaming(&law.spans(fold)?), count)?;
    }
    for (fold, next, count) in cut.successions() {
        let hold = law.hold((fold, law.spans(fold)?), (next, law.spans(next)?));
        parts.add(Sums::held(hold), count)?;
    }
    let occupied_parts = parts;
    let stream_end = parts.total()?;
    let last = law.spans(cut.last())?;
    let mut total = stream_end.checked_add(last.tail())?;
    if cut.narrows() {
        total = total.max(end_of_wide(law, cut, stream_end)?);
    }
    let tail = total - stream_end;
    let port = last.drain_stall.min(tail);
    let leaving = Sums {
        drain: tail - port,
        port,
        ..Sums::default()
    };
    parts.add(leaving, 1)?;
    Some(Closed {
        parts,
        occupied_parts,
        total,
        stream_end,
    })
}

/// When the last fold of the last full-width block ends, the narrow block's streams ending at
/// `stream_end`.
fn end_of_wide(law: &Law, cut: &Folds, stream_end: u64) -> Option<u64> {
    let blocks = cut.rows.blocks();
    let narrow = cut.last().columns;
    let at = |index: u64| {
        let fold = cut.at(index);
        Some((fold, law.spans(fold)?))
    };
    let block = Folds::new(cut.rows, crate::fold::Cut::new(narrow, narrow), 1)?;
    let mut behind = Sums::default();
    for (fold, count) in block.kinds() {
        behind.add(Sums::streaming(&law.spans(fold)?), count)?;
    }
    for (fold, next, count) in block.successions() {
        let hold = law.hold((fold, law.spans(fold)?), (next, law.spans(next)?));
        behind.add(Sums::held(hold), count)?;
    }
    let wide = at(cut.total() - blocks - 1)?;
    let across = law.hold(wide, at(cut.total() - blocks)?);
    behind.add(Sums::held(across), 1)?;
    (stream_end - behind.total()?).checked_add(wide.1.tail())
}

/// Walks the folds.
struct Run<'a> {
    timing: &'a TileTiming,
    index: u64,
    /// Start of the next fold (`Serial`), end of the last stream (`Overlapped`).
    at: u64,
    previous: Option<(Fold, Spans)>,
}

impl Run<'_> {
    fn next(&mut self) -> Option<FoldTiming> {
        if self.index == self.timing.folds {
            return None;
        }
        let fold = self.timing.cut.at(self.index);
        // Cannot fail: the closed form was made of these.
        let spans = self.timing.law.spans(fold).expect("computed before");
        let stamps = if self.timing.law.array.timing == Convention::Overlapped {
            self.overlapped(fold, spans)
        } else {
            self.serial(fold, spans)
        };
        self.previous = Some((fold, spans));
        self.index += 1;
        Some(stamps)
    }

    fn serial(&mut self, fold: Fold, spans: Spans) -> FoldTiming {
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

    fn overlapped(&mut self, fold: Fold, spans: Spans) -> FoldTiming {
        let law = &self.timing.law;
        let hold = self
            .previous
            .map_or(Hold::default(), |last| law.hold(last, (fold, spans)));
        let mut phases = Phases::from(self.at);
        let loads = spans.load > 0;
        let (load, mut first) = match self.previous {
            // Its tile loads while the last fold streams.
            Some((_, last)) if loads => (
                Some(self.at - last.stream() + last.lead),
                self.at + hold.cycles(),
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
                .then(Cause::WeightLoad, hold.load)
                .then(Cause::Drain, hold.drain)
                .then(Cause::SramPort, hold.port)
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
                first += hold.cycles();
            }
            held(stream(phases))
        };
        self.at = phases.at;
        let last_mac = self.at + spans.pipeline + spans.fill;
        if self.index + 1 == self.timing.folds {
            let tail = self.timing.closed.total - self.at;
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

/// Phases that join.
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

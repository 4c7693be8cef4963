//! The sums over all folds of a tile, in closed form.

use quantities::Cycles;
use tile_program::Cause;

use crate::fold::{Cut, Folds};
use crate::law::{Law, Spans, Stall, TimedFold};
use crate::timing::Parts;
use crate::{Convention, Fold};

/// The folds of a tile, and how long each kind of them takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoldTable {
    pub(crate) law: Law,
    pub(crate) cut: Folds,
    /// Folds differ in two sides, each whole or ragged. Unused places repeat the first.
    kinds: [TimedFold; 4],
}

impl FoldTable {
    /// `None` past 64 bits.
    pub(crate) fn new(law: Law, cut: Folds) -> Option<Self> {
        let first = cut.first();
        let mut kinds = [law.timed(first)?; 4];
        for (place, (fold, _)) in kinds.iter_mut().zip(cut.kinds()) {
            *place = law.timed(fold)?;
        }
        Some(Self { law, cut, kinds })
    }

    /// A fold of the tile with its spans.
    ///
    /// # Panics
    /// If the tile has no such fold: our own mistake.
    pub(crate) fn with(&self, fold: Fold) -> TimedFold {
        let known = self.kinds.iter().find(|known| known.fold == fold);
        *known.expect("a fold of the tile")
    }

    /// How long the stream of `next` is held back behind that of `fold`.
    fn stall(&self, fold: Fold, next: Fold) -> Stall {
        self.law.stall(self.with(fold), self.with(next))
    }

    pub(crate) fn totals(&self) -> Option<TileTotals> {
        match self.law.array.timing {
            Convention::ScaleSim | Convention::Serial => self.serial(),
            Convention::Overlapped => self.overlapped(),
        }
    }

    fn serial(&self) -> Option<TileTotals> {
        let mut parts = CycleSums::default();
        for (fold, count) in self.cut.kinds() {
            parts.add(CycleSums::alone(&self.with(fold).spans), count)?;
        }
        let total = parts.total()?;
        Some(TileTotals {
            parts,
            occupied_parts: parts,
            total,
            stream_end: total,
        })
    }

    fn overlapped(&self) -> Option<TileTotals> {
        let cut = &self.cut;
        let mut parts = CycleSums::default();
        let first = self.with(cut.first()).spans;
        let loading = CycleSums {
            load: first.load,
            port: first.load_stall,
            ..CycleSums::default()
        };
        parts.add(loading, 1)?;
        for (fold, count) in cut.kinds() {
            parts.add(CycleSums::streaming(&self.with(fold).spans), count)?;
        }
        for (fold, next, count) in cut.successions() {
            let stall = self.stall(fold, next);
            parts.add(CycleSums::stalled(stall), count)?;
        }
        let occupied_parts = parts;
        let stream_end = parts.total()?;
        let last = self.with(cut.last()).spans;
        let mut total = stream_end.checked_add(last.tail())?;
        if cut.narrows() {
            total = total.max(self.end_of_wide(stream_end)?);
        }
        let tail = total - stream_end;
        let port = last.drain_stall.min(tail);
        let leaving = CycleSums {
            drain: tail - port,
            port,
            ..CycleSums::default()
        };
        parts.add(leaving, 1)?;
        Some(TileTotals {
            parts,
            occupied_parts,
            total,
            stream_end,
        })
    }

    /// When the last fold of the last full-width block ends, the narrow block's streams ending at
    /// `stream_end`.
    fn end_of_wide(&self, stream_end: u64) -> Option<u64> {
        let cut = &self.cut;
        let blocks = cut.rows.blocks();
        let narrow = cut.last().columns;
        let block = Folds::new(cut.rows, Cut::new(narrow, narrow), 1)?;
        let mut behind = CycleSums::default();
        for (fold, count) in block.kinds() {
            behind.add(CycleSums::streaming(&self.with(fold).spans), count)?;
        }
        for (fold, next, count) in block.successions() {
            let stall = self.stall(fold, next);
            behind.add(CycleSums::stalled(stall), count)?;
        }
        let wide = cut.at(cut.total() - blocks - 1);
        let across = self.stall(wide, cut.at(cut.total() - blocks));
        behind.add(CycleSums::stalled(across), 1)?;
        (stream_end - behind.total()?).checked_add(self.with(wide).spans.tail())
    }
}

/// The sums of all folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TileTotals {
    pub(crate) parts: CycleSums,
    pub(crate) occupied_parts: CycleSums,
    pub(crate) total: u64,
    /// End of the last fold's stream.
    pub(crate) stream_end: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CycleSums {
    fill: u64,
    compute: u64,
    drain: u64,
    load: u64,
    port: u64,
}

impl CycleSums {
    pub(crate) fn total(&self) -> Option<u64> {
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

    pub(crate) fn parts(&self) -> Parts {
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

    fn stalled(stall: Stall) -> Self {
        Self {
            drain: stall.drain,
            load: stall.load,
            port: stall.port,
            ..Self::default()
        }
    }
}

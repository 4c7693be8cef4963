//! The timing laws of a fold and of folds in a row.
//!
//! # The hardware
//!
//! PE (i, j) stands in row i and column j. Operands enter from the west (row i delayed by i) and
//! from the north (column j delayed by j) and move one PE a cycle. Results move south, and leave a
//! column behind the last row *in use*: each column has a tap that reads any one of its rows into
//! a register, so a fold of few rows does not pay for rows that it does not use.
//!
//! ```text
//!               b(t,0)  b(t,1)  b(t,2)        a fold uses r rows and c columns and
//!                 ▼ +0    ▼ +1    ▼ +2        streams T steps; step t enters (0,0) at τ(t)
//!              ┌─────┐ ┌─────┐ ┌─────┐
//!   a(0,t) +0 ►│ 0,0 │►│ 0,1 │►│ 0,2 │        step t is at (i, j) in cycle τ(t) + i + j
//!              └──┬──┘ └──┬──┘ └──┬──┘        its sum is ready at  τ(t) + i + j + I + L − 1
//!              ┌──▼──┐ ┌──▼──┐ ┌──▼──┐
//!   a(1,t) +1 ►│ 1,0 │►│ 1,1 │►│ 1,2 │        I: initiation interval, L: pipeline latency
//!              └──┬──┘ └──┬──┘ └──┬──┘        W = τ(T−1) + I: how long the fold streams
//!                 ▼       ▼       ▼
//!               [tap]   [tap]   [tap]  behind row r − 1
//! ```
//!
//! A step occupies its PE for I cycles; its product passes L − 1 more registers, and the add is the
//! last of them. The add alone closes the loop over steps (OS) or over rows (WS, IS), so L counts
//! once a fold.
//!
//! How results leave and how a stationary tile enters is derived in the file of each dataflow:
//! `dataflow/output_stationary.rs`, `dataflow/weight_stationary.rs` and
//! `dataflow/input_stationary.rs`. By itself, a fold takes the sum of its phases (`Serial`).
//!
//! **Overlapped.** The next fold's operands follow the last one's without a gap, unless what stays
//! in the array stands in their way: results that have not left (OS), or a tile that is not loaded
//! (WS, IS).
//!
//! Writing E for the cycle in which a fold's stream ends, all of this is
//!
//! ```text
//!   E(0) = load(0) + W(0)          E(f+1) = E(f) + W(f+1) + wait(f, f+1)
//!
//!   last MAC of f = E(f) + L − 1 + (r − 1) + (c − 1)       end of f = last MAC + drain(f)
//! ```
//!
//! A narrow fold after a wide one may end first, in its few columns: the tile ends with whichever
//! of the two is later.

use crate::config::Resolved;
use crate::dataflow::Mapping;
use crate::feed::{Feed, Pace};
use crate::{Convention, Fold};

/// How long each phase of one fold takes by itself, in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spans {
    /// The stationary tile enters, one row a cycle.
    pub(crate) load: u64,
    /// What the port of the stationary operand adds to that.
    pub(crate) load_stall: u64,
    /// From the first step's entry at (0,0) until it reaches the last PE in use.
    pub(crate) fill: u64,
    /// Before the first step's operands are there.
    pub(crate) lead: u64,
    /// The stream of T steps at the initiation interval.
    pub(crate) steps: u64,
    /// What the ports add to that, `lead` included.
    pub(crate) stall: u64,
    /// The rest of the PE's pipeline: L − 1.
    pub(crate) pipeline: u64,
    /// The cycles in which results shift out.
    pub(crate) drain: u64,
    /// What the port of the results adds to that.
    pub(crate) drain_stall: u64,
}

impl Spans {
    /// W: from the start of the stream until the next one may start.
    pub(crate) fn stream(&self) -> u64 {
        self.steps + self.stall
    }

    pub(crate) fn whole_load(&self) -> u64 {
        self.load + self.load_stall
    }

    pub(crate) fn whole_drain(&self) -> u64 {
        self.drain + self.drain_stall
    }

    /// From the end of the stream until the last result is out.
    pub(crate) fn tail(&self) -> u64 {
        self.pipeline + self.fill + self.whole_drain()
    }
}

/// Cycles for which a fold's stream is held back behind the one before, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stall {
    /// Cycles in which the stationary tile is not loaded yet.
    pub(crate) load: u64,
    /// Cycles in which results of the fold before have not left yet.
    pub(crate) drain: u64,
    /// Cycles of either kind that a slow port causes.
    pub(crate) port: u64,
}

impl Stall {
    pub(crate) fn cycles(self) -> u64 {
        self.load + self.drain + self.port
    }
}

/// A fold with the spans of its phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimedFold {
    pub(crate) fold: Fold,
    pub(crate) spans: Spans,
}

/// A fold and the one that streams behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Succession {
    pub(crate) previous: TimedFold,
    pub(crate) next: TimedFold,
    /// The initiation interval of the PEs.
    pub(crate) interval: u64,
}

impl Succession {
    /// How many rows fewer the next fold uses; 0 if it uses as many or more.
    pub(crate) fn fewer_rows(&self) -> u64 {
        self.previous.fold.rows.saturating_sub(self.next.fold.rows)
    }
}

/// The law of one GEMM on one array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Law {
    pub(crate) array: Resolved,
    pub(crate) feed: Feed,
    /// Steps that a fold streams: T; a step is a product, or a group of products.
    pub(crate) steps: u64,
    /// GEMMs whose blocks lie on the diagonal of each fold: off it, stationary operands are zeros
    /// that nobody reads, and OS sums are left where they are.
    pub(crate) side_by_side: u64,
}

impl Law {
    /// A fold with its phases; `None` past 64 bits.
    pub(crate) fn timed(&self, fold: Fold) -> Option<TimedFold> {
        let spans = self.spans(fold)?;
        Some(TimedFold { fold, spans })
    }

    fn spans(&self, fold: Fold) -> Option<Spans> {
        let Resolved {
            rows,
            columns,
            interval,
            latency,
            dataflow,
            timing,
            kind,
            tiles: _,
        } = self.array;
        let mapping = Mapping::of(dataflow);
        let loads = mapping.loads();
        let charged = match timing {
            Convention::ScaleSim => Fold { rows, columns },
            Convention::Serial | Convention::Overlapped => fold,
        };
        let row_rate = self.feed.rate(mapping.west);
        let column_rate = self.feed.rate(mapping.north);
        let row_pace = Pace::of(fold.rows * kind.group, row_rate);
        // A row of the fold belongs to one block: so many of its columns hold something.
        let own = fold.columns / self.side_by_side;
        let entering = if loads { own } else { fold.columns };
        let column_pace = Pace::of(entering * kind.group, column_rate);
        let result_pace = Pace::of(fold.columns, self.feed.c);
        let shifted_pace = Pace::of(own, self.feed.c);
        // What enters with each step: both operands (OS), or one operand against one result.
        let pace = row_pace.slower(if loads { result_pace } else { column_pace });
        let steps = self.steps.checked_mul(interval)?;
        let stream = pace.stream_cycles(self.steps, interval)?;
        let shifted = |pace: Pace| Some(pace.stream_cycles(fold.rows, 1)? - fold.rows);
        let (load, load_stall) = if loads {
            (charged.rows, shifted(column_pace)?)
        } else {
            (0, 0)
        };
        let (drain, drain_stall) = match (timing, loads) {
            (Convention::ScaleSim, true) => (0, 0),
            (Convention::ScaleSim, false) => (0, shifted(shifted_pace)?),
            (_, true) => (1, 0),
            (_, false) => (fold.rows, shifted(shifted_pace)?),
        };
        let spans = Spans {
            load,
            load_stall,
            fill: charged.rows + charged.columns - 2,
            lead: pace.first_entry()?,
            steps,
            stall: stream - steps,
            pipeline: latency - 1,
            drain,
            drain_stall,
        };
        // Each span fits; so must what is made of them.
        [load_stall, stream, drain_stall]
            .into_iter()
            .try_fold(1 << 32, u64::checked_add)?;
        Some(spans)
    }

    /// How long the stream of `next` is held back behind that of `previous` (`Overlapped`).
    pub(crate) fn stall(&self, previous: TimedFold, next: TimedFold) -> Stall {
        let pair = Succession {
            previous,
            next,
            interval: self.array.interval,
        };
        (Mapping::of(self.array.dataflow).stall)(&pair)
    }
}

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
//!   a(0,t) +0 ►│ 0,0 │►│ 0,1 │►│ 0,2 │        step t is at (i, j) in cycle  τ(t) + i + j
//!              └──┬──┘ └──┬──┘ └──┬──┘        its sum is ready at           τ(t) + i + j + I + L − 1
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
//! **OS.** The sums of (i, j) are complete X + i + j after the start of the stream, where
//! X = W + L − 1. A column shifts south once its last row is complete, one row a cycle, through
//! the tap: the last of its r results is out r cycles later.
//!
//! ```text
//!   Serial, OS      (r − 1) + (c − 1)   +   W + L − 1   +   r
//!                        fill                compute       drain
//! ```
//!
//! **WS.** First the stationary tile comes down the columns, row 0 first; each PE keeps the first
//! weight that it meets and passes the others on. Row i's weight enters in cycle i, is kept in
//! cycle 2i, and is needed by the wavefront at r + i at the soonest: r cycles of load, and not one
//! less. Sums then move down the rows along with the wavefront and are out of row r − 1 when the
//! last step has passed it; the tap's register is one cycle more. **IS** is WS with the operands'
//! roles exchanged.
//!
//! ```text
//!   Serial, WS   r   +   (r − 1) + (c − 1)   +   W + L − 1   +   1
//!               load          fill                compute      drain
//! ```
//!
//! **Overlapped.** The next fold's operands follow the last one's without a gap, unless
//! * OS: the shadow accumulators of a PE still hold results. A PE's own result leaves it one cycle
//!   a row after the wavefront, the drain moves as the wavefront does, and so the next fold's last
//!   step may not enter (0,0) sooner than `drain` cycles after this fold's; a fold of r′ < r rows
//!   is complete r − r′ cycles sooner and must wait for the tap as long.
//! * WS, IS: the next tile is not loaded. Its first weight may enter the shadow register of row 0
//!   in the cycle in which that row's weight is taken, which is when this fold's first step enters,
//!   τ(0) after its stream begins; the next stream begins when the load is complete. And a fold of r′ < r rows reaches its tap sooner: its
//!   first result may not meet this fold's last, which costs r − r′ − I + 1 cycles where that is
//!   positive.
//!
//! Writing E for the cycle in which a fold's stream ends, all of this is
//!
//! ```text
//!   E(0) = load(0) + W(0)          E(f+1) = E(f) + W(f+1) + wait(f, f+1)
//!
//!   OS      wait = max(0, drain(f) + max(0, r − r′) − W(f+1))
//!   WS, IS  wait = max(0, τ(0) + load(f+1) − W(f), r − r′ − I + 1 if r > r′)
//!
//!   last MAC of f = E(f) + L − 1 + (r − 1) + (c − 1)       end of f = last MAC + drain(f)
//! ```
//!
//! A narrow fold after a wide one may end first, in its few columns: the tile ends with whichever
//! of the two is later.

use tile_program::Dataflow;

use crate::config::Resolved;
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
    /// T steps at the initiation interval.
    pub(crate) steps: u64,
    /// What the ports add to that, `lead` included.
    pub(crate) stall: u64,
    /// The rest of the PE's pipeline: L − 1.
    pub(crate) pipeline: u64,
    /// Results shift out.
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

/// Cycles for which a fold's stream is held back, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The stationary tile is not there.
    pub(crate) load: u64,
    /// Results are in the way.
    pub(crate) drain: u64,
    /// Of either, what a port is the reason for.
    pub(crate) port: u64,
}

impl Hold {
    pub(crate) fn cycles(self) -> u64 {
        self.load + self.drain + self.port
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
    /// The phases of a fold; `None` past 64 bits.
    pub(crate) fn spans(&self, fold: Fold) -> Option<Spans> {
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
        let stationary = dataflow != Dataflow::OutputStationary;
        let charged = match timing {
            Convention::ScaleSim => Fold { rows, columns },
            Convention::Serial | Convention::Overlapped => fold,
        };
        let (row_rate, column_rate) = match dataflow {
            Dataflow::OutputStationary | Dataflow::WeightStationary => (self.feed.a, self.feed.b),
            Dataflow::InputStationary => (self.feed.b, self.feed.a),
        };
        let row_pace = Pace::of(fold.rows * kind.group, row_rate);
        // A row of the fold belongs to one block: so many of its columns hold something.
        let own = fold.columns / self.side_by_side;
        let entering = if stationary { own } else { fold.columns };
        let column_pace = Pace::of(entering * kind.group, column_rate);
        let result_pace = Pace::of(fold.columns, self.feed.c);
        let shifted_pace = Pace::of(own, self.feed.c);
        // What enters with each step: both operands (OS), or one operand against one result.
        let pace = row_pace.slower(if stationary { result_pace } else { column_pace });
        let steps = self.steps.checked_mul(interval)?;
        let stream = pace.stream_cycles(self.steps, interval)?;
        let shifted = |pace: Pace| Some(pace.stream_cycles(fold.rows, 1)? - fold.rows);
        let (load, load_stall) = if stationary {
            (charged.rows, shifted(column_pace)?)
        } else {
            (0, 0)
        };
        let (drain, drain_stall) = match (timing, stationary) {
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

    /// How long the stream of `next` is held back behind that of `fold` (`Overlapped`).
    pub(crate) fn hold(&self, (fold, spans): (Fold, Spans), next: (Fold, Spans)) -> Hold {
        let (next_fold, next) = next;
        let fewer = fold.rows.saturating_sub(next_fold.rows);
        if self.array.dataflow == Dataflow::OutputStationary {
            let cycles = (spans.whole_drain() + fewer).saturating_sub(next.stream());
            let port = cycles.min(spans.drain_stall);
            return Hold {
                load: 0,
                drain: cycles - port,
                port,
            };
        }
        let load = (spans.lead + next.whole_load()).saturating_sub(spans.stream());
        let tap = (fewer + 1).saturating_sub(self.array.interval);
        let tap = if fewer > 0 { tap } else { 0 };
        if tap > load {
            return Hold {
                load: 0,
                drain: tap,
                port: 0,
            };
        }
        let port = load.min(next.load_stall);
        Hold {
            load: load - port,
            drain: 0,
            port,
        }
    }
}

//! The account of what a channel spent its time on, and of what it did.

use quantities::{Cycle, Cycles};

use crate::vocabulary::{Causes, Counters, Direction, Done};

use super::queue::Finished;
use super::refresh::RefreshSpan;

/// What the data of a column command waited for, as far as the controller knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct BurstDelay {
    /// The cycle in which the data of the command begins to move.
    pub(super) data: u64,
    /// The last refresh that held its rank.
    pub(super) refresh: RefreshSpan,
    /// Bus cycles that turning the direction costs; 0 if it does not turn.
    pub(super) turnaround: u64,
    /// Cycles since the row's precharge or activate, if this is the row's first burst.
    pub(super) row_wait: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// The cycle up to which time is accounted for: the end of the last data.
    pub(super) bus_end: u64,
    pub(super) last_direction: Option<Direction>,
    /// The cycle at which work last arrived at an idle channel.
    pub(super) busy_since: u64,
    pub(super) counters: Counters,
    causes: Causes,
    done: Vec<Done>,
}

impl Account {
    /// Attributes the time up to the beginning of a burst's data to its causes.
    pub(super) fn gap(&mut self, delay: &BurstDelay) {
        let mut rest = delay.data - self.bus_end;
        let mut begin = self.bus_end;
        let mut take = |wanted: u64| {
            let part = wanted.min(rest);
            rest -= part;
            begin += part;
            Cycles(part)
        };
        let idle = take(self.busy_since.saturating_sub(self.bus_end));
        let from = self.bus_end.max(self.busy_since).max(delay.refresh.from);
        let refresh = take(delay.refresh.to.min(delay.data).saturating_sub(from));
        self.causes.idle += idle;
        self.causes.refresh += refresh;
        self.causes.turnaround += take(delay.turnaround);
        self.causes.row_conflict += take(delay.row_wait);
        self.causes.latency += Cycles(rest);
    }

    /// Counts `bursts` bursts whose data moves within `span` cycles from `data` on.
    pub(super) fn moved(&mut self, data: u64, span: u64, bursts: u64, burst_cycles: u64) {
        let busy = bursts * burst_cycles;
        self.causes.bandwidth += Cycles(busy);
        self.causes.latency += Cycles(span - busy);
        self.counters.bus_busy += Cycles(busy);
        self.bus_end = data + span;
    }

    /// Reports a range whose last burst has just been counted.
    pub(super) fn finish(&mut self, finished: Finished) {
        self.done.push(Done {
            tag: finished.tag,
            first_data: Cycle(finished.first_data),
            last_data: Cycle(self.bus_end),
            causes: std::mem::take(&mut self.causes),
        });
    }

    pub(super) fn take_done(&mut self) -> impl Iterator<Item = Done> + use<'_> {
        self.done.drain(..)
    }
}

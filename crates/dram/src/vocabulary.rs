//! What channels and their callers say to each other: directions of transfers, requests that are
//! done, causes of time and counters.

use quantities::{Cycle, Cycles};

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Data moves from memory to the accelerator.
    #[default]
    Read,
    /// Data moves from the accelerator to memory.
    Write,
}

/// Where the time of a channel went, in its cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Causes {
    /// The data bus moved data.
    pub bandwidth: Cycles,
    /// A row had to be closed or opened first.
    pub row_conflict: Cycles,
    /// A refresh held the rank.
    pub refresh: Cycles,
    /// The data bus turned between reads and writes.
    pub turnaround: Cycles,
    /// The rest of the time in which something was asked for: access latency, spacing of bursts.
    pub latency: Cycles,
    /// Nothing was asked for.
    pub idle: Cycles,
}

impl Causes {
    /// Adds the parts of another span.
    pub fn add(&mut self, other: &Self) {
        self.bandwidth += other.bandwidth;
        self.row_conflict += other.row_conflict;
        self.refresh += other.refresh;
        self.turnaround += other.turnaround;
        self.latency += other.latency;
        self.idle += other.idle;
    }

    /// The same parts, each converted: from cycles of one clock to those of another, say.
    #[must_use]
    pub fn map(&self, mut convert: impl FnMut(Cycles) -> Cycles) -> Self {
        Self {
            bandwidth: convert(self.bandwidth),
            row_conflict: convert(self.row_conflict),
            refresh: convert(self.refresh),
            turnaround: convert(self.turnaround),
            latency: convert(self.latency),
            idle: convert(self.idle),
        }
    }

    /// The sum of all parts.
    #[must_use]
    pub fn total(&self) -> Cycles {
        [
            self.bandwidth,
            self.row_conflict,
            self.refresh,
            self.turnaround,
            self.latency,
            self.idle,
        ]
        .into_iter()
        .sum()
    }
}

/// A request whose last command is decided.
///
/// `causes` split the time from the `last_data` of the channel's previous `Done` (or cycle 0) to
/// this one's, exactly: `causes.total() == last_data - previous.last_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The tag it was pushed with.
    pub tag: u64,
    /// When its first data moves.
    pub first_data: Cycle,
    /// When its last data has moved. Never before that of an earlier `Done` of the channel.
    pub last_data: Cycle,
    /// Where the channel's time went since its previous `Done`.
    pub causes: Causes,
}

/// What a channel did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The number of bursts that were read.
    pub reads: u64,
    /// The number of bursts that were written.
    pub writes: u64,
    /// The number of bytes that moved in either direction.
    pub bytes: u64,
    /// The number of activates, each of which opens a row.
    pub activates: u64,
    /// The number of precharges of single banks.
    pub precharges: u64,
    /// The number of precharges of all banks of a rank.
    pub precharges_all: u64,
    /// The number of refresh commands to all banks of a rank.
    pub refreshes: u64,
    /// The number of refresh commands to single banks.
    pub bank_refreshes: u64,
    /// Bursts that were not the first of their open row.
    pub row_hits: u64,
    /// Bursts that were the first of their open row.
    pub row_misses: u64,
    /// Cycles in which the data bus moved data.
    pub bus_busy: Cycles,
}

impl Counters {
    /// Adds what another channel did.
    pub fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.bytes += other.bytes;
        self.activates += other.activates;
        self.precharges += other.precharges;
        self.precharges_all += other.precharges_all;
        self.refreshes += other.refreshes;
        self.bank_refreshes += other.bank_refreshes;
        self.row_hits += other.row_hits;
        self.row_misses += other.row_misses;
        self.bus_busy += other.bus_busy;
    }
}

//! A memory with a fixed bandwidth and a fixed latency.
//!
//! Bandwidth is shared in the order of arrival and kept as a fraction of cycles, so nothing is
//! lost to rounding however long the run: data of a request ends at the cycle in which its last
//! byte has moved, and the rest of that cycle belongs to the next request.

use quantities::{Cycle, Frequency};
use serde::{Deserialize, Serialize};

use crate::vocabulary::{Counters, Direction};

/// An ideal memory, as a user writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdealConfig {
    /// Bytes per second of the whole memory.
    pub bandwidth: Bandwidth,
    /// Picoseconds from a request to its first byte, rounded up to cycles.
    #[serde(default)]
    pub latency_picoseconds: u64,
    /// Bytes of the memory.
    #[serde(default = "unbounded")]
    pub capacity_bytes: u64,
    /// Bytes of one access: what is asked for moves in whole accesses. `None`: a request moves its
    /// own bytes and no more, so that the memory is never slower than a DRAM of the same peak
    /// bandwidth.
    #[serde(default)]
    pub access_bytes: Option<u64>,
}

/// A bandwidth, as an exact number of bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bandwidth {
    /// Every request's data moves at once.
    Unlimited,
    /// The memory moves this number of bytes a second.
    BytesPerSecond(u64),
}

const fn unbounded() -> u64 {
    1 << 50
}

#[derive(Clone, Debug)]
pub(crate) struct Ideal {
    latency_cycles: u64,
    /// Bytes of one access; `None`: each request is an access of its own length, counted in bytes.
    access_bytes: Option<u64>,
    /// Cycles of one access, or byte, as a fraction; `None` for an unlimited bandwidth.
    cycles_per_unit: Option<(u128, u128)>,
    /// When the data bus is free, in cycles times the fraction's denominator.
    free: u128,
    /// Requests decided, but not yet fetched: tag, arrival, first data, last data, begin of data.
    decided: Vec<Transfer>,
    /// End of the data of the request reported last.
    reported: u64,
    pub(crate) counters: Counters,
}

/// When the data of a request moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) tag: u64,
    pub(crate) arrival: u64,
    pub(crate) first_data: u64,
    pub(crate) last_data: u64,
    pub(crate) previous_data: u64,
}

impl Ideal {
    pub(crate) fn new(config: &IdealConfig, clock: Frequency) -> Option<Self> {
        let (hertz, per) = clock.as_fraction();
        let unit_bytes = config.access_bytes.unwrap_or(1);
        let cycles_per_unit = match config.bandwidth {
            Bandwidth::Unlimited => None,
            Bandwidth::BytesPerSecond(bytes) => {
                let numerator = u128::from(unit_bytes) * u128::from(hertz);
                let denominator = u128::from(bytes) * u128::from(per);
                let divisor = quantities::gcd_wide(numerator, denominator);
                Some((numerator / divisor, denominator / divisor))
            }
        };
        Some(Self {
            latency_cycles: clock.cycles_ceil(config.latency_picoseconds)?.get(),
            access_bytes: config.access_bytes,
            cycles_per_unit,
            free: 0,
            decided: Vec::new(),
            reported: 0,
            counters: Counters::default(),
        })
    }

    /// Takes in a request of so many accesses; of so many bytes, where these are no matter.
    pub(crate) fn push(&mut self, now: Cycle, units: u64, direction: Direction, tag: u64) {
        let accesses = match direction {
            Direction::Read => &mut self.counters.reads,
            Direction::Write => &mut self.counters.writes,
        };
        *accesses += self.access_bytes.map_or(1, |_| units);
        self.counters.bytes += units * self.access_bytes.unwrap_or(1);
        let arrival = now.get();
        let ready = arrival + self.latency_cycles;
        let (first_data, last_data) = match self.cycles_per_unit {
            None => (ready, ready),
            Some((numerator, denominator)) => {
                let begin = self.free.max(u128::from(ready) * denominator);
                self.free = begin + u128::from(units) * numerator;
                let first = u64::try_from(begin / denominator).unwrap_or(u64::MAX);
                let last = u64::try_from(self.free.div_ceil(denominator)).unwrap_or(u64::MAX);
                (first, last)
            }
        };
        let previous_data = self.reported;
        self.reported = last_data;
        self.decided.push(Transfer {
            tag,
            arrival,
            first_data,
            last_data,
            previous_data,
        });
    }

    pub(crate) fn next_wake(&self) -> Option<Cycle> {
        self.decided.first().map(|transfer| Cycle(transfer.arrival))
    }

    pub(crate) fn take_decided(&mut self) -> Vec<Transfer> {
        std::mem::take(&mut self.decided)
    }
}

//! The DMAs of the cores that share a memory: what each is told of its requests.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dram::{Causes, Direction};
use event_kernel::ComponentId;
use quantities::{Bytes, Cycle};

use crate::config::DmaSpec;

/// The two directions of the DMA; `side as usize` indexes tables of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Main memory to scratchpads.
    Load,
    /// Scratchpads to main memory.
    Store,
}

impl Side {
    pub(super) const fn direction(self) -> Direction {
        match self {
            Self::Load => Direction::Read,
            Self::Store => Direction::Write,
        }
    }
}

/// A piece of a transfer whose data has moved, in the order of time: whenever channels are asked,
/// the order is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    /// Edge of the reference clock by which its data has left (entered) memory.
    pub(crate) moved: Cycle,
    pub(crate) channel: u32,
    /// Breaks ties in the order of the channel's data; [`Master::push`] sets it.
    pub(super) sequence: u64,
    pub(crate) port: usize,
    pub(crate) transfer: u64,
    pub(crate) bytes: Bytes,
    /// The channel's time since the side's previous arrival on it, in memory cycles by cause.
    pub(crate) causes: Causes,
}

/// The DMA of a core, as its memory sees it. Fields of two entries are indexed by [`Side`].
pub(crate) struct Master {
    /// The components that are woken when data arrive.
    pub(super) dma: [ComponentId; 2],
    /// Data that have left (entered) memory and not reached the ports of the DMA.
    moved: [BinaryHeap<Reverse<Arrival>>; 2],
    /// Data that pass the ports of the DMA, each with the cycle at which they have passed.
    passing: [BinaryHeap<Reverse<(Cycle, Arrival)>>; 2],
    /// The number of the last arrival.
    sequence: u64,
    /// Bytes that a port of the DMA moves in a cycle of the reference clock; `None` without limit.
    rate: Option<u64>,
    /// When each port of the DMA has moved all data so far, in parts of a cycle: as many to the
    /// cycle as the rate has bytes.
    passed: [Vec<u128>; 2],
}

impl Master {
    pub(crate) fn new(dma: [ComponentId; 2], spec: &DmaSpec) -> Self {
        let ports = usize::try_from(spec.ports).expect("port counts are checked");
        Self {
            dma,
            moved: [BinaryHeap::new(), BinaryHeap::new()],
            passing: [BinaryHeap::new(), BinaryHeap::new()],
            sequence: 0,
            rate: spec.port.map(Bytes::get),
            passed: [vec![0; ports], vec![0; ports]],
        }
    }

    /// Notes data that have moved; they get the next number in the order of arrivals.
    pub(super) fn push(&mut self, side: Side, arrival: Arrival) {
        self.sequence += 1;
        self.moved[side as usize].push(Reverse(Arrival {
            sequence: self.sequence,
            ..arrival
        }));
    }

    /// The next arrival of a side at or before a cycle, and when it has passed its port.
    pub(super) fn arrival(&mut self, side: Side, now: Cycle) -> Option<(Cycle, Arrival)> {
        let side = side as usize;
        let due = |arrival: &Reverse<Arrival>| arrival.0.moved <= now;
        while let Some(Reverse(arrival)) = pop_if(&mut self.moved[side], due) {
            let Some(rate) = self.rate else {
                return Some((arrival.moved, arrival));
            };
            let free = &mut self.passed[side][arrival.port];
            let at = pass(free, rate, arrival.bytes, arrival.moved);
            self.passing[side].push(Reverse((at, arrival)));
        }
        let due = |passing: &Reverse<(Cycle, Arrival)>| passing.0.0 <= now;
        pop_if(&mut self.passing[side], due).map(|Reverse(arrival)| arrival)
    }

    /// When a side has to look for arrivals, as far as is decided.
    pub(super) fn next_arrival(&self, side: Side) -> Option<Cycle> {
        let moved = self.moved[side as usize].peek();
        let passing = self.passing[side as usize].peek();
        let moved = moved.map(|Reverse(arrival)| arrival.moved);
        let passing = passing.map(|Reverse((at, _))| *at);
        moved.into_iter().chain(passing).min()
    }
}

fn pop_if<T: Ord>(heap: &mut BinaryHeap<T>, test: impl Fn(&T) -> bool) -> Option<T> {
    heap.peek().filter(|first| test(first))?;
    heap.pop()
}

/// When data that moves at a cycle has passed a port: no faster than the port's rate, after what
/// came before. `free` counts parts of a cycle.
fn pass(free: &mut u128, rate: u64, bytes: Bytes, moved: Cycle) -> Cycle {
    let rate = u128::from(rate);
    *free = (*free + u128::from(bytes.get())).max(u128::from(moved.get()) * rate);
    Cycle(u64::try_from(free.div_ceil(rate)).unwrap_or(u64::MAX))
}

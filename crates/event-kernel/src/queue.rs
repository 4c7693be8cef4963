//! The queue of wake-ups.

use std::cmp::Reverse;
use std::hash::BuildHasherDefault;

use priority_queue::PriorityQueue;
use rustc_hash::FxHasher;

use crate::{ComponentId, Instant};

/// The order inside an instant. Closed on purpose: a model that needs another order needs another
/// instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// What was under way arrives: data are there, and work that ends now is complete.
    #[default]
    Deliver,
    /// Components act on what they see.
    Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    instant: Instant,
    phase: Phase,
    sequence: u64,
}

/// Wake-ups in the order of (instant, phase, sequence), at most one per component.
///
/// All operations take O(log n) for n components with a pending wake-up.
#[derive(Debug, Default)]
pub struct WakeQueue {
    queue: PriorityQueue<ComponentId, Reverse<Key>, BuildHasherDefault<FxHasher>>,
    sequence: u64,
}

impl WakeQueue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Schedules a wake-up, unless an earlier or equal one is pending. A pending later one is
    /// replaced, and the new one goes behind all others of its instant and phase.
    pub fn schedule(&mut self, who: ComponentId, instant: Instant, phase: Phase) {
        // 2^64 wake-ups at 10^9 a second take 584 years.
        self.sequence += 1;
        let key = Key {
            instant,
            phase,
            sequence: self.sequence,
        };
        // With `Reverse`, to increase a priority is to move a wake-up to an earlier key; an equal
        // (instant, phase) has a later sequence and so does not replace the pending one.
        self.queue.push_increase(who, Reverse(key));
    }

    /// Takes the first wake-up.
    pub fn pop(&mut self) -> Option<(ComponentId, Instant, Phase)> {
        self.queue
            .pop()
            .map(|(who, Reverse(key))| (who, key.instant, key.phase))
    }

    /// The instant of the first wake-up.
    #[must_use]
    pub fn peek(&self) -> Option<Instant> {
        self.queue.peek().map(|(_, Reverse(key))| key.instant)
    }

    /// How many components have a pending wake-up.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nobody has a pending wake-up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

//! Requests under way: each has one slot from its acceptance to its command.

use crate::driver::Arrived;
use dram::Direction;

/// A request's slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    pub(super) burst: u64,
    pub(super) accepted: u64,
    /// The number of requests of the same direction before it.
    pub(super) order: u64,
    pub(super) row: u32,
    /// The slot of the next request that waits for the same bank, or the next free slot.
    pub(super) next: Id,
    pub(super) column: u32,
    pub(super) bank: u8,
    pub(super) direction: Direction,
}

/// The number of a slot.
pub(super) type Id = u32;

/// Stands for no slot where an [`Id`] is expected.
pub(super) const NO_ID: Id = Id::MAX;

/// The slots. As many as were ever in use at once: queues bound them.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    slots: Vec<Entry>,
    free: Id,
}

impl Requests {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: NO_ID,
        }
    }

    #[inline]
    pub(super) fn get(&self, id: Id) -> &Entry {
        &self.slots[id as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: Id) -> &mut Entry {
        &mut self.slots[id as usize]
    }

    /// The slot of a request that is accepted at a tick.
    #[inline]
    pub(super) fn add(&mut self, tick: u64, request: &Arrived) -> Id {
        if self.free == NO_ID {
            self.free = self.slots.len() as Id;
            self.slots.push(Entry {
                next: NO_ID,
                ..Entry::default()
            });
        }
        let id = self.free;
        let slot = &mut self.slots[id as usize];
        self.free = slot.next;
        slot.burst = request.burst;
        slot.accepted = tick;
        slot.row = request.row;
        slot.column = request.column;
        slot.bank = request.bank as u8;
        slot.direction = request.direction;
        id
    }

    #[inline]
    pub(super) fn remove(&mut self, id: Id) {
        self.slots[id as usize].next = self.free;
        self.free = id;
    }
}

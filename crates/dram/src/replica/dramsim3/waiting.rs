//! Requests on their way to the banks' queues, and what tells that a burst is new.

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) burst: u64,
    pub(super) accepted: u64,
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) bank: u16,
    pub(super) write: bool,
}

/// No slot.
const NONE: u16 = u16::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    entry: Entry,
    /// Counts arrivals.
    order: u64,
    /// The slot of the bank's next entry, or the next free slot.
    next: u16,
}

/// The entries of a bank, oldest first.
#[derive(Clone, Copy, Debug)]
struct List {
    head: u16,
    tail: u16,
    /// The arrival of the oldest.
    order: u64,
}

/// Requests that wait for their bank's queue: of a bank, always the oldest goes.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    slots: Vec<Slot>,
    free: u16,
    lists: Vec<List>,
    /// Banks with entries.
    pub(super) banks: u64,
    length: usize,
    arrivals: u64,
}

impl Waiting {
    pub(super) fn new(depth: usize, banks: usize) -> Self {
        let list = List {
            head: NONE,
            tail: NONE,
            order: 0,
        };
        Self {
            slots: Vec::with_capacity(depth),
            free: NONE,
            lists: vec![list; banks],
            banks: 0,
            length: 0,
            arrivals: 0,
        }
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) fn has(&self, burst: u64, bank: usize) -> bool {
        let mut at = self.lists[bank].head;
        while let Some(slot) = self.slots.get(usize::from(at)) {
            if slot.entry.burst == burst {
                return true;
            }
            at = slot.next;
        }
        false
    }

    /// The oldest entry that waits for none of the full banks.
    #[inline]
    pub(super) fn first_beside(&self, full: u64) -> Option<Entry> {
        let mut left = self.banks & !full;
        let mut best = (u64::MAX, NONE);
        while left != 0 {
            let list = &self.lists[left.trailing_zeros() as usize];
            left &= left - 1;
            if list.order < best.0 {
                best = (list.order, list.head);
            }
        }
        self.slots.get(usize::from(best.1)).map(|slot| slot.entry)
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry) {
        let slot = Slot {
            entry,
            order: self.arrivals,
            next: NONE,
        };
        let at = if self.free == NONE {
            self.slots.push(slot);
            (self.slots.len() - 1) as u16
        } else {
            let at = self.free;
            self.free = self.slots[usize::from(at)].next;
            self.slots[usize::from(at)] = slot;
            at
        };
        let list = &mut self.lists[usize::from(entry.bank)];
        if list.head == NONE {
            list.head = at;
            list.order = slot.order;
            self.banks |= 1 << entry.bank;
        } else {
            self.slots[usize::from(list.tail)].next = at;
        }
        list.tail = at;
        self.arrivals += 1;
        self.length += 1;
    }

    /// Takes out the oldest entry of a bank that has one.
    #[inline]
    pub(super) fn remove_first(&mut self, bank: u16) {
        let list = &mut self.lists[usize::from(bank)];
        let at = list.head;
        let next = self.slots[usize::from(at)].next;
        self.slots[usize::from(at)].next = self.free;
        self.free = at;
        list.head = next;
        match self.slots.get(usize::from(next)) {
            Some(slot) => list.order = slot.order,
            None => self.banks &= !(1 << bank),
        }
        self.length -= 1;
    }
}

/// How many requests are under way by a hash of their burst: most bursts are told to be new
/// without a search.
#[derive(Clone, Debug)]
pub(super) struct Filter([u8; 512]);

impl Filter {
    pub(super) const EMPTY: Self = Self([0; 512]);

    const fn slot(burst: u64) -> usize {
        (burst.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55) as usize
    }

    #[inline]
    pub(super) fn may_have(&self, burst: u64) -> bool {
        self.0[Self::slot(burst)] > 0
    }

    #[inline]
    pub(super) fn add(&mut self, burst: u64) {
        let count = &mut self.0[Self::slot(burst)];
        *count = count.saturating_add(1);
    }

    #[inline]
    pub(super) fn remove(&mut self, burst: u64) {
        // A count that was ever full stays, and only costs searches.
        let count = &mut self.0[Self::slot(burst)];
        if *count < u8::MAX {
            *count -= 1;
        }
    }
}

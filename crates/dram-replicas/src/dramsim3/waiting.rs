//! Requests on their way to the banks' queues, and what tells that a burst is new.

use super::requests::{Id, NO_ID, Requests};

/// The requests that wait for a bank, oldest first.
#[derive(Clone, Copy, Debug)]
struct List {
    /// The order of the oldest.
    order: u64,
    head: Id,
    tail: Id,
}

/// Requests that wait for their bank's queue: of a bank, always the oldest goes.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    lists: Vec<List>,
    /// The banks with requests, one bit a bank.
    pub(super) banks: u64,
    length: usize,
    arrivals: u64,
}

impl Waiting {
    pub(super) fn new(banks: usize) -> Self {
        let list = List {
            order: 0,
            head: NO_ID,
            tail: NO_ID,
        };
        Self {
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

    pub(super) fn has(&self, burst: u64, bank: usize, requests: &Requests) -> bool {
        let mut at = self.lists[bank].head;
        while at != NO_ID {
            let entry = requests.get(at);
            if entry.burst == burst {
                return true;
            }
            at = entry.next;
        }
        false
    }

    /// The bank of the oldest request that waits for none of the full banks.
    #[inline]
    pub(super) fn first_beside(&self, full: u64) -> Option<usize> {
        let mut left = self.banks & !full;
        if left == 0 {
            return None;
        }
        let mut best = left.trailing_zeros() as usize;
        left &= left - 1;
        while left != 0 {
            let bank = left.trailing_zeros() as usize;
            left &= left - 1;
            if self.lists[bank].order < self.lists[best].order {
                best = bank;
            }
        }
        Some(best)
    }

    /// The oldest request of a bank that has one.
    #[inline]
    pub(super) fn oldest(&self, bank: usize) -> Id {
        self.lists[bank].head
    }

    #[inline]
    pub(super) fn push(&mut self, id: Id, requests: &mut Requests) {
        let entry = requests.get_mut(id);
        entry.order = self.arrivals;
        entry.next = NO_ID;
        let bank = usize::from(entry.bank);
        let list = &mut self.lists[bank];
        if self.banks >> bank & 1 == 0 {
            *list = List {
                order: self.arrivals,
                head: id,
                tail: id,
            };
            self.banks |= 1 << bank;
        } else {
            requests.get_mut(list.tail).next = id;
            list.tail = id;
        }
        self.arrivals += 1;
        self.length += 1;
    }

    /// Takes out the oldest request of a bank that has one.
    #[inline]
    pub(super) fn remove_oldest(&mut self, bank: usize, requests: &Requests) {
        let list = &mut self.lists[bank];
        list.head = requests.get(list.head).next;
        if list.head == NO_ID {
            self.banks &= !(1 << bank);
        } else {
            list.order = requests.get(list.head).order;
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

//! A bank's command queue.

use super::requests::Id;

/// A ring of requests, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// The places of the ring; their number is a power of two.
    ring: Box<[Id]>,
    /// The length of the ring less one, which masks indices into it.
    mask: usize,
    head: u32,
    length: u32,
}

impl Queue {
    pub(super) fn new(depth: usize) -> Self {
        Self {
            ring: vec![0; depth.next_power_of_two()].into(),
            mask: depth.next_power_of_two() - 1,
            head: 0,
            length: 0,
        }
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.length as usize
    }

    #[inline]
    const fn place(&self, index: usize) -> usize {
        (self.head as usize + index) & self.mask
    }

    /// The request of an index below the length.
    #[inline]
    pub(super) fn get(&self, index: usize) -> Id {
        self.ring[self.place(index)]
    }

    /// The first `count` requests.
    #[inline]
    pub(super) fn first(&self, count: usize) -> impl Iterator<Item = Id> {
        (0..count).map(|index| self.get(index))
    }

    /// Appends a request. The caller makes sure that the queue is not full.
    #[inline]
    pub(super) fn push(&mut self, id: Id) {
        let place = self.place(self.len());
        self.ring[place] = id;
        self.length += 1;
    }

    /// Takes out the request of an index below the length.
    #[inline]
    pub(super) fn take(&mut self, index: usize) -> Id {
        let id = self.get(index);
        for earlier in (0..index).rev() {
            let place = self.place(earlier + 1);
            self.ring[place] = self.get(earlier);
        }
        self.head = self.place(1) as u32;
        self.length -= 1;
        id
    }
}

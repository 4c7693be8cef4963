//! A bank with its command queue, and what that queue can give.

use dram::Direction;

use super::PagePolicy;
use super::gates::Kind;
use super::queue::Queue;
use super::requests::{Entry, Id, Requests};

/// Column commands of a row after which its bank's oldest request may close it.
const ROW_HITS: u32 = 4;

/// Stands for no entry where the place of an entry in a queue is expected.
const NONE: u16 = u16::MAX;

/// The commands that a bank's queue can issue: at most one of each kind can be the first that is
/// ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choices {
    /// An activate or a precharge for the oldest entry.
    pub(super) row: Option<Kind>,
    /// The entries of the read and of the write that can go.
    read: u16,
    write: u16,
}

impl Choices {
    const NOTHING: Self = Self {
        row: None,
        read: NONE,
        write: NONE,
    };

    #[inline]
    pub(super) fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Read => self.read != NONE,
            Kind::Write => self.write != NONE,
            _ => self.row == Some(kind),
        }
    }

    /// The kinds that it can give, a bit each by their numbers.
    #[inline]
    pub(super) fn kinds(&self) -> u32 {
        let row = self.row.map_or(0, |row| 1 << row as u32);
        row | u32::from(self.read != NONE) << Kind::Read as u32
            | u32::from(self.write != NONE) << Kind::Write as u32
    }

    /// The entry that a kind would go for: of an activate or a precharge, the oldest.
    #[inline]
    pub(super) const fn entry(&self, kind: Kind) -> usize {
        match kind {
            Kind::Read => self.read as usize,
            Kind::Write => self.write as usize,
            _ => 0,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Bank {
    queue: Queue,
    pub(super) row: Option<u32>,
    /// The number of column commands since the activate.
    pub(super) hits: u32,
    pub(super) choices: Choices,
    /// The number of writes in the queue.
    writes: u32,
    /// The tick of the last hit in a run of hits.
    pub(super) last_hit: u64,
}

impl Bank {
    pub(super) fn new(depth: usize) -> Self {
        Self {
            queue: Queue::new(depth),
            row: None,
            hits: 0,
            choices: Choices::NOTHING,
            writes: 0,
            last_hit: 0,
        }
    }

    /// The requests in the queue.
    #[inline]
    pub(super) const fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The oldest request of a queue that has one.
    #[inline]
    pub(super) fn oldest(&self) -> Id {
        self.queue.get(0)
    }

    /// Whether a burst waits for its read, or for its write.
    pub(super) fn has(&self, burst: u64, direction: Direction, requests: &Requests) -> bool {
        let mut all = self
            .queue
            .first(self.queue.len())
            .map(|id| requests.get(id));
        all.any(|entry| entry.burst == burst && entry.direction == direction)
    }

    /// Appends a request; true if that leaves the choices as they are.
    #[inline]
    pub(super) fn push(&mut self, id: Id, requests: &Requests) -> bool {
        let index = self.queue.len();
        let entry = requests.get(id);
        self.queue.push(id);
        self.writes += u32::from(entry.direction == Direction::Write);
        if index == 0 {
            self.choices = self.choices_of(entry);
            return false;
        }
        if self.row != Some(entry.row) {
            return true;
        }
        let mut same = true;
        if self.hits < ROW_HITS && self.choices.row.is_some() {
            self.choices.row = None;
            same = false;
        }
        if entry.direction == Direction::Write {
            if self.choices.write == NONE && !self.waits_for_read(index, requests) {
                self.choices.write = index as u16;
                same = false;
            }
        } else if self.choices.read == NONE {
            self.choices.read = index as u16;
            same = false;
        }
        same
    }

    /// Takes out the request whose column command goes, which closes the row or not; true if that
    /// leaves the choices as they are.
    #[inline]
    pub(super) fn take(
        &mut self,
        index: usize,
        page: PagePolicy,
        requests: &Requests,
    ) -> (Id, bool) {
        let id = self.queue.take(index);
        let direction = requests.get(id).direction;
        self.writes -= u32::from(direction == Direction::Write);
        self.hits += 1;
        if page == PagePolicy::Closed {
            self.row = None;
        }
        let same = index == 0 && self.still_hits(direction, requests) || self.look_up(requests);
        (id, same)
    }

    /// Whether the queue, whose oldest request has just gone, has reads alone or writes alone as it
    /// had, and the oldest hits the open row again: then it can give what it could.
    #[inline]
    fn still_hits(&self, direction: Direction, requests: &Requests) -> bool {
        let length = self.queue.len();
        let same = match direction {
            Direction::Read => length - self.writes as usize,
            Direction::Write => self.writes as usize,
        };
        same == length && length > 0 && Some(requests.get(self.queue.get(0)).row) == self.row
    }

    /// Opens the row of the oldest request; true if that leaves the choices as they are.
    pub(super) fn open(&mut self, requests: &Requests) -> bool {
        self.row = Some(requests.get(self.queue.get(0)).row);
        self.hits = 0;
        self.look_up(requests)
    }

    /// Closes the row; true if that leaves the choices as they are.
    pub(super) fn close(&mut self, requests: &Requests) -> bool {
        self.row = None;
        self.look_up(requests)
    }

    /// Whether a write goes to a place that a request before it reads.
    fn waits_for_read(&self, index: usize, requests: &Requests) -> bool {
        let entry = requests.get(self.queue.get(index));
        let reads = |earlier: &Entry| {
            earlier.direction == Direction::Read
                && earlier.row == entry.row
                && earlier.column == entry.column
        };
        self.queue.first(index).any(|id| reads(requests.get(id)))
    }

    /// What an entry alone in the queue lets it give.
    #[inline]
    fn choices_of(&self, entry: &Entry) -> Choices {
        let mut choices = Choices::NOTHING;
        match self.row {
            None => choices.row = Some(Kind::Activate),
            Some(row) if row != entry.row => choices.row = Some(Kind::Precharge),
            _ if entry.direction == Direction::Write => choices.write = 0,
            _ => choices.read = 0,
        }
        choices
    }

    /// Looks up what the queue can give; true if that is what it could.
    #[inline]
    fn look_up(&mut self, requests: &Requests) -> bool {
        let before = self.choices;
        self.choices = if self.queue.len() == 0 {
            Choices::NOTHING
        } else {
            self.look(requests)
        };
        self.choices == before
    }

    fn look(&self, requests: &Requests) -> Choices {
        let length = self.queue.len();
        let oldest = requests.get(self.queue.get(0));
        let alone = self.writes == 0 || self.writes as usize == length;
        let row = match self.row {
            Some(row) if !alone || oldest.row != row => row,
            _ => return self.choices_of(oldest),
        };
        let misses = oldest.row != row;
        let mut choices = Choices::NOTHING;
        let mut hit = false;
        for (index, id) in self.queue.first(length).enumerate() {
            let entry = requests.get(id);
            if entry.row != row {
                continue;
            }
            hit = true;
            if entry.direction == Direction::Read {
                choices.read = choices.read.min(index as u16);
            } else if choices.write == NONE && !self.waits_for_read(index, requests) {
                choices.write = index as u16;
            }
        }
        if misses && (!hit || self.hits >= ROW_HITS) {
            choices.row = Some(Kind::Precharge);
        }
        choices
    }
}

//! A bank with its command queue, and what that queue can give.

use std::collections::VecDeque;

use crate::command::Command;

use super::waiting::Entry;

/// Column commands of a row after which its bank's oldest request may close it.
const ROW_HITS: u32 = 4;

/// What a bank's queue can give: at most one command of each kind can ever be the first that is
/// ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Choices {
    /// An activate or a precharge for the oldest entry.
    pub(super) row: Option<Command>,
    /// The entries of the read and of the write that can go.
    pub(super) read: Option<u16>,
    pub(super) write: Option<u16>,
}

impl Choices {
    pub(super) fn any(&self) -> bool {
        self.row.is_some() || self.read.is_some() || self.write.is_some()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Bank {
    pub(super) queue: VecDeque<Entry>,
    pub(super) row: Option<u32>,
    /// Column commands since the activate.
    pub(super) hits: u32,
    pub(super) choices: Choices,
    /// Writes in the queue.
    writes: u16,
}

impl Bank {
    pub(super) fn new(depth: usize) -> Self {
        Self {
            queue: VecDeque::with_capacity(depth),
            row: None,
            hits: 0,
            choices: Choices::default(),
            writes: 0,
        }
    }

    /// Whether a burst waits for its read, or for its write.
    pub(super) fn has(&self, burst: u64, write: bool) -> bool {
        let waits = |entry: &Entry| entry.burst == burst && entry.write == write;
        self.queue.iter().any(waits)
    }

    /// Appends an entry; true if that changes the choices.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) -> bool {
        let index = self.queue.len();
        self.queue.push_back(entry);
        self.writes += u16::from(entry.write);
        let before = self.choices;
        match self.row {
            _ if index == 0 => self.look_up(),
            Some(row) if entry.row == row => {
                if self.hits < ROW_HITS {
                    self.choices.row = None;
                }
                if entry.write {
                    if self.choices.write.is_none() && !self.waits_for_read(index) {
                        self.choices.write = Some(index as u16);
                    }
                } else if self.choices.read.is_none() {
                    self.choices.read = Some(index as u16);
                }
            }
            _ => return false,
        }
        self.choices != before
    }

    /// Takes an entry out whose column command goes.
    #[inline]
    pub(super) fn take(&mut self, index: usize) -> Entry {
        let entry = if index == 0 {
            self.queue.pop_front()
        } else {
            self.queue.remove(index)
        };
        let entry = entry.expect("a chosen entry is in the queue");
        self.writes -= u16::from(entry.write);
        entry
    }

    /// Whether a write goes to a place that an entry before it reads.
    fn waits_for_read(&self, index: usize) -> bool {
        let entry = &self.queue[index];
        self.queue.range(..index).any(|earlier| {
            !earlier.write && earlier.row == entry.row && earlier.column == entry.column
        })
    }

    /// Looks up what the queue can give.
    #[inline]
    pub(super) fn look_up(&mut self) {
        self.choices = Choices::default();
        let Some(oldest) = self.queue.front() else {
            return;
        };
        let Some(row) = self.row else {
            self.choices.row = Some(Command::Activate);
            return;
        };
        if oldest.row == row && (self.writes == 0 || usize::from(self.writes) == self.queue.len()) {
            if oldest.write {
                self.choices.write = Some(0);
            } else {
                self.choices.read = Some(0);
            }
            return;
        }
        let mut hit = false;
        for (index, entry) in self.queue.iter().enumerate() {
            if entry.row != row {
                continue;
            }
            hit = true;
            if !entry.write {
                self.choices.read = self.choices.read.or(Some(index as u16));
            } else if self.choices.write.is_none() && !self.waits_for_read(index) {
                self.choices.write = Some(index as u16);
            }
        }
        if oldest.row != row && (!hit || self.hits >= ROW_HITS) {
            self.choices.row = Some(Command::Precharge);
        }
    }
}

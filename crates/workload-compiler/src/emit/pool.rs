//! The free bytes of a scratchpad.

use std::collections::VecDeque;

use super::dependencies::Dependencies;
use crate::tuning::MAX_CREDITS;

/// Bytes that are free after certain completions.
#[derive(Clone, Debug)]
struct Credit {
    bytes: u64,
    after: Dependencies,
}

/// The free bytes of one scratchpad, oldest first.
#[derive(Debug)]
pub(super) struct Pool {
    credits: VecDeque<Credit>,
}

impl Pool {
    /// A pool whose bytes are all free.
    pub(super) fn new(capacity: u64) -> Self {
        let first = Credit {
            bytes: capacity,
            after: Dependencies::default(),
        };
        Self {
            credits: VecDeque::from([first]),
        }
    }

    /// Uses up the oldest credits and adds to `after` what they wait for. Returns false if the pool
    /// has fewer bytes.
    pub(super) fn take(&mut self, mut bytes: u64, after: &mut Dependencies) -> bool {
        while bytes > 0 {
            let Some(front) = self.credits.front_mut() else {
                return false;
            };
            after.merge(&front.after);
            if front.bytes > bytes {
                front.bytes -= bytes;
                return true;
            }
            bytes -= front.bytes;
            self.credits.pop_front();
        }
        true
    }

    /// Adds bytes that are free after some completions.
    pub(super) fn give(&mut self, bytes: u64, after: Dependencies) {
        if bytes == 0 {
            return;
        }
        if let Some(back) = self.credits.back_mut()
            && back.after == after
        {
            back.bytes += bytes;
            return;
        }
        if self.credits.len() >= MAX_CREDITS {
            let oldest = self.credits.pop_front().expect("just counted");
            let next = self.credits.front_mut().expect("just counted");
            next.bytes += oldest.bytes;
            next.after.merge(&oldest.after);
        }
        self.credits.push_back(Credit { bytes, after });
    }

    /// The bytes of all credits.
    pub(super) fn free(&self) -> u64 {
        self.credits.iter().map(|credit| credit.bytes).sum()
    }
}

//! The free bytes of a scratchpad.

use std::collections::VecDeque;

use super::emitter::After;
use crate::tuning::MAX_CREDITS;

/// Free bytes, and after what they are free.
#[derive(Clone, Debug)]
struct Credit {
    bytes: u64,
    after: After,
}

/// The free bytes of one scratchpad, oldest first.
#[derive(Debug)]
pub(super) struct Pool {
    credits: VecDeque<Credit>,
}

impl Pool {
    pub(super) fn new(capacity: u64) -> Self {
        let first = Credit {
            bytes: capacity,
            after: After::default(),
        };
        Self {
            credits: VecDeque::from([first]),
        }
    }

    /// Uses up the oldest credits; says after what they are free.
    pub(super) fn take(&mut self, mut bytes: u64, after: &mut After) -> bool {
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

    pub(super) fn give(&mut self, bytes: u64, after: After) {
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

    pub(super) fn free(&self) -> u64 {
        self.credits.iter().map(|credit| credit.bytes).sum()
    }
}

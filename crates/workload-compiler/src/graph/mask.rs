//! Which keys a block of queries is computed against.

use std::ops::Range;

/// Which keys a query may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mask {
    /// First position that any query sees, and the position after the last.
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Position of the first query.
    pub(crate) past: u64,
    /// Positions that a query sees at most, its own included.
    pub(crate) window: Option<u64>,
    /// Keys that no query of a block sees are left out, else they are computed and masked.
    pub(crate) skips: bool,
}

impl Mask {
    /// The keys that a block of queries is computed against. Where blocks of so many keys are
    /// shared with other queries, these are whole blocks from `from` on.
    pub(crate) fn keys(&self, queries: &Range<u64>, shared_block: Option<u64>) -> Range<u64> {
        if !self.skips {
            return self.from..self.to;
        }
        let end = (self.past + queries.end).min(self.to);
        if let Some(keys) = shared_block {
            let blocks = (end - self.from).div_ceil(keys);
            return self.from..(self.from + blocks.saturating_mul(keys)).min(self.to);
        }
        let first = self.window.map_or(0, |window| {
            (self.past + queries.start + 1).saturating_sub(window)
        });
        first.max(self.from)..end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pairs that a mask leaves of some tokens, so many queries at a time.
    fn pairs(mask: &Mask, tokens: u64, block: u64) -> u64 {
        let starts = (0..tokens).step_by(usize::try_from(block).unwrap());
        starts
            .map(|start| {
                let queries = start..(start + block).min(tokens);
                let keys = mask.keys(&queries, None);
                (queries.end - queries.start) * (keys.end - keys.start)
            })
            .sum()
    }

    #[test]
    fn a_query_at_a_time_leaves_exactly_the_triangle() {
        let mask = |past, tokens, window| Mask {
            from: 0,
            to: past + tokens,
            past,
            window,
            skips: true,
        };
        assert_eq!(pairs(&mask(0, 64, None), 64, 1), 64 * 65 / 2);
        assert_eq!(pairs(&mask(100, 64, None), 64, 1), 64 * 100 + 64 * 65 / 2);
        // Of a window of 8, the first 7 queries see fewer.
        assert_eq!(pairs(&mask(0, 64, Some(8)), 64, 1), 7 * 8 / 2 + 57 * 8);
        let computed = Mask {
            skips: false,
            ..mask(0, 64, None)
        };
        assert_eq!(pairs(&computed, 64, 1), 64 * 64);
    }

    proptest! {
        /// What a query sees is computed, and of the rest no more than its block's own corner.
        #[test]
        fn a_block_of_queries_sees_what_its_queries_see(
            tokens in 1_u64..60, past in 0_u64..60, queries in 1_u64..20, keys in 1_u64..20,
            window in prop::option::of(1_u64..40), kept: bool,
        ) {
            let mask = Mask { from: 0, to: past + tokens, past, window, skips: true };
            let queries = queries.min(tokens);
            for start in (0..tokens).step_by(usize::try_from(queries).unwrap()) {
                let block = start..(start + queries).min(tokens);
                let seen = mask.keys(&block, kept.then_some(keys));
                let first = window.map_or(0, |window| (past + start + 1).saturating_sub(window));
                prop_assert!(seen.start <= first && seen.end >= past + block.end);
                if !kept {
                    prop_assert_eq!(seen, first..past + block.end);
                }
            }
        }
    }
}

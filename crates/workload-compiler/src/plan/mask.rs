//! Which keys a block of queries is computed against.

use std::ops::Range;

use super::attention::AttentionPlan;

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
    /// The keys that a block of queries is computed against: whole blocks from `from` on where
    /// they are shared with other queries.
    pub(crate) fn keys(&self, queries: &Range<u64>, plan: &AttentionPlan) -> Range<u64> {
        if !self.skips {
            return self.from..self.to;
        }
        let end = (self.past + queries.end).min(self.to);
        if plan.kept {
            let blocks = (end - self.from).div_ceil(plan.keys);
            return self.from..(self.from + blocks.saturating_mul(plan.keys)).min(self.to);
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
    use crate::plan::choice::Cost;

    fn plan(queries: u64, keys: u64, kept: bool) -> AttentionPlan {
        AttentionPlan {
            heads: 1,
            queries,
            keys,
            whole_rows: false,
            kept,
            pipelined: true,
            lanes: 1,
            pairs: 0,
            needs: [0; 3],
            cost: Cost::default(),
        }
    }

    /// Pairs that a mask leaves of some tokens cut so.
    fn pairs(mask: &Mask, tokens: u64, plan: &AttentionPlan) -> u64 {
        let starts = (0..tokens).step_by(usize::try_from(plan.queries).unwrap());
        starts
            .map(|start| {
                let queries = start..(start + plan.queries).min(tokens);
                let keys = mask.keys(&queries, plan);
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
        let alone = plan(1, 1, false);
        assert_eq!(pairs(&mask(0, 64, None), 64, &alone), 64 * 65 / 2);
        assert_eq!(
            pairs(&mask(100, 64, None), 64, &alone),
            64 * 100 + 64 * 65 / 2
        );
        // Of a window of 8, the first 7 queries see fewer.
        assert_eq!(pairs(&mask(0, 64, Some(8)), 64, &alone), 7 * 8 / 2 + 57 * 8);
        let computed = Mask {
            skips: false,
            ..mask(0, 64, None)
        };
        assert_eq!(pairs(&computed, 64, &alone), 64 * 64);
    }

    proptest! {
        /// What a query sees is computed, and of the rest no more than its block's own corner.
        #[test]
        fn a_block_of_queries_sees_what_its_queries_see(
            tokens in 1_u64..60, past in 0_u64..60, queries in 1_u64..20, keys in 1_u64..20,
            window in prop::option::of(1_u64..40), kept: bool,
        ) {
            let mask = Mask { from: 0, to: past + tokens, past, window, skips: true };
            let plan = plan(queries.min(tokens), keys, kept);
            for start in (0..tokens).step_by(usize::try_from(plan.queries).unwrap()) {
                let block = start..(start + plan.queries).min(tokens);
                let seen = mask.keys(&block, &plan);
                let first = window.map_or(0, |window| (past + start + 1).saturating_sub(window));
                prop_assert!(seen.start <= first && seen.end >= past + block.end);
                if !kept {
                    prop_assert_eq!(seen, first..past + block.end);
                }
            }
        }
    }
}

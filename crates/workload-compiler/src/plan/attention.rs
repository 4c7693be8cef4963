//! The tiles of attention: which heads, queries and keys are on chip together.
//!
//! Scores never leave the chip. For a block of queries they are computed for all keys (whole rows)
//! and then go through softmax, or block of keys by block with running maximum and sum (online).
//! Keys and values are read once if those of a head can stay for all queries, else once for each
//! block of queries.

use super::gemm::{distance, sizes};

/// Attention of one layer and sequence, as far as its tiles go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AttentionProblem {
    pub(crate) tokens: u64,
    /// Positions that are seen.
    pub(crate) span: u64,
    /// Those of them that come from main memory.
    pub(crate) streamed: u64,
    pub(crate) kv_heads: u64,
    pub(crate) group: u64,
    pub(crate) head_dim: u64,
    /// Bytes of a position of a head.
    pub(crate) stride: u64,
    pub(crate) a_bits: u64,
    pub(crate) accumulator_bytes: u64,
    /// Bits of a query element that is loaded; 0 if queries are on chip.
    pub(crate) query_bits: u64,
    /// Bits of a context element that passes through the activation scratchpad.
    pub(crate) staging_bits: u64,
    pub(crate) whole_rows_allowed: bool,
    pub(crate) columns: u64,
    pub(crate) activations: u64,
    pub(crate) weights: u64,
    pub(crate) outputs: u64,
}

/// Tiles of attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttentionPlan {
    /// Key/value heads side by side.
    pub(crate) heads: u64,
    /// Tokens of a block of queries.
    pub(crate) queries: u64,
    /// Positions of a block of keys.
    pub(crate) keys: u64,
    /// Softmax over whole rows, else block by block.
    pub(crate) whole_rows: bool,
    /// Keys and values of the heads stay for all blocks of queries.
    pub(crate) kept: bool,
    /// The next scores are computed before the present context.
    pub(crate) pipelined: bool,
}

type Score = (u64, bool, bool, u64, u64);

/// What is left of a scratchpad without limits is at least this: 2^60 bytes hold whatever a program
/// can address.
const UNLIMITED: u64 = 1 << 60;

impl AttentionProblem {
    /// Bytes that the heads' rows take: activations, outputs.
    fn row_bytes(&self, heads: u64, queries: u64, span: u64, depth: u64) -> (u64, u64) {
        let m = heads * self.group * queries;
        let scores = m.saturating_mul(span);
        let vectors = m * self.head_dim;
        let activations = (scores.saturating_mul(self.a_bits).div_ceil(8))
            .saturating_add((vectors * (self.query_bits + self.staging_bits)).div_ceil(8));
        let outputs = scores
            .saturating_add(vectors)
            .saturating_mul(self.accumulator_bytes);
        (
            activations.saturating_mul(depth),
            outputs.saturating_mul(depth),
        )
    }

    fn key_sizes(&self) -> Vec<u64> {
        sizes(self.span, self.columns.min(self.span))
    }

    /// What the smallest tile needs: activations, weights, outputs.
    pub(crate) fn least(&self) -> (u64, u64, u64) {
        let keys = *self.key_sizes().last().expect("sizes are never empty");
        let (activations, outputs) = self.row_bytes(1, 1, keys, 1);
        let weights = keys.min(self.streamed) * self.stride;
        (activations, weights, outputs)
    }

    /// The best tiles, or `None` if nothing fits.
    pub(crate) fn solve(&self) -> Option<AttentionPlan> {
        let mut best: Option<(Score, AttentionPlan)> = None;
        for pipelined in [true, false] {
            for whole_rows in [true, false] {
                if whole_rows && !self.whole_rows_allowed {
                    continue;
                }
                for queries in sizes(self.tokens, 1) {
                    for keys in self.key_sizes() {
                        for heads in sizes(self.kv_heads, 1) {
                            for kept in [false, true] {
                                let plan = AttentionPlan {
                                    heads,
                                    queries,
                                    keys,
                                    whole_rows,
                                    kept,
                                    pipelined,
                                };
                                let Some(score) = self.score(&plan) else {
                                    continue;
                                };
                                if best.as_ref().is_none_or(|(least, _)| score < *least) {
                                    best = Some((score, plan));
                                }
                            }
                        }
                    }
                }
            }
        }
        best.map(|(_, plan)| plan)
    }

    /// How good a plan is (less is better), or `None` if it does not fit.
    fn score(&self, plan: &AttentionPlan) -> Option<Score> {
        // Heads stand side by side only where everything of a head is one tile.
        if plan.heads > 1 && (plan.keys < self.span || plan.queries < self.tokens) {
            return None;
        }
        let blocks = self.tokens.div_ceil(plan.queries);
        if plan.kept && blocks == 1 {
            return None;
        }
        let depth = if plan.pipelined { 2 } else { 1 };
        let span = if plan.whole_rows {
            self.span
        } else {
            plan.keys
        };
        let (activations, outputs) = self.row_bytes(plan.heads, plan.queries, span, depth);
        let streamed = plan.keys.min(self.streamed);
        let tile = plan.heads * streamed * self.stride;
        let weights = if plan.kept {
            2 * plan.heads * self.streamed * self.stride
        } else {
            tile * depth
        };
        if activations > self.activations || outputs > self.outputs || weights > self.weights {
            return None;
        }
        let passes = if plan.kept || self.streamed == 0 {
            1
        } else {
            blocks
        };
        let tiles = blocks * self.span.div_ceil(plan.keys) * self.kv_heads.div_ceil(plan.heads);
        Some((
            passes,
            !plan.pipelined,
            !plan.whole_rows,
            // A cut makes room for overlap; without limits there is room for all, and it would only
            // cost the array another wavefront.
            if self.weights >= UNLIMITED {
                0
            } else {
                distance(tile, self.weights)
            },
            tiles,
        ))
    }
}

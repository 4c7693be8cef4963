//! How attention is cut into units and items, and which rows and columns an item has.

use std::ops::Range;

use crate::graph::{AttentionStage, Mask};
use crate::plan::AttentionPlan;

/// One item: what goes through softmax together.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) sequence: u64,
    /// The key/value heads of the item.
    pub(super) heads: Range<u64>,
    /// The tokens of the sequence whose queries it has.
    pub(super) queries: Range<u64>,
    /// The positions of its keys, all blocks of the item together.
    pub(super) keys: Range<u64>,
    /// Positions of all items of this block of queries.
    pub(super) span: Range<u64>,
}

impl Item {
    pub(super) const fn is_first(&self) -> bool {
        self.keys.start == self.span.start
    }

    pub(super) const fn is_last(&self) -> bool {
        self.keys.end == self.span.end
    }
}

/// All items of a layer's attention. Items of a unit share what stays on chip, and so an array:
/// those of a block of queries, or (where keys and values stay) of all queries of its heads.
#[derive(Clone, Debug)]
pub(super) struct Items {
    batch: u64,
    tokens: u64,
    /// The first row of the sequences.
    row: u64,
    kv_heads: u64,
    group: u64,
    head_dim: u64,
    separate: bool,
    mask: Mask,
    plan: AttentionPlan,
}

impl Items {
    pub(super) fn new(stage: &AttentionStage, plan: &AttentionPlan) -> Self {
        Self {
            batch: stage.batch,
            tokens: stage.tokens,
            row: stage.sequences.row,
            kv_heads: stage.kv_heads,
            group: stage.group,
            head_dim: stage.head_dim,
            separate: stage.separate,
            mask: stage.mask(),
            plan: plan.clone(),
        }
    }

    const fn head_blocks(&self) -> u64 {
        self.kv_heads.div_ceil(self.plan.heads)
    }

    const fn query_blocks(&self) -> u64 {
        self.tokens.div_ceil(self.plan.queries)
    }

    /// Blocks of queries of a sequence that are units of their own.
    const fn blocks_apart(&self) -> u64 {
        if self.plan.kept {
            1
        } else {
            self.query_blocks()
        }
    }

    /// The number of units.
    pub(super) const fn units(&self) -> u64 {
        self.batch * self.head_blocks() * self.blocks_apart()
    }

    /// How many items there are, those that a mask leaves out among them.
    pub(super) const fn count(&self) -> u64 {
        let keys = if self.plan.whole_rows {
            1
        } else {
            (self.mask.to - self.mask.from).div_ceil(self.plan.keys)
        };
        self.batch * self.head_blocks() * self.query_blocks() * keys
    }

    /// The first item of a unit: heads turn first, so that rows of the context are whole early;
    /// then blocks of queries, then sequences.
    pub(super) fn first(&self, unit: u64) -> Item {
        let (block, head) = (unit / self.head_blocks(), unit % self.head_blocks());
        let (sequence, block) = (block / self.blocks_apart(), block % self.blocks_apart());
        let head = head * self.plan.heads;
        self.item(sequence, head, block * self.plan.queries, None)
    }

    /// Rows of queries, keys and values, from the first of the tensors on, that a unit reads.
    pub(super) fn rows_needed(&self, unit: u64) -> u64 {
        let first = self.first(unit);
        let end = if self.plan.kept {
            self.tokens
        } else {
            let new = first.span.end.saturating_sub(self.mask.past);
            new.max(first.queries.end)
        };
        self.row + first.sequence * self.tokens + end
    }

    /// Rows of the context before those of an item.
    pub(super) fn rows_before(&self, item: &Item) -> u64 {
        let queries = if self.plan.kept {
            0
        } else {
            item.queries.start
        };
        self.row + item.sequence * self.tokens + queries
    }

    /// Rows of the context before those of the next sequences.
    pub(super) const fn rows_end(&self) -> u64 {
        self.row + self.batch * self.tokens
    }

    fn item(&self, sequence: u64, head: u64, query: u64, key: Option<u64>) -> Item {
        let queries = query..(query + self.plan.queries).min(self.tokens);
        let span = self.mask.keys(&queries, self.plan.shared_block());
        let key = key.unwrap_or(span.start);
        let keys = if self.plan.whole_rows {
            span.clone()
        } else {
            key..(key + self.plan.keys).min(span.end)
        };
        Item {
            sequence,
            heads: head..(head + self.plan.heads).min(self.kv_heads),
            queries,
            keys,
            span,
        }
    }

    /// The item of the same unit after this one: keys turn first, then queries.
    pub(super) fn after(&self, item: &Item) -> Option<Item> {
        let (sequence, head) = (item.sequence, item.heads.start);
        if !item.is_last() {
            return Some(self.item(sequence, head, item.queries.start, Some(item.keys.end)));
        }
        let more = self.plan.kept && item.queries.end < self.tokens;
        more.then(|| self.item(sequence, head, item.queries.end, None))
    }

    /// Query rows of one GEMM, and how many GEMMs.
    pub(super) fn shape(&self, item: &Item) -> (u64, u64) {
        let heads = item.heads.end - item.heads.start;
        let tokens = item.queries.end - item.queries.start;
        if self.separate {
            (tokens, heads * self.group)
        } else {
            (tokens * self.group, heads)
        }
    }

    /// Rows of the query and context tensors.
    pub(super) fn rows(&self, item: &Item) -> Range<u64> {
        let base = self.row + item.sequence * self.tokens;
        base + item.queries.start..base + item.queries.end
    }

    /// Columns of the query and context tensors.
    pub(super) fn columns(&self, item: &Item) -> Range<u64> {
        let width = self.group * self.head_dim;
        item.heads.start * width..item.heads.end * width
    }

    /// The blocks of an item's keys.
    pub(super) fn blocks(&self, item: &Item) -> impl Iterator<Item = Range<u64>> + use<> {
        let (keys, end) = (self.plan.keys, item.keys.end);
        let mut from = item.keys.start;
        std::iter::from_fn(move || {
            let block = from..(from + keys).min(end);
            from = block.end;
            (!block.is_empty()).then_some(block)
        })
    }
}

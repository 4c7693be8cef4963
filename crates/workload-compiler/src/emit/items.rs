//! How attention is cut into items, and which rows and columns an item has.

use std::ops::Range;

use crate::lower::AttentionStage;
use crate::plan::AttentionPlan;

/// One item.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) sequence: u64,
    /// Key/value heads.
    pub(super) heads: Range<u64>,
    /// Tokens of the sequence.
    pub(super) queries: Range<u64>,
    /// Positions, all blocks of the item together.
    pub(super) keys: Range<u64>,
}

/// All items of a layer's attention.
#[derive(Clone, Copy, Debug)]
pub(super) struct Items {
    batch: u64,
    tokens: u64,
    /// The first row of the sequences.
    row: u64,
    from: u64,
    to: u64,
    kv_heads: u64,
    group: u64,
    head_dim: u64,
    separate: bool,
    /// Sizes of an item.
    heads: u64,
    queries: u64,
    keys: u64,
    whole_rows: bool,
}

impl Items {
    pub(super) const fn new(stage: &AttentionStage, plan: &AttentionPlan) -> Self {
        Self {
            batch: stage.batch,
            tokens: stage.tokens,
            row: stage.sequences.row,
            from: stage.from,
            to: stage.to,
            kv_heads: stage.kv_heads,
            group: stage.group,
            head_dim: stage.head_dim,
            separate: stage.separate,
            heads: plan.heads,
            queries: plan.queries,
            keys: plan.keys,
            whole_rows: plan.whole_rows,
        }
    }

    pub(super) fn first(&self) -> Item {
        self.item(0, 0, 0, self.from)
    }

    fn item(&self, sequence: u64, head: u64, query: u64, key: u64) -> Item {
        let keys = if self.whole_rows {
            self.from..self.to
        } else {
            key..(key + self.keys).min(self.to)
        };
        Item {
            sequence,
            heads: head..(head + self.heads).min(self.kv_heads),
            queries: query..(query + self.queries).min(self.tokens),
            keys,
        }
    }

    /// The item after this one: keys turn first, then queries, heads, sequences.
    pub(super) fn after(&self, item: &Item) -> Option<Item> {
        if item.keys.end < self.to {
            return Some(self.item(
                item.sequence,
                item.heads.start,
                item.queries.start,
                item.keys.end,
            ));
        }
        let from = self.from;
        if item.queries.end < self.tokens {
            return Some(self.item(item.sequence, item.heads.start, item.queries.end, from));
        }
        if item.heads.end < self.kv_heads {
            return Some(self.item(item.sequence, item.heads.end, 0, from));
        }
        let sequence = item.sequence + 1;
        (sequence < self.batch).then(|| self.item(sequence, 0, 0, from))
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
        let (keys, end) = (self.keys, item.keys.end);
        let mut from = item.keys.start;
        std::iter::from_fn(move || {
            let block = from..(from + keys).min(end);
            from = block.end;
            (!block.is_empty()).then_some(block)
        })
    }
}

//! Attention, item by item.
//!
//! An item is a block of queries of some heads of a sequence against all keys (whole rows) or one
//! block of keys (online). Its scores go through softmax; its context is summed up over the items
//! of the block of queries. With pipelining the next item's scores stand before this item's context
//! in program order, so that the array has work while the vector unit does softmax. Arrays that
//! share the work each have items of their own.

mod items;
mod layer;
mod operands;

use tile_program::UnitId;

use super::buffer::Buffer;
use super::context::Context;
use crate::graph::{AttentionStage, Backing, TensorId};
use crate::plan::{AttentionPlan, accumulator_bytes};
use items::{Item, Items};
use layer::{Layer, Pending};

/// Attention of a layer in the course of being emitted.
pub(super) struct AttentionEmitter {
    layer: Layer,
    /// The lanes that still have work.
    lanes: Vec<Lane>,
    /// The unit of items that no lane has taken yet.
    next_unit: u64,
}

/// The items of one array, and what it holds for them.
struct Lane {
    /// The array's place in the target.
    array: usize,
    unit: UnitId,
    /// The array cycles of the items that it has been given.
    load: u64,
    next: Option<Item>,
    pending: Option<Pending>,
    /// The present block of queries, while items share it.
    query: Option<Buffer>,
    /// The sums of the present context.
    context: Option<Buffer>,
    /// Keys and values that stay for all blocks of queries, block by block.
    kept: [Vec<Buffer>; 2],
}

impl AttentionEmitter {
    pub(super) fn new(stage: AttentionStage, plan: AttentionPlan, context: &Context) -> Self {
        let cache = |id: TensorId| match context.tensors[id].spec.backing {
            Backing::Cache(cache) => cache.of(&stage.sequences),
            Backing::Slot(_) | Backing::Rows(_) => unreachable!("keys are backed by a cache"),
        };
        let team = context.team(stage.array, stage.scores);
        let lanes = usize::try_from(plan.lanes).expect("no more lanes than arrays");
        let lane = |&array: &usize| Lane {
            array,
            unit: context.units.target.arrays[array].unit,
            load: 0,
            next: None,
            pending: None,
            query: None,
            context: None,
            kept: [Vec::new(), Vec::new()],
        };
        Self {
            lanes: team[..lanes].iter().map(lane).collect(),
            next_unit: 0,
            layer: Layer {
                cache: [cache(stage.key), cache(stage.value)],
                accumulator_bytes: accumulator_bytes(&context.units.target, &team),
                items: Items::new(&stage, &plan),
                stage,
                plan,
            },
        }
    }

    /// The number of items.
    pub(super) const fn steps(&self) -> u64 {
        self.layer.items.count()
    }

    /// Rows of queries, keys and values that the next item reads.
    pub(super) fn rows_needed(&self) -> u64 {
        let last = self.layer.items.units() - 1;
        self.layer.items.rows_needed(self.next_unit.min(last))
    }

    /// Rows of the context that are done, with all heads.
    pub(super) fn rows_done(&self) -> u64 {
        let items = &self.layer.items;
        let under_way = self.lanes.iter().flat_map(|lane| {
            let pending = lane.pending.as_ref().map(|pending| &pending.item);
            lane.next.iter().chain(pending)
        });
        let next = (self.next_unit < items.units()).then(|| items.first(self.next_unit));
        let rows = under_way.chain(&next).map(|item| items.rows_before(item));
        rows.min().unwrap_or(items.rows_end())
    }

    /// Emits the scores of an item and the context of the one before (or of the same), on the array
    /// that has been given the least.
    pub(super) fn step(&mut self, context: &mut Context) -> bool {
        let units = self.layer.items.units();
        let lane = self.lanes.iter_mut().min_by_key(|lane| lane.load);
        let lane = lane.expect("a lane is left until the end");
        if lane.next.is_none() && self.next_unit < units {
            lane.next = Some(self.layer.items.first(self.next_unit));
            self.next_unit += 1;
        }
        if let Some(item) = &lane.next {
            let cycles = self.layer.cycles(context, lane.array, item);
            lane.load = lane.load.saturating_add(cycles);
        }
        self.layer.step(context, lane);
        if self.next_unit == units {
            self.lanes
                .retain(|lane| lane.next.is_some() || lane.pending.is_some());
        }
        !self.lanes.is_empty()
    }
}

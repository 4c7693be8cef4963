//! How long the units work on the tiles of attention, by the machine's own laws.

use std::ops::Range;

use quantities::{Bytes, Cycles};
use tile_program::{Target, VectorKind, VectorTile};

use super::attention::{AttentionPlan, AttentionProblem, tile};
use super::cost::{Cost, VectorOverlap, vector_cycles};
use super::team::{TileTimeCache, TileTimes, Work, makespan};
use crate::graph::AttentionPhase;
use crate::tuning::{HIDEABLE_PER_CHARGE, MOST_EARLY_BLOCKS, SAMPLED_BLOCKS};

/// A block of queries, and how many blocks it stands for.
struct SampledBlock {
    queries: Range<u64>,
    count: u64,
}

/// The time of an item's block of queries.
struct BlockTime {
    /// On each array.
    arrays: TileTimes,
    /// On the vector unit.
    vector: Cycles,
}

impl AttentionProblem {
    /// Blocks of queries that stand for all of them: at most [`SAMPLED_BLOCKS`].
    fn blocks(&self, queries: u64) -> impl Iterator<Item = SampledBlock> + use<> {
        let (tokens, count) = (self.tokens, self.tokens.div_ceil(queries));
        let samples = count.min(SAMPLED_BLOCKS);
        (0..samples).map(move |sample| {
            let (first, next) = (sample * count / samples, (sample + 1) * count / samples);
            // The middle one of those that it stands for.
            let start = (first + next - 1) / 2 * queries;
            SampledBlock {
                queries: start..(start + queries).min(tokens),
                count: next - first,
            }
        })
    }

    /// What a plan costs; `None` if no array can run one of its tiles.
    pub(super) fn cost(&self, plan: &AttentionPlan, times: &TileTimeCache<'_>) -> Option<Cost> {
        let target = times.target();
        let items = self.batch * self.kv_heads.div_ceil(plan.heads);
        let mut cost = Cost::default();
        let mut work = Vec::new();
        let mut all_blocks = TileTimes::zero(self.team.len());
        let mut positions: u64 = 0;
        for SampledBlock { queries, count } in self.blocks(plan.queries) {
            let keys = self.mask.keys(&queries, plan.shared_block());
            let block = self.block(plan, &queries, &keys, times);
            let vector = block.vector.saturating_mul(count * items);
            cost.vector = cost.vector.saturating_add(vector);
            positions = positions.saturating_add(self.streamed(&keys).saturating_mul(count));
            if plan.kept {
                all_blocks.add(count, &block.arrays);
            } else {
                work.push(Work {
                    count: count * items,
                    times: block.arrays,
                });
            }
        }
        if plan.kept {
            work.push(Work {
                count: items,
                times: all_blocks,
            });
            positions = self.all_streamed();
        }
        cost.array = if plan.lanes == 1 {
            cycles_on_first(&work)?
        } else {
            makespan(&work)?
        };
        if plan.pipelined || plan.lanes > 1 {
            // Scores of the next block are computed while softmax is at the present ones; else
            // array and vector unit take turns.
            cost.vector_overlap = VectorOverlap::Full;
        }
        cost.exposed_head = self.late_start(plan, cost.array);
        let sides = self.of_phase((), ()).count() as u64;
        let all_heads = self.batch * self.kv_heads;
        let bytes = Bytes(positions).saturating_mul(sides * self.stride * all_heads);
        Some(cost.and_bytes(bytes.saturating_add(self.other_bytes), target))
    }

    /// What is charged to a plan for letting other arrays wait until its first rows are whole:
    /// those that follow it work from there on.
    fn late_start(&self, plan: &AttentionPlan, array: Cycles) -> Cycles {
        let blocks = if plan.kept {
            self.batch
        } else {
            self.batch
                .saturating_mul(self.tokens.div_ceil(plan.queries))
        };
        let hideable = array.min(self.overlappable).get();
        Cycles(hideable / HIDEABLE_PER_CHARGE / blocks.min(MOST_EARLY_BLOCKS))
    }

    /// The time of a block of queries of an item's heads.
    fn block(
        &self,
        plan: &AttentionPlan,
        queries: &Range<u64>,
        keys: &Range<u64>,
        times: &TileTimeCache<'_>,
    ) -> BlockTime {
        let target = times.target();
        let repeat = plan.heads * if self.separate { self.group } else { 1 };
        let m = (queries.end - queries.start) * if self.separate { 1 } else { self.group };
        let span = keys.end - keys.start;
        let mut arrays = TileTimes::zero(self.team.len());
        let mut online = Cycles::ZERO;
        let pieces = [(span / plan.keys, plan.keys), (1, span % plan.keys)];
        for (count, length) in pieces {
            if count == 0 || length == 0 {
                continue;
            }
            let scores = tile(m, length, self.head_dim, repeat);
            let context = tile(m, self.head_dim, length, repeat);
            for work in self.of_phase(scores, context) {
                arrays.add(count, &times.tile(&work));
            }
            let softmax = self.softmax(m * repeat, length, target);
            online = online.saturating_add(softmax.saturating_mul(count));
        }
        let vector = if plan.whole_rows {
            self.softmax(m * repeat, span, target)
        } else {
            let scalings = span.div_ceil(plan.keys).saturating_sub(1);
            let scaling = self.scaling(m * repeat, target);
            online.saturating_add(scaling.saturating_mul(scalings))
        };
        BlockTime { arrays, vector }
    }

    /// What a stage of this phase has of scores and context.
    fn of_phase<T>(&self, scores: T, context: T) -> impl Iterator<Item = T> {
        let scores = (!matches!(self.phase, AttentionPhase::Context(_))).then_some(scores);
        let context = (!matches!(self.phase, AttentionPhase::Scores(_))).then_some(context);
        scores.into_iter().chain(context)
    }

    /// The time of softmax over so many rows.
    fn softmax(&self, rows: u64, span: u64, target: &Target) -> Cycles {
        self.vector_work(VectorKind::Softmax, rows, span, target)
    }

    /// The time of scaling the contexts of so many rows, when their maximum has changed.
    fn scaling(&self, rows: u64, target: &Target) -> Cycles {
        self.vector_work(VectorKind::Multiply, rows, self.head_dim, target)
    }

    /// The time of vector work on sums; zero where the stage has no softmax.
    fn vector_work(&self, kind: VectorKind, rows: u64, columns: u64, target: &Target) -> Cycles {
        if !self.softmax {
            return Cycles::ZERO;
        }
        let elements = rows.saturating_mul(columns);
        let bits = 8 * self.accumulator_bytes;
        vector_cycles(&VectorTile::on_sums(kind, elements, rows, bits), target)
    }
}

/// The cycles of all work on the first array of the team; `None` if it cannot run one piece.
fn cycles_on_first(work: &[Work]) -> Option<Cycles> {
    let mut sum = Cycles::ZERO;
    for Work { count, times } in work {
        sum = sum.saturating_add(times.on_first()?.saturating_mul(*count));
    }
    Some(sum)
}

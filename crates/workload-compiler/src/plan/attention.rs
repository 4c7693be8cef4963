//! The tiles of attention: which heads, queries and keys are on chip together.
//!
//! Scores never leave the chip. For a block of queries they are computed for all keys (whole rows)
//! and then go through softmax, or block of keys by block with running maximum and sum (online).
//! Keys and values are read once if those of a head can stay for all queries, else once for each
//! block of queries. Arrays share the heads, or blocks of queries.

use std::cmp::Reverse;
use std::ops::Range;

use quantities::Bytes;
use tile_program::{GemmTile, LoopOrder, Reuse, Target, Tiling, VectorKind, VectorTile};

use crate::graph::{AttentionPhase, Mask};

use super::search::{Candidate, Contest, Cost, Verdict};
use super::sizes::{UNLIMITED, distance, sizes};
use super::team::{Clockwork, Times, makespan};
use crate::tuning::{HIDEABLE_PER_CHARGE, MOST_EARLY_BLOCKS, SAMPLED_BLOCKS};

/// Attention of one layer and sequence, as far as its tiles go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AttentionProblem {
    pub(crate) phase: AttentionPhase,
    pub(crate) batch: u64,
    pub(crate) tokens: u64,
    pub(crate) mask: Mask,
    /// Positions that come from main memory: those before this one.
    pub(crate) streamed_to: u64,
    pub(crate) kv_heads: u64,
    pub(crate) group: u64,
    pub(crate) head_dim: u64,
    /// Each query head its own GEMM.
    pub(crate) separate: bool,
    /// Bytes of a position of a head.
    pub(crate) stride: u64,
    pub(crate) a_bits: u64,
    pub(crate) accumulator_bytes: u64,
    /// Bits of a query element that is loaded; 0 if queries are on chip.
    pub(crate) query_bits: u64,
    /// Bits of a context element that passes through the activation scratchpad.
    pub(crate) staging_bits: u64,
    /// Bytes that move however it is cut: queries and contexts.
    pub(crate) other_bytes: u64,
    pub(crate) whole_rows_allowed: bool,
    /// Whether the vector unit does softmax.
    pub(crate) softmax: bool,
    pub(crate) columns: u64,
    /// Heads whose contexts fit side by side in an array.
    pub(crate) packs: u64,
    /// Places in the target of the arrays that share the work.
    pub(crate) team: Vec<usize>,
    pub(crate) activations: u64,
    pub(crate) weights: u64,
    pub(crate) outputs: u64,
    /// Cycles for which other arrays may work beside it.
    pub(crate) beside: u64,
}

/// Tiles of attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttentionPlan {
    /// Key/value heads of an item.
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
    /// Arrays that work at once, each on heads or queries of its own.
    pub(crate) lanes: u64,
    /// Pairs of a query token and a key position that are computed, for one head.
    pub(crate) pairs: u64,
    /// Bytes of each scratchpad that are held at once.
    pub(crate) needs: [u64; 3],
    pub(crate) cost: Cost,
}

impl AttentionPlan {
    /// Keys of a block, where all blocks of queries share it.
    pub(crate) fn shared_block(&self) -> Option<u64> {
        self.kept.then_some(self.keys)
    }
}

impl Candidate for AttentionPlan {
    fn cost(&self) -> Cost {
        self.cost
    }

    fn cuts_like(&self, other: &Self) -> bool {
        let sizes = |plan: &Self| (plan.heads, plan.queries, plan.keys, plan.kept, plan.lanes);
        sizes(self) == sizes(other)
    }
}

/// A plan and how it was found.
pub(crate) type AttentionChoice = (AttentionPlan, Verdict<AttentionPlan>);

/// Without double buffers; block by block; distance from a good size; tiles; fewer lanes.
type Tie = (bool, bool, u64, u64, Reverse<u64>);

impl AttentionProblem {
    /// Bytes that the heads' rows take: activations, outputs.
    fn row_bytes(&self, heads: u64, queries: u64, span: u64, copies: u64) -> (u64, u64) {
        let m = heads * self.group * queries;
        let scores = m.saturating_mul(span);
        let vectors = m * self.head_dim;
        let activations = (scores.saturating_mul(self.a_bits).div_ceil(8))
            .saturating_add((vectors * (self.query_bits + self.staging_bits)).div_ceil(8));
        let outputs = scores
            .saturating_add(vectors)
            .saturating_mul(self.accumulator_bytes);
        (
            activations.saturating_mul(copies),
            outputs.saturating_mul(copies),
        )
    }

    fn span(&self) -> u64 {
        self.mask.to - self.mask.from
    }

    fn key_sizes(&self) -> Vec<u64> {
        sizes(self.span(), self.columns.min(self.span()))
    }

    /// Of some positions, how many come from main memory.
    fn streamed(&self, keys: &Range<u64>) -> u64 {
        self.streamed_to.min(keys.end).saturating_sub(keys.start)
    }

    /// Bytes of each scratchpad that the smallest tile needs: activations, weights, outputs.
    pub(crate) fn least(&self) -> [u64; 3] {
        let keys = *self.key_sizes().last().expect("sizes are never empty");
        let (activations, outputs) = self.row_bytes(1, 1, keys, 1);
        let all = self.mask.from..self.mask.to;
        let weights = keys.min(self.streamed(&all)) * self.stride;
        [activations, weights, outputs]
    }

    /// The best tiles, or `None` if nothing fits.
    pub(crate) fn solve(&self, target: &Target) -> Option<AttentionChoice> {
        let clockwork = Clockwork::new(target, &self.team);
        let contest = self.contest(target, &clockwork);
        let unbounded = Self {
            activations: UNLIMITED,
            weights: UNLIMITED,
            outputs: UNLIMITED,
            ..self.clone()
        };
        contest.end(unbounded.contest(target, &clockwork).best_cost())
    }

    fn contest(&self, target: &Target, clockwork: &Clockwork<'_>) -> Contest<Tie, AttentionPlan> {
        let mut contest = Contest::new();
        for mut plan in self.plans() {
            plan.needs = self.needs(&plan);
            if !self.fits(&plan) {
                continue;
            }
            self.weigh(&mut plan, target, clockwork);
            // A cut makes room for overlap; without limits there is room for all, and it would only
            // cost the array another wavefront.
            let off = if self.weights >= UNLIMITED {
                0
            } else {
                distance(self.tile_bytes(&plan), self.weights)
            };
            let tiles = self.tokens.div_ceil(plan.queries)
                * self.span().div_ceil(plan.keys)
                * self.kv_heads.div_ceil(plan.heads);
            let lanes = Reverse(plan.lanes);
            contest.offer(
                plan.clone(),
                (!plan.pipelined, !plan.whole_rows, off, tiles, lanes),
            );
        }
        contest
    }

    /// All combinations of sizes and ways.
    fn plans(&self) -> Vec<AttentionPlan> {
        let mut plans = Vec::new();
        let arrays = self.team.len() as u64;
        let mut all_lanes = vec![arrays, 1];
        all_lanes.dedup();
        for queries in sizes(self.tokens, 1) {
            for keys in self.key_sizes() {
                for heads in sizes(self.kv_heads, 1) {
                    // Several heads go together where a head alone is little, or leaves room for
                    // others in the array.
                    let whole = queries == self.tokens && keys == self.span();
                    let fused = self.phase == AttentionPhase::Fused;
                    // Scores in memory lie query by query.
                    if heads > self.packs && !whole || heads > 1 && !fused && queries < self.tokens
                    {
                        continue;
                    }
                    for &lanes in &all_lanes {
                        for flags in 0..8 {
                            let [pipelined, whole_rows, kept] =
                                [1, 2, 4].map(|flag| flags & flag != 0);
                            if whole_rows && !self.whole_rows_allowed
                                || kept && queries >= self.tokens
                            {
                                continue;
                            }
                            plans.push(AttentionPlan {
                                heads,
                                queries,
                                keys,
                                whole_rows,
                                kept,
                                pipelined,
                                lanes,
                                pairs: 0,
                                needs: [0; 3],
                                cost: Cost::default(),
                            });
                        }
                    }
                }
            }
        }
        plans
    }

    /// Bytes of a tile of keys.
    fn tile_bytes(&self, plan: &AttentionPlan) -> u64 {
        let all = self.streamed(&(self.mask.from..self.mask.to));
        plan.heads * plan.keys.min(all) * self.stride
    }

    /// Bytes of each scratchpad that are held at once: activations, weights, outputs.
    fn needs(&self, plan: &AttentionPlan) -> [u64; 3] {
        let copies = plan.lanes * if plan.pipelined { 2 } else { 1 };
        let span = if plan.whole_rows {
            self.span()
        } else {
            plan.keys
        };
        let (activations, outputs) = self.row_bytes(plan.heads, plan.queries, span, copies);
        let weights = if plan.kept {
            let all = self.streamed(&(self.mask.from..self.mask.to));
            2 * plan.heads * all * self.stride * plan.lanes
        } else {
            self.tile_bytes(plan) * copies
        };
        [activations, weights, outputs]
    }

    fn fits(&self, plan: &AttentionPlan) -> bool {
        let most = [self.activations, self.weights, self.outputs];
        plan.needs
            .iter()
            .zip(most)
            .all(|(need, most)| *need <= most)
    }

    /// Blocks of queries, each with how many it stands for.
    fn blocks(&self, queries: u64) -> impl Iterator<Item = (Range<u64>, u64)> + use<> {
        let (tokens, count) = (self.tokens, self.tokens.div_ceil(queries));
        let samples = count.min(SAMPLED_BLOCKS);
        (0..samples).map(move |sample| {
            let (first, next) = (sample * count / samples, (sample + 1) * count / samples);
            // The middle one of those that it stands for.
            let start = (first + next - 1) / 2 * queries;
            (start..(start + queries).min(tokens), next - first)
        })
    }

    /// Works out what a plan costs.
    fn weigh(&self, plan: &mut AttentionPlan, target: &Target, clockwork: &Clockwork<'_>) {
        let items = self.batch * self.kv_heads.div_ceil(plan.heads);
        let all_heads = self.batch * self.kv_heads;
        let mut cost = Cost::default();
        let mut work: Vec<(u64, Times)> = Vec::new();
        let mut all = Times::from_elem(0, self.team.len());
        let mut positions: u64 = 0;
        for (queries, count) in self.blocks(plan.queries) {
            let keys = self.mask.keys(&queries, plan.shared_block());
            let (times, vector) = self.block(plan, &queries, &keys, target, clockwork);
            cost.vector = cost
                .vector
                .saturating_add(vector.saturating_mul(count * items));
            positions = positions.saturating_add(self.streamed(&keys).saturating_mul(count));
            if plan.kept {
                for (sum, cycles) in all.iter_mut().zip(times) {
                    *sum = sum.saturating_add(cycles.saturating_mul(count));
                }
            } else {
                work.push((count * items, times));
            }
        }
        if plan.kept {
            work.push((items, all));
            positions = self.streamed(&(self.mask.from..self.mask.to));
        }
        cost.array = if plan.lanes == 1 {
            let alone = |(count, times): &(u64, Times)| times[0].saturating_mul(*count);
            work.iter().map(alone).fold(0, u64::saturating_add)
        } else {
            makespan(&work)
        };
        if plan.pipelined || plan.lanes > 1 {
            // Scores of the next block are computed while softmax is at the present ones; else
            // array and vector unit take turns.
            cost.results = u64::MAX;
        }
        // Other arrays work beside it from its first whole rows on.
        let blocks = if plan.kept {
            self.batch
        } else {
            self.batch
                .saturating_mul(self.tokens.div_ceil(plan.queries))
        };
        cost.first =
            cost.array.min(self.beside) / HIDEABLE_PER_CHARGE / blocks.min(MOST_EARLY_BLOCKS);
        let sides = self.of_phase((), ()).count() as u64;
        let bytes = positions.saturating_mul(sides * self.stride * all_heads);
        plan.cost = cost.and_bytes(bytes.saturating_add(self.other_bytes), target);
    }

    /// Cycles of each array, and of the vector unit, for a block of queries of an item's heads.
    fn block(
        &self,
        plan: &AttentionPlan,
        queries: &Range<u64>,
        keys: &Range<u64>,
        target: &Target,
        clockwork: &Clockwork<'_>,
    ) -> (Times, u64) {
        let repeat = plan.heads * if self.separate { self.group } else { 1 };
        let m = (queries.end - queries.start) * if self.separate { 1 } else { self.group };
        let span = keys.end - keys.start;
        let mut times = Times::from_elem(0, self.team.len());
        let mut vector = 0_u64;
        let pieces = [(span / plan.keys, plan.keys), (1, span % plan.keys)];
        for (number, length) in pieces.into_iter().filter(|(_, length)| *length > 0) {
            let scores = tile(m, length, self.head_dim, repeat);
            let context = tile(m, self.head_dim, length, repeat);
            for work in self.of_phase(scores, context) {
                for (sum, cycles) in times.iter_mut().zip(clockwork.tile(&work)) {
                    *sum = sum.saturating_add(cycles.saturating_mul(number));
                }
            }
            let softmax = self.softmax(m * repeat, length, target);
            vector = vector.saturating_add(softmax.saturating_mul(number));
        }
        if plan.whole_rows {
            return (times, self.softmax(m * repeat, span, target));
        }
        let scalings = span.div_ceil(plan.keys).saturating_sub(1);
        let scaling = self.scaling(m * repeat, target);
        (
            times,
            vector.saturating_add(scaling.saturating_mul(scalings)),
        )
    }

    /// What a stage of this phase has of both.
    fn of_phase<T>(&self, scores: T, context: T) -> impl Iterator<Item = T> {
        let scores = (!matches!(self.phase, AttentionPhase::Context(_))).then_some(scores);
        let context = (!matches!(self.phase, AttentionPhase::Scores(_))).then_some(context);
        scores.into_iter().chain(context)
    }

    fn softmax(&self, rows: u64, span: u64, target: &Target) -> u64 {
        if !self.softmax {
            return 0;
        }
        let elements = rows.saturating_mul(span);
        let bits = 8 * self.accumulator_bytes;
        let tile = VectorTile::on_sums(VectorKind::Softmax, elements, rows, bits);
        target.laws.vector(&tile).unwrap_or(u64::MAX)
    }

    fn scaling(&self, rows: u64, target: &Target) -> u64 {
        if !self.softmax {
            return 0;
        }
        let elements = rows.saturating_mul(self.head_dim);
        let bits = 8 * self.accumulator_bytes;
        let tile = VectorTile::on_sums(VectorKind::Multiply, elements, rows, bits);
        target.laws.vector(&tile).unwrap_or(u64::MAX)
    }

    /// Pairs of a query token and a key that a plan computes for one head.
    pub(crate) fn pairs(&self, plan: &AttentionPlan) -> u64 {
        let starts = (0..self.tokens).step_by(usize::try_from(plan.queries).unwrap_or(usize::MAX));
        starts
            .map(|start| {
                let queries = start..(start + plan.queries).min(self.tokens);
                let keys = self.mask.keys(&queries, plan.shared_block());
                (queries.end - queries.start) * (keys.end - keys.start)
            })
            .sum()
    }

    /// As operations carry it.
    pub(crate) fn tiling(&self, plan: &AttentionPlan, target: &Target) -> Tiling {
        let repeat = plan.heads * if self.separate { self.group } else { 1 };
        let m = plan.queries * if self.separate { 1 } else { self.group };
        let packed = |n, k| {
            let tile = tile(m, n, k, repeat);
            super::team::packed(target, self.team[0], tile).side_by_side
        };
        let (n, k) = (plan.keys, self.head_dim);
        let weights_once = plan.kept || plan.queries >= self.tokens;
        Tiling {
            m,
            n,
            k,
            order: LoopOrder::RowsOuter,
            reuse: Reuse::of(true, weights_once),
            arrays: plan.lanes,
            side_by_side: packed(n, k).max(packed(k, n)),
            splits_of_k: 1,
            cycles: plan.cost.array,
            bytes: Bytes(plan.cost.bytes),
        }
    }
}

const fn tile(m: u64, n: u64, k: u64, repeat: u64) -> GemmTile {
    GemmTile {
        repeat,
        ..GemmTile::one(m, n, k)
    }
}

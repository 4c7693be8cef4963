//! The tiles of attention: which heads, queries and keys are on chip together.
//!
//! Scores never leave the chip. For a block of queries they are computed for all keys (whole rows)
//! and then go through softmax, or block of keys by block with running maximum and sum (online).
//! Keys and values are read once if those of a head can stay for all queries, else once for each
//! block of queries. Arrays share the heads, or blocks of queries.

use std::cmp::Reverse;
use std::ops::Range;

use quantities::{Bytes, Cycles};
use tile_program::{GemmTile, LoopOrder, Reuse, Target, Tiling, VectorKind, VectorTile};

use super::cost::{Cost, VectorOverlap, vector_cycles};
use super::room::{Capacity, ScratchpadNeeds, ScratchpadRoom};
use super::search::{Candidate, SearchResult, TilingSearch};
use super::sizes::{distance_from_good_size, sizes};
use super::team::{TileTimeCache, TileTimes, Work, makespan};
use crate::graph::{AttentionPhase, Mask};
use crate::tuning::{HIDEABLE_PER_CHARGE, MOST_EARLY_BLOCKS, SAMPLED_BLOCKS};

/// Attention of one layer over equal sequences, as far as its tiles depend on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AttentionProblem {
    pub(super) phase: AttentionPhase,
    /// Sequences.
    pub(super) batch: u64,
    /// New tokens of each sequence.
    pub(super) tokens: u64,
    pub(super) mask: Mask,
    /// Positions before this one come from main memory.
    pub(super) streamed_to: u64,
    pub(super) kv_heads: u64,
    /// Query heads of a key/value head.
    pub(super) group: u64,
    /// Elements of a head's vector.
    pub(super) head_dim: u64,
    /// Whether each query head is its own GEMM.
    pub(super) separate: bool,
    /// Bytes of a position of a head.
    pub(super) stride: u64,
    /// Bits of a query and of a probability as the array reads them.
    pub(super) a_bits: u64,
    /// Bytes of a partial sum.
    pub(super) accumulator_bytes: u64,
    /// Bits of a query element that is loaded; 0 if queries are on chip.
    pub(super) query_bits: u64,
    /// Bits of a context element that passes through the activation scratchpad.
    pub(super) staging_bits: u64,
    /// Bytes that move however it is cut: queries and contexts.
    pub(super) other_bytes: Bytes,
    /// Whether softmax may go over whole rows.
    pub(super) whole_rows_allowed: bool,
    /// Whether the vector unit does softmax.
    pub(super) softmax: bool,
    /// PE columns of the first array of the team.
    pub(super) columns: u64,
    /// Heads whose contexts fit side by side in an array.
    pub(super) packs: u64,
    /// Places in the target of the arrays that share the work.
    pub(super) team: Vec<usize>,
    pub(super) room: ScratchpadRoom,
    /// The cycles that other arrays can work while attention runs.
    pub(super) overlappable: Cycles,
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
    /// Whether softmax goes over whole rows; else it goes block by block.
    pub(crate) whole_rows: bool,
    /// Whether keys and values of the heads stay for all blocks of queries.
    pub(crate) kept: bool,
    /// Whether the next scores are computed before the present context.
    pub(crate) pipelined: bool,
    /// Arrays that work at once, each on heads or queries of its own.
    pub(crate) lanes: u64,
    /// Pairs of a query token and a key position that are computed, for one head.
    pub(crate) pairs: u64,
    /// Bytes of each scratchpad that are held at once.
    pub(crate) needs: ScratchpadNeeds,
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

    fn has_same_tiles(&self, other: &Self) -> bool {
        let sizes = |plan: &Self| (plan.heads, plan.queries, plan.keys, plan.kept, plan.lanes);
        sizes(self) == sizes(other)
    }
}

/// A plan of attention and how it was found.
pub(super) type AttentionChoice = SearchResult<AttentionPlan>;

/// What decides between plans of about the same cost; the first field that differs does, and less is
/// better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TieBreaker {
    /// Whether one item ends before the next begins.
    in_turn: bool,
    /// Whether softmax goes block by block.
    block_by_block: bool,
    /// How far tiles of keys are from a good size.
    size_distance: u64,
    tiles: u64,
    /// More lanes are better.
    lanes: Reverse<u64>,
}

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
    /// Bytes that so many heads' rows take in the activation and output scratchpads.
    fn row_needs(&self, heads: u64, queries: u64, span: u64) -> ScratchpadNeeds {
        let m = heads * self.group * queries;
        let scores = m.saturating_mul(span);
        let vectors = m * self.head_dim;
        let activations = (scores.saturating_mul(self.a_bits).div_ceil(8))
            .saturating_add((vectors * (self.query_bits + self.staging_bits)).div_ceil(8));
        let outputs = scores
            .saturating_add(vectors)
            .saturating_mul(self.accumulator_bytes);
        ScratchpadNeeds {
            activations: Bytes(activations),
            weights: Bytes::ZERO,
            outputs: Bytes(outputs),
        }
    }

    /// Positions that any query sees.
    fn span(&self) -> u64 {
        self.mask.to - self.mask.from
    }

    fn key_sizes(&self) -> Vec<u64> {
        sizes(self.span(), self.columns.min(self.span()))
    }

    /// How many of some positions come from main memory.
    fn streamed(&self, keys: &Range<u64>) -> u64 {
        self.streamed_to.min(keys.end).saturating_sub(keys.start)
    }

    /// How many of all positions come from main memory.
    fn all_streamed(&self) -> u64 {
        self.streamed(&(self.mask.from..self.mask.to))
    }

    /// Bytes of each scratchpad that the smallest tile needs.
    pub(super) fn least_needs(&self) -> ScratchpadNeeds {
        let keys = *self.key_sizes().last().expect("sizes are never empty");
        ScratchpadNeeds {
            weights: Bytes(keys.min(self.all_streamed()) * self.stride),
            ..self.row_needs(1, 1, keys)
        }
    }

    /// The best tiles, or `None` if nothing fits.
    pub(super) fn solve(&self, target: &Target) -> Option<AttentionChoice> {
        let times = TileTimeCache::new(target, &self.team);
        let search = self.search(target, &times);
        let unlimited = Self {
            room: ScratchpadRoom::UNLIMITED,
            ..self.clone()
        };
        search.finish(unlimited.search(target, &times).least_cost())
    }

    fn search(
        &self,
        target: &Target,
        times: &TileTimeCache<'_>,
    ) -> TilingSearch<TieBreaker, AttentionPlan> {
        let mut search = TilingSearch::new();
        for mut plan in self.plans() {
            plan.needs = self.needs(&plan);
            if !self.room.holds(&plan.needs) {
                continue;
            }
            let Some(cost) = self.cost(&plan, target, times) else {
                continue;
            };
            plan.cost = cost;
            let tie_breaker = self.tie_breaker(&plan);
            search.consider(plan, tie_breaker);
        }
        search
    }

    fn tie_breaker(&self, plan: &AttentionPlan) -> TieBreaker {
        // A cut makes room for overlap; without limits there is room for all, and it would only
        // cost the array another wavefront.
        let size_distance = match self.room.weights {
            Capacity::Unlimited => 0,
            limited @ Capacity::Limited(_) => {
                distance_from_good_size(self.tile_bytes(plan), limited)
            }
        };
        TieBreaker {
            in_turn: !plan.pipelined,
            block_by_block: !plan.whole_rows,
            size_distance,
            tiles: self.tokens.div_ceil(plan.queries)
                * self.span().div_ceil(plan.keys)
                * self.kv_heads.div_ceil(plan.heads),
            lanes: Reverse(plan.lanes),
        }
    }

    /// All combinations of sizes and ways.
    fn plans(&self) -> Vec<AttentionPlan> {
        let mut plans = Vec::new();
        for queries in sizes(self.tokens, 1) {
            for keys in self.key_sizes() {
                for heads in sizes(self.kv_heads, 1) {
                    if self.heads_go_together(heads, queries, keys) {
                        self.add_plans(&mut plans, heads, queries, keys);
                    }
                }
            }
        }
        plans
    }

    /// Whether so many heads may be an item. Several heads go together where a head alone is
    /// little, or leaves room for others in the array.
    fn heads_go_together(&self, heads: u64, queries: u64, keys: u64) -> bool {
        let whole = queries == self.tokens && keys == self.span();
        let fused = self.phase == AttentionPhase::Fused;
        // Scores in memory lie query by query.
        let lie_apart = heads > 1 && !fused && queries < self.tokens;
        (heads <= self.packs || whole) && !lie_apart
    }

    /// Adds all plans of some sizes.
    fn add_plans(&self, plans: &mut Vec<AttentionPlan>, heads: u64, queries: u64, keys: u64) {
        let mut all_lanes = vec![self.team.len() as u64, 1];
        all_lanes.dedup();
        for lanes in all_lanes {
            for flags in 0..8 {
                let [pipelined, whole_rows, kept] = [1, 2, 4].map(|flag| flags & flag != 0);
                if whole_rows && !self.whole_rows_allowed || kept && queries >= self.tokens {
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
                    needs: ScratchpadNeeds::default(),
                    cost: Cost::default(),
                });
            }
        }
    }

    /// Bytes of a tile of keys.
    fn tile_bytes(&self, plan: &AttentionPlan) -> Bytes {
        Bytes(plan.heads * plan.keys.min(self.all_streamed()) * self.stride)
    }

    /// Bytes of each scratchpad that are held at once.
    fn needs(&self, plan: &AttentionPlan) -> ScratchpadNeeds {
        let copies = plan.lanes * if plan.pipelined { 2 } else { 1 };
        let span = if plan.whole_rows {
            self.span()
        } else {
            plan.keys
        };
        let rows = self.row_needs(plan.heads, plan.queries, span);
        let weights = if plan.kept {
            Bytes(2 * plan.heads * self.all_streamed() * self.stride * plan.lanes)
        } else {
            Bytes(self.tile_bytes(plan).get() * copies)
        };
        ScratchpadNeeds {
            activations: rows.activations.saturating_mul(copies),
            weights,
            outputs: rows.outputs.saturating_mul(copies),
        }
    }

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
    fn cost(
        &self,
        plan: &AttentionPlan,
        target: &Target,
        times: &TileTimeCache<'_>,
    ) -> Option<Cost> {
        let items = self.batch * self.kv_heads.div_ceil(plan.heads);
        let mut cost = Cost::default();
        let mut work = Vec::new();
        let mut all_blocks = TileTimes::zero(self.team.len());
        let mut positions: u64 = 0;
        for SampledBlock { queries, count } in self.blocks(plan.queries) {
            let keys = self.mask.keys(&queries, plan.shared_block());
            let block = self.block(plan, &queries, &keys, target, times);
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
        target: &Target,
        times: &TileTimeCache<'_>,
    ) -> BlockTime {
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

    /// Pairs of a query token and a key that a plan computes for one head.
    pub(super) fn pairs(&self, plan: &AttentionPlan) -> u64 {
        let starts = (0..self.tokens).step_by(usize::try_from(plan.queries).unwrap_or(usize::MAX));
        starts
            .map(|start| {
                let queries = start..(start + plan.queries).min(self.tokens);
                let keys = self.mask.keys(&queries, plan.shared_block());
                (queries.end - queries.start) * (keys.end - keys.start)
            })
            .sum()
    }

    /// The tiles of a plan in the form in which operations carry them.
    pub(super) fn tiling(&self, plan: &AttentionPlan, target: &Target) -> Tiling {
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
            cycles: plan.cost.array.get(),
            bytes: plan.cost.bytes,
        }
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

/// So many equal GEMMs.
const fn tile(m: u64, n: u64, k: u64, repeat: u64) -> GemmTile {
    GemmTile {
        repeat,
        ..GemmTile::one(m, n, k)
    }
}

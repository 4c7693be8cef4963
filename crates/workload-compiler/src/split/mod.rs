//! How a model is split over the cores of a machine.
//!
//! Tensor parallelism (Shoeybi et al., "Megatron-LM", 2019): each core has a part of the heads and
//! of the feed-forward network, all of the residual stream, and an all-reduce follows the output
//! and the down projection. Pipeline parallelism: each group of cores has a part of the layers, and
//! hands the residual stream on. The embedding table lies whole on each core that needs it; the LM
//! head is split by vocabulary, and its results are gathered.

mod check;
mod collective;

use std::collections::BTreeSet;
use std::ops::Range;

use check::check;
use tile_program::{CoreId, Platform, ScratchpadId, Target};

use crate::error::CompileError;
use crate::tuning::ACTIVATIONS_PER_PIECE;
use crate::workload::{Algorithm, Workload};

pub(crate) use collective::{Collective, Combine, Move, moves};

/// What of a model a core holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Cores that share each of its layers.
    pub(crate) ways: u64,
    pub(crate) layers: Range<u64>,
    /// It has the embedding, or the LM head.
    pub(crate) first: bool,
    pub(crate) last: bool,
    /// Rows of the embedding table: the whole vocabulary.
    pub(crate) vocab: u64,
    pub(crate) microbatches: u64,
    /// Bytes of activations that are exchanged at a time, on each core alike.
    pub(crate) piece_bytes: u64,
    /// Some of the cores that it exchanges with are on its own chip.
    pub(crate) shares_chip: bool,
    pub(crate) algorithm: Algorithm,
}

impl Shard {
    /// Whether it is a part of the model, and not all of it.
    pub(crate) const fn is_part(&self) -> bool {
        self.ways > 1 || !self.first || !self.last
    }
}

/// Which chips of a machine are compiled for, and simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SimulatedChips {
    /// Of chips that do the same in the same cycles, one.
    Representatives,
    /// All chips of the machine.
    All,
}

/// A split that fits a machine and a model.
pub(crate) struct Division {
    /// Cores that share each layer.
    pub(crate) ways: u64,
    /// Groups of cores, each with a part of the layers.
    pub(crate) pipeline_stages: u64,
    /// The cores that are simulated, and how many cores each stands for.
    pub(crate) platform: Platform,
}

impl Division {
    /// Divides a workload over a machine.
    pub(crate) fn of(
        workload: &Workload,
        platform: &Platform,
        chips: SimulatedChips,
    ) -> Result<Self, CompileError> {
        let split = workload.split;
        let cores = platform.cores.len() as u64;
        let pipeline_stages = split.pipeline;
        let ways = split.tensor.unwrap_or(cores / pipeline_stages.max(1));
        check(workload, cores, ways, pipeline_stages)?;
        let used = usize::try_from(ways * pipeline_stages).expect("at most the machine's cores");
        let used: Vec<CoreId> = platform.cores[..used]
            .iter()
            .map(|core| core.core)
            .collect();
        let all = platform.representatives(&used, 1);
        let alike = chips == SimulatedChips::Representatives
            && ranks_are_alike(&all, ways, pipeline_stages, split.collectives);
        let platform = if alike {
            let step = usize::try_from(ways).expect("at most the machine's cores");
            let firsts: Vec<_> = used.iter().copied().step_by(step).collect();
            platform.representatives(&firsts, ways)
        } else {
            all
        };
        Ok(Self {
            ways,
            pipeline_stages,
            platform,
        })
    }

    /// What of a model each simulated core holds: its stage, and its rank in it.
    pub(crate) fn shard(&self, workload: &Workload, pipeline_stage: u64) -> Shard {
        let layers = workload.model.layers;
        let bound = |stage: u64| stage * layers / self.pipeline_stages;
        let cores = self.platform.cores.iter();
        let capacities = cores
            .clone()
            .map(|core| core.capacity(ScratchpadId::Activations).get());
        let chips: BTreeSet<_> = cores.map(|core| core.chip).collect();
        Shard {
            ways: self.ways,
            layers: bound(pipeline_stage)..bound(pipeline_stage + 1),
            first: pipeline_stage == 0,
            last: pipeline_stage + 1 == self.pipeline_stages,
            vocab: workload.model.vocab,
            microbatches: workload.split.microbatches,
            piece_bytes: capacities.min().unwrap_or(0) / ACTIVATIONS_PER_PIECE,
            shares_chip: chips.len() < self.platform.cores.len(),
            algorithm: workload.split.collectives,
        }
    }

    /// The workload as a core sees it: its part of the heads, the network and the vocabulary.
    pub(crate) fn shard_workload(&self, workload: &Workload) -> Workload {
        let mut shard = workload.clone();
        let model = &mut shard.model;
        model.n_heads /= self.ways;
        model.n_kv_heads /= self.ways;
        model.d_ff /= self.ways;
        model.vocab = model.vocab.div_ceil(self.ways);
        shard
    }
}

/// Whether the ranks of each stage do the same in the same cycles: each alone on a chip, and each
/// with a link of its own to whomever it sends to. Equal parts of equal chips then differ in
/// nothing that time depends on.
fn ranks_are_alike(platform: &Platform, ways: u64, stages: u64, algorithm: Algorithm) -> bool {
    let chips: BTreeSet<_> = platform.cores.iter().map(|core| core.chip).collect();
    if ways < 2 || algorithm != Algorithm::Ring || chips.len() != platform.cores.len() {
        return false;
    }
    let core = |stage: u64, rank: u64| -> &Target {
        let index = usize::try_from(stage * ways + rank).expect("at most the machine's cores");
        &platform.cores[index]
    };
    let ranks = || (0..stages).flat_map(|stage| (0..ways).map(move |rank| (stage, rank)));
    let around = ranks().map(|(stage, rank)| (core(stage, rank), core(stage, (rank + 1) % ways)));
    let onward = ranks()
        .filter(|(stage, _)| stage + 1 < stages)
        .map(|(stage, rank)| (core(stage, rank), core(stage + 1, rank)));
    let acknowledgements = onward.clone().map(|(from, to)| (to, from));
    let mut taken = BTreeSet::new();
    around
        .chain(onward)
        .chain(acknowledgements)
        .all(
            |(from, to)| match platform.network.route(from.chip, to.chip).as_deref() {
                Some([link]) => taken.insert(*link),
                _ => false,
            },
        )
}

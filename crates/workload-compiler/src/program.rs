//! A compiled workload: passes, one after another, made as they are asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::task::Poll;

use quantities::Bytes;
use tile_program::{Family, Instruction, OperationId, Pass, Platform, Program};

use crate::core_program::{CoreProgram, CoreTask, Instructions, KeptWeights};
use crate::emit::{RankContext, SharedRendezvous};
use crate::error::CompileError;
use crate::lower::operands;
use crate::model::Mixer;
use crate::passes::Passes;
use crate::split::Division;
use crate::workload::Workload;

/// A workload compiled for a machine.
///
/// Passes must be run in order: the next one is given once the one before has been used up or
/// dropped. What is left of a pass that is dropped is made, and thrown away, when the next one is
/// asked for; a program that is given up costs no more than what was asked of it.
#[derive(Debug)]
pub struct CompiledProgram {
    workload: Workload,
    platform: Platform,
    passes: Passes,
    /// The program of each core, in the order of the platform.
    cores: Vec<CoreProgram>,
    next: u64,
    /// The instructions of the latest pass.
    streams: Rc<RefCell<Streams>>,
}

/// Compiles a workload for a machine: checks that it can run and lays out main memory.
/// Instructions are made later, pass by pass. Of chips that do the same in the same cycles one is
/// compiled for, and stands for all.
///
/// # Errors
/// If an array is missing or too narrow, a scratchpad cannot hold the smallest tile, main memory
/// cannot hold the workload, or the model cannot be split over the cores.
pub fn compile(workload: Workload, platform: &Platform) -> Result<CompiledProgram, CompileError> {
    compile_for(workload, platform, false)
}

/// The same, for every chip.
///
/// # Errors
/// As [`compile`].
pub fn compile_every_chip(
    workload: Workload,
    platform: &Platform,
) -> Result<CompiledProgram, CompileError> {
    compile_for(workload, platform, true)
}

fn compile_for(
    workload: Workload,
    machine: &Platform,
    every_chip: bool,
) -> Result<CompiledProgram, CompileError> {
    let division = Division::of(&workload, machine, every_chip)?;
    let rendezvous = SharedRendezvous::default();
    let ranks = RankContext::all(&division, machine, workload.split.collectives, &rendezvous);
    let platform = division.platform.clone();
    let mut cores: Vec<CoreProgram> = Vec::with_capacity(ranks.len());
    let mut chip = None;
    for (target, rank) in platform.cores.iter().zip(ranks) {
        check_arrays(&workload, target)?;
        // Cores of a chip lie one after another in its memory.
        let before = cores.last().filter(|_| chip == Some(target.chip));
        let first = before.map_or(0, |core| core.footprint().get());
        chip = Some(target.chip);
        cores.push(CoreProgram::new(CoreTask {
            workload: division.shard_workload(&workload),
            shard: division.shard(&workload, rank.pipeline_stage),
            rank,
            target,
            machine_units: platform.units(),
            first_address: first,
        })?);
    }
    Ok(CompiledProgram {
        passes: Passes::new(&workload),
        workload,
        platform,
        cores,
        next: 0,
        streams: Rc::default(),
    })
}

/// Checks that there is an array for each family that the model has.
fn check_arrays(workload: &Workload, target: &tile_program::Target) -> Result<(), CompileError> {
    operands(workload, target, Family::Projection)?;
    if workload.model.mixer == Mixer::Attention {
        operands(workload, target, Family::Attention)?;
    }
    let dense = matches!(workload.model.mixer, Mixer::Dense(_));
    if workload.operators.lm_head() && !dense {
        operands(workload, target, Family::LmHead)?;
    }
    Ok(())
}

impl CompiledProgram {
    /// The workload.
    #[must_use]
    pub const fn workload(&self) -> &Workload {
        &self.workload
    }

    /// The cores that it is for: of chips that do the same, one.
    #[must_use]
    pub const fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Bytes of main memory that the workload takes on the fullest chip: weights, tables, caches,
    /// activations.
    #[must_use]
    pub fn footprint(&self) -> Bytes {
        let footprints = self.cores.iter().map(CoreProgram::footprint);
        footprints.max().unwrap_or(Bytes::ZERO)
    }

    /// The weights that stay on chip from pass to pass, over all simulated cores.
    #[must_use]
    pub fn kept(&self) -> KeptWeights {
        let mut all = KeptWeights::default();
        for kept in self.cores.iter().map(CoreProgram::kept) {
            all.matrices += kept.matrices;
            all.bytes += kept.bytes;
            all.warm |= kept.warm;
        }
        all
    }

    /// Notes from now on which operations read what which others make.
    ///
    /// # Panics
    /// While a pass is in use.
    pub fn record_dependencies(&mut self) {
        for core in &self.cores {
            core.record_dependencies();
        }
    }

    /// For each operation of the latest pass, those of its core whose results it reads; empty
    /// unless they are recorded and the pass is over.
    #[must_use]
    pub fn dependencies(&self) -> Vec<BTreeSet<OperationId>> {
        let mut all: Vec<BTreeSet<OperationId>> = Vec::new();
        for core in &self.cores {
            let first = u32::try_from(all.len()).expect("far fewer");
            let own = core.dependencies().into_iter();
            let numbered = |id: OperationId| OperationId(first + id.0);
            all.extend(own.map(|ids| ids.into_iter().map(numbered).collect()));
        }
        all
    }
}

impl Program for CompiledProgram {
    /// # Panics
    /// If the pass before is still in use.
    fn next_pass(&mut self) -> Option<Pass> {
        if self.next == self.passes() {
            return None;
        }
        assert_eq!(
            Rc::strong_count(&self.streams),
            1,
            "the pass before must be used up or dropped"
        );
        self.streams.borrow_mut().use_up();
        let shape = self.passes.shape(self.next);
        self.next += 1;
        let last = self.next == self.passes();
        let mut operations = Vec::new();
        let mut streams = Vec::with_capacity(self.cores.len());
        for core in &mut self.cores {
            let first = u32::try_from(operations.len()).expect("far fewer");
            let (own, instructions) = core.pass(&shape, last, first);
            operations.extend(own);
            streams.push(instructions);
        }
        self.streams = Rc::new(RefCell::new(Streams(streams)));
        let all = &self.streams;
        Some(Pass {
            name: shape.name,
            tokens: shape.counted,
            operations,
            streams: (0..self.cores.len())
                .map(|core| {
                    let all = Rc::clone(all);
                    let stream = std::iter::from_fn(move || all.borrow_mut().0[core].next());
                    Box::new(stream) as _
                })
                .collect(),
        })
    }

    fn passes(&self) -> u64 {
        self.passes.count()
    }
}

/// The instructions of all cores.
#[derive(Default)]
struct Streams(Vec<Instructions>);

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the instructions of {} cores", self.0.len())
    }
}

impl Streams {
    /// Makes what was not asked for and throws it away, so that the counts of the next pass are
    /// right.
    fn use_up(&mut self) {
        while self.0.iter().any(|stream| !stream.is_over()) {
            for stream in &mut self.0 {
                while let Some(Poll::<Instruction>::Ready(_)) = stream.next() {}
            }
        }
    }
}

//! The steps of a simulation, each with a type of its own.

use accelerator::{Machine, MachineError, MachineSpec, Outcome, Progress, RunOptions};
use attribution::{Ledger, Summary};
use config::FieldError;
use energy::{Counter, Priced, Technology};
use quantities::Cycle;
use tile_program::{NoObserver, Observer};
use tracing::{debug, info, info_span};
use workload_compiler::{CompileError, CompiledProgram, Workload, compile, compile_every_chip};

use crate::dram_energy::DramEnergy;
use crate::passes::PassWatch;
use crate::pricing::{EnergyRecord, priced};
use crate::record::RunRecord;
use crate::serial::{Counted, serial};

/// Which chips of a machine are simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chips {
    /// Of chips that do the same in the same cycles one, which stands for all.
    #[default]
    OneOfEqual,
    /// Every chip, also those that do the same.
    Every,
}

/// A machine that a workload can be compiled for.
#[derive(Clone, Debug)]
pub struct Simulation {
    machine: Machine,
    priced: Option<Vec<Priced>>,
    chips: Chips,
}

impl Simulation {
    /// A simulation of the machine of a checked description.
    ///
    /// # Errors
    /// A field that cannot stand after all, with its path in the machine file.
    pub fn new(spec: MachineSpec) -> Result<Self, FieldError> {
        Machine::new(spec).map(Self::on)
    }

    /// A simulation of a machine that is made already.
    #[must_use]
    pub fn on(machine: Machine) -> Self {
        Self {
            machine,
            priced: None,
            chips: Chips::default(),
        }
    }

    /// The machine that the workload runs on.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Builds the machine in a technology: its area is known, and a run counts activity and tells
    /// its energy.
    ///
    /// # Errors
    /// At the element of an array that the technology has no figures of.
    pub fn technology(mut self, technology: &Technology) -> Result<Self, FieldError> {
        self.priced = Some(priced(&self.machine, technology)?);
        Ok(self)
    }

    /// Chooses which chips are simulated.
    #[must_use]
    pub const fn chips(mut self, chips: Chips) -> Self {
        self.chips = chips;
        self
    }

    /// Compiles a workload for the machine.
    ///
    /// # Errors
    /// If the machine cannot run it: [`CompileError::field`] tells which field of which file to
    /// change.
    pub fn workload(self, workload: Workload) -> Result<Compiled<'static>, CompileError> {
        let _phase = info_span!("compile", model = workload.model.name).entered();
        let name = workload.model.name.clone();
        let program = match self.chips {
            Chips::OneOfEqual => compile(workload, self.machine.platform()),
            Chips::Every => compile_every_chip(workload, self.machine.platform()),
        }?;
        let kept = program.kept();
        debug!(
            footprint_bytes = program.footprint().get(),
            kept_matrices = kept.matrices,
            kept_bytes = kept.bytes.get(),
            kept_from_before = kept.warm,
            simulated_cores = program.platform().cores.len(),
            "main memory is laid out and the weights that stay on chip are chosen"
        );
        Ok(Compiled {
            prepared: Prepared {
                machine: self.machine.simulating(program.platform().clone()),
                program,
                priced: self.priced,
                name,
                cycle_limit: None,
            },
            observer: NoObserver,
            progress: None,
        })
    }
}

/// A workload compiled for a machine, ready to run once.
pub struct Compiled<'a, O = NoObserver> {
    prepared: Prepared,
    observer: O,
    progress: Option<&'a mut dyn FnMut(Progress)>,
}

/// All of a [`Compiled`] simulation that does not depend on who watches it.
struct Prepared {
    machine: Machine,
    program: CompiledProgram,
    priced: Option<Vec<Priced>>,
    name: String,
    cycle_limit: Option<Cycle>,
}

impl<'a> Compiled<'a> {
    /// Attaches an observer of the caller's, such as `&mut` of a trace writer. It sees the run
    /// beside the ledger. Several observers are attached as a tuple.
    #[must_use]
    pub fn observe<O: Observer>(self, observer: O) -> Compiled<'a, O> {
        let Self {
            prepared, progress, ..
        } = self;
        Compiled {
            prepared,
            observer,
            progress,
        }
    }
}

impl<O: Observer> Compiled<'_, O> {
    /// Names the run in reports, as by the file of its workload; without a name it is called after
    /// its model.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.prepared.name = name.into();
        self
    }

    /// Gives the run up past a cycle of the machine's clock.
    #[must_use]
    pub fn cycle_limit(mut self, limit: Cycle) -> Self {
        self.prepared.cycle_limit = Some(limit);
        self
    }

    /// Calls a listener now and then with how far the run has come.
    #[must_use]
    pub fn progress<'b>(self, listener: &'b mut dyn FnMut(Progress)) -> Compiled<'b, O> {
        Compiled {
            prepared: self.prepared,
            observer: self.observer,
            progress: Some(listener),
        }
    }

    /// The machine, of which only the cores that the program is for are simulated.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.prepared.machine
    }

    /// The compiled program.
    #[must_use]
    pub const fn program(&self) -> &CompiledProgram {
        &self.prepared.program
    }

    /// The machine and the program, for callers that list the program and do not run it.
    #[must_use]
    pub fn into_parts(self) -> (Machine, CompiledProgram) {
        (self.prepared.machine, self.prepared.program)
    }

    /// Runs the program to its end.
    ///
    /// # Errors
    /// If the run ends before the program does; the observer has then seen the run up to there.
    pub fn run(self) -> Result<RunRecord, MachineError> {
        let Prepared {
            machine,
            mut program,
            priced,
            name,
            cycle_limit,
        } = self.prepared;
        let phase = info_span!("run", machine = machine.spec().name, workload = name);
        let _phase = phase.entered();
        info!(cycle = 0, "begins");
        for warning in machine.memory().warnings() {
            info!(cycle = 0, "main memory: {warning}");
        }
        let mut unheard = |_: Progress| ();
        let options = RunOptions {
            cycle_limit,
            progress: self.progress.unwrap_or(&mut unheard),
        };
        let mut passes = PassWatch::default();
        let ledger = Ledger::new(machine.platform());
        let watch = (&mut passes, self.observer);
        let (outcome, ledger, counter) = if priced.is_some() {
            let counted = (ledger, Counter::new(machine.platform()));
            let (outcome, ((ledger, counter), _)) =
                machine.run(&mut program, (counted, watch), options)?;
            (outcome, ledger, Some(counter))
        } else {
            let (outcome, (ledger, _)) = machine.run(&mut program, (ledger, watch), options)?;
            (outcome, ledger, None)
        };
        let (cycle, instructions) = (outcome.total.get(), outcome.instructions);
        info!(cycle, instructions, "ends");
        let ran = Ran {
            summary: ledger.summary(),
            gemms: passes.gemms,
            dram_energy: DramEnergy::of(&machine, &outcome),
            outcome,
        };
        let energy = priced
            .zip(counter)
            .map(|(priced, counter)| EnergyRecord::of(&priced, &machine, counter.counts(), &ran));
        Ok(ran.record(machine, &program, name, energy))
    }
}

/// What is known when the last instruction is complete.
pub(crate) struct Ran {
    pub(crate) summary: Summary,
    pub(crate) outcome: Outcome,
    pub(crate) gemms: u64,
    pub(crate) dram_energy: Option<DramEnergy>,
}

impl Ran {
    fn record(
        self,
        machine: Machine,
        program: &CompiledProgram,
        name: String,
        energy: Option<EnergyRecord>,
    ) -> RunRecord {
        let workload = program.workload();
        // Each matrix product of a model counts as a kernel that is started by itself.
        let counted = Counted {
            tokens: workload.tokens_made().unwrap_or(0),
            layers: workload.model.layers.saturating_mul(self.summary.passes),
            gemms: self.gemms,
            kernels: self.gemms,
        };
        RunRecord {
            serial: serial(machine.spec(), counted),
            name,
            workload: workload.clone(),
            kept_weights: program.kept(),
            footprint: program.footprint(),
            gemms: self.gemms,
            summary: self.summary,
            outcome: self.outcome,
            dram_energy: self.dram_energy,
            energy,
            machine,
        }
    }
}

//! Takes a program apart into the units' queues, pass by pass.

use event_kernel::Cycle;
use pe_array::ArrayModel;
use tile_program::{ArrayTarget, Instruction, Observer, Operation, Pass, Program, UnitId};

use crate::MachineError;

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Cycles of the reference clock simulated so far.
    pub cycles: u64,
    /// Passes complete.
    pub passes_done: u64,
    /// Passes in all.
    pub passes: u64,
    /// Operations of the current pass whose instructions have all been handed out.
    pub operations_done: u64,
    /// Operations of the current pass.
    pub operations: u64,
}

/// Hands out the instructions of a program in program order. A pass begins when the one before it
/// is complete: its first token is the last one's result.
pub(crate) struct Sequencer<'r> {
    program: &'r mut dyn Program,
    progress: &'r mut dyn FnMut(Progress),
    arrays: Vec<(ArrayTarget, ArrayModel)>,
    /// An operation that its array cannot compute.
    pub(crate) refused: Option<MachineError>,
    instructions: Option<Box<dyn Iterator<Item = Instruction>>>,
    /// The operations of the current pass.
    operations: Vec<Operation>,
    /// The instruction that found its queue full.
    stalled: Option<Instruction>,
    /// Instructions handed out and not complete.
    outstanding: u64,
    reached: Progress,
    /// Whether there are no more passes.
    ended: bool,
    pub(crate) instructions_issued: u64,
}

impl<'r> Sequencer<'r> {
    pub(crate) fn new(
        program: &'r mut dyn Program,
        progress: &'r mut dyn FnMut(Progress),
        arrays: Vec<(ArrayTarget, ArrayModel)>,
    ) -> Self {
        let reached = Progress {
            passes: program.passes(),
            ..Progress::default()
        };
        Self {
            program,
            progress,
            arrays,
            refused: None,
            instructions: None,
            operations: Vec::new(),
            stalled: None,
            outstanding: 0,
            reached,
            ended: false,
            instructions_issued: 0,
        }
    }

    /// The next instruction, or `None` if there is none (yet). It counts as handed out unless it
    /// comes back through [`Sequencer::stall`].
    pub(crate) fn head(&mut self, observer: &mut impl Observer, now: Cycle) -> Option<Instruction> {
        let instruction = match self.stalled.take() {
            Some(instruction) => instruction,
            None => self.fresh(observer, now)?,
        };
        self.outstanding += 1;
        self.instructions_issued += 1;
        Some(instruction)
    }

    fn fresh(&mut self, observer: &mut impl Observer, now: Cycle) -> Option<Instruction> {
        loop {
            if let Some(instruction) = self.instructions.as_mut().and_then(Iterator::next) {
                let operation = u64::from(instruction.operation.0);
                if operation > self.reached.operations_done {
                    self.report(now, operation);
                }
                return Some(instruction);
            }
            if self.outstanding > 0 {
                return None;
            }
            if self.instructions.take().is_some() {
                self.reached.passes_done += 1;
            }
            let Some(pass) = self.program.next_pass() else {
                self.ended = true;
                return None;
            };
            let Pass {
                name,
                operations,
                instructions,
                ..
            } = pass;
            self.refused = operations
                .iter()
                .find_map(|operation| self.refuse(operation));
            if self.refused.is_some() {
                return None;
            }
            observer.pass(&name, &operations, now);
            self.operations = operations;
            self.instructions = Some(instructions);
            self.report(now, 0);
        }
    }

    /// A sum over all of an operation's k must fit the accumulators, however k is tiled: partial
    /// sums are added up in the same format.
    fn refuse(&self, operation: &Operation) -> Option<MachineError> {
        let k = operation.gemm?.k;
        let (target, model) = self
            .arrays
            .iter()
            .find(|(array, _)| array.unit == operation.unit)?;
        let source = model.check_reduction(k).err()?;
        Some(MachineError::Array {
            array: target.name.clone(),
            source,
        })
    }

    fn report(&mut self, now: Cycle, operations_done: u64) {
        self.reached.cycles = now.get();
        self.reached.operations_done = operations_done;
        self.reached.operations = self.operations.len() as u64;
        (self.progress)(self.reached);
    }

    /// Takes an instruction back whose queue is full.
    pub(crate) fn stall(&mut self, instruction: Instruction) {
        self.outstanding -= 1;
        self.instructions_issued -= 1;
        self.stalled = Some(instruction);
    }

    pub(crate) fn is_stalled_on(&self, unit: UnitId) -> bool {
        self.stalled
            .as_ref()
            .is_some_and(|instruction| instruction.unit == unit)
    }

    /// Notes a completion; true if everything handed out is complete.
    pub(crate) fn completed(&mut self) -> bool {
        self.outstanding -= 1;
        self.outstanding == 0
    }

    /// Whether the program is at its end and all of it complete.
    pub(crate) fn is_done(&self) -> bool {
        self.outstanding == 0 && self.stalled.is_none() && self.ended
    }

    /// The operation of an instruction of the current pass.
    pub(crate) fn operation_name(&self, instruction: &Instruction) -> &str {
        &self.operations[instruction.operation.index()].name
    }
}

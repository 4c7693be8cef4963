//! Takes a program apart into the units' queues, pass by pass.

use std::task::Poll;

use pe_array::ArrayModel;
use quantities::Cycle;
use tile_program::{
    ArrayTarget, Instruction, InstructionStream, Moved, Observer, Operation, OperationName, Pass,
    Program, Shortfall, UnitId,
};

use crate::MachineError;

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Cycles of the reference clock simulated so far.
    pub cycles: u64,
    /// The number of passes that are complete.
    pub passes_done: u64,
    /// Passes in all.
    pub passes: u64,
    /// Operations of the current pass whose instructions have all been handed out; of the first
    /// core.
    pub operations_done: u64,
    /// Operations of the current pass, of one core.
    pub operations: u64,
}

/// The instructions of one core.
#[derive(Default)]
struct Lane {
    /// Those of the current pass that are still to come.
    stream: Option<InstructionStream>,
    /// The one that found its queue full.
    stalled: Option<Instruction>,
    /// The next one waits for what another core's stream has yet to give.
    pending: bool,
}

/// Hands out the instructions of a program, those of each core in program order. A pass begins when
/// the one before it is complete: its first token is the last one's result.
pub(crate) struct Sequencer<'r> {
    program: &'r mut dyn Program,
    progress: &'r mut dyn FnMut(Progress),
    arrays: Vec<(ArrayTarget, ArrayModel)>,
    /// An operation that its array cannot compute, or of which less was moved than it must.
    pub(crate) refused: Option<MachineError>,
    lanes: Vec<Lane>,
    /// The operations of the current pass, and what has been moved for each.
    operations: Vec<Operation>,
    moved: Vec<Moved>,
    /// Instructions handed out and not complete.
    outstanding: u64,
    reached: Progress,
    /// Whether a pass has begun.
    begun: bool,
    /// Whether there are no more passes.
    ended: bool,
    pub(crate) instructions_issued: u64,
}

impl<'r> Sequencer<'r> {
    pub(crate) fn new(
        program: &'r mut dyn Program,
        progress: &'r mut dyn FnMut(Progress),
        arrays: Vec<(ArrayTarget, ArrayModel)>,
        cores: usize,
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
            lanes: (0..cores).map(|_| Lane::default()).collect(),
            operations: Vec::new(),
            moved: Vec::new(),
            outstanding: 0,
            reached,
            begun: false,
            ended: false,
            instructions_issued: 0,
        }
    }

    pub(crate) fn cores(&self) -> usize {
        self.lanes.len()
    }

    /// The unit whose queue had no room for a core's next instruction.
    pub(crate) fn stalled_on(&self, core: usize) -> Option<UnitId> {
        let stalled = self.lanes[core].stalled.as_ref();
        stalled.map(|instruction| instruction.unit)
    }

    /// Whether a core's stream waits for another's.
    pub(crate) fn is_any_pending(&self) -> bool {
        self.lanes.iter().any(|lane| lane.pending)
    }

    /// The next instruction of a core, or `None` if there is none (yet). It counts as handed out
    /// unless it comes back through [`Sequencer::stall`].
    pub(crate) fn head(&mut self, core: usize, now: Cycle) -> Option<Instruction> {
        let lane = &mut self.lanes[core];
        let instruction = match lane.stalled.take() {
            Some(instruction) => instruction,
            None => self.fresh(core, now)?,
        };
        self.outstanding += 1;
        self.instructions_issued += 1;
        Some(instruction)
    }

    fn fresh(&mut self, core: usize, now: Cycle) -> Option<Instruction> {
        let lane = &mut self.lanes[core];
        lane.pending = false;
        match lane.stream.as_mut()?.next() {
            Some(Poll::Ready(instruction)) => {
                let operation = u64::from(instruction.operation.0);
                if core == 0 && operation > self.reached.operations_done {
                    self.report(now, operation);
                }
                Some(instruction)
            }
            Some(Poll::Pending) => {
                lane.pending = true;
                None
            }
            None => {
                lane.stream = None;
                None
            }
        }
    }

    /// Whether all that was given is complete, and a pass may begin.
    pub(crate) fn is_between_passes(&self) -> bool {
        let rest = |lane: &Lane| lane.stream.is_some() || lane.stalled.is_some();
        self.outstanding == 0 && !self.ended && !self.lanes.iter().any(rest)
    }

    /// Begins the next pass if the one before is complete.
    pub(crate) fn begin(&mut self, observer: &mut impl Observer, now: Cycle) {
        while self.is_between_passes() {
            self.begin_next(observer, now);
            // A pass of no instructions is over at once.
            for lane in &mut self.lanes {
                let Some(stream) = &mut lane.stream else {
                    continue;
                };
                match stream.next() {
                    Some(Poll::Ready(first)) => lane.stalled = Some(first),
                    Some(Poll::Pending) => lane.pending = true,
                    None => lane.stream = None,
                }
            }
        }
    }

    fn begin_next(&mut self, observer: &mut impl Observer, now: Cycle) {
        if std::mem::take(&mut self.begun) {
            self.reached.passes_done += 1;
            if let Err(shortfall) = self.check_moved() {
                self.refused = Some(shortfall.into());
                self.ended = true;
                return;
            }
        }
        let Some(pass) = self.program.next_pass() else {
            self.ended = true;
            return;
        };
        let Pass {
            name,
            operations,
            streams,
            ..
        } = pass;
        self.refused = operations
            .iter()
            .find_map(|operation| self.refuse(operation));
        if self.refused.is_some() {
            self.ended = true;
            return;
        }
        self.begun = true;
        observer.pass(&name, &operations, now);
        self.moved = vec![Moved::default(); operations.len()];
        self.operations = operations;
        assert_eq!(
            streams.len(),
            self.lanes.len(),
            "a pass has a stream for each core"
        );
        for (lane, stream) in self.lanes.iter_mut().zip(streams) {
            lane.stream = Some(stream);
        }
        self.report(now, 0);
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
        self.reached.operations = (self.operations.len() / self.lanes.len()) as u64;
        (self.progress)(self.reached);
    }

    /// Takes an instruction back whose queue is full.
    pub(crate) fn stall(&mut self, core: usize, instruction: Instruction) {
        self.outstanding -= 1;
        self.instructions_issued -= 1;
        self.lanes[core].stalled = Some(instruction);
    }

    /// Checks that no operation of the pass moved less than it must. What must be moved follows
    /// from the shapes of the model; what was moved is counted by the DMAs.
    fn check_moved(&self) -> Result<(), Shortfall> {
        let mut operations = self.operations.iter().zip(&self.moved);
        operations.try_for_each(|(operation, &moved)| {
            Shortfall::check(&operation.name, moved, operation.compulsory())
        })
    }

    /// Notes a completion, and what was moved between main memory and scratchpads by it; true if
    /// everything handed out is complete.
    pub(crate) fn completed(&mut self, instruction: &Instruction, moved: Moved) -> bool {
        let sum = &mut self.moved[instruction.operation.index()];
        sum.read += moved.read;
        sum.written += moved.written;
        self.outstanding -= 1;
        self.outstanding == 0
    }

    /// Whether the program is at its end and all of it complete.
    pub(crate) fn is_done(&self) -> bool {
        self.outstanding == 0 && self.ended
    }

    /// The operation of an instruction of the current pass.
    pub(crate) fn operation_name(&self, instruction: &Instruction) -> &OperationName {
        &self.operations[instruction.operation.index()].name
    }
}

//! Reads a program in program order and checks what must hold of it whatever the timing.

use std::collections::{BTreeMap, BTreeSet};

use tile_program::{
    Class, Family, Instruction, Operation, Operator, OperatorRole, Pass, Platform, Program, Region,
    ScratchpadId, Target, UnitId, Work, in_turn,
};
use workload_compiler::CompiledProgram;

use super::on_chip::{Before, OnChip};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) instructions: u64,
    pub(crate) loaded: u64,
    pub(crate) stored: u64,
    pub(crate) macs: u64,
    pub(crate) passes: u64,
    pub(crate) tokens: u64,
}

/// For each unit, how many instructions are certainly complete.
type Clock = Vec<u64>;

/// Memory in pages of so many bytes.
const PAGE: u64 = 32;

/// The pages that a region touches.
fn pages(region: &Region) -> impl Iterator<Item = u64> + use<> {
    let Region {
        address,
        row_bytes,
        rows,
        pitch,
    } = *region;
    (0..rows).flat_map(move |row| {
        let from = address + row * pitch.get();
        from / PAGE..(from + row_bytes.get()).div_ceil(PAGE)
    })
}

#[derive(Default)]
struct Page {
    writer: Option<(UnitId, u64)>,
    readers: Vec<(UnitId, u64)>,
}

pub(crate) struct Checker {
    platform: Platform,
    /// Of each unit: the place of its core.
    cores: Vec<usize>,
    counts: Vec<u64>,
    /// The operation of the present instruction.
    name: String,
    /// Clock at the start of each unit's latest instruction; and of all, where memory is checked.
    latest: Vec<Clock>,
    history: Option<Vec<Vec<Clock>>>,
    /// Of each core.
    occupancy: Vec<[u64; 3]>,
    /// Bytes of weights that stay from pass to pass, on all cores.
    kept: u64,
    /// By chip and number.
    pages: BTreeMap<(u16, u64), Page>,
    on_chip: OnChip,
    pub(crate) found: Checked,
}

/// Checks a whole program. `thorough` follows every buffer on chip and every byte of main memory,
/// for small programs.
pub(crate) fn check(program: &mut CompiledProgram, thorough: bool) -> Checked {
    check_changed(program, thorough, &mut |_| {})
}

/// Checks a program of which each instruction has been changed.
pub(crate) fn check_changed(
    program: &mut CompiledProgram,
    thorough: bool,
    change: &mut dyn FnMut(&mut Instruction),
) -> Checked {
    let platform = program.platform().clone();
    let units = platform.units();
    let mut checker = Checker {
        cores: platform.core_places(),
        counts: vec![0; units],
        name: String::new(),
        latest: vec![vec![0; units]; units],
        history: thorough.then(|| vec![Vec::new(); units]),
        occupancy: vec![[0; 3]; platform.cores.len()],
        platform,
        kept: program.kept().bytes.get(),
        pages: BTreeMap::new(),
        on_chip: OnChip::default(),
        found: Checked::default(),
    };
    let announced = program.passes();
    while let Some(pass) = program.next_pass() {
        checker.pass(pass, announced, change);
    }
    assert_eq!(checker.found.passes, announced);
    checker.found
}

impl Checker {
    fn pass(&mut self, pass: Pass, announced: u64, change: &mut dyn FnMut(&mut Instruction)) {
        let operations = pass.operations;
        let names: BTreeSet<_> = operations.iter().map(|operation| &operation.name).collect();
        assert_eq!(names.len(), operations.len(), "names are unique in a pass");
        let mut macs = vec![0_u64; operations.len()];
        let mut moved = vec![(0_u64, 0_u64); operations.len()];
        let mut seen = vec![0_u64; operations.len()];
        let mut loaded_pages = vec![BTreeSet::new(); operations.len()];
        for mut instruction in in_turn(pass.streams) {
            change(&mut instruction);
            let operation = instruction.operation.index();
            seen[operation] += 1;
            self.name = operations[operation].name.to_string();
            let bytes = self.instruction(&instruction);
            let core = self.core(&instruction).clone();
            match instruction.work {
                Work::Gemm(tile) => {
                    assert!(tile.m * tile.n * tile.k * tile.repeat > 0);
                    macs[operation] += tile.macs();
                    let mut arrays = core.arrays.iter();
                    let array = arrays.find(|array| array.unit == instruction.unit);
                    let family = operations[operation].family.unwrap();
                    assert!(array.unwrap().serves.contains(&family));
                    assert!(tile.side_by_side > 0 && tile.repeat % tile.side_by_side == 0);
                }
                Work::Vector(tile) => {
                    assert!(tile.elements > 0 && tile.rows > 0);
                    assert_eq!(instruction.unit, core.vector);
                }
                Work::Transfer(tile) if instruction.unit == core.load => {
                    moved[operation].0 += bytes;
                    if self.history.is_some() && operations[operation].gemm.is_some() {
                        loaded_pages[operation].extend(pages(&tile.region));
                    }
                }
                Work::Transfer(_) => {
                    assert_eq!(instruction.unit, core.store);
                    moved[operation].1 += bytes;
                }
                Work::Receive(tile) => {
                    assert_eq!(Some(instruction.unit), core.receive);
                    assert!(tile.bytes.get() > 0);
                }
            }
        }
        for (index, operation) in operations.iter().enumerate() {
            let name = &operation.name;
            agrees_with_the_table(operation);
            // What lies in memory is handed on there.
            let silent = operation.name.operator == Operator::HandOn;
            assert!(seen[index] > 0 || silent, "{name} has no instruction");
            assert_eq!(macs[index], operation.macs, "{name}");
            if let Some(shape) = operation.gemm {
                let all = shape.macs().unwrap();
                // A prefill's attention may leave out what the mask hides, never more than that.
                let masked = operation.family == Some(Family::Attention) && operation.macs > 0;
                assert!(
                    operation.macs == all || masked && operation.macs < all,
                    "{name}"
                );
                let choice = operation.tiling.expect("a GEMM is cut");
                assert!(choice.candidates > 0 && choice.chosen.arrays > 0);
            }
            let (loaded, stored) = moved[index];
            assert!(
                loaded >= operation.compulsory_read.get(),
                "{name}: {loaded} bytes read"
            );
            assert!(
                stored >= operation.compulsory_write.get(),
                "{name}: {stored} bytes written"
            );
            // Not some of them twice and others never.
            let distinct = loaded_pages[index].len() as u64 * PAGE;
            let weights = operation.family.is_some_and(|it| it != Family::Attention);
            if weights && self.history.is_some() {
                let least = operation.compulsory_read.get();
                assert!(distinct >= least, "{name}: {distinct} distinct bytes read");
            }
            self.found.loaded += loaded;
            self.found.stored += stored;
            self.found.macs += operation.macs;
        }
        self.found.passes += 1;
        let all = |pad: usize| self.occupancy.iter().map(|pads| pads[pad]).sum::<u64>();
        let [activations, weights, outputs] = [0, 1, 2].map(all);
        assert_eq!((activations, outputs), (0, 0), "empty between passes");
        let kept = if self.found.passes == announced {
            0
        } else {
            self.kept
        };
        assert!(weights <= kept, "{weights} bytes of weights stay");
        self.found.tokens += pass.tokens;
    }

    fn core(&self, instruction: &Instruction) -> &Target {
        &self.platform.cores[self.cores[instruction.unit.index()]]
    }

    /// Checks an instruction; says how many bytes it moves.
    fn instruction(&mut self, instruction: &Instruction) -> u64 {
        self.found.instructions += 1;
        let unit = instruction.unit.index();
        let mut clock = self.latest[unit].clone();
        let mut reasons = BTreeSet::new();
        // Instructions of arrays, and of the receiving end, overlap.
        let overlaps = matches!(instruction.work, Work::Receive(_) | Work::Gemm(_));
        if !overlaps {
            clock[unit] = self.counts[unit];
        }
        for wait in &instruction.waits {
            let other = wait.unit.index();
            assert!(other != unit || overlaps, "a unit does not wait for itself");
            assert!(
                wait.completed <= self.counts[other],
                "{instruction:?} waits for what does not stand before it"
            );
            let reason = wait.reason == tile_program::WaitReason::Data;
            assert!(
                reasons.insert((other, reason)),
                "one wait a unit and reason"
            );
            clock[other] = clock[other].max(wait.completed);
            if let Some(history) = &self.history
                && wait.completed > 0
            {
                let index = usize::try_from(wait.completed - 1).unwrap();
                for (known, before) in clock.iter_mut().zip(&history[other][index]) {
                    *known = (*known).max(*before);
                }
            }
        }
        self.counts[unit] += 1;
        if let Some(history) = &mut self.history {
            history[unit].push(clock.clone());
        }
        self.latest[unit].clone_from(&clock);
        self.occupy(instruction);
        if self.history.is_some() {
            let before = Before {
                complete: &clock,
                unit: instruction.unit,
                overlaps,
            };
            let count = self.counts[unit];
            self.on_chip
                .instruction(instruction, count, &before, &self.name);
        }
        let Work::Transfer(tile) = &instruction.work else {
            return 0;
        };
        let access = self.core(instruction).memory.access.get();
        Self::region(access, &tile.region);
        if self.history.is_some() {
            self.memory(instruction, &tile.region, &clock);
        }
        tile.region.bytes().get()
    }

    fn occupy(&mut self, instruction: &Instruction) {
        let core = self.cores[instruction.unit.index()];
        for claim in &instruction.takes {
            let held = &mut self.occupancy[core][claim.scratchpad as usize];
            *held += claim.bytes.get();
            assert!(claim.bytes.get() > 0);
            assert!(
                *held <= self.platform.cores[core].capacity(claim.scratchpad).get(),
                "{} overflows in program order at {instruction:?}",
                claim.scratchpad.name()
            );
        }
        for claim in &instruction.gives {
            let held = &mut self.occupancy[core][claim.scratchpad as usize];
            *held = held
                .checked_sub(claim.bytes.get())
                .expect("what is given was taken");
        }
        for list in [&instruction.takes, &instruction.gives] {
            let pads: BTreeSet<ScratchpadId> = list.iter().map(|claim| claim.scratchpad).collect();
            assert_eq!(pads.len(), list.len(), "one claim a scratchpad");
        }
    }

    fn region(access: u64, region: &Region) {
        assert_eq!(region.address % access, 0, "{region:?} starts on an access");
        assert!(
            region.pitch >= region.row_bytes && region.rows > 0,
            "{region:?}"
        );
        assert!(region.row_bytes.get() > 0);
        if region.rows > 1 {
            assert_eq!(region.pitch.get() % access, 0, "{region:?}");
        }
    }

    /// Reads follow the write that they must see, writes follow those who still read.
    fn memory(&mut self, instruction: &Instruction, region: &Region, clock: &Clock) {
        let stamp = (instruction.unit, self.counts[instruction.unit.index()]);
        let (writes, chip) = {
            let core = self.core(instruction);
            (instruction.unit == core.store, core.chip)
        };
        let before = |(unit, count): (UnitId, u64)| unit == stamp.0 || clock[unit.index()] >= count;
        for page in pages(region) {
            let page = self.pages.entry((chip, page)).or_default();
            if let Some(writer) = page.writer {
                assert!(
                    before(writer),
                    "{}: {instruction:?} does not wait for a store",
                    self.name
                );
            }
            if writes {
                for &reader in &page.readers {
                    assert!(
                        before(reader),
                        "{}: {instruction:?} overwrites what is still read",
                        self.name
                    );
                }
                page.writer = Some(stamp);
                page.readers.clear();
            } else {
                page.readers.retain(|(unit, _)| *unit != stamp.0);
                page.readers.push(stamp);
            }
        }
    }
}

/// Class and family of an operation are those of its operator's row in the table; vector work may
/// stand in place of a dense layer's matrix.
fn agrees_with_the_table(operation: &Operation) {
    let (name, operator) = (&operation.name, operation.name.operator);
    let classes: &[Class] = match operator.role() {
        OperatorRole::Gemm(Family::Attention) => &[Class::MatMul],
        OperatorRole::Gemm(Family::Projection) if operation.gemm.is_none() => &[Class::Vector],
        OperatorRole::Gemm(Family::Projection) => &[Class::MatMulFree],
        OperatorRole::Gemm(Family::LmHead) => &[Class::MatMulFree, Class::MatMul],
        OperatorRole::Transfer | OperatorRole::Exchange => &[Class::Transfer],
        OperatorRole::Norm
        | OperatorRole::Softmax
        | OperatorRole::Quantisation
        | OperatorRole::ElementWise => &[Class::Vector],
        OperatorRole::Other => panic!("{name}: an operator that no model has"),
    };
    assert!(
        classes.contains(&operation.class),
        "{name}: {}",
        operation.class
    );
    if operation.class != Class::Vector {
        assert_eq!(operation.family, operator.family(), "{name}");
    }
    assert_eq!(
        operation.gemm.is_some(),
        operation.family.is_some(),
        "{name}"
    );
}

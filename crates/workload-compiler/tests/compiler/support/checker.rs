//! Reads a program in program order and checks what must hold of it whatever the timing.

use std::collections::{BTreeMap, BTreeSet};

use tile_program::{
    Family, Instruction, Pass, Program, Region, ScratchpadId, Target, UnitId, Work,
};
use workload_compiler::CompiledProgram;

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

#[derive(Default)]
struct Page {
    writer: Option<(UnitId, u64)>,
    readers: Vec<(UnitId, u64)>,
}

pub(crate) struct Checker {
    target: Target,
    counts: Vec<u64>,
    /// Clock at the start of each unit's latest instruction; and of all, where memory is checked.
    latest: Vec<Clock>,
    history: Option<Vec<Vec<Clock>>>,
    occupancy: [u64; 3],
    /// Bytes of weights that stay from pass to pass.
    kept: u64,
    pages: BTreeMap<u64, Page>,
    pub(crate) found: Checked,
}

/// Checks a whole program. `thorough` follows every byte of main memory, for small programs.
pub(crate) fn check(program: &mut CompiledProgram, target: &Target, thorough: bool) -> Checked {
    let mut checker = Checker {
        target: target.clone(),
        counts: vec![0; target.units()],
        latest: vec![vec![0; target.units()]; target.units()],
        history: thorough.then(|| vec![Vec::new(); target.units()]),
        occupancy: [0; 3],
        kept: program.kept().bytes.get(),
        pages: BTreeMap::new(),
        found: Checked::default(),
    };
    let announced = program.passes();
    while let Some(pass) = program.next_pass() {
        checker.pass(pass, announced);
    }
    assert_eq!(checker.found.passes, announced);
    checker.found
}

impl Checker {
    fn pass(&mut self, pass: Pass, announced: u64) {
        let operations = pass.operations;
        let names: BTreeSet<_> = operations.iter().map(|operation| &operation.name).collect();
        assert_eq!(names.len(), operations.len(), "names are unique in a pass");
        let mut macs = vec![0_u64; operations.len()];
        let mut moved = vec![(0_u64, 0_u64); operations.len()];
        let mut seen = vec![0_u64; operations.len()];
        for instruction in pass.instructions {
            let operation = instruction.operation.index();
            seen[operation] += 1;
            let bytes = self.instruction(&instruction);
            match instruction.work {
                Work::Gemm(tile) => {
                    assert!(tile.m * tile.n * tile.k * tile.repeat > 0);
                    macs[operation] += tile.macs();
                    let array = self.target.arrays.iter();
                    let array = array.clone().find(|array| array.unit == instruction.unit);
                    let family = operations[operation].family.unwrap();
                    assert!(array.unwrap().serves.contains(&family));
                    assert!(tile.side_by_side > 0 && tile.repeat % tile.side_by_side == 0);
                }
                Work::Vector(tile) => {
                    assert!(tile.elements > 0 && tile.rows > 0);
                    assert_eq!(instruction.unit, self.target.vector);
                }
                Work::Transfer(_) if instruction.unit == self.target.load => {
                    moved[operation].0 += bytes;
                }
                Work::Transfer(_) => {
                    assert_eq!(instruction.unit, self.target.store);
                    moved[operation].1 += bytes;
                }
            }
        }
        for (index, operation) in operations.iter().enumerate() {
            let name = &operation.name;
            assert!(seen[index] > 0, "{name} has no instruction");
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
            self.found.loaded += loaded;
            self.found.stored += stored;
            self.found.macs += operation.macs;
        }
        self.found.passes += 1;
        let [activations, weights, outputs] = self.occupancy;
        assert_eq!((activations, outputs), (0, 0), "empty between passes");
        let kept = if self.found.passes == announced {
            0
        } else {
            self.kept
        };
        assert!(weights <= kept, "{weights} bytes of weights stay");
        self.found.tokens += pass.tokens;
    }

    /// Checks an instruction; says how many bytes it moves.
    fn instruction(&mut self, instruction: &Instruction) -> u64 {
        self.found.instructions += 1;
        let unit = instruction.unit.index();
        let mut clock = self.latest[unit].clone();
        let mut reasons = BTreeSet::new();
        for wait in &instruction.waits {
            let other = wait.unit.index();
            assert_ne!(other, unit, "a unit does not wait for itself");
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
        clock[unit] = self.counts[unit];
        self.counts[unit] += 1;
        if let Some(history) = &mut self.history {
            history[unit].push(clock.clone());
        }
        self.latest[unit].clone_from(&clock);
        self.occupy(instruction);
        let Work::Transfer(tile) = &instruction.work else {
            return 0;
        };
        self.region(&tile.region);
        if self.history.is_some() {
            self.memory(instruction, &tile.region, &clock);
        }
        tile.region.bytes().get()
    }

    fn occupy(&mut self, instruction: &Instruction) {
        for claim in &instruction.takes {
            let place = claim.scratchpad as usize;
            self.occupancy[place] += claim.bytes.get();
            assert!(claim.bytes.get() > 0);
            assert!(
                self.occupancy[place] <= self.target.capacity(claim.scratchpad).get(),
                "{} overflows in program order at {instruction:?}",
                claim.scratchpad.name()
            );
        }
        for claim in &instruction.gives {
            let held = &mut self.occupancy[claim.scratchpad as usize];
            *held = held
                .checked_sub(claim.bytes.get())
                .expect("what is given was taken");
        }
        for list in [&instruction.takes, &instruction.gives] {
            let pads: BTreeSet<ScratchpadId> = list.iter().map(|claim| claim.scratchpad).collect();
            assert_eq!(pads.len(), list.len(), "one claim a scratchpad");
        }
    }

    fn region(&self, region: &Region) {
        let access = self.target.memory.access.get();
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
        let writes = instruction.unit == self.target.store;
        let before = |(unit, count): (UnitId, u64)| unit == stamp.0 || clock[unit.index()] >= count;
        for row in 0..region.rows {
            let from = region.address + row * region.pitch.get();
            let to = from + region.row_bytes.get();
            for page in from / PAGE..to.div_ceil(PAGE) {
                let page = self.pages.entry(page).or_default();
                if let Some(writer) = page.writer {
                    assert!(before(writer), "{instruction:?} does not wait for a store");
                }
                if writes {
                    for &reader in &page.readers {
                        assert!(
                            before(reader),
                            "{instruction:?} overwrites what is still read"
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
}

//! What a program consists of, operation by operation, without running it.

mod instruction;

use std::collections::{BTreeMap, BTreeSet};

use quantities::Bytes;
use serde::{Serialize, Serializer};
use tile_program::{
    Class, GemmShape, Instruction, Moved, Operation, Operator, Platform, Program, ScratchpadId,
    Shortfall, TileChoice, UnitId, VectorKind, Work, in_turn,
};

use crate::program::CompiledProgram;

pub use instruction::{InstructionListing, WaitListing, WorkListing};

/// The size of a tile, as its unit sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "work")]
pub enum TileSize {
    /// C\[m,n\] (+)= A\[m,k\] · B\[k,n\], `repeat` times.
    Gemm {
        /// Rows of A and C.
        m: u64,
        /// Columns of B and C.
        n: u64,
        /// Columns of A, rows of B.
        k: u64,
        /// GEMMs of this shape back to back.
        repeat: u64,
    },
    /// So many elements through the vector unit, in so many rows.
    Vector {
        /// What is done to them.
        kind: VectorKind,
        /// All rows together.
        elements: u64,
        /// The number of rows that are worked on independently of each other.
        rows: u64,
    },
    /// Bytes between main memory and a scratchpad.
    Transfer {
        /// The number of bytes that move.
        bytes: u64,
    },
    /// Bytes from another core.
    Receive {
        /// The number of bytes that move.
        bytes: u64,
    },
}

/// Tiles of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tiles {
    /// The number of tiles.
    pub count: u64,
    /// The size that all of them have.
    #[serde(flatten)]
    pub size: TileSize,
}

/// Bytes of each scratchpad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScratchpadBytes {
    /// Bytes of the activation scratchpad.
    pub activations: Bytes,
    /// Bytes of the weight scratchpad.
    pub weights: Bytes,
    /// Bytes of the output scratchpad.
    pub outputs: Bytes,
}

impl ScratchpadBytes {
    fn at_least(&mut self, held: [u64; 3]) {
        let all = [&mut self.activations, &mut self.weights, &mut self.outputs];
        for (most, held) in all.into_iter().zip(held) {
            *most = Bytes(most.get().max(held));
        }
    }
}

/// An operation, or all operations of one operator together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationListing {
    /// `layers.3.q_proj`; of all layers together `q_proj`.
    pub name: String,
    /// The operator without its layer.
    pub operator: Operator,
    /// What its cycles are charged to.
    pub class: Class,
    /// The unit that does its main work.
    pub unit: String,
    /// The number of operations that this is the sum of.
    pub count: u64,
    /// Its GEMMs, if it is one: of one operation.
    #[serde(serialize_with = "shape")]
    pub gemm: Option<GemmShape>,
    /// The number of multiply-accumulates.
    pub macs: u64,
    /// Instructions, on all units.
    pub instructions: u64,
    /// The tiles that arrays and the vector unit work on (of a transfer: what the DMA moves), the
    /// most frequent size first.
    pub tiles: Vec<Tiles>,
    /// Payload that is loaded from main memory for it.
    pub bytes_loaded: Bytes,
    /// Least bytes that must be loaded.
    pub compulsory_read: Bytes,
    /// Payload that is stored to main memory for it.
    pub bytes_stored: Bytes,
    /// Least bytes that must be stored.
    pub compulsory_write: Bytes,
    /// The most that the scratchpads hold, in program order, between its first and its last
    /// instruction: its own tiles and what stays beside them.
    pub held: ScratchpadBytes,
    /// The operations whose results it reads, in program order.
    pub waits_for: Vec<String>,
    /// How its GEMMs were cut into tiles, and why so; of several operations, that of the first.
    pub tiling: Option<TileChoice>,
}

impl OperationListing {
    fn new(operation: &Operation, platform: &Platform) -> Self {
        Self {
            name: operation.name.to_string(),
            operator: operation.name.operator,
            class: operation.class,
            unit: unit(platform, operation.unit),
            count: 1,
            gemm: operation.gemm,
            macs: operation.macs,
            instructions: 0,
            tiles: Vec::new(),
            bytes_loaded: Bytes::ZERO,
            compulsory_read: operation.compulsory_read,
            bytes_stored: Bytes::ZERO,
            compulsory_write: operation.compulsory_write,
            held: ScratchpadBytes::default(),
            waits_for: Vec::new(),
            tiling: operation.tiling,
        }
    }

    /// Adds another operation of the same operator.
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.macs += other.macs;
        self.instructions += other.instructions;
        self.bytes_loaded += other.bytes_loaded;
        self.compulsory_read += other.compulsory_read;
        self.bytes_stored += other.bytes_stored;
        self.compulsory_write += other.compulsory_write;
        let held = &other.held;
        let held = [held.activations, held.weights, held.outputs];
        self.held.at_least(held.map(Bytes::get));
        for tiles in &other.tiles {
            match self.tiles.iter_mut().find(|known| known.size == tiles.size) {
                Some(known) => known.count += tiles.count,
                None => self.tiles.push(*tiles),
            }
        }
        if self.gemm != other.gemm {
            self.gemm = None;
        }
    }
}

/// A pass, operation by operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassListing {
    /// Its place in the run, from zero.
    pub index: u64,
    /// The name of the pass, such as `prefill(128)` or `decode@2048`.
    pub name: String,
    /// Tokens that it adds to the result, over the whole batch.
    pub tokens: u64,
    /// The operations, in program order.
    pub operations: Vec<OperationListing>,
}

impl PassListing {
    /// The operations of each operator (on each unit) together, in the order of the first.
    #[must_use]
    pub fn operators(&self) -> Vec<OperationListing> {
        let operator_of: BTreeMap<&str, Operator> = self
            .operations
            .iter()
            .map(|operation| (&operation.name[..], operation.operator))
            .collect();
        let mut index = BTreeMap::new();
        let mut all: Vec<OperationListing> = Vec::new();
        let mut waits: Vec<Vec<Operator>> = Vec::new();
        for operation in &self.operations {
            let key = (operation.operator, operation.class, &operation.unit);
            let place = *index.entry(key).or_insert_with(|| {
                let mut first = operation.clone();
                first.name = operation.operator.to_string();
                (first.tiles, first.count) = (Vec::new(), 0);
                for sum in [&mut first.macs, &mut first.instructions] {
                    *sum = 0;
                }
                first.bytes_loaded = Bytes::ZERO;
                first.compulsory_read = Bytes::ZERO;
                first.bytes_stored = Bytes::ZERO;
                first.compulsory_write = Bytes::ZERO;
                all.push(first);
                waits.push(Vec::new());
                all.len() - 1
            });
            all[place].add(operation);
            for name in &operation.waits_for {
                let operator = operator_of[&name[..]];
                if !waits[place].contains(&operator) {
                    waits[place].push(operator);
                }
            }
        }
        for (operator, waits) in all.iter_mut().zip(waits) {
            operator.waits_for = waits.iter().map(Operator::to_string).collect();
            sort(&mut operator.tiles);
        }
        all
    }

    /// Checks that no operation moves less than its compulsory bytes.
    ///
    /// # Errors
    /// The first that does: a mistake of the compiler.
    pub fn check(&self) -> Result<(), Shortfall> {
        self.operations.iter().try_for_each(|operation| {
            let moved = Moved {
                read: operation.bytes_loaded,
                written: operation.bytes_stored,
            };
            let compulsory = Moved {
                read: operation.compulsory_read,
                written: operation.compulsory_write,
            };
            Shortfall::check(&operation.name, moved, compulsory)
        })
    }

    /// All operations together.
    #[must_use]
    pub fn total(&self) -> Totals {
        let mut total = Totals {
            passes: 1,
            tokens: self.tokens,
            ..Totals::default()
        };
        for operation in &self.operations {
            total.instructions += operation.instructions;
            total.macs += operation.macs;
            total.bytes_loaded += operation.bytes_loaded;
            total.compulsory_read += operation.compulsory_read;
            total.bytes_stored += operation.bytes_stored;
            total.compulsory_write += operation.compulsory_write;
        }
        total
    }
}

/// Sums over operations and passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The number of passes.
    pub passes: u64,
    /// Tokens added to the result.
    pub tokens: u64,
    /// The number of instructions.
    pub instructions: u64,
    /// The number of multiply-accumulates.
    pub macs: u64,
    /// Payload loaded from main memory.
    pub bytes_loaded: Bytes,
    /// Least bytes that must be loaded.
    pub compulsory_read: Bytes,
    /// Payload stored to main memory.
    pub bytes_stored: Bytes,
    /// Least bytes that must be stored.
    pub compulsory_write: Bytes,
}

impl Totals {
    /// Adds another pass.
    pub fn add(&mut self, other: &Self) {
        self.passes += other.passes;
        self.tokens += other.tokens;
        self.instructions += other.instructions;
        self.macs += other.macs;
        self.bytes_loaded += other.bytes_loaded;
        self.compulsory_read += other.compulsory_read;
        self.bytes_stored += other.bytes_stored;
        self.compulsory_write += other.compulsory_write;
    }
}

fn sort(tiles: &mut [Tiles]) {
    tiles.sort_by_key(|tile| std::cmp::Reverse((tile.count, tile.size)));
}

/// Reads a program pass by pass.
#[derive(Debug)]
pub struct Lister {
    program: CompiledProgram,
    platform: Platform,
    /// The core of each unit, and what the scratchpads of each core hold.
    cores: Vec<usize>,
    held: Vec<[u64; 3]>,
    index: u64,
}

impl Lister {
    /// Reads a program that nobody has begun to run.
    #[must_use]
    pub fn new(mut program: CompiledProgram) -> Self {
        program.record_dependencies();
        let platform = program.platform().clone();
        Self {
            program,
            cores: platform.core_places(),
            held: vec![[0; 3]; platform.cores.len()],
            platform,
            index: 0,
        }
    }

    /// The program that is listed.
    #[must_use]
    pub const fn program(&self) -> &CompiledProgram {
        &self.program
    }

    /// The next pass. `each` sees its instructions as they come, each with its operation.
    pub fn next_pass(
        &mut self,
        mut each: impl FnMut(&Instruction, &Operation),
    ) -> Option<PassListing> {
        let pass = self.program.next_pass()?;
        let operations = pass.operations;
        let mut listings: Vec<OperationListing> = operations
            .iter()
            .map(|operation| OperationListing::new(operation, &self.platform))
            .collect();
        let mut tiles: Vec<BTreeMap<TileSize, u64>> = vec![BTreeMap::new(); operations.len()];
        for instruction in in_turn(pass.streams) {
            let place = instruction.operation.index();
            each(&instruction, &operations[place]);
            self.count(&instruction, &operations[place], &mut listings[place]);
            if let Some(size) = size(&instruction, operations[place].unit) {
                *tiles[place].entry(size).or_insert(0) += 1;
            }
        }
        for (listing, tiles) in listings.iter_mut().zip(tiles) {
            let tiles = tiles.into_iter();
            listing.tiles = tiles.map(|(size, count)| Tiles { count, size }).collect();
            sort(&mut listing.tiles);
        }
        let name_all = |ids: &BTreeSet<tile_program::OperationId>| {
            let names = ids.iter().map(|id| operations[id.index()].name.to_string());
            names.collect()
        };
        for (listing, ids) in listings.iter_mut().zip(self.program.dependencies()) {
            listing.waits_for = name_all(&ids);
        }
        self.index += 1;
        Some(PassListing {
            index: self.index - 1,
            name: pass.name,
            tokens: pass.tokens,
            operations: listings,
        })
    }

    fn count(
        &mut self,
        instruction: &Instruction,
        operation: &Operation,
        listing: &mut OperationListing,
    ) {
        listing.instructions += 1;
        let core = self.cores[instruction.unit.index()];
        if let Work::Transfer(tile) = &instruction.work {
            if self.platform.cores[core].load == instruction.unit {
                listing.bytes_loaded += tile.region.bytes();
            } else {
                listing.bytes_stored += tile.region.bytes();
            }
        }
        debug_assert_eq!(listing.operator, operation.name.operator);
        let held = &mut self.held[core];
        for claim in &instruction.takes {
            held[claim.scratchpad as usize] += claim.bytes.get();
        }
        listing.held.at_least(*held);
        for claim in &instruction.gives {
            held[claim.scratchpad as usize] -= claim.bytes.get();
        }
    }
}

/// The size of what an instruction works on. A move of bytes has one only if it is the main work of
/// its operation, the work of the operation's `main_unit`.
fn size(instruction: &Instruction, main_unit: UnitId) -> Option<TileSize> {
    let is_main_work = instruction.unit == main_unit;
    Some(match &instruction.work {
        Work::Gemm(tile) => TileSize::Gemm {
            m: tile.m,
            n: tile.n,
            k: tile.k,
            repeat: tile.repeat,
        },
        Work::Vector(tile) => TileSize::Vector {
            kind: tile.kind,
            elements: tile.elements,
            rows: tile.rows,
        },
        Work::Transfer(tile) if is_main_work => TileSize::Transfer {
            bytes: tile.region.bytes().get(),
        },
        Work::Receive(tile) if is_main_work => TileSize::Receive {
            bytes: tile.bytes.get(),
        },
        Work::Transfer(_) | Work::Receive(_) => return None,
    })
}

fn shape<S: Serializer>(shape: &Option<GemmShape>, serializer: S) -> Result<S::Ok, S::Error> {
    let fields = shape.map(|GemmShape { m, n, k, count }| {
        BTreeMap::from([("m", m), ("n", n), ("k", k), ("count", count)])
    });
    fields.serialize(serializer)
}

/// The name of a unit.
pub(crate) fn unit(platform: &Platform, unit: UnitId) -> String {
    let mut units = platform.all_units();
    let found = units.find(|(_, known, _)| *known == unit);
    found.map_or_else(String::new, |(core, unit, _)| core.unit_name(unit))
}

/// Claims by the name of their scratchpad.
pub(crate) fn claims(claims: &[tile_program::Claim]) -> BTreeMap<&'static str, Bytes> {
    let named = |id: ScratchpadId| id.name();
    claims
        .iter()
        .map(|claim| (named(claim.scratchpad), claim.bytes))
        .collect()
}

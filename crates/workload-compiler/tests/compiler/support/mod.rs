//! Machines to compile for, and a reader of programs that trusts nothing.

mod checker;
mod on_chip;
mod run;

pub(crate) use checker::{check, check_changed};
pub(crate) use run::{run_all_ways, run_all_ways_changed};

use std::sync::Arc;

use quantities::{Bits, Bytes};
use tile_program::{
    ArrayTarget, ArrayTime, CoreId, Dataflow, Family, GemmTile, Laws, MemoryTarget, Platform,
    ScratchpadTarget, Target, UnitId, VectorTile,
};
use workload_compiler::{
    CompileError, CompiledProgram, Format, Fusion, Heads, MaskedKeys, Model, Operators, Packing,
    Precision, Run, Softmax, Split, Weights, Workload, find,
};

/// About the time of real units: folds, each with its stream and a wavefront in and out; 64 lanes;
/// 32 bytes a cycle after 50.
#[derive(Debug)]
struct RoughLaws(Vec<ArrayTarget>);

impl Laws for RoughLaws {
    fn array(&self, array: usize, tile: &GemmTile) -> Option<ArrayTime> {
        let array = &self.0[array];
        let (rows, columns, stream) = match array.dataflow {
            Dataflow::OutputStationary => (tile.m, tile.n, tile.k),
            Dataflow::WeightStationary => (tile.k, tile.n, tile.m),
            Dataflow::InputStationary => (tile.k, tile.m, tile.n),
        };
        let (rows, columns) = (rows * tile.side_by_side, columns * tile.side_by_side);
        let folds = rows.div_ceil(array.rows) * columns.div_ceil(array.columns);
        let fold = stream + rows.min(array.rows) + columns.min(array.columns);
        let cycles = folds * fold * (tile.repeat / tile.side_by_side);
        Some(ArrayTime {
            next_cycles: cycles,
            total_cycles: cycles,
        })
    }

    fn side_by_side(&self, array: usize, tile: &GemmTile) -> u64 {
        let array = &self.0[array];
        let (rows, columns) = match array.dataflow {
            Dataflow::OutputStationary => (tile.m, tile.n),
            Dataflow::WeightStationary => (tile.k, tile.n),
            Dataflow::InputStationary => (tile.k, tile.m),
        };
        match array.whole_tiles {
            true => 1,
            false => (array.rows / rows).min(array.columns / columns),
        }
    }

    fn vector(&self, tile: &VectorTile) -> Option<u64> {
        Some(tile.elements.div_ceil(64))
    }

    fn memory(&self, bytes: Bytes) -> u64 {
        bytes.get() / 32
    }

    fn latency(&self) -> u64 {
        50
    }
}

/// Compiles for a machine of one core.
pub(crate) fn compile(
    workload: Workload,
    target: &Target,
) -> Result<CompiledProgram, CompileError> {
    workload_compiler::compile(workload, &Platform::single(target.clone()))
}

/// The rough laws of some arrays.
pub(crate) fn laws(arrays: &[ArrayTarget]) -> Arc<dyn Laws> {
    Arc::new(RoughLaws(arrays.to_vec()))
}

/// A machine with other arrays, units numbered anew.
pub(crate) fn with_arrays(target: &Target, mut arrays: Vec<ArrayTarget>) -> Target {
    let unit = |index: usize| UnitId(u16::try_from(index).unwrap());
    for (index, array) in arrays.iter_mut().enumerate() {
        array.unit = unit(index);
        array.name = format!("array{index}");
    }
    let others = arrays.len();
    Target {
        vector: unit(others),
        load: unit(others + 1),
        store: unit(others + 2),
        laws: laws(&arrays),
        arrays,
        ..target.clone()
    }
}

/// The unit of an array may begin an instruction before the last has ended.
pub(crate) fn is_array(platform: &Platform, unit: UnitId) -> bool {
    let mut arrays = platform.cores.iter().flat_map(|core| &core.arrays);
    arrays.any(|array| array.unit == unit)
}

/// An array of a target.
pub(crate) fn array(unit: u16, side: u64, serves: &[Family], bits: (u64, u64, u64)) -> ArrayTarget {
    ArrayTarget {
        unit: UnitId(unit),
        name: format!("array{unit}"),
        rows: side,
        columns: side,
        dataflow: Dataflow::WeightStationary,
        serves: serves.to_vec(),
        matmul_free: bits.1 <= 2,
        // Operands of 16 bits are BF16 throughout these tests.
        numbers: match bits.1 {
            16 => tile_program::Numbers::Bf16,
            _ => tile_program::Numbers::Integers,
        },
        activation: Bits(bits.0),
        weight: Bits(bits.1),
        accumulator: Bits(bits.2),
        greatest_product: None,
        whole_tiles: false,
        unpacks: tile_program::Packed::ALL.to_vec(),
    }
}

/// A machine with a ternary and a BF16 array; scratchpads in KiB: activations, weights, outputs.
pub(crate) fn hybrid(side: u64, kib: [u64; 3]) -> Target {
    let arrays = vec![
        array(0, side, &[Family::Projection], (8, 2, 24)),
        array(
            1,
            side / 2,
            &[Family::Attention, Family::LmHead],
            (16, 16, 32),
        ),
    ];
    Target {
        core: CoreId(0),
        chip: 0,
        prefix: "".into(),
        receive: None,
        vector: UnitId(2),
        load: UnitId(3),
        store: UnitId(4),
        scratchpads: kib.map(|kib| ScratchpadTarget {
            capacity: Bytes(kib << 10),
        }),
        memory: MemoryTarget {
            capacity: None,
            access: Bytes(64),
            interleave: tile_program::Interleave::NONE,
        },
        laws: laws(&arrays),
        arrays,
    }
}

/// A machine with one array for everything.
pub(crate) fn single(side: u64, kib: [u64; 3], bits: u64) -> Target {
    with_arrays(
        &hybrid(side, kib),
        vec![array(0, side, &Family::ALL, (bits, bits, 32))],
    )
}

/// The edge machine of the design: 256 KiB, 512 KiB, 128 KiB.
pub(crate) fn edge() -> Target {
    hybrid(64, [256, 512, 128])
}

/// A machine of the cloud: 16 MiB, 16 MiB, 4 MiB.
pub(crate) fn cloud() -> Target {
    hybrid(256, [16 << 10, 16 << 10, 4 << 10])
}

pub(crate) const TERNARY: Format = Format::Ternary {
    packing: Packing::FiveTritsPerByte,
};

/// BF16 but for the projections.
pub(crate) fn precision(projection: Format) -> Precision {
    Precision {
        projection,
        attention: Format::Bf16,
        lm_head: Format::Bf16,
        kv_cache: Format::Bf16,
        activation: Format::Bf16,
    }
}

pub(crate) fn workload(model: Model, run: Run, projection: Format) -> Workload {
    Workload {
        model,
        run,
        batch: 1,
        precision: precision(projection),
        weights: Weights::Kept,
        operators: Operators::All,
        heads: Heads::Grouped,
        softmax: Softmax::Auto,
        masked_keys: MaskedKeys::Skip,
        fusion: Fusion::Full,
        split: Split::default(),
        warnings: Vec::new(),
    }
}

pub(crate) fn model(name: &str) -> Model {
    find(name).expect("a shipped model").model.clone()
}

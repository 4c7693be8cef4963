//! Machines to compile for, and a reader of programs that trusts nothing.

mod checker;
mod run;

pub(crate) use checker::check;
pub(crate) use run::run_all_ways;

use tile_program::{
    ArrayTarget, Bits, Bytes, Dataflow, Family, MemoryTarget, ScratchpadTarget, Target, UnitId,
};
use workload_compiler::{
    Format, Heads, Model, Operators, Packing, Precision, Run, Softmax, Weights, Workload, find,
};

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
        activation: Bits(bits.0),
        weight: Bits(bits.1),
        accumulator: Bits(bits.2),
        whole_tiles: false,
    }
}

/// A machine with a ternary and a BF16 array; scratchpads in KiB: activations, weights, outputs.
pub(crate) fn hybrid(side: u64, kib: [u64; 3]) -> Target {
    Target {
        arrays: vec![
            array(0, side, &[Family::Projection], (8, 2, 24)),
            array(
                1,
                side / 2,
                &[Family::Attention, Family::LmHead],
                (16, 16, 32),
            ),
        ],
        vector: UnitId(2),
        load: UnitId(3),
        store: UnitId(4),
        scratchpads: kib.map(|kib| ScratchpadTarget {
            capacity: Bytes(kib << 10),
        }),
        memory: MemoryTarget {
            capacity: None,
            access: Bytes(64),
        },
    }
}

/// A machine with one array for everything.
pub(crate) fn single(side: u64, kib: [u64; 3], bits: u64) -> Target {
    let all = [Family::Projection, Family::Attention, Family::LmHead];
    Target {
        arrays: vec![array(0, side, &all, (bits, bits, 32))],
        vector: UnitId(1),
        load: UnitId(2),
        store: UnitId(3),
        ..hybrid(side, kib)
    }
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
    }
}

pub(crate) fn model(name: &str) -> Model {
    find(name).expect("a shipped model").model.clone()
}

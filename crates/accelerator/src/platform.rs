//! The cores of a machine as a compiler sees them.

use std::sync::Arc;

use dram::Memory;
use pe_array::Tiles;
use quantities::{Bytes, Frequency};
use tile_program::{
    ArrayTarget, CoreId, Interleave, MemoryTarget, Network, Platform, ScratchpadTarget, Target,
    UnitId,
};

use crate::config::MachineSpec;
use crate::core_model::CoreModel;
use crate::laws::MachineLaws;

/// All cores of all chips.
pub(crate) fn platform(spec: &MachineSpec, cores: &[CoreModel], memory: &Memory) -> Platform {
    let mut next = 0;
    let each = (0..spec.chips).flat_map(|chip| (0..).zip(cores).map(move |core| (chip, core)));
    let all = each.map(|(chip, (place, model))| {
        let index = usize::from(chip) * cores.len() + place;
        let prefix = match (spec.chips, cores.len()) {
            (1, 1) => String::new(),
            (1, _) => format!("core{place}."),
            (_, 1) => format!("chip{chip}."),
            _ => format!("chip{chip}.core{place}."),
        };
        let target = Target {
            core: CoreId(u16::try_from(index).expect("core counts are checked")),
            chip,
            prefix: prefix.into(),
            receive: (spec.chips > 1).then_some(UnitId(0)),
            ..target(spec.clock, model, memory)
        };
        let (target, after) = target.numbered_from(next);
        next = after;
        target
    });
    Platform {
        cores_per_chip: cores.len(),
        cores: all.collect(),
        network: Network::new(spec.chips, &spec.joined),
        replicas: 1,
    }
}

/// A core by itself, its units not numbered yet.
fn target(clock: Frequency, core: &CoreModel, memory: &Memory) -> Target {
    let spec = &core.spec;
    let unit = UnitId(0);
    let arrays = spec.arrays.iter().map(|array| ArrayTarget {
        unit,
        name: array.name.clone(),
        rows: array.array.rows,
        columns: array.array.columns,
        dataflow: array.array.dataflow,
        serves: array.serves.clone(),
        matmul_free: array.kind.matmul_free,
        numbers: array.kind.activation.numbers(),
        activation: array.kind.activation.bits(),
        weight: array.kind.weight.bits(),
        accumulator: array.kind.accumulator.bits(),
        greatest_product: array.kind.greatest_product(),
        whole_tiles: array.tiles == Tiles::Whole,
        unpacks: array.unpack.formats.clone(),
    });
    Target {
        core: CoreId(0),
        chip: 0,
        prefix: "".into(),
        arrays: arrays.collect(),
        vector: unit,
        load: unit,
        store: unit,
        receive: None,
        scratchpads: spec.scratchpads.map(|pad| ScratchpadTarget {
            // Without limits: as much as addresses reach.
            capacity: pad.map_or(Bytes(1 << 62), |limits| limits.capacity),
        }),
        memory: MemoryTarget {
            capacity: Some(Bytes(memory.capacity_bytes())),
            access: Bytes(memory.access_bytes()),
            interleave: Interleave {
                stripe: Bytes(memory.interleave().0),
                channels: memory.interleave().1,
            },
        },
        laws: Arc::new(MachineLaws::new(clock, core, memory)),
    }
}

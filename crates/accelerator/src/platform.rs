//! The cores of a machine as a compiler sees them, and the models of their parts.

use std::sync::Arc;

use dram::Memory;
use pe_array::{ArrayModel, Feed, Tiles};
use quantities::{Bits, Bytes, Frequency, Ratio};
use sram::Scratchpad;
use tile_program::{
    ArrayTarget, CoreId, Interleave, MemoryTarget, Network, Packed, Platform, ScratchpadId,
    ScratchpadTarget, Target, UnitId,
};

use crate::config::{ArraySpec, CoreSpec, MachineSpec};
use crate::engine::ArrayEngine;
use crate::laws::MachineLaws;

/// A core with the timing models of its arrays.
#[derive(Clone, Debug)]
pub(crate) struct CoreModel {
    pub(crate) spec: CoreSpec,
    pub(crate) arrays: Vec<ArrayModel>,
}

impl CoreModel {
    pub(crate) fn new(spec: CoreSpec) -> Result<Self, config::FieldError> {
        let arrays = spec.arrays.iter().enumerate().map(|(index, array)| {
            ArrayModel::new(&array.array)
                .and_then(|model| model.with_tiles(array.tiles))
                .map_err(|error| error.inside(format!("arrays[{index}]")))
        });
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { spec, arrays })
    }
}

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

/// The rates at which the scratchpads feed an array, in elements a cycle of its clock, and those of
/// packed weights, by packing.
fn feeds(
    reference: Frequency,
    spec: &CoreSpec,
) -> impl Fn(&ArraySpec) -> (Feed, [Option<Ratio>; Packed::ALL.len()]) {
    let sides = spec
        .scratchpads
        .map(|pad| Scratchpad::new(pad.map(Into::into)).side_rate());
    let reference = reference.as_fraction();
    move |array| {
        let own = array.clock.as_fraction();
        // Scratchpads run on the reference clock: bytes a reference cycle · own / reference.
        let rate = |pad: ScratchpadId, tenths: u64| {
            let (bytes, cycles) = sides[pad as usize]?.as_fraction();
            let per_second = [80 * bytes, reference.0, own.1].map(u128::from);
            let elements = per_second.into_iter().product::<u128>();
            let cycles = [cycles, reference.1, own.0, tenths].map(u128::from);
            port_rate(elements, cycles.into_iter().product())
        };
        let port = |pad, element: Bits| rate(pad, 10 * element.get());
        let feed = Feed {
            a: port(ScratchpadId::Activations, array.kind.activation.bits()),
            b: port(ScratchpadId::Weights, array.kind.weight.bits()),
            c: port(ScratchpadId::Outputs, array.kind.accumulator.bits()),
        };
        let unpack = array.unpack.rate();
        let packed = Packed::ALL.map(|packed| {
            let port = rate(ScratchpadId::Weights, packed.tenths());
            [port, unpack].into_iter().flatten().min()
        });
        (feed, packed)
    }
}

/// A rate of elements over cycles in lowest terms; `None`, which is no limit, if a term needs more
/// than 32 bits even so: a port that many orders of magnitude wider than an element never slows an
/// array.
fn port_rate(elements: u128, cycles: u128) -> Option<Ratio> {
    let rate = Ratio::reduced(elements, cycles)?;
    let fits = |term: u64| u32::try_from(term).is_ok();
    (fits(rate.numerator()) && fits(rate.denominator())).then_some(rate)
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
        laws: Arc::new(MachineLaws::new(
            clock,
            spec,
            engines(clock, spec, &core.arrays),
            memory,
        )),
    }
}

/// The arrays with what feeds them.
pub(crate) fn engines(
    clock: Frequency,
    spec: &CoreSpec,
    models: &[ArrayModel],
) -> Vec<ArrayEngine> {
    let feed = feeds(clock, spec);
    let engine = |(array, model): (&ArraySpec, &ArrayModel)| {
        let (feed, packed) = feed(array);
        ArrayEngine {
            name: array.name.clone(),
            model: *model,
            feed,
            packed,
        }
    };
    spec.arrays.iter().zip(models).map(engine).collect()
}

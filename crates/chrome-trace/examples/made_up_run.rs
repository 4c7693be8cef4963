//! Writes the trace of a made-up run to a file, to try viewers with: two arrays, a vector unit and
//! a DMA that work through a few layers, with waits, folds, counters and flows.
//!
//!     cargo run -p chrome-trace --example made_up_run -- FILE[.gz] [PASSES]

use std::sync::Arc;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;

use chrome_trace::{Encoding, TraceOptions, TraceWriter};
use quantities::{Bits, Bytes, Cycle, Cycles, Frequency};
use tile_program::{
    ArrayTarget, Bound, Busy, Cause, Class, CoreId, Dataflow, FoldSpan, MemoryTarget, Observer,
    Operation, OperationId, OperationName, Operator, Platform, ScratchpadId, ScratchpadTarget,
    Target, UnitId, WaitReason, Waiting,
};

const TERNARY: UnitId = UnitId(0);
const BF16: UnitId = UnitId(1);
const VECTOR: UnitId = UnitId(2);
const LOAD: UnitId = UnitId(3);
const STORE: UnitId = UnitId(4);

/// Operator, class, unit, tiles, cycles of a tile on its unit, cycles to load a tile.
type Step = (&'static str, Class, UnitId, u32, u64, u64);

const LAYER: [Step; 8] = [
    ("norm", Class::Vector, VECTOR, 1, 180, 0),
    ("quantise", Class::Vector, VECTOR, 1, 120, 0),
    ("qkv_proj", Class::MatMulFree, TERNARY, 6, 260, 310),
    ("scores", Class::MatMul, BF16, 3, 420, 240),
    ("softmax", Class::Vector, VECTOR, 1, 300, 0),
    ("context", Class::MatMul, BF16, 3, 420, 240),
    ("out_proj", Class::MatMulFree, TERNARY, 2, 260, 310),
    ("ffn", Class::MatMulFree, TERNARY, 16, 260, 310),
];

fn platform() -> Platform {
    let array = |unit, name: &str| ArrayTarget {
        unit,
        name: name.into(),
        rows: 64,
        columns: 64,
        dataflow: Dataflow::WeightStationary,
        serves: Vec::new(),
        matmul_free: unit == TERNARY,
        numbers: tile_program::Numbers::Integers,
        activation: Bits(8),
        weight: Bits(2),
        accumulator: Bits(24),
        greatest_product: None,
        whole_tiles: false,
        unpacks: tile_program::Packed::ALL.to_vec(),
    };
    Platform::single(Target {
        core: CoreId(0),
        chip: 0,
        prefix: "".into(),
        receive: None,
        arrays: vec![array(TERNARY, "ternary"), array(BF16, "bf16")],
        vector: VECTOR,
        load: LOAD,
        store: STORE,
        scratchpads: [ScratchpadTarget {
            capacity: Bytes(1 << 18),
        }; 3],
        memory: MemoryTarget {
            capacity: None,
            access: Bytes(64),
            interleave: tile_program::Interleave::NONE,
        },
        laws: Arc::new(()),
    })
}

fn operations(layers: usize) -> Vec<Operation> {
    let layer = |layer: usize| {
        LAYER.map(|(operator, class, unit, tiles, cycles, _)| Operation {
            name: OperationName::in_layer(layer as u64, Operator::Named(operator)),
            class,
            family: None,
            unit,
            gemm: None,
            tiling: None,
            macs: u64::from(tiles) * cycles * u64::from(unit != VECTOR) * 4096,
            compulsory_read: Bytes::ZERO,
            compulsory_write: Bytes::ZERO,
        })
    };
    (0..layers).flat_map(layer).collect()
}

/// Tells of spans in the order in which they end.
#[derive(Default)]
struct Story {
    free: BTreeMap<u16, Cycle>,
    spans: Vec<(Cycle, usize, Span)>,
}

#[derive(Clone)]
struct Span {
    unit: UnitId,
    operation: OperationId,
    tile: u32,
    from: Cycle,
    /// Parts, or whom it waits for.
    parts: Result<Vec<(Cause, Cycles)>, UnitId>,
}

impl Story {
    fn push(&mut self, to: Cycle, span: Span) {
        self.spans.push((to, self.spans.len(), span));
    }

    /// A unit waits for another until `ready`, then works. Returns when it is done.
    fn work(
        &mut self,
        unit: UnitId,
        (operation, tile): (OperationId, u32),
        ready: (UnitId, Cycle),
        parts: Vec<(Cause, Cycles)>,
    ) -> Cycle {
        let free = self.free.get(&unit.0).copied().unwrap_or_default();
        let from = free.max(ready.1);
        let span = |from, parts| Span {
            unit,
            operation,
            tile,
            from,
            parts,
        };
        if free < from {
            self.push(from, span(free, Err(ready.0)));
        }
        let to = from + parts.iter().map(|(_, cycles)| *cycles).sum();
        self.push(to, span(from, Ok(parts)));
        self.free.insert(unit.0, to);
        to
    }

    fn pass(&mut self, operations: &[Operation]) -> Cycle {
        let mut ready = (STORE, self.free.values().copied().max().unwrap_or_default());
        for index in 0..operations.len() {
            let (_, _, unit, tiles, cycles, load) = LAYER[index % LAYER.len()];
            let operation = OperationId(u32::try_from(index).expect("few operations"));
            let mut done = ready.1;
            for tile in 0..tiles {
                let what = (operation, tile);
                let mut start = ready;
                if load > 0 {
                    let extra = u64::from(tile * 7 % 5) * 6;
                    let parts = vec![
                        (Cause::DramLatency, Cycles(24)),
                        (Cause::DramRowConflict, Cycles(extra)),
                        (Cause::DramBandwidth, Cycles(load)),
                    ];
                    start.1 = start.1.max(self.work(LOAD, what, (unit, Cycle(0)), parts));
                    start.0 = LOAD;
                }
                let (fill, drain) = (Cycles(cycles / 6), Cycles(cycles / 8));
                let parts = vec![
                    (Cause::Fill, fill),
                    (Cause::Compute, Cycles(cycles) - fill - drain),
                    (Cause::Drain, drain),
                ];
                done = self.work(unit, what, start, parts);
            }
            ready = (unit, done);
        }
        let last = OperationId(u32::try_from(operations.len() - 1).expect("few operations"));
        self.work(
            STORE,
            (last, 0),
            ready,
            vec![(Cause::DramBandwidth, Cycles(90))],
        )
    }

    fn tell(&mut self, observer: &mut impl Observer) {
        self.spans.sort_by_key(|(to, index, _)| (*to, *index));
        for (to, _, span) in self.spans.drain(..) {
            tell(&span, to, observer);
        }
    }
}

fn tell(span: &Span, to: Cycle, observer: &mut impl Observer) {
    let Span {
        unit,
        operation,
        tile,
        from,
        ref parts,
    } = *span;
    let parts = match parts {
        Ok(parts) => parts,
        Err(on) => {
            return observer.waiting(&Waiting {
                unit,
                operation: Some(operation),
                from,
                to,
                on: Some((*on, WaitReason::Data)),
            });
        }
    };
    let dma = unit == LOAD || unit == STORE;
    observer.busy(&Busy {
        unit,
        operation,
        tile,
        from,
        to,
        parts,
        macs: if unit.0 < 2 {
            to.since(from).get() * 3000
        } else {
            0
        },
        bytes: Bytes(if dma { to.since(from).get() * 24 } else { 0 }),
    });
    observer.complete(unit, operation, tile, to, Bound::Own);
    if unit.0 < 2 && observer.wants_folds(from, to) {
        let mut from = from;
        for (cause, cycles) in parts {
            let to = from + *cycles;
            observer.fold(&FoldSpan {
                unit,
                fold: 0,
                cause: *cause,
                from,
                to,
            });
            from = to;
        }
    }
    let held = u64::from(tile % 3 + u32::from(dma)) * 16_384;
    observer.occupancy(
        CoreId(0),
        ScratchpadId::ALL[usize::from(unit.0 % 3)],
        to,
        Bytes(held),
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: made_up_run FILE [PASSES]")?;
    let passes: u64 = arguments.next().map_or(Ok(2), |passes| passes.parse())?;
    let mut options = TraceOptions::new("made up", "made up", Frequency::from_megahertz(500)?);
    if path.ends_with(".gz") {
        options.encoding = Encoding::Gzip;
    }
    let tiles: u64 = LAYER.iter().map(|step| u64::from(step.3)).sum();
    // A load and a tile for most of them, in four layers.
    options.instructions = Some(passes * 4 * 2 * tiles);
    let mut trace = TraceWriter::new(File::create(&path)?, &platform(), &options);
    let operations = operations(4);
    let mut story = Story::default();
    let mut at = Cycle::ZERO;
    for pass in 0..passes {
        trace.pass(&format!("decode@{}", 2048 + pass), &operations, at);
        at = story.pass(&operations);
        story.tell(&mut trace);
    }
    trace.end(at);
    let (_, summary) = trace.finish()?;
    println!("{summary:?}");
    Ok(())
}

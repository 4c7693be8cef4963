//! The JSON document of a run: simulated facts only, so that the same run gives the same bytes.
//!
//! Its fields are described in the crate's README.

use attribution::{ClassWork, MakespanCell, OperationSummary, OperatorSummary, Roofline};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;
use tile_program::{Cause, Class};

use crate::energy::{AreaDocument, EnergyDocument, area_document, energy_document};
use crate::facts::{
    DramFacts, KeptFacts, Run, ScratchpadFacts, SerialFacts, SystemFacts, WithSerial, law_speedups,
};

/// The version of the document's shape. It grows when a field changes its meaning or goes away; new
/// fields may come without.
pub const SCHEMA_VERSION: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    machine: &'a str,
    workload: &'a str,
    convention: String,
    clock_hz: f64,
    tokens: u64,
    passes: u64,
    total_cycles: u64,
    seconds: f64,
    tokens_per_second: Option<f64>,
    makespan: &'a [MakespanCell],
    classes: &'a [ClassWork],
    units: Vec<Unit<'a>>,
    arrays: Vec<Array<'a>>,
    operators: &'a [OperatorSummary],
    operations: &'a [OperationSummary],
    dram: Dram<'a>,
    sram: &'a [ScratchpadFacts],
    kept_weights: KeptFacts,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a SystemFacts>,
    #[serde(skip_serializing_if = "<[SerialFacts]>::is_empty")]
    serial: &'a [SerialFacts],
    #[serde(skip_serializing_if = "Option::is_none")]
    with_serial: Option<WithSerial>,
    amdahl: Law,
    roofline: Roofline,
    #[serde(skip_serializing_if = "Option::is_none")]
    energy: Option<EnergyDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    area: Option<AreaDocument<'a>>,
    config: &'a Value,
}

#[derive(Serialize)]
struct Unit<'a> {
    name: &'a str,
    cycles: ByCause,
    by_class: &'a [attribution::Bucket],
    busy_cycles: u64,
    macs: u64,
    bytes: u64,
    instructions: u64,
}

/// Cycles by cause, as an object in the order of [`Cause::ALL`].
struct ByCause([u64; Cause::COUNT]);

impl Serialize for ByCause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Cause::COUNT))?;
        for cause in Cause::ALL {
            map.serialize_entry(cause.name(), &self.0[cause as usize])?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Array<'a> {
    name: &'a str,
    rows: u64,
    columns: u64,
    element: &'a str,
    dataflow: &'a str,
    convention: &'a str,
    peak_macs_per_cycle: f64,
    macs: u64,
    utilisation: f64,
    busy: f64,
}

#[derive(Serialize)]
struct Dram<'a> {
    #[serde(flatten)]
    counters: &'a DramFacts,
    bytes_read: u64,
    bytes_written: u64,
    compulsory_bytes_read: u64,
    compulsory_bytes_written: u64,
    bytes_per_second: Option<f64>,
}

#[derive(Serialize)]
struct Law {
    class: Class,
    fraction: f64,
    ceiling: Option<f64>,
    law: Vec<LawPoint>,
}

#[derive(Serialize)]
struct LawPoint {
    speedup: f64,
    whole: f64,
}

/// The document, indented, with a line end.
#[must_use]
pub fn to_json(run: &Run) -> String {
    let summary = &run.summary;
    let amdahl = run.amdahl();
    let document = Document {
        schema_version: SCHEMA_VERSION,
        machine: &run.machine,
        workload: &run.workload,
        convention: run.convention(),
        clock_hz: run.clock.as_hertz_f64(),
        tokens: run.tokens,
        passes: summary.passes,
        total_cycles: summary.total.get(),
        seconds: run.seconds(),
        tokens_per_second: run.tokens_per_second(),
        makespan: &summary.makespan,
        classes: &summary.classes,
        units: summary.units.iter().map(unit).collect(),
        arrays: arrays(run),
        operators: &summary.operators,
        operations: &summary.operations,
        dram: Dram {
            counters: &run.dram,
            bytes_read: summary.bytes_read.get(),
            bytes_written: summary.bytes_written.get(),
            compulsory_bytes_read: summary.compulsory_read.get(),
            compulsory_bytes_written: summary.compulsory_write.get(),
            bytes_per_second: run.bytes_per_second(),
        },
        sram: &run.scratchpads,
        kept_weights: run.kept_weights,
        system: run.has_several_cores().then_some(&run.system),
        serial: &run.serial,
        with_serial: run.with_serial(),
        amdahl: Law {
            class: Class::MatMulFree,
            fraction: amdahl.fraction(),
            ceiling: amdahl.ceiling(),
            law: law_speedups()
                .into_iter()
                .map(|speedup| LawPoint {
                    speedup: speedup.get(),
                    whole: amdahl.law(speedup),
                })
                .collect(),
        },
        roofline: run.roofline(),
        energy: run.energy.as_ref().map(|facts| energy_document(run, facts)),
        area: run.energy.as_ref().map(|facts| area_document(run, facts)),
        config: &run.config,
    };
    let text = serde_json::to_string_pretty(&document);
    let mut text = text.expect("strings as keys, and no failing serialiser among the parts");
    text.push('\n');
    text
}

fn unit(unit: &attribution::UnitSummary) -> Unit<'_> {
    let mut cycles = [0; Cause::COUNT];
    for bucket in &unit.buckets {
        cycles[bucket.cause as usize] += bucket.cycles.get();
    }
    Unit {
        name: &unit.name,
        cycles: ByCause(cycles),
        by_class: &unit.buckets,
        busy_cycles: unit.busy.get(),
        macs: unit.macs,
        bytes: unit.bytes.get(),
        instructions: unit.instructions,
    }
}

fn arrays(run: &Run) -> Vec<Array<'_>> {
    let arrays = run.arrays.iter();
    arrays
        .map(|array| {
            let unit = &run.summary.units[array.unit.index()];
            Array {
                name: &unit.name,
                rows: array.rows,
                columns: array.columns,
                element: &array.element,
                dataflow: &array.dataflow,
                convention: &array.convention,
                peak_macs_per_cycle: array.peak_macs_per_cycle,
                macs: unit.macs,
                utilisation: run.utilisation(array),
                busy: run.busy(array.unit),
            }
        })
        .collect()
}

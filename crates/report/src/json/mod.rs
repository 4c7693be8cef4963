//! The JSON document of a run: simulated facts only, so that the same run gives the same bytes.
//!
//! The types of this module are views: they give the fields of a [`RunRecord`] their names and
//! order in the document, which the crate's README describes.

mod energy;
mod law;
mod machine;
mod model;

use attribution::{ClassWork, MakespanCell, OperationSummary, OperatorSummary};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::{Value, json};
use simulator::{KeptWeights, RunRecord, SerialTime, WithSerial};
use tile_program::Cause;

pub use model::ModelDocument;

use energy::{AreaDocument, EnergyDocument};
use law::{Law, RooflineDocument};
use machine::{Array, Dram, Scratchpad, System};

/// The version of the document's shape. It grows when a field changes its meaning or goes away; new
/// fields may come without.
pub const SCHEMA_VERSION: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    machine: &'a str,
    workload: &'a str,
    model: ModelDocument,
    convention: String,
    clock_hz: f64,
    tokens: Option<u64>,
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
    dram: Dram,
    sram: Vec<Scratchpad>,
    kept_weights: KeptWeights,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<System>,
    #[serde(skip_serializing_if = "<[SerialTime]>::is_empty")]
    serial: &'a [SerialTime],
    #[serde(skip_serializing_if = "Option::is_none")]
    with_serial: Option<WithSerial>,
    amdahl: Law,
    roofline: RooflineDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    energy: Option<EnergyDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    area: Option<AreaDocument<'a>>,
    /// Machine and workload as resolved, defaults filled in.
    config: Value,
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

/// The document, indented, with a line end.
///
/// # Panics
/// Never: every key is a string, and no part has a failing serialiser.
#[must_use]
pub fn to_json(run: &RunRecord) -> String {
    let text = serde_json::to_string_pretty(&document(run));
    let mut text = text.expect("strings as keys, and no failing serialiser among the parts");
    text.push('\n');
    text
}

fn document(run: &RunRecord) -> Document<'_> {
    let summary = &run.summary;
    let energy = run.energy.as_ref();
    Document {
        schema_version: SCHEMA_VERSION,
        machine: &run.spec().name,
        workload: &run.name,
        model: ModelDocument::of(&run.workload),
        convention: run.convention(),
        clock_hz: run.clock().as_hertz_f64(),
        tokens: run.tokens(),
        passes: summary.passes,
        total_cycles: summary.total.get(),
        seconds: run.seconds(),
        tokens_per_second: run.tokens_per_second(),
        makespan: &summary.makespan,
        classes: &summary.classes,
        units: summary.units.iter().map(unit).collect(),
        arrays: run.arrays().map(|array| Array::of(run, &array)).collect(),
        operators: &summary.operators,
        operations: &summary.operations,
        dram: Dram::of(run),
        sram: run.scratchpads().map(Scratchpad::from).collect(),
        kept_weights: run.kept_weights,
        system: run.has_several_cores().then(|| System::of(run)),
        serial: &run.serial,
        with_serial: run.with_serial(),
        amdahl: Law::of(run),
        roofline: run.roofline().into(),
        energy: energy.map(|energy| EnergyDocument::of(run, energy)),
        area: energy.map(|energy| AreaDocument::of(run, energy)),
        config: json!({ "machine": run.spec(), "workload": run.workload }),
    }
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

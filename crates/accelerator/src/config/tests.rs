//! The machine file: its template, its defaults, and what it refuses.

use config::{Document, Override};

use super::{MachineFile, MachineSpec, TEMPLATE, resolve};

/// The shortest machine: required fields alone.
const SHORTEST: &str = r#"Machine(
    name: "template",
    clock: MHz(500),
    arrays: [(
        name: "ternary",
        element: Ternary(activation: Int8, accumulator: Int24),
        rows: 64,
        columns: 64,
        dataflow: WeightStationary,
    )],
    vector: (lanes: 64),
    scratchpads: (
        activations: (capacity: KiB(256)),
        weights: (capacity: KiB(512)),
        outputs: (capacity: KiB(128)),
    ),
    memory: Dram(standard: "LPDDR5-6400"),
)
"#;

fn read(text: &str) -> MachineFile {
    Document::parse("machine.ron", text)
        .and_then(|document| document.read())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The shortest machine with some fields changed.
fn with(changes: &[&str]) -> Result<MachineSpec, String> {
    let mut document = Document::parse("machine.ron", SHORTEST).unwrap();
    for change in changes {
        Override::parse(change, &["hw"])
            .and_then(|change| document.set(&change))
            .unwrap_or_else(|error| panic!("{error}"));
    }
    document.resolve(resolve).map_err(|error| error.to_string())
}

#[test]
fn the_template_says_what_leaving_everything_out_says() {
    assert_eq!(read(TEMPLATE), read(SHORTEST));
    with(&[]).unwrap();
}

#[test]
fn the_template_names_every_field() {
    let json = serde_json::to_value(read(SHORTEST)).unwrap();
    let mut fields = Vec::new();
    collect(&json, &mut fields);
    assert!(fields.len() > 60, "{fields:?}");
    for field in fields {
        // Units and variants come out as fields, too; they stand there with a parenthesis.
        let named =
            TEMPLATE.contains(&format!("{field}:")) || TEMPLATE.contains(&format!("{field}("));
        assert!(named, "the template leaves out `{field}`");
    }
}

fn collect(value: &serde_json::Value, fields: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (field, inside) in object {
                fields.push(field.clone());
                collect(inside, fields);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, fields)),
        _ => {}
    }
}

#[test]
fn the_resolved_machine_is_a_snapshot() {
    let spec = with(&["hw.vector=Free", "hw.memory.channels=4"]).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&spec).unwrap());
}

#[test]
fn a_vector_operator_pays_its_passes_and_its_lanes() {
    use super::VectorSpec;
    use quantities::Cycles;
    use tile_program::VectorKind;
    let spec = with(&[]).unwrap();
    let VectorSpec::Lanes(lanes) = &spec.cores.first().vector else {
        panic!("lanes were given");
    };
    // Softmax: 9 operations an element, 3 passes of 8 cycles to start.
    assert_eq!(
        lanes.cycles(VectorKind::Softmax, 2048),
        Some(Cycles(24 + 288))
    );
    assert_eq!(lanes.cycles(VectorKind::Add, 65), Some(Cycles(8 + 2)));
    assert_eq!(
        lanes.cycles(VectorKind::Softmax, u64::MAX),
        Some(Cycles(24 + (u64::MAX / 64) * 9 + 9))
    );
    for (index, cost) in lanes.costs.iter().enumerate() {
        assert_eq!(cost.kind as usize, index);
    }
}

/// The names that the units of a machine have that are no arrays are the ones that no array may
/// have, and with any other name all units have names of their own.
#[test]
fn no_array_shares_its_name_with_another_unit() {
    let machine = |name: &str, shape: &str| {
        let change = format!("hw.arrays[0].name=\"{name}\"");
        let link = "hw.link=(bandwidth: GBps(1))";
        let shape = shape.split_whitespace();
        let changes: Vec<&str> = [change.as_str(), link].into_iter().chain(shape).collect();
        with(&changes)
    };
    let names = |spec: MachineSpec| -> Vec<String> {
        let machine = crate::Machine::new(spec).unwrap();
        let units = machine.platform().all_units();
        units.map(|(core, unit, _)| core.unit_name(unit)).collect()
    };
    let shapes = [
        "",
        "hw.cores[0].count=3",
        "hw.chips=2",
        "hw.cores[0].count=2 hw.chips=3",
    ];
    let mut taken: Vec<String> = shapes
        .iter()
        .flat_map(|shape| names(machine("an array", shape).unwrap()))
        .filter_map(|name| {
            let prefixed = name
                .rsplit_once("core")
                .map_or(name.as_str(), |(_, rest)| rest);
            let prefixed = prefixed
                .rsplit_once("chip")
                .map_or(prefixed, |(_, rest)| rest);
            let bare = prefixed.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            (bare != "an array").then(|| bare.to_owned())
        })
        .chain([tile_program::Target::MEMORY_NAME.to_owned()])
        .collect();
    taken.sort();
    taken.dedup();
    let mut fixed = tile_program::Target::FIXED_NAMES.map(str::to_owned);
    fixed.sort();
    assert_eq!(taken, fixed);
    let tricky = [
        "core0.vector",
        "chip0.dma.load",
        "chip1.core0.receive",
        "load",
        "dram",
    ];
    for shape in shapes {
        for name in &fixed {
            let error = machine(name, shape).unwrap_err();
            assert!(error.contains("is the name of another unit"), "{error}");
        }
        for name in tricky {
            let mut all = names(machine(name, shape).unwrap());
            let units = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), units, "{name} with {shape}: {all:?}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_at_its_field() {
    for (name, change) in [
        ("no_rows", "hw.arrays[0].rows=0"),
        ("absurd_columns", "hw.arrays[0].columns=1000000"),
        ("no_arrays", "hw.arrays=[]"),
        ("serves_nothing", "hw.arrays[0].serves=[]"),
        (
            "serves_twice",
            "hw.arrays[0].serves=[Projection, Projection]",
        ),
        ("taken_name", "hw.arrays[0].name=vector"),
        ("no_name", "hw.name=\" \""),
        ("slow_clock", "hw.clock=Hz(1)"),
        ("no_clock", "hw.clock=MHz(0)"),
        ("odd_clock", "hw.arrays[0].clock=GHz(1.234567890123456789)"),
        (
            "wrong_accumulator",
            "hw.arrays[0].element=Ternary(accumulator: Fp32)",
        ),
        ("no_lanes", "hw.vector.lanes=0"),
        (
            "no_operations",
            "hw.vector.costs.softmax=(operations: 0, passes: 3)",
        ),
        ("no_capacity", "hw.scratchpads.weights.capacity=KiB(0)"),
        (
            "too_large_to_count",
            "hw.scratchpads.weights.capacity=GiB(18446744073709551615)",
        ),
        (
            "too_small_for_a_line",
            "hw.scratchpads.outputs.capacity=Bytes(256)",
        ),
        ("uneven_banks", "hw.scratchpads.outputs.banks=7"),
        ("no_banks", "hw.scratchpads.outputs.banks=0"),
        ("odd_request", "hw.dma.request=Bytes(96)"),
        ("request_below_a_burst", "hw.dma.request=Bytes(16)"),
        ("odd_port", "hw.dma.port=Bytes(3)"),
        ("negative_rows", "hw.arrays[0].rows=-4"),
        ("array_called_as_a_dma_side", "hw.arrays[0].name=dma.load"),
        ("fast_link", "hw.link=(bandwidth: TBps(18446744073709551))"),
        (
            "slow_link",
            "hw.link=(bandwidth: GBps(1), latency: Ms(18446744073709551))",
        ),
        (
            "odd_access",
            "hw.memory=Ideal(bandwidth: Unlimited, access: Bytes(48))",
        ),
        ("no_requests", "hw.dma.requests_in_flight=0"),
        ("no_bandwidth", "hw.memory=Ideal(bandwidth: GBps(0))"),
        (
            "long_latency",
            "hw.memory=Ideal(bandwidth: Unlimited, latency: Ms(2))",
        ),
        ("unknown_standard", "hw.memory.standard=LPDDR5-6401"),
        ("no_channels", "hw.memory.channels=0"),
        ("bad_map", "hw.memory.map=\"rorarocochbg\""),
    ] {
        let Err(error) = with(&[change]) else {
            panic!("{change} was taken");
        };
        insta::assert_snapshot!(name, error);
    }
}

#[test]
fn the_first_core_stands_beside_the_fields_of_its_machine_and_the_others_in_a_list() {
    let one = serde_json::to_value(with(&[]).unwrap()).unwrap();
    assert!(one.get("other_cores").is_none() && one.get("chips").is_none());
    let spec = with(&["hw.cores=[(count: 1), (count: 2, vector: Free)]"]).unwrap();
    assert_eq!(spec.cores.len(), 3);
    let mut several = serde_json::to_value(spec).unwrap();
    let others = several.as_object_mut().unwrap().remove("other_cores");
    assert_eq!(several, one);
    let mut other = serde_json::json!({});
    for field in ["arrays", "vector", "scratchpads", "dma"] {
        other[field] = one[field].clone();
    }
    other["vector"] = "free".into();
    assert_eq!(others, Some(serde_json::json!([other, other])));
}

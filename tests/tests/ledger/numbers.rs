//! Every number of a machine file, set to what nobody builds: it is refused at its field, with the
//! range that holds there, or the machine runs.

use accelerator::{Machine, MachineSpec, RunOptions, resolve};
use attribution::Ledger;
use config::{Document, Override};
use quantities::Cycle;
use serde_json::Value;
use workload_compiler::compile;

use crate::support::workload;

/// A machine with every field that holds a number.
const FULL: &str = r#"Machine(
    name: "full", clock: MHz(500),
    arrays: [
        (name: "ternary", element: Ternary(variant: BitSerial(bits: 2)), rows: 8, columns: 8,
         dataflow: WeightStationary, unpack: (weights_per_cycle: 64), clock: MHz(500),
         initiation_interval: 1, latency: 2),
        (name: "lookup", element: Binary(variant: Lookup(group: 2)), rows: 8, columns: 8,
         dataflow: OutputStationary, serves: [Projection]),
        (name: "dot", element: Int8(variant: Dot(lanes: 4)), rows: 8, columns: 8,
         dataflow: InputStationary, serves: [Attention]),
    ],
    vector: (lanes: 16, operations_per_lane_per_cycle: 1, startup_cycles: 8),
    scratchpads: (
        activations: (capacity: KiB(64), banks: 8, port: Bytes(64)),
        weights: (capacity: KiB(64)),
        outputs: (capacity: KiB(32)),
    ),
    dma: (requests_in_flight: 8, request: KiB(1), ports: 2, port: Bytes(16)),
    memory: MEMORY,
    serial: [(what: "host", each: Token, time: Us(5))],
    cores: [(count: 1), (count: 1, dma: (requests_in_flight: 4))],
    chips: 4,
    link: (bandwidth: GBps(4), latency: Ns(100), topology: TOPOLOGY),
)"#;

const MEMORIES: [&str; 3] = [
    r#"Dram(standard: "LPDDR5-6400", channels: 2, timings: {"tRFC_ab": 200}, policy: (page: Adaptive(row_hits: 4)),
            organisation: (ranks: 1, bank_groups: 4, banks_per_group: 4, rows_per_bank: 32768, row_bytes: 2048))"#,
    "Ideal(bandwidth: GBps(20), latency: Ns(100), capacity: GiB(8), access: Bytes(64))",
    r#"Dram(standard: "DDR4-3200AA", policy: (page: Open(row_hits: 4)))"#,
];

const TOPOLOGIES: [&str; 3] = ["FullyConnected", "Mesh(2)", "Torus(2)"];

const WORKLOAD: &str = r#"Workload(
    model: Variant(of: "llama-7b", layers: 1, d_model: 64, n_heads: 2, d_ff: 96, vocab: 100),
    run: Prefill(tokens: 4), precision: (projection: Ternary(packing: FiveTritsPerByte)),
)"#;

/// The fields that hold numbers, as paths, and how each is written: `KiB(_)`, `_`.
fn numbers(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Number(_) => found.push((path.to_owned(), "_".to_owned())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                numbers(item, &format!("{path}[{index}]"), found);
            }
        }
        Value::Object(fields) => {
            for (name, inside) in fields {
                let variant = name.starts_with(char::is_uppercase);
                match inside {
                    Value::Number(_) if variant => {
                        found.push((path.to_owned(), format!("{name}(_)")));
                    }
                    _ if variant => numbers(inside, path, found),
                    // Keys of a map are no fields of a path.
                    _ if path.ends_with(".timings") => {
                        found.push((path.to_owned(), format!("{{\"{name}\": _}}")));
                    }
                    _ => numbers(inside, &format!("{path}.{name}"), found),
                }
            }
        }
        _ => {}
    }
}

/// The machine with one of its numbers changed; the error as it is shown.
fn changed(text: &str, path: &str, value: &str) -> Result<MachineSpec, String> {
    let mut document = Document::parse("machine.ron", text).expect("RON");
    Override::parse(&format!("{path}={value}"), &["hw"])
        .and_then(|change| document.set(&change))
        .and_then(|()| document.resolve(resolve))
        .map_err(|error| error.to_string())
}

/// Makes the machine, compiles for it and runs it for a while; whether that comes to an end is its
/// own affair, as long as it is said.
fn try_out(spec: MachineSpec) {
    let Ok(machine) = Machine::new(spec) else {
        return;
    };
    let Ok(mut program) = compile(workload(WORKLOAD), machine.platform()) else {
        return;
    };
    let options = RunOptions {
        cycle_limit: Some(Cycle(20_000)),
        progress: &mut |_| (),
    };
    let ledger = Ledger::new(machine.platform());
    // Past the limit is an answer, too.
    let _ = machine.run(&mut program, ledger, options);
}

/// The ends of the range that an error names, if it does.
fn ends(error: &str) -> Vec<&str> {
    let range = error.split_once("a whole number from ");
    let words = range.map(|(_, range)| range.split_whitespace());
    words.into_iter().flatten().step_by(2).take(2).collect()
}

#[test]
fn every_number_of_a_machine_is_refused_at_its_field_or_runs() {
    let extremes = ["0", "1", "4294967295", "18446744073709551615"];
    let mut tried = 0;
    for (memory, topology) in MEMORIES.into_iter().zip(TOPOLOGIES) {
        let text = FULL.replace("MEMORY", memory).replace("TOPOLOGY", topology);
        let document = Document::parse("machine.ron", &*text).expect("RON");
        let file: accelerator::MachineFile =
            document.read().unwrap_or_else(|error| panic!("{error}"));
        let mut found = Vec::new();
        let json = serde_json::to_value(file).expect("plain data");
        numbers(&json, "hw", &mut found);
        assert!(found.len() > 70, "{found:?}");
        for (path, written) in found {
            for value in extremes {
                tried += 1;
                if let Ok(spec) = changed(&text, &path, &written.replace('_', value)) {
                    try_out(spec);
                }
            }
            // What no field holds is told the range that this one does, and all of it runs.
            let negative = written.replace('_', "-4");
            let error = changed(&text, &path, &negative).expect_err("a negative number");
            let range = error.contains("a whole number from ") || error.contains("zero or more");
            let of_64_bits = error.contains("18446744073709551615") || error.contains("9223372036");
            assert!(range && !of_64_bits, "{path}={negative}: {error}");
            for end in ends(&error) {
                if let Ok(spec) = changed(&text, &path, &written.replace('_', end)) {
                    try_out(spec);
                }
            }
        }
    }
    assert!(tried > 800, "{tried}");
}

#[test]
fn a_request_is_no_smaller_than_what_the_memory_moves_at_once() {
    for (memory, access) in [
        (MEMORIES[0], 32),
        (MEMORIES[1], 64),
        (MEMORIES[2], 64),
        (r#"Dram(standard: "DDR5-4800BN")"#, 64),
        ("Ideal(bandwidth: Unlimited)", 1),
    ] {
        for path in ["hw.dma.request", "hw.cores[1].dma.request"] {
            for request in [1_u64, 16, 32, 64, 128] {
                let text = FULL.replace("MEMORY", memory).replace("TOPOLOGY", "Ring");
                let spec = changed(&text, path, &format!("Bytes({request})"));
                assert_eq!(
                    spec.is_ok(),
                    request >= access,
                    "{path} {request} of {access}"
                );
                if let Err(error) = spec {
                    let field = path.trim_start_matches("hw.");
                    let right = format!("Bytes({access}) or more");
                    assert!(error.contains(field) && error.contains(&right), "{error}");
                }
            }
        }
    }
    let text = FULL
        .replace("MEMORY", MEMORIES[0])
        .replace("TOPOLOGY", "Ring");
    for (path, value, right) in [
        ("hw.dma.port", "Bytes(3)", "Bytes(2) or Bytes(4)"),
        ("hw.dma.request", "Bytes(100)", "Bytes(64) or Bytes(128)"),
    ] {
        let error = changed(&text, path, value).expect_err("no power of two");
        assert!(error.contains(right), "{error}");
    }
}

/// 512 chips that are all joined to one another have 130,816 links.
#[test]
fn hundreds_of_chips_that_are_all_joined_are_made_at_once() {
    let text = FULL
        .replace("MEMORY", MEMORIES[1])
        .replace("TOPOLOGY", "FullyConnected");
    let spec = changed(&text, "hw.chips", "512").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(spec.joined.len(), 512 * 511 / 2);
    try_out(spec);
}

//! The numbers of every JSON document that the program writes.

use serde_json::Value;

use crate::support::Folder;

/// Fields that count things, beside those whose names end in `_cycles` or `_bytes`.
const COUNTS: [&str; 20] = [
    "cycles",
    "bytes",
    "macs",
    "declared_macs",
    "count",
    "times",
    "tokens",
    "passes",
    "tiles",
    "instructions",
    "index",
    "bytes_read",
    "bytes_written",
    "bytes_received",
    "reads",
    "writes",
    "activates",
    "refreshes",
    "row_hits",
    "m",
];

/// Whether a field of this name counts something.
fn counts(name: &str) -> bool {
    let ends = ["_cycles", "_bytes"].iter().any(|end| name.ends_with(end));
    ends || COUNTS.contains(&name)
}

/// Asserts that counts are integers and that no number is a negative zero.
pub(crate) fn assert_numbers(text: &str) {
    let document: Value = serde_json::from_str(text).expect("JSON");
    walk("", "", &document);
}

fn walk(path: &str, name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(&format!("{path}.{name}"), name, value);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{path}[{index}]"), name, item);
            }
        }
        Value::Number(number) => {
            let whole = number.is_u64() || number.is_i64();
            assert!(whole || !counts(name), "{path}: {number} is no integer");
            let float = number.as_f64().expect("a number");
            let negative_zero = float == 0.0 && float.is_sign_negative();
            assert!(!negative_zero && float.is_finite(), "{path}: {number}");
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Writes `out.json` by a command, and looks at its numbers.
fn document(folder: &Folder, arguments: &[&str]) {
    let out = ["--json", "out.json"];
    folder.run(&[arguments, &out].concat()).ok();
    assert_numbers(&folder.read("out.json"));
}

/// Every command that writes JSON, on runs with and without each part of a document: energy, serial
/// work, several cores, memory without limits, work without tokens, and nothing to multiply.
#[test]
fn counts_are_integers_and_no_zero_is_negative() {
    let folder = Folder::new();
    let small = "workload.model=Variant(of: \"gpt2-124m\", layers: 1, vocab: 1000)";
    let model = ["--workload", "gpt2-124m-prefill-int8", "--set", small];
    let short = ["--set", "workload.run=Prefill(tokens: 8)"];
    let on = |command: &'static str, hw: &'static str| {
        [&[command, "--hw", hw][..], &model, &short].concat()
    };
    document(&folder, &on("simulate", "edge-tpu"));
    document(&folder, &on("simulate", "edge-tpu-paper"));
    document(&folder, &on("compile", "edge-tpu"));
    document(&folder, &on("amdahl", "edge-tpu"));
    document(&folder, &on("amdahl", "tpu-v4i"));
    for set in [
        "hw.technology=\"45nm\"",
        "hw.memory=Ideal(bandwidth: Unlimited)",
        "hw.vector=Free",
        "hw.arrays[0].clock=MHz(333)",
        "hw.serial=[(what: \"host\", each: Layer, time: Ms(3))]",
        "hw.cores=[(count: 2)]",
        "workload.operators=BlockGemms",
    ] {
        document(
            &folder,
            &[&on("simulate", "edge-tpu")[..], &["--set", set]].concat(),
        );
    }
    folder.write(
        "vector.ron",
        "Workload(model: Dense([(inputs: 64, outputs: 64, vector: softmax)]), run: Prefill(tokens: 4), \
         precision: (projection: Ternary()))",
    );
    for hw in ["edge-tpu", "edge-tpu-paper", "kv260-ternary"] {
        document(
            &folder,
            &["simulate", "--hw", hw, "--workload", "vector.ron"],
        );
        document(&folder, &["amdahl", "--hw", hw, "--workload", "vector.ron"]);
    }
    document(
        &folder,
        &[
            "simulate",
            "--hw",
            "kv260-ternary",
            "--workload",
            "bitnet-2b-token",
        ],
    );
    document(
        &folder,
        &[
            "simulate",
            "--hw",
            "arty-gemv",
            "--workload",
            "gemv-63x63-tiles",
        ],
    );
    folder.write(
        "link.ron",
        "Kernels(kernels: [(name: \"sum\", work: AllReduce(bytes: 0, machines: 1))])",
    );
    document(
        &folder,
        &["simulate", "--hw", "a100", "--workload", "link.ron"],
    );
    folder.write("requests.txt", "0x0 READ 0\n0x40 WRITE 3\n");
    for memory in ["DDR4-3200AA", "LPDDR5-6400"] {
        document(
            &folder,
            &["dram", "--config", memory, "--trace", "requests.txt"],
        );
    }
}

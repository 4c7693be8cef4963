//! Each mistake ends in one error that points, an exit code of 2, and nothing half done.

use crate::support::Folder;

/// A machine in order, to be spoilt.
const MACHINE: &str = r#"// A small machine.
Machine(
    name: "small",
    clock: MHz(100),
    arrays: [
        (
            name: "array",
            element: Int8(accumulator: Int32),
            rows: 16,
            columns: 16,
            dataflow: WeightStationary,
        ),
    ],
    vector: (lanes: 16),
    scratchpads: (
        activations: (capacity: KiB(64)),
        weights: (capacity: KiB(64)),
        outputs: (capacity: KiB(64)),
    ),
    memory: Dram(standard: "LPDDR4-3200"),
)
"#;

/// The error of a run that must fail for the user's mistake.
fn refused(folder: &Folder, arguments: &[&str]) -> String {
    let run = folder.run(arguments);
    assert_eq!(run.code, 2, "{arguments:?}: {}{}", run.stdout, run.stderr);
    assert_eq!(run.stdout, "", "{arguments:?}");
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    format!("$ ternion {}\n{}", arguments.join(" "), run.stderr)
}

/// Every number of bytes replaced: how much a tile takes is the compiler's to choose.
fn without_sizes(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let shown = words.iter().enumerate().map(|(index, word)| {
        let digits = word.trim_start_matches('(');
        let is_size = words.get(index + 1).is_some_and(|unit| {
            unit.trim_end_matches([';', ',', '\n']).starts_with('B')
                && !unit.starts_with("By")
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        if is_size {
            word.replace(digits, "N")
        } else {
            (*word).to_string()
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_spoilt_machine_file_is_refused_where_it_is_spoilt() {
    let folder = Folder::new();
    folder.write("machine.ron", MACHINE);
    folder.run(&["check", "machine.ron"]).ok();
    for (name, from, to) in [
        ("machine_unknown_field", "rows: 16", "row: 16"),
        (
            "machine_unknown_variant",
            "WeightStationary",
            "WeightStationery",
        ),
        ("machine_unknown_standard", "LPDDR4-3200", "LPDDR9"),
        ("machine_wrong_unit", "MHz(100)", "KiB(100)"),
        ("machine_no_unit", "KiB(64)", "65536"),
        ("machine_zero_rows", "rows: 16", "rows: 0"),
        ("machine_absurd_columns", "columns: 16", "columns: 16000000"),
        ("machine_overflow", "KiB(64)", "GiB(99999999999999999)"),
        (
            "machine_too_many_digits",
            "rows: 16",
            "rows: 99999999999999999999",
        ),
        ("machine_no_port", "KiB(64))", "KiB(64), port: Bytes(0))"),
        ("machine_missing_field", "dataflow: WeightStationary,", ""),
        ("machine_missing_comma", "rows: 16,", "rows: 16"),
        ("machine_wrong_root", "Machine(", "Machina("),
    ] {
        assert!(MACHINE.contains(from), "{from}");
        folder.write("machine.ron", MACHINE.replacen(from, to, 1));
        insta::assert_snapshot!(name, refused(&folder, &["check", "machine.ron"]));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let folder = Folder::new();
    folder.write("empty.ron", "");
    folder.write("blank.ron", " \n\n");
    folder.write("latin1.ron", b"Machine(\n    name: \"caf\xe9\",\n)\n");
    folder.write("list.ron", "[1, 2]\n");
    std::fs::create_dir(folder.path("folder.ron")).expect("the folder can be written to");
    for file in [
        "missing.ron",
        "empty.ron",
        "blank.ron",
        "latin1.ron",
        "list.ron",
        "folder.ron",
    ] {
        let name = format!("file_{}", file.trim_end_matches(".ron"));
        insta::assert_snapshot!(name, refused(&folder, &["check", file]));
    }
}

#[test]
fn every_file_of_a_check_is_checked() {
    let folder = Folder::new();
    folder.write("good.ron", MACHINE);
    folder.write("bad.ron", MACHINE.replace("rows: 16", "rows: 0"));
    let run = folder.run(&["check", "bad.ron", "missing.ron", "good.ron"]);
    assert_eq!(run.code, 2);
    assert!(run.stdout.contains("good.ron"), "{}", run.stdout);
    assert_eq!(run.stderr.matches("error: ").count(), 2, "{}", run.stderr);
    assert_eq!(folder.files(), ["bad.ron", "good.ron"]);
    assert_eq!(folder.read("good.ron"), MACHINE);
}

/// A workload in order, to be spoilt.
const WORKLOAD: &str = r#"// A small workload.
Workload(
    model: "gpt2-124m",
    run: Decode(context: 64),
    batch: 1,
    precision: (projection: Ternary(packing: TwoBits), attention: Bf16),
)
"#;

#[test]
fn a_spoilt_workload_file_is_refused_where_it_is_spoilt() {
    let folder = Folder::new();
    folder.write("workload.ron", WORKLOAD);
    folder.run(&["check", "workload.ron"]).ok();
    for (name, from, to) in [
        ("workload_context_0", "context: 64", "context: 0"),
        (
            "workload_one_context_0",
            "context: 64",
            "context: [64, 0, 3]",
        ),
        ("workload_no_contexts", "context: 64", "context: []"),
        (
            "workload_context_text",
            "context: 64",
            "context: [64, \"3\"]",
        ),
        (
            "workload_chunk_0",
            "Decode(context: 64)",
            "Prefill(tokens: 64, chunk: 0)",
        ),
        (
            "workload_mixed_nothing",
            "Decode(context: 64)",
            "Mixed(decode: [64], prefill: 0)",
        ),
        (
            "workload_mixed_too_long",
            "Decode(context: 64)",
            "Mixed(decode: [64], prefill: 512, after: 1024)",
        ),
        ("workload_batch_of_many", "batch: 1", "batch: 16777217"),
        ("workload_unknown_weights", "batch: 1", "weights: Cold"),
        ("workload_context_too_long", "context: 64", "context: 4096"),
        (
            "workload_overflow",
            "context: 64",
            "context: 18446744073709551616",
        ),
        ("workload_unknown_model", "gpt2-124m", "gpt2-125m"),
        ("workload_unknown_run", "Decode(", "Decoded("),
        ("workload_unknown_field", "batch: 1", "batchsize: 1"),
        ("workload_unknown_packing", "TwoBits", "TwoBit"),
        ("workload_batch_0", "batch: 1", "batch: 0"),
        ("workload_missing_run", "run: Decode(context: 64),", ""),
        (
            "workload_missing_file",
            "\"gpt2-124m\"",
            "HuggingFace(\"config.json\")",
        ),
        (
            "workload_heads",
            "\"gpt2-124m\"",
            "Variant(of: \"gpt2-124m\", n_kv_heads: 5)",
        ),
    ] {
        assert!(WORKLOAD.contains(from), "{from}");
        folder.write("workload.ron", WORKLOAD.replacen(from, to, 1));
        insta::assert_snapshot!(name, refused(&folder, &["check", "workload.ron"]));
    }
}

/// The shape of a small model, as its own files have it.
const CONFIG: &str = r#"{
  "model_type": "llama",
  "hidden_size": 256,
  "intermediate_size": 512,
  "num_hidden_layers": 2,
  "num_attention_heads": 4,
  "num_key_value_heads": 2,
  "vocab_size": 1000,
  "tie_word_embeddings": true,
  "rope_theta": 10000.0
}
"#;

#[test]
fn a_spoilt_model_file_is_refused_where_it_is_spoilt() {
    let folder = Folder::new();
    folder.write("config.json", CONFIG);
    let workload = WORKLOAD.replace("\"gpt2-124m\"", "HuggingFace(\"config.json\")");
    folder.write("workload.ron", &workload);
    insta::assert_snapshot!(
        "model_file",
        folder.run(&["check", "workload.ron"]).ok().stdout
    );
    for (name, from, to) in [
        ("model_alias", "num_key_value_heads", "num_kv_heads"),
        (
            "model_near_miss",
            "tie_word_embeddings",
            "tie_word_embedings",
        ),
        ("model_experts", "rope_theta", "num_experts"),
        (
            "model_kind",
            "\"hidden_size\": 256",
            "\"hidden_size\": \"256\"",
        ),
        ("model_missing", "\"vocab_size\": 1000,", ""),
        (
            "model_not_json",
            "\"vocab_size\": 1000,",
            "\"vocab_size\": 1000",
        ),
        (
            "model_quantised",
            "\"rope_theta\": 10000.0",
            "\"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4}",
        ),
    ] {
        assert!(CONFIG.contains(from), "{from}");
        folder.write("config.json", CONFIG.replacen(from, to, 1));
        if name == "model_quantised" {
            folder.write(
                "workload.ron",
                workload.replace("projection: Ternary(packing: TwoBits), ", ""),
            );
        }
        insta::assert_snapshot!(name, refused(&folder, &["check", "workload.ron"]));
    }
}

#[test]
fn what_of_a_model_file_is_not_run_is_said_in_every_report() {
    let folder = Folder::new();
    folder.write("config.json", CONFIG.replacen("rope_theta", "wibble", 1));
    folder.write(
        "workload.ron",
        WORKLOAD.replace("\"gpt2-124m\"", "HuggingFace(\"config.json\")"),
    );
    let workload = ["--workload", "workload.ron", "--json", "it.json"];
    for command in [
        &["compile", "--hw", "edge-hybrid"][..],
        &["simulate", "--hw", "edge-hybrid"],
        &["amdahl", "--hw", "edge-hybrid"],
    ] {
        let run = folder.run(&[command, &workload].concat()).ok();
        assert!(run.stderr.starts_with("warning: "), "{}", run.stderr);
        assert!(run.stderr.contains("config.json:10:3"), "{}", run.stderr);
        for said in [
            "2 layers, width 256, 4 heads (2 KV) of 64",
            "warning      config.json: wibble",
        ] {
            assert!(run.stdout.contains(said), "{command:?}: {}", run.stdout);
        }
        let document: serde_json::Value = serde_json::from_str(&folder.read("it.json")).unwrap();
        assert_eq!(document["model"]["parameters"], 1_436_928, "{command:?}");
        assert_eq!(document["model"]["warnings"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn an_endless_or_foreign_file_is_refused() {
    let folder = Folder::new();
    let wide = MACHINE.encode_utf16().flat_map(u16::to_le_bytes);
    folder.write("utf16.ron", [vec![0xff, 0xfe], wide.collect()].concat());
    folder.write("marked.ron", format!("\u{feff}{MACHINE}"));
    folder.run(&["check", "marked.ron"]).ok();
    let long =
        std::fs::File::create(folder.path("long.ron")).expect("the folder can be written to");
    long.set_len((16 << 20) + 1).expect("a file with a hole");
    for file in ["utf16.ron", "long.ron"] {
        let name = format!("file_{}", file.trim_end_matches(".ron"));
        insta::assert_snapshot!(name, refused(&folder, &["check", file]));
    }
    if cfg!(unix) {
        insta::assert_snapshot!("file_endless", refused(&folder, &["check", "/dev/zero"]));
    }
}

#[test]
fn files_that_do_not_go_together_are_refused_at_the_field_to_change() {
    let folder = Folder::new();
    folder.write("machine.ron", MACHINE);
    folder.write("workload.ron", WORKLOAD);
    let run = [
        "simulate",
        "--hw",
        "machine.ron",
        "--workload",
        "workload.ron",
    ];
    let int8 = "workload.precision=(attention: Int8, lm_head: Int8, projection: Int8)";
    for (name, changes) in [
        ("together_too_wide", &["workload.batch=1"][..]),
        (
            "together_no_unpacker",
            &[
                int8,
                "workload.precision=(attention: Int8, lm_head: Int8, projection: Ternary())",
                "hw.arrays[0].unpack=(weights_per_cycle: 64, formats: [FourBits])",
            ],
        ),
        ("together_not_served", &["hw.arrays[0].serves=[Projection]"]),
        (
            "together_no_room_for_a_tile",
            &[int8, "hw.scratchpads.weights=(capacity: Bytes(512))"],
        ),
        (
            "together_no_memory",
            &[
                int8,
                "hw.memory=Ideal(bandwidth: Unlimited, capacity: MiB(1))",
            ],
        ),
        (
            "together_batch_too_large",
            &[
                int8,
                "workload.batch=1000",
                "hw.memory=Ideal(bandwidth: Unlimited, capacity: GiB(1))",
            ],
        ),
        (
            "together_contexts_too_long",
            &[
                int8,
                "workload.run=Decode(context: [1000, 900])",
                "hw.memory=Ideal(bandwidth: Unlimited, capacity: MiB(130))",
            ],
        ),
    ] {
        let sets = changes.iter().flat_map(|change| ["--set", change]);
        let arguments: Vec<&str> = run.into_iter().chain(sets).collect();
        insta::assert_snapshot!(name, without_sizes(&refused(&folder, &arguments)));
    }
}

#[test]
fn a_spoilt_override_is_refused_where_it_is_spoilt() {
    let folder = Folder::new();
    for (name, change) in [
        ("set_unknown_field", "hw.arrays[0].row=64"),
        ("set_unknown_level", "hw.array[0].rows=64"),
        ("set_index", "hw.arrays[7].rows=64"),
        ("set_wrong_unit", "hw.clock=GBps(1)"),
        ("set_zero", "hw.arrays[0].rows=0"),
        ("set_context_0", "workload.run=Decode(context: 0)"),
        ("set_not_ron", "workload.run=Decode(context: "),
        ("set_no_value", "hw.clock="),
        ("set_no_path", "hw=3"),
        ("set_no_equals", "hw.clock"),
        ("set_unknown_file", "machine.clock=MHz(1)"),
    ] {
        insta::assert_snapshot!(name, refused(&folder, &["simulate", "--set", change]));
    }
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}

#[test]
fn names_that_nothing_has_are_refused_with_the_nearest() {
    let folder = Folder::new();
    for (name, arguments) in [
        ("name_machine", &["simulate", "--hw", "edge-hybird"][..]),
        (
            "name_workload",
            &["simulate", "--workload", "llama-2-7b-prefil-ternary"],
        ),
        ("name_file", &["simulate", "--hw", "mine/edge.ron"]),
        ("name_listed", &["machines", "tpu"]),
        ("name_kind", &["simulate", "--workload", "machine.ron"]),
    ] {
        folder.write("machine.ron", MACHINE);
        let error = refused(&folder, arguments);
        // What is shipped grows; the list itself is not the point.
        let shown = match error.split_once("shipped are ") {
            Some((before, list)) => {
                assert!(list.contains("`, `"), "{list}");
                format!("{before}shipped are ..")
            }
            None => error,
        };
        insta::assert_snapshot!(name, shown);
    }
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_the_run() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("folder")).expect("the folder can be written to");
    for (name, arguments) in [
        ("output_no_folder", &["--trace", "nowhere/run.json"][..]),
        ("output_is_folder", &["--json", "folder"]),
        (
            "output_twice",
            &["--json", "run.json", "--trace", "run.json"],
        ),
    ] {
        let all = [&["simulate", "--hw", "edge-hybrid"], arguments].concat();
        insta::assert_snapshot!(name, refused(&folder, &all));
    }
    assert_eq!(folder.files(), ["folder"]);
}

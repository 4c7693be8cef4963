//! `ternion simulate` of lists of kernels.

use serde_json::Value;

use crate::support::{Folder, UNIT};

/// A machine with work outside it, and a list of kernels.
fn unit_and_list(folder: &Folder) {
    folder.write("unit.ron", UNIT);
    folder.write(
        "list.ron",
        "Kernels(tokens: 2, precision: (projection: Int8, activation: Int8), kernels: [\
         (name: \"dot\", times: 3, work: Gemm(m: 1, k: 4000, n: 10)), \
         (name: \"sum\", work: AllReduce(bytes: 1000, machines: 2))])",
    );
}

/// The cycles of a list of causes.
fn sum(causes: &Value) -> Option<u64> {
    let causes = causes.as_array()?.iter();
    causes.map(|cell| cell["cycles"].as_u64()).sum()
}

/// The facts of a list of kernels on a machine, both files in the folder or shipped.
fn facts(folder: &Folder, hw: &str, workload: &str) -> (Value, String) {
    let files = ["simulate", "--hw", hw, "--workload", workload];
    let run = folder
        .run(&[&files[..], &["--json", "facts.json"]].concat())
        .ok();
    let facts = serde_json::from_str(&folder.read("facts.json")).expect("JSON");
    (facts, run.stdout)
}

#[test]
fn a_list_of_kernels_is_simulated_kernel_by_kernel() {
    let folder = Folder::new();
    unit_and_list(&folder);
    let simulate = ["simulate", "--hw", "unit.ron", "--workload", "list.ron"];
    let run = folder
        .run(&[&simulate[..], &["--json", "list.json"]].concat())
        .ok();
    for words in [
        "list on unit",
        "dot",
        "compute 100.0 %",
        "the link",
        "work outside",
    ] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    let facts: Value = serde_json::from_str(&folder.read("list.json")).expect("JSON");
    let number = |value: &Value| value.as_f64().expect("a number");
    let dot = &facts["kernels"][0];
    // 3 products of 10 results, each of 4000 / 4 steps.
    assert!(
        (number(&dot["cycles"]) / 30_000.0 - 1.0).abs() < 0.02,
        "{dot}"
    );
    assert_eq!(sum(&dot["critical_path"]), dot["cycles"].as_u64(), "{dot}");
    for unit in dot["units"].as_array().expect("a list") {
        assert_eq!(sum(&unit["cycles"]), dot["cycles"].as_u64(), "{dot}");
    }
    // 3 starts and 2 tokens on the host.
    assert!(
        (number(&facts["serial_seconds"]) - 40e-6).abs() < 1e-12,
        "{facts}"
    );
    let parts = number(&facts["machine_seconds"]) + number(&facts["serial_seconds"]);
    assert!((number(&facts["seconds"]) - parts).abs() < 1e-15);
    assert!((number(&facts["tokens_per_second"]) * parts - 2.0).abs() < 1e-9);
    // A field of the machine is changed as in any other run.
    let faster = [
        "--set",
        "hw.arrays[0].clock=MHz(200)",
        "--quiet",
        "--json",
        "faster.json",
    ];
    folder.run(&[&simulate[..], &faster].concat()).ok();
    let faster: Value = serde_json::from_str(&folder.read("faster.json")).expect("JSON");
    assert!(number(&faster["machine_seconds"]) < 0.6 * number(&facts["machine_seconds"]));
    let run = folder.run(&[&simulate[..], &["--trace", "t.json"]].concat());
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--trace does not go"), "{}", run.stderr);
    let run = folder.run(&[&simulate[..], &["--set", "hw.link=None"]].concat());
    assert_eq!(run.code, 2, "{}", run.stdout);
    assert!(run.stderr.contains("has no `link`"), "{}", run.stderr);
    assert!(!folder.files().contains(&"t.json".to_owned()));
}

#[test]
fn lists_of_kernels_and_published_machines_are_checked_by_name_and_by_file() {
    let folder = Folder::new();
    unit_and_list(&folder);
    let files = ["unit.ron", "list.ron", "kv260-ternary", "bitnet-2b-token"];
    let run = folder.run(&[&["check"][..], &files].concat()).ok();
    assert_eq!(run.stdout.matches("in order").count(), 4, "{}", run.stdout);
    folder.write(
        "wrong.ron",
        "Kernels(kernels: [(name: \"dot\", work: Gemm(m: 0, k: 4, n: 4))])",
    );
    let run = folder.run(&["check", "wrong.ron"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("kernels[0].work.m"), "{}", run.stderr);
    // A folder of the name of a shipped file is not in its way; what is run with published machines
    // is found by any command that takes a workload.
    std::fs::create_dir(folder.path("vitallm")).expect("a folder can be made");
    let files = ["--hw", "vitallm", "--workload", "bitnet-3b-decode-ternary"];
    folder.run(&[&["compile"][..], &files].concat()).ok();
}

/// A small machine; `element` and `dataflow` are those of its array, `memory` its memory.
fn machine(element: &str, dataflow: &str, memory: &str) -> String {
    format!(
        "Machine(name: \"unit\", clock: MHz(100), arrays: [(name: \"array\", element: {element}, \
         rows: 8, columns: 8, dataflow: {dataflow})], vector: Free, \
         scratchpads: (activations: Unlimited, weights: Unlimited, outputs: Unlimited), \
         memory: {memory})"
    )
}

/// Each kernel is told by itself, whatever it is called, and a published result of the name that
/// several share is compared with their sum.
#[test]
fn kernels_of_one_name_are_kept_apart() {
    let folder = Folder::new();
    folder.write(
        "unit.ron",
        machine("Int8()", "OutputStationary", "Ideal(bandwidth: GBps(10))"),
    );
    folder.write(
        "list.ron",
        "Kernels(precision: (projection: Int8, activation: Int8), kernels: [\
         (name: \"dot\", work: Gemm(m: 8, k: 100, n: 8)), \
         (name: \"other\", work: Gemm(m: 8, k: 100, n: 8)), \
         (name: \"dot\", times: 2, work: Gemm(m: 8, k: 1000, n: 8)), \
         (name: \"dot\", work: Gemm(m: 8, k: 100, n: 8))])",
    );
    let (facts, text) = facts(&folder, "unit.ron", "list.ron");
    let kernels = facts["kernels"].as_array().expect("a list");
    let told: Vec<_> = kernels
        .iter()
        .map(|kernel| {
            (
                kernel["index"].as_u64(),
                kernel["name"].as_str(),
                kernel["times"].as_u64(),
            )
        })
        .collect();
    let dot = Some("dot");
    assert_eq!(
        told,
        [
            (Some(0), dot, Some(1)),
            (Some(1), Some("other"), Some(1)),
            (Some(2), dot, Some(2)),
            (Some(3), dot, Some(1)),
        ]
    );
    assert_eq!(kernels[0]["cycles"], kernels[3]["cycles"]);
    assert!(kernels[2]["cycles"].as_u64() > kernels[0]["cycles"].as_u64());
    for (row, line) in ["dot #1", "other", "dot #2", "dot #3"]
        .iter()
        .zip(text.lines().skip(3))
    {
        assert!(line.starts_with(row), "{row}: {line}");
    }
    let cycles: u64 = [0, 2, 3]
        .iter()
        .filter_map(|&index: &usize| kernels[index]["cycles"].as_u64())
        .sum();
    folder.write(
        "golden.csv",
        format!(
            "machine,workload,quantity,published,unit,of,tolerance_percent\n\
             unit.ron,list.ron,cycles,{cycles},cycles,dot,0.001\n"
        ),
    );
    folder
        .run(&["validate", "published", "--golden", "golden.csv"])
        .ok();
}

/// A product by itself makes no tokens; a list that says how many it makes, and a language model,
/// do.
#[test]
fn tokens_a_second_are_told_of_what_makes_tokens() {
    let folder = Folder::new();
    folder.write(
        "unit.ron",
        machine("Int8()", "OutputStationary", "Ideal(bandwidth: GBps(10))"),
    );
    let list = |tokens: &str| {
        format!(
            "Kernels({tokens}precision: (projection: Int8, activation: Int8), \
             kernels: [(name: \"dot\", work: Gemm(m: 8, k: 100, n: 8))])"
        )
    };
    for (text, rate) in [
        (list(""), false),
        (list("tokens: 3, "), true),
        (
            "Workload(model: Dense([(inputs: 100, outputs: 8)]), run: Prefill(tokens: 8), \
             precision: (projection: Int8, activation: Int8))"
                .to_owned(),
            false,
        ),
        (
            "Workload(model: Variant(of: \"gpt2\", layers: 1, vocab: 100), run: Decode(context: 8), \
             precision: (projection: Int8, attention: Int8, lm_head: Int8))"
                .to_owned(),
            true,
        ),
    ] {
        folder.write("work.ron", &text);
        let (facts, told) = facts(&folder, "unit.ron", "work.ron");
        assert_eq!(facts["tokens_per_second"].is_number(), rate, "{text}");
        assert_eq!(facts["tokens"].is_u64(), rate, "{text}");
        assert_eq!(told.contains("tokens/s"), rate, "{told}");
        assert!(rate || !told.contains("token"), "{told}");
    }
    // Nor is work of each token done for it.
    folder.write("list.ron", list(""));
    let token = "hw.serial=[(what: \"host\", each: Token, time: Us(5))]";
    let run = [
        "simulate",
        "--hw",
        "unit.ron",
        "--workload",
        "list.ron",
        "--json",
        "facts.json",
    ];
    folder.run(&[&run[..], &["--set", token]].concat()).ok();
    let facts: Value = serde_json::from_str(&folder.read("facts.json")).expect("JSON");
    assert_eq!(facts["serial_seconds"].as_f64(), Some(0.0));
    folder.write(
        "golden.csv",
        "machine,workload,quantity,published,unit\nunit.ron,list.ron,token_rate,1,tokens/s\n",
    );
    let run = folder.run(&["validate", "published", "--golden", "golden.csv"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("makes no tokens"), "{}", run.stderr);
}

/// Loading a stationary tile is neither filling nor draining.
#[test]
fn weight_load_is_told_by_its_name() {
    let folder = Folder::new();
    folder.write(
        "unit.ron",
        machine("Int8()", "WeightStationary", "Ideal(bandwidth: Unlimited)")
            .replace("dataflow:", "timing: Serial, dataflow:"),
    );
    folder.write(
        "list.ron",
        "Kernels(precision: (projection: Int8, activation: Int8), \
         kernels: [(name: \"one row\", work: Gemm(m: 1, k: 64, n: 64))])",
    );
    let (facts, text) = facts(&folder, "unit.ron", "list.ron");
    let path = facts["kernels"][0]["critical_path"]
        .as_array()
        .expect("a list");
    let of = |cause: &str| {
        let cell = path.iter().find(|cell| cell["cause"] == cause);
        cell.and_then(|cell| cell["cycles"].as_u64()).unwrap_or(0)
    };
    // 64 tiles of 8 x 8 shift in through 8 rows each.
    assert!(of("weight_load") >= 64 * 8, "{path:?}");
    assert!(text.contains("weight_load"), "{text}");
    assert!(!facts.to_string().contains("fill_and_drain"));
}

/// The critical path of a stream leads through the memory as soon as that is the slower by a hair;
/// the array beside it is told to work nearly as long.
#[test]
fn an_array_that_works_most_of_the_time_is_told_beside_the_memory_that_bounds_it() {
    let folder = Folder::new();
    // An 8 x 8 array takes a tile of 8 columns of weights in k cycles: 8 bytes a cycle at 8 rows.
    // The memory gives 5 % less.
    folder.write(
        "unit.ron",
        machine("Int8()", "OutputStationary", "Ideal(bandwidth: MBps(760))"),
    );
    folder.write(
        "list.ron",
        "Kernels(precision: (projection: Int8, activation: Int8), \
         kernels: [(name: \"stream\", work: Gemm(m: 8, k: 256, n: 16384))])",
    );
    let (facts, text) = facts(&folder, "unit.ron", "list.ron");
    let kernel = &facts["kernels"][0];
    let first = &kernel["critical_path"][0];
    assert_eq!(first["cause"], "dram_bandwidth", "{kernel}");
    assert!(first["cycles"].as_f64() > kernel["cycles"].as_f64().map(|all| 0.9 * all));
    let share = |part: &str| {
        let parts = kernel["busy"].as_array().expect("a list").iter();
        let part = parts
            .filter(|busy| busy["part"] == part)
            .map(|busy| busy["share"].as_f64());
        part.flatten().next().expect("it works")
    };
    assert!(share("dram") > 0.95, "{kernel}");
    assert!((0.85..0.97).contains(&share("array")), "{kernel}");
    assert_eq!(kernel["busy"][0]["part"], "dram");
    assert!(
        text.contains(&format!("array {:.1} %", 100.0 * share("array"))),
        "{text}"
    );
}

/// What an array does not compute is refused at the field of the list, whatever kind of file.
#[test]
fn a_format_that_no_array_computes_is_refused_at_its_field() {
    let folder = Folder::new();
    let ideal = "Ideal(bandwidth: Unlimited)";
    folder.write("bf16.ron", machine("Bf16()", "OutputStationary", ideal));
    folder.write(
        "wide.ron",
        machine(
            "Int8(activation: Int16, weight: Int16)",
            "OutputStationary",
            ideal,
        ),
    );
    let list = |precision: &str| {
        format!(
            "Kernels(precision: ({precision}), kernels: [(name: \"dot\", work: Gemm(m: 8, k: 9, n: 8))])"
        )
    };
    let model = |precision: &str| {
        format!(
            "Workload(model: Variant(of: \"gpt2\", layers: 1, vocab: 100), run: Decode(context: 8), \
             precision: ({precision}))"
        )
    };
    for (machine, text, field, takes) in [
        (
            "bf16.ron",
            list("projection: Fp16, activation: Fp16"),
            "precision.projection",
            "`Bf16`",
        ),
        (
            "bf16.ron",
            list("projection: Bf16, activation: Fp16"),
            "precision.activation",
            "`Bf16`",
        ),
        (
            "wide.ron",
            list("projection: Bf16, activation: Bf16"),
            "precision.projection",
            "`Int8`",
        ),
        (
            "bf16.ron",
            model("attention: Fp16"),
            "precision.attention",
            "`Bf16`",
        ),
        (
            "bf16.ron",
            model("lm_head: Fp16"),
            "precision.lm_head",
            "`Bf16`",
        ),
        (
            "wide.ron",
            model("projection: Int8, lm_head: Int8"),
            "precision.attention",
            "`Int8`",
        ),
    ] {
        folder.write("work.ron", &text);
        let run = folder.run(&["simulate", "--hw", machine, "--workload", "work.ron"]);
        assert_eq!(run.code, 2, "{text}: {}", run.stdout);
        for words in [field, takes, "work.ron:1:"] {
            assert!(
                run.stderr.contains(words),
                "{text}: {words}: {}",
                run.stderr
            );
        }
    }
    folder.write("work.ron", list("projection: Bf16, activation: Bf16"));
    folder
        .run(&["simulate", "--hw", "bf16.ron", "--workload", "work.ron"])
        .ok();
    // Work that cannot be compiled is told at the kernel.
    folder.write(
        "small.ron",
        machine("Bf16()", "OutputStationary", ideal).replace(
            "weights: Unlimited",
            "weights: (capacity: Bytes(1), banks: 1, port: Bytes(1))",
        ),
    );
    let run = folder.run(&["simulate", "--hw", "small.ron", "--workload", "work.ron"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("small.ron:1:") && run.stderr.contains("kernel `dot`: "),
        "{}",
        run.stderr
    );
}

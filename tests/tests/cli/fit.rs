//! What can be known of a machine and a workload before anything runs is told then, at its place;
//! and inputs that once ran into a mistake of the program's own.

use std::time::{Duration, Instant};

use crate::support::{Folder, root};

/// A folder with the files of `tests/cli/faults`.
fn faults() -> Folder {
    let folder = Folder::new();
    let source = root().join("tests/tests/cli/faults");
    for entry in std::fs::read_dir(source).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        folder.write(&name, std::fs::read(&path).expect("a file"));
    }
    folder
}

/// Bytes that an operator of the first pass loads, in the program that `compile --json` wrote.
fn loaded(folder: &Folder, operator: &str) -> u64 {
    let program: serde_json::Value =
        serde_json::from_str(&folder.read("program.json")).expect("JSON");
    let operations = program["passes"][0]["operations"].as_array();
    let mut operations = operations.expect("operations").iter();
    let operation = operations.find(|one| one["operator"] == operator);
    let bytes = operation.and_then(|one| one["bytes_loaded"].as_u64());
    bytes.expect("a number of bytes")
}

#[test]
fn all_of_a_head_is_loaded_by_an_array_that_is_narrower_and_takes_whole_tiles() {
    let folder = faults();
    let files = [
        "--hw",
        "narrow-tiles-machine.ron",
        "--workload",
        "narrow-tiles-workload.ron",
    ];
    let simulate = [&["simulate", "--quiet"][..], &files].concat();
    folder.run(&simulate).ok();
    let compile = ["compile", "--quiet", "--json", "program.json"];
    folder.run(&[&compile[..], &files].concat()).ok();
    for operator in ["q_proj", "k_proj", "v_proj"] {
        assert_eq!(loaded(&folder, operator), 16 * 16, "{operator}");
    }
    let tpu = [
        "--hw",
        "tpu-v1",
        "--workload",
        "llama-2-7b-decode-int8",
        "--set",
        "hw.arrays[0].rows=64",
        "--set",
        "hw.arrays[0].columns=64",
        "--set",
        "workload.model=Variant(of: \"llama-2-7b\", layers: 1)",
    ];
    folder.run(&[&compile[..], &tpu].concat()).ok();
    for operator in ["q_proj", "k_proj", "v_proj"] {
        assert!(loaded(&folder, operator) >= 4096 * 4096, "{operator}");
    }
}

#[test]
fn an_overlapped_array_waits_for_the_bytes_that_it_gives_back_itself() {
    let folder = faults();
    let files = [
        "--hw",
        "overlapped-machine.ron",
        "--workload",
        "overlapped-workload.ron",
    ];
    folder
        .run(&[&["simulate", "--quiet"][..], &files].concat())
        .ok();
}

/// A machine whose ternary array adds up in 16 bits.
const NARROW: &str = r#"Machine(
    name: "narrow", clock: MHz(500),
    arrays: [
        (name: "ternary", element: Ternary(accumulator: Int16), rows: 8, columns: 8,
         dataflow: OutputStationary, serves: [Projection]),
        (name: "bf16", element: Bf16(), rows: 8, columns: 8, dataflow: OutputStationary,
         serves: [Attention, LmHead]),
    ],
    vector: (lanes: 16),
    scratchpads: (activations: (capacity: KiB(64)), weights: (capacity: KiB(64)),
                  outputs: (capacity: KiB(64))),
    memory: Ideal(bandwidth: GBps(10)),
)
"#;

const KERNELS: &str = r#"Kernels(
    precision: (projection: Ternary(packing: TwoBits)),
    kernels: [
        (name: "short", work: Gemm(m: 4, k: 255, n: 64)),
        (name: "long", work: Gemm(m: 4, k: 256, n: 64)),
    ],
)
"#;

/// The one error of a command that ends with 2.
fn refused(folder: &Folder, arguments: &[&str]) -> String {
    let run = folder.run(arguments);
    assert_eq!(run.code, 2, "{arguments:?}: {}{}", run.stdout, run.stderr);
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    run.stderr
}

#[test]
fn sums_that_leave_an_accumulator_are_found_before_anything_runs() {
    let folder = Folder::new();
    folder.write("narrow.ron", NARROW);
    folder.write("kernels.ron", KERNELS);
    folder.write(
        "decode.ron",
        r#"Workload(model: "bitnet-b1.58-2b-4t", run: Decode(context: 8))"#,
    );
    let files = |workload| ["--hw", "narrow.ron", "--workload", workload];
    let decode = refused(&folder, &["check", "narrow.ron", "decode.ron"]);
    insta::assert_snapshot!("accumulator", decode);
    for command in ["compile", "simulate"] {
        let arguments = [&[command][..], &files("decode.ron")].concat();
        assert_eq!(refused(&folder, &arguments), decode);
    }
    let kernels = refused(&folder, &["check", "kernels.ron", "narrow.ron"]);
    insta::assert_snapshot!("accumulator_of_a_kernel", kernels);
    let arguments = [&["simulate"][..], &files("kernels.ron")].concat();
    assert_eq!(refused(&folder, &arguments), kernels);
    // A bit less of K fits.
    let wider = "hw.arrays[0].element=Ternary(accumulator: Int20)";
    let arguments = [&arguments[..], &["--quiet", "--set", wider]].concat();
    folder.run(&arguments).ok();
}

#[test]
fn what_cannot_be_split_over_cores_is_refused_where_that_can_be_changed() {
    let folder = Folder::new();
    folder.write("kernels.ron", KERNELS);
    folder.write(
        "dense.ron",
        "Workload(model: Dense([(inputs: 64, outputs: 64)]), run: Prefill(tokens: 4))",
    );
    let cores = ["--set", "hw.cores=[(count: 4)]"];
    let dense = ["simulate", "--workload", "dense.ron"];
    insta::assert_snapshot!("dense", refused(&folder, &[&dense[..], &cores].concat()));
    let kernels = ["simulate", "--workload", "kernels.ron"];
    insta::assert_snapshot!(
        "kernels_on_cores",
        refused(&folder, &[&kernels[..], &cores].concat())
    );
    let chips = ["--hw", "pod-8"];
    insta::assert_snapshot!(
        "kernels_on_chips",
        refused(&folder, &[&kernels[..], &chips].concat())
    );
    let reduce = "Kernels(kernels: [(name: \"sum\", work: AllReduce(bytes: 64, machines: 4))])";
    folder.write("reduce.ron", reduce);
    let reduce = ["simulate", "--workload", "reduce.ron"];
    insta::assert_snapshot!("kernel_without_a_link", refused(&folder, &reduce));
}

#[test]
fn numbers_of_a_model_are_bounded_where_they_stand() {
    let folder = faults();
    insta::assert_snapshot!(
        "hidden_ratio",
        refused(&folder, &["check", "hgrn-ratio.ron"])
    );
    for (name, field) in [
        ("layers", "layers: 1000000"),
        ("window", "sliding_window: 9223372036854775808"),
        ("width", "d_model: 16777216, n_heads: 16777216, head_dim: 2"),
        (
            "weights",
            "layers: 16384, d_model: 16777216, n_heads: 1, d_ff: 16777216",
        ),
    ] {
        let model = format!("workload.model=Variant(of: \"llama-2-7b\", {field})");
        let error = refused(&folder, &["compile", "--set", &model]);
        insta::assert_snapshot!(format!("number_{name}"), error);
    }
}

/// Whatever else the host does.
const PROMPTLY: Duration = Duration::from_secs(60);

#[test]
fn a_long_prompt_is_given_up_as_soon_as_the_limit_of_cycles_is_reached() {
    let folder = Folder::new();
    // The program is built by its first run.
    folder.run(&["--version"]).ok();
    let begun = Instant::now();
    let run = folder.run(&[
        "simulate",
        "--quiet",
        "--hw",
        "edge-hybrid",
        "--workload",
        "gpt2-124m-prefill",
        "--set",
        "workload.run=Prefill(tokens: 1048576)",
        "--set",
        "workload.beyond_max_context=true",
        "--set",
        "hw.memory=Ideal(bandwidth: GBps(100))",
        "--max-cycles",
        "10",
    ]);
    assert_eq!(run.code, 3, "{}{}", run.stdout, run.stderr);
    assert!(begun.elapsed() < PROMPTLY, "{:?}", begun.elapsed());
}

#[test]
fn time_and_memory_grow_with_layers_as_they_are() {
    let folder = Folder::new();
    let seconds = |layers: u64| {
        let model = format!(
            "workload.model=Variant(of: \"llama-7b\", layers: {layers}, d_model: 64, n_heads: 1, \
             d_ff: 64, vocab: 64)"
        );
        let arguments = [
            "compile",
            "--quiet",
            "--set",
            &model,
            "--set",
            "workload.run=Decode(context: 4)",
            "--set",
            "hw.memory=Ideal(bandwidth: GBps(100))",
        ];
        let once = |_| {
            let begun = Instant::now();
            folder.run(&arguments).ok();
            begun.elapsed().as_secs_f64()
        };
        (0..3).map(once).fold(f64::INFINITY, f64::min)
    };
    let (few, many) = (seconds(750), seconds(6000));
    // Eight times as many; what grew with their square took 64 times as long.
    assert!(many < 24.0 * few, "{few} s, then {many} s");
}

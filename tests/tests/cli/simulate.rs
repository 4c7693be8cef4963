//! `ternion simulate`: files in, report, trace and facts out.

use chrome_trace::check::check;
use serde_json::Value;

use crate::support::Folder;

/// A run of a second: two blocks of a small model.
const SMALL: [&str; 4] = [
    "--set",
    "workload.model=Variant(of: \"gpt2-124m\", layers: 2, vocab: 1024)",
    "--set",
    "workload.run=Prefill(tokens: 16)",
];

/// The arguments of a small run, and more.
fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["simulate"], &SMALL[..], more].concat()
}

fn facts(folder: &Folder, name: &str) -> Value {
    serde_json::from_str(&folder.read(name)).expect("the facts are JSON")
}

fn cycles(value: &Value) -> u64 {
    value.as_u64().expect("a number of cycles")
}

#[test]
fn both_ledgers_sum_to_the_makespan() {
    let folder = Folder::new();
    folder
        .run(&small(&[
            "--hw",
            "edge-hybrid",
            "--json",
            "run.json",
            "--quiet",
        ]))
        .ok();
    let facts = facts(&folder, "run.json");
    let total = cycles(&facts["total_cycles"]);
    assert!(total > 0);
    let cells = facts["makespan"].as_array().expect("a list");
    assert_eq!(
        cells
            .iter()
            .map(|cell| cycles(&cell["cycles"]))
            .sum::<u64>(),
        total
    );
    for unit in facts["units"].as_array().expect("a list") {
        let buckets = unit["cycles"].as_object().expect("buckets");
        assert_eq!(
            buckets.values().map(cycles).sum::<u64>(),
            total,
            "{}",
            unit["name"]
        );
    }
}

#[test]
fn the_facts_hold_what_is_promised() {
    let folder = Folder::new();
    folder
        .run(&small(&[
            "--hw",
            "edge-hybrid",
            "--json",
            "run.json",
            "--quiet",
        ]))
        .ok();
    let facts = facts(&folder, "run.json");
    for field in [
        "schema_version",
        "machine",
        "workload",
        "convention",
        "total_cycles",
        "seconds",
        "tokens_per_second",
        "makespan",
        "units",
        "operations",
        "dram",
        "amdahl",
        "config",
    ] {
        assert!(!facts[field].is_null(), "{field}");
    }
    assert_eq!(facts["machine"], "edge-hybrid");
    assert!(facts["config"]["machine"]["arrays"][0]["array"]["rows"].is_u64());
    assert_eq!(facts["config"]["workload"]["model"]["layers"], 2);
    for field in ["class", "cause", "cycles"] {
        assert!(!facts["makespan"][0][field].is_null(), "{field}");
    }
    for field in ["name", "class", "unit", "count", "macs", "cycles"] {
        assert!(!facts["operations"][0][field].is_null(), "{field}");
    }
    for field in ["fraction", "ceiling"] {
        assert!(facts["amdahl"][field].is_number(), "{field}");
    }
}

#[test]
fn the_same_run_writes_the_same_bytes_with_or_without_a_trace() {
    let folder = Folder::new();
    let hw = ["--hw", "edge-hybrid", "--quiet"];
    folder
        .run(&small(
            &[&hw[..], &["--json", "a.json", "--trace", "a.trace.json"]].concat(),
        ))
        .ok();
    folder
        .run(&small(
            &[&hw[..], &["--json", "b.json", "--trace", "b.trace.json"]].concat(),
        ))
        .ok();
    folder
        .run(&small(&[&hw[..], &["--json", "c.json"]].concat()))
        .ok();
    assert_eq!(folder.read("a.json"), folder.read("b.json"));
    assert_eq!(folder.read("a.json"), folder.read("c.json"));
    assert_eq!(folder.read("a.trace.json"), folder.read("b.trace.json"));
}

#[test]
fn the_trace_is_one_that_viewers_accept() {
    let folder = Folder::new();
    folder
        .run(&small(&[
            "--hw",
            "edge-hybrid",
            "--trace",
            "run.json",
            "--quiet",
        ]))
        .ok();
    let contents = check(folder.read("run.json").as_bytes()).expect("a trace in order");
    let peak = contents.peaks["dram read"];
    assert!((40_000..=51_200).contains(&peak), "{peak} of 51,200 MB/s");
    let gz = ["--hw", "edge-hybrid", "--trace", "run.json.gz", "--quiet"];
    folder.run(&small(&gz)).ok();
    let bytes = std::fs::read(folder.path("run.json.gz")).expect("the trace is there");
    assert_eq!(bytes[..2], [0x1f, 0x8b], "compressed");
    assert_eq!(folder.files(), ["run.json", "run.json.gz"]);
}

#[test]
fn without_a_machine_and_a_workload_the_defaults_run_and_leave_a_trace() {
    let folder = Folder::new();
    let run = folder.run(&["simulate"]).ok();
    assert!(run.stdout.contains("edge-hybrid"), "{}", run.stdout);
    assert!(run.stdout.contains("Amdahl"), "{}", run.stdout);
    assert_eq!(run.stderr, "", "no progress where nobody watches");
    let name = "traces/edge-hybrid--bitnet-b1.58-2b-4t-decode.json.gz";
    let trace = std::fs::read(folder.path(name)).expect("it is there");
    let (_, told) = run.stdout.split_once("\nwrote ").expect("it is told");
    assert!(told.starts_with(name), "{told}");
    assert!(told.contains(" events; left out: "), "{told}");
    assert!(told.contains("--trace-budget"), "{told}");
    // A changed run is another one: it does not take the place of this trace, nor write one
    // unasked.
    let run = folder.run(&small(&[])).ok();
    assert!(!run.stdout.contains("traces/"), "{}", run.stdout);
    assert!(trace == std::fs::read(folder.path(name)).expect("it is there"));
    assert_eq!(folder.files(), ["traces"]);
}

/// The trace of a run that needs more events than it may have: it holds details of every part of
/// the run, and what it left out is told where the trace is.
#[test]
fn a_trace_with_a_small_budget_tells_what_it_left_out() {
    let folder = Folder::new();
    let trace = |name: &str, budget: &str| {
        let more = [
            "--hw",
            "edge-hybrid",
            "--trace",
            name,
            "--trace-budget",
            budget,
        ];
        let told = folder.run(&small(&more)).ok().stdout;
        let contents = check(folder.read(name).as_bytes()).expect("a trace in order");
        (told, contents)
    };
    let (told, whole) = trace("whole.json", "10000000");
    assert!(told.contains("wrote whole.json"), "{told}");
    assert!(!told.contains("left out"), "{told}");
    let (told, part) = trace("part.json", "2000");
    let left_out = &part.summary["left_out"];
    let phases = left_out["phases_of_tiles"].as_u64().expect("a count");
    assert!(phases > 0, "{left_out}");
    let line = told.lines().find(|line| line.contains(" events; "));
    let line = line.expect("where the trace is");
    assert!(
        line.contains("left out: ") && line.contains("the phases of "),
        "{line}"
    );
    assert!(told.contains("--trace-window FROM..TO"), "{told}");
    // Counters show the same, however little else is recorded.
    assert_eq!(part.totals, whole.totals);
    assert!(part.totals["ternary"] > 0);
    let window = ["--trace-window", "1000..2000"];
    let more = ["--hw", "edge-hybrid", "--trace", "window.json"];
    folder.run(&small(&[&more[..], &window].concat())).ok();
    let window = check(folder.read("window.json").as_bytes()).expect("a trace in order");
    assert_eq!(window.other_data["window"], serde_json::json!([1000, 2000]));
    assert!(window.totals["dram read"] < whole.totals["dram read"]);
}

#[test]
fn what_shapes_a_trace_asks_for_one() {
    let folder = Folder::new();
    for option in [["--trace-window", "0..100"], ["--trace-budget", "100"]] {
        let run = folder.run(&small(&option));
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains("--trace <FILE"), "{}", run.stderr);
    }
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}

#[test]
fn quiet_is_silent() {
    let run = Folder::new()
        .run(&small(&["--hw", "edge-hybrid", "--quiet"]))
        .ok();
    assert_eq!(run.stdout + &run.stderr, "");
}

#[test]
fn the_report_tells_where_the_cycles_went() {
    let report = Folder::new()
        .run(&small(&["--hw", "edge-hybrid"]))
        .ok()
        .stdout;
    for heading in [
        "total",
        "convention",
        "makespan",
        "Amdahl",
        "Operators",
        "Arrays",
        "DRAM",
        "SRAM",
    ] {
        assert!(report.contains(heading), "{heading}: {report}");
    }
    assert!(
        report.lines().all(|line| line.chars().count() <= 100),
        "{report}"
    );
}

#[test]
fn overrides_reach_both_files() {
    let folder = Folder::new();
    folder
        .run(&small(&[
            "--hw",
            "edge-hybrid",
            "--set",
            "hw.arrays[0].rows=32",
            "--set",
            "hw.memory=Ideal(bandwidth: GBps(34), latency: Ns(100))",
            "--set",
            "workload.batch=2",
            "--json",
            "run.json",
            "--quiet",
        ]))
        .ok();
    let config = &facts(&folder, "run.json")["config"];
    assert_eq!(config["machine"]["arrays"][0]["array"]["rows"], 32);
    assert!(config["machine"]["memory"]["Ideal"].is_object());
    assert_eq!(config["workload"]["batch"], 2);
}

#[test]
fn a_run_that_is_given_up_ends_with_3_and_leaves_what_was_there() {
    let folder = Folder::new();
    folder.write("run.json", "good");
    folder.write("trace.json", "good, too");
    let run = folder.run(&small(&[
        "--hw",
        "edge-hybrid",
        "--max-cycles",
        "1000",
        "--json",
        "run.json",
        "--trace",
        "trace.json",
    ]));
    assert_eq!(run.code, 3, "{}{}", run.stdout, run.stderr);
    insta::assert_snapshot!(run.stderr);
    assert_eq!(folder.read("run.json"), "good");
    assert_eq!(folder.read("trace.json"), "good, too");
    assert_eq!(folder.files(), ["run.json", "trace.json"]);
}

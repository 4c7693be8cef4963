//! What is shipped can be run, and is listed.

use serde_json::Value;

use crate::support::{Folder, root};

/// The paths of all RON files of a folder of the workspace.
fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder is there");
    let mut paths: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path().display().to_string())
        .filter(|path| path.ends_with(".ron"))
        .collect();
    paths.sort();
    paths
}

/// Asserts that both ledgers of a run sum to its makespan.
fn assert_ledgers_sum(name: &str, facts: &str) {
    let facts: Value = serde_json::from_str(facts).expect("the facts are JSON");
    let cycles = |value: &Value| value.as_u64().expect("a number of cycles");
    let total = cycles(&facts["total_cycles"]);
    let cells = facts["makespan"].as_array().expect("a list");
    assert_eq!(
        cells
            .iter()
            .map(|cell| cycles(&cell["cycles"]))
            .sum::<u64>(),
        total,
        "{name}"
    );
    for unit in facts["units"].as_array().expect("a list") {
        let buckets = unit["cycles"].as_object().expect("buckets");
        assert_eq!(
            buckets.values().map(cycles).sum::<u64>(),
            total,
            "{name}: {}",
            unit["name"]
        );
    }
}

#[test]
fn every_shipped_machine_runs() {
    let folder = Folder::new();
    for machine in files("hw-configs") {
        // Ternary projections and INT8 for the rest are what every shipped array takes.
        let run = [
            "simulate",
            "--quiet",
            "--json",
            "run.json",
            "--workload",
            "gpt2-124m-prefill",
            "--set",
            "workload.model=Variant(of: \"gpt2-124m\", layers: 2, n_heads: 8)",
            "--set",
            "workload.run=Prefill(tokens: 16)",
            "--set",
            "workload.precision=(projection: Ternary(packing: TwoBits), attention: Int8, lm_head: Int8)",
            "--hw",
            &machine,
        ];
        folder.run(&run).ok();
        assert_ledgers_sum(&machine, &folder.read("run.json"));
    }
}

#[test]
fn every_shipped_workload_runs() {
    let folder = Folder::new();
    for workload in files("workloads") {
        let text = std::fs::read_to_string(&workload).expect("the file is there");
        // A few of many tokens are enough: only the context differs.
        let fewer = if text.contains("Generate(") {
            &["--set", "workload.run.tokens=3"][..]
        } else {
            &[]
        };
        // An ideal memory, for speed; DRAM is under test elsewhere.
        let run = [
            "simulate",
            "--quiet",
            "--json",
            "run.json",
            "--set",
            "hw.memory=Ideal(bandwidth: TBps(1), latency: Ns(100))",
            "--workload",
            &workload,
            "--hw",
        ];
        // The first machine whose arrays take the workload's formats.
        let ran = ["cloud-hybrid", "edge-tpu", "tpu-v4i"]
            .iter()
            .any(|machine| folder.run(&[&run[..], &[*machine], fewer].concat()).code == 0);
        assert!(ran, "{workload}: no machine takes it");
        assert_ledgers_sum(&workload, &folder.read("run.json"));
    }
}

#[test]
fn every_shipped_file_is_in_order() {
    let all = [files("hw-configs"), files("workloads")].concat();
    assert!(all.len() >= 8);
    let arguments: Vec<&str> = std::iter::once("check")
        .chain(all.iter().map(String::as_str))
        .collect();
    let run = Folder::new().run(&arguments).ok();
    let in_order = run.stdout.matches("is in order\n").count();
    assert_eq!(in_order, all.len(), "{}", run.stdout);
    let models = files("workloads").len();
    assert_eq!(
        run.stdout.matches(" parameters\n").count(),
        models,
        "{}",
        run.stdout
    );
}

#[test]
fn machines_are_listed() {
    let run = Folder::new().run(&["machines"]).ok();
    assert_eq!(run.stdout.lines().count(), 1 + files("hw-configs").len());
    for name in ["edge-hybrid", "Ternary", "500 MHz"] {
        assert!(run.stdout.contains(name), "{name}: {}", run.stdout);
    }
}

#[test]
fn workloads_are_listed_and_printed() {
    let folder = Folder::new();
    let run = folder.run(&["workloads"]).ok();
    assert_eq!(run.stdout.lines().count(), 1 + files("workloads").len());
    folder.write(
        "mine.ron",
        folder
            .run(&["workloads", "bitnet-b1.58-2b-4t-decode"])
            .ok()
            .stdout,
    );
    folder.run(&["check", "mine.ron"]).ok();
}

#[test]
fn models_are_listed() {
    let run = Folder::new().run(&["models"]).ok();
    assert!(run.stdout.lines().count() > 59);
    let bitnet = run
        .stdout
        .lines()
        .find(|line| line.starts_with("bitnet-b1.58-2b-4t "));
    let bitnet = bitnet.expect("the default model is listed");
    for figure in ["30", "2560", "6912", "128256", "2.41 B"] {
        assert!(bitnet.contains(figure), "{figure}: {bitnet}");
    }
}

#[test]
fn a_listed_machine_prints_its_file_which_is_in_order() {
    let folder = Folder::new();
    for argument in ["edge-hybrid", "--template"] {
        folder.write("mine.ron", folder.run(&["machines", argument]).ok().stdout);
        folder.run(&["check", "mine.ron"]).ok();
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = Folder::new().run(&["completions", shell]).ok();
        assert!(run.stdout.contains("simulate"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let folder = Folder::new();
    let mut child = folder
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

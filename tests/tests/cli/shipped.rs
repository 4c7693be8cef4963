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

/// The names of all shipped files of some folders.
fn names(folders: [&str; 2]) -> Vec<String> {
    let files = folders.into_iter().flat_map(files);
    files
        .map(|path| {
            let stem = std::path::Path::new(&path).file_stem();
            stem.expect("a file has a name").to_string_lossy().into()
        })
        .collect()
}

const MACHINES: [&str; 2] = ["hw-configs", "hw-configs/published"];
const WORKLOADS: [&str; 2] = ["workloads", "workloads/kernels"];

/// Every name that `simulate` takes is listed, prints its file, and is checked by name.
#[test]
fn every_shipped_file_is_listed_printed_and_checked_by_its_name() {
    let folder = Folder::new();
    for (command, folders) in [("machines", MACHINES), ("workloads", WORKLOADS)] {
        let list = folder.run(&[command]).ok().stdout;
        let listed: Vec<&str> = list
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        let shipped = names(folders);
        assert_eq!(listed.len(), shipped.len(), "{list}");
        for name in &shipped {
            assert!(listed.contains(&name.as_str()), "{name}: {list}");
            let text = folder.run(&[command, name]).ok().stdout;
            let file = folders
                .iter()
                .map(|folder| root().join(folder).join(format!("{name}.ron")))
                .find(|path| path.is_file());
            let file = file.expect("it is shipped");
            assert_eq!(text, std::fs::read_to_string(file).expect("text"), "{name}");
        }
        let check: Vec<&str> = std::iter::once("check")
            .chain(shipped.iter().map(String::as_str))
            .collect();
        let run = folder.run(&check).ok();
        assert_eq!(in_order(&run.stdout), shipped.len(), "{}", run.stdout);
    }
    for name in ["edge-hybrid", "Ternary", "500 MHz"] {
        let machines = folder.run(&["machines"]).ok().stdout;
        assert!(machines.contains(name), "{name}: {machines}");
    }
}

/// How many files `ternion check` says to be in order.
fn in_order(stdout: &str) -> usize {
    let verdicts = stdout.lines();
    verdicts
        .filter(|line| line.ends_with("is in order"))
        .count()
}

/// A name that is known as something else is told to be that, and how it is used, wherever a name
/// is taken.
#[test]
fn a_name_in_the_wrong_place_is_told_what_it_is() {
    let folder = Folder::new();
    let machine = ["edge-hybrid", "kv260-ternary"];
    let workload = [
        "gpt2-124m-prefill",
        "bitnet-2b-token",
        "bitnet-3b-decode-ternary",
    ];
    let model = [
        "llama-2-7b",
        "bitnet-b1.58-2b-4t",
        "gpt2",
        "microsoft/bitnet-b1.58-2B-4T",
    ];
    let memory = ["LPDDR5-6400", "HBM2E-3200"];
    let technology = ["45nm"];
    type Case<'a> = (&'a str, &'a [&'a str], &'a str);
    let kinds: [Case<'_>; 5] = [
        ("machine", &machine, "--hw"),
        ("workload", &workload, "--workload"),
        ("model", &model, "Workload(model: "),
        ("memory", &memory, "Dram(standard: "),
        ("technology", &technology, "technology: "),
    ];
    let places: [(&str, &[&str]); 8] = [
        ("machine", &["simulate", "--hw"]),
        ("workload", &["simulate", "--workload"]),
        ("machine", &["compile", "--hw"]),
        ("workload", &["compile", "--workload"]),
        ("machine", &["machines"]),
        ("workload", &["workloads"]),
        ("memory", &["dram", "--trace", "t.txt", "--config"]),
        ("machine or workload", &["check"]),
    ];
    for (wanted, command) in places {
        for (kind, names, remedy) in kinds {
            if wanted.contains(kind) {
                continue;
            }
            for name in names {
                let run = folder.run(&[command, &[*name]].concat());
                let of = format!("{command:?} {name}: {}", run.stderr);
                assert_eq!(run.code, 2, "{of}");
                let said = format!("`{name}` is a {kind}, not a {wanted}");
                assert!(run.stderr.contains(&said), "{said}: {of}");
                assert!(run.stderr.contains(remedy), "{remedy}: {of}");
            }
        }
    }
    assert_eq!(folder.files(), Vec::<String>::new());
}

/// The remedy for a model's name holds for every model: as a file, and as a changed field.
#[test]
fn the_remedy_for_a_models_name_is_a_workload_that_is_in_order() {
    let folder = Folder::new();
    let models = folder.run(&["models"]).ok().stdout;
    let slugs = models.lines().skip(1);
    let slugs: Vec<&str> = slugs
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut check = vec!["check".to_owned()];
    for slug in &slugs {
        let run = folder.run(&["simulate", "--workload", slug]);
        let (_, remedy) = run.stderr.split_once("write a file: ").expect("a remedy");
        let (file, _) = remedy.split_once("; or").expect("another remedy");
        folder.write(&format!("{slug}.ron"), file);
        check.push(format!("{slug}.ron"));
    }
    let check: Vec<&str> = check.iter().map(String::as_str).collect();
    let run = folder.run(&check).ok();
    assert_eq!(in_order(&run.stdout), slugs.len(), "{}", run.stdout);
    let set = [
        "compile",
        "--hw",
        "cloud-hybrid",
        "--workload",
        "gpt2-124m-prefill",
    ];
    folder
        .run(&[&set[..], &["--set", "workload.model=\"llama-2-7b\""]].concat())
        .ok();
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

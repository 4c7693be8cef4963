//! `ternion validate`, `ternion dram` and SCALE-Sim's own files.

use crate::support::{Folder, root};

/// A file of the reference data.
fn reference(name: &str) -> String {
    root()
        .join("crates/validation/data")
        .join(name)
        .display()
        .to_string()
}

#[test]
fn every_shipped_result_of_scale_sim_is_exact() {
    let run = Folder::new().run(&["validate", "scalesim"]).ok();
    assert!(run.stdout.ends_with(" rows exact\n"), "{}", run.stdout);
}

#[test]
fn a_result_that_differs_is_named_and_ends_with_1() {
    let folder = Folder::new();
    let golden = std::fs::read_to_string(reference("scalesim/golden.csv")).expect("it is there");
    let mut lines: Vec<&str> = golden.lines().collect();
    let row = lines
        .iter()
        .position(|line| line.contains(",inf,"))
        .expect("a row without stalls");
    let spoilt = lines[row].replacen(",inf,", ",inf,1", 1);
    lines[row] = &spoilt;
    folder.write("golden.csv", lines.join("\n"));
    let run = folder.run(&["validate", "scalesim", "--golden", "golden.csv"]);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stdout.contains(&format!("line {}", row + 1)),
        "{}",
        run.stdout
    );
}

#[test]
fn scale_sims_own_files_run_as_they_are() {
    let run = Folder::new()
        .run(&[
            "simulate",
            "--scalesim-config",
            &reference("scalesim/files/gemm-ws-16x4.cfg"),
            "--scalesim-topology",
            &reference("scalesim/files/topology-gemm-ws-16x4.csv"),
        ])
        .ok();
    let theirs = std::fs::read_to_string(reference("scalesim/files/gemm-ws-16x4-report.csv"))
        .expect("it is there");
    assert_eq!(run.stdout.lines().count(), theirs.trim().lines().count());
}

/// Eight reads in one row and a write to another.
const REQUESTS: &str = "\
0x0 READ 0
0x40 READ 0
0x80 READ 0
0xc0 READ 4
0x100000 WRITE 5
";

#[test]
fn a_memory_runs_on_its_own_and_its_commands_pass_the_check() {
    let folder = Folder::new();
    folder.write("requests.txt", REQUESTS);
    folder.write(
        "mine.ron",
        "(standard: \"DDR4-3200AA\", channels: 1, policy: (page: Closed))\n",
    );
    for config in ["DDR4-3200AA", "mine.ron"] {
        let run = folder
            .run(&[
                "dram",
                "--config",
                config,
                "--trace",
                "requests.txt",
                "--commands",
                "commands.csv",
                "--json",
                "run.json",
            ])
            .ok();
        assert!(
            run.stdout.contains("4 reads and 1 writes"),
            "{}",
            run.stdout
        );
        let check = folder
            .run(&["dram", "check", "commands.csv", "--config", config])
            .ok();
        assert!(check.stdout.contains(" 0 violations"), "{}", check.stdout);
        let facts: serde_json::Value =
            serde_json::from_str(&folder.read("run.json")).expect("the facts are JSON");
        assert_eq!(facts["reads"], 4);
    }
    // A command too early is found.
    let commands = folder.read("commands.csv");
    let early: Vec<String> = commands
        .lines()
        .map(|line| match line.split_once(',') {
            Some((_, rest)) if rest.starts_with("RD") => format!("1,{rest}"),
            _ => line.to_string(),
        })
        .collect();
    folder.write("commands.csv", early.join("\n") + "\n");
    let check = folder.run(&["dram", "check", "commands.csv"]);
    assert_eq!(check.code, 1, "{}{}", check.stdout, check.stderr);
}

#[test]
fn the_counters_of_every_published_app_are_met() {
    let run = Folder::new().run(&["validate", "tpu-v1"]).ok();
    assert!(
        run.stdout.ends_with("3 of 3 apps within bounds\n"),
        "{}",
        run.stdout
    );
    let golden = reference("tpu-v1/apps.csv");
    let again = Folder::new()
        .run(&["validate", "tpu-v1", "--golden", &golden])
        .ok();
    assert_eq!(run.stdout, again.stdout);
}

#[test]
fn an_app_that_is_not_met_or_cannot_be_run_is_named_and_ends_with_1() {
    let folder = Folder::new();
    let head = "app,fc_layers,weights_bytes,batch,active_percent,weight_stall_percent,\
                weight_shift_percent,non_matrix_percent\n";
    // One shift too small by far, one application of convolutions alone.
    let apps = "MLP1,4,5000000,168,10.6,44.2,11.0,31.9\nCNN0,0,8000000,8,78.2,0,0,21.8\n";
    folder.write("apps.csv", format!("{head}{apps}"));
    let run = folder.run(&["validate", "tpu-v1", "--golden", "apps.csv"]);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    for part in ["shift is off by", "0 of 1 apps within bounds"] {
        assert!(run.stdout.contains(part), "{}", run.stdout);
    }
    for part in [
        "1 of 1 apps are out of bounds",
        "apps.csv:3:6: CNN0 cannot be run",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

#[test]
fn what_cannot_be_compared_or_run_is_refused() {
    let folder = Folder::new();
    folder.write("empty.csv", "");
    let apps = std::fs::read_to_string(reference("tpu-v1/apps.csv")).expect("it is there");
    folder.write("no-batch.csv", apps.replace(",batch,", ",rows,"));
    folder.write("text.csv", apps.replace(",53.9,", ",much,"));
    folder.write("zero.csv", apps.replace(",168,", ",0,"));
    folder.write("short.csv", apps.replace(",9.7", ""));
    folder.write("requests.txt", REQUESTS);
    folder.write("junk.txt", "0x0 READ 0\nhello\n");
    folder.write("back.txt", "0x0 READ 9\n0x40 READ 3\n");
    folder.write("beyond.txt", "0xffffffffffff READ 0\n");
    folder.write(
        "map.ron",
        "(standard: \"DDR4-3200AA\", map: \"rorabgbaco\")\n",
    );
    folder.write("x.cfg", "[architecture_presets]\nArrayHeight: 4\n");
    folder.write("y.csv", "Layer, M, N, K,\n");
    let dram = |config, trace| ["dram", "--config", config, "--trace", trace];
    for (name, arguments) in [
        (
            "scalesim_empty",
            &["validate", "scalesim", "--golden", "empty.csv"][..],
        ),
        (
            "scalesim_missing",
            &["validate", "scalesim", "--golden", "none.csv"],
        ),
        (
            "dram_no_folder",
            &["validate", "dram", "--golden", "nowhere"],
        ),
        (
            "tpu_missing",
            &["validate", "tpu-v1", "--golden", "none.csv"],
        ),
        (
            "tpu_empty",
            &["validate", "tpu-v1", "--golden", "empty.csv"],
        ),
        (
            "tpu_no_batch",
            &["validate", "tpu-v1", "--golden", "no-batch.csv"],
        ),
        ("tpu_text", &["validate", "tpu-v1", "--golden", "text.csv"]),
        ("tpu_zero", &["validate", "tpu-v1", "--golden", "zero.csv"]),
        (
            "tpu_short",
            &["validate", "tpu-v1", "--golden", "short.csv"],
        ),
        ("rtl_no_cases", &["validate", "rtl", "--cases", "0"]),
        ("dram_unknown", &dram("DDR4-3200A", "requests.txt")),
        ("dram_map", &dram("map.ron", "requests.txt")),
        ("dram_junk", &dram("DDR4-3200AA", "junk.txt")),
        ("dram_back_in_time", &dram("DDR4-3200AA", "back.txt")),
        ("dram_beyond", &dram("DDR4-3200AA", "beyond.txt")),
        ("dram_empty", &dram("DDR4-3200AA", "empty.csv")),
        ("dram_check_empty", &["dram", "check", "empty.csv"]),
        (
            "scalesim_cfg",
            &[
                "simulate",
                "--scalesim-config",
                "x.cfg",
                "--scalesim-topology",
                "y.csv",
            ],
        ),
    ] {
        let run = folder.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}{}", run.stdout, run.stderr);
        // What is shipped grows; the list itself is not the point.
        let (shown, _) = run
            .stderr
            .split_once("shipped are ")
            .unwrap_or((&run.stderr, ""));
        let command = arguments.join(" ");
        insta::assert_snapshot!(name, format!("$ ternion {command}\n{shown}"));
    }
}

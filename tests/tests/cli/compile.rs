//! `ternion compile`: the program as a table and as JSON, without running it.

use serde_json::Value;

use crate::support::Folder;

/// A block of a small model.
const SMALL: [&str; 4] = [
    "--set",
    "workload.model=Variant(of: \"gpt2-124m\", layers: 1, d_model: 64, n_heads: 2, d_ff: 128, vocab: 1024)",
    "--set",
    "workload.run=Generate(prompt: [12, 5], tokens: 2)",
];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["compile", "--hw", "edge-hybrid"], &SMALL[..], more].concat()
}

fn listing(folder: &Folder, name: &str) -> Value {
    serde_json::from_str(&folder.read(name)).expect("the program is JSON")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[test]
fn the_operators_of_the_first_and_the_last_pass_are_shown() {
    let run = Folder::new().run(&small(&[])).ok();
    insta::assert_snapshot!(run.stdout);
}

#[test]
fn the_operations_of_one_pass_are_shown() {
    let run = Folder::new()
        .run(&small(&["--pass", "1", "--operations"]))
        .ok();
    insta::assert_snapshot!(run.stdout);
}

#[test]
fn every_instruction_is_shown_with_what_it_waits_for() {
    let run = Folder::new()
        .run(&small(&["--pass", "2", "--instructions"]))
        .ok();
    let instructions: Vec<&str> = run
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("Instructions"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .collect();
    assert!(instructions.len() > 50, "{}", run.stdout);
    for word in [
        "dma.load",
        "bf16",
        "C[",
        "data of ternary",
        "gives",
        "kv_append#0",
    ] {
        assert!(
            instructions.iter().any(|line| line.contains(word)),
            "{word}: {}",
            run.stdout
        );
    }
}

#[test]
fn equal_programs_are_equal_bytes() {
    let folder = Folder::new();
    for file in ["a.json", "b.json"] {
        folder
            .run(&small(&["--quiet", "--instructions", "--json", file]))
            .ok();
    }
    assert_eq!(folder.read("a.json"), folder.read("b.json"));
    let program = listing(&folder, "a.json");
    let passes = program["passes"].as_array().expect("a list");
    assert_eq!(passes.len(), 3);
    assert!(passes[1]["operations"].is_null());
    for pass in [&passes[0], &passes[2]] {
        let operations = pass["operations"].as_array().expect("a list");
        let sum = |field: &str| -> u64 { operations.iter().map(|one| number(&one[field])).sum() };
        for field in ["instructions", "macs", "bytes_loaded", "compulsory_read"] {
            assert_eq!(sum(field), number(&pass[field]), "{field}");
        }
        assert!(sum("bytes_loaded") >= sum("compulsory_read"));
        let instructions = pass["program"].as_array().expect("a list");
        assert_eq!(instructions.len() as u64, number(&pass["instructions"]));
    }
}

/// What is compiled is what is simulated.
#[test]
fn a_run_moves_the_bytes_that_its_listing_announces() {
    let folder = Folder::new();
    folder
        .run(&small(&["--quiet", "--json", "program.json"]))
        .ok();
    let simulate = [
        &[
            "simulate",
            "--hw",
            "edge-hybrid",
            "--quiet",
            "--json",
            "run.json",
        ],
        &SMALL[..],
    ]
    .concat();
    folder.run(&simulate).ok();
    let (program, run) = (
        listing(&folder, "program.json"),
        listing(&folder, "run.json"),
    );
    let total = &program["total"];
    assert_eq!(total["tokens"], run["tokens"]);
    for unit in run["units"].as_array().expect("a list") {
        let moved = match unit["name"].as_str() {
            Some("dma.load") => &total["bytes_loaded"],
            Some("dma.store") => &total["bytes_stored"],
            _ => continue,
        };
        assert_eq!(&unit["bytes"], moved);
    }
}

#[test]
fn a_pass_that_is_not_there_is_refused() {
    let folder = Folder::new();
    let run = folder.run(&small(&["--pass", "3", "--json", "program.json"]));
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(run.stderr);
    assert!(folder.files().is_empty());
}

//! `ternion validate paper` and `ternion amdahl`.

use serde_json::Value;

use crate::support::Folder;

#[test]
fn published_figures_are_met_and_a_wrong_digit_is_told() {
    let folder = Folder::new();
    let run = folder.run(&["validate", "paper"]).ok();
    assert_eq!(run.stdout, "42 of 42 cells exact\n");
    folder.write(
        "some.csv",
        "model,context_length,tokens_per_second\nopt-1.3b,128,2.55\nopt-1.3b,256,2.52\n",
    );
    let run = folder.run(&["validate", "paper", "--golden", "."]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("1 of 2 cells exact"), "{}", run.stdout);
    assert!(run.stdout.contains("2.51"), "{}", run.stdout);
}

#[test]
fn a_golden_file_that_asks_for_what_is_not_there_is_refused_at_its_place() {
    for (line, place) in [
        ("opt-1.4b,128,2.55", ":2:1:"),
        ("opt-1.3b,0,2.55", ":2:10:"),
    ] {
        let folder = Folder::new();
        folder.write(
            "some.csv",
            format!("model,context_length,tokens_per_second\n{line}\n"),
        );
        let run = folder.run(&["validate", "paper", "--golden", "."]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains(place), "{}", run.stderr);
    }
}

#[test]
fn amdahl_sets_the_law_beside_the_machine() {
    let folder = Folder::new();
    let base = [
        "amdahl",
        "--hw",
        "edge-tpu-paper",
        "--workload",
        "opt-1.3b-decode-paper",
    ];
    let set = [
        "--set",
        "workload.model=Variant(of: \"gpt2-124m\", layers: 2)",
    ];
    let more = [
        "--speedups",
        "2,inf",
        "--json",
        "a.json",
        "--figure",
        "a.svg",
    ];
    let run = folder.run(&[&base[..], &set, &more].concat()).ok();
    for words in [
        "by the law",
        "MatMul-free",
        "attention",
        "both",
        "worth building",
    ] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    assert!(folder.read("a.svg").starts_with("<svg"));
    let study: Value = serde_json::from_str(&folder.read("a.json")).expect("JSON");
    assert_eq!(study["answers"].as_array().expect("a list").len(), 6);
    for wrong in ["0.5", "nan", "fast"] {
        let run = folder.run(&[&base[..], &["--speedups", wrong]].concat());
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains("at least 1"), "{}", run.stderr);
    }
}

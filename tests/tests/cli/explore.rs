//! `ternion validate paper`, `ternion amdahl` and `ternion reproduce`.

use serde_json::Value;

use crate::documents::assert_numbers;
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

const GOLDEN: &str = "model,context_length,tokens_per_second";

#[test]
fn a_golden_file_that_asks_for_what_is_not_there_is_refused_at_its_place() {
    let two = |line: &str| format!("{GOLDEN}\n{line}\n");
    for (text, place, words) in [
        (two("opt-1.4b,128,2.55"), ":2:1:", "did you mean `opt-1.3b`"),
        (two("opt-1.3b,0,2.55"), ":2:10:", "at least 1"),
        (two("opt-1.3b,-128,2.55"), ":2:10:", "at least 1"),
        (two("opt-1.3b,long,2.55"), ":2:10:", "`long`"),
        (two("opt-1.3b,999999999999,2.55"), ":2:", "context"),
        (two("opt-1.3b,128,"), ":2:14:", "digits"),
        (two("opt-1.3b,128,NaN"), ":2:14:", "digits"),
        (two("opt-1.3b,128"), ":2:1:", "3 heads"),
        (two(""), ":1:1:", "no figures"),
        (String::new(), ":1:1:", "empty"),
        (
            "model,context_length\nopt-1.3b,128\n".into(),
            ":1:1:",
            "no column",
        ),
        (
            "model,tokens_per_second\nopt-1.3b,1\n".into(),
            ":1:1:",
            "`context_length`",
        ),
        (
            "context_length,tokens_per_second\n128,1\n".into(),
            ":1:1:",
            "`model`",
        ),
        (
            format!("{GOLDEN},watts\nopt-1.3b,128,1,1\n"),
            ":1:40:",
            "`watts`",
        ),
        (format!("{GOLDEN},model\n"), ":1:40:", "two columns"),
    ] {
        let folder = Folder::new();
        folder.write("some.csv", &text);
        let run = folder.run(&["validate", "paper", "--golden", "."]);
        assert_eq!(run.code, 2, "{text}: {}{}", run.stdout, run.stderr);
        assert_eq!(run.stdout, "", "{text}");
        let at = format!("some.csv{place}");
        assert!(run.stderr.contains(&at), "{text}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{text}: {}", run.stderr);
    }
    let folder = Folder::new();
    for (where_to, words) in [("nowhere", "cannot read"), (".", "no CSV file")] {
        let run = folder.run(&["validate", "paper", "--golden", where_to]);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[test]
fn golden_files_of_other_models_are_compared_by_the_same_law() {
    let folder = Folder::new();
    // 4 d x d and 2 of the feed-forward network, d_FF = d as published for this family, on 32 x 32:
    // 12 blocks of 6 * 24 * (768 + 62) cycles of projections, and of
    // 12 * (4 * (64 + 62) + 2 * (100 + 62)) cycles of attention.
    folder.write(
        "fractions.csv",
        "model,context_length,projection_cycle_fraction\ngpt2,100,0.923\nGPT-2 124M,100,0.924\n",
    );
    let run = folder.run(&["validate", "paper", "--golden", ".", "--all"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stdout.contains("1 of 2 cells exact"), "{}", run.stdout);
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

/// A machine of nothing but its array, and GEMMs of GPT-2's first two blocks.
const SMALL: [&str; 7] = [
    "amdahl",
    "--hw",
    "edge-tpu-paper",
    "--workload",
    "opt-1.3b-decode-paper",
    "--set",
    "workload.model=Variant(of: \"gpt2-124m\", layers: 2)",
];

#[test]
fn the_part_is_made_faster_in_the_way_that_is_chosen() {
    let folder = Folder::new();
    let speedup = |by: &str, more: &[&str]| -> Value {
        let arguments = [
            &SMALL[..],
            &["--speedups", "2,4", "--by", by, "--json", "a.json"],
            more,
        ];
        folder.run(&arguments.concat()).ok();
        serde_json::from_str(&folder.read("a.json")).expect("JSON")
    };
    let gain = |study: &Value, index: usize| study["answers"][index]["machine"].as_f64();
    for by in ["clock", "columns"] {
        let study = speedup(by, &[]);
        assert_eq!(study["means"], by);
        // The first answers are of the projections: all of a token at a context of 128, nearly.
        let (two, four) = (gain(&study, 0).unwrap(), gain(&study, 1).unwrap());
        assert!((1.7..2.2).contains(&two), "{by}: {two}");
        assert!((2.5..4.2).contains(&four), "{by}: {four}");
    }
    // One token has one row: more rows bring nothing but longer wavefronts.
    let rows = speedup("rows", &[]);
    assert!(gain(&rows, 1).unwrap() < 1.2, "{rows}");
    // The published way to count knows PEs of one product alone: an answer in words, not a failure.
    let lookup = speedup("lookup", &["--pe", "int8"]);
    assert_eq!(lookup["answers"][0]["machine"], Value::Null);
    let why = lookup["answers"][0]["refused"].as_str().expect("words");
    assert!(why.contains("one product"), "{why}");
    // Weights of 8 bits on ternary PEs.
    let narrow = speedup("clock", &["--pe", "ternary"]);
    let why = narrow["answers"][0]["refused"].as_str().expect("words");
    assert!(why.contains("2-bit"), "{why}");
}

#[test]
fn nothing_else_and_nothing_to_speed_up_are_said_in_words() {
    let folder = Folder::new();
    // No attention: all of it is projections.
    let model = "workload.model=Variant(of: \"matmul-free-lm-370m\", layers: 2)";
    let arguments = [&SMALL[..6], &[model, "--speedups", "2,inf"]].concat();
    let run = folder.run(&arguments).ok();
    assert!(run.stdout.contains("F = 1"), "{}", run.stdout);
    assert!(run.stdout.contains('∞'), "{}", run.stdout);
    // One context only, so the curve over contexts is short; nothing is divided by nothing.
    assert!(!run.stdout.contains("NaN"), "{}", run.stdout);
    // Nothing but work of the vector unit: there is no projection to speed up.
    folder.write(
        "vector.ron",
        "Workload(model: Dense([(inputs: 512, outputs: 512, stored: true, vector: softmax)]), \
         run: Prefill(tokens: 16), precision: (projection: Int8, activation: Int8), \
         beyond_max_context: true)",
    );
    let vector = ["amdahl", "--hw", "edge-tpu", "--workload", "vector.ron"];
    let run = folder
        .run(&[&vector[..], &["--speedups", "2,inf"]].concat())
        .ok();
    for words in [
        "F = 0",
        "no format of weights speeds this run up",
        "its time goes elsewhere",
    ] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    for words in ["NaN", "to build first", "worth building"] {
        assert!(!run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    let arguments = [&SMALL[..], &["--speedups", "1"]].concat();
    let run = folder.run(&arguments).ok();
    assert!(run.stdout.contains("1.00x"), "{}", run.stdout);
    for wrong in ["0", "-inf", "1,0.99", "2,,4", ""] {
        let run = folder.run(&[&SMALL[..], &["--speedups", wrong]].concat());
        assert_eq!(run.code, 2, "{wrong}");
        assert!(run.stderr.contains("at least 1"), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    let run = folder.run(&[&SMALL[..], &["--figure", "a.jpeg"]].concat());
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains(".svg or .png"), "{}", run.stderr);
    assert_eq!(folder.files(), ["vector.ron"]);
}

/// No figure of a shortened model stands under the name of the whole one, in any file of a quick
/// reproduction: whatever is named like a model that a chapter shortens says so at once.
fn shortened_models_are_named(folder: &Folder, chapters: &[Value]) {
    let mut shortened = Vec::new();
    for chapter in chapters {
        for row in chapter["table"].as_array().expect("rows") {
            let model = row["model"].as_str().expect("a model");
            let machine = row["machine"].as_str().unwrap_or_default();
            match model.split_once(" (2 of ") {
                Some((whole, rest)) => {
                    assert!(rest.contains(" blocks, vocabulary 1024 of "), "{model}");
                    shortened.push(whole.to_owned());
                }
                // On the published machines models are whole also here.
                None => assert!(machine.ends_with("-paper"), "{row}"),
            }
        }
    }
    assert!(shortened.contains(&"gpt2-355m".to_owned()), "{shortened:?}");
    let names = chapters.iter().map(|chapter| {
        let name = chapter["name"].as_str().expect("a name");
        let title = chapter["title"].as_str().expect("a title");
        assert!(title.contains("QUICK"), "{title}");
        assert!(chapter["text"].as_str().expect("a text").contains("QUICK"));
        name
    });
    let mut texts: Vec<(String, String)> = Vec::new();
    for name in names {
        let csv = format!("one/{name}.csv");
        texts.push((csv.clone(), folder.read(&csv)));
        let figures = match name {
            "overlap" => vec![],
            "roadmap" => ["edge-hybrid", "cloud-hybrid"]
                .map(|machine| format!("one/roadmap-{machine}.svg"))
                .to_vec(),
            name => vec![format!("one/{name}.svg")],
        };
        for figure in figures {
            let text = folder.read(&figure);
            assert!(text.contains("QUICK"), "{figure}");
            texts.push((figure, text));
        }
    }
    for page in ["one/REPORT.md", "one/index.html"] {
        let text = folder.read(page);
        let (_, beyond) = text.split_once("Beyond the published account").expect(page);
        texts.push((page.to_owned(), beyond.to_owned()));
    }
    for (file, text) in texts {
        for whole in &shortened {
            for (at, _) in text.match_indices(whole.as_str()) {
                let rest = &text[at + whole.len()..];
                assert!(
                    rest.starts_with(" (2 of "),
                    "{file}: {}",
                    &text[at..].lines().next().unwrap_or_default()
                );
            }
        }
    }
}

#[test]
fn reproduction_is_the_same_bytes_at_any_number_of_threads() {
    let folder = Folder::new();
    for (out, threads) in [("one", "1"), ("four", "4")] {
        let mut command = folder.command(&["reproduce", "--quick", "--out", out]);
        let output = command.env("RAYON_NUM_THREADS", threads).output();
        let output = output.expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{:?}", output.stderr);
        assert!(text.contains("42 of 42 cells exact"), "{text}");
        for question in [
            "Models end to end",
            "zero",
            "ideal",
            "BF16",
            "stationary",
            "build next",
        ] {
            assert!(text.contains(question), "{question}: {text}");
        }
    }
    let names = |out: &str| {
        let entries = std::fs::read_dir(folder.path(out)).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("one"), names("four"));
    for name in names("one") {
        let read = |out: &str| std::fs::read(folder.path(out).join(&name)).expect("a file");
        assert!(read("one") == read("four"), "{name:?} differs");
    }
    let report = folder.read("one/REPORT.md");
    for words in [
        "| gpt2-355m | 128 | 18.72 | 18.72 | exact |",
        "true architecture",
        "Why the last two columns differ",
        "ASSUMPTION",
        "(area.svg)",
        "(formats.svg)",
        "(dataflows.svg)",
        "(overheads.svg)",
        "(roadmap-edge-hybrid.svg)",
        "What to build next",
    ] {
        assert!(report.contains(words), "{words}");
    }
    let results = folder.read("one/results.json");
    assert_numbers(&results);
    let results: Value = serde_json::from_str(&results).expect("JSON");
    let chapters = results["beyond"].as_array().expect("a list");
    for chapter in chapters {
        let name = chapter["name"].as_str().expect("a name");
        let rows = chapter["table"].as_array().expect("rows");
        assert!(!rows.is_empty(), "{name}");
        let csv = folder.read(&format!("one/{name}.csv"));
        assert_eq!(csv.lines().count(), rows.len() + 1, "{name}");
    }
    assert_eq!(results["extent"], "quick");
    shortened_models_are_named(&folder, chapters);
    let html = folder.read("one/index.html");
    assert_eq!(
        html.matches("<svg").count(),
        report.matches(".svg)").count()
    );
    // Every figure stands in the report once.
    for name in names("one") {
        let name = name.to_string_lossy();
        if name.ends_with(".svg") {
            assert_eq!(report.matches(&format!("({name})")).count(), 1, "{name}");
        }
    }
    // A file in the way is told before anything is run.
    folder.write("taken", "");
    let run = folder.run(&["reproduce", "--quick", "--out", "taken"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("cannot make the folder"),
        "{}",
        run.stderr
    );
}

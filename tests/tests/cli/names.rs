//! Names are data: what steers a terminal is refused in files, and printed as an escape elsewhere.

use crate::support::{Folder, Run};

/// What colours a terminal, ends a line, turns text around, or is no XML.
const WILD: [char; 9] = [
    '\u{1b}', '\u{7}', '\n', '\r', '\u{9b}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{ffff}',
];

/// A machine with a name of each kind, to be spoilt.
const MACHINE: &str = r#"Machine(
    name: "NAME", description: "DESCRIPTION", clock: MHz(100),
    arrays: [(
        name: "ARRAY", element: Int8(accumulator: Int32), rows: 16, columns: 16,
        dataflow: WeightStationary,
    )],
    vector: (lanes: 16),
    scratchpads: (
        activations: (capacity: KiB(64)), weights: (capacity: KiB(64)), outputs: (capacity: KiB(64)),
    ),
    memory: Dram(standard: "LPDDR4-3200"),
)
"#;

const WORKLOAD: &str = r#"Workload(
    model: Variant(of: "gpt2-124m", name: "MODEL", layers: 1, vocab: 256), run: Prefill(tokens: 4),
    precision: (projection: Int8, attention: Int8, lm_head: Int8),
)
"#;

const KERNELS: &str = r#"Kernels(
    kernels: [(name: "KERNEL", work: Gemm(m: 8, n: 16, k: 16))],
)
"#;

/// Asserts that all that was printed is letters and ends of lines.
fn is_shown(run: &Run, what: &str) {
    for c in run.stdout.chars().chain(run.stderr.chars()) {
        let acts = WILD.contains(&c) || c.is_control();
        assert!(
            !acts || c == '\n',
            "{what}: {c:?} in\n{}{}",
            run.stdout,
            run.stderr
        );
    }
}

/// The characters as RON writes them, and raw.
fn written(c: char) -> [String; 2] {
    [format!("\\u{{{:x}}}", u32::from(c)), c.to_string()]
}

#[test]
fn a_name_that_steers_a_terminal_is_refused_where_it_stands() {
    let folder = Folder::new();
    for (file, name) in [
        (MACHINE, "NAME"),
        (MACHINE, "DESCRIPTION"),
        (MACHINE, "ARRAY"),
        (WORKLOAD, "MODEL"),
        (KERNELS, "KERNEL"),
    ] {
        folder.write("file.ron", file);
        let unspoilt = folder.run(&["check", "file.ron"]).ok();
        is_shown(&unspoilt, name);
        for c in WILD {
            for text in written(c) {
                folder.write("file.ron", file.replace(name, &format!("a{text}[31mb")));
                let run = folder.run(&["check", "file.ron"]);
                assert_eq!(run.code, 2, "{name} {c:?}: {}{}", run.stdout, run.stderr);
                is_shown(&run, name);
                let line = format!(
                    "file.ron:{}:",
                    1 + file[..file.find(name).expect("it is there")]
                        .matches('\n')
                        .count()
                );
                assert!(run.stderr.contains(&line), "{name} {c:?}: {}", run.stderr);
                let code = format!("U+{:04X}", u32::from(c));
                // RON itself refuses some as characters.
                let is_told = run.stderr.contains(&code) || c == '\u{ffff}' || c == '\r';
                assert!(is_told, "{name} {c:?}: {}", run.stderr);
            }
        }
    }
}

#[test]
fn a_name_from_a_change_is_refused_as_in_a_file() {
    let folder = Folder::new();
    for c in WILD {
        for text in written(c) {
            let change = format!("hw.name=a{text}b");
            let run = folder.run(&["simulate", "--set", &change]);
            assert_eq!(run.code, 2, "{c:?}: {}{}", run.stdout, run.stderr);
            is_shown(&run, &change);
            let change = format!("hw.na{c}me=b");
            let run = folder.run(&["simulate", "--set", &change]);
            assert_eq!(run.code, 2, "{c:?}: {}{}", run.stdout, run.stderr);
            is_shown(&run, &change);
        }
    }
}

#[test]
fn paths_and_arguments_are_printed_as_letters() {
    let folder = Folder::new();
    folder.write("requests.txt", "0x40 READ 0\n");
    for c in WILD {
        let name = format!("a{c}[31mb.ron");
        folder.write(&name, MACHINE);
        for (arguments, code) in [
            (vec!["check", &name], 0),
            (vec!["check", &format!("{name}.absent")], 2),
            (vec!["simulate", "--hw", &format!("no{c}thing")], 2),
            (vec!["simulate", "--workload", &format!("{name}.absent")], 2),
            (vec!["simulate", "--json", &format!("{name}/x.json")], 2),
            (vec!["machines", &name], 2),
            (vec!["workloads", &name], 2),
            (
                vec!["dram", "--config", &name, "--trace", "requests.txt"],
                2,
            ),
            (vec!["dram", "--config", "DDR4-3200AA", "--trace", &name], 2),
            (vec!["dram", "check", &name], 2),
            (vec!["validate", "paper", "--golden", &name], 2),
            (vec!["validate", "published", "--golden", &name], 2),
            (vec!["validate", "tpu-v1", "--golden", &name], 2),
            (vec!["validate", "scalesim", "--golden", &name], 2),
            (vec![&name], 2),
            (vec!["simulate", &format!("--a{c}b")], 2),
            (vec!["simulate", "--max-cycles", &name], 2),
            (
                vec![
                    "amdahl",
                    "--hw",
                    "edge-tpu-paper",
                    "--workload",
                    "opt-1.3b-decode-paper",
                    "--figure",
                    &name,
                ],
                2,
            ),
        ] {
            let run = folder.run(&arguments);
            assert_eq!(
                run.code, code,
                "{arguments:?}: {}{}",
                run.stdout, run.stderr
            );
            is_shown(&run, &format!("{arguments:?}"));
        }
        let run = folder
            .run(&[
                "simulate",
                "--hw",
                &name,
                "--json",
                &format!("{c}.json"),
                "--set",
                "workload.run=Prefill(tokens: 4)",
                "--set",
                "workload.model=Variant(of: \"gpt2-124m\", layers: 1, vocab: 256)",
                "--set",
                "workload.precision=(projection: Int8, attention: Int8, lm_head: Int8)",
            ])
            .ok();
        is_shown(&run, &name);
    }
}

#[test]
fn what_other_files_say_is_printed_as_letters() {
    let folder = Folder::new();
    folder.write(
        "file.cfg",
        "[architecture_presets]\nArrayHeight: 8\nArrayWidth: 8\nDataflow: ws\n",
    );
    for c in WILD {
        let bad = format!("a{c}[31mb");
        folder.write("commands.csv", format!("# {bad}\n{bad}\n"));
        folder.write("requests.txt", format!("{bad}\n"));
        folder.write(
            "golden.csv",
            format!("model,context_length,tokens_per_second\n\"{bad}\",128,2.5\n"),
        );
        folder.write("layers.csv", format!("Layer,M,N,K,\n{bad},8,8,8,\n"));
        folder.write("config.json", format!("{{\"model_type\": {bad:?}}}"));
        folder.write(
            "w.ron",
            "Workload(model: HuggingFace(\"config.json\"), run: Decode(context: 4))",
        );
        for arguments in [
            &["dram", "check", "commands.csv"][..],
            &["dram", "--config", "DDR4-3200AA", "--trace", "requests.txt"],
            &["validate", "paper", "--golden", "."],
            &["validate", "published", "--golden", "golden.csv"],
            &["validate", "tpu-v1", "--golden", "golden.csv"],
            &["validate", "scalesim", "--golden", "golden.csv"],
            &[
                "simulate",
                "--scalesim-config",
                "file.cfg",
                "--scalesim-topology",
                "layers.csv",
            ],
            &["check", "w.ron"],
        ] {
            let run = folder.run(arguments);
            assert!(run.code <= 2, "{arguments:?}: {}{}", run.stdout, run.stderr);
            is_shown(&run, &format!("{arguments:?}"));
        }
    }
}

#[test]
fn figures_are_xml_whatever_the_names_are() {
    let folder = Folder::new();
    let machine = folder.run(&["machines", "edge-tpu-paper"]).ok().stdout;
    let name = machine
        .lines()
        .find(|line| line.trim_start().starts_with("name:"));
    let machine = machine.replacen(
        name.expect("it has one"),
        "    name: \"<b> & \\\"c\\\" 'd' ]]> é\",",
        1,
    );
    folder.write("m.ron", machine);
    for file in ["<x>&\"y\"'z'.ron", "a\u{1b}[31m\u{ffff}.ron", "a\nb.ron"] {
        folder.write(
            file,
            folder
                .run(&["workloads", "opt-1.3b-decode-paper"])
                .ok()
                .stdout,
        );
        let figure = ["--speedups", "2", "--figure", "f.svg"];
        let run = [
            &["amdahl", "--hw", "m.ron", "--workload", file],
            &figure[..],
        ]
        .concat();
        folder.run(&run).ok();
        let svg = folder.read("f.svg");
        assert!(
            svg.contains("&lt;b&gt; &amp;") || !svg.contains("<b>"),
            "{svg}"
        );
        is_well_formed(&svg);
    }
}

/// Asserts that a text is XML as figures are written: elements that close, attributes in quotes,
/// entities, and no character that XML does not have.
fn is_well_formed(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name.to_owned()), "{tag}"),
            (None, Some(_)) => {}
            (None, None) => open.push(tag.split_whitespace().next().unwrap_or_default().to_owned()),
        }
        for entity in tag.split('&').skip(1).chain(text.split('&').skip(1)) {
            let (name, _) = entity.split_once(';').expect("an entity ends");
            assert!(
                ["lt", "gt", "amp", "quot", "apos"].contains(&name),
                "{name}"
            );
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let is_taken = |c: char| c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}' || "\n\r\t".contains(c);
    assert!(svg.chars().all(is_taken));
}

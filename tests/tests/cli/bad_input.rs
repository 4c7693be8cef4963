//! Each mistake ends in one error that points, an exit code of 2, and nothing half done.

use crate::support::Folder;

/// A machine in order, to be spoilt.
const MACHINE: &str = r#"// A small machine.
Machine(
    name: "small",
    clock: MHz(100),
    arrays: [
        (
            name: "array",
            element: Int8(accumulator: Int32),
            rows: 16,
            columns: 16,
            dataflow: WeightStationary,
        ),
    ],
    vector: (lanes: 16),
    scratchpads: (
        activations: (capacity: KiB(64)),
        weights: (capacity: KiB(64)),
        outputs: (capacity: KiB(64)),
    ),
    memory: Dram(standard: "LPDDR4-3200"),
)
"#;

/// The error of a run that must fail for the user's mistake.
fn refused(folder: &Folder, arguments: &[&str]) -> String {
    let run = folder.run(arguments);
    assert_eq!(run.code, 2, "{arguments:?}: {}{}", run.stdout, run.stderr);
    assert_eq!(run.stdout, "", "{arguments:?}");
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    format!("$ ternion {}\n{}", arguments.join(" "), run.stderr)
}

#[test]
fn a_spoilt_machine_file_is_refused_where_it_is_spoilt() {
    let folder = Folder::new();
    folder.write("machine.ron", MACHINE);
    folder.run(&["check", "machine.ron"]).ok();
    for (name, from, to) in [
        ("machine_unknown_field", "rows: 16", "row: 16"),
        (
            "machine_unknown_variant",
            "WeightStationary",
            "WeightStationery",
        ),
        ("machine_unknown_standard", "LPDDR4-3200", "LPDDR9"),
        ("machine_wrong_unit", "MHz(100)", "KiB(100)"),
        ("machine_no_unit", "KiB(64)", "65536"),
        ("machine_zero_rows", "rows: 16", "rows: 0"),
        ("machine_absurd_columns", "columns: 16", "columns: 16000000"),
        ("machine_overflow", "KiB(64)", "GiB(99999999999999999)"),
        (
            "machine_too_many_digits",
            "rows: 16",
            "rows: 99999999999999999999",
        ),
        ("machine_no_port", "KiB(64))", "KiB(64), port: Bytes(0))"),
        ("machine_missing_field", "dataflow: WeightStationary,", ""),
        ("machine_missing_comma", "rows: 16,", "rows: 16"),
        ("machine_wrong_root", "Machine(", "Machina("),
    ] {
        assert!(MACHINE.contains(from), "{from}");
        folder.write("machine.ron", MACHINE.replacen(from, to, 1));
        insta::assert_snapshot!(name, refused(&folder, &["check", "machine.ron"]));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let folder = Folder::new();
    folder.write("empty.ron", "");
    folder.write("blank.ron", " \n\n");
    folder.write("latin1.ron", b"Machine(\n    name: \"caf\xe9\",\n)\n");
    folder.write("list.ron", "[1, 2]\n");
    std::fs::create_dir(folder.path("folder.ron")).expect("the folder can be written to");
    for file in [
        "missing.ron",
        "empty.ron",
        "blank.ron",
        "latin1.ron",
        "list.ron",
        "folder.ron",
    ] {
        let name = format!("file_{}", file.trim_end_matches(".ron"));
        insta::assert_snapshot!(name, refused(&folder, &["check", file]));
    }
}

#[test]
fn every_file_of_a_check_is_checked() {
    let folder = Folder::new();
    folder.write("good.ron", MACHINE);
    folder.write("bad.ron", MACHINE.replace("rows: 16", "rows: 0"));
    let run = folder.run(&["check", "bad.ron", "missing.ron", "good.ron"]);
    assert_eq!(run.code, 2);
    assert!(run.stdout.contains("good.ron"), "{}", run.stdout);
    assert_eq!(run.stderr.matches("error: ").count(), 2, "{}", run.stderr);
    assert_eq!(folder.files(), ["bad.ron", "good.ron"]);
    assert_eq!(folder.read("good.ron"), MACHINE);
}

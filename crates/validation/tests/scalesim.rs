//! The `ScaleSim` convention against the tool, and what its users bring.

use std::fs;
use std::path::{Path, PathBuf};

use validation::scalesim::{Config, GOLDEN, ReadError, Topology, compare, run, write_csv};

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/scalesim/files")
}

#[test]
fn every_golden_row_is_exact() {
    let comparison = compare("golden.csv", GOLDEN).unwrap();
    assert!(comparison.is_exact(), "{comparison}");
    assert_eq!(comparison.rows, 183);
}

#[test]
fn a_wrong_figure_is_a_difference_and_not_a_pass() {
    let wrong = GOLDEN.replacen(",24885,", ",24886,", 1);
    let comparison = compare("golden.csv", &wrong).unwrap();
    assert_eq!(comparison.exact, 182);
    assert_eq!(comparison.differences[0].line, 2);
    assert!(comparison.to_string().ends_with("182 of 183 rows exact"));
}

/// The report that the tool printed, line by line, in the columns of our rows.
fn expected(name: &str) -> Vec<String> {
    let text = fs::read_to_string(reference().join(format!("{name}-report.csv"))).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn whole_files_of_the_tools_users_give_the_tools_report() {
    let mut names: Vec<String> = fs::read_dir(reference())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".cfg").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert_eq!(names.len(), 21);
    for name in names {
        let read = |file: String| fs::read_to_string(reference().join(file)).unwrap();
        let config = Config::read(&read(format!("{name}.cfg"))).unwrap();
        let layers = Topology::read(&read(format!("topology-{name}.csv"))).unwrap();
        let rows = run(&config, &layers).unwrap();
        let found: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(id, row)| {
                let figures = row.figures;
                format!(
                    "{id},{},{},{},{},{},{},{},{}",
                    figures.total_cycles,
                    row.stall_cycles.unwrap(),
                    figures.utilization,
                    figures.mapping_efficiency,
                    figures.compute_util,
                    figures.ifmap_reads,
                    figures.filter_reads,
                    figures.ofmap_writes
                )
            })
            .collect();
        assert_eq!(found, expected(&name), "{name}");
    }
}

const CFG: &str = "[general]\nrun_name = x\n[architecture_presets]\nArrayHeight: 8\nArrayWidth: 8\n\
IfmapSramSzkB: 64\nFilterSramSzkB: 64\nOfmapSramSzkB: 64\nDataflow: os\nBandwidth: 10\n\
[run_presets]\nInterfaceBandwidth: CALC\n";

#[test]
fn lines_with_and_without_the_trailing_comma_are_the_same_layer() {
    let with = Topology::read("Layer, M, N, K,\na, 3, 4, 5,\nb, 1, 2, 3,\n").unwrap();
    let without = Topology::read("Layer, M, N, K\r\na, 3, 4, 5\r\n\r\nb, 1, 2, 3").unwrap();
    assert_eq!((with[0].m, with[0].n, with[0].k), (3, 4, 5));
    for (with, without) in with.iter().zip(&without) {
        assert_eq!((with.m, with.n, with.k), (without.m, without.n, without.k));
    }
    let sparse = Topology::read("Layer, M, N, K, Sparsity,\na, 3, 4, 5, 1:1,\n").unwrap();
    assert_eq!(sparse[0].k, 5);
}

#[test]
fn a_layer_past_64_bits_is_an_error_at_its_line() {
    let layers = Topology::read("Layer, M, N, K,\na, 9, 9, 9,\nb, 18446744073709551615, 2, 3,\n");
    let error = run(&Config::read(CFG).unwrap(), &layers.unwrap()).unwrap_err();
    assert_eq!(error.line, Some(3));
}

#[test]
fn the_report_has_as_many_fields_as_columns() {
    let layers = Topology::read("Layer, M, N, K,\na, 3, 4, 5,\n").unwrap();
    let user = CFG.replace("CALC", "USER");
    for cfg in [CFG, &user] {
        let csv = write_csv(&run(&Config::read(cfg).unwrap(), &layers).unwrap());
        let counts: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(counts, [18, 18]);
    }
}

fn topology_error(text: &str) -> ReadError {
    Topology::read(text).unwrap_err()
}

#[test]
fn topologies_that_cannot_be_read_say_line_and_column() {
    assert!(topology_error("").message.contains("empty"));
    assert!(
        topology_error("Layer, M, N, K,\n")
            .message
            .contains("no layers")
    );
    for (text, line, column) in [
        ("Layer, M, N, K,\na, 1, 2,\n", 2, "K"),
        ("Layer, M, N, K,\na, 1, 2, 3,\nb, 1, x, 3,\n", 3, "N"),
        ("Layer, M, N, K,\na, 0, 2, 3,\n", 2, "M"),
        ("Layer, M, N, K,\na, 1, , 3,\n", 2, "N"),
        ("Layer, M, N, K,\na, -1, 2, 3,\n", 2, "M"),
        (
            "Layer name, IFMAP Height, IFMAP Width\nc, 4, 4, 3, 3, 1, 2,\n",
            2,
            "Strides",
        ),
        (
            "Layer name, IFMAP Height, IFMAP Width\nc, 4, 2, 3, 3, 1, 2, 1,\n",
            2,
            "Filter Width",
        ),
        (
            "Layer name, IFMAP Height, IFMAP Width\nc, 4, 4, 3, 3, 1, 2, 0,\n",
            2,
            "Strides",
        ),
    ] {
        let error = topology_error(text);
        assert_eq!(error.line, Some(line), "{error}");
        assert_eq!(error.column.as_deref(), Some(column), "{error}");
    }
    assert_eq!(topology_error("a, 1, 2, 3,\nb, 1, 2, 3,\n").line, Some(1));
    assert_eq!(topology_error("x, y\nb, 1, 2, 3, 4, 5,\n").line, Some(2));
    assert_eq!(
        topology_error("Layer, M, N, K,\na, 1, 2, 3, 4, 5\n").line,
        Some(2)
    );
}

#[test]
fn configurations_that_cannot_be_read_say_line_and_key() {
    for key in [
        "ArrayHeight",
        "ArrayWidth",
        "IfmapSramSzkB",
        "Dataflow",
        "InterfaceBandwidth",
    ] {
        let text: String = CFG
            .lines()
            .filter(|line| !line.starts_with(key))
            .map(|line| format!("{line}\n"))
            .collect();
        let error = Config::read(&text).unwrap_err();
        assert_eq!(error.column.as_deref(), Some(key), "{error}");
    }
    for (from, to, line, key) in [
        ("ArrayHeight: 8", "ArrayHeight: eight", 4, "ArrayHeight"),
        ("ArrayWidth: 8", "ArrayWidth: 0", 5, "ArrayWidth"),
        ("Dataflow: os", "Dataflow: rs", 9, "Dataflow"),
        ("CALC", "FREE", 12, "InterfaceBandwidth"),
    ] {
        let error = Config::read(&CFG.replace(from, to)).unwrap_err();
        assert_eq!(error.line, Some(line), "{error}");
        assert_eq!(error.column.as_deref(), Some(key), "{error}");
    }
    let user = CFG.replace("CALC", "USER").replace("Bandwidth: 10\n", "");
    assert_eq!(
        Config::read(&user).unwrap_err().column.as_deref(),
        Some("Bandwidth")
    );
    let huge = Config::read(&CFG.replace("ArrayHeight: 8", "ArrayHeight: 99999999")).unwrap();
    let error = run(&huge, &[]).unwrap_err();
    assert_eq!(error.column.as_deref(), Some("ArrayHeight"));
}

#[test]
fn golden_files_that_cannot_be_read_say_line_and_column() {
    let two: String = GOLDEN
        .lines()
        .take(2)
        .map(|line| format!("{line}\n"))
        .collect();
    let compare = |text: &str| compare("golden.csv", text);
    assert_eq!(compare(&two).unwrap().rows, 1);
    assert_eq!(compare(&two.replace('\n', ",\r\n")).unwrap().exact, 1);
    let header = GOLDEN.lines().next().unwrap();
    for (text, place) in [
        (String::new(), "golden.csv:1:1: the file is empty"),
        (header.to_owned(), "golden.csv:1:1: a header and no rows"),
        (
            two.replace("stall_cycles", "stalls"),
            "golden.csv:1:1: there is no column `stall_cycles`",
        ),
        (format!("{two}3.0.0,os,1\n"), "golden.csv:3:1: 3 cells"),
    ] {
        let error = compare(&text).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
    let row = two.lines().nth(1).unwrap();
    for (from, to, message) in [
        ("os,16", "xs,16", "`xs` is not a dataflow"),
        ("os,16", "os,sixteen", "`sixteen` is no array_rows"),
        ("os,16", "os,0", "`0` is no array_rows"),
        (",33,65,", ",33,0,", "`0` is no N"),
        (",22942,", ",99999,", "more stalls than"),
        (",2.861993,", ",abc,", "`abc` is not a percentage"),
        (
            ",4,33,",
            ",none,33,",
            "`none` is no bandwidth_words_per_cycle",
        ),
    ] {
        let wrong = row.replacen(from, to, 1);
        let error = compare(&two.replacen(row, &wrong, 1)).unwrap_err();
        assert_eq!(error.line, 2, "{error}");
        assert!(error.message.starts_with(message), "{error}");
        // The column is that of the cell that was changed.
        let same = row.bytes().zip(wrong.bytes()).take_while(|(a, b)| a == b);
        let cell = wrong[..same.count()].matches(',').count();
        assert_eq!(
            wrong[..error.column - 1].matches(',').count(),
            cell,
            "{error}"
        );
    }
}

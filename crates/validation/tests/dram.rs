//! Against the reference results of DRAMsim3 and Ramulator 2 in `data/dram`.

use std::fs;
use std::path::{Path, PathBuf};

use dram_replicas::config;
use dram_replicas::standalone::check;
use validation::dram::{Golden, Report, ValidateError, compare};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/dram")
}

fn run_folder(folder: &Path) -> Result<Report, ValidateError> {
    compare(&Golden::of_folder(folder)?)
}

#[test]
fn the_results_in_the_program_are_those_of_the_folder() {
    assert_eq!(Golden::shipped(), Golden::of_folder(&folder()).unwrap());
}

#[test]
fn a_row_or_trace_of_any_configuration_that_differs_fails_the_comparison() {
    for run in ["T01", "T10", "T11"] {
        let (folder, _) = some_runs(&format!("differs-{run}"), &[run]);
        let golden = Golden::of_folder(&folder).unwrap();
        assert!(compare(&golden).unwrap().passes());
        let mut row = golden.clone();
        let cycles = row.runs.lines().nth(1).unwrap().to_owned();
        let mut fields: Vec<&str> = cycles.split(',').collect();
        let header: Vec<&str> = row.runs.lines().next().unwrap().split(',').collect();
        let column = header.iter().position(|name| *name == "cycles").unwrap();
        fields[column] = "1";
        row.runs = row.runs.replace(&cycles, &fields.join(","));
        assert!(!compare(&row).unwrap().passes(), "{run}");
        let mut trace = golden;
        trace.traces[0].1 = trace.traces[0].1.replacen(",RD,", ",WR,", 1);
        assert!(!compare(&trace).unwrap().passes(), "{run}");
    }
}

#[test]
fn every_row_and_trace_is_equal() {
    let report = compare(&Golden::shipped()).unwrap();
    assert!(report.passes(), "{report}");
    for row in &report.rows {
        assert!(row.differences.is_empty(), "{row:?}");
    }
    let rows = |prefix| {
        let configs = report.rows.iter().map(|row| &row.config);
        configs.filter(|config| config.starts_with(prefix)).count()
    };
    assert_eq!(
        (rows("d3_"), rows("r2_"), report.traces.len()),
        (170, 159, 11)
    );
}

#[test]
fn the_reference_command_traces_keep_the_protocol() {
    for entry in fs::read_dir(folder().join("cmdtrace")).unwrap() {
        let path = entry.unwrap().path();
        let report = check(&fs::read_to_string(&path).unwrap(), None).unwrap();
        assert!(report.commands > 200);
        assert_eq!(report.violations, [], "{}", path.display());
    }
}

#[test]
fn the_shipped_configurations_are_the_reference_ones() {
    let golden = Golden::shipped();
    assert_eq!(golden.configs().unwrap(), config::shipped());
}

/// A copy of the folder with these runs alone, in an own place.
fn some_runs(name: &str, runs: &[&str]) -> (PathBuf, String) {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(to.join("cmdtrace")).unwrap();
    fs::copy(folder().join("timings.csv"), to.join("timings.csv")).unwrap();
    for entry in fs::read_dir(folder().join("cmdtrace")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if runs.iter().any(|run| name.starts_with(&format!("{run}_"))) {
            let from = folder().join("cmdtrace").join(&name);
            fs::copy(from, to.join("cmdtrace").join(&name)).unwrap();
        }
    }
    let text = fs::read_to_string(folder().join("golden.csv")).unwrap();
    let kept = |line: &&str| {
        let run = line.split(',').next().unwrap_or("");
        run == "run_id" || runs.contains(&run)
    };
    let golden = text.lines().filter(kept).collect::<Vec<_>>().join("\n");
    fs::write(to.join("golden.csv"), &golden).unwrap();
    (to, golden)
}

#[test]
fn a_folder_with_fewer_columns_is_compared_in_those_it_has() {
    let (folder, golden) = some_runs("fewer-columns", &["T01", "T09"]);
    let report = run_folder(&folder).unwrap();
    assert_eq!((report.rows.len(), report.traces.len()), (2, 2));
    assert!(report.passes() && report.missing.is_empty(), "{report}");
    let renamed = golden.replacen("act_cmds", "activates", 1);
    let renamed = renamed.replacen("inject_width", "width", 1);
    fs::write(
        folder.join("golden.csv"),
        renamed.replacen(",300,0,", ",301,0,", 1),
    )
    .unwrap();
    let report = run_folder(&folder).unwrap();
    assert_eq!(report.missing, ["act_cmds"]);
    assert!(!report.passes(), "{report}");
    assert!(
        report.to_string().contains("not compared: act_cmds"),
        "{report}"
    );
}

#[test]
fn what_a_folder_cannot_be_compared_in_is_refused_and_never_passed_over() {
    let (folder, golden) = some_runs("refused", &["T01"]);
    let lines: Vec<&str> = golden.lines().collect();
    let error = |golden: String| {
        fs::write(folder.join("golden.csv"), golden).unwrap();
        run_folder(&folder).unwrap_err().to_string()
    };
    assert_eq!(
        error(golden.replacen("family", "kind", 1)),
        "golden.csv:1:1: there is no column `family`"
    );
    assert_eq!(
        error("run_id,config,family,params,n_req,req_bytes,interval\nT01,x,y,z,1,1,1\n".to_owned()),
        "golden.csv:1:1: there is no column of results"
    );
    assert_eq!(
        error(format!("{golden}\n{}\n", lines[1])),
        "golden.csv:3:1: run `T01` stands there twice"
    );
    assert_eq!(
        error(golden.replacen("d3_ddr4_3200_1ch1rk", "d3_ddr9", 1)),
        "golden.csv:2:39: timings.csv has no configuration `d3_ddr9`"
    );
    assert_eq!(
        error(lines[0].to_owned()),
        "golden.csv:1:1: a header and no runs"
    );
    assert_eq!(
        error(golden.replacen("T01", "T02", 1)),
        "cmdtrace/T01_d3_ddr4_3200_1ch1rk_seq_rd.csv: golden.csv has no run `T01`"
    );
}

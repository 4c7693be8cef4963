//! Against the reference results of DRAMsim3 and Ramulator 2 in `tests/reference/dram`.

use std::fs;
use std::path::PathBuf;

use dram::replica::driver::{RunOptions, run};
use dram::replica::{ReplicaConfig, config};
use dram::request::{Request, generate};
use dram::standalone::check;
use dram::validate::run_folder;
use dram::{preset, validate};
use proptest::prelude::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/dram")
}

#[test]
fn every_required_row_and_trace_is_equal() {
    let wanted = |_: &str, config: &str| validate::required(config);
    let report = run_folder(&folder(), wanted).unwrap();
    assert!(report.passes(), "{report}");
    let ours = |prefix| {
        report
            .rows
            .iter()
            .filter(|row| row.config.starts_with(prefix))
            .count()
    };
    assert_eq!(
        (ours("d3_"), ours("r2_"), report.traces.len()),
        (170, 59, 9)
    );
}

#[test]
fn the_other_rows_move_the_same_bytes_in_nearly_the_same_time() {
    let wanted = |run: &str, config: &str| {
        !validate::required(config) && ["5", "7"].iter().any(|digit| run.ends_with(digit))
    };
    let report = run_folder(&folder(), wanted).unwrap();
    for row in &report.rows {
        for (column, theirs, ours) in &row.differences {
            match column.as_str() {
                "cycles" => {
                    let (theirs, ours): (f64, f64) =
                        (theirs.parse().unwrap(), ours.parse().unwrap());
                    assert!((ours / theirs - 1.0).abs() < 0.35, "{row:?}");
                }
                "n_reads" | "n_writes" | "rd_cmds" | "wr_cmds" | "trace_sha" => {
                    panic!("{column} must be equal: {row:?}");
                }
                _ => {}
            }
        }
    }
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
    let reference = fs::read_to_string(folder().join("timings.csv")).unwrap();
    assert_eq!(config::parse(&reference).unwrap(), config::shipped());
}

#[test]
fn the_shipped_presets_have_the_numbers_of_the_reference_table() {
    let text = fs::read_to_string(folder().join("presets.csv")).unwrap();
    let text: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with('#'))
        .collect();
    let numbers = preset::numbers();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let header = rows.headers().unwrap().clone();
    let mut compared = 0;
    for row in rows.records() {
        let row = row.unwrap();
        for (column, value) in header.iter().zip(&row) {
            let (column, value) = match column {
                "tCK_ns" => (
                    "tCK_fs",
                    format!("{:.0}", value.parse::<f64>().unwrap() * 1e6),
                ),
                "tREFI" => ("tREFI", value.trim_end_matches(".0").to_owned()),
                "ranks" => continue,
                column => (column, value.to_owned()),
            };
            let ours = numbers
                .iter()
                .find(|n| n.preset == row[0] && n.parameter == column);
            if let Some(ours) = ours
                && !value.is_empty()
            {
                assert_eq!(ours.value, value, "{} {column}", &row[0]);
                compared += 1;
            }
        }
    }
    assert!(compared > 450, "{compared} numbers compared");
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let family = prop_oneof![
        Just(("seq_rd", "base=0".to_owned())),
        (1u64..9).prop_map(|seed| ("rand_rd", format!("seed={seed};span=65536"))),
        // Writes to bursts that are being read can hold DRAMsim3's policy up for ever (its drain
        // begins and ends again each tick), so small spans are read only.
        (1u64..9).prop_map(|seed| ("rand_rd", format!("seed={seed};span=8192"))),
        (1u64..9).prop_map(|seed| ("mix_2r1w", format!("seed={seed};span=1073741824"))),
        Just(("two_rdwr", "base=0;offset=16785408".to_owned())),
        Just((
            "tile_rdwr",
            "base=0;rows=8;width=256;pitch=4096;offset=268435456".to_owned()
        )),
    ];
    (
        family,
        1u64..500,
        prop_oneof![Just(0u64), 1u64..70, Just(900)],
    )
        .prop_map(|((family, parameters), count, interval)| {
            generate(family, count, 64, interval, &parameters).unwrap()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_replica_that_jumps_gives_the_same_commands_as_one_that_ticks(
        name in prop::sample::select(config::shipped().into_keys().collect::<Vec<_>>()),
        requests in requests(),
    ) {
        let config = ReplicaConfig::named(&name).unwrap();
        let options = |plain| RunOptions { record: true, plain, ..RunOptions::default() };
        let jumps = run(&config, requests.iter().copied(), options(false)).unwrap();
        let ticks = run(&config, requests.iter().copied(), options(true)).unwrap();
        prop_assert_eq!(&jumps.commands, &ticks.commands);
        prop_assert_eq!(jumps.cycles, ticks.cycles);
        prop_assert_eq!(&jumps.channels, &ticks.channels);
    }
}

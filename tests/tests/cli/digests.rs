//! A matrix of runs, each with the cycles and the digest of its result that stand in
//! `tests/digests.csv`: whatever changes what a run does or says shows there, and a commit that
//! changes it says why.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{Folder, root};

/// The number of hexadecimal digits of a SHA-256 digest that the table keeps.
const DIGITS: usize = 16;

/// A run of the matrix, and what is known of its result.
struct Row {
    machine: String,
    workload: String,
    /// Changes to fields of either file, divided by ` ; `; empty for none.
    set: String,
    cycles: String,
    digest: String,
}

fn table() -> PathBuf {
    root().join("tests/digests.csv")
}

fn rows() -> Vec<Row> {
    let mut reader = csv::Reader::from_path(table()).expect("the table is there");
    let rows = reader.records().map(|record| {
        let record = record.expect("a row has five columns");
        let field = |index: usize| record[index].to_owned();
        Row {
            machine: field(0),
            workload: field(1),
            set: field(2),
            cycles: field(3),
            digest: field(4),
        }
    });
    rows.collect()
}

/// Runs a row and returns what it yields: cycles and digest of the JSON result.
fn run(row: &Row) -> (String, String) {
    let folder = Folder::new();
    let mut arguments = vec!["simulate", "--quiet", "--json", "run.json"];
    arguments.extend(["--hw", &row.machine, "--workload", &row.workload]);
    for change in row.set.split(" ; ").filter(|change| !change.is_empty()) {
        arguments.extend(["--set", change]);
    }
    folder.run(&arguments).ok();
    let text = folder.read("run.json");
    let facts: Value = serde_json::from_str(&text).expect("the result is JSON");
    let mut digest = String::new();
    for byte in Sha256::digest(&text) {
        write!(digest, "{byte:02x}").expect("a string takes all");
    }
    digest.truncate(DIGITS);
    (cycles(&facts), digest)
}

/// The cycles of a run; of a list of kernels, those of all kernels.
fn cycles(facts: &Value) -> String {
    let kernels = facts["kernels"].as_array();
    let of_kernels = || {
        kernels?
            .iter()
            .map(|kernel| kernel["cycles"].as_u64())
            .sum()
    };
    let all = facts["total_cycles"].as_u64().or_else(of_kernels);
    all.map_or_else(|| "-".to_owned(), |cycles| cycles.to_string())
}

/// What all rows yield, in their order; as many at once as the host has processors.
fn run_all(rows: &[Row]) -> Vec<(String, String)> {
    let next = AtomicUsize::new(0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut done = Vec::new();
        while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed))
            && let Some(row) = rows.get(index)
        {
            done.push((index, run(row)));
        }
        done
    };
    let mut results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.flat_map(|done| done.expect("no run fails")).collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn bless(rows: &[Row], results: &[(String, String)]) {
    let mut writer = csv::Writer::from_path(table()).expect("the table can be written");
    let header = ["machine", "workload", "set", "cycles", "digest"];
    writer.write_record(header).expect("a row is written");
    for (row, (cycles, digest)) in rows.iter().zip(results) {
        let record = [&row.machine, &row.workload, &row.set, cycles, digest];
        writer.write_record(record).expect("a row is written");
    }
    writer.flush().expect("the table is written");
}

/// `BLESS=1` writes the table anew.
#[test]
fn every_run_gives_the_result_it_gave() {
    let rows = rows();
    let results = run_all(&rows);
    if std::env::var_os("BLESS").is_some() {
        bless(&rows, &results);
        return;
    }
    let mut changed = String::new();
    for (row, (cycles, digest)) in rows.iter().zip(&results) {
        if row.cycles != *cycles || row.digest != *digest {
            let Row {
                machine,
                workload,
                set,
                ..
            } = row;
            let _ = writeln!(
                changed,
                "{machine} {workload} {set}: {} cycles, {} -> {cycles} cycles, {digest}",
                row.cycles, row.digest
            );
        }
    }
    assert!(
        changed.is_empty(),
        "results changed; if they are meant to, write tests/digests.csv anew with BLESS=1:\n{changed}"
    );
}

//! Runs against golden results, and says where they differ.
//!
//! Such results are `golden.csv` (a row a run), `timings.csv` (the parameters of each configuration)
//! and `cmdtrace/` (whole command traces of some runs); those that the project ships are part of the
//! program. Each run's requests are generated again, and every column that a policy determines is
//! compared.

mod shipped;

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use crate::command::{Command, Issued};
use crate::command_trace;
use crate::replica::config::{self, ReplicaConfig};
use crate::replica::driver::{ChannelStatistics, RunOptions, RunStatistics, run};
use crate::request::{generate, trace_text};

/// Why a folder cannot be compared with.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {message}")]
pub struct ValidateError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub message: String,
}

/// A run compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowReport {
    /// The run.
    pub run: String,
    /// Its configuration.
    pub config: String,
    /// Its requests.
    pub family: String,
    /// Columns that differ: name, theirs, ours.
    pub differences: Vec<(String, String, String)>,
}

/// A command trace compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceReport {
    /// The file.
    pub file: String,
    /// Its commands.
    pub commands: usize,
    /// The first that differs: its number from 1, theirs, ours.
    pub first_difference: Option<(usize, String, String)>,
}

/// A folder compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Every row.
    pub rows: Vec<RowReport>,
    /// Every trace.
    pub traces: Vec<TraceReport>,
    /// Columns of results that golden.csv lacks: nothing of them is compared.
    pub missing: Vec<&'static str>,
}

impl Report {
    /// Whether every row and trace is equal.
    #[must_use]
    pub fn passes(&self) -> bool {
        let row = |row: &RowReport| row.differences.is_empty();
        let trace = |trace: &TraceReport| trace.first_difference.is_none();
        self.rows.iter().all(row) && self.traces.iter().all(trace)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.rows.iter().filter(|row| !row.differences.is_empty()) {
            write!(f, "{} {} {}: DIFFERS:", row.run, row.config, row.family)?;
            for (column, theirs, ours) in &row.differences {
                write!(f, " {column} {theirs} -> {ours};")?;
            }
            writeln!(f)?;
        }
        for trace in &self.traces {
            if let Some((number, theirs, ours)) = &trace.first_difference {
                writeln!(
                    f,
                    "{}: command {number} DIFFERS: theirs `{theirs}`, ours `{ours}`",
                    trace.file
                )?;
            }
        }
        let equal = self
            .rows
            .iter()
            .filter(|row| row.differences.is_empty())
            .count();
        let identical = self
            .traces
            .iter()
            .filter(|trace| trace.first_difference.is_none())
            .count();
        if !self.missing.is_empty() {
            writeln!(
                f,
                "not in golden.csv, so not compared: {}",
                self.missing.join(", ")
            )?;
        }
        write!(
            f,
            "{equal} of {} rows exact, {identical} of {} command traces identical",
            self.rows.len(),
            self.traces.len()
        )
    }
}

/// The texts that runs are compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Golden {
    /// A row a run (`golden.csv`).
    pub runs: String,
    /// The parameters of each configuration (`timings.csv`).
    pub timings: String,
    /// Whole command traces: file name, beginning with the run's, and text (`cmdtrace/`).
    pub traces: Vec<(String, String)>,
}

impl Golden {
    /// The results that the project ships: those of `tests/reference/dram`.
    #[must_use]
    pub fn shipped() -> Self {
        let trace = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Self {
            runs: shipped::RUNS.to_owned(),
            timings: shipped::TIMINGS.to_owned(),
            traces: shipped::TRACES.iter().map(trace).collect(),
        }
    }

    /// Reads a folder of the same form.
    ///
    /// # Errors
    /// If a file is missing or cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, ValidateError> {
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|error| ValidateError {
                file: path.display().to_string(),
                message: error.to_string(),
            })
        };
        Ok(Self {
            timings: read(&folder.join("timings.csv"))?,
            runs: read(&folder.join("golden.csv"))?,
            traces: read_traces(&folder.join("cmdtrace"))?,
        })
    }
}

/// Compares all that a set of results holds.
///
/// # Errors
/// If a text is not of the form.
pub fn compare(golden: &Golden) -> Result<Report, ValidateError> {
    compare_some(golden, |_, _| true)
}

/// Compares some runs: `wanted` chooses rows by run and configuration.
///
/// # Errors
/// If a text is not of the form.
pub fn compare_some(
    golden: &Golden,
    wanted: impl Fn(&str, &str) -> bool,
) -> Result<Report, ValidateError> {
    let configs = config::parse(&golden.timings).map_err(|error| ValidateError {
        file: "timings.csv".to_owned(),
        message: error.to_string(),
    })?;
    let mut traces = traces_by_run(&golden.traces);
    let mut reader = csv::Reader::from_reader(golden.runs.as_bytes());
    let mut report = Report {
        missing: missing_columns(&mut reader)?,
        ..Report::default()
    };
    let mut runs = BTreeSet::new();
    for row in reader.deserialize::<BTreeMap<String, String>>() {
        let line = runs.len() + 2;
        let error = |message: String| ValidateError {
            file: format!("golden.csv, line {line}"),
            message,
        };
        let row = Row(row.map_err(|e| error(e.to_string()))?);
        let run = row.text("run_id");
        if !runs.insert(run.to_owned()) {
            return Err(error(format!("run `{run}` stands there twice")));
        }
        let trace = traces.remove(run);
        if !wanted(run, row.text("config")) {
            continue;
        }
        let (result, commands) =
            compare_row(&row, &configs, &report.missing, trace.is_some()).map_err(error)?;
        for (file, text) in trace.into_iter().flatten() {
            report.traces.push(compare_trace(file, text, &commands));
        }
        report.rows.push(result);
    }
    if let Some((run, files)) = traces.first_key_value() {
        return Err(ValidateError {
            file: format!("cmdtrace/{}", files[0].0),
            message: format!("golden.csv has no run `{run}`"),
        });
    }
    Ok(report)
}

/// The columns that say what to run.
const ASKED: [&str; 7] = [
    "run_id",
    "config",
    "family",
    "params",
    "n_req",
    "req_bytes",
    "interval",
];

/// The columns of results that a golden.csv lacks.
fn missing_columns(reader: &mut csv::Reader<&[u8]>) -> Result<Vec<&'static str>, ValidateError> {
    let error = |message: String| ValidateError {
        file: "golden.csv, line 1".to_owned(),
        message,
    };
    let headers = reader.headers().map_err(|e| error(e.to_string()))?;
    let has = |column: &str| headers.iter().any(|header| header == column);
    if let Some(column) = ASKED.into_iter().find(|column| !has(column)) {
        return Err(error(format!("the column {column} is missing")));
    }
    let missing: Vec<_> = RESULTS.into_iter().filter(|column| !has(column)).collect();
    if missing.len() == RESULTS.len() {
        return Err(error("there is no column of results".to_owned()));
    }
    Ok(missing)
}

/// The command traces of a run, one a channel: file name and text.
type Traces<'a> = Vec<(&'a str, &'a str)>;

fn traces_by_run(traces: &[(String, String)]) -> BTreeMap<&str, Traces<'_>> {
    let mut by_run = BTreeMap::<&str, Traces<'_>>::new();
    for (name, text) in traces {
        if let Some((run, _)) = name.split_once('_') {
            by_run.entry(run).or_default().push((name, text));
        }
    }
    by_run
}

/// All files of a folder of command traces, in the order of their names; none if there is no such
/// folder.
fn read_traces(folder: &Path) -> Result<Vec<(String, String)>, ValidateError> {
    let error = |error: std::io::Error| ValidateError {
        file: folder.display().to_string(),
        message: error.to_string(),
    };
    let mut traces = Vec::new();
    if !folder.exists() {
        return Ok(traces);
    }
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(entry.path()).map_err(error)?;
        traces.push((name, text));
    }
    traces.sort();
    Ok(traces)
}

/// A row of golden.csv, by column.
struct Row(BTreeMap<String, String>);

impl Row {
    fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    fn number(&self, column: &str) -> Result<u64, String> {
        let text = self.text(column);
        text.parse()
            .map_err(|_| format!("`{text}` in column {column} is no whole number"))
    }

    /// A number that may be missing: the simulator's own then.
    fn number_or_zero(&self, column: &str) -> Result<u64, String> {
        if self.text(column).is_empty() {
            Ok(0)
        } else {
            self.number(column)
        }
    }
}

/// Every column of results, as [`columns`] and the digest of the requests have them.
const RESULTS: [&str; 22] = [
    "n_reads",
    "n_writes",
    "cycles",
    "last_read_done",
    "last_write_cmd",
    "last_accept",
    "avg_read_latency",
    "max_read_latency",
    "rd_cmds",
    "wr_cmds",
    "act_cmds",
    "pre_cmds",
    "preab_cmds",
    "ref_cmds",
    "row_hits",
    "row_misses",
    "reads_forwarded",
    "writes_not_issued",
    "bandwidth_gbps",
    "bus_util",
    "max_ch_share",
    "trace_sha",
];

fn compare_row(
    row: &Row,
    configs: &BTreeMap<String, ReplicaConfig>,
    missing: &[&str],
    record: bool,
) -> Result<(RowReport, Vec<Vec<Issued>>), String> {
    let name = row.text("config");
    let config = configs
        .get(name)
        .ok_or_else(|| format!("timings.csv has no configuration `{name}`"))?;
    let requests = generate(
        row.text("family"),
        row.number("n_req")?,
        row.number("req_bytes")?,
        row.number("interval")?,
        row.text("params"),
    )
    .map_err(|error| error.to_string())?;
    let sha = format!("{:x}", Sha256::digest(trace_text(&requests)));
    let options = RunOptions {
        record,
        plain: false,
        inject_width: row.number_or_zero("inject_width")?,
        channels: row.number_or_zero("channels")?,
    };
    let result = run(config, requests, options).map_err(|error| error.to_string())?;
    let mut differences = Vec::new();
    let ours = columns(&result);
    let trace_sha = [("trace_sha", sha[..16].to_owned())];
    let compared = ours.into_iter().chain(trace_sha);
    for (column, ours) in compared.filter(|(column, _)| !missing.contains(column)) {
        let theirs = row.text(column);
        if theirs != ours {
            differences.push((column.to_owned(), theirs.to_owned(), ours));
        }
    }
    let report = RowReport {
        run: row.text("run_id").to_owned(),
        config: name.to_owned(),
        family: row.text("family").to_owned(),
        differences,
    };
    Ok((report, result.commands))
}

/// Every column of golden.csv that a run determines, as the file prints it.
#[must_use]
pub fn columns(result: &RunStatistics) -> Vec<(&'static str, String)> {
    let sum = |of: fn(&ChannelStatistics) -> u64| result.sum(of);
    let count = |command: Command| result.sum(|channel| channel.count(command)).to_string();
    let optional = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
    let last =
        |of: fn(&ChannelStatistics) -> Option<u64>| result.channels.iter().filter_map(of).max();
    let (reads, writes) = (
        sum(ChannelStatistics::reads),
        sum(ChannelStatistics::writes),
    );
    let misses = sum(|c| c.row_misses);
    let read_any = result.mean_read_latency();
    let max_latency = result.channels.iter().map(|c| c.latency_max).max();
    vec![
        ("n_reads", result.reads.to_string()),
        ("n_writes", result.writes.to_string()),
        ("cycles", result.cycles.to_string()),
        ("last_read_done", optional(last(|c| c.last_read_done))),
        ("last_write_cmd", optional(last(|c| c.last_write_command))),
        ("last_accept", result.last_accept.to_string()),
        (
            "avg_read_latency",
            read_any.map_or(String::new(), |mean| format!("{mean:.3}")),
        ),
        (
            "max_read_latency",
            read_any.map_or(String::new(), |_| optional(max_latency)),
        ),
        ("rd_cmds", reads.to_string()),
        ("wr_cmds", writes.to_string()),
        ("act_cmds", count(Command::Activate)),
        ("pre_cmds", count(Command::Precharge)),
        ("preab_cmds", count(Command::PrechargeAll)),
        ("ref_cmds", count(Command::RefreshAll)),
        ("row_hits", (reads + writes - misses).to_string()),
        ("row_misses", misses.to_string()),
        ("reads_forwarded", (result.reads - reads).to_string()),
        ("writes_not_issued", (result.writes - writes).to_string()),
        ("bandwidth_gbps", format!("{:.4}", result.bandwidth_gbps())),
        ("bus_util", format!("{:.4}", result.bus_utilisation())),
        ("max_ch_share", format!("{:.4}", result.busiest_share())),
    ]
}

/// The channel that a trace names in its first lines, `# ... channel=3 ...`; else the first.
fn channel_of_trace(text: &str) -> usize {
    let mut comments = text.lines().take_while(|line| line.starts_with('#'));
    comments
        .find_map(|line| {
            let mut words = line.split_whitespace();
            words.find_map(|word| word.strip_prefix("channel=")?.parse().ok())
        })
        .unwrap_or(0)
}

fn compare_trace(file: &str, text: &str, ours: &[Vec<Issued>]) -> TraceReport {
    let style = command_trace::Style::of(text);
    let theirs: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("clk"))
        .collect();
    let ours = ours
        .get(channel_of_trace(text))
        .map_or(&[][..], Vec::as_slice);
    let ours: Vec<String> = ours.iter().map(|issued| style.line(issued)).collect();
    let at = |lines: &[&str], index: usize| {
        lines
            .get(index)
            .map_or("(nothing)".to_owned(), |line| (*line).to_owned())
    };
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let first = (0..theirs.len().max(ours.len())).find(|&i| theirs.get(i) != ours.get(i));
    TraceReport {
        file: file.to_owned(),
        commands: theirs.len(),
        first_difference: first.map(|i| (i + 1, at(&theirs, i), at(&ours, i))),
    }
}

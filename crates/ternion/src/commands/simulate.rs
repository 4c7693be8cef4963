//! `ternion simulate`

use std::io::Write;
use std::path::{Path, PathBuf};

use chrome_trace::{DEFAULT_EVENT_BUDGET, Encoding, TraceOptions, TraceSummary, TraceWriter};
use quantities::{Cycle, grouped};
use report::Style;
use simulator::{Chips, RunRecord};

use crate::commands::{kernels, scalesim};
use crate::console::Console;
use crate::failure::Failure;
use crate::job::{self, Job};
use crate::load;
use crate::output::{self, OutputFile, Written, tell};
use crate::progress::Bar;

/// Run a workload on a machine and tell where the cycles went
///
/// Without --hw and --workload: a ternary model's decode step on the edge machine with two arrays,
/// and, if nothing is changed either, its trace under traces/. A workload may be a list of kernels:
/// each is run by itself, and the report tells of each.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion simulate
  ternion simulate --hw cloud-hybrid --set 'workload.run=Prefill(tokens: 64)'
  ternion machines edge-hybrid > mine.ron && ternion simulate --hw mine.ron \\
      --workload gpt2-124m-prefill --set 'hw.arrays[0].rows=16' \\
      --trace run.json.gz --json run.json

--set reaches any field of either file: hw.FIELD or workload.FIELD, the value written as in the
files; in quotes, for shells have a use of their own for ( and [. It may be given more than once;
later ones win.")]
pub(crate) struct Args {
    /// Machine: a RON file, or the name of a shipped one (ternion machines), or `-`:
    /// stdin [default: edge-hybrid]
    #[arg(long, value_name = "FILE")]
    pub(super) hw: Option<String>,
    /// Workload: a RON file, or the name of a shipped one (ternion workloads), or
    /// `-`: stdin [default: bitnet-b1.58-2b-4t-decode]
    #[arg(long, value_name = "FILE")]
    workload: Option<String>,
    /// Run SCALE-Sim's own files instead, and print the columns of its report beside ours
    #[arg(
        long,
        value_name = "X.cfg",
        requires = "scalesim_topology",
        conflicts_with_all = ["hw", "workload", "set", "trace", "json"]
    )]
    scalesim_config: Option<PathBuf>,
    /// The layers to run: GEMMs or convolutions
    #[arg(long, value_name = "Y.csv", requires = "scalesim_config")]
    scalesim_topology: Option<PathBuf>,
    /// Change a field of either file
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
    /// Write a trace for Perfetto or chrome://tracing; compressed if the name ends in .gz, `-`:
    /// to stdout. Not of a list of kernels
    #[arg(long, value_name = "FILE[.gz]")]
    pub(super) trace: Option<PathBuf>,
    /// Record only these cycles in the trace
    #[arg(long, value_name = "FROM..TO", value_parser = window, requires = "trace")]
    trace_window: Option<(u64, u64)>,
    /// Events that the trace may hold; if they do not suffice, details are left out evenly over the
    /// run
    #[arg(
        long,
        value_name = "EVENTS",
        default_value_t = DEFAULT_EVENT_BUDGET,
        requires = "trace"
    )]
    trace_budget: u64,
    /// Write the simulated facts as JSON; equal runs write equal bytes; `-`: to stdout, and the
    /// report to stderr
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Simulate every chip, also those that do the same in the same cycles
    #[arg(long)]
    every_chip: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Give up past this cycle of the machine's clock (exit code 3)
    #[arg(long, value_name = "CYCLES")]
    pub(super) max_cycles: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if let (Some(config), Some(topology)) = (&args.scalesim_config, &args.scalesim_topology) {
        return scalesim::run(config, topology);
    }
    job::refuse_stdin_twice(args.hw.as_deref(), args.workload.as_deref())?;
    let workload = job::workload_document(args.workload.as_deref())?;
    if load::lists_kernels(&workload) {
        return kernels::run(args, workload);
    }
    let job = Job::load(args.hw.as_deref(), workload, &args.set, args.chips())?;
    let trace_path = trace_path(args, &job);
    let wanted = [
        ("--json", args.json.as_deref()),
        ("--trace", trace_path.as_deref()),
    ];
    let [json, trace] = output::open(wanted)?;
    let outputs = Outputs {
        console: output::report_beside(&[&json, &trace]),
        json,
        quiet: args.quiet,
    };
    let (record, traced) = watched(job, args, trace_path.zip(trace))?;
    outputs.write(&record, traced)
}

impl Args {
    fn chips(&self) -> Chips {
        if self.every_chip {
            Chips::Every
        } else {
            Chips::OneOfEqual
        }
    }
}

/// The trace in its place, or why it is not there; `None` if none was asked for.
type Traced = Option<Result<Written, Failure>>;

/// What is written when the run is over.
struct Outputs {
    json: Option<OutputFile>,
    console: Console,
    quiet: bool,
}

impl Outputs {
    /// Writes the JSON document and the report, and says last where everything went. An output that
    /// cannot be written does not take the others with it.
    fn write(mut self, run: &RunRecord, traced: Traced) -> Result<(), Failure> {
        let json = self.json.map(|mut file| {
            file.write_all(report::to_json(run).as_bytes())?;
            file.finish()
        });
        if !self.quiet {
            let style = if self.console.takes_colour() {
                Style::Terminal
            } else {
                Style::Plain
            };
            let text = report::to_text(run, style);
            self.console.write_all(text.as_bytes())?;
        }
        let outputs: Vec<_> = [traced, json].into_iter().flatten().collect();
        if !self.quiet {
            tell(&mut self.console, outputs.iter().flatten())?;
        }
        outputs
            .into_iter()
            .try_for_each(|output| output.map(|_| ()))
    }
}

impl Job {
    fn trace_options(&self, args: &Args, path: &Path) -> TraceOptions {
        let clock = self.spec.value.clock;
        let rate = self.compiled.machine().memory().peak_bytes_per_second();
        TraceOptions {
            memory_bytes_per_second: rate.map(|rate| rate as u64),
            event_budget: args.trace_budget,
            instructions: self.count_instructions(args.chips()),
            window: args.trace_window.map(|(from, to)| (Cycle(from), Cycle(to))),
            encoding: match path.extension() {
                Some(ending) if ending == "gz" => Encoding::Gzip,
                _ => Encoding::Plain,
            },
            ..TraceOptions::new(&self.spec.value.name, &self.workload.name(), clock)
        }
    }
}

/// Runs, and writes the trace if there is to be one.
fn watched(
    job: Job,
    args: &Args,
    trace: Option<(PathBuf, OutputFile)>,
) -> Result<(RunRecord, Traced), Failure> {
    let writer = trace.map(|(path, file)| {
        let options = job.trace_options(args, &path);
        TraceWriter::new(file, job.compiled.machine().platform(), &options)
    });
    let bar = if args.quiet {
        Bar::hidden()
    } else {
        Bar::new()
    };
    let mut listener = |progress| bar.update(progress);
    let mut compiled = job.compiled.progress(&mut listener);
    if let Some(limit) = args.max_cycles {
        compiled = compiled.cycle_limit(Cycle(limit));
    }
    let Some(mut writer) = writer else {
        let record = compiled.run();
        bar.finish();
        return Ok((record?, None));
    };
    let record = compiled.observe(&mut writer).run();
    bar.finish();
    let record = record?;
    let traced = writer
        .finish()
        .map_err(Failure::from)
        .and_then(|(file, summary)| {
            let mut written = file.finish()?;
            tell_of_trace(&mut written, &summary, args.trace_budget);
            Ok(written)
        });
    Ok((record, Some(traced)))
}

/// Says what a trace holds, and what of the run it left out.
fn tell_of_trace(written: &mut Written, summary: &TraceSummary, budget: u64) {
    written.note(summary.to_string());
    if summary.slices == 0 {
        written.note("no part of the run lies in --trace-window".into());
    }
    if !summary.left_out.is_nothing() {
        let budget = grouped(budget);
        written.note(format!(
            "within --trace-budget {budget}; --trace-window FROM..TO records a part in full"
        ));
    }
}

/// Where the trace goes: where the user says; the run of nothing but defaults shows one under
/// traces/. A changed run writes none by itself, for it would take the place of that one.
fn trace_path(args: &Args, job: &Job) -> Option<PathBuf> {
    let is_default = args.hw.is_none() && args.workload.is_none() && args.set.is_empty();
    if args.trace.is_some() || !is_default {
        return args.trace.clone();
    }
    let folder = Path::new("traces");
    // If it cannot be made, opening the trace says so.
    let _ = std::fs::create_dir_all(folder);
    Some(folder.join(format!(
        "{}--{}.json.gz",
        job.spec.name(),
        job.workload.name()
    )))
}

fn window(text: &str) -> Result<(u64, u64), String> {
    let form = "write FROM..TO, two cycle numbers";
    let (from, to) = text.split_once("..").ok_or(form)?;
    let number = |text: &str| {
        text.trim()
            .replace('_', "")
            .parse::<u64>()
            .map_err(|_| form)
    };
    match (number(from)?, number(to)?) {
        (from, to) if from < to => Ok((from, to)),
        (from, to) => Err(format!("{from}..{to} is empty")),
    }
}

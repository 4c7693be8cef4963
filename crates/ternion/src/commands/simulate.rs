//! `ternion simulate`

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use accelerator::{Outcome, RunOptions};
use attribution::{Ledger, Summary};
use chrome_trace::{DEFAULT_EVENT_BUDGET, TraceOptions, TraceSummary, TraceWriter};
use config::ConfigError;
use energy::{Counter, Counts};
use event_kernel::Cycle;
use explore::{Gemms, price};
use report::{EnergyFacts, Style};
use tile_program::Observer;

use crate::commands::{kernels, scalesim};
use crate::facts::facts;
use crate::failure::Failure;
use crate::job::Job;
use crate::load;
use crate::output::OutputFile;
use crate::progress::Bar;

/// Run a workload on a machine and tell where the cycles went
///
/// Without --hw and --workload: a ternary model's decode step on the edge machine with two arrays,
/// its trace written under traces/. A workload may be a list of kernels: each is run by itself, and
/// the report tells of each.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion simulate
  ternion simulate --hw cloud-hybrid --set 'workload.run=Prefill(tokens: 512)'
  ternion simulate --hw mine.ron --set hw.arrays[0].rows=128 --trace run.json.gz --json run.json

--set reaches any field of either file: hw.FIELD or workload.FIELD, the value written as in the
files. It may be given more than once; later ones win.")]
pub(crate) struct Args {
    /// Machine: a RON file, or the name of a shipped one (ternion machines) [default: edge-hybrid]
    #[arg(long, value_name = "FILE")]
    pub(super) hw: Option<String>,
    /// Workload: a RON file, or the name of a shipped one (ternion workloads) [default:
    /// bitnet-b1.58-2b-4t-decode]
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
    /// Write a trace for Perfetto or chrome://tracing; compressed if the name ends in .gz. Not of a
    /// list of kernels
    #[arg(long, value_name = "FILE[.gz]")]
    pub(super) trace: Option<PathBuf>,
    /// Record only these cycles in the trace
    #[arg(long, value_name = "FROM..TO", value_parser = window)]
    trace_window: Option<(u64, u64)>,
    /// Events that the trace may hold; if they do not suffice, details are left out evenly over the run
    #[arg(long, value_name = "EVENTS", default_value_t = DEFAULT_EVENT_BUDGET)]
    trace_budget: u64,
    /// Write the simulated facts as JSON; equal runs write equal bytes
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
    let is_default_run = args.hw.is_none() && args.workload.is_none();
    if args.trace_window.is_some() && args.trace.is_none() && !is_default_run {
        let error = ConfigError::new("--trace-window without --trace: no trace is written");
        return Err(error.help("name its file with --trace FILE").into());
    }
    if let Some(workload) = &args.workload
        && load::lists_kernels(workload)?
    {
        return kernels::run(args, workload);
    }
    let mut job = Job::load(
        args.hw.as_deref(),
        args.workload.as_deref(),
        &args.set,
        args.every_chip,
    )?;
    if args.json.is_some() && args.json == args.trace {
        let error = ConfigError::new("--json and --trace name the same file");
        return Err(error.help("give each its own").into());
    }
    // Outputs are opened first: a run of an hour should not end in a mistyped folder.
    let trace = trace_path(args, &job)
        .map(|path| OutputFile::create(&path).map(|file| (path, file)))
        .transpose()?;
    let json = args.json.as_deref().map(OutputFile::create).transpose()?;
    let ledger = (Ledger::new(job.machine.platform()), Gemms::default());
    if job.priced.is_none() {
        let (outcome, (ledger, gemms)) = job.watched(args, trace, ledger)?;
        return job.report(&outcome, ledger.summary(), gemms, None, json, args.quiet);
    }
    let counter = Counter::new(job.machine.platform());
    let (outcome, ((ledger, gemms), counter)) = job.watched(args, trace, (ledger, counter))?;
    let counts = Some(counter.counts());
    job.report(&outcome, ledger.summary(), gemms, counts, json, args.quiet)
}

impl Job {
    fn trace_options(&self, args: &Args, path: &Path) -> TraceOptions {
        let clock = self.spec.value.clock;
        let rate = self.machine.memory().peak_bytes_per_second();
        TraceOptions {
            memory_bytes_per_second: rate.map(|rate| rate as u64),
            event_budget: args.trace_budget,
            instructions: self.count_instructions(args.every_chip),
            window: args.trace_window.map(|(from, to)| (Cycle(from), Cycle(to))),
            gzip: path.extension().is_some_and(|ending| ending == "gz"),
            ..TraceOptions::new(&self.spec.value.name, &self.workload.name(), clock)
        }
    }

    /// Runs, and writes the trace if there is to be one.
    fn watched<O: Observer>(
        &mut self,
        args: &Args,
        trace: Option<(PathBuf, OutputFile)>,
        observer: O,
    ) -> Result<(Outcome, O), Failure> {
        let Some((path, file)) = trace else {
            return self.run(args, observer);
        };
        let options = self.trace_options(args, &path);
        let writer = TraceWriter::new(file, self.machine.platform(), &options);
        let (outcome, (observer, trace)) = self.run(args, (observer, writer))?;
        let (file, summary) = trace.finish()?;
        file.finish()?;
        self.trace = Some(told(&path, &summary, args.trace_budget));
        Ok((outcome, observer))
    }

    fn run<O: Observer>(&mut self, args: &Args, observer: O) -> Result<(Outcome, O), Failure> {
        let bar = Bar::new(args.quiet);
        let options = RunOptions {
            cycle_limit: args.max_cycles.map(Cycle),
            progress: &mut |progress| bar.update(progress),
        };
        let ran = self.machine.run(&mut self.program, observer, options);
        bar.finish();
        Ok(ran?)
    }

    /// Writes the JSON document, then says on stdout what there is to say.
    fn report(
        &self,
        outcome: &Outcome,
        summary: Summary,
        gemms: Gemms,
        counts: Option<&[Counts]>,
        json: Option<OutputFile>,
        quiet: bool,
    ) -> Result<(), Failure> {
        let name = self.workload.name();
        let energy = self
            .priced
            .as_ref()
            .zip(counts)
            .map(|(priced, counts)| EnergyFacts {
                technology: priced[0].technology().name.clone(),
                node_nm: priced[0].technology().node_nm,
                areas: price::areas(priced, &self.machine),
                account: price::account(priced, &self.machine, counts, outcome, &summary),
            });
        let run = facts(
            &self.machine,
            name,
            &self.program,
            outcome,
            summary,
            gemms.0,
            energy,
        );
        if let Some(mut file) = json {
            file.write_all(report::to_json(&run).as_bytes())?;
            file.finish()?;
        }
        if !quiet {
            let mut out = std::io::stdout().lock();
            let style = if out.is_terminal() && std::env::var_os("NO_COLOR").is_none() {
                Style::Terminal
            } else {
                Style::Plain
            };
            out.write_all(report::to_text(&run, style).as_bytes())?;
            if let Some(trace) = &self.trace {
                write!(out, "\n{trace}")?;
            }
        }
        Ok(())
    }
}

/// What there is to say of a trace that is written: where it is, what it holds and what it left out.
fn told(path: &Path, summary: &TraceSummary, budget: u64) -> String {
    let mut text = format!("Trace\n  {}: {summary}\n", path.display());
    if summary.slices == 0 {
        text += "  no part of the run lies in --trace-window\n";
    }
    if !summary.left_out.is_nothing() {
        text += &format!(
            "  within --trace-budget {budget}; --trace-window FROM..TO records a part in full\n"
        );
    }
    text
}

/// Where the trace goes: where the user says; the run of nothing but defaults shows one under
/// traces/.
fn trace_path(args: &Args, job: &Job) -> Option<PathBuf> {
    if args.trace.is_some() || args.hw.is_some() || args.workload.is_some() {
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

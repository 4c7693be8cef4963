//! `ternion dram`: a memory on its own.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use config::ConfigError;
use dram::{DramConfig, Memory};
use dram_replicas::driver::Recording;
use dram_replicas::standalone::{CheckReport, Summary, Target, check, names};
use quantities::grouped;

use crate::console::Console;
use crate::failure::Failure;
use crate::input;
use crate::output::{self, tell};
use crate::unknown;

/// Run a memory on its own on a trace of requests, or check a trace of its commands
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  echo 0x40 READ 0 > requests.txt && ternion dram --config DDR4-3200AA \\
      --trace requests.txt --json results.json
  echo 0x40 WRITE 9 | ternion dram --config LPDDR4-3200 --trace - \\
      --commands commands.csv && ternion dram check commands.csv

A request is a line `0xADDRESS READ|WRITE CYCLE`. A configuration of one's own starts from a shipped
one: `(standard: \"DDR4-3200AA\", channels: 2, policy: (page: Closed))`."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    check: Option<Sub>,
    /// A shipped timing set, a simulator's configuration, or a RON file
    #[arg(long, value_name = "NAME|FILE", required = true)]
    config: Option<String>,
    /// Requests, a line each; `-`: from stdin
    #[arg(long, value_name = "FILE", required = true)]
    trace: Option<PathBuf>,
    /// Write every command that the memory was given; `-`: to stdout, and the report to stderr
    #[arg(long, value_name = "FILE")]
    commands: Option<PathBuf>,
    /// Write the results as JSON; `-`: to stdout, and the report to stderr
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Sub {
    /// Replay a trace of commands and report every rule of the standard that it breaks
    Check {
        /// Commands, as --commands writes them
        #[arg(value_name = "COMMANDS.csv")]
        file: PathBuf,
        /// Under which rules [default: those that the trace names]
        #[arg(long, value_name = "NAME|FILE")]
        config: Option<String>,
    },
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match (&args.check, &args.config, &args.trace) {
        (Some(Sub::Check { file, config }), ..) => check_commands(file, config.as_deref()),
        (None, Some(config), Some(trace)) => simulate(args, config, trace),
        _ => unreachable!("clap requires both arguments where there is no subcommand"),
    }
}

/// A shipped memory by its name, or a file by its path.
fn target(argument: &str) -> Result<Target, ConfigError> {
    let path = Path::new(argument);
    if argument != "-" && !path.exists() {
        if names().iter().any(|name| name == argument) {
            return Target::named(argument).map_err(|error| ConfigError::new(error.to_string()));
        }
        if let Some(error) = unknown::known_elsewhere(argument, "memory") {
            return Err(error);
        }
        if unknown::is_name(argument) {
            let known = names();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let near = config::nearest(argument, &known)
                .map_or(String::new(), |near| format!("did you mean `{near}`? "));
            let message = format!("no memory is called `{argument}`, and there is no such file");
            let help = format!("{near}shipped are {}", config::among(&known));
            return Err(ConfigError::new(message).help(help));
        }
    }
    let memory = input::document(path)?.resolve(|config: &DramConfig| Memory::dram(config))?;
    Ok(Target::Own(Box::new(memory)))
}

fn simulate(args: &Args, config: &str, trace: &Path) -> Result<(), Failure> {
    let from = trace.to_string_lossy();
    input::refuse_stdin_twice(&[("--config", config), ("--trace", &from)])?;
    let target = target(config)?;
    for warning in target.warnings() {
        tracing::warn!("{warning}");
    }
    let text = input::text(trace)?;
    let requests = dram_replicas::request::parse_trace(&text, target.capacity_bytes())
        .map_err(|error| ConfigError::new(format!("{}: {error}", input::name(trace))))?;
    if requests.is_empty() {
        let message = format!("`{}` holds no requests", input::name(trace));
        let help = "a request is a line `0xADDRESS READ|WRITE CYCLE`";
        return Err(ConfigError::new(message).help(help).into());
    }
    let wanted = [
        ("--commands", args.commands.as_deref()),
        ("--json", args.json.as_deref()),
    ];
    let [commands, json] = output::open(wanted)?;
    let mut out = output::report_beside(&[&commands, &json]);
    let recording = match commands {
        Some(_) => Recording::Commands,
        None => Recording::Off,
    };
    let outcome = target
        .run(&requests, recording)
        .map_err(|error| ConfigError::new(error.to_string()))?;
    let mut written = Vec::new();
    if let Some(mut file) = commands {
        file.write_all(outcome.command_trace().as_bytes())?;
        written.push(file.finish()?);
    }
    if let Some(mut file) = json {
        let text = serde_json::to_string_pretty(&outcome.summary).map_err(anyhow::Error::from)?;
        writeln!(file, "{text}")?;
        written.push(file.finish()?);
    }
    print(&mut out, &outcome.summary)?;
    tell(&mut out, &written)?;
    Ok(())
}

fn print(out: &mut Console, summary: &Summary) -> std::io::Result<()> {
    let columns = summary.row_hits + summary.row_misses;
    writeln!(out, "{}", summary.config)?;
    writeln!(
        out,
        "  {} cycles = {:.3} us for {} reads and {} writes",
        grouped(summary.cycles),
        summary.seconds * 1e6,
        grouped(summary.reads),
        grouped(summary.writes)
    )?;
    writeln!(
        out,
        "  {:.3} GB/s, data buses busy {:.1} % of the time",
        summary.bandwidth_gbps,
        100.0 * summary.bus_utilisation
    )?;
    writeln!(
        out,
        "  {:.1} % of {} bursts into open rows; {} rows opened, {} precharges, {} refreshes",
        100.0 * summary.row_hits as f64 / columns.max(1) as f64,
        grouped(columns),
        grouped(summary.activates),
        grouped(summary.precharges),
        grouped(summary.refreshes)
    )?;
    if let Some(latency) = &summary.read_latency {
        writeln!(
            out,
            "  reads take {:.1} cycles on average, {} at most",
            latency.mean, latency.max
        )?;
        for (below, count) in latency.histogram.iter().filter(|(_, count)| *count > 0) {
            writeln!(
                out,
                "    below {:>8}  {:>12}",
                grouped(*below),
                grouped(*count)
            )?;
        }
    }
    if let Some(energy) = &summary.energy {
        writeln!(
            out,
            "  {:.3} uJ, {:.2} pJ/bit (mark {}: {})",
            energy.total_pj / 1e6,
            energy.pj_per_bit,
            energy.mark,
            energy.source
        )?;
    }
    Ok(())
}

fn check_commands(file: &Path, config: Option<&str>) -> Result<(), Failure> {
    let target = config.map(target).transpose()?;
    let report = check(&input::text(file)?, target.as_ref())
        .map_err(|error| ConfigError::new(format!("{}: {error}", input::name(file))))?;
    let CheckReport {
        config,
        commands,
        violations,
        violation_count,
    } = report;
    let mut out = Console::stdout();
    for violation in &violations {
        writeln!(out, "{violation}")?;
    }
    writeln!(
        out,
        "{} commands under the rules of {config}: {} violations",
        grouped(commands),
        grouped(violation_count)
    )?;
    match violation_count {
        0 => Ok(()),
        _ => Err(anyhow!("the trace breaks rules").into()),
    }
}

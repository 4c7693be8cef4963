//! What can be typed.

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use config::{is_control, printable_lines};
use tracing_subscriber::EnvFilter;

use crate::commands::{
    amdahl, check, compile, completions, dram, list, reproduce, simulate, validate,
};
use crate::console::{Console, Stream, complain};
use crate::failure::Failure;

/// Where do the cycles of a language model go on this accelerator, and what would 1-bit weights
/// buy?
///
/// Ternion is a discrete-event, cycle-accurate simulator of LLM accelerators with ternary, 1-bit,
/// INT8 and BF16 PE arrays, scratchpads and DRAM.
#[derive(Parser)]
#[command(
    name = "ternion",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "\
Examples:
  ternion simulate
  ternion simulate --workload gpt2-124m-prefill --set 'hw.clock=MHz(800)'
  ternion machines edge-hybrid > mine.ron && ternion check mine.ron

As a FILE, `-` is stdin or stdout.

Exit codes: 0 success, 2 bad input, 3 the simulated machine cannot go on, 4 an internal error
(a run that breaks a law of its own), 128 and more: ended by that signal, 1 anything else."
)]
pub(crate) struct Cli {
    /// Say more about what the simulator itself is doing (-vv: more still); to stderr
    #[arg(short, long, action = ArgAction::Count, global = true, display_order = 100)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Simulate(Box<simulate::Args>),
    Compile(compile::Args),
    Amdahl(Box<amdahl::Args>),
    Check(check::Args),
    Reproduce(reproduce::Args),
    Machines(list::MachineArgs),
    Workloads(list::WorkloadArgs),
    Models(list::ModelArgs),
    Dram(dram::Args),
    Validate(validate::Args),
    Completions(completions::Args),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Simulate(args) => simulate::run(&args),
            Self::Compile(args) => compile::run(&args),
            Self::Amdahl(args) => amdahl::run(&args),
            Self::Check(args) => check::run(&args),
            Self::Reproduce(args) => reproduce::run(&args),
            Self::Machines(args) => list::machines(&args),
            Self::Workloads(args) => list::workloads(&args),
            Self::Models(args) => list::models(&args),
            Self::Dram(args) => dram::run(&args),
            Self::Validate(args) => validate::run(&args),
            Self::Completions(args) => completions::run(&args),
        }
    }
}

/// Takes the arguments apart. If that ends the program, for a mistake or a question for help, what
/// there is to say has been said, and the exit code is the error.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let error = match Cli::try_parse() {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    let stream = if error.use_stderr() {
        Stream::Stderr
    } else {
        Stream::Stdout
    };
    let words = error.render();
    // An argument that is quoted back may hold what steers a terminal.
    let is_plain = |argument: std::ffi::OsString| !argument.to_string_lossy().contains(is_control);
    let text = if stream.takes_colour() && std::env::args_os().all(is_plain) {
        words.ansi().to_string()
    } else {
        printable_lines(&words.to_string()).into_owned()
    };
    match stream {
        Stream::Stdout => match write!(Console::stdout(), "{text}") {
            Ok(()) => Err(ExitCode::SUCCESS),
            Err(error) => Err(Failure::from(error).report()),
        },
        Stream::Stderr => {
            complain(text.trim_end());
            Err(ExitCode::from(2))
        }
    }
}

/// Host diagnostics go to stderr; `RUST_LOG` refines what `-v` turns on.
pub(crate) fn start_diagnostics(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(Stream::Stderr.takes_colour())
        // It would be told on stderr, which cannot be written to.
        .log_internal_errors(false)
        .without_time()
        .with_target(false)
        .init();
}

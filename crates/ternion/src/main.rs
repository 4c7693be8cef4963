//! The command line of Ternion: parse, call, print. What there is to know stands in the libraries.

mod cli;
mod commands;
mod console;
mod failure;
mod file_id;
mod input;
mod job;
mod load;
mod output;
mod partial;
mod progress;
mod shipped;
#[cfg(unix)]
mod signals;
mod unknown;

use std::io::Write;
use std::process::ExitCode;

use crate::console::Console;
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(told) => return told,
    };
    cli::start_diagnostics(cli.verbose);
    #[cfg(unix)]
    if let Err(error) = signals::watch() {
        tracing::warn!("signals are not handled, files under way may stay: {error}");
    }
    let done = cli.command.run();
    match done.and_then(|()| Console::stdout().flush().map_err(Failure::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

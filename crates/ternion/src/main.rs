//! The command line of Ternion: parse, call, print. What there is to know stands in the libraries.

mod cli;
mod commands;
mod facts;
mod failure;
mod job;
mod load;
mod output;
mod progress;
mod shipped;
mod table;
mod unknown;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli::start_diagnostics(cli.verbose);
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

//! `ternion completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::console::Console;
use crate::failure::Failure;

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion completions bash > ternion.bash

bash reads such a file with `source`, or of itself as
~/.local/share/bash-completion/completions/ternion.")]
pub(crate) struct Args {
    /// The shell that completes
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    use std::io::Write;
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ternion", &mut script);
    Console::stdout().write_all(&script)?;
    Ok(())
}

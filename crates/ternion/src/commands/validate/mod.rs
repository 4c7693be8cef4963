//! `ternion validate`: one file a subject.

mod paper;

use clap::Subcommand;

use crate::failure::Failure;

/// Compare simulated figures with known ones
///
/// Exits with 0 if every figure is met to its last digit, with 1 if any differs.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    Paper(paper::Args),
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.subject {
        Subject::Paper(args) => paper::run(args),
    }
}

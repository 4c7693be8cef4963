//! `ternion validate`: the models against RTL, trusted simulators and published figures. One file
//! a subject.

mod dram;
mod paper;
mod published;
mod rtl;
mod scalesim;
mod tpu;

use std::io::Write;

use anyhow::anyhow;

use crate::console::Console;
use crate::failure::Failure;

/// Compare the models with RTL, trusted simulators and published figures, figure by figure
///
/// Prints what differs and how much is exact; the exit code is 1 if anything that must be equal is
/// not.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(clap::Subcommand)]
enum Subject {
    Paper(paper::Args),
    Scalesim(scalesim::Args),
    Rtl(rtl::Args),
    Dram(dram::Args),
    #[command(name = "tpu-v1")]
    Tpu(tpu::Args),
    Published(published::Args),
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.subject {
        Subject::Paper(args) => paper::run(args),
        Subject::Scalesim(args) => scalesim::run(args),
        Subject::Rtl(args) => rtl::run(args),
        Subject::Dram(args) => dram::run(args),
        Subject::Tpu(args) => tpu::run(args),
        Subject::Published(args) => published::run(args),
    }
}

fn verdict(equal: bool, report: impl std::fmt::Display) -> Result<(), Failure> {
    writeln!(Console::stdout(), "{report}")?;
    if equal {
        Ok(())
    } else {
        Err(anyhow!("not everything that must be equal is").into())
    }
}

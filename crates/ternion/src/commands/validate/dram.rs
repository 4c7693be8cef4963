//! `ternion validate dram`

use std::path::PathBuf;

use config::ConfigError;
use validation::dram::{Golden, ValidateError, compare};

use super::verdict;
use crate::failure::Failure;

/// DRAM controllers against DRAMsim3 and Ramulator 2, command by command
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder in the form of crates/validation/data/dram [default: the shipped results, which are
    /// built in]
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let refused = |error: ValidateError| {
        let refused = ConfigError::new(error.to_string());
        match error.help() {
            Some(help) => refused.help(help),
            None => refused,
        }
    };
    let golden = match &args.golden {
        Some(folder) => Golden::of_folder(folder).map_err(refused)?,
        None => Golden::shipped(),
    };
    let report = compare(&golden).map_err(refused)?;
    verdict(report.passes(), report)
}

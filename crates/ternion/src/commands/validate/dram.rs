//! `ternion validate dram`

use std::path::PathBuf;

use config::ConfigError;

use super::verdict;
use crate::failure::Failure;

/// DRAM controllers against DRAMsim3 and Ramulator 2, command by command
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder in the form of tests/reference/dram
    #[arg(long, value_name = "DIR", default_value = "tests/reference/dram")]
    golden: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let golden = &args.golden;
    let report = dram::validate::run_folder(golden, |_, _| true)
        .map_err(|error| ConfigError::new(error.to_string()))?;
    if report.rows.is_empty() {
        let message = format!("`{}` holds no results to compare", golden.display());
        return Err(ConfigError::new(message).into());
    }
    verdict(report.passes(), report)
}

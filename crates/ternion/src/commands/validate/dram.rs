//! `ternion validate dram`

use std::path::{Path, PathBuf};

use config::ConfigError;
use dram::validate::{Golden, ValidateError, compare};

use super::verdict;
use crate::failure::Failure;

/// DRAM controllers against DRAMsim3 and Ramulator 2, command by command
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder in the form of tests/reference/dram [default: the shipped results, which are built in]
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let refused = |error: ValidateError| ConfigError::new(error.to_string());
    let golden = match &args.golden {
        Some(folder) => Golden::of_folder(folder).map_err(refused)?,
        None => Golden::shipped(),
    };
    let report = compare(&golden).map_err(refused)?;
    if report.rows.is_empty() {
        let folder = args.golden.as_deref().unwrap_or(Path::new("golden.csv"));
        let message = format!("`{}` holds no results to compare", folder.display());
        return Err(ConfigError::new(message).into());
    }
    verdict(report.passes(), report)
}

//! `ternion validate scalesim`

use std::path::PathBuf;

use config::ConfigError;
use validation::scalesim;

use super::verdict;
use crate::failure::Failure;
use crate::input;

/// PE arrays against SCALE-Sim's results, in the ScaleSim convention
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Results in the form of crates/validation/data/scalesim/golden.csv [default: the shipped
    /// ones]
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (name, text) = match &args.golden {
        Some(path) => (input::name(path), input::text(path)?),
        None => ("the shipped results".into(), scalesim::GOLDEN.into()),
    };
    let comparison = scalesim::compare(&name, &text)
        .map_err(|error| ConfigError::new(error.to_string()).help(error.help.as_str()))?;
    verdict(comparison.is_exact(), comparison)
}

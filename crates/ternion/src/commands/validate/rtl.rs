//! `ternion validate rtl`

use config::ConfigError;
use validation::rtl;

use super::verdict;
use crate::failure::Failure;
use crate::progress::Bar;

/// PE arrays against their own RTL, live in Verilator: cycles and bits
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of random cases
    #[arg(long, default_value_t = 10_000)]
    cases: u64,
    /// Seed of the random cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let Args { cases, seed } = *args;
    if cases == 0 {
        let error = ConfigError::new("--cases 0 compares nothing");
        return Err(error.help("at least 1 case").into());
    }
    let simulator = rtl::Simulator::build(&std::env::temp_dir().join("ternion"))
        .map_err(anyhow::Error::from)?;
    let sweep = rtl::Sweep {
        cases,
        seed,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let bar = Bar::counting(cases);
    let report = sweep.run(&simulator, || bar.step());
    bar.finish();
    let report = report.map_err(anyhow::Error::from)?;
    verdict(report.mismatches.is_empty(), report)
}

//! `ternion validate`: the models against RTL and trusted simulators.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use config::{ConfigError, read_text};
use pe_array::{rtl, scalesim};

use crate::failure::Failure;
use crate::progress::Bar;

/// Compare the models with RTL and trusted simulators, figure by figure
///
/// Prints what differs and how much is exact; the exit code is 1 if anything that must be equal is
/// not.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    against: Against,
}

#[derive(clap::Subcommand)]
enum Against {
    /// PE arrays against SCALE-Sim's results, in the ScaleSim convention
    Scalesim {
        /// Results in the form of tests/reference/scalesim/golden.csv [default: the shipped ones]
        #[arg(long, value_name = "FILE")]
        golden: Option<PathBuf>,
    },
    /// PE arrays against their own RTL, live in Verilator: cycles and bits
    Rtl {
        /// Random cases
        #[arg(long, default_value_t = 10_000)]
        cases: u64,
        /// Which random cases
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// DRAM controllers against DRAMsim3 and Ramulator 2, command by command
    Dram {
        /// A folder in the form of tests/reference/dram
        #[arg(long, value_name = "DIR", default_value = "tests/reference/dram")]
        golden: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.against {
        Against::Scalesim { golden } => scalesim(golden.as_deref()),
        Against::Rtl { cases, seed } => rtl(*cases, *seed),
        Against::Dram { golden } => dram(golden),
    }
}

fn verdict(equal: bool, report: impl std::fmt::Display) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{report}")?;
    if equal {
        Ok(())
    } else {
        Err(anyhow!("not everything that must be equal is").into())
    }
}

fn scalesim(golden: Option<&Path>) -> Result<(), Failure> {
    let (name, text) = match golden {
        Some(path) => (path.display().to_string(), read_text(path)?),
        None => ("the shipped results".into(), scalesim::GOLDEN.into()),
    };
    let comparison =
        scalesim::compare(&text).map_err(|error| ConfigError::new(format!("{name}: {error}")))?;
    verdict(comparison.is_exact(), comparison)
}

fn rtl(cases: u64, seed: u64) -> Result<(), Failure> {
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

fn dram(golden: &Path) -> Result<(), Failure> {
    let report = dram::validate::run_folder(golden, |_, _| true)
        .map_err(|error| ConfigError::new(error.to_string()))?;
    if report.rows.is_empty() {
        let message = format!("`{}` holds no results to compare", golden.display());
        return Err(ConfigError::new(message).into());
    }
    verdict(report.passes(), report)
}

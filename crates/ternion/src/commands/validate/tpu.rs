//! `ternion validate tpu-v1`

use std::io::Write;
use std::path::PathBuf;

use config::ConfigError;
use explore::counters::{self, Compared, Counters};

use crate::console::Console;
use crate::failure::Failure;
use crate::input;
use crate::load;
use crate::table::Table;

/// The account of cycles against the hardware counters of Google's TPU v1
///
/// Runs the dense layers of each application on the machine tpu-v1, through the same compiler and
/// machine as every other run, and compares the shares of cycles in which the array is active, waits
/// for weights, and shifts them in. Activations of 8 and of 16 bits are the two ends between which an
/// application that mixes them lies. A file is a table of comma-separated values in the form of
/// tests/reference/tpu-v1/apps.csv.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Counters to compare with [default: the published ones, which are built in]
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (name, text) = match &args.golden {
        Some(path) => (input::name(path), input::text(path)?),
        None => (counters::SHIPPED.0.into(), counters::SHIPPED.1.into()),
    };
    let apps = counters::parse(&name, &text)
        .map_err(|error| ConfigError::new(error.to_string()).help(error.help.as_str()))?;
    let spec = load::machine(counters::TPU_MACHINE, &[])?;
    let compared = counters::compare(&spec.value, apps).map_err(|error| spec.point(&error))?;
    report(&compared)
}

fn report(compared: &[Compared]) -> Result<(), Failure> {
    let header = [
        "app",
        "layers",
        "batch",
        "",
        "active",
        "stall",
        "shift",
        "active + stall",
        "",
    ];
    let mut table = Table::new(&header, &[2, 4, 5, 6, 7]);
    let mut lies = Vec::new();
    let mut within = 0;
    let mut refused = Vec::new();
    for app in compared {
        let misses = app.misses();
        let simulated = match &app.simulated {
            Ok(simulated) => simulated,
            Err(why) => {
                let (file, line) = &app.app.place;
                let column = app.app.layers_column;
                refused.push(format!(
                    "{file}:{line}:{column}: {} cannot be run: {why}",
                    app.app.name
                ));
                continue;
            }
        };
        within += usize::from(misses.is_empty());
        let verdict = if misses.is_empty() {
            "within".to_owned()
        } else {
            misses.join("; ")
        };
        let shape = format!("{} of {1} x {1}", app.app.layers, app.side);
        let first = [
            app.app.name.clone(),
            shape,
            app.app.batch.to_string(),
            "counted".into(),
        ];
        table.row(row(first, &app.app.counters, String::new()));
        let next = |what: &str| [String::new(), String::new(), String::new(), what.into()];
        table.row(row(next("8 bits"), &simulated.eight, verdict));
        table.row(row(next("16 bits"), &simulated.sixteen, String::new()));
        if let Some(share) = app.sixteen_bit_share() {
            lies.push(format!(
                "{}: the counter of active cycles lies {:.0} % of the way from 8-bit to 16-bit activations",
                app.app.name,
                100.0 * share
            ));
        }
    }
    let ran = compared.len() - refused.len();
    let mut out = Console::stdout();
    if ran > 0 {
        writeln!(out, "{table}")?;
    }
    for line in lies.iter().chain(&refused) {
        writeln!(out, "{line}")?;
    }
    writeln!(
        out,
        "bounds: shift {}, active + stall {}, each of both {} where all activations have 8 bits; percentage points",
        counters::SHIFT_BOUND,
        counters::SUM_BOUND,
        counters::EACH_BOUND
    )?;
    writeln!(out, "{within} of {ran} apps within bounds")?;
    out.flush()?;
    let mut wrong = Vec::new();
    if within < ran {
        wrong.push(format!("{} of {ran} apps are out of bounds", ran - within));
    }
    wrong.extend(refused);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::Other(anyhow::anyhow!(wrong.join("; "))))
}

fn row(first: [String; 4], counters: &Counters, verdict: String) -> Vec<String> {
    let figures = [
        counters.active,
        counters.stall,
        counters.shift,
        counters.active + counters.stall,
    ];
    let mut cells = Vec::from(first);
    cells.extend(figures.map(|figure| format!("{figure:.1}")));
    cells.push(verdict);
    cells
}

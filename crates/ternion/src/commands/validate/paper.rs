//! `ternion validate paper`

use std::io::Write;
use std::path::{Path, PathBuf};

use accelerator::Machine;
use config::ConfigError;
use explore::PointError;
use explore::published::{self, Cell, CheckError, Checked};
use validation::{GoldenError, paper};

use crate::console::Console;
use crate::failure::Failure;
use crate::load;
use crate::table::Table;

/// Compare with the published figures of "Matmul or No Matmul in the Era of 1-bit LLMs"
///
/// Runs every model and context of the files on the machine edge-tpu-paper, through the same
/// compiler and machine as every other run, and compares each cell to its last printed digit.
/// A file is a table of comma-separated values with the columns model, context_length and
/// projection_cycle_fraction or tokens_per_second.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of CSV files to compare with [default: the published ones, which are built in]
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
    /// Print every cell, not the differing ones alone
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let cells = match &args.golden {
        Some(folder) => read(folder)?,
        None => paper::shipped(),
    };
    let spec = load::machine(published::EDGE_MACHINE, &[])?;
    let machine = Machine::new(spec.value.clone()).map_err(|error| spec.point(&error))?;
    let checked = published::check(&machine, cells).map_err(|error| match error {
        CheckError::Cell(error) => {
            let help = error.error.help.clone().unwrap_or_default();
            ConfigError::new(error.to_string()).help(help).into()
        }
        CheckError::Point(PointError::Machine(error)) => error.into(),
        CheckError::Point(error) => Failure::Stopped(error.to_string()),
    })?;
    report(args, &checked)
}

/// All CSV files of a folder, in the order of their names.
fn read(folder: &Path) -> Result<Vec<Cell>, Failure> {
    let shown = folder.display();
    let help = "name a folder with CSV files of published figures";
    let fail = |message: String| Failure::from(ConfigError::new(message).help(help));
    let entries = std::fs::read_dir(folder)
        .map_err(|error| fail(format!("cannot read the folder `{shown}`: {error}")))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| fail(format!("cannot read the folder `{shown}`: {error}")))?
            .path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(fail(format!("there is no CSV file in `{shown}`")));
    }
    let mut files = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| fail(format!("cannot read `{}`: {error}", path.display())))?;
        files.push((path.display().to_string(), text));
    }
    Ok(parse(files)?)
}

fn parse(
    files: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
) -> Result<Vec<Cell>, ConfigError> {
    let mut cells = Vec::new();
    for (name, text) in files {
        cells.extend(paper::parse(name.as_ref(), text.as_ref()).map_err(|e| refused(&e))?);
    }
    Ok(cells)
}

fn refused(error: &GoldenError) -> ConfigError {
    ConfigError::new(error.to_string()).help(error.help.as_str())
}

fn report(args: &Args, checked: &[Checked]) -> Result<(), Failure> {
    let mut out = Console::stdout();
    let header = [
        "model",
        "context",
        "figure",
        "published",
        "simulated",
        "",
        "place",
    ];
    let mut table = Table::new(&header, &[1, 3, 4]);
    let mut exact = 0;
    for checked in checked {
        exact += usize::from(checked.exact());
        if args.all || !checked.exact() {
            let cell = &checked.cell;
            table.row(vec![
                cell.preset.slug.clone(),
                cell.context.to_string(),
                cell.quantity.column().into(),
                checked.published.clone(),
                checked.rounded.clone(),
                if checked.exact() { "exact" } else { "differs" }.into(),
                format!("{}:{}:{}", cell.file, cell.line, cell.column),
            ]);
        }
    }
    if args.all || exact < checked.len() {
        writeln!(out, "{table}")?;
    }
    writeln!(out, "{exact} of {} cells exact", checked.len())?;
    match checked.len() - exact {
        0 => Ok(()),
        differing => {
            out.flush()?;
            let what = format!(
                "{differing} of {} published figures are not met",
                checked.len()
            );
            Err(Failure::Other(anyhow::anyhow!(what)))
        }
    }
}

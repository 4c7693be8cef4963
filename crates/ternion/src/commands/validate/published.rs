//! `ternion validate published`

use std::io::Write;
use std::path::{Path, PathBuf};

use accelerator::Machine;
use config::ConfigError;
use explore::prediction::{Prediction, digits, predict};
use report::Table;
use validation::machines::{self, Compared, Quantity, Row};

use crate::console::Console;
use crate::failure::Failure;
use crate::input;
use crate::load;
use crate::shipped::{KERNELS, Kind, MACHINES, PUBLISHED, WORKLOADS};
use crate::unknown;

/// Published machines, predicted: boards, chips and RTL beside what was measured on them
///
/// Runs every machine and workload of the file through the same compiler and machine as every other
/// run, and prints simulated beside published, with the ratio. Results whose machine was calibrated
/// by them, or restates them, are marked and not counted as predictions. A file is a table of
/// comma-separated values with the columns machine, workload, set, quantity, of, published, unit,
/// tolerance_percent, mark, kind, basis and note. The exit code is 1 if any result is beyond its
/// tolerance.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Results to compare with; machines and workloads are looked for beside it [default: the
    /// published ones, which are built in]
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
    /// Print the table as Markdown
    #[arg(long)]
    markdown: bool,
}

/// What has been run already: machine, workload and changes.
type Known = Vec<((String, String, Vec<String>), Prediction)>;

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (name, text) = match &args.golden {
        Some(path) => (input::name(path), input::text(path)?),
        None => (machines::SHIPPED.0.into(), machines::SHIPPED.1.into()),
    };
    let rows = machines::parse(&name, &text)
        .map_err(|error| ConfigError::new(error.to_string()).help(error.help.as_str()))?;
    let folder = args.golden.as_deref().and_then(Path::parent);
    let golden = Golden {
        name: &name,
        folder: folder.unwrap_or(Path::new("")),
    };
    let mut known = Known::new();
    let mut compared = Vec::with_capacity(rows.len());
    for row in rows {
        let key = (row.machine.clone(), row.workload.clone(), row.set.clone());
        let index = match known.iter().position(|(known, _)| *known == key) {
            Some(index) => index,
            None => {
                let prediction = golden.predict(&row)?;
                known.push((key, prediction));
                known.len() - 1
            }
        };
        let prediction = &known[index].1;
        let Some(one) = machines::compare(row.clone(), prediction) else {
            return Err(golden.nothing_of(&row, prediction).into());
        };
        compared.push(one);
    }
    report(args, &compared)
}

/// The file of results, and where its machines and workloads are looked for.
struct Golden<'a> {
    name: &'a str,
    folder: &'a Path,
}

impl Golden<'_> {
    fn at(&self, row: &Row, column: usize, message: &str) -> ConfigError {
        ConfigError::new(format!("{}:{}:{column}: {message}", self.name, row.line))
    }

    /// The path of a file beside the results, or the name of a shipped one.
    fn find(
        &self,
        row: &Row,
        column: usize,
        name: &str,
        kinds: [&Kind; 2],
    ) -> Result<String, ConfigError> {
        let noun = kinds[0].noun;
        let beside = self.folder.join(name);
        if beside.is_file() {
            return Ok(beside.display().to_string());
        }
        if kinds.iter().any(|kind| kind.find(name).is_some()) {
            return Ok(name.to_owned());
        }
        if let Some(error) = unknown::known_elsewhere(name, noun) {
            return Err(self.at(row, column, error.message()));
        }
        let names: Vec<&str> = kinds
            .iter()
            .flat_map(|kind| kind.files.iter().map(|file| file.name))
            .collect();
        let near = config::nearest(name, &names)
            .map_or(String::new(), |near| format!("did you mean `{near}`? "));
        let what = format!(
            "no {noun} is called `{name}`, and there is no file `{}`",
            beside.display()
        );
        Err(self.at(row, column, &what).help(format!(
            "{near}the name of a shipped {noun}, or a path from the folder of the results"
        )))
    }

    fn predict(&self, row: &Row) -> Result<Prediction, Failure> {
        let here = format!("asked for by {}:{}", self.name, row.line);
        let machine = self.find(
            row,
            row.columns.machine,
            &row.machine,
            [&PUBLISHED, &MACHINES],
        )?;
        let workload = self.find(
            row,
            row.columns.workload,
            &row.workload,
            [&KERNELS, &WORKLOADS],
        )?;
        let overrides = load::overrides(&row.set).map_err(|error| error.note(here.as_str()))?;
        let spec =
            load::machine(&machine, &overrides).map_err(|error| error.note(here.as_str()))?;
        let work = load::workload_document(&workload)
            .and_then(|document| load::changed_load(document, &overrides))
            .map_err(|error| error.note(here.as_str()))?;
        let machine = Machine::new(spec.value.clone()).map_err(|error| spec.point(&error))?;
        predict(&machine, &work.value).map_err(|error| {
            let error = self.at(row, row.columns.workload, &error.to_string());
            let help = "a machine and a workload that go together: `ternion check` tells of each";
            error.help(help).into()
        })
    }

    fn nothing_of(&self, row: &Row, prediction: &Prediction) -> ConfigError {
        let kernels = prediction.kernels.iter().map(|kernel| kernel.name.as_str());
        let serial = prediction.serial.iter().map(|term| term.what.as_str());
        let names: Vec<&str> = kernels.chain(serial).collect();
        if row.quantity == Quantity::TokenRate && row.of.is_empty() {
            let what = format!("`{}` makes no tokens", row.workload);
            return self
                .at(row, row.columns.workload, &what)
                .help("a list of kernels says how many it makes: Kernels(tokens: 1, ..)");
        }
        let what = format!("there is no {} of `{}`", row.quantity.name(), row.of);
        self.at(row, row.columns.of, &what).help(format!(
            "nothing, for the whole run, or a kernel (serial work for serial_time): {}",
            names.join(", ")
        ))
    }
}

fn report(args: &Args, compared: &[Compared]) -> Result<(), Failure> {
    let mut out = Console::stdout();
    let within = compared.iter().filter(|one| one.within()).count();
    if args.markdown {
        write!(out, "{}", machines::to_markdown(compared))?;
    } else {
        let header = [
            "machine",
            "workload",
            "quantity",
            "of",
            "published",
            "simulated",
            "unit",
            "ratio",
            "tolerance",
            "kind",
        ];
        let mut table = Table::new(&header, &[4, 5, 7]);
        for one in compared {
            let row = &one.row;
            table.row(vec![
                row.machine.clone(),
                row.workload.clone(),
                row.quantity.name().to_owned(),
                if row.set.is_empty() {
                    row.of.clone()
                } else {
                    format!("{} {}", row.of, row.set.join("; "))
                        .trim()
                        .to_owned()
                },
                row.published.to_string(),
                digits(one.predicted),
                row.unit.clone(),
                format!("{:.3}", one.ratio()),
                machines::verdict(one),
                row.kind.name().to_owned(),
            ]);
        }
        writeln!(out, "{table}")?;
        write!(out, "{}", machines::summary(compared))?;
    }
    match compared.len() - within {
        0 => Ok(()),
        beyond => {
            out.flush()?;
            let what = format!(
                "{beyond} of {} results are beyond their tolerance",
                compared.len()
            );
            Err(Failure::Other(anyhow::anyhow!(what)))
        }
    }
}

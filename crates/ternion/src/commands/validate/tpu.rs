//! `ternion validate tpu-v1`

use std::io::Write;
use std::path::PathBuf;

use config::ConfigError;
use report::Table;
use validation::tpu::{self, App, Compared, Counters};

use crate::console::Console;
use crate::failure::Failure;
use crate::input;
use crate::load;

/// The account of cycles against the hardware counters of Google's TPU v1
///
/// Runs the dense layers of each application on the machine tpu-v1, through the same compiler and
/// machine as every other run, and compares the shares of cycles in which the array is active,
/// waits for weights, and shifts them in. Activations of 8 and of 16 bits are the two ends between
/// which an application that mixes them lies: only where all have 8 bits are active and stall held
/// by themselves, else their sum. Three fields of the machine are in no source and were chosen with
/// the counters in sight; what other values of them give is printed beside. A file is a table of
/// comma-separated values in the form of crates/validation/data/tpu-v1/apps.csv.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Counters to compare with [default: the published ones, which are built in]
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
    /// Print the tables as Markdown
    #[arg(long)]
    markdown: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (name, text) = match &args.golden {
        Some(path) => (input::name(path), input::text(path)?),
        None => (tpu::SHIPPED.0.into(), tpu::SHIPPED.1.into()),
    };
    let apps = tpu::parse(&name, &text)
        .map_err(|error| ConfigError::new(error.to_string()).help(error.help.as_str()))?;
    let compared = compare(&[], apps.clone())?;
    let mut variants = Vec::new();
    for changes in variations() {
        variants.push((changes.join(", "), compare(&changes, apps.clone())?));
    }
    let form = match args.markdown {
        true => TableForm::Markdown,
        false => TableForm::Columns,
    };
    report(&compared, &variants, form)
}

/// Each field that was chosen with the counters in sight at a value that was not, then all of them.
fn variations() -> Vec<Vec<String>> {
    let changes = tpu::CHOSEN.map(|(field, value)| format!("{field}={value}"));
    let mut variations = changes.clone().map(|change| vec![change]).to_vec();
    variations.push(changes.to_vec());
    variations
}

fn compare(changes: &[String], apps: Vec<App>) -> Result<Vec<Compared>, Failure> {
    let changes: Vec<String> = changes
        .iter()
        .map(|change| format!("hw.{change}"))
        .collect();
    let spec = load::machine(tpu::TPU_MACHINE, &load::overrides(&changes)?)?;
    tpu::compare(&spec.value, apps).map_err(|error| spec.point(&error).into())
}

/// What is held for an application, and whether it holds.
fn verdict(app: &Compared) -> String {
    let misses = app.misses();
    let held: Vec<_> = app.held().iter().map(|held| held.name()).collect();
    match misses.is_empty() {
        true => format!("within: {}", held.join(", ")),
        false => format!("OUT OF BOUNDS: {}", misses.join("; ")),
    }
}

/// The applications beside their counters.
struct Rows {
    table: Table,
    /// Where counted active cycles lie between those of 8-bit and 16-bit activations.
    lies: Vec<String>,
    /// Applications that cannot be run, with their places and the reasons.
    refused: Vec<String>,
    /// How many are within their bounds.
    within: usize,
}

impl Rows {
    fn of(compared: &[Compared]) -> Self {
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
        let mut rows = Self {
            table: Table::new(&header, &[2, 4, 5, 6, 7]),
            lies: Vec::new(),
            refused: Vec::new(),
            within: 0,
        };
        for app in compared {
            rows.add(app);
        }
        rows
    }

    fn add(&mut self, compared: &Compared) {
        let app = &compared.app;
        let simulated = match &compared.simulated {
            Ok(simulated) => simulated,
            Err(why) => {
                let ((file, line), column) = (&app.place, app.layers_column);
                let name = &app.name;
                let refused = format!("{file}:{line}:{column}: {name} cannot be run: {why}");
                self.refused.push(refused);
                return;
            }
        };
        self.within += usize::from(compared.misses().is_empty());
        let shape = format!("{} of {1} x {1}", app.layers, compared.side);
        let first = [
            app.name.clone(),
            shape,
            app.batch.to_string(),
            "counted".into(),
        ];
        self.table.row(row(first, &app.counters, String::new()));
        let next = |what: &str| [String::new(), String::new(), String::new(), what.into()];
        let verdict = verdict(compared);
        self.table
            .row(row(next("8 bits"), &simulated.eight, verdict));
        self.table
            .row(row(next("16 bits"), &simulated.sixteen, String::new()));
        if let Some(share) = compared.sixteen_bit_share() {
            self.lies.push(format!(
                "{}: the counter of active cycles lies {:.0} % of the way from 8-bit to 16-bit activations",
                app.name,
                100.0 * share
            ));
        }
    }
}

fn report(
    compared: &[Compared],
    variants: &[(String, Vec<Compared>)],
    form: TableForm,
) -> Result<(), Failure> {
    let Rows {
        table,
        lies,
        refused,
        within,
    } = Rows::of(compared);
    let ran = compared.len() - refused.len();
    let mut out = Console::stdout();
    if ran > 0 {
        writeln!(out, "{}", shown(&table, form))?;
        let others = chosen(compared, variants);
        writeln!(
            out,
            "Three fields of the machine were chosen with these counters in sight. With other values, 8 bits:\n"
        )?;
        writeln!(out, "{}", shown(&others, form))?;
    }
    for line in lies.iter().chain(&refused) {
        writeln!(out, "{line}")?;
    }
    writeln!(
        out,
        "bounds: shift {}, active + stall {}, each of both {} where all activations have 8 bits; percentage points",
        tpu::SHIFT_BOUND,
        tpu::SUM_BOUND,
        tpu::EACH_BOUND
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

/// How tables are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableForm {
    /// In columns, for people.
    Columns,
    /// As Markdown, for documents.
    Markdown,
}

fn shown(table: &Table, form: TableForm) -> String {
    match form {
        TableForm::Columns => table.to_string(),
        TableForm::Markdown => table.markdown(),
    }
}

/// The counters with the fields that were chosen at other values.
fn chosen(compared: &[Compared], variants: &[(String, Vec<Compared>)]) -> Table {
    let header = [
        "app",
        "machine",
        "active",
        "stall",
        "shift",
        "active + stall",
        "",
    ];
    let mut table = Table::new(&header, &[2, 3, 4, 5]);
    let as_shipped = ("as shipped".to_owned(), compared);
    for index in 0..compared.len() {
        let others = variants
            .iter()
            .map(|(name, compared)| (name.clone(), &compared[..]));
        for (name, compared) in [as_shipped.clone()].into_iter().chain(others) {
            let app = &compared[index];
            if let Ok(simulated) = &app.simulated {
                let all = row(
                    [app.app.name.clone(), name, String::new(), String::new()],
                    &simulated.eight,
                    verdict(app),
                );
                let (first, rest) = all.split_at(4);
                table.row([&first[..2], rest].concat());
            }
        }
    }
    table
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

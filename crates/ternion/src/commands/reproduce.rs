//! `ternion reproduce`

use std::io::Write;
use std::path::{Path, PathBuf};

use explore::published;
use explore::reproduce::{self, Reproduction};
use explore::{Extent, Machines, ReproduceError};
use report::{Column, Table};
use serde::Serialize;
use validation::paper;

use crate::console::{Console, shown};
use crate::failure::Failure;
use crate::load;
use crate::output::OutputFile;
use crate::progress::Bar;

/// What can 1-bit weights buy, on which model, at which context, on which machine?
///
/// Runs the GPT-2, OPT and LLaMA families at contexts from 128 to 4096 on the published edge and
/// cloud machines, compares with the published figures, and writes tables (CSV, JSON), figures
/// (SVG, PNG) and a report (REPORT.md, index.html) into a folder.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder for what is written; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "reproduction")]
    out: PathBuf,
    /// Ask the smallest model of each family at two contexts, and beyond that models shortened to
    /// two blocks, which are named so: the form of the report in a moment, not its numbers
    #[arg(long)]
    quick: bool,
}

const CLOUD: &str = "cloud-tpu-paper";
const REAL: [&str; 3] = ["edge-hybrid", "cloud-hybrid", "edge-tpu"];

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    #[serde(flatten)]
    all: &'a Reproduction,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.out).map_err(|error| {
        let message = format!("cannot make the folder `{}`: {error}", shown(&args.out));
        config::ConfigError::new(message).help("name another with --out")
    })?;
    let spec = |name: &str| Ok::<_, Failure>(load::machine(name, &[])?.value);
    let machines = Machines {
        edge: spec(published::EDGE_MACHINE)?,
        cloud: spec(CLOUD)?,
        real: [spec(REAL[0])?, spec(REAL[1])?, spec(REAL[2])?],
    };
    let extent = if args.quick {
        Extent::Quick
    } else {
        Extent::Full
    };
    let bar = Bar::counting(reproduce::STEPS);
    let all = reproduce::reproduce(&machines, extent, paper::shipped(), &|| bar.step());
    bar.finish();
    let all = all.map_err(|error| match error {
        ReproduceError::Run(error) => Failure::Stopped(error),
        error => Failure::Other(error.into()),
    })?;
    write_all(&args.out, &all)?;
    print(&args.out, &all, [&machines.edge.name, &machines.cloud.name])?;
    let differing = all
        .checked
        .iter()
        .filter(|checked| !checked.exact())
        .count();
    if differing > 0 {
        let what = anyhow::anyhow!("{differing} published figures are not met");
        return Err(Failure::Other(what));
    }
    Ok(())
}

fn write_all(folder: &Path, all: &Reproduction) -> Result<(), Failure> {
    let write = |name: &str, bytes: &[u8]| -> Result<(), Failure> {
        let mut file = OutputFile::create(&folder.join(name))?;
        file.write_all(bytes)?;
        file.finish()?;
        Ok(())
    };
    for figure in &all.figures {
        write(&format!("{}.svg", figure.name), figure.svg.as_bytes())?;
        write(&format!("{}.png", figure.name), &figure.png)?;
    }
    write("grid.csv", reproduce::csv(&all.grid).as_bytes())?;
    for chapter in &all.beyond {
        write(
            &format!("{}.csv", chapter.name),
            chapter.table.csv().as_bytes(),
        )?;
    }
    let document = Document {
        schema_version: 1,
        all,
    };
    let json = serde_json::to_string_pretty(&document).map_err(anyhow::Error::from)?;
    write("results.json", format!("{json}\n").as_bytes())?;
    write("REPORT.md", all.page.markdown().as_bytes())?;
    let figure = |name: &str| {
        let found = all.figures.iter().find(|figure| figure.name == name);
        found.map(|figure| figure.svg.as_str())
    };
    let html = all.page.html("What can 1-bit weights buy?", figure);
    write("index.html", html.as_bytes())
}

fn print(folder: &Path, all: &Reproduction, machines: [&str; 2]) -> Result<(), Failure> {
    let mut out = Console::stdout();
    for machine in machines {
        writeln!(
            out,
            "F on {machine}, one decoded token, as published (ceiling)"
        )?;
        let mut columns = vec![Column::words("model")];
        columns.extend(
            all.contexts
                .iter()
                .map(|context| Column::numbers(context.to_string())),
        );
        let mut table = Table::of(columns);
        for preset in reproduce::presets() {
            let form = published::Form::AsPublished;
            let cells = all.contexts.iter().filter_map(|&context| {
                let cell = reproduce::find(&all.grid, machine, &preset.slug, form, context)?;
                Some(format!("{:.3} ({:.1}x)", cell.fraction, cell.ceiling))
            });
            let mut row = vec![preset.slug.clone()];
            row.extend(cells);
            if row.len() > 1 {
                table.row(row);
            }
        }
        writeln!(out, "{table}")?;
    }
    if let Some(note) = all.extent.note() {
        writeln!(out, "{note}\n")?;
    }
    for chapter in &all.beyond {
        writeln!(out, "{}", chapter.title)?;
        let mut table = Table::new(&chapter.table.heads(), &chapter.table.numbers());
        for row in chapter.table.text() {
            table.row(row);
        }
        writeln!(out, "{table}")?;
        for finding in &chapter.findings {
            writeln!(out, "{finding}")?;
        }
        writeln!(out)?;
    }
    let exact = all.checked.iter().filter(|checked| checked.exact()).count();
    writeln!(out, "{exact} of {} cells exact", all.checked.len())?;
    writeln!(
        out,
        "{}: REPORT.md, index.html, figures and tables",
        shown(folder)
    )?;
    Ok(())
}

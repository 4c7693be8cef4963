//! `ternion amdahl`

use std::io::Write;
use std::path::{Path, PathBuf};

use attribution::Speedup;
use clap::ValueEnum;
use config::ConfigError;
use explore::figure::{self, Figure, FigureError};
use explore::sheet::times;
use explore::what_if::{self, Answer, How, Means, Part, Study};
use quantities::grouped;
use report::{ModelDocument, Table, model_lines};
use serde::Serialize;
use workload_compiler::{Format, Packing, Workload};

use crate::console::{Console, shown};
use crate::failure::Failure;
use crate::job;
use crate::load::{self, Loaded};
use crate::output::{self, tell};

/// What does a faster part buy: by Amdahl's law, and on the machine?
///
/// Measures F, the share of the makespan that 1-bit weights reach, then simulates the machine again
/// with the array of that part made S times faster, everything else (memory, scratchpads, vector
/// unit) as it was. Where law and machine part, the cause is told with its cycles. The same for
/// attention, and for both.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion amdahl --hw edge-tpu-paper --workload opt-1.3b-decode-paper
  ternion amdahl --hw edge-hybrid --workload gpt2-124m-decode-as-published \\
      --speedups 2,inf --by columns --figure columns.svg
  ternion amdahl --hw edge-tpu-paper --workload opt-1.3b-decode-paper \\
      --set 'workload.precision.projection=Binary' --pe binary \\
      --by lookup --speedups 1,2,4

An array that serves projections and others is split: the part gets a copy of its own. `inf` is
simulated as 1024 times faster, or as much as an array may be; with --by lookup as 16. A context of
attention is swept in powers of two where one token is decoded, prompts where one is prefilled.")]
pub(crate) struct Args {
    /// Machine: a RON file, or the name of a shipped one (ternion machines), or `-`:
    /// stdin
    #[arg(long, value_name = "FILE")]
    hw: String,
    /// Workload: a RON file, or the name of a shipped one (ternion workloads), or
    /// `-`: stdin
    #[arg(long, value_name = "FILE")]
    workload: String,
    /// Change a field of either file
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// How many times faster: numbers of at least 1, or `inf`
    #[arg(
        long,
        value_name = "S,S,...",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "2,4,8,16,inf",
        value_parser = |text: &str| text.parse::<Speedup>()
    )]
    speedups: Vec<Speedup>,
    /// What of the part's array is S times as much
    #[arg(long, value_enum, default_value_t = By::Clock)]
    by: By,
    /// Build the part's array of these PEs, as many as before [default: the machine's]
    #[arg(long, value_enum, value_name = "KIND")]
    pe: Option<Kind>,
    /// Write all of it as JSON; `-`: to stdout, and the report to stderr
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw speedup against S, law and machine, over the shares of the baseline; the name ends in
    /// .svg or .png; `-`: SVG to stdout, and the report to stderr
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    /// Its clock
    Clock,
    /// Its columns
    Columns,
    /// Its rows
    Rows,
    /// Products that a PE does in a step, from a lookup table: ternary, binary and integer PEs
    Lookup,
}

/// A kind of PE.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Binary,
    Ternary,
    Int4,
    Int8,
    Bf16,
    Fp16,
}

impl Kind {
    const fn weights(self) -> Format {
        match self {
            Self::Binary => Format::Binary,
            Self::Ternary => Format::Ternary {
                packing: Packing::FiveTritsPerByte,
            },
            Self::Int4 => Format::Int4,
            Self::Int8 => Format::Int8,
            Self::Bf16 => Format::Bf16,
            Self::Fp16 => Format::Fp16,
        }
    }
}

impl Args {
    fn how(&self) -> How {
        How {
            means: match self.by {
                By::Clock => Means::Clock,
                By::Columns => Means::Columns,
                By::Rows => Means::Rows,
                By::Lookup => Means::Lookup,
            },
            pe: self.pe.map(|kind| what_if::pe_for(kind.weights())),
        }
    }
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    workload: String,
    model: ModelDocument,
    words: &'a [String],
    #[serde(flatten)]
    study: &'a Study,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    job::refuse_stdin_twice(Some(&args.hw), Some(&args.workload))?;
    let overrides = load::overrides(&args.set)?;
    let spec = load::machine(&args.hw, &overrides)?;
    let workload = load::workload(&args.workload, &overrides)?;
    let format = args.figure.as_deref().map(FigureFormat::of).transpose()?;
    let wanted = [
        ("--json", args.json.as_deref()),
        ("--figure", args.figure.as_deref()),
    ];
    let [json, figure] = output::open(wanted)?;
    let mut out = output::report_beside(&[&json, &figure]);
    let study = what_if::study(&spec.value, &workload.value, &args.speedups, args.how());
    let study = study.map_err(|error| job::failure(error, &spec, &workload))?;
    let words = what_if::words(&study);
    let mut written = Vec::new();
    if let Some(mut file) = json {
        let document = Document {
            schema_version: 2,
            workload: workload.name(),
            model: ModelDocument::of(&workload.value),
            words: &words,
            study: &study,
        };
        let text = serde_json::to_string_pretty(&document).map_err(anyhow::Error::from)?;
        writeln!(file, "{text}")?;
        written.push(file.finish()?);
    }
    if let Some((mut file, format)) = figure.zip(format) {
        let chart = what_if::figure(&study, &workload.name());
        let bytes = format.draw(&chart).map_err(anyhow::Error::from)?;
        file.write_all(&bytes)?;
        written.push(file.finish()?);
    }
    print(&mut out, &study, &workload, &words)?;
    tell(&mut out, &written)?;
    Ok(())
}

#[derive(Clone, Copy)]
enum FigureFormat {
    Svg,
    Png,
}

impl FigureFormat {
    /// By the ending of the name; on standard output, SVG.
    fn of(path: &Path) -> Result<Self, ConfigError> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        match (ending, path.to_str()) {
            (Some("svg"), _) | (_, Some("-")) => Ok(Self::Svg),
            (Some("png"), _) => Ok(Self::Png),
            _ => {
                let message = format!("`{}` is neither SVG nor PNG", shown(path));
                Err(ConfigError::new(message).help("end it in .svg or .png"))
            }
        }
    }

    fn draw(self, chart: &impl Figure) -> Result<Vec<u8>, FigureError> {
        match self {
            Self::Svg => figure::svg(chart).map(String::into_bytes),
            Self::Png => figure::png(chart),
        }
    }
}

fn print(
    out: &mut Console,
    study: &Study,
    workload: &Loaded<Workload>,
    words: &[String],
) -> std::io::Result<()> {
    let total = study.total_cycles.max(1) as f64;
    writeln!(
        out,
        "{} on {}: {} cycles; MatMul-free {:.1} %, attention {:.1} %, waiting for memory {:.1} %",
        workload.name(),
        study.machine,
        grouped(study.total_cycles),
        100.0 * study.matmul_free_cycles as f64 / total,
        100.0 * study.attention_cycles as f64 / total,
        100.0 * study.memory_share
    )?;
    writeln!(out, "{}", model_lines(&workload.value))?;
    for part in Part::ALL {
        writeln!(out, "\n{} S times faster: the whole run", part.name())?;
        write!(out, "{}", answers(study, part))?;
    }
    if !study.contexts.is_empty() {
        writeln!(out, "\nThe baseline over {}s", study.sweeps)?;
        write!(out, "{}", contexts(study))?;
    }
    writeln!(out)?;
    for sentence in words {
        writeln!(out, "{sentence}")?;
    }
    Ok(())
}

/// Law and machine with a part faster, by speedup.
fn answers(study: &Study, part: Part) -> Table {
    let header = ["S", "by the law", "machine", "memory %", "where they part"];
    let mut table = Table::new(&header, &[0, 1, 2, 3]);
    for answer in study.answers.iter().filter(|answer| answer.part == part) {
        let memory = answer.machine.map(|_| hundredths(answer.memory_share));
        table.row(vec![
            s(answer.s),
            times(answer.law),
            answer.machine.map_or("-".into(), times),
            memory.unwrap_or_else(|| "-".into()),
            cause(answer),
        ]);
    }
    table
}

/// The baseline at other contexts, or of other prompts.
fn contexts(study: &Study) -> Table {
    let header = [
        study.sweeps,
        "cycles",
        "MatMul-free %",
        "attention %",
        "memory %",
    ];
    let mut table = Table::new(&header, &[0, 1, 2, 3, 4]);
    for point in &study.contexts {
        table.row(vec![
            point.context.to_string(),
            grouped(point.total_cycles),
            hundredths(point.matmul_free_share()),
            hundredths(point.attention_share()),
            hundredths(point.memory_share),
        ]);
    }
    table
}

fn s(s: f64) -> String {
    if s.is_infinite() {
        "∞".into()
    } else {
        format!("{s}")
    }
}

fn hundredths(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// The largest terms of the gap.
fn cause(answer: &Answer) -> String {
    if let Some(refused) = &answer.refused {
        return format!("cannot be run: {refused}");
    }
    let Some(gap) = &answer.gap else {
        return String::new();
    };
    let apart = i128::from(gap.machine_cycles) - i128::from(gap.law_cycles);
    if apart.unsigned_abs() as f64 <= 0.005 * gap.law_cycles as f64 {
        return "they agree within 0.5 %".into();
    }
    let signed = |cycles: i128| {
        let sign = if cycles < 0 { "-" } else { "+" };
        format!("{sign}{}", grouped(cycles.unsigned_abs() as u64))
    };
    let largest = gap.terms.iter().take(3);
    let terms: Vec<_> = largest
        .map(|(term, cycles)| format!("{} {}", term.name(), signed(i128::from(*cycles))))
        .collect();
    format!("{} cycles: {}", signed(apart), terms.join(", "))
}

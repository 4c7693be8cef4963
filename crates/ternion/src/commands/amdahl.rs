//! `ternion amdahl`

use std::io::Write;
use std::path::{Path, PathBuf};

use attribution::Speedup;
use clap::ValueEnum;
use config::ConfigError;
use explore::figure::{self, Figure};
use explore::sheet::times;
use explore::what_if::{self, Answer, How, Means, Part, Study, StudyError};
use serde::Serialize;
use workload_compiler::{Format, Packing};

use crate::failure::Failure;
use crate::load;
use crate::output::OutputFile;
use crate::table::{Table, grouped};

/// What does a faster part buy: by Amdahl's law, and on the machine?
///
/// Measures F, the share of the makespan that 1-bit weights reach, then simulates the machine again
/// with the array of that part made S times faster, everything else (memory, scratchpads, vector
/// unit) as it was. Where law and machine part, the cause is told with its cycles. The same for
/// attention, and for both.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion amdahl --hw edge-hybrid --workload bitnet-b1.58-2b-4t-decode
  ternion amdahl --hw cloud-tpu --workload gpt2-124m-prefill --speedups 2,8,inf --by columns

  ternion amdahl --hw edge-tpu --workload llama-2-7b-decode-int8 --set 'workload.precision.projection=Binary' \\
      --pe binary --by lookup --speedups 1,2,4

An array that serves projections and others is split: the part gets a copy of its own. `inf` is
simulated as 1024 times faster, or as much as an array may be; with --by lookup as 16. A context of
attention is swept in powers of two where one token is decoded, prompts where one is prefilled.")]
pub(crate) struct Args {
    /// Machine: a RON file, or the name of a shipped one (ternion machines)
    #[arg(long, value_name = "FILE")]
    hw: String,
    /// Workload: a RON file, or the name of a shipped one (ternion workloads)
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
    /// Write all of it as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw speedup against S, law and machine, over the shares of the baseline; the name ends in
    /// .svg or .png
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
    words: &'a [String],
    #[serde(flatten)]
    study: &'a Study,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let overrides = load::overrides(&args.set)?;
    let spec = load::machine(&args.hw, &overrides)?;
    let workload = load::workload(&args.workload, &overrides)?;
    let json = args.json.as_deref().map(OutputFile::create).transpose()?;
    let figure = args.figure.as_deref().map(Picture::create).transpose()?;
    let study = what_if::study(&spec.value, &workload.value, &args.speedups, args.how());
    let study = study.map_err(|error| match error {
        StudyError::Spec(error) => Failure::from(spec.point(&error)),
        StudyError::Point(error) => Failure::Stopped(error.to_string()),
    })?;
    let words = what_if::words(&study);
    if let Some(mut file) = json {
        let document = Document {
            schema_version: 2,
            workload: workload.name(),
            words: &words,
            study: &study,
        };
        let text = serde_json::to_string_pretty(&document).map_err(anyhow::Error::from)?;
        writeln!(file, "{text}")?;
        file.finish()?;
    }
    if let Some(picture) = figure {
        picture.write(&what_if::figure(&study, &workload.name()))?;
    }
    print(&study, &workload.name(), &words)?;
    Ok(())
}

/// A figure's file, opened before the runs.
struct Picture {
    file: OutputFile,
    is_svg: bool,
}

impl Picture {
    fn create(path: &Path) -> Result<Self, Failure> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_svg = match ending {
            Some("svg") => true,
            Some("png") => false,
            _ => {
                let message = format!("`{}` is neither SVG nor PNG", path.display());
                return Err(ConfigError::new(message)
                    .help("end it in .svg or .png")
                    .into());
            }
        };
        let file = OutputFile::create(path)?;
        Ok(Self { file, is_svg })
    }

    fn write(mut self, chart: &impl Figure) -> Result<(), Failure> {
        let bytes = if self.is_svg {
            figure::svg(chart).map(String::into_bytes)
        } else {
            figure::png(chart)
        };
        self.file.write_all(&bytes.map_err(anyhow::Error::from)?)?;
        self.file.finish()
    }
}

fn print(study: &Study, workload: &str, words: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let total = study.total_cycles.max(1) as f64;
    writeln!(
        out,
        "{workload} on {}: {} cycles; MatMul-free {:.1} %, attention {:.1} %, waiting for memory {:.1} %",
        study.machine,
        grouped(study.total_cycles),
        100.0 * study.matmul_free_cycles as f64 / total,
        100.0 * study.attention_cycles as f64 / total,
        100.0 * study.memory_share
    )?;
    for part in Part::ALL {
        writeln!(out, "\n{} S times faster: the whole run", part.name())?;
        let mut table = Table::new(
            &["S", "by the law", "machine", "memory %", "where they part"],
            &[0, 1, 2, 3],
        );
        for answer in study.answers.iter().filter(|answer| answer.part == part) {
            table.row(vec![
                s(answer.s),
                times(answer.law),
                answer.machine.map_or("-".into(), times),
                answer
                    .machine
                    .map_or("-".into(), |_| hundredths(answer.memory_share)),
                cause(answer),
            ]);
        }
        write!(out, "{table}")?;
    }
    if !study.contexts.is_empty() {
        writeln!(out, "\nThe baseline over {}s", study.sweeps)?;
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
        write!(out, "{table}")?;
    }
    writeln!(out)?;
    for sentence in words {
        writeln!(out, "{sentence}")?;
    }
    Ok(())
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

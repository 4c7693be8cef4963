//! Golden files: published results of machines, one a line.

use super::predict::Prediction;
use crate::published::{Field, GoldenError, fields};

/// The published results that come with the program: name and text.
pub const SHIPPED: (&str, &str) = (
    "published-machines.csv",
    include_str!("../../data/published-machines.csv"),
);

/// The head of a golden file.
pub const HEADER: [&str; 10] = [
    "machine",
    "workload",
    "set",
    "quantity",
    "of",
    "published",
    "unit",
    "tolerance_percent",
    "mark",
    "note",
];

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Time of the whole run with its serial work.
    Time,
    /// Time of the whole run, or of a kernel over its repetitions, without serial work.
    MachineTime,
    /// Time of serial work: all, or that of a name.
    SerialTime,
    /// Cycles of the machine's clock: of the run, or of a kernel.
    Cycles,
    /// Payload bytes read from main memory over the time of the run or of a kernel.
    ReadRate,
    /// Tokens over the time of the whole run with its serial work.
    TokenRate,
}

impl Quantity {
    /// All quantities.
    pub const ALL: [Self; 6] = [
        Self::Time,
        Self::MachineTime,
        Self::SerialTime,
        Self::Cycles,
        Self::ReadRate,
        Self::TokenRate,
    ];

    /// As a golden file writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::MachineTime => "machine_time",
            Self::SerialTime => "serial_time",
            Self::Cycles => "cycles",
            Self::ReadRate => "read_rate",
            Self::TokenRate => "token_rate",
        }
    }

    /// Its units, each with its size in seconds, cycles, bytes or tokens a second.
    #[must_use]
    pub const fn units(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Time | Self::MachineTime | Self::SerialTime => {
                &[("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)]
            }
            Self::Cycles => &[("cycles", 1.0)],
            Self::ReadRate => &[("GB/s", 1e9), ("MB/s", 1e6)],
            Self::TokenRate => &[("tokens/s", 1.0)],
        }
    }

    /// What a prediction says, in seconds, cycles, bytes or tokens a second; `None` where it has
    /// nothing of that name.
    #[must_use]
    pub fn of(self, prediction: &Prediction, of: &str) -> Option<f64> {
        let kernel = || prediction.kernels.iter().find(|kernel| kernel.name == of);
        let sum = |part: fn(&super::KernelTime) -> f64| prediction.kernels.iter().map(part).sum();
        let rate = |amount: f64, seconds: f64| (seconds > 0.0).then_some(amount / seconds);
        match (self, of.is_empty()) {
            (Self::Time, true) => Some(prediction.seconds()),
            (Self::MachineTime, true) => Some(prediction.machine_seconds()),
            (Self::MachineTime, false) => Some(kernel()?.seconds),
            (Self::SerialTime, true) => Some(prediction.serial_seconds()),
            (Self::SerialTime, false) => {
                let terms = prediction.serial.iter();
                let mut named = terms.filter(|(what, _)| what == of).peekable();
                named.peek()?;
                Some(named.map(|(_, seconds)| seconds).sum())
            }
            (Self::Cycles, true) => Some(sum(|kernel| kernel.cycles)),
            (Self::Cycles, false) => Some(kernel()?.cycles),
            (Self::ReadRate, true) => rate(
                sum(|kernel| kernel.bytes_read),
                prediction.machine_seconds(),
            ),
            (Self::ReadRate, false) => {
                let kernel = kernel()?;
                rate(kernel.bytes_read, kernel.seconds)
            }
            (Self::TokenRate, true) => rate(prediction.tokens as f64, prediction.seconds()),
            (Self::Time | Self::TokenRate, false) => None,
        }
    }
}

/// One published result.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its line, from 1, and the column of each cell, by [`HEADER`].
    pub line: usize,
    /// Columns of the cells, from 1.
    pub columns: [usize; HEADER.len()],
    /// A machine file, or the name of a shipped one.
    pub machine: String,
    /// A workload or list of kernels, likewise.
    pub workload: String,
    /// Changes of fields of either, as `--set` takes them.
    pub set: Vec<String>,
    /// What is compared.
    pub quantity: Quantity,
    /// Of which kernel or serial work; empty: of the whole.
    pub of: String,
    /// The published value, in its unit.
    pub published: f64,
    /// The unit as written.
    pub unit: String,
    /// The unit's size.
    pub scale: f64,
    /// How far the prediction may be off, in percent of the published value.
    pub tolerance: f64,
    /// How sure the published value is.
    pub mark: String,
    /// What explains what is left.
    pub note: String,
}

const FORM: &str = "the header is machine,workload,set,quantity,of,published,unit,\
                    tolerance_percent,mark,note; one line for each result follows";

/// Reads a golden file, in its order.
///
/// # Errors
/// At the first place that is not as it should be.
pub fn parse(file: &str, text: &str) -> Result<Vec<Row>, GoldenError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let at = |line: usize, column: usize, message: String, help: &str| GoldenError {
        file: file.to_owned(),
        line,
        column,
        message,
        help: help.to_owned(),
    };
    let Some((head_line, head)) = lines.next() else {
        return Err(at(1, 1, "the file is empty".into(), FORM));
    };
    let head = fields(head);
    for (index, name) in HEADER.iter().enumerate() {
        let Some(field) = head.get(index) else {
            return Err(at(
                head_line,
                1,
                format!("there is no column `{name}`"),
                FORM,
            ));
        };
        if field.text != *name {
            let message = format!("`{}` stands where `{name}` is expected", field.text);
            return Err(at(head_line, field.column, message, FORM));
        }
    }
    if let Some(field) = head.get(HEADER.len()) {
        let message = format!("a column `{}` is not known", field.text);
        return Err(at(head_line, field.column, message, FORM));
    }
    let mut rows = Vec::new();
    for (line, text) in lines {
        let cells = fields(text);
        let Ok(cells) = <[Field<'_>; HEADER.len()]>::try_from(cells) else {
            let count = fields(text).len();
            let message = format!("{count} cells under {} heads", HEADER.len());
            return Err(at(
                line,
                1,
                message,
                "one cell under each head; no commas in a cell",
            ));
        };
        rows.push(
            row(line, &cells)
                .map_err(|(column, message, help)| at(line, column, message, &help))?,
        );
    }
    if rows.is_empty() {
        return Err(at(head_line, 1, "a header and no results".into(), FORM));
    }
    Ok(rows)
}

type Wrong = (usize, String, String);

fn row(line: usize, cells: &[Field<'_>; HEADER.len()]) -> Result<Row, Wrong> {
    let [
        machine,
        workload,
        set,
        quantity,
        of,
        published,
        unit,
        tolerance,
        mark,
        note,
    ] = cells;
    for (field, what) in [(machine, "machine"), (workload, "workload")] {
        if field.text.is_empty() {
            let help = format!("the name of a shipped {what}, or the path of a file");
            return Err((field.column, format!("no {what}"), help));
        }
    }
    let known = Quantity::ALL
        .into_iter()
        .find(|known| known.name() == quantity.text);
    let known = known.ok_or_else(|| {
        let names = Quantity::ALL.map(Quantity::name).join(", ");
        (
            quantity.column,
            format!("no quantity is called `{}`", quantity.text),
            format!("one of {names}"),
        )
    })?;
    let units = known.units();
    let scale = units.iter().find(|(name, _)| *name == unit.text);
    let (_, scale) = scale.ok_or_else(|| {
        let names = units.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        (
            unit.column,
            format!("`{}` is no unit of {}", unit.text, known.name()),
            format!("one of {}", names.join(", ")),
        )
    })?;
    Ok(Row {
        line,
        columns: std::array::from_fn(|index| cells[index].column),
        machine: machine.text.to_owned(),
        workload: workload.text.to_owned(),
        set: set
            .text
            .split(';')
            .map(str::trim)
            .filter(|change| !change.is_empty())
            .map(str::to_owned)
            .collect(),
        quantity: known,
        of: of.text.to_owned(),
        published: positive(published, "a published value")?,
        unit: unit.text.to_owned(),
        scale: *scale,
        tolerance: positive(tolerance, "a tolerance in percent")?,
        mark: mark.text.to_owned(),
        note: note.text.to_owned(),
    })
}

fn positive(field: &Field<'_>, what: &str) -> Result<f64, Wrong> {
    let number = field.text.parse::<f64>().ok();
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| {
            (
                field.column,
                format!("`{}` is not {what}", field.text),
                "a number above zero, such as 13.326".to_owned(),
            )
        })
}

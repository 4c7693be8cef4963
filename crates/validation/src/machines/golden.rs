//! Golden files: published results of machines, one a line.

use explore::prediction::{KernelTime, Prediction};
use strum::VariantNames;

use crate::table::{Form, GoldenError, Line, Table};

/// The published results that come with the program: name and text.
pub const SHIPPED: (&str, &str) = (
    "published-machines.csv",
    include_str!("../../data/machines/published-machines.csv"),
);

const MACHINE: &str = "machine";
const WORKLOAD: &str = "workload";
const SET: &str = "set";
const QUANTITY: &str = "quantity";
const OF: &str = "of";
const PUBLISHED: &str = "published";
const UNIT: &str = "unit";
const TOLERANCE: &str = "tolerance_percent";
const MARK: &str = "mark";
const KIND: &str = "kind";
const BASIS: &str = "basis";
const NOTE: &str = "note";

const FORM: Form = Form {
    required: &[MACHINE, WORKLOAD, QUANTITY, PUBLISHED, UNIT],
    optional: &[SET, OF, TOLERANCE, MARK, KIND, BASIS, NOTE],
    others: false,
    lines: "results",
};

/// Where a line gives no tolerance: that of a whole token.
const DEFAULT_TOLERANCE: f64 = 10.0;

/// What is compared.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames,
)]
#[strum(serialize_all = "snake_case")]
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
    /// As a golden file writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
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
        // Of the whole, or of all kernels of a name.
        let kernels = || {
            let all = prediction.kernels.iter();
            all.filter(|kernel| of.is_empty() || kernel.name == of)
        };
        let sum = |part: fn(&KernelTime) -> f64| kernels().map(part).reduce(|a, b| a + b);
        let seconds = || sum(|kernel| kernel.seconds);
        let rate = |amount: f64, seconds: f64| (seconds > 0.0).then_some(amount / seconds);
        match (self, of.is_empty()) {
            (Self::Time, true) => Some(prediction.seconds()),
            (Self::MachineTime, _) => seconds(),
            (Self::SerialTime, true) => Some(prediction.serial_seconds()),
            (Self::SerialTime, false) => {
                let terms = prediction.serial.iter();
                let named = terms.filter(|term| term.what == of);
                named.map(|term| term.seconds).reduce(|a, b| a + b)
            }
            (Self::Cycles, _) => sum(|kernel| kernel.cycles as f64),
            (Self::ReadRate, _) => rate(sum(|kernel| kernel.bytes_read as f64)?, seconds()?),
            (Self::TokenRate, true) => prediction.tokens_per_second(),
            (Self::Time | Self::TokenRate, false) => None,
        }
    }
}

/// What agreement with a published result says about the simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// No constant of the machine or the simulator was chosen to meet this result: agreement is
    /// evidence.
    Prediction,
    /// Constants that the sources leave open were chosen with this result in sight: agreement is
    /// no evidence.
    Calibrated {
        /// Which constants, and by which results.
        basis: String,
    },
    /// The machine file restates the result, or another row does: agreement is arithmetic.
    ByConstruction {
        /// What restates it.
        basis: String,
    },
}

impl RowKind {
    /// The names that a golden file uses, in the order of the variants.
    const NAMES: [&str; 3] = ["prediction", "calibrated", "by construction"];

    /// As a golden file writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Prediction => Self::NAMES[0],
            Self::Calibrated { .. } => Self::NAMES[1],
            Self::ByConstruction { .. } => Self::NAMES[2],
        }
    }

    /// What the row rests on; empty for a prediction.
    #[must_use]
    pub fn basis(&self) -> &str {
        match self {
            Self::Prediction => "",
            Self::Calibrated { basis } | Self::ByConstruction { basis } => basis,
        }
    }

    /// Reads the kind of a line and what it rests on.
    fn read(line: Line<'_>) -> Result<Self, GoldenError> {
        let (name, basis) = (line.text(KIND), line.text(BASIS).to_owned());
        let kind = match name {
            "" | "prediction" => Self::Prediction,
            "calibrated" => Self::Calibrated { basis },
            "by construction" => Self::ByConstruction { basis },
            other => {
                let message = format!("no kind of result is called `{other}`");
                let help = format!("one of {}", Self::NAMES.join(", "));
                return Err(line.error(line.column(KIND), message, help));
            }
        };
        let given = !line.text(BASIS).is_empty();
        match (&kind, given) {
            (Self::Prediction, true) => {
                let message = "a prediction rests on nothing that was chosen for it";
                let help = "an empty cell, or the kind `calibrated` or `by construction`";
                Err(line.error(line.column(BASIS), message, help))
            }
            (Self::Calibrated { .. } | Self::ByConstruction { .. }, false) => {
                let message = format!("{name}, but not by what");
                let help = "which constant was chosen by which result, or what restates the result";
                Err(line.error(line.column(BASIS), message, help))
            }
            _ => Ok(kind),
        }
    }
}

/// Columns in which cells of a line begin, from 1.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// The column where the name of the machine begins.
    pub machine: usize,
    /// The column where the name of the workload begins.
    pub workload: usize,
    /// That of what a value is of.
    pub of: usize,
}

/// One published result.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its line, from 1.
    pub line: usize,
    /// Where its cells begin.
    pub columns: Columns,
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
    /// What agreement says.
    pub kind: RowKind,
    /// What explains what is left.
    pub note: String,
}

/// Reads a golden file, in its order.
///
/// # Errors
/// At the first place that is not as it should be.
pub fn parse(file: &str, text: &str) -> Result<Vec<Row>, GoldenError> {
    let table = Table::read(file, text, &FORM)?;
    table.lines().map(row).collect()
}

fn row(line: Line<'_>) -> Result<Row, GoldenError> {
    for what in [MACHINE, WORKLOAD] {
        let field = line.field(what);
        if field.text.is_empty() {
            let help = format!("the name of a shipped {what}, or the path of a file");
            return Err(line.error(field.column, format!("no {what}"), help));
        }
    }
    let (quantity, unit) = (line.field(QUANTITY), line.field(UNIT));
    let known: Quantity = quantity.text.parse().map_err(|_| {
        let message = format!("no quantity is called `{}`", quantity.text);
        let names = Quantity::VARIANTS.join(", ");
        line.error(quantity.column, message, format!("one of {names}"))
    })?;
    let units = known.units();
    let scale = units.iter().find(|(name, _)| *name == unit.text);
    let (_, scale) = scale.ok_or_else(|| {
        let message = format!("`{}` is no unit of {}", unit.text, known.name());
        let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
        line.error(unit.column, message, format!("one of {}", names.join(", ")))
    })?;
    let changes = line.text(SET).split(';').map(str::trim);
    Ok(Row {
        line: line.number,
        columns: Columns {
            machine: line.column(MACHINE),
            workload: line.column(WORKLOAD),
            of: line.column(OF),
        },
        machine: line.text(MACHINE).to_owned(),
        workload: line.text(WORKLOAD).to_owned(),
        set: changes
            .filter(|change| !change.is_empty())
            .map(str::to_owned)
            .collect(),
        quantity: known,
        of: line.text(OF).to_owned(),
        published: positive(line, PUBLISHED, "a published value")?,
        unit: unit.text.to_string(),
        scale: *scale,
        tolerance: match line.text(TOLERANCE) {
            "" => DEFAULT_TOLERANCE,
            _ => positive(line, TOLERANCE, "a tolerance in percent")?,
        },
        mark: line.text(MARK).to_owned(),
        kind: RowKind::read(line)?,
        note: line.text(NOTE).to_owned(),
    })
}

fn positive(line: Line<'_>, name: &str, what: &str) -> Result<f64, GoldenError> {
    let field = line.field(name);
    let number = field.text.parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| {
        let message = format!("`{}` is not {what}", field.text);
        line.error(field.column, message, "a number above zero, such as 13.326")
    })
}

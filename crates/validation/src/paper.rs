//! Files of published figures.
//!
//! A comma-separated file with a header. `model` and `context_length` say which run; each further
//! column is a quantity: `projection_cycle_fraction` or `tokens_per_second`.

use workload_compiler::{Preset, find, nearest};

use crate::golden::{Form, GoldenError, Table};

/// The published files that come with the program: name and text.
pub const SHIPPED: [(&str, &str); 2] = [
    (
        "projection-fraction.csv",
        include_str!("../../../../tests/reference/paper/projection-fraction.csv"),
    ),
    (
        "tokens-per-second.csv",
        include_str!("../../../../tests/reference/paper/tokens-per-second.csv"),
    ),
];

/// What a column gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Projection cycles / (projection + attention cycles).
    ProjectionFraction,
    /// Decode rate.
    TokensPerSecond,
}

impl Quantity {
    /// All quantities.
    pub const ALL: [Self; 2] = [Self::ProjectionFraction, Self::TokensPerSecond];

    /// The head of its column.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Self::ProjectionFraction => "projection_cycle_fraction",
            Self::TokensPerSecond => "tokens_per_second",
        }
    }

    /// Digits behind the point that were printed; trailing zeros were left out.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::ProjectionFraction => 3,
            Self::TokensPerSecond => 2,
        }
    }
}

/// One published figure.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The file that it stands in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The column of its first character in the line, from 1.
    pub column: usize,
    /// The model.
    pub preset: &'static Preset,
    /// Positions that the new token sees.
    pub context: u64,
    /// What is given.
    pub quantity: Quantity,
    /// As printed.
    pub printed: String,
}

const MODEL: &str = "model";
const CONTEXT: &str = "context_length";

const FORM: Form = Form {
    required: &[MODEL, CONTEXT],
    optional: &[
        Quantity::ProjectionFraction.column(),
        Quantity::TokensPerSecond.column(),
    ],
    others: false,
    lines: "figures",
};

/// Reads a file of published figures, in its order.
///
/// # Errors
/// At the first place that is not as it should be.
pub fn parse(file: &str, text: &str) -> Result<Vec<Cell>, GoldenError> {
    let table = Table::read(file, text, &FORM)?;
    let given = |quantity: &Quantity| table.has(quantity.column());
    if !Quantity::ALL.iter().any(given) {
        return Err(table.head_error("no column gives a figure"));
    }
    let mut cells = Vec::new();
    for line in table.lines() {
        let model = line.field(MODEL);
        let preset = find(&model.text).ok_or_else(|| {
            let message = format!("no shipped model is called `{}`", model.text);
            let near = nearest(&model.text);
            let help = format!("did you mean `{near}`? `ternion models` lists all");
            line.error(model.column, message, help)
        })?;
        let context = line.field(CONTEXT);
        let positions = context.text.parse::<u64>().ok();
        let positions = positions.filter(|&positions| positions > 0);
        let positions = positions.ok_or_else(|| {
            let message = format!("`{}` is not a context length", context.text);
            line.error(
                context.column,
                message,
                "a whole number of positions, at least 1",
            )
        })?;
        for quantity in Quantity::ALL {
            let Some(field) = line.get(quantity.column()) else {
                continue;
            };
            if decimals(&field.text).is_none() {
                let message = format!("`{}` is not a printed figure", field.text);
                let help = "digits and a point, such as 0.967";
                return Err(line.error(field.column, message, help));
            }
            cells.push(Cell {
                file: file.to_owned(),
                line: line.number,
                column: field.column,
                preset,
                context: positions,
                quantity,
                printed: field.text.to_string(),
            });
        }
    }
    Ok(cells)
}

/// Digits behind the point of a plain decimal number; `None` if the text is none.
pub(super) fn decimals(text: &str) -> Option<usize> {
    let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let any = !whole.is_empty() && digits(whole) && digits(behind);
    (any && text.len() <= 20).then_some(behind.len())
}

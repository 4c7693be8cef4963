//! Files of published figures.
//!
//! A comma-separated file with a header. `model` and `context_length` say which run; each further
//! column is a quantity: `projection_cycle_fraction` or `tokens_per_second`.

use explore::published::{Cell, Printed, Quantity};
use workload_compiler::{find, nearest};

use crate::table::{Form, GoldenError, Table};

/// The published files that come with the program: name and text.
pub const SHIPPED: [(&str, &str); 2] = [
    (
        "projection-fraction.csv",
        include_str!("../data/paper/projection-fraction.csv"),
    ),
    (
        "tokens-per-second.csv",
        include_str!("../data/paper/tokens-per-second.csv"),
    ),
];

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

/// The published figures that come with the program.
///
/// # Panics
/// If a file that is compiled in is malformed; a test reads them.
#[must_use]
pub fn shipped() -> Vec<Cell> {
    let cells = SHIPPED
        .iter()
        .flat_map(|(name, text)| parse(name, text).expect("the built-in files are well formed"));
    cells.collect()
}

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
            let printed = Printed::parse(&field.text).ok_or_else(|| {
                let message = format!("`{}` is not a printed figure", field.text);
                let help = "digits and a point, such as 0.967";
                line.error(field.column, message, help)
            })?;
            cells.push(Cell {
                file: file.to_owned(),
                line: line.number,
                column: field.column,
                preset,
                context: positions,
                quantity,
                printed,
            });
        }
    }
    Ok(cells)
}

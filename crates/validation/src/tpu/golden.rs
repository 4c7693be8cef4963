//! Files of hardware counters: a comma-separated table, a line for each application.

use crate::table::{Form, GoldenError, Line, Table};

/// The published counters that come with the program.
pub const SHIPPED: (&str, &str) = ("apps.csv", include_str!("../../data/tpu-v1/apps.csv"));

/// Where the cycles of a matrix unit went, in percent of all cycles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counters {
    /// It holds a tile and multiplies.
    pub active: f64,
    /// It waits for a tile of weights.
    pub stall: f64,
    /// A tile shifts in, and nothing else happens.
    pub shift: f64,
}

/// An application and its counters.
#[derive(Clone, Debug, PartialEq)]
pub struct App {
    /// The name of the application.
    pub name: String,
    /// Fully connected layers; an application without any cannot be run.
    pub layers: u64,
    /// Bytes of all weights, 8 bits each.
    pub weights: u64,
    /// Rows of each layer's input.
    pub batch: u64,
    /// What the hardware counted.
    pub counters: Counters,
    /// Percent of all cycles in which there was no work for the matrix unit.
    pub non_matrix: f64,
    /// The file, and its line from 1.
    pub place: (String, usize),
    /// The column of `fc_layers` in the line, from 1.
    pub layers_column: usize,
}

const NAME: &str = "app";
const LAYERS: &str = "fc_layers";
const WEIGHTS: &str = "weights_bytes";
const BATCH: &str = "batch";
const ACTIVE: &str = "active_percent";
const STALL: &str = "weight_stall_percent";
const SHIFT: &str = "weight_shift_percent";
const NON_MATRIX: &str = "non_matrix_percent";

const FORM: Form = Form {
    required: &[
        NAME, LAYERS, WEIGHTS, BATCH, ACTIVE, STALL, SHIFT, NON_MATRIX,
    ],
    optional: &[],
    others: true,
    lines: "applications",
};

fn percent(line: Line<'_>, head: &str) -> Result<f64, GoldenError> {
    let field = line.field(head);
    let number = field.text.parse::<f64>().ok();
    let number = number.filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| {
        let message = format!("`{}` is no {head}", field.text);
        line.error(field.column, message, "a number from 0 to 100")
    })
}

fn app(file: &str, line: Line<'_>) -> Result<App, GoldenError> {
    let name = line.field(NAME);
    if name.text.is_empty() {
        let message = "an application without a name";
        return Err(line.error(name.column, message, "a name, such as MLP0"));
    }
    let non_matrix = percent(line, NON_MATRIX)?;
    if non_matrix >= 100.0 {
        let message = "no cycle is left for the matrix unit";
        return Err(line.error(line.column(NON_MATRIX), message, "less than 100"));
    }
    Ok(App {
        name: name.text.to_string(),
        layers: line.whole(LAYERS, 0)?,
        weights: line.whole(WEIGHTS, 1)?,
        batch: line.whole(BATCH, 1)?,
        counters: Counters {
            active: percent(line, ACTIVE)?,
            stall: percent(line, STALL)?,
            shift: percent(line, SHIFT)?,
        },
        non_matrix,
        place: (file.to_owned(), line.number),
        layers_column: line.column(LAYERS),
    })
}

/// Reads a file of counters, in its order.
///
/// # Errors
/// At the first place that is not as it should be.
pub fn parse(file: &str, text: &str) -> Result<Vec<App>, GoldenError> {
    let table = Table::read(file, text, &FORM)?;
    table.lines().map(|line| app(file, line)).collect()
}

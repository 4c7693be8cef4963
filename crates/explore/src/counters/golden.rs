//! Files of hardware counters: a comma-separated table, a line for each application.

use crate::published::{Field, GoldenError, fields};

/// The published counters that come with the program.
pub const SHIPPED: (&str, &str) = (
    "apps.csv",
    include_str!("../../../../tests/reference/tpu-v1/apps.csv"),
);

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
    /// Its name.
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

/// The columns that must be there, in any order; others are passed over.
const COLUMNS: [&str; 8] = [
    NAME, LAYERS, WEIGHTS, BATCH, ACTIVE, STALL, SHIFT, NON_MATRIX,
];

/// A line of the file under its heads.
struct Line<'a> {
    file: &'a str,
    number: usize,
    heads: &'a [String],
    fields: Vec<Field<'a>>,
}

impl Line<'_> {
    fn error(&self, column: usize, message: String, help: &str) -> GoldenError {
        GoldenError {
            file: self.file.to_owned(),
            line: self.number,
            column,
            message,
            help: help.to_owned(),
        }
    }

    fn field(&self, head: &str) -> &Field<'_> {
        let place = self.heads.iter().position(|known| known == head);
        &self.fields[place.expect("the header was checked")]
    }

    /// A whole number, at least `least`.
    fn count(&self, head: &str, least: u64) -> Result<u64, GoldenError> {
        let field = self.field(head);
        let number = field.text.parse::<u64>().ok();
        number.filter(|&number| number >= least).ok_or_else(|| {
            let message = format!("`{}` is no {head}", field.text);
            self.error(
                field.column,
                message,
                &format!("a whole number, at least {least}"),
            )
        })
    }

    fn percent(&self, head: &str) -> Result<f64, GoldenError> {
        let field = self.field(head);
        let number = field.text.parse::<f64>().ok();
        number
            .filter(|number| (0.0..=100.0).contains(number))
            .ok_or_else(|| {
                let message = format!("`{}` is no {head}", field.text);
                self.error(field.column, message, "a number from 0 to 100")
            })
    }

    fn app(&self) -> Result<App, GoldenError> {
        let name = self.field(NAME);
        if name.text.is_empty() {
            let message = "an application without a name".to_owned();
            return Err(self.error(name.column, message, "a name, such as MLP0"));
        }
        let non_matrix = self.percent(NON_MATRIX)?;
        if non_matrix >= 100.0 {
            let column = self.field(NON_MATRIX).column;
            let message = "no cycle is left for the matrix unit".to_owned();
            return Err(self.error(column, message, "less than 100"));
        }
        Ok(App {
            name: name.text.to_owned(),
            layers: self.count(LAYERS, 0)?,
            weights: self.count(WEIGHTS, 1)?,
            batch: self.count(BATCH, 1)?,
            counters: Counters {
                active: self.percent(ACTIVE)?,
                stall: self.percent(STALL)?,
                shift: self.percent(SHIFT)?,
            },
            non_matrix,
            place: (self.file.to_owned(), self.number),
            layers_column: self.field(LAYERS).column,
        })
    }
}

/// Reads a file of counters, in its order.
///
/// # Errors
/// At the first place that is not as it should be.
pub fn parse(file: &str, text: &str) -> Result<Vec<App>, GoldenError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let form = format!("the header names {}", COLUMNS.join(", "));
    let error = |line, column, message: String| GoldenError {
        file: file.to_owned(),
        line,
        column,
        message,
        help: form.clone(),
    };
    let Some((number, header)) = lines.next() else {
        return Err(error(1, 1, "the file is empty".into()));
    };
    let heads: Vec<String> = fields(header)
        .iter()
        .map(|field| field.text.to_owned())
        .collect();
    for column in COLUMNS {
        match heads.iter().filter(|head| *head == column).count() {
            1 => {}
            0 => return Err(error(number, 1, format!("there is no column `{column}`"))),
            _ => {
                return Err(error(
                    number,
                    1,
                    format!("two columns are called `{column}`"),
                ));
            }
        }
    }
    let mut apps = Vec::new();
    for (number, text) in lines {
        let line = Line {
            file,
            number,
            heads: &heads,
            fields: fields(text),
        };
        if line.fields.len() != heads.len() {
            let message = format!("{} cells under {} heads", line.fields.len(), heads.len());
            return Err(line.error(1, message, "one cell under each head"));
        }
        apps.push(line.app()?);
    }
    if apps.is_empty() {
        return Err(error(number, 1, "a header and no applications".into()));
    }
    Ok(apps)
}

//! Files of published figures.
//!
//! A comma-separated file with a header. `model` and `context_length` say which run; each further
//! column is a quantity: `projection_cycle_fraction` or `tokens_per_second`.

use workload_compiler::{Preset, find, nearest};

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

/// A file that is not of this form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct GoldenError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
    /// What would be right.
    pub help: String,
}

/// A cell of a line: its text, and where it begins.
pub(crate) struct Field<'a> {
    pub(crate) text: &'a str,
    pub(crate) column: usize,
}

pub(crate) fn fields(line: &str) -> Vec<Field<'_>> {
    let mut start = 1;
    line.split(',')
        .map(|raw| {
            let blank = raw.chars().take_while(|c| c.is_whitespace()).count();
            let column = start + blank;
            start += raw.chars().count() + 1;
            Field {
                text: raw.trim(),
                column,
            }
        })
        .collect()
}

/// The columns of a file.
struct Header {
    model: usize,
    context: usize,
    quantities: Vec<(usize, Quantity)>,
    width: usize,
}

/// Reads a file of published figures, in its order.
///
/// # Errors
/// At the first place that is not as it should be.
pub fn parse(file: &str, text: &str) -> Result<Vec<Cell>, GoldenError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let at = |line: usize, column: usize| {
        move |message: String, help: &str| GoldenError {
            file: file.to_owned(),
            line,
            column,
            message,
            help: help.to_owned(),
        }
    };
    let Some((line, head)) = lines.next() else {
        return Err(at(1, 1)("the file is empty".into(), FORM));
    };
    let header =
        header(&fields(head)).map_err(|(column, message)| at(line, column)(message, FORM))?;
    let mut cells = Vec::new();
    for (line, text) in lines {
        let fields = fields(text);
        if fields.len() != header.width {
            let message = format!("{} cells under {} heads", fields.len(), header.width);
            return Err(at(line, 1)(message, "one cell under each head"));
        }
        let model = &fields[header.model];
        let preset = find(model.text).ok_or_else(|| {
            let help = format!(
                "did you mean `{}`? `ternion models` lists all",
                nearest(model.text)
            );
            at(line, model.column)(
                format!("no shipped model is called `{}`", model.text),
                &help,
            )
        })?;
        let context = &fields[header.context];
        let positions = context
            .text
            .parse::<u64>()
            .ok()
            .filter(|&positions| positions > 0);
        let positions = positions.ok_or_else(|| {
            let message = format!("`{}` is not a context length", context.text);
            at(line, context.column)(message, "a whole number of positions, at least 1")
        })?;
        for &(index, quantity) in &header.quantities {
            let field = &fields[index];
            if decimals(field.text).is_none() {
                let message = format!("`{}` is not a printed figure", field.text);
                return Err(at(line, field.column)(
                    message,
                    "digits and a point, such as 0.967",
                ));
            }
            cells.push(Cell {
                file: file.to_owned(),
                line,
                column: field.column,
                preset,
                context: positions,
                quantity,
                printed: field.text.to_owned(),
            });
        }
    }
    if cells.is_empty() {
        return Err(at(line, 1)("a header and no figures".into(), FORM));
    }
    Ok(cells)
}

const FORM: &str = "the header names `model`, `context_length` and `projection_cycle_fraction` or \
                    `tokens_per_second`; one line for each run follows";

fn header(fields: &[Field<'_>]) -> Result<Header, (usize, String)> {
    let place = |name: &str| fields.iter().position(|field| field.text == name);
    for (index, field) in fields.iter().enumerate() {
        let known = ["model", "context_length"].contains(&field.text)
            || Quantity::ALL
                .iter()
                .any(|quantity| quantity.column() == field.text);
        if !known {
            return Err((
                field.column,
                format!("a column `{}` is not known", field.text),
            ));
        }
        if place(field.text) != Some(index) {
            return Err((
                field.column,
                format!("two columns are called `{}`", field.text),
            ));
        }
    }
    let need = |name: &str| place(name).ok_or((1, format!("there is no column `{name}`")));
    let quantities: Vec<_> = Quantity::ALL
        .into_iter()
        .filter_map(|quantity| Some((place(quantity.column())?, quantity)))
        .collect();
    if quantities.is_empty() {
        return Err((1, "no column gives a figure".into()));
    }
    Ok(Header {
        model: need("model")?,
        context: need("context_length")?,
        quantities,
        width: fields.len(),
    })
}

/// Digits behind the point of a plain decimal number; `None` if the text is none.
pub(super) fn decimals(text: &str) -> Option<usize> {
    let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let any = !whole.is_empty() && digits(whole) && digits(behind);
    (any && text.len() <= 20).then_some(behind.len())
}

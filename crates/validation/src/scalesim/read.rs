//! Lines of comma-separated fields, and what can be wrong with them.

use std::fmt;
use std::str::FromStr;

/// What is wrong with a file of the tool, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line, counted from one; `None` for the file as a whole.
    pub line: Option<usize>,
    /// The name of the column, or of the key.
    pub column: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl ReadError {
    pub(crate) fn file(message: impl fmt::Display) -> Self {
        Self {
            line: None,
            column: None,
            message: message.to_string(),
            help: None,
        }
    }

    pub(crate) fn at(line: usize, message: impl fmt::Display) -> Self {
        Self {
            line: Some(line),
            ..Self::file(message)
        }
    }

    pub(crate) fn column(mut self, name: &str) -> Self {
        self.column = Some(name.to_owned());
        self
    }

    pub(crate) fn help(mut self, help: impl fmt::Display) -> Self {
        self.help = Some(help.to_string());
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, &self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, {column}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, Some(column)) => write!(f, "{column}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.message)?;
        self.help
            .as_ref()
            .map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for ReadError {}

/// Lines that are not empty, with their numbers from one, without a byte-order mark.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, line)| !line.is_empty())
}

/// The fields of a line. A comma that ends the line ends its last field.
pub(crate) fn fields(line: &str) -> Vec<&str> {
    let line = line.trim_end();
    line.strip_suffix(',')
        .unwrap_or(line)
        .split(',')
        .map(str::trim)
        .collect()
}

/// A field that is a number.
pub(crate) fn number<T: FromStr>(line: usize, column: &str, field: &str) -> Result<T, ReadError> {
    if field.is_empty() {
        return Err(ReadError::at(line, "the field is empty")
            .column(column)
            .help("a whole number"));
    }
    field.parse().map_err(|_| {
        ReadError::at(line, format!("`{field}` is not a number that fits here"))
            .column(column)
            .help("a whole number")
    })
}

/// A field that is a number above zero.
pub(crate) fn dimension(line: usize, column: &str, field: &str) -> Result<u64, ReadError> {
    match number(line, column, field)? {
        0 => Err(ReadError::at(line, "a dimension of 0")
            .column(column)
            .help("at least 1")),
        value => Ok(value),
    }
}

//! What is wrong with a field that parsed, but cannot stand.

use std::fmt;

/// An error of the second step of reading a file: the text parsed, but a value (or a combination
/// of values) makes no sense. The path finds the field again in the text that it came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct FieldError {
    /// Where: `arrays[0].rows`, `run.context`. Empty for the file as a whole.
    pub path: String,
    /// What is wrong, with the value: "0 rows".
    pub message: String,
    /// What would be right, if it can be said.
    pub help: Option<String>,
}

impl FieldError {
    /// An error at a field.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            path: path.into(),
            message: message.to_string(),
            help: None,
        }
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl fmt::Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    /// The same error seen from one level further out: `rows` inside `arrays[0]` is
    /// `arrays[0].rows`.
    #[must_use]
    pub fn inside(mut self, outer: impl fmt::Display) -> Self {
        self.path = if self.path.is_empty() {
            outer.to_string()
        } else if self.path.starts_with('[') {
            format!("{outer}{}", self.path)
        } else {
            format!("{outer}.{}", self.path)
        };
        self
    }
}

//! What is wrong with a field that parsed, but cannot stand.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::source::Origin;

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
    /// Where the mistake stands, if it is in another file that the field names.
    pub place: Option<Box<OtherFile>>,
}

/// A place in a file that a field names, such as the `config.json` of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherFile {
    name: String,
    text: Arc<str>,
    span: Range<usize>,
}

impl OtherFile {
    /// The bytes `span` of the `text` of the file called `name`.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>, span: Range<usize>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            span,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin {
            name: self.name.clone(),
            text: self.text.to_string(),
        }
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

impl FieldError {
    /// An error at a field.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            path: path.into(),
            message: message.to_string(),
            help: None,
            place: None,
        }
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl fmt::Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    /// The same error, which stands at this place of another file.
    #[must_use]
    pub fn in_file(mut self, place: OtherFile) -> Self {
        self.place = Some(Box::new(place));
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

//! What is wrong at a place of one text, before it is known which file the text came from.

use std::fmt::Display;

use serde::de::{self, Expected, Unexpected};

use crate::habit;
use crate::quantity;
use crate::suggest::{among, nearest};
use crate::tree::Span;

/// What is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) span: Option<Span>,
    pub(crate) message: String,
    pub(crate) label: Option<String>,
    pub(crate) help: Option<String>,
    /// What else is to be said.
    pub(crate) note: Option<String>,
}

impl Mistake {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            span: None,
            message: message.into(),
            label: None,
            help: None,
            note: None,
        }
    }

    /// At this place, unless an inner value has named a closer one.
    pub(crate) fn at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what else is to be said.
    pub(crate) fn more(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// A name that is not among those known here.
    pub(crate) fn unknown(what: &str, plural: &str, found: &str, known: &[&str]) -> Self {
        let mistake = Self::new(format!("unknown {what} `{}`", brief(found)));
        let mistake = match nearest(found, known) {
            Some(near) => mistake.label(format!("did you mean `{near}`?")),
            None => mistake.label("not known here"),
        };
        mistake.help(match known {
            [] => format!("no {plural} are known here"),
            _ => format!("the {plural} known here: {}", among(known)),
        })
    }

    /// An error of `ron` itself: the text is not RON.
    pub(crate) fn of_syntax(text: &str, error: &ron::error::SpannedError) -> Self {
        if error.code == ron::Error::ExceededRecursionLimit {
            let at = offset(text, error.span.start.line, error.span.start.col).min(text.len());
            return Self::new("brackets are nested too deeply")
                .label("more brackets are open here than are read")
                .help("no file of this program needs more than ten levels")
                .at(at..at);
        }
        let habit = offset(text, error.span.start.line, error.span.start.col);
        if error.code != ron::Error::Eof
            && let Some(mistake) = habit::explain(text, habit, &error.code)
        {
            return mistake;
        }
        let end = offset(text, error.span.end.line, error.span.end.col);
        // The cursor often stands behind the space that precedes what is wrong.
        let start = end.min(text.len());
        let width = text[start..].chars().next().map_or(0, char::len_utf8);
        let mut message = error.code.to_string();
        if let Some(first) = message.get(..1) {
            let lower = first.to_lowercase();
            message.replace_range(..1, &lower);
        }
        if error.code == ron::Error::ExpectedComma {
            message = "a comma, or the closing bracket, is missing before this".into();
        }
        let mistake = Self::new(format!("not well-formed RON: {message}"));
        if error.code == ron::Error::Eof {
            let end = text.trim_end().len();
            let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
            return mistake
                .label("the text ends here")
                .help("a `)`, `]` or quote may be missing")
                .at(end - last..end);
        }
        mistake.at(start..start + width)
    }
}

/// What is written, cut where it is longer than a message should be.
pub(crate) fn brief(written: &str) -> String {
    const MOST_CHARACTERS: usize = 60;
    match written.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &written[..end]),
        None => written.to_owned(),
    }
}

/// The byte at a line and column counted from one, in characters.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let inside: usize = text[start.min(text.len())..]
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    start + inside
}

impl Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found {unexpected}"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found {unexpected}"))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, found {length} values"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        if let Some(what) = quantity::kind_of_units(expected) {
            let units = format!("the units of {what}: {}", among(expected));
            return Self::new(format!("`{variant}` is not a unit of {what}"))
                .label("wrong unit")
                .help(quantity::instead_of(variant).map_or(units, str::to_owned));
        }
        Self::unknown("variant", "variants", variant, expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("field", "fields", field, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("field `{field}` is missing"))
            .label(format!("`{field}` is required here"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("field `{field}` is given twice"))
    }
}

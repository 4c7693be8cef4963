//! Errors for the people who write the files.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::printable::{escaped, printable, printable_lines};
use crate::source::Origin;
use crate::tree::Span;

/// What is wrong with a file or an override: it points at the place, says what is wrong there and,
/// where that can be said, what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(Box<Content>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    severity: Severity,
    message: String,
    place: Option<(Origin, Span)>,
    label: String,
    notes: Vec<String>,
    help: Option<String>,
}

/// Whether the file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Error,
    Warning,
}

/// Longer messages than that are cut: whatever a file holds can stand in one.
const LONGEST_MESSAGE_BYTES: usize = 2000;

/// How an error is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// As plain text.
    Plain,
    /// With the colours of a terminal.
    Coloured,
}

impl ConfigError {
    /// An error that stands at no place of a text.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST_MESSAGE_BYTES {
            let mut end = LONGEST_MESSAGE_BYTES;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
            message.push('…');
        }
        Self(Box::new(Content {
            severity: Severity::Error,
            message,
            place: None,
            label: String::new(),
            notes: Vec::new(),
            help: None,
        }))
    }

    pub(crate) fn at(mut self, origin: &Origin, span: Span, label: impl Into<String>) -> Self {
        let span = whole_characters(&origin.text, span);
        self.0.place = Some((origin.clone(), span));
        self.0.label = label.into();
        self
    }

    /// The same, as a warning: the file is taken all the same.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.0.severity = Severity::Warning;
        self
    }

    /// Adds what else is known.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.0.notes.push(note.into());
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.0.help = help.or(self.0.help);
        self
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The error as it is shown: with the line it points at, coloured for a terminal or plain. What
    /// it quotes is printable, whatever was in the file.
    #[must_use]
    pub fn render(&self, paint: Paint) -> String {
        let Content {
            severity,
            message,
            place,
            label,
            notes,
            help,
        } = &*self.0;
        let level = match severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let label = printable(label);
        let mut group = level
            .primary_title(printable_lines(message))
            .elements(place.iter().map(|(origin, span)| {
                let lines = Lines::around(&origin.text, span);
                Snippet::source(lines.text)
                    .line_start(lines.first)
                    .path(printable(&origin.name))
                    .annotation(
                        AnnotationKind::Primary
                            .span(lines.span)
                            .label((!label.is_empty()).then_some(&*label)),
                    )
            }));
        for note in notes {
            group = group.element(Level::NOTE.message(printable_lines(note)));
        }
        if let Some(help) = help {
            group = group.element(Level::HELP.message(printable_lines(help)));
        }
        let renderer = match paint {
            Paint::Plain => Renderer::plain(),
            Paint::Coloured => Renderer::styled(),
        };
        // The line of the file: the renderer replaces most of what is not to be printed, not all.
        let colours = |c| paint == Paint::Coloured && c == '\u{1b}';
        escaped(&renderer.render(&[group]), |c| c == '\n' || colours(c)).into_owned()
    }
}

/// The lines of a text that a span is in: all that is shown of it, and all that is laid out. (A
/// library that lays out a text of 16 million lines takes gigabytes.)
struct Lines<'a> {
    text: &'a str,
    /// The number of the first, counted from one.
    first: usize,
    /// The span inside them.
    span: Span,
}

impl<'a> Lines<'a> {
    fn around(text: &'a str, span: &Span) -> Self {
        let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[span.end..]
            .find('\n')
            .map_or(text.len(), |at| span.end + at);
        let before = text[..start].bytes();
        Self {
            text: &text[start..end],
            first: 1 + before.filter(|&byte| byte == b'\n').count(),
            span: span.start - start..span.end - start,
        }
    }
}

/// A span of bytes that may begin or end inside a character, widened to all of it: whoever points
/// at one byte need not know how long its character is.
fn whole_characters(text: &str, span: Span) -> Span {
    let inside = |at: &usize| *at < text.len() && !text.is_char_boundary(*at);
    let start = (0..=span.start).rev().find(|at| !inside(at));
    let end = (span.end..).find(|at| !inside(at));
    start.unwrap_or(0)..end.unwrap_or(span.end)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Paint::Plain))
    }
}

//! A file as read, with its overrides.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::deserialize::Reader;
use crate::mistake::Mistake;
use crate::overrides::Override;
use crate::path::{self, Place, Step, contents, follow, path_at};
use crate::printable;
use crate::read::BYTE_ORDER_MARK;
use crate::source::{Part, Source};
use crate::tree::{self, Group, Node, Span, Value};
use crate::{ConfigError, FieldError};

/// A RON file as it was read, and what overrides made of it.
///
/// Reading goes in two steps. [`Document::read`] checks the text against a raw type: names, kinds
/// of values, units. The caller then resolves the raw type into checked data, and
/// [`Document::point`] finds the place of a [`FieldError`] of that step again.
/// [`Document::resolve`] does both.
#[derive(Clone, Debug)]
pub struct Document {
    source: Source,
    root: Node,
}

impl Document {
    /// Takes a text; `name` stands for it in errors. A byte-order mark at its beginning is skipped.
    ///
    /// # Errors
    /// If it is empty or not RON.
    pub fn parse(name: impl Into<String>, text: impl Into<String>) -> Result<Self, ConfigError> {
        let mut text = text.into();
        if text.starts_with(BYTE_ORDER_MARK) {
            text.remove(0);
        }
        let source = Source::new(name.into(), text);
        match tree::parse(source.text()) {
            Ok(root) => Ok(Self { source, root }),
            Err(mistake) if source.text().trim().is_empty() => {
                Err(
                    ConfigError::new(format!("`{}`: {}", source.name(), mistake.message))
                        .help("a machine file begins `Machine(`, a workload file `Workload(`"),
                )
            }
            Err(mistake) => Err(shown(&source, None, mistake)),
        }
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// The name that the text begins with (`Machine`, `Workload`), if any.
    #[must_use]
    pub fn root_name(&self) -> Option<&str> {
        match &self.root.value {
            Value::Group(group) => group.name.as_ref().map(|(name, _)| name.as_str()),
            Value::Name(name) => Some(name),
            _ => None,
        }
    }

    /// An error about the text as a whole, shown at its beginning.
    #[must_use]
    pub fn complain(&self, message: impl Into<String>) -> ConfigError {
        let (origin, span) = self.source.locate(&self.root.head());
        ConfigError::new(message).at(origin, span, "")
    }

    /// Puts the value of an override in place of what the file has at that path; a field that the
    /// file does not give is added.
    ///
    /// # Errors
    /// If the path leads nowhere or the value is not RON. Whether a field exists, and takes such
    /// a value, is only known when the text is read: that error then points at the override.
    pub fn set(&mut self, change: &Override) -> Result<(), ConfigError> {
        let origin = change.origin();
        let pointed = |mistake: Mistake, base: usize| {
            let span = mistake.span.clone().unwrap_or(0..0);
            let label = mistake.label.clone().unwrap_or_default();
            ConfigError::new(mistake.message)
                .at(&origin, base + span.start..base + span.end, label)
                .maybe_help(mistake.help)
        };
        let start = change.path_span().start;
        let steps = path::parse(change.path()).map_err(|mistake| pointed(mistake, start))?;
        let text = change.value();
        let (span, parts) = match follow(&self.root, &steps) {
            Place::Found(node) => {
                let value = change.value_span();
                let parts = if is_bare_text(node, text) {
                    vec![
                        Part::Made("\"", value.clone()),
                        Part::Copied(value.clone()),
                        Part::Made("\"", value),
                    ]
                } else {
                    tree::parse(text).map_err(|mistake| pointed(mistake, value.start))?;
                    vec![Part::Copied(value)]
                };
                (node.span.clone(), parts)
            }
            Place::Absent { inside, step } => {
                tree::parse(text).map_err(|mistake| pointed(mistake, change.value_span().start))?;
                let at = insertion_point(inside, &steps, step)
                    .map_err(|mistake| pointed(mistake, start))?;
                (at, insertion(inside, &steps[step..], change, start))
            }
        };
        let mut source = self.source.clone();
        source.replace(span, origin.clone(), &parts);
        match tree::parse(source.text()) {
            Ok(root) => {
                *self = Self { source, root };
                Ok(())
            }
            Err(mistake) => Err(shown(&source, None, mistake)),
        }
    }

    /// Reads the text as a raw type.
    ///
    /// # Errors
    /// At the name, value or field that the type does not know or take, and at a text with a
    /// control character.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        printable::check(&self.root)
            .and_then(|()| T::deserialize(Reader::new(&self.root)))
            .map_err(|mistake| shown(&self.source, Some(&self.root), mistake))
    }

    /// Reads the text as a raw type and resolves that.
    ///
    /// # Errors
    /// Those of [`Document::read`] and, at their place in the text, those of `resolve`.
    pub fn resolve<Raw, T>(
        &self,
        resolve: impl FnOnce(&Raw) -> Result<T, FieldError>,
    ) -> Result<T, ConfigError>
    where
        Raw: DeserializeOwned + Serialize,
    {
        let raw: Raw = self.read()?;
        resolve(&raw).map_err(|error| self.point(&error, Self::with_defaults(&raw).as_deref()))
    }

    /// A raw type as RON, with the defaults that reading filled in: what [`Document::point`] takes
    /// to tell which default is in force.
    #[must_use]
    pub fn with_defaults<Raw: Serialize>(raw: &Raw) -> Option<String> {
        ron::to_string(raw).ok()
    }

    /// A value in one line is pointed at as a whole, a longer one at its head.
    fn whole_or_head(&self, node: &Node) -> Span {
        if self.source.text()[node.span.clone()].contains('\n') {
            node.head()
        } else {
            node.span.clone()
        }
    }

    /// Shows a field error at its place. If the file leaves the field out, `defaults` (the raw
    /// type with its defaults filled in, as RON) tells which value is in force. An error in another
    /// file that this one names is shown there.
    #[must_use]
    pub fn point(&self, error: &FieldError, defaults: Option<&str>) -> ConfigError {
        if let Some(place) = &error.place {
            let within = format!("`{}` of {} names this file", error.path, self.name());
            return ConfigError::new(&error.message)
                .at(&place.origin(), place.span(), "")
                .note(within)
                .maybe_help(error.help.clone());
        }
        let steps = path::parse(&error.path).unwrap_or_default();
        let (span, note) = match follow(&self.root, &steps) {
            Place::Found(node) => (self.whole_or_head(node), None),
            Place::Absent { inside, step } => {
                let given = &error.path[..steps[step].1.end];
                let default = defaults.and_then(|text| default_at(text, &error.path));
                let note = match default.filter(|value| value != "None") {
                    Some(value) if given == error.path => {
                        format!("`{given}` is not given here; its default is {value}")
                    }
                    Some(value) => format!(
                        "`{given}` is not given here; the default of `{}` is {value}",
                        error.path
                    ),
                    None => format!("`{given}` is not given here"),
                };
                (inside.head(), Some(note))
            }
        };
        let (origin, place) = self.source.locate(&span);
        let message = if error.path.is_empty() {
            error.message.clone()
        } else {
            format!("{}: {}", error.path, error.message)
        };
        let shown = ConfigError::new(message).at(origin, place, "");
        match note {
            Some(note) => shown.note(note),
            None => shown,
        }
        .maybe_help(error.help.clone())
    }
}

/// The value of a field in a text that has all fields.
fn default_at(text: &str, path: &str) -> Option<String> {
    let root = tree::parse(text).ok()?;
    let steps = path::parse(path).ok()?;
    match follow(&root, &steps) {
        Place::Found(node) => Some(text[node.span.clone()].to_string()),
        Place::Absent { .. } => None,
    }
}

/// A mistake of reading, at its place.
fn shown(source: &Source, root: Option<&Node>, mistake: Mistake) -> ConfigError {
    let span = mistake.span.unwrap_or(0..0);
    let path = root
        .map(|root| path_at(root, span.start))
        .unwrap_or_default();
    let message = if path.is_empty() {
        mistake.message
    } else {
        format!("{path}: {}", mistake.message)
    };
    let (origin, place) = source.locate(&span);
    let shown = ConfigError::new(message).at(origin, place, mistake.label.unwrap_or_default());
    match mistake.note {
        Some(note) => shown.note(note),
        None => shown,
    }
    .maybe_help(mistake.help)
}

/// Whether a value is text without its quotes, which shells eat: where the file has text, and
/// what is given has no marks of anything else.
fn is_bare_text(node: &Node, given: &str) -> bool {
    matches!(node.value, Value::Text(_)) && !given.contains(['(', '[', '{', '"'])
}

/// Where a field that is absent can be put: behind the last entry of the group.
fn insertion_point(inside: &Node, steps: &path::Path, step: usize) -> Result<Span, Mistake> {
    let (wanted, span) = &steps[step];
    match (&inside.value, wanted) {
        (Value::Group(Group { body, entries, .. }), Step::Field(_)) => {
            let at = match entries.last() {
                Some(last) if last.field.is_some() => last.value.span.end,
                Some(_) => return Err(nowhere(inside, span)),
                None => body.start + 1,
            };
            Ok(at..at)
        }
        (Value::Map(pairs), Step::Field(_)) => {
            let at = pairs
                .last()
                .map_or(inside.span.start + 1, |(_, value)| value.span.end);
            Ok(at..at)
        }
        _ => Err(nowhere(inside, span)),
    }
}

fn nowhere(inside: &Node, span: &Span) -> Mistake {
    Mistake::new("the path leads nowhere")
        .label("there is no such entry")
        .help(contents(inside))
        .at(span.clone())
}

/// The text of an absent field, with the groups and lists around its value.
fn insertion<'a>(
    inside: &Node,
    steps: &[(Step, Span)],
    change: &Override,
    start: usize,
) -> Vec<Part<'a>> {
    let moved = |span: &Span| start + span.start..start + span.end;
    let all = change.path_span();
    let mut parts = Vec::new();
    let filled = match &inside.value {
        Value::Group(group) => !group.entries.is_empty(),
        Value::Map(pairs) => !pairs.is_empty(),
        _ => false,
    };
    if filled {
        parts.push(Part::Made(", ", all.clone()));
    }
    let mut closing = Vec::new();
    for (number, (step, span)) in steps.iter().enumerate() {
        match step {
            Step::Field(_) => {
                if number > 0 {
                    parts.push(Part::Made("(", all.clone()));
                    closing.push(Part::Made(")", all.clone()));
                }
                let quote = number == 0 && matches!(inside.value, Value::Map(_));
                let quote = Part::Made(if quote { "\"" } else { "" }, all.clone());
                parts.push(quote.clone());
                parts.push(Part::Copied(moved(span)));
                parts.push(quote);
                parts.push(Part::Made(": ", all.clone()));
            }
            Step::Index(_) => {
                parts.push(Part::Made("[", all.clone()));
                closing.push(Part::Made("]", all.clone()));
            }
        }
    }
    parts.push(Part::Copied(change.value_span()));
    parts.extend(closing.into_iter().rev());
    parts
}

//! `--set hw.arrays[0].rows=64`: a change to one field of one of several documents.

use crate::ConfigError;
use crate::mistake::Mistake;
use crate::source::Origin;
use crate::tree::Span;

/// A change to one field, as given on a command line: `target.path=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    argument: String,
    target: Span,
    path: Span,
    value: Span,
}

impl Override {
    /// Takes an argument apart. `targets` are the documents that it may name (`hw`, `workload`).
    ///
    /// # Errors
    /// If it is not of the form `target.path=value`, pointing into the argument.
    pub fn parse(argument: &str, targets: &[&str]) -> Result<Self, ConfigError> {
        let origin = origin(argument);
        let shown = |mistake: Mistake| {
            ConfigError::new(mistake.message)
                .at(
                    &origin,
                    mistake.span.unwrap_or(0..argument.len()),
                    mistake.label.unwrap_or_default(),
                )
                .maybe_help(mistake.help)
        };
        let example = format!(
            "write it as {}.FIELD=VALUE",
            targets.join(".FIELD=VALUE or ")
        );
        let Some(equals) = argument.find('=') else {
            return Err(shown(
                Mistake::new("`=` is missing in this override").help(example),
            ));
        };
        let path = argument[..equals].trim_end();
        let target_end = path.find(['.', '[']).unwrap_or(path.len());
        let target = &argument[..target_end];
        if !targets.contains(&target) {
            return Err(shown(
                Mistake::unknown("file to override", "files", target, targets)
                    .help(example)
                    .at(0..target_end),
            ));
        }
        if !path[target_end..].starts_with('.') {
            return Err(shown(
                Mistake::new("this override names no field")
                    .help(example)
                    .at(0..path.len()),
            ));
        }
        let value = &argument[equals + 1..];
        let blank = value.len() - value.trim_start().len();
        let start = equals + 1 + blank;
        let end = (start + value.trim().len()).max(start);
        if start == end {
            return Err(shown(
                Mistake::new("this override gives no value").at(equals..equals + 1),
            ));
        }
        Ok(Self {
            argument: argument.into(),
            target: 0..target_end,
            path: target_end + 1..path.len(),
            value: start..end,
        })
    }

    /// The document that it changes.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.argument[self.target.clone()]
    }

    /// The path of the field.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.argument[self.path.clone()]
    }

    /// The value, as written.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.argument[self.value.clone()]
    }

    /// The argument as a text to point into.
    pub(crate) fn origin(&self) -> Origin {
        origin(&self.argument)
    }

    pub(crate) fn path_span(&self) -> Span {
        self.path.clone()
    }

    pub(crate) fn value_span(&self) -> Span {
        self.value.clone()
    }
}

fn origin(argument: &str) -> Origin {
    Origin {
        name: "--set".into(),
        text: argument.into(),
    }
}

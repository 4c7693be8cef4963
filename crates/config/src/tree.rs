//! A RON text as a tree in which every value knows where it stands.
//!
//! `ron` decides what is RON: [`parse`] asks it first, so the scanner below only ever sees text
//! that is well formed and can stay small. What the tree adds is the place of each name and value,
//! for errors that point and for overrides that edit the text.

use std::ops::Range;

use crate::mistake::{Mistake, brief};

/// A place in a text, in bytes.
pub(crate) type Span = Range<usize>;

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A bare name: a unit variant, `true`, `None`.
    Name(String),
    /// A number as written.
    Number(String),
    /// A string (or character), unescaped.
    Text(String),
    /// A list in brackets: `[..]`.
    List(Vec<Node>),
    /// A map in braces, as pairs of key and value: `{..}`.
    Map(Vec<(Node, Node)>),
    /// `(..)` or `Name(..)`
    Group(Group),
}

/// A parenthesised group: struct, tuple or variant payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: Option<(String, Span)>,
    /// From `(` to `)`, both included.
    pub(crate) body: Span,
    pub(crate) entries: Vec<Entry>,
}

/// One entry of a group: `field: value`, or a value alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) field: Option<(String, Span)>,
    pub(crate) value: Node,
}

impl Group {
    /// The entry of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.field.as_ref().is_some_and(|(field, _)| field == name))
    }

    /// The only entry, if it is a value alone: the inside of `Some(..)` or of a newtype.
    pub(crate) fn only_value(&self) -> Option<&Node> {
        match self.entries.as_slice() {
            [Entry { field: None, value }] => Some(value),
            _ => None,
        }
    }

    /// Where to point for the group as a whole: its name, or its opening parenthesis.
    pub(crate) fn head(&self) -> Span {
        match &self.name {
            Some((_, span)) => span.clone(),
            None => self.body.start..self.body.start + 1,
        }
    }
}

impl Node {
    /// Where to point for the value as a whole: all of it if it is short, its head otherwise.
    pub(crate) fn head(&self) -> Span {
        match &self.value {
            Value::Group(group) => group.head(),
            Value::List(_) | Value::Map(_) => self.span.start..self.span.start + 1,
            _ => self.span.clone(),
        }
    }

    /// What the value is, for messages.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Name(name) => format!("the name `{}`", brief(name)),
            Value::Number(number) => format!("the number `{}`", brief(number)),
            Value::Text(text) => format!("the text {:?}", brief(text)),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
            Value::Group(Group {
                name: Some((name, _)),
                ..
            }) => format!("`{}(..)`", brief(name)),
            Value::Group(_) => "a group `(..)`".into(),
        }
    }

    /// What would be right in place of a word of JSON, Python or YAML that RON does not have.
    pub(crate) fn foreign_word(&self) -> Option<&'static str> {
        let Value::Name(name) = &self.value else {
            return None;
        };
        match name.as_str() {
            "True" | "TRUE" | "yes" | "Yes" | "on" | "On" => Some("write `true`"),
            "False" | "FALSE" | "no" | "No" | "off" | "Off" => Some("write `false`"),
            "null" | "Null" | "NULL" | "nil" | "none" | "None" | "undefined" => {
                Some("leave the field out: it then has its default, if it has one")
            }
            _ => None,
        }
    }
}

/// Parses a text.
pub(crate) fn parse(text: &str) -> Result<Node, Mistake> {
    if text.trim().is_empty() {
        return Err(Mistake::new("the file is empty").at(0..0));
    }
    ron::from_str::<serde::de::IgnoredAny>(text)
        .map_err(|error| Mistake::of_syntax(text, &error))?;
    let mut scanner = Scanner { text, at: 0 };
    scanner.skip_attributes();
    scanner.value()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// `ron` has accepted the text, so this is a form of RON that no file of ours has a use for.
    fn unsupported(&self) -> Mistake {
        Mistake::new("this form of RON is not used in these files").at(self.at..self.at + 1)
    }

    fn skip_space(&mut self) {
        loop {
            let trimmed = self.rest().trim_start();
            self.at = self.text.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.skip_block_comment();
            } else {
                return;
            }
        }
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0usize;
        while let Some(next) = self.peek() {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += next.len_utf8();
            }
        }
    }

    fn skip_attributes(&mut self) {
        self.skip_space();
        while self.rest().starts_with("#!") {
            self.at += self
                .rest()
                .find(']')
                .map_or(self.rest().len(), |end| end + 1);
            self.skip_space();
        }
    }

    fn eat(&mut self, expected: char) -> bool {
        self.skip_space();
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn value(&mut self) -> Result<Node, Mistake> {
        self.skip_space();
        let start = self.at;
        let value = match self.peek() {
            Some('(') => Value::Group(self.group(None)?),
            Some('[') => Value::List(self.list()?),
            Some('{') => Value::Map(self.map()?),
            Some('"' | '\'') => self.quoted()?,
            Some('r') if self.rest().starts_with("r\"") || self.rest().starts_with("r#") => {
                self.quoted()?
            }
            Some(first) if first.is_ascii_digit() || "+-.".contains(first) => {
                Value::Number(self.number())
            }
            Some(first) if first.is_alphabetic() || first == '_' => {
                let name = self.name();
                let end = self.at;
                self.skip_space();
                if self.peek() == Some('(') {
                    Value::Group(self.group(Some((name, start..end)))?)
                } else {
                    self.at = end;
                    Value::Name(name)
                }
            }
            _ => return Err(self.unsupported()),
        };
        Ok(Node {
            span: start..self.at,
            value,
        })
    }

    fn name(&mut self) -> String {
        let length = self
            .rest()
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(self.rest().len());
        let name = self.rest()[..length].to_string();
        self.at += length;
        name
    }

    fn number(&mut self) -> String {
        let mut before = ' ';
        let length = self
            .rest()
            .find(|c: char| {
                let sign = "+-".contains(c) && matches!(before, ' ' | 'e' | 'E');
                before = c;
                !(sign || c.is_ascii_alphanumeric() || c == '_' || c == '.')
            })
            .unwrap_or(self.rest().len());
        let number = self.rest()[..length].to_string();
        self.at += length;
        number
    }

    /// A string or a character: found by its quotes, unescaped by `ron`.
    fn quoted(&mut self) -> Result<Value, Mistake> {
        let start = self.at;
        let rest = self.rest();
        let hashes = rest[rest.len().min(1)..]
            .bytes()
            .take_while(|&b| b == b'#')
            .count();
        let length = if rest.starts_with('r') {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = 2 + hashes;
            rest.get(open..)
                .and_then(|inside| inside.find(&close))
                .map(|at| open + at + close.len())
        } else {
            let quote = &rest[..1];
            let mut escaped = false;
            rest.char_indices().skip(1).find_map(|(at, c)| {
                let closes = !escaped && quote.starts_with(c);
                escaped = c == '\\' && !escaped;
                closes.then_some(at + 1)
            })
        };
        let Some(length) = length else {
            return Err(self.unsupported());
        };
        self.at += length;
        let written = &self.text[start..self.at];
        let text = if written.starts_with('\'') {
            ron::from_str::<char>(written).map(String::from)
        } else {
            ron::from_str::<String>(written)
        };
        text.map(Value::Text)
            .map_err(|_| Mistake::new("this text cannot be read").at(start..self.at))
    }

    fn group(&mut self, name: Option<(String, Span)>) -> Result<Group, Mistake> {
        let start = self.at;
        self.eat('(');
        let mut entries = Vec::new();
        while !self.eat(')') {
            let value = self.value()?;
            let entry = match &value.value {
                Value::Name(field) if self.eat(':') => Entry {
                    field: Some((field.clone(), value.span)),
                    value: self.value()?,
                },
                _ => Entry { field: None, value },
            };
            entries.push(entry);
            self.eat(',');
        }
        Ok(Group {
            name,
            body: start..self.at,
            entries,
        })
    }

    fn list(&mut self) -> Result<Vec<Node>, Mistake> {
        self.eat('[');
        let mut items = Vec::new();
        while !self.eat(']') {
            items.push(self.value()?);
            self.eat(',');
        }
        Ok(items)
    }

    fn map(&mut self) -> Result<Vec<(Node, Node)>, Mistake> {
        self.eat('{');
        let mut items = Vec::new();
        while !self.eat('}') {
            let key = self.value()?;
            if !self.eat(':') {
                return Err(self.unsupported());
            }
            items.push((key, self.value()?));
            self.eat(',');
        }
        Ok(items)
    }
}

//! JSON as Python's library reads and writes it, each key and value with its place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use config::{FieldError, OtherFile};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// A `config.json`: its name and its text.
pub(super) struct File {
    name: String,
    text: Arc<str>,
    /// The text with every `NaN` and `Infinity`, which Python writes and JSON does not have,
    /// replaced by a text of the same length.
    plain: String,
}

/// One key of an object.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Value,
    /// Where the key and the value stand in the file, in bytes.
    key_span: Range<usize>,
    value_span: Range<usize>,
}

/// An object of the file. Of a key that is given twice the last holds, as in Python.
pub(super) struct Object<'f> {
    file: &'f File,
    /// The path of the object in the file, with a point behind it: `text_config.`.
    path: String,
    pub(super) entries: Vec<Entry>,
}

/// Longer numbers and names are cut in messages.
const LONGEST_SHOWN: usize = 60;

impl File {
    /// Takes a text. A byte-order mark at its beginning is skipped.
    pub(super) fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            name: name.to_owned(),
            text: text.into(),
            plain: without_special_numbers(text),
        }
    }

    /// The object that the file is.
    pub(super) fn root(&self) -> Result<Object<'_>, FieldError> {
        Object::read(self, String::new(), &self.plain).map_err(|error| {
            let start = offset(&self.plain, error.line(), error.column());
            let message = error.to_string();
            let what = message
                .split(" at line ")
                .next()
                .unwrap_or("it cannot be read");
            FieldError::new("", format!("not a Hugging Face config.json: {what}"))
                .help("give the config.json that lies beside the model's weights")
                .in_file(self.place(start..start))
        })
    }

    fn place(&self, span: Range<usize>) -> OtherFile {
        OtherFile::new(&self.name, Arc::clone(&self.text), span)
    }

    /// Where a part of the plain text stands.
    fn span_of(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr() as usize - self.plain.as_ptr() as usize;
        start..start + part.len()
    }
}

/// The byte of a line and column, both counted from one; the last character if it is past the end.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (start + column.saturating_sub(1)).min(text.len().saturating_sub(1))
}

/// Replaces the numbers that JSON does not have by texts of the same length, so that places stay.
fn without_special_numbers(text: &str) -> String {
    let special = [
        ("-Infinity", "\"-Infini\""),
        ("Infinity", "\"Infini\""),
        ("NaN", "\"N\""),
    ];
    let mut plain = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(next) = rest.chars().next() {
        let (taken, put) = if quoted && next == '\\' {
            let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
            (1 + escaped, &rest[..1 + escaped])
        } else if let Some((found, put)) = special
            .iter()
            .find(|(found, _)| !quoted && rest.starts_with(found))
        {
            (found.len(), *put)
        } else {
            quoted ^= next == '"';
            (next.len_utf8(), &rest[..next.len_utf8()])
        };
        plain.push_str(put);
        rest = &rest[taken..];
    }
    plain
}

/// Keys and values as they stand in a text.
struct RawObject<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = RawObject<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object `{..}`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(RawObject(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl<'f> Object<'f> {
    fn read(file: &'f File, path: String, text: &'f str) -> Result<Self, serde_json::Error> {
        let RawObject(pairs) = serde_json::from_str(text)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
        let mut last = BTreeMap::new();
        for (key, value) in pairs {
            entries.push(Entry {
                key: serde_json::from_str(key.get()).unwrap_or_else(|_| key.get().to_owned()),
                key_span: file.span_of(key.get()),
                value: shallow(value.get()),
                value_span: file.span_of(value.get()),
            });
        }
        for (index, entry) in entries.iter().enumerate() {
            last.insert(entry.key.clone(), index);
        }
        let mut index = 0..;
        entries.retain(|entry| index.next() == last.get(&entry.key).copied());
        Ok(Self {
            file,
            path,
            entries,
        })
    }

    /// The entry of a key, unless its value is `null`.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!entry.value.is_null()).then_some(entry)
    }

    /// Whether the key is there with the value `null`.
    pub(super) fn is_null(&self, key: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.key == key && entry.value.is_null())
    }

    /// The object that a key holds.
    pub(super) fn object(&self, key: &str) -> Result<Option<Object<'f>>, FieldError> {
        let Some(entry) = self.get(key) else {
            return Ok(None);
        };
        let text = &self.file.plain[entry.value_span.clone()];
        let path = format!("{}{key}.", self.path);
        match Object::read(self.file, path, text) {
            Ok(object) => Ok(Some(object)),
            Err(_) => Err(self.wrong_kind(entry, "an object `{..}`")),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, FieldError> {
        self.typed(key, "a whole number below 2^64", Value::as_u64)
    }

    pub(super) fn fraction(&self, key: &str) -> Result<Option<f64>, FieldError> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, FieldError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(super) fn word(&self, key: &str) -> Result<Option<String>, FieldError> {
        self.typed(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn list<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
        what: &str,
    ) -> Result<Option<Vec<T>>, FieldError> {
        let Some(entry) = self.get(key) else {
            return Ok(None);
        };
        let text = &self.file.plain[entry.value_span.clone()];
        match serde_json::from_str(text) {
            Ok(list) => Ok(Some(list)),
            Err(_) => Err(self.wrong_kind(entry, what)),
        }
    }

    fn typed<T>(
        &self,
        key: &str,
        what: &str,
        of: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, FieldError> {
        let Some(entry) = self.get(key) else {
            return Ok(None);
        };
        match of(&entry.value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong_kind(entry, what)),
        }
    }

    fn wrong_kind(&self, entry: &Entry, what: &str) -> FieldError {
        let found = self.written(entry);
        self.error_at(
            entry,
            format!("expected {what}, found {found}"),
            entry.value_span.clone(),
        )
    }

    /// The value of an entry as it is written, cut if it is long.
    pub(super) fn written(&self, entry: &Entry) -> String {
        cut(&self.file.text[entry.value_span.clone()])
    }

    /// An error at a key, with its value.
    pub(super) fn error(&self, entry: &Entry, message: impl Into<String>) -> FieldError {
        let span = entry.key_span.start..entry.value_span.end;
        let short = span.len() <= LONGEST_SHOWN && !self.file.text[span.clone()].contains('\n');
        let shown = if short { span } else { entry.key_span.clone() };
        self.error_at(entry, message.into(), shown)
    }

    fn error_at(&self, entry: &Entry, message: String, span: Range<usize>) -> FieldError {
        let path = format!("{}{}", self.path, cut(&entry.key));
        FieldError::new(path, message).in_file(self.file.place(span))
    }

    /// An error at the key of this name; at the end of the file, if it is not there.
    pub(super) fn error_of(&self, key: &str, message: impl Into<String>) -> FieldError {
        match self.get(key) {
            Some(entry) => self.error(entry, message),
            None => FieldError::new(format!("{}{key}", self.path), message.into()),
        }
    }
}

/// What is written, cut where it is longer than a message should be.
pub(super) fn cut(written: &str) -> String {
    match written.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &written[..end]),
        None => written.to_owned(),
    }
}

/// A value without what lists and objects hold: these are read when they are asked for. What
/// `serde_json` cannot hold (1e999) is kept as a text.
fn shallow(text: &str) -> Value {
    let is_empty = |close: char| text[1..].trim_start().starts_with(close);
    match text.chars().next() {
        Some('[') if is_empty(']') => Value::Array(Vec::new()),
        Some('[') => Value::Array(vec![Value::Null]),
        Some('{') if is_empty('}') => Value::Object(serde_json::Map::new()),
        Some('{') => Value::Object([(String::new(), Value::Null)].into_iter().collect()),
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_that_json_lacks_are_read_and_keep_their_places() {
        let text = r#"{"a": [0.0, Infinity], "b": -Infinity, "NaN": "\"NaN", "c": NaN, "d": 7}"#;
        let file = File::new("it", text);
        assert_eq!(file.plain.len(), text.len());
        let root = file.root().unwrap();
        assert_eq!(root.number("d").unwrap(), Some(7));
        assert_eq!(root.word("NaN").unwrap().as_deref(), Some("\"NaN"));
        let error = root.number("b").unwrap_err();
        assert_eq!(
            error.message,
            "expected a whole number below 2^64, found -Infinity"
        );
    }

    #[test]
    fn of_a_key_that_is_given_twice_the_last_holds() {
        let file = File::new("it", "\u{feff}{\"a\": 1, \"a\": 2, \"b\": 1, \"b\": null}");
        let root = file.root().unwrap();
        assert_eq!(root.number("a").unwrap(), Some(2));
        assert_eq!(root.number("b").unwrap(), None);
        assert!(root.is_null("b"));
    }

    #[test]
    fn an_object_of_many_megabytes_of_nesting_is_read() {
        let deep = 1_000_000;
        let text = format!("{{\"a\": {}{}}}", "[".repeat(deep), "]".repeat(deep));
        assert_eq!(File::new("it", &text).root().unwrap().entries.len(), 1);
    }
}

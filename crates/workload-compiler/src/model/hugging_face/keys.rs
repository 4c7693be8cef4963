//! The keys of a `config.json`, by name: which are read, which change nothing, and which make the
//! model another. The table is `data/config-keys.csv`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use config::FieldError;
use serde::Deserialize;
use serde_json::Value;
use strsim::osa_distance;

use super::text::{Entry, Object, cut};

/// What follows from a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A number that shapes follow from.
    Size,
    /// Anything else that is read.
    Form,
    /// A part of a multimodal model that is not run.
    Encoder,
    /// Something that makes the model another, and is not modelled.
    Foreign,
    /// No shape, byte or operator.
    Harmless,
}

/// A row of the table.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    /// The key; `*` stands for anything.
    pub(super) key: String,
    pub(super) kind: Kind,
    families: String,
    means: String,
    neutral: String,
    reason: String,
}

impl Row {
    /// Whether the library reads the key in files of a family.
    fn is_read_by(&self, family: &str) -> bool {
        self.families
            .split(' ')
            .any(|name| name == "all" || name == family)
    }

    /// The key under which most families know it.
    fn canonical(&self) -> &str {
        if self.means.is_empty() {
            &self.key
        } else {
            &self.means
        }
    }

    fn is_neutral(&self, value: &Value) -> bool {
        if !self.neutral.is_empty() {
            let mut neutral = self.neutral.split('|');
            return neutral
                .any(|text| serde_json::from_str::<Value>(text).is_ok_and(|it| it == *value));
        }
        match value {
            Value::Null => true,
            Value::Bool(flag) => !flag,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
        }
    }
}

/// The table: keys by name, and patterns in order.
struct Table {
    exact: BTreeMap<&'static str, &'static Row>,
    patterns: Vec<&'static Row>,
}

fn table() -> &'static Table {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    static TABLE: OnceLock<Table> = OnceLock::new();
    let rows = ROWS.get_or_init(|| {
        let text = include_str!("../../../data/config-keys.csv");
        csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .from_reader(text.as_bytes())
            .deserialize()
            .map(|row| row.expect("the shipped table of keys is well formed"))
            .collect()
    });
    TABLE.get_or_init(|| {
        let (patterns, exact): (Vec<_>, Vec<_>) =
            rows.iter().partition(|row| row.key.contains('*'));
        Table {
            exact: exact.into_iter().map(|row| (&*row.key, row)).collect(),
            patterns,
        }
    })
}

/// The row of a key.
pub(super) fn find(key: &str) -> Option<&'static Row> {
    let table = table();
    let by_pattern = || table.patterns.iter().find(|row| fits(&row.key, key));
    table.exact.get(key).or_else(by_pattern).copied()
}

/// Whether a key has the form of a pattern; `*` stands for anything, also nothing.
fn fits(pattern: &str, key: &str) -> bool {
    let mut rest = key;
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(after) = rest.strip_prefix(first) else {
        return false;
    };
    rest = after;
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// More unknown keys than that are not looked at one by one.
const MOST_LOOKED_AT: usize = 64;

/// More keys than that are not named in one warning.
const MOST_NAMED: usize = 8;

/// Whether files of a family have a key.
pub(super) fn is_read_by(key: &str, family: &str) -> bool {
    find(key).is_some_and(|row| row.is_read_by(family))
}

/// What an object describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The language model.
    Model,
    /// What is around it: of its keys few are read.
    Wrapper,
}

impl Role {
    /// Whether a key is read in such an object, if the family has it.
    fn reads(self, row: &Row) -> bool {
        const OF_WRAPPERS: [&str; 8] = [
            "model_type",
            "architectures",
            "torch_dtype",
            "dtype",
            "_name_or_path",
            "quantization_config",
            "text_config",
            "tie_word_embeddings",
        ];
        self == Self::Model || OF_WRAPPERS.contains(&row.key.as_str())
    }
}

/// What holds of the model that was read, by the keys of most families; `None` of what it has not.
pub(super) trait Resolved {
    /// Whether this value of a key says what holds of the model; `None` where nothing is known.
    fn agrees(&self, key: &str, value: &Value) -> Option<bool>;
}

/// A model of which nothing is known.
pub(super) struct Unknown;

impl Resolved for Unknown {
    fn agrees(&self, _key: &str, _value: &Value) -> Option<bool> {
        None
    }
}

/// Goes through all keys of an object that describes a model of `family`.
///
/// # Errors
/// At the first key that makes the model another: a size that the family does not read and that
/// differs from what holds, something that is not modelled, or a name that is almost one that is
/// read. The number of further ones is said.
pub(super) fn check(
    object: &Object<'_>,
    family: &str,
    resolved: &dyn Resolved,
    role: Role,
) -> Result<Vec<FieldError>, FieldError> {
    let mut refused: Option<FieldError> = None;
    let (mut more_refused, mut unknown) = (0_usize, Vec::new());
    let mut warnings = Vec::new();
    for entry in &object.entries {
        let verdict = match find(&entry.key) {
            Some(row) => known(object, entry, row, family, resolved, role),
            None if entry.value.is_null() => Verdict::Fine,
            None => {
                unknown.push(entry);
                match unknown.len() <= MOST_LOOKED_AT {
                    true => near_miss(object, entry, family),
                    false => Verdict::Fine,
                }
            }
        };
        match verdict {
            Verdict::Fine => {}
            Verdict::Warned(warning) => warnings.push(warning),
            Verdict::Refused(_) if refused.is_some() => more_refused += 1,
            Verdict::Refused(error) => refused = Some(error),
        }
    }
    if let Some(mut error) = refused {
        if more_refused > 0 {
            error.message += &format!(" (and {more_refused} more keys that are not taken)");
        }
        return Err(error);
    }
    warnings.extend(unknown_keys(object, &unknown));
    Ok(warnings)
}

enum Verdict {
    Fine,
    Warned(FieldError),
    Refused(FieldError),
}

fn known(
    object: &Object<'_>,
    entry: &Entry,
    row: &Row,
    family: &str,
    resolved: &dyn Resolved,
    role: Role,
) -> Verdict {
    let is_read = role.reads(row) && row.is_read_by(family);
    if is_read
        && row.kind == Kind::Size
        && let Some(other) = other_spelling(object, entry, row, family)
    {
        let other = format!("`{}: {}`", other.key, object.written(other));
        return Verdict::Refused(
            object
                .error(entry, format!("{}, beside {other}", object.written(entry)))
                .help("both are read, and mean the same: take one of them out"),
        );
    }
    if entry.value.is_null() || row.kind == Kind::Harmless || is_read {
        return Verdict::Fine;
    }
    let agrees = resolved.agrees(row.canonical(), &entry.value);
    if row.is_neutral(&entry.value) && agrees != Some(false) || agrees == Some(true) {
        return Verdict::Fine;
    }
    let written = object.written(entry);
    match row.kind {
        Kind::Encoder => Verdict::Warned(
            object
                .error(
                    entry,
                    "an encoder that is not run: this is the language model alone",
                )
                .help("its time comes on top"),
        ),
        Kind::Foreign => Verdict::Refused(
            object
                .error(
                    entry,
                    format!("{written}: {}, which is not modelled", row.reason),
                )
                .help(format!(
                    "if the model works without it, take `{}` out of the file",
                    entry.key
                )),
        ),
        Kind::Size | Kind::Form | Kind::Harmless => {
            let error = unread(object, entry, row, family, role);
            match (row.kind, role) {
                (Kind::Size, Role::Model) => Verdict::Refused(error),
                _ => Verdict::Warned(error),
            }
        }
    }
}

/// Another spelling of a key that the family reads, too, with another value.
fn other_spelling<'o>(
    object: &'o Object<'_>,
    entry: &Entry,
    row: &Row,
    family: &str,
) -> Option<&'o Entry> {
    if row.means.is_empty() {
        return None;
    }
    object.entries.iter().find(|other| {
        let means_the_same = |known: &Row| {
            known.key != row.key && known.canonical() == row.canonical() && known.is_read_by(family)
        };
        !other.value.is_null()
            && other.value != entry.value
            && table()
                .exact
                .get(&*other.key)
                .is_some_and(|known| means_the_same(known))
    })
}

/// What is said of a key that the family does not read, and that says what does not hold.
fn unread(object: &Object<'_>, entry: &Entry, row: &Row, family: &str, role: Role) -> FieldError {
    let written = object.written(entry);
    if role == Role::Wrapper {
        return object.error(
            entry,
            format!("{written}: not read here; what text_config says holds"),
        );
    }
    match spelling(row.canonical(), family) {
        Some(own) if own != entry.key => object
            .error(
                entry,
                format!("{written}: files of `{family}` say `{own}`, and this key is not read"),
            )
            .help(format!("write `{own}` in its place, or take it out")),
        _ => object
            .error(entry, format!("{written}: not read in files of `{family}`"))
            .help("take it out"),
    }
}

/// How a family spells a key.
fn spelling(canonical: &str, family: &str) -> Option<&'static str> {
    let rows = || table().exact.values().filter(|row| row.is_read_by(family));
    rows()
        .find(|row| row.key == canonical)
        .or_else(|| rows().find(|row| row.means == canonical))
        .map(|row| row.key.as_str())
}

/// Lower case, letters and digits alone.
fn letters(key: &str) -> String {
    let kept = key.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether a key that is not known is almost one that is read.
fn near_miss(object: &Object<'_>, entry: &Entry, family: &str) -> Verdict {
    let found = letters(&entry.key);
    let limit = (found.len() / 5).max(1);
    let nearest = table()
        .exact
        .values()
        .filter(|row| row.key.len().abs_diff(entry.key.len()) <= 2 * limit)
        .map(|row| (osa_distance(&found, &letters(&row.key)), row))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, row)| (*edits, !row.is_read_by(family)));
    match nearest {
        Some((_, row)) if row.kind != Kind::Harmless => {
            let own = spelling(row.canonical(), family).unwrap_or(&row.key);
            Verdict::Refused(
                object
                    .error(entry, format!("`{}` is not a key that is known", entry.key))
                    .help(format!("did you mean `{own}`?")),
            )
        }
        _ => Verdict::Fine,
    }
}

/// One warning about all keys that are not known.
fn unknown_keys(object: &Object<'_>, unknown: &[&Entry]) -> Option<FieldError> {
    let first = unknown.first()?;
    let named = unknown.iter().take(MOST_NAMED);
    let names: Vec<String> = named
        .map(|entry| format!("`{}`", cut(&entry.key)))
        .collect();
    let more = match unknown.len() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (keys, these) = if unknown.len() == 1 {
        ("a key that is not known and", "it changes")
    } else {
        ("keys that are not known and", "one of them changes")
    };
    let message = format!("{}{more}: {keys} not read", names.join(", "));
    let help = format!("if {these} a shape or an operator, the model is another");
    Some(object.error(first, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, key, whether) in [
            ("*expert*", "num_experts", true),
            ("*expert*", "experts_per_token", true),
            ("moe_*", "moe_layer_freq", true),
            ("moe_*", "smoe_layer", false),
            ("*lora_rank", "kv_lora_rank", true),
            ("*lora_rank", "lora_ranks", false),
            ("linear_*_head*", "linear_num_key_heads", true),
            ("a*b*a", "ab", false),
        ] {
            assert_eq!(fits(pattern, key), whether, "{pattern} {key}");
        }
    }

    #[test]
    fn every_spelling_means_a_key_that_some_family_reads() {
        for row in table().exact.values().chain(&table().patterns) {
            let read = row.kind == Kind::Size || row.kind == Kind::Form;
            assert!(read || row.means.is_empty(), "{}", row.key);
            if !row.means.is_empty() {
                let meant = find(&row.means).unwrap();
                assert!(
                    !meant.families.is_empty() && meant.means.is_empty(),
                    "{}",
                    row.key
                );
            }
            let is_own = read && row.means.is_empty() && !row.families.is_empty();
            let says_why = row.kind == Kind::Foreign || row.kind == Kind::Harmless || is_own;
            assert!(!says_why || !row.reason.is_empty(), "{}", row.key);
            for neutral in row.neutral.split('|').filter(|text| !text.is_empty()) {
                serde_json::from_str::<Value>(neutral).unwrap();
            }
        }
    }
}

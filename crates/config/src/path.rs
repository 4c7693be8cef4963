//! Paths to fields (`arrays[0].rows`) and what they lead to in a tree.

use crate::mistake::{Mistake, brief};
use crate::suggest::among;
use crate::tree::{Node, Span, Value};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Field(String),
    Index(usize),
}

/// A path: each step with its place in the text of the path.
pub(crate) type Path = Vec<(Step, Span)>;

/// Reads a path.
pub(crate) fn parse(text: &str) -> Result<Path, Mistake> {
    let mut path = Path::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (step, length) = if let Some(inside) = rest.strip_prefix('[') {
            let close = inside
                .find(']')
                .ok_or_else(|| Mistake::new("`[` is not closed").at(at..text.len()))?;
            let index = inside[..close].trim().parse().map_err(|_| {
                Mistake::new(format!("`{}` is not an index", &inside[..close]))
                    .help("entries of a list are counted from zero: `arrays[0]`")
                    .at(at + 1..at + 1 + close)
            })?;
            (Step::Index(index), close + 2)
        } else {
            let dot = usize::from(!path.is_empty() && rest.starts_with('.'));
            let name = &rest[dot..];
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 || (dot == 0 && !path.is_empty()) {
                return Err(Mistake::new("a field name is missing here").at(at..at + 1));
            }
            at += dot;
            (Step::Field(name[..end].to_string()), end)
        };
        path.push((step, at..at + length));
        at += length;
    }
    Ok(path)
}

/// What a path leads to.
pub(crate) enum Place<'a> {
    /// The value at the path.
    Found(&'a Node),
    /// The value that this step would have to be in, and does not hold it.
    Absent {
        inside: &'a Node,
        /// Index of the step that failed.
        step: usize,
    },
}

/// Follows a path.
pub(crate) fn follow<'a>(root: &'a Node, path: &Path) -> Place<'a> {
    let mut node = root;
    for (number, (step, _)) in path.iter().enumerate() {
        node = transparent(node);
        let next = match (step, &node.value) {
            (Step::Field(name), Value::Group(group)) => group.field(name).map(|e| &e.value),
            (Step::Field(name), Value::Map(pairs)) => pairs
                .iter()
                .find(|(key, _)| {
                    matches!(&key.value, Value::Text(key) | Value::Name(key) if key == name)
                })
                .map(|(_, value)| value),
            (Step::Index(index), Value::List(items)) => items.get(*index),
            (Step::Index(index), Value::Group(group)) => group
                .entries
                .get(*index)
                .filter(|entry| entry.field.is_none())
                .map(|entry| &entry.value),
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => {
                return Place::Absent {
                    inside: node,
                    step: number,
                };
            }
        }
    }
    Place::Found(node)
}

/// `Some(x)`, `Newtype(x)` and `Variant((..))` stand for what they hold, if that has parts.
pub(crate) fn transparent(mut node: &Node) -> &Node {
    while let Value::Group(group) = &node.value {
        match group.only_value() {
            Some(inner) if matches!(inner.value, Value::Group(_) | Value::List(_)) => node = inner,
            _ => break,
        }
    }
    node
}

/// What stands inside a value, for the help of an error about a path that leads nowhere.
pub(crate) fn contents(node: &Node) -> String {
    match &node.value {
        Value::List(items) if items.is_empty() => "the list is empty".into(),
        Value::List(items) => format!("the list has entries `[0]` to `[{}]`", items.len() - 1),
        Value::Group(group) => {
            let fields: Vec<&String> = group
                .entries
                .iter()
                .filter_map(|entry| entry.field.as_ref().map(|(name, _)| name))
                .collect();
            if fields.is_empty() {
                format!("{} has no fields", node.describe())
            } else {
                format!("the file has here: {}", among(&fields))
            }
        }
        _ => format!("{} has no fields", node.describe()),
    }
}

/// The path of the innermost value around a place.
pub(crate) fn path_at(root: &Node, at: usize) -> String {
    let mut path = String::new();
    let mut node = root;
    loop {
        node = transparent(node);
        let next = match &node.value {
            Value::Group(group) => group.entries.iter().find_map(|entry| {
                let (name, span) = entry.field.as_ref()?;
                let holds = span.start <= at && at < entry.value.span.end;
                let dot = if path.is_empty() { "" } else { "." };
                holds.then(|| (format!("{dot}{}", brief(name)), &entry.value))
            }),
            Value::List(items) => items.iter().enumerate().find_map(|(index, item)| {
                let holds = item.span.start <= at && at < item.span.end;
                holds.then(|| (format!("[{index}]"), item))
            }),
            _ => None,
        };
        match next {
            Some((step, inner)) => {
                path.push_str(&step);
                node = inner;
            }
            None => return path,
        }
    }
}

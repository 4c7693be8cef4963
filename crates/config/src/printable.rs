//! Characters that steer a terminal or a line of text instead of being shown, and what is done
//! about them: names and descriptions are printed, drawn and compared by eye, so a file may not
//! hold any, and where a text comes from elsewhere (a path, an argument) they are printed as
//! escapes.

use std::borrow::Cow;

use crate::mistake::Mistake;
use crate::tree::{Node, Value};

/// Whether a character is not shown but acts: control characters (colours and cursor of a terminal,
/// ends of lines), those that change the direction of text, line and paragraph separators, and
/// noncharacters, which no XML and so no SVG may hold.
#[must_use]
pub const fn is_control(c: char) -> bool {
    let acts = matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{fdd0}'..='\u{fdef}');
    acts || c as u32 & 0xfffe == 0xfffe
}

/// The text with each such character as an escape, `\n` or `\u{1b}`: what may be printed of a text
/// that nobody has checked.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same for a text of several lines, which stay.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

/// The same, but some of these characters stay as they are.
pub(crate) fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let acts = |c: char| is_control(c) && !stays(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Refuses the first text of a document that holds such a character, at its place.
pub(crate) fn check(node: &Node) -> Result<(), Mistake> {
    match &node.value {
        Value::Name(_) | Value::Number(_) => Ok(()),
        Value::Text(text) => match text.chars().find(|&c| is_control(c)) {
            None => Ok(()),
            Some(c) => Err(Mistake::new(format!(
                "a text with the control character U+{:04X}",
                u32::from(c)
            ))
            .help("texts are printed and drawn: write it in one line, of characters that are shown")
            .at(node.span.clone())),
        },
        Value::List(items) => items.iter().try_for_each(check),
        Value::Map(pairs) => pairs
            .iter()
            .try_for_each(|(key, value)| check(key).and_then(|()| check(value))),
        Value::Group(group) => group
            .entries
            .iter()
            .try_for_each(|entry| check(&entry.value)),
    }
}

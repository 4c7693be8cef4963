//! Habits from other languages, in a text that is not RON: what they are called here.
//!
//! `ron` says where a text stops being RON, in the terms of its grammar ("expected colon"). Most
//! such texts are JSON, TOML, Rust or Python by habit. [`explain`] looks at the words around that
//! place and, where it knows the habit, says what would be right.

use crate::lexer::{Kind, Token, Tokens};
use crate::mistake::{Mistake, brief};
use crate::quantity;

/// The tokens around the place where a text stops being RON.
struct Around<'a> {
    text: &'a str,
    tokens: &'a [Token],
    /// Index of the token at that place.
    at: usize,
    /// A field's name has been read, and its colon is missing.
    lacks_colon: bool,
}

/// What a text that stops being RON at byte `at`, with this error, should say there, if the habit
/// is known.
pub(crate) fn explain(text: &str, at: usize, error: &ron::Error) -> Option<Mistake> {
    let (tokens, index) = Tokens::around(text, at);
    let around = Around {
        text,
        tokens: &tokens,
        at: index,
        lacks_colon: *error == ron::Error::ExpectedMapColon,
    };
    around
        .mark()
        .or_else(|| around.name())
        .or_else(|| around.value())
}

impl<'a> Around<'a> {
    fn token(&self, index: usize) -> Option<&'a Token> {
        self.tokens.get(index)
    }

    fn current(&self) -> Option<&'a Token> {
        self.token(self.at)
    }

    fn previous(&self) -> Option<&'a Token> {
        self.token(self.at.checked_sub(1)?)
    }

    fn written(&self, token: &Token) -> &'a str {
        &self.text[token.span.clone()]
    }

    fn is(&self, token: Option<&Token>, mark: char) -> bool {
        token.is_some_and(|token| token.kind == Kind::Mark(mark))
    }

    /// A character that other languages use where RON has another.
    fn mark(&self) -> Option<Mistake> {
        let current = self.current()?;
        if let Some(hash) = [Some(current), self.previous()]
            .into_iter()
            .flatten()
            .find(|token| token.kind == Kind::Mark('#'))
        {
            return Some(
                Mistake::new("`#` does not begin a comment here")
                    .label("comments begin with `//`")
                    .help("write `//` in place of `#`")
                    .at(hash.span.clone()),
            );
        }
        let (message, label, help) = match current.kind {
            Kind::Mark(';') => (
                "fields and entries are separated by commas",
                "a `,` belongs here",
                "write `,` in place of `;`".to_owned(),
            ),
            Kind::Mark(',') if self.is(self.previous(), ',') => (
                "there is a comma too many",
                "nothing stands before this comma",
                "leave one of the two commas out".to_owned(),
            ),
            Kind::Mark('“' | '”' | '„' | '‘' | '’' | '«' | '»') => (
                "texts stand in plain double quotes",
                "this is another quote",
                "write `\"` in place of it".to_owned(),
            ),
            Kind::SingleQuoted => (
                "texts stand in double quotes",
                "single quotes hold one character",
                format!(
                    "write \"{}\"",
                    brief(self.written(current).trim_matches('\''))
                ),
            ),
            _ => return None,
        };
        Some(
            Mistake::new(message)
                .label(label)
                .help(help)
                .at(current.span.clone()),
        )
    }

    /// The name of a field, as JSON, TOML or Rust would have it.
    fn name(&self) -> Option<Mistake> {
        let current = self.current()?;
        let assigns = |index: usize| {
            let mark = self.token(index);
            self.is(mark, ':') || self.is(mark, '=')
        };
        for index in [Some(self.at), self.at.checked_sub(1)]
            .into_iter()
            .flatten()
        {
            let name = self.token(index)?;
            if name.kind == Kind::DoubleQuoted && assigns(index + 1) {
                let inside = self.written(name).trim_matches('"');
                return Some(
                    Mistake::new("the name of a field stands without quotes")
                        .label("no quotes here")
                        .help(format!("write `{}:`", brief(inside)))
                        .at(name.span.clone()),
                );
            }
        }
        let previous = self.previous()?;
        if previous.kind != Kind::Word {
            return None;
        }
        let name = brief(self.written(previous));
        let outside = self.at == 1 && assigns(1);
        if outside {
            return Some(
                Mistake::new("the fields of a file stand in parentheses, after its name")
                    .label("this field stands by itself")
                    .help("write `Machine(name: .., ..)` or `Workload(model: .., ..)`")
                    .at(previous.span.clone()),
            );
        }
        let value = match current.kind {
            Kind::Mark('{') if !self.lacks_colon => {
                return Some(
                    Mistake::new("fields stand in parentheses, not in braces")
                        .label("a `(` belongs here")
                        .help(format!("write `{name}( .. )`"))
                        .at(current.span.clone()),
                );
            }
            Kind::Mark('=') => {
                let more = self.is(self.token(self.at + 1), '>');
                self.value_from(current.span.end + usize::from(more))
            }
            _ if self.lacks_colon => self.value_from(current.span.start),
            _ => return None,
        };
        let value = if value.is_empty() { ".." } else { &value };
        Some(
            Mistake::new("a colon stands between a field and its value")
                .label("a `:` belongs here")
                .help(format!("write `{name}: {value}`"))
                .at(current.span.clone()),
        )
    }

    /// A value that is a text without its quotes, or a number with its unit behind it.
    fn value(&self) -> Option<Mistake> {
        let first = self.first_of_value()?;
        let start = self.tokens[first].span.start;
        let written = self.value_from(start);
        let words = || self.tokens[first..].iter();
        let span = start..start + self.raw_value(start).len();
        let inside = |token: &&Token| token.span.start < span.end;
        let (kinds, marks): (Vec<&Token>, Vec<&Token>) = words()
            .take_while(inside)
            .partition(|token| matches!(token.kind, Kind::Word | Kind::Number));
        if marks.is_empty()
            && let Some(quantity) = self.quantity(&kinds)
        {
            return Some(
                Mistake::new("a unit stands before its number, which is in parentheses")
                    .label("a quantity with its unit")
                    .help(format!("write `{quantity}`"))
                    .at(span),
            );
        }
        let is_text = kinds.iter().any(|token| token.kind == Kind::Word);
        let only_text = marks
            .iter()
            .all(|token| matches!(token.kind, Kind::Mark(mark) if "-./\\~@$+&!?:".contains(mark)));
        (is_text && only_text && !written.is_empty()).then(|| {
            Mistake::new("a text stands in double quotes")
                .label("quotes are missing")
                .help(format!("write \"{written}\""))
                .at(span)
        })
    }

    /// Index of the token with which the value begins that the place is in: after the colon of its
    /// field, in the same line, and only if the place is no field that lacks the comma before it.
    fn first_of_value(&self) -> Option<usize> {
        let current = self.current()?;
        let is_next_field = current.kind == Kind::Word && self.is(self.token(self.at + 1), ':');
        if is_next_field {
            return None;
        }
        let colon = (0..self.at)
            .rev()
            .find(|&index| self.is(self.token(index), ':'))?;
        let between = self.tokens[colon].span.end..current.span.start;
        let bracketed = self.tokens[colon..self.at].iter().any(|token| {
            matches!(
                token.kind,
                Kind::Mark('(' | '[' | '{' | ')' | ']' | '}' | ',')
            ) || matches!(token.kind, Kind::DoubleQuoted | Kind::SingleQuoted)
        });
        let same_line = !self.text[between].contains('\n');
        (same_line && !bracketed).then_some(colon + 1)
    }

    /// `1 GHz`, `1GHz`, `GHz 1` as `GHz(1)`.
    fn quantity(&self, tokens: &[&Token]) -> Option<String> {
        let written: String = tokens.iter().map(|token| self.written(token)).collect();
        let is_digit = |c: char| c.is_ascii_digit() || "._".contains(c);
        let number = written.trim_matches(|c| !is_digit(c));
        let unit = written.trim_matches(is_digit);
        if number.is_empty() || unit.is_empty() || number.len() + unit.len() != written.len() {
            return None;
        }
        let unit = quantity::unit_spelt_like(unit)?;
        Some(format!("{unit}({number})"))
    }

    /// The rest of a value: up to a comma, a closing bracket or the end of the line.
    fn raw_value(&self, from: usize) -> &'a str {
        let rest = &self.text[from..];
        let mut depth = 0_i32;
        let end = rest.find(|c| match c {
            '(' | '[' | '{' => {
                depth += 1;
                false
            }
            ')' | ']' | '}' => {
                depth -= 1;
                depth < 0
            }
            ',' => depth == 0,
            '\n' => true,
            _ => false,
        });
        rest[..end.unwrap_or(rest.len())].trim_end()
    }

    fn value_from(&self, from: usize) -> String {
        brief(self.raw_value(from).trim())
    }
}

#[cfg(test)]
mod tests {
    use crate::Document;

    /// The help of the error of a text that must not read.
    fn help(text: &str) -> String {
        let error = Document::parse("it", text).map(|_| ()).unwrap_err();
        let shown = error.to_string();
        let help = shown.split_once("= help: ");
        help.map_or_else(|| shown.clone(), |(_, help)| help.trim().to_owned())
    }

    #[test]
    fn each_habit_is_answered_with_what_would_be_right() {
        for (text, right) in [
            ("M(\"name\": 1, b: 2)", "write `name:`"),
            ("M(a: 1, \"name\": 1)", "write `name:`"),
            ("M(a: 1, \"name\" = 1)", "write `name:`"),
            ("M(name: my-edge, b: 2)", "write \"my-edge\""),
            ("M(name: tpu v1, b: 2)", "write \"tpu v1\""),
            ("M(b: 1, name: 3d-chip)", "write \"3d-chip\""),
            ("M(a: llama-2-7b)", "write \"llama-2-7b\""),
            ("M(a: dir/b.json)", "write \"dir/b.json\""),
            ("M(a: ./b.json\n b: 3)", "write \"./b.json\""),
            ("M(f: x.ron)", "write \"x.ron\""),
            ("M(clock = GHz(1))", "write `clock: GHz(1)`"),
            ("M(a: 1, clock = GHz(1), b: 2)", "write `clock: GHz(1)`"),
            ("M(a: 1, rows=16)", "write `rows: 16`"),
            ("M(a => 1)", "write `a: 1`"),
            ("M(a: 1, b 2)", "write `b: 2`"),
            ("M(a: 1, b, c: 2)", "write `b: ..`"),
            ("M { a: 1 }", "write `M( .. )`"),
            ("M(a: Foo { b: 1 })", "write `Foo( .. )`"),
            ("M(a: 1, # hi\n b: 2)", "write `//` in place of `#`"),
            ("# hi\nM(a: 1)", "write `//` in place of `#`"),
            ("M(a: 1 # x\n, b: 2)", "write `//` in place of `#`"),
            ("M(name: 'edge', b: 1)", "write \"edge\""),
            ("M(name: “edge”)", "write `\"` in place of it"),
            ("M(a: 1; b: 2)", "write `,` in place of `;`"),
            ("M(a: [1;2])", "write `,` in place of `;`"),
            ("M(a: 1,, b: 2)", "leave one of the two commas out"),
            ("M(a: 1GHz)", "write `GHz(1)`"),
            ("M(a: 1.5 ghz, b: 2)", "write `GHz(1.5)`"),
            ("M(a: GHz 1)", "write `GHz(1)`"),
            ("M(a: 64 KiB)", "write `KiB(64)`"),
            (
                "a: 1, b: 2",
                "write `Machine(name: .., ..)` or `Workload(model: .., ..)`",
            ),
            (
                "a = 1\nb = 2",
                "write `Machine(name: .., ..)` or `Workload(model: .., ..)`",
            ),
        ] {
            assert_eq!(help(text), right, "{text}");
        }
    }

    #[test]
    fn a_missing_comma_is_no_text_without_quotes() {
        for text in [
            "M(a: 1\n b: 2)",
            "M(a: Int8 b: 2)",
            "M(a: [1 2])",
            "M(a: 1 2)",
        ] {
            assert!(help(text).contains("a comma, or"), "{text}: {}", help(text));
        }
    }
}

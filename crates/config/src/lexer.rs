//! The words and marks of a text that may not be RON.

use std::collections::VecDeque;

use crate::tree::Span;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters, digits and underscores, beginning with a letter.
    Word,
    /// The same with points, beginning with a digit.
    Number,
    /// A text in `"`.
    DoubleQuoted,
    /// A text in `'`.
    SingleQuoted,
    /// One other character.
    Mark(char),
}

/// A token and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// How many tokens before a place are looked at, and how many after it.
const BEFORE: usize = 32;
const AFTER: usize = 16;

/// The tokens of a text, in order; comments and space are left out.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    const fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Some tokens before and after a place, and the index among them of the first that ends behind
    /// it. Where there is none, the index is past the end.
    pub(crate) fn around(text: &str, at: usize) -> (Vec<Token>, usize) {
        let mut near = VecDeque::new();
        let mut tokens = Tokens::of(text);
        let mut index = None;
        let mut left = AFTER;
        for token in &mut tokens {
            if index.is_none() {
                if token.span.end > at {
                    index = Some(near.len());
                } else if near.len() == BEFORE {
                    near.pop_front();
                }
            } else {
                left -= 1;
            }
            near.push_back(token);
            if left == 0 {
                break;
            }
        }
        let index = index.unwrap_or(near.len());
        (near.into(), index)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        loop {
            let trimmed = self.rest().trim_start();
            self.at = self.text.len() - trimmed.len();
            let comment = if trimmed.starts_with("//") {
                trimmed.find('\n')
            } else if trimmed.starts_with("/*") {
                trimmed.find("*/").map(|end| end + 2)
            } else {
                return;
            };
            self.at += comment.unwrap_or(trimmed.len());
        }
    }

    /// Length of a quoted text that ends in its line, quotes included; `None` if it does not end.
    fn quoted(&self, quote: char) -> Option<usize> {
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                '\n' if quote == '\'' => return None,
                c if c == quote && !escaped => return Some(at + 1),
                _ => escaped = c == '\\' && !escaped,
            }
        }
        None
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_space();
        let rest = self.rest();
        let first = rest.chars().next()?;
        let run = |more: fn(char) -> bool| rest.find(|c| !more(c)).unwrap_or(rest.len());
        let quoted = match first {
            '"' | '\'' => self.quoted(first),
            _ => None,
        };
        let (kind, length) = match (first, quoted) {
            ('"', Some(length)) => (Kind::DoubleQuoted, length),
            ('\'', Some(length)) => (Kind::SingleQuoted, length),
            (c, _) if c.is_ascii_digit() => (
                Kind::Number,
                run(|c| c.is_alphanumeric() || c == '_' || c == '.'),
            ),
            (c, _) if c.is_alphabetic() || c == '_' => {
                (Kind::Word, run(|c| c.is_alphanumeric() || c == '_'))
            }
            (c, _) => (Kind::Mark(c), c.len_utf8()),
        };
        let span = self.at..self.at + length;
        self.at = span.end;
        Some(Token { kind, span })
    }
}

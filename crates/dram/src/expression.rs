//! Latency expressions of the standard tables: sums and differences of timing parameters.

use std::collections::BTreeMap;

/// Timing parameters by name, in cycles.
pub type Parameters = BTreeMap<String, u64>;

/// Why a latency expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// A name that is no parameter.
    #[error("`{0}` is not a timing parameter here")]
    Unknown(String),
    /// Not an expression.
    #[error("`{0}` is not a sum of timing parameters")]
    Syntax(String),
}

/// The value of an expression: `CWL + nBL + tWR`, `max(tCCD_S, nBL)`, `2 * tRC - 1`.
///
/// # Errors
/// If a name is unknown or the text is no expression.
pub fn evaluate(text: &str, parameters: &Parameters) -> Result<i64, ExpressionError> {
    let mut parser = Parser {
        rest: text,
        text,
        parameters,
    };
    let value = parser.sum()?;
    if parser.peek().is_some() {
        return Err(parser.syntax());
    }
    Ok(value)
}

struct Parser<'a> {
    rest: &'a str,
    text: &'a str,
    parameters: &'a Parameters,
}

impl Parser<'_> {
    fn syntax(&self) -> ExpressionError {
        ExpressionError::Syntax(self.text.to_owned())
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn sum(&mut self) -> Result<i64, ExpressionError> {
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value += self.product()?;
            } else if self.take('-') {
                value -= self.product()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<i64, ExpressionError> {
        let mut value = self.atom()?;
        while self.take('*') {
            value *= self.atom()?;
        }
        Ok(value)
    }

    fn atom(&mut self) -> Result<i64, ExpressionError> {
        if self.take('(') {
            let value = self.sum()?;
            return if self.take(')') {
                Ok(value)
            } else {
                Err(self.syntax())
            };
        }
        self.peek();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if word.is_empty() {
            return Err(self.syntax());
        }
        if let Ok(number) = word.parse() {
            return Ok(number);
        }
        if word == "max" && self.take('(') {
            let mut value = self.sum()?;
            while self.take(',') {
                value = value.max(self.sum()?);
            }
            return if self.take(')') {
                Ok(value)
            } else {
                Err(self.syntax())
            };
        }
        self.parameters
            .get(word)
            .and_then(|&value| i64::try_from(value).ok())
            .ok_or_else(|| ExpressionError::Unknown(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Parameters {
        [("CWL", 16), ("nBL", 4), ("tWR", 24), ("tCCD_S", 2)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    #[test]
    fn sums_products_and_maxima_have_their_values() {
        let value = |text| evaluate(text, &parameters());
        assert_eq!(value("CWL + nBL + tWR"), Ok(44));
        assert_eq!(value("max(tCCD_S, nBL)-1"), Ok(3));
        assert_eq!(value("2*(nBL+1) - CWL"), Ok(-6));
    }

    #[test]
    fn a_wrong_name_and_a_broken_sum_are_errors() {
        let value = |text| evaluate(text, &parameters()).unwrap_err();
        assert_eq!(value("CWL + tXX"), ExpressionError::Unknown("tXX".into()));
        for text in ["", "CWL +", "(nBL", "CWL nBL", "max(nBL"] {
            assert_eq!(value(text), ExpressionError::Syntax(text.into()));
        }
    }
}

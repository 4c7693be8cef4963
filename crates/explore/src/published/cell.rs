//! A published figure: of which run it is, and how it was printed.

use std::fmt;

use workload_compiler::Preset;

/// What a figure gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Projection cycles / (projection + attention cycles).
    ProjectionFraction,
    /// Decoded tokens a second.
    TokensPerSecond,
}

impl Quantity {
    /// Both quantities, in the order of the report.
    pub const ALL: [Self; 2] = [Self::ProjectionFraction, Self::TokensPerSecond];

    /// The head of its column in a file of published figures.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Self::ProjectionFraction => "projection_cycle_fraction",
            Self::TokensPerSecond => "tokens_per_second",
        }
    }

    /// Digits behind the point that were printed; trailing zeros were left out.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::ProjectionFraction => 3,
            Self::TokensPerSecond => 2,
        }
    }
}

/// A plain decimal number as it was printed: digits, and a point at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed(String);

impl Printed {
    /// Takes a printed number; `None` if the text is no plain decimal number, or a longer one than
    /// any figure is printed with.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let any = !whole.is_empty() && digits(whole) && digits(behind);
        (any && text.len() <= 20).then(|| Self(text.to_owned()))
    }

    /// The digits before the point and behind it.
    fn parts(&self) -> (&str, &str) {
        self.0.split_once('.').unwrap_or((&self.0, ""))
    }

    /// How many digits stand behind the point.
    #[must_use]
    pub fn decimals(&self) -> usize {
        self.parts().1.len()
    }

    /// The number without leading zeros, and with zeros at its end up to `digits` behind the point.
    #[must_use]
    pub fn padded(&self, digits: usize) -> String {
        let (whole, behind) = self.parts();
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        format!("{whole}.{behind:0<digits$}")
    }
}

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One published figure.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The file that it stands in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The column of its first character in the line, from 1.
    pub column: usize,
    /// The shipped model that the figure is of.
    pub preset: &'static Preset,
    /// Positions that the new token sees.
    pub context: u64,
    /// What is given.
    pub quantity: Quantity,
    /// The figure as it was printed.
    pub printed: Printed,
}

//! What a PE computes with: number formats and PE kinds, as data.

use std::fmt;
use std::sync::LazyLock;

use config::FieldError;
use serde::{Deserialize, Deserializer, Serialize};
use tile_program::Bits;

/// A number format of an operand or an accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// −1 or +1.
    Bit,
    /// −1, 0 or +1, two bits in the PE.
    Trit,
    /// Two's complement, 4 bits.
    Int4,
    /// Two's complement, 8 bits.
    Int8,
    /// Two's complement, 16 bits.
    Int16,
    /// Two's complement, 20 bits (accumulators).
    Int20,
    /// Two's complement, 24 bits (accumulators).
    Int24,
    /// Two's complement, 32 bits.
    Int32,
    /// bfloat16: 8 exponent, 7 fraction bits.
    Bf16,
    /// IEEE half precision.
    Fp16,
    /// IEEE single precision.
    Fp32,
}

impl Format {
    /// Width in a register of the PE.
    #[must_use]
    pub const fn bits(self) -> Bits {
        Bits(match self {
            Self::Bit => 1,
            Self::Trit => 2,
            Self::Int4 => 4,
            Self::Int8 => 8,
            Self::Int16 | Self::Bf16 | Self::Fp16 => 16,
            Self::Int20 => 20,
            Self::Int24 => 24,
            Self::Int32 | Self::Fp32 => 32,
        })
    }

    /// Whether it holds integers.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        !matches!(self, Self::Bf16 | Self::Fp16 | Self::Fp32)
    }

    /// The greatest magnitude of an integer format: 128 for `Int8`, whose least value is −128.
    /// `None` for floating formats.
    #[must_use]
    pub const fn magnitude(self) -> Option<u64> {
        match self {
            Self::Bit | Self::Trit => Some(1),
            Self::Bf16 | Self::Fp16 | Self::Fp32 => None,
            _ => Some(1 << (self.bits().0 - 1)),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The PE's kind, as an architect writes it: `Ternary(activation: Int8, accumulator: Int24)`.
/// What is left out is taken from the kind's data (`data/pe-kinds.ron`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Element {
    /// Weights −1 or +1: the PE adds or subtracts.
    Binary {
        /// Format of activations; integers only.
        #[serde(default, deserialize_with = "given")]
        activation: Option<Format>,
        /// Format of partial sums.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<Format>,
    },
    /// Weights −1, 0 or +1: the PE adds, subtracts, or gates its accumulator off.
    Ternary {
        /// Format of activations; integers only.
        #[serde(default, deserialize_with = "given")]
        activation: Option<Format>,
        /// Format of partial sums.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<Format>,
    },
    /// 4-bit integers on both sides.
    Int4 {
        /// Format of partial sums.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<Format>,
    },
    /// 8-bit integers on both sides.
    Int8 {
        /// Format of partial sums.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<Format>,
    },
    /// bfloat16 operands, rounded to nearest even on accumulation.
    Bf16 {
        /// Format of partial sums.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<Format>,
    },
    /// Half-precision operands.
    Fp16 {
        /// Format of partial sums.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<Format>,
    },
}

/// A format that is written down needs no `Some(…)` around it.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Format>, D::Error> {
    Format::deserialize(deserializer).map(Some)
}

/// Everything the laws and reports need to know of a PE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PeKind {
    /// The kind's name: `Ternary`.
    pub name: &'static str,
    /// Format of operand A.
    pub activation: Format,
    /// Format of operand B.
    pub weight: Format,
    /// Format of partial sums and results.
    pub accumulator: Format,
    /// Cycles between two steps of one PE.
    pub initiation_interval: u64,
    /// Pipeline stages from operand to accumulator; 1 = added in the cycle the interval ends.
    pub latency: u64,
    /// Whether its weights need no multiplier (1-bit or ternary).
    pub matmul_free: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum KindName {
    Binary,
    Ternary,
    Int4,
    Int8,
    Bf16,
    Fp16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindRow {
    kind: KindName,
    activation: Format,
    weight: Format,
    accumulator: Format,
    interval: u64,
    latency: u64,
}

static KINDS: LazyLock<Vec<KindRow>> = LazyLock::new(|| {
    // Cannot fail: the file is part of the crate, and a test reads it.
    ron::from_str(include_str!("../data/pe-kinds.ron")).expect("the shipped PE kinds parse")
});

impl Element {
    /// The kind with every default filled in.
    ///
    /// # Errors
    /// A format that the kind cannot work with, at `element.activation` or `element.accumulator`.
    pub fn kind(self) -> Result<PeKind, FieldError> {
        let (name, matmul_free, activation, accumulator) = match self {
            Self::Binary {
                activation,
                accumulator,
            } => (KindName::Binary, true, activation, accumulator),
            Self::Ternary {
                activation,
                accumulator,
            } => (KindName::Ternary, true, activation, accumulator),
            Self::Int4 { accumulator } => (KindName::Int4, false, None, accumulator),
            Self::Int8 { accumulator } => (KindName::Int8, false, None, accumulator),
            Self::Bf16 { accumulator } => (KindName::Bf16, false, None, accumulator),
            Self::Fp16 { accumulator } => (KindName::Fp16, false, None, accumulator),
        };
        let row = KINDS
            .iter()
            .find(|row| row.kind == name)
            .expect("a test reads a row for every kind");
        let kind = PeKind {
            name: name.text(),
            activation: activation.unwrap_or(row.activation),
            weight: row.weight,
            accumulator: accumulator.unwrap_or(row.accumulator),
            initiation_interval: row.interval,
            latency: row.latency,
            matmul_free,
        };
        kind.check()?;
        Ok(kind)
    }
}

impl KindName {
    const fn text(self) -> &'static str {
        match self {
            Self::Binary => "Binary",
            Self::Ternary => "Ternary",
            Self::Int4 => "Int4",
            Self::Int8 => "Int8",
            Self::Bf16 => "Bf16",
            Self::Fp16 => "Fp16",
        }
    }
}

impl PeKind {
    fn check(&self) -> Result<(), FieldError> {
        if self.weight.is_integer() {
            if !matches!(self.activation, Format::Int4 | Format::Int8 | Format::Int16) {
                return Err(FieldError::new(
                    "element.activation",
                    format!("{} PEs do not take {}", self.name, self.activation),
                )
                .help("Int4, Int8 or Int16"));
            }
            if !self.accumulator.is_integer() || self.accumulator.bits() <= self.activation.bits() {
                return Err(FieldError::new(
                    "element.accumulator",
                    format!(
                        "sums of {} products of {} do not fit {}",
                        self.name, self.activation, self.accumulator
                    ),
                )
                .help("Int16, Int20, Int24 or Int32, wider than the activation"));
            }
        } else if self.accumulator != Format::Fp32 {
            return Err(FieldError::new(
                "element.accumulator",
                format!(
                    "{} PEs do not accumulate in {}",
                    self.name, self.accumulator
                ),
            )
            .help("Fp32"));
        }
        Ok(())
    }

    /// The greatest reduction length K whose sums always fit the accumulator, with every operand
    /// at its greatest magnitude; `None` for floating accumulators, which do not wrap.
    ///
    /// K · |activation| · |weight| ≤ 2^(bits − 1) − 1.
    #[must_use]
    pub fn greatest_reduction(&self) -> Option<u64> {
        let product = self.activation.magnitude()? * self.weight.magnitude()?;
        let greatest = self.accumulator.magnitude()? - 1;
        Some(greatest / product)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ternary(accumulator: Format) -> Element {
        Element::Ternary {
            activation: Some(Format::Int8),
            accumulator: Some(accumulator),
        }
    }

    #[test]
    fn every_kind_has_a_shipped_row_that_checks() {
        for element in [
            Element::Binary {
                activation: None,
                accumulator: None,
            },
            Element::Ternary {
                activation: None,
                accumulator: None,
            },
            Element::Int4 { accumulator: None },
            Element::Int8 { accumulator: None },
            Element::Bf16 { accumulator: None },
            Element::Fp16 { accumulator: None },
        ] {
            element.kind().unwrap();
        }
    }

    #[test]
    fn elements_read_as_an_architect_writes_them() {
        for (text, name) in [
            ("Ternary(activation: Int8, accumulator: Int24)", "Ternary"),
            ("Binary(activation: Int8)", "Binary"),
            ("Bf16(accumulator: Fp32)", "Bf16"),
            ("Int8()", "Int8"),
        ] {
            let element: Element = ron::from_str(text).unwrap();
            assert_eq!(element.kind().unwrap().name, name);
        }
    }

    #[test]
    fn an_accumulator_holds_sums_up_to_its_greatest_reduction() {
        assert_eq!(
            ternary(Format::Int24).kind().unwrap().greatest_reduction(),
            Some(65535)
        );
        assert_eq!(
            ternary(Format::Int16).kind().unwrap().greatest_reduction(),
            Some(255)
        );
        let int8 = Element::Int8 { accumulator: None }.kind().unwrap();
        assert_eq!(int8.greatest_reduction(), Some(131_071));
        let bf16 = Element::Bf16 { accumulator: None }.kind().unwrap();
        assert_eq!(bf16.greatest_reduction(), None);
    }

    #[test]
    fn formats_that_a_kind_cannot_use_are_refused_at_their_field() {
        let error = ternary(Format::Fp32).kind().unwrap_err();
        assert_eq!(error.path, "element.accumulator");
        let error = Element::Bf16 {
            accumulator: Some(Format::Int32),
        }
        .kind()
        .unwrap_err();
        assert_eq!(error.path, "element.accumulator");
        let error = Element::Binary {
            activation: Some(Format::Bf16),
            accumulator: None,
        }
        .kind()
        .unwrap_err();
        assert_eq!(error.path, "element.activation");
    }
}

//! Number formats: the values that an element may have, whatever holds it.

use std::fmt;

use quantities::Bits;
use serde::{Deserialize, Serialize};

use crate::Numbers;

/// A number format: of an operand or an accumulator of a PE, of weights, of vectors.
///
/// How many bits an element takes in memory is told beside it, by [`Packed`](crate::Packed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NumberFormat {
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
    /// Two's complement, 48 bits (accumulators).
    Int48,
    /// bfloat16: 8 exponent, 7 fraction bits.
    Bf16,
    /// IEEE half precision.
    Fp16,
    /// IEEE single precision.
    Fp32,
}

impl NumberFormat {
    /// Width of an element in a register of a PE.
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
            Self::Int48 => 48,
        })
    }

    /// The kind of numbers that it holds. Single precision, a format of accumulators alone, counts
    /// as what it accumulates: it holds every BF16 number.
    #[must_use]
    pub const fn numbers(self) -> Numbers {
        match self {
            Self::Bf16 | Self::Fp32 => Numbers::Bf16,
            Self::Fp16 => Numbers::Fp16,
            _ => Numbers::Integers,
        }
    }

    /// Whether it holds integers.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self.numbers(), Numbers::Integers)
    }

    /// Whether products with weights of this format need no multiplier: the weight is a sign, or
    /// zero.
    #[must_use]
    pub const fn is_matmul_free(self) -> bool {
        matches!(self, Self::Bit | Self::Trit)
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

impl fmt::Display for NumberFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [NumberFormat; 12] = [
        NumberFormat::Bit,
        NumberFormat::Trit,
        NumberFormat::Int4,
        NumberFormat::Int8,
        NumberFormat::Int16,
        NumberFormat::Int20,
        NumberFormat::Int24,
        NumberFormat::Int32,
        NumberFormat::Int48,
        NumberFormat::Bf16,
        NumberFormat::Fp16,
        NumberFormat::Fp32,
    ];

    #[test]
    fn an_integer_format_holds_every_magnitude_below_its_greatest() {
        for format in ALL {
            let Some(greatest) = format.magnitude() else {
                assert!(!format.is_integer(), "{format}");
                continue;
            };
            assert!(format.is_integer(), "{format}");
            assert!(
                greatest <= 1 << (format.bits().get() - 1).max(1),
                "{format}"
            );
            assert_eq!(greatest == 1, format.is_matmul_free(), "{format}");
        }
    }
}

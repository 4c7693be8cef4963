//! Number formats.

use std::fmt;

use quantities::Bits;
use serde::{Deserialize, Serialize};
use tile_program::Numbers;

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
    /// Two's complement, 48 bits (accumulators).
    Int48,
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
            Self::Int48 => 48,
        })
    }

    /// The kind of numbers that it holds. Single precision, a format of accumulators alone, counts as
    /// what it accumulates: it holds every BF16 number.
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

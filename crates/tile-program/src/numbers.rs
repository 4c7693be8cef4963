//! Kinds of numbers that PEs multiply.

use std::fmt;

/// The kind of numbers that the multipliers of a PE take, or that an operand consists of. Numbers
/// of one kind differ in width alone, which is told beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Numbers {
    /// Two's complement integers, and the values -1, 0, +1 of binary and ternary weights.
    Integers,
    /// bfloat16: 8 exponent bits, 7 fraction bits.
    Bf16,
    /// IEEE half precision: 5 exponent bits, 10 fraction bits.
    Fp16,
}

impl Numbers {
    /// Whether multipliers of this kind compute with operands of another kind, given that they are
    /// wide enough: every kind takes integers of up to 8 bits exactly, but neither floating-point
    /// format holds the values of the other.
    #[must_use]
    pub fn take(self, operands: Self) -> bool {
        operands == Self::Integers || operands == self
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integers => "integers",
            Self::Bf16 => "BF16 numbers",
            Self::Fp16 => "FP16 numbers",
        })
    }
}

//! Number formats as they lie in memory.

use std::fmt;

use serde::{Deserialize, Serialize};
use tile_program::{NumberFormat, Numbers, Packed};

/// How ternary weights are packed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Packing {
    /// Five trits in a byte (3⁵ = 243 ≤ 256): 1.6 bits a weight.
    FiveTritsPerByte,
    /// Two bits a weight, as the kernels published with BitNet b1.58 have it.
    #[default]
    TwoBits,
}

/// A number format and how its elements are packed in memory, as a workload file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Format {
    /// The numbers −1 and +1, one bit each.
    Binary,
    /// The numbers −1, 0 and +1.
    Ternary {
        /// How many bits a weight takes.
        #[serde(default)]
        packing: Packing,
    },
    /// Signed integers of four bits.
    Int4,
    /// Signed integers of eight bits.
    Int8,
    /// bfloat16: the upper half of IEEE single precision.
    Bf16,
    /// IEEE half precision.
    Fp16,
}

impl Format {
    /// All formats, the narrowest first; ternary in the packing that it has unless one is named.
    pub(crate) const ALL: [Self; 6] = [
        Self::Binary,
        Self::Ternary {
            packing: Packing::TwoBits,
        },
        Self::Int4,
        Self::Int8,
        Self::Bf16,
        Self::Fp16,
    ];

    /// The format's name as a workload file has it, packing aside: `Ternary`, `Bf16`.
    #[must_use]
    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            Self::Binary => "Binary",
            Self::Ternary { .. } => "Ternary",
            Self::Int4 => "Int4",
            Self::Int8 => "Int8",
            Self::Bf16 => "Bf16",
            Self::Fp16 => "Fp16",
        }
    }

    /// The values that elements have.
    #[must_use]
    pub const fn number_format(self) -> NumberFormat {
        match self {
            Self::Binary => NumberFormat::Bit,
            Self::Ternary { .. } => NumberFormat::Trit,
            Self::Int4 => NumberFormat::Int4,
            Self::Int8 => NumberFormat::Int8,
            Self::Bf16 => NumberFormat::Bf16,
            Self::Fp16 => NumberFormat::Fp16,
        }
    }

    /// How weights of this format lie in memory.
    #[must_use]
    pub const fn packed(self) -> Packed {
        match self {
            Self::Binary => Packed::OneBit,
            Self::Ternary {
                packing: Packing::FiveTritsPerByte,
            } => Packed::FiveTritsPerByte,
            Self::Ternary {
                packing: Packing::TwoBits,
            } => Packed::TwoBits,
            Self::Int4 => Packed::FourBits,
            Self::Int8 => Packed::EightBits,
            Self::Bf16 | Self::Fp16 => Packed::SixteenBits,
        }
    }

    /// Tenths of a bit that an element takes in memory.
    const fn tenths(self) -> u64 {
        self.packed().tenths()
    }

    /// Whole bytes that hold so many elements side by side; `None` past 64 bits.
    #[must_use]
    pub const fn bytes(self, elements: u64) -> Option<u64> {
        match elements.checked_mul(self.tenths()) {
            Some(tenths) => Some(tenths.div_ceil(80)),
            None => None,
        }
    }

    /// The least number of elements that fill whole accesses of so many bytes.
    #[must_use]
    pub(crate) const fn elements_of_accesses(self, access: u64) -> u64 {
        let tenths = self.tenths();
        let whole = 80 * access;
        whole / quantities::gcd(whole, tenths)
    }

    /// Width of an element as an array sees it once it is unpacked.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.number_format().bits().get()
    }

    /// Whether weights of this format need no multiplication.
    #[must_use]
    pub const fn is_matmul_free(self) -> bool {
        self.number_format().is_matmul_free()
    }

    /// Whether vectors between operators may be of this format.
    #[must_use]
    pub(crate) const fn holds_vectors(self) -> bool {
        matches!(self, Self::Int8 | Self::Bf16 | Self::Fp16)
    }

    /// Whether queries, keys and values may be of this format: those of weights alone may not.
    #[must_use]
    pub(crate) const fn holds_attention(self) -> bool {
        !self.is_matmul_free()
    }

    /// The kind of numbers that elements are.
    #[must_use]
    pub const fn numbers(self) -> Numbers {
        self.number_format().numbers()
    }

    /// Whether elements are integers, so that activations are quantised to reach them.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        self.number_format().is_integer()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::Ternary {
                packing: Packing::FiveTritsPerByte,
            } => "ternary (1.6 bits)",
            Self::Ternary {
                packing: Packing::TwoBits,
            } => "ternary (2 bits)",
            Self::Int4 => "INT4",
            Self::Int8 => "INT8",
            Self::Bf16 => "BF16",
            Self::Fp16 => "FP16",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_trits_take_one_byte() {
        let format = Format::Ternary {
            packing: Packing::FiveTritsPerByte,
        };
        assert_eq!(format.bytes(5), Some(1));
        assert_eq!(format.bytes(6), Some(2));
        assert_eq!(format.bytes(320), Some(64));
        assert_eq!(format.elements_of_accesses(64), 320);
        assert_eq!(Format::Bf16.elements_of_accesses(64), 32);
        assert_eq!(format.bytes(u64::MAX), None);
    }
}

//! How weights lie in memory and in the scratchpads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A packing of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Packed {
    /// A bit a weight.
    OneBit,
    /// Five trits in a byte: 1.6 bits a weight.
    FiveTritsPerByte,
    /// Two bits a weight.
    TwoBits,
    /// Four bits a weight.
    FourBits,
    /// Eight bits a weight.
    EightBits,
    /// Sixteen bits a weight.
    SixteenBits,
}

impl Packed {
    /// All packings, the narrowest first; `packed as usize` indexes it.
    pub const ALL: [Self; 6] = [
        Self::OneBit,
        Self::FiveTritsPerByte,
        Self::TwoBits,
        Self::FourBits,
        Self::EightBits,
        Self::SixteenBits,
    ];

    /// Tenths of a bit that a weight takes.
    #[must_use]
    pub const fn tenths(self) -> u64 {
        match self {
            Self::OneBit => 10,
            Self::FiveTritsPerByte => 16,
            Self::TwoBits => 20,
            Self::FourBits => 40,
            Self::EightBits => 80,
            Self::SixteenBits => 160,
        }
    }
}

impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

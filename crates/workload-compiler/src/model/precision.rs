//! What the weights of a model were published in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The precision that the weights of a model were published in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublishedPrecision {
    /// Sixteen-bit floating point (bfloat16).
    #[serde(rename = "bf16")]
    Bf16,
    /// IEEE half precision.
    #[serde(rename = "fp16")]
    Fp16,
    /// IEEE single precision.
    #[serde(rename = "fp32")]
    Fp32,
    /// Ternary weights (1.58 bits of information each) and activations of 8 bits.
    #[serde(rename = "W1.58A8")]
    Ternary,
}

impl PublishedPrecision {
    /// The name used in tables and lists.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
            Self::Fp32 => "fp32",
            Self::Ternary => "W1.58A8",
        }
    }
}

impl fmt::Display for PublishedPrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

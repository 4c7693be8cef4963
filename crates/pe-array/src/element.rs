//! What a PE computes with, as an architect writes it.

use config::FieldError;
use serde::{Deserialize, Deserializer, Serialize};

use crate::kind::{self, KindName};
use crate::{NumberFormat, PeKind};

/// The PE's kind, as an architect writes it: `Ternary(activation: Int8, accumulator: Int24)`.
/// What is left out is taken from the kind's data (`data/pe-kinds.ron`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Element {
    /// Weights −1 or +1: the PE adds or subtracts.
    Binary {
        /// NumberFormat of activations; integers only.
        #[serde(default, deserialize_with = "given")]
        activation: Option<NumberFormat>,
        /// The number format of partial sums; the kind's own if not given.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<NumberFormat>,
        /// How the PE is built.
        #[serde(default, skip_serializing_if = "Variant::is_parallel")]
        variant: Variant,
    },
    /// Weights −1, 0 or +1: the PE adds, subtracts, or gates its accumulator off.
    Ternary {
        /// NumberFormat of activations; integers only.
        #[serde(default, deserialize_with = "given")]
        activation: Option<NumberFormat>,
        /// The number format of partial sums; the kind's own if not given.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<NumberFormat>,
        /// How the PE is built.
        #[serde(default, skip_serializing_if = "Variant::is_parallel")]
        variant: Variant,
    },
    /// 4-bit integers on both sides.
    Int4 {
        /// The number format of partial sums; the kind's own if not given.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<NumberFormat>,
        /// How the PE is built.
        #[serde(default, skip_serializing_if = "Variant::is_parallel")]
        variant: Variant,
    },
    /// 8-bit integers on both sides; 16 bits on either take several passes.
    Int8 {
        /// `Int8`, or `Int16` in two passes.
        #[serde(
            default,
            deserialize_with = "given",
            skip_serializing_if = "Option::is_none"
        )]
        activation: Option<NumberFormat>,
        /// `Int8`, or `Int16` in two passes; four where both are 16 bits.
        #[serde(
            default,
            deserialize_with = "given",
            skip_serializing_if = "Option::is_none"
        )]
        weight: Option<NumberFormat>,
        /// The number format of partial sums; the kind's own if not given.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<NumberFormat>,
        /// How the PE is built.
        #[serde(default, skip_serializing_if = "Variant::is_parallel")]
        variant: Variant,
    },
    /// bfloat16 operands, rounded to nearest even on accumulation.
    Bf16 {
        /// The number format of partial sums; the kind's own if not given.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<NumberFormat>,
    },
    /// IEEE half-precision operands of 16 bits.
    Fp16 {
        /// The number format of partial sums; the kind's own if not given.
        #[serde(default, deserialize_with = "given")]
        accumulator: Option<NumberFormat>,
        /// How the PE is built.
        #[serde(default, skip_serializing_if = "Variant::is_parallel")]
        variant: Variant,
    },
}

/// How a PE makes the product of an integer activation and a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Variant {
    /// All bits at once: one step an interval.
    #[default]
    Parallel,
    /// So many bits of the activation a cycle: a step takes ⌈width / bits⌉ intervals.
    BitSerial {
        /// Bits of the activation taken in each cycle.
        #[serde(deserialize_with = "config::whole::<1, 16, _, _>")]
        bits: u64,
    },
    /// A table of all sums of a group of activations, indexed by the group's weights: a step is a
    /// group of `group` products. Published designs take groups of 2 or 3. The table of a group is
    /// made beside the array, before its step; what that takes belongs to `latency`.
    Lookup {
        /// The number of products of a step.
        #[serde(deserialize_with = "config::whole::<1, 16, _, _>")]
        group: u64,
    },
    /// So many multipliers (for weights of −1, 0, +1: adders) in front of a tree of adders: a step
    /// is a piece of a dot product. The stages of the tree belong to `latency`.
    Dot {
        /// The number of products of a step.
        #[serde(deserialize_with = "config::whole::<1, 4096, _, _>")]
        lanes: u64,
    },
}

impl Variant {
    fn is_parallel(&self) -> bool {
        *self == Self::Parallel
    }
}

/// A format that is written down needs no `Some(…)` around it.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NumberFormat>, D::Error> {
    NumberFormat::deserialize(deserializer).map(Some)
}

impl Element {
    /// The kind with every default filled in.
    ///
    /// # Errors
    /// A format that the kind cannot work with, at `element.activation`, `element.weight` or
    /// `element.accumulator`; a group or width of zero, at `element.variant`.
    pub fn kind(self) -> Result<PeKind, FieldError> {
        let parallel = Variant::Parallel;
        let (name, activation, weight, accumulator, variant) = match self {
            Self::Binary {
                activation,
                accumulator,
                variant,
            } => (KindName::Binary, activation, None, accumulator, variant),
            Self::Ternary {
                activation,
                accumulator,
                variant,
            } => (KindName::Ternary, activation, None, accumulator, variant),
            Self::Int4 {
                accumulator,
                variant,
            } => (KindName::Int4, None, None, accumulator, variant),
            Self::Int8 {
                activation,
                weight,
                accumulator,
                variant,
            } => (KindName::Int8, activation, weight, accumulator, variant),
            Self::Bf16 { accumulator } => (KindName::Bf16, None, None, accumulator, parallel),
            Self::Fp16 {
                accumulator,
                variant,
            } => (KindName::Fp16, None, None, accumulator, variant),
        };
        kind::resolve(name, [activation, weight, accumulator], variant)
    }
}

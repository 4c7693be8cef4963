//! What the operators of the vector unit cost, as written.

use std::sync::LazyLock;

use config::Document;
use serde::{Deserialize, Serialize};
use tile_program::VectorKind;

/// The cost of one operator as written: both fields at once, since they belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Cost", deny_unknown_fields)]
pub struct Cost {
    /// Lane operations per element, over all passes.
    #[serde(deserialize_with = "config::whole::<0, MOST, _, _>")]
    pub operations: u64,
    /// Sweeps over the elements that must follow one another.
    #[serde(deserialize_with = "config::whole::<0, MOST, _, _>")]
    pub passes: u64,
}

macro_rules! costs {
    ($($field:ident $kind:ident),* $(,)?) => {
        /// The costs of all operators as written; those left out are the shipped ones.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename = "Costs", default, deny_unknown_fields)]
        pub struct Costs {
            $(
                #[doc = concat!("Of [`VectorKind::", stringify!($kind), "`].")]
                pub $field: Cost,
            )*
        }

        /// The same without defaults, for the shipped table itself.
        #[derive(Deserialize)]
        #[serde(rename = "Costs", deny_unknown_fields)]
        struct AllCosts {
            $($field: Cost,)*
        }

        impl Costs {
            pub(super) const fn of(&self, kind: VectorKind) -> Cost {
                match kind {
                    $(VectorKind::$kind => self.$field,)*
                }
            }
        }

        impl From<AllCosts> for Costs {
            fn from(all: AllCosts) -> Self {
                Self { $($field: all.$field,)* }
            }
        }
    };
}

costs! {
    rms_norm RmsNorm,
    layer_norm LayerNorm,
    rotary Rotary,
    softmax Softmax,
    relu Relu,
    squared_relu SquaredRelu,
    gelu Gelu,
    silu Silu,
    sigmoid Sigmoid,
    multiply Multiply,
    add Add,
    quantise Quantise,
    dequantise Dequantise,
    recurrence Recurrence,
}

/// The shipped costs.
static SHIPPED: LazyLock<Costs> = LazyLock::new(|| {
    Document::parse("vector-costs.ron", include_str!("vector-costs.ron"))
        .and_then(|document| document.read::<AllCosts>())
        .expect("the shipped table is part of the program, and a test reads it")
        .into()
});

impl Default for Costs {
    fn default() -> Self {
        SHIPPED.clone()
    }
}

/// Nothing costs more; past it, a file holds a slip of the keyboard.
pub(super) const MOST: u64 = 1 << 16;

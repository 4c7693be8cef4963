//! The names of what surrounds a linear layer follow from its own.

/// A linear layer: names of its operation, of its scaling and of its bias.
pub(super) struct Linear {
    pub(super) name: &'static str,
    pub(super) dequantise: &'static str,
    pub(super) bias: Option<&'static str>,
}

macro_rules! linear {
    ($name:literal, $bias:expr) => {
        $crate::lower::names::Linear {
            name: $name,
            dequantise: concat!($name, "_dequantise"),
            bias: $bias.then_some(concat!($name, "_bias")),
        }
    };
}

/// Names of the row-wise work before a linear layer.
pub(super) struct Entry {
    pub(super) norm: &'static str,
    pub(super) quantise: &'static str,
}

macro_rules! entry {
    ($name:literal) => {
        $crate::lower::names::Entry {
            norm: concat!($name, "_norm"),
            quantise: concat!($name, "_quantise"),
        }
    };
}

//! Sizes: bits are not bytes.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

macro_rules! size {
    ($(#[$doc:meta])* $name:ident, $suffix:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The size of nothing: zero.
            pub const ZERO: Self = Self(0);
            /// The largest size that 64 bits count.
            pub const MAX: Self = Self(u64::MAX);

            /// The bare number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The product, or `None` past 64 bits.
            #[must_use]
            pub const fn checked_mul(self, by: u64) -> Option<Self> {
                match self.0.checked_mul(by) {
                    Some(product) => Some(Self(product)),
                    None => None,
                }
            }

            /// The sum, or `None` past 64 bits.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The sum, or [`Self::MAX`] past 64 bits.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The product, or [`Self::MAX`] past 64 bits.
            #[must_use]
            pub const fn saturating_mul(self, by: u64) -> Self {
                Self(self.0.saturating_mul(by))
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                Self(items.map(|item| item.0).sum())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", self.0, $suffix)
            }
        }
    };
}

size!(
    /// A number of bits, such as the width of an element.
    Bits,
    "bit"
);
size!(
    /// A number of bytes, such as a capacity or a footprint.
    Bytes,
    "B"
);

impl Bits {
    /// The whole bytes that hold these bits.
    #[must_use]
    pub const fn to_bytes_ceil(self) -> Bytes {
        Bytes(self.0.div_ceil(8))
    }
}

impl Bytes {
    /// The same size in bits.
    ///
    /// # Panics
    /// If the size does not fit 64 bits of bits (2 EiB).
    #[must_use]
    pub const fn to_bits(self) -> Bits {
        Bits(self.0 * 8)
    }

    /// The next multiple of `alignment` bytes (which must not be zero).
    #[must_use]
    pub const fn align_up(self, alignment: u64) -> Self {
        Self(self.0.div_ceil(alignment) * alignment)
    }
}

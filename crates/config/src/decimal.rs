//! Decimal numbers as they are written, without floating point.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::deserialize::NUMBER_AS_WRITTEN;

/// An exact decimal number of zero or more: `digits / 10^places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: u64,
    places: u32,
}

impl Decimal {
    /// A whole number.
    #[must_use]
    pub const fn whole(value: u64) -> Self {
        Self {
            digits: value,
            places: 0,
        }
    }

    /// Reads `700`, `1_000`, `1.05`.
    ///
    /// Returns `None` for anything else, and past 64 bits of digits.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        let plain: String = written.chars().filter(|&c| c != '_').collect();
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            digits: digits.parse().ok()?,
            places: u32::try_from(fraction.len()).ok()?,
        })
    }

    /// The number times `factor` as a fraction, or `None` past 128 bits.
    #[must_use]
    pub fn scaled(self, factor: u64) -> Option<(u128, u128)> {
        let numerator = u128::from(self.digits).checked_mul(u128::from(factor))?;
        Some((numerator, 10u128.checked_pow(self.places)?))
    }

    /// The number times `factor`, if that is whole and fits 64 bits.
    #[must_use]
    pub fn scaled_whole(self, factor: u64) -> Option<u64> {
        let (numerator, denominator) = self.scaled(factor)?;
        if numerator % denominator != 0 {
            return None;
        }
        u64::try_from(numerator / denominator).ok()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.places == 0 {
            return write!(f, "{}", self.digits);
        }
        let width = self.places as usize + 1;
        let digits = format!("{:0width$}", self.digits);
        let (whole, fraction) = digits.split_at(digits.len() - self.places as usize);
        write!(f, "{whole}.{fraction}")
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsWritten;
        impl Visitor<'_> for AsWritten {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_str<E: Error>(self, written: &str) -> Result<Decimal, E> {
                Decimal::parse(written).ok_or_else(|| {
                    E::custom(format!(
                        "`{written}` is not a plain decimal number, zero or more, of at most 19 digits"
                    ))
                })
            }
        }
        deserializer.deserialize_newtype_struct(NUMBER_AS_WRITTEN, AsWritten)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.places == 0 {
            serializer.serialize_u64(self.digits)
        } else {
            // Shortest form that reads back as the same double: the digits as written.
            let nearest: f64 = self
                .to_string()
                .parse()
                .map_err(serde::ser::Error::custom)?;
            serializer.serialize_f64(nearest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(
            Decimal::parse("1.05").unwrap().scaled_whole(1_000_000_000),
            Some(1_050_000_000)
        );
        assert_eq!(Decimal::parse("0.1").unwrap().scaled(3), Some((3, 10)));
        assert_eq!(Decimal::parse("1_000").unwrap(), Decimal::whole(1000));
        assert_eq!(Decimal::parse("2.50").unwrap().to_string(), "2.5");
        assert_eq!(Decimal::parse("0.05").unwrap().to_string(), "0.05");
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for written in [
            "",
            "-1",
            "1e3",
            "0x10",
            "1.2.3",
            ".",
            "99999999999999999999",
        ] {
            assert_eq!(Decimal::parse(written), None, "{written}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_agree(digits in any::<u64>(), places in 0u32..19) {
            let decimal = Decimal { digits, places };
            let again = Decimal::parse(&decimal.to_string()).unwrap();
            let (a, b) = (decimal.scaled(1).unwrap(), again.scaled(1).unwrap());
            prop_assert_eq!(a.0 * b.1, b.0 * a.1);
        }
    }
}

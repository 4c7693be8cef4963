//! Whole numbers with the range that holds for their field.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// A whole number from `LEAST` to `MOST`. Reading any other number is an error that names this
/// range, not that of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Whole<LEAST, MOST> {
    /// A number in the range, as a default.
    ///
    /// # Panics
    /// If it is out of range: a mistake of the program, not of its user.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        assert!(LEAST <= value && value <= MOST, "a default in its range");
        Self(value)
    }

    /// The number, which is within the range of its type.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<const LEAST: u64, const MOST: u64> fmt::Display for Whole<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const LEAST: u64, const MOST: u64> Serialize for Whole<LEAST, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i128(InRange::<LEAST, MOST>)
    }
}

struct InRange<const LEAST: u64, const MOST: u64>;

impl<const LEAST: u64, const MOST: u64> InRange<LEAST, MOST> {
    fn outside<E: Error>(found: impl fmt::Display) -> E {
        E::custom(format!(
            "`{found}` is out of range: a whole number from {LEAST} to {MOST} is needed"
        ))
    }
}

impl<const LEAST: u64, const MOST: u64> Visitor<'_> for InRange<LEAST, MOST> {
    type Value = Whole<LEAST, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {LEAST} to {MOST}")
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Self::Value, E> {
        let number = u64::try_from(value).ok();
        let number = number.filter(|number| (LEAST..=MOST).contains(number));
        number.map(Whole).ok_or_else(|| Self::outside(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_i128(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_i128(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Err(Self::outside(value))
    }
}

/// Reads a field as a whole number from `LEAST` to `MOST`, for
/// `#[serde(deserialize_with = "config::whole::<1, 4096, _, _>")]`.
///
/// # Errors
/// Any other number, with the range.
///
/// # Panics
/// If the range does not fit the field's type: a mistake of the program.
pub fn whole<'de, const LEAST: u64, const MOST: u64, N, D>(deserializer: D) -> Result<N, D::Error>
where
    N: TryFrom<u64>,
    D: Deserializer<'de>,
{
    let value = Whole::<LEAST, MOST>::deserialize(deserializer)?;
    let value = N::try_from(value.get()).ok();
    Ok(value.expect("the range fits the type of its field"))
}

/// As [`whole`], of a number that may be left out: `None`.
///
/// # Errors
/// As [`whole`].
///
/// # Panics
/// As [`whole`].
pub fn some_whole<'de, const LEAST: u64, const MOST: u64, N, D>(
    deserializer: D,
) -> Result<Option<N>, D::Error>
where
    N: TryFrom<u64>,
    D: Deserializer<'de>,
{
    let value = Option::<Whole<LEAST, MOST>>::deserialize(deserializer)?;
    let value = value.map(|value| N::try_from(value.get()).ok());
    Ok(value.map(|value| value.expect("the range fits the type of its field")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Fields {
        #[serde(deserialize_with = "whole::<1, 65_536, _, _>")]
        rows: u64,
        #[serde(default, deserialize_with = "some_whole::<0, 9, _, _>")]
        digit: Option<u8>,
    }

    fn read(text: &str) -> Result<Fields, String> {
        Document::parse("test.ron", text)
            .and_then(|document| document.read())
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_in_range_is_read_and_anything_else_is_told_the_range_of_its_field() {
        let fields = read("(rows: 0x10, digit: 9)").unwrap();
        assert_eq!((fields.rows, fields.digit), (16, Some(9)));
        assert_eq!(read("(rows: 65536)").unwrap().digit, None);
        let numbers = ["-4", "0", "65537", "18446744073709551616", "1.5", "1e30"];
        for number in numbers.into_iter().chain(["-99999999999999999999"]) {
            let error = read(&format!("(rows: {number})")).err().unwrap();
            assert!(error.contains("a whole number from 1 to 65536"), "{error}");
        }
        let error = read("(rows: 1, digit: Some(10))").err().unwrap();
        assert!(error.contains("from 0 to 9"), "{error}");
        for text in ["(rows: many)", "(rows: \"4\")", "(rows: [4])"] {
            let error = read(text).err().unwrap();
            assert!(error.contains("1 to 65536"), "{text}: {error}");
        }
    }
}

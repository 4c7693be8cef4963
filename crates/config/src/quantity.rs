//! Quantities with their units: `MHz(700)`, `KiB(256)`, `GBps(34)`, `Ns(100)`.
//!
//! A bare number, or a unit of another kind, is an error that lists the units that would be right.
//! Resolution is exact: decimals are never rounded, and what does not come out whole is an error.

use std::fmt;

use quantities::FrequencyError;
use quantities::{Bytes, Frequency};
use serde::de::{Deserialize, Deserializer, EnumAccess, Error, VariantAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::{Decimal, FieldError};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($unit:ident = $factor:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            amount: Decimal,
            unit: usize,
        }

        impl $name {
            /// The units, as written in files.
            pub const UNITS: &'static [&'static str] = &[$(stringify!($unit)),*];
            const FACTORS: &'static [u64] = &[$($factor),*];
            const KIND: &'static str = $kind;

            fn factor(self) -> u64 {
                Self::FACTORS[self.unit]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", Self::UNITS[self.unit], self.amount)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let visitor = UnitVisitor { kind: Self::KIND, units: Self::UNITS };
                let (unit, amount) =
                    deserializer.deserialize_enum(Self::KIND, Self::UNITS, visitor)?;
                Ok(Self { amount, unit })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_variant(
                    Self::KIND,
                    u32::try_from(self.unit).expect("fewer units than 2^32"),
                    Self::UNITS[self.unit],
                    &self.amount,
                )
            }
        }
    };
}

quantity!(
    /// A frequency as written.
    Clock, "frequency", { Hz = 1, KHz = 1_000, MHz = 1_000_000, GHz = 1_000_000_000 }
);
quantity!(
    /// A size as written. Binary units only: a buffer is built of powers of two.
    Size, "size", { Bytes = 1, KiB = 1 << 10, MiB = 1 << 20, GiB = 1 << 30 }
);
quantity!(
    /// A bandwidth as written. Decimal units, as data sheets give them: 1 GB/s is 10^9 bytes a
    /// second.
    Bandwidth, "bandwidth", { MBps = 1_000_000, GBps = 1_000_000_000, TBps = 1_000_000_000_000 }
);
quantity!(
    /// A time as written.
    Time, "time", { Ps = 1, Ns = 1_000, Us = 1_000_000, Ms = 1_000_000_000 }
);

quantity!(
    /// An energy as written, to the attojoule.
    Energy, "energy", { Aj = 1, Fj = 1_000, Pj = 1_000_000, Nj = 1_000_000_000 }
);
quantity!(
    /// An area as written, to the square nanometre.
    Area, "area", { Um2 = 1_000_000, Mm2 = 1_000_000_000_000 }
);
quantity!(
    /// A power as written, to the nanowatt.
    Power, "power", { Nw = 1, Uw = 1_000, MilliW = 1_000_000, W = 1_000_000_000 }
);

/// What kind of quantity has these units, if any.
pub(crate) fn kind_of_units(units: &[&str]) -> Option<&'static str> {
    [
        (Clock::UNITS, Clock::KIND),
        (Size::UNITS, Size::KIND),
        (Bandwidth::UNITS, Bandwidth::KIND),
        (Time::UNITS, Time::KIND),
        (Energy::UNITS, Energy::KIND),
        (Area::UNITS, Area::KIND),
        (Power::UNITS, Power::KIND),
    ]
    .into_iter()
    .find(|(known, _)| *known == units)
    .map(|(_, kind)| kind)
}

/// What is to be written instead of a unit that earlier files have, and why.
pub(crate) fn instead_of(unit: &str) -> Option<&'static str> {
    (unit == "Mw").then_some("write MilliW: the M of Mw could be taken for mega, as in MHz")
}

/// The unit that a word means which is not quite spelt like it: `ghz`, `KB`.
pub(crate) fn unit_spelt_like(word: &str) -> Option<&'static str> {
    let binary = match word.to_ascii_lowercase().as_str() {
        "b" | "byte" => "Bytes",
        "k" | "kb" => "KiB",
        "m" | "mb" => "MiB",
        "g" | "gb" => "GiB",
        "mw" => "MilliW",
        _ => word,
    };
    [
        Clock::UNITS,
        Size::UNITS,
        Bandwidth::UNITS,
        Time::UNITS,
        Energy::UNITS,
        Area::UNITS,
        Power::UNITS,
    ]
    .into_iter()
    .flatten()
    .find(|unit| unit.eq_ignore_ascii_case(binary))
    .copied()
}

impl Clock {
    /// So many megahertz.
    #[must_use]
    pub const fn megahertz(amount: u64) -> Self {
        Self {
            amount: Decimal::whole(amount),
            unit: 2,
        }
    }

    /// The exact frequency.
    ///
    /// # Errors
    /// If it is zero, or needs more than 64 bits.
    pub fn frequency(self) -> Result<Frequency, FieldError> {
        let too_fine = || {
            FieldError::new(
                "",
                format!("a clock of {self} does not fit 64-bit arithmetic"),
            )
            .help("write fewer digits")
        };
        let (numerator, denominator) = self.amount.scaled(self.factor()).ok_or_else(too_fine)?;
        let numerator = u64::try_from(numerator).map_err(|_| too_fine())?;
        let denominator = u64::try_from(denominator).map_err(|_| too_fine())?;
        Frequency::new(numerator, denominator).map_err(|error| match error {
            FrequencyError::Zero => FieldError::new("", format!("a clock of {self} never ticks"))
                .help("give a frequency above zero, such as MHz(500)"),
            _ => too_fine(),
        })
    }
}

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn bytes_exactly(amount: u64) -> Self {
        Self {
            amount: Decimal::whole(amount),
            unit: 0,
        }
    }

    /// So many kibibytes.
    #[must_use]
    pub const fn kibibytes(amount: u64) -> Self {
        Self {
            amount: Decimal::whole(amount),
            unit: 1,
        }
    }

    /// The exact number of bytes.
    ///
    /// # Errors
    /// If that is not whole, or does not fit 64 bits.
    pub fn bytes(self) -> Result<Bytes, FieldError> {
        self.amount
            .scaled_whole(self.factor())
            .map(Bytes)
            .ok_or_else(|| {
                FieldError::new(
                    "",
                    format!("{self} is not a whole number of bytes below 2^64"),
                )
                .help("write a whole number of Bytes, KiB, MiB or GiB")
            })
    }
}

impl Bandwidth {
    /// The exact number of bytes a second.
    ///
    /// # Errors
    /// If that is zero, not whole, or does not fit 64 bits.
    pub fn bytes_per_second(self) -> Result<u64, FieldError> {
        match self.amount.scaled_whole(self.factor()) {
            Some(0) => Err(
                FieldError::new("", format!("a bandwidth of {self} moves nothing"))
                    .help("give a bandwidth above zero, such as GBps(34)"),
            ),
            Some(bytes) => Ok(bytes),
            None => Err(FieldError::new(
                "",
                format!("{self} is not a whole number of bytes a second below 2^64"),
            )
            .help("write a whole number of MBps, GBps or TBps")),
        }
    }
}

impl Time {
    /// So many nanoseconds.
    #[must_use]
    pub const fn nanoseconds(amount: u64) -> Self {
        Self {
            amount: Decimal::whole(amount),
            unit: 1,
        }
    }

    /// The exact number of picoseconds.
    ///
    /// # Errors
    /// If that is not whole, or does not fit 64 bits.
    pub fn picoseconds(self) -> Result<u64, FieldError> {
        self.amount.scaled_whole(self.factor()).ok_or_else(|| {
            FieldError::new(
                "",
                format!("{self} is not a whole number of picoseconds below 2^64"),
            )
            .help("write a whole number of Ps, Ns or Us")
        })
    }
}

impl Energy {
    /// The exact number of attojoules.
    ///
    /// # Errors
    /// If that is not whole, or does not fit 64 bits.
    pub fn attojoules(self) -> Result<u64, FieldError> {
        self.amount.scaled_whole(self.factor()).ok_or_else(|| {
            FieldError::new(
                "",
                format!("{self} is not a whole number of attojoules below 2^64"),
            )
            .help("write fewer digits, in Aj, Fj, Pj or Nj")
        })
    }
}

impl Area {
    /// The exact number of square nanometres.
    ///
    /// # Errors
    /// If that is not whole, or does not fit 64 bits.
    pub fn square_nanometres(self) -> Result<u64, FieldError> {
        self.amount.scaled_whole(self.factor()).ok_or_else(|| {
            FieldError::new(
                "",
                format!("{self} is not a whole number of square nanometres below 2^64"),
            )
            .help("write fewer digits, in Um2 or Mm2")
        })
    }
}

impl Power {
    /// The exact number of nanowatts.
    ///
    /// # Errors
    /// If that is not whole, or does not fit 64 bits.
    pub fn nanowatts(self) -> Result<u64, FieldError> {
        self.amount.scaled_whole(self.factor()).ok_or_else(|| {
            FieldError::new(
                "",
                format!("{self} is not a whole number of nanowatts below 2^64"),
            )
            .help("write fewer digits, in Nw, Uw, MilliW or W")
        })
    }
}

/// Reads `Unit(amount)`; gives the unit as an index.
struct UnitVisitor {
    kind: &'static str,
    units: &'static [&'static str],
}

impl<'de> Visitor<'de> for UnitVisitor {
    type Value = (usize, Decimal);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} with its unit", self.kind)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        let (unit, amount) = access.variant_seed(UnitName(self.units))?;
        Ok((unit, amount.newtype_variant()?))
    }
}

struct UnitName(&'static [&'static str]);

impl<'de> serde::de::DeserializeSeed<'de> for UnitName {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for UnitName {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a unit")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        self.0
            .iter()
            .position(|unit| *unit == name)
            .ok_or_else(|| E::unknown_variant(name, self.0))
    }
}

//! Energy, area and power as whole numbers: they cannot be negative, and what is bounded cannot
//! wrap.

use std::fmt;
use std::iter::Sum;

use serde::{Serialize, Serializer};

/// Energy of one event, in attojoules: at most [`PerEvent::GREATEST`], so that its product with
/// any 64-bit count, and the sum of thousands of such products, fit 128 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerEvent(u64);

impl PerEvent {
    /// The greatest energy of an event: 2^50 aJ, about a millijoule. No figure of a chip comes
    /// near.
    pub const GREATEST: u64 = 1 << 50;

    /// So many attojoules; `None` past [`PerEvent::GREATEST`].
    #[must_use]
    pub const fn new(attojoules: u64) -> Option<Self> {
        if attojoules <= Self::GREATEST {
            Some(Self(attojoules))
        } else {
            None
        }
    }

    /// The figure in attojoules.
    #[must_use]
    pub const fn attojoules(self) -> u64 {
        self.0
    }

    /// The energy of so many events.
    #[must_use]
    pub const fn times(self, events: u64) -> Energy {
        Energy(self.0 as u128 * events as u128)
    }
}

/// A quantity in whole parts of its unit, in 128 bits. Sums and products past them are the greatest
/// quantity: nothing wraps.
macro_rules! quantity {
    (
        $(#[$doc:meta])* $name:ident, $(#[$of_doc:meta])* $of:ident,
        $report:ident, $(#[$report_doc:meta])* $scale:literal
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// None of the quantity.
            pub const ZERO: Self = Self(0);

            $(#[$of_doc])*
            #[must_use]
            pub const fn $of(amount: u128) -> Self {
                Self(amount)
            }

            /// The bare number.
            #[must_use]
            pub const fn get(self) -> u128 {
                self.0
            }

            /// So many of it; the greatest past 128 bits.
            #[must_use]
            pub const fn times(self, count: u64) -> Self {
                Self(self.0.saturating_mul(count as u128))
            }

            /// The sum; the greatest past 128 bits.
            #[must_use]
            pub const fn plus(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            $(#[$report_doc])*
            #[must_use]
            pub fn $report(self) -> f64 {
                self.0 as f64 * $scale
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, Self::plus)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_f64(self.$report())
            }
        }
    };
}

quantity!(
    /// An energy in attojoules (10^-18 J): 128 bits hold 3·10^20 J.
    Energy,
    /// So many attojoules.
    attojoules,
    joules,
    /// In joules, for reports.
    1e-18
);
quantity!(
    /// An area in square nanometres (10^-6 um2).
    Area,
    /// So many square nanometres.
    square_nanometres,
    square_micrometres,
    /// In square micrometres, for reports.
    1e-6
);
quantity!(
    /// A power in nanowatts.
    Power,
    /// So many nanowatts.
    nanowatts,
    watts,
    /// In watts, for reports.
    1e-9
);

impl Energy {
    /// The share `part / whole` of it, rounded down; nothing of a whole of zero.
    #[must_use]
    pub fn share(self, part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self::ZERO;
        }
        let (part, whole) = (u128::from(part.min(whole)), u128::from(whole));
        Self(self.0 / whole * part + self.0 % whole * part / whole)
    }
}

impl Area {
    /// In square millimetres, for reports.
    #[must_use]
    pub fn square_millimetres(self) -> f64 {
        self.0 as f64 * 1e-12
    }
}

impl Power {
    /// What it spends in `cycles` of a clock of `numerator / denominator` hertz, rounded down; the
    /// greatest energy past 128 bits.
    #[must_use]
    pub fn over(self, cycles: u64, (numerator, denominator): (u64, u64)) -> Energy {
        // nW · cycles · denominator / numerator seconds = 10^-9 J, in 10^-18 J.
        let product = self
            .0
            .checked_mul(u128::from(cycles))
            .and_then(|product| product.checked_mul(u128::from(denominator)));
        let Some(product) = product else {
            return Energy(u128::MAX);
        };
        let numerator = u128::from(numerator.max(1));
        let whole = (product / numerator).saturating_mul(1_000_000_000);
        let rest = (product % numerator).saturating_mul(1_000_000_000) / numerator;
        Energy(whole.saturating_add(rest))
    }
}

impl fmt::Display for PerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fJ", self.0 as f64 * 1e-3)
    }
}

/// A share between 0 and 1, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fraction(u64);

impl Fraction {
    const WHOLE: u64 = 1_000_000;

    /// So many millionths; `None` past the whole.
    #[must_use]
    pub const fn millionths(share: u64) -> Option<Self> {
        if share <= Self::WHOLE {
            Some(Self(share))
        } else {
            None
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This share of an energy.
    #[must_use]
    pub fn of(self, energy: Energy) -> Energy {
        energy.share(self.0, Self::WHOLE)
    }

    /// The whole of which `part` is this share: `part / share`, rounded up; `None` of a share of
    /// nothing.
    #[must_use]
    pub fn whole_of(self, part: Area) -> Option<Area> {
        let scaled = part.0.saturating_mul(u128::from(Self::WHOLE));
        (self.0 > 0).then(|| Area(scaled.div_ceil(u128::from(self.0))))
    }

    /// As a number between 0 and 1, for reports.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / Self::WHOLE as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_watt_second_is_a_joule() {
        let watt = Power::nanowatts(1_000_000_000);
        let joule = Energy::attojoules(1_000_000_000_000_000_000);
        assert_eq!(watt.over(500_000_000, (500_000_000, 1)), joule);
        assert_eq!(watt.over(3, (1, 2)), Energy::attojoules(6 * joule.get()));
    }

    proptest! {
        #[test]
        fn energies_never_wrap(figure in 0..=PerEvent::GREATEST, events in any::<u64>()) {
            let figure = PerEvent::new(figure).unwrap();
            let one = figure.times(events);
            prop_assert_eq!(one.get(), u128::from(figure.attojoules()) * u128::from(events));
            // Thousands of the greatest products still sum exactly.
            let sum: Energy = std::iter::repeat_n(one, 4096).sum();
            prop_assert_eq!(sum.get(), one.get() * 4096);
        }

        #[test]
        fn shares_are_never_more_than_the_whole(
            energy in any::<u128>(), part in any::<u64>(), whole in any::<u64>(),
        ) {
            let energy = Energy::attojoules(energy);
            prop_assert!(energy.share(part, whole) <= energy);
        }

        #[test]
        fn shares_of_a_whole_lose_less_than_an_attojoule_each(
            energy in 0..u128::from(u64::MAX), cut in 0u64..=1000,
        ) {
            let energy = Energy::attojoules(energy);
            let sum = energy.share(cut, 1000).plus(energy.share(1000 - cut, 1000));
            prop_assert!(sum <= energy && energy.get() - sum.get() <= 1);
        }

        #[test]
        fn static_energy_is_that_of_its_power_and_time(
            nanowatts in 0u128..1 << 40, cycles in 0u64..1 << 40, hertz in 1u64..1 << 36,
        ) {
            let energy = Power::nanowatts(nanowatts).over(cycles, (hertz, 1)).get();
            let exact = nanowatts * u128::from(cycles);
            let bound = exact / u128::from(hertz) * 1_000_000_000;
            prop_assert!(energy >= bound && energy < bound + 1_000_000_000);
        }
    }
}

//! The number that a counter shows: a quantity spread evenly over cycles, as a decimal that gives
//! the quantity back.

use std::fmt;

use quantities::Frequency;

/// The unit of a counter: a quantity of 1 in one cycle is `numerator / denominator` of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    numerator: u128,
    denominator: u128,
}

impl Scale {
    /// The quantity itself, per cycle.
    pub(crate) const PER_CYCLE: Self = Self {
        numerator: 1,
        denominator: 1,
    };

    /// Bytes per cycle as gigabytes (10^9 bytes) per second.
    pub(crate) fn gigabytes_per_second(clock: Frequency) -> Self {
        let (hertz, divisor) = clock.as_fraction();
        Self {
            numerator: hertz.into(),
            denominator: u128::from(divisor) * 1_000_000_000,
        }
    }
}

/// A quantity spread evenly over a span, in the unit of a [`Scale`].
///
/// It is displayed as a decimal with so many places that the number times the span is within a
/// two-thousandth of the quantity: rounded, the product is the quantity exactly, and sums of many
/// products that are not rounded stay close.
pub(crate) struct Rate {
    pub(crate) quantity: u128,
    /// At least 1.
    pub(crate) cycles: u64,
    pub(crate) scale: Scale,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scale {
            numerator,
            denominator,
        } = self.scale;
        let divisor = u128::from(self.cycles) * denominator;
        let dividend = self.quantity.saturating_mul(numerator);
        let (mut whole, mut rest) = (dividend / divisor, dividend % divisor);
        // The unit of the last place must weigh no more than a thousandth of a quantity of 1: long
        // division, place by place, until it does.
        let (mut fraction, mut places, mut weight) = (0_u128, 0_usize, 1_u128);
        while rest > 0 && weight.saturating_mul(numerator) < divisor.saturating_mul(1000) {
            rest *= 10;
            fraction = fraction * 10 + rest / divisor;
            rest %= divisor;
            places += 1;
            weight = weight.saturating_mul(10);
        }
        if rest * 2 >= divisor {
            fraction += 1;
        }
        if fraction == weight {
            (whole, fraction) = (whole + 1, 0);
        }
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            places -= 1;
        }
        write!(f, "{whole}.{fraction:0places$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(quantity: u64, cycles: u64, scale: Scale) -> String {
        let quantity = quantity.into();
        let rate = Rate {
            quantity,
            cycles,
            scale,
        };
        rate.to_string()
    }

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        let per_cycle = |quantity, cycles| text(quantity, cycles, Scale::PER_CYCLE);
        assert_eq!(per_cycle(0, 5), "0");
        assert_eq!(per_cycle(4096, 1), "4096");
        assert_eq!(per_cycle(10, 4), "2.5");
        assert_eq!(per_cycle(1, 3), "0.3333");
        assert_eq!(per_cycle(2, 3), "0.6667");
        assert_eq!(per_cycle(1, 1000), "0.001");
        assert_eq!(per_cycle(99_999, 100_000), "0.99999");
        let clock = Frequency::from_megahertz(500).unwrap();
        let bus = Scale::gigabytes_per_second(clock);
        assert_eq!(text(1024, 10, bus), "51.2");
    }

    proptest! {
        #[test]
        fn a_number_times_its_span_gives_the_quantity_back(
            quantity in 0u64..1 << 30, cycles in 1u64..1 << 22, period in 250_000u64..1_000_000_000,
        ) {
            let clock = Frequency::from_period_femtoseconds(period).unwrap();
            for scale in [Scale::PER_CYCLE, Scale::gigabytes_per_second(clock)] {
                let text = text(quantity, cycles, scale);
                let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
                let mantissa: u128 = format!("{whole}{fraction}").parse().unwrap();
                // quantity = number * cycles / scale, rounded to the nearest.
                let numerator = mantissa * u128::from(cycles) * scale.denominator;
                let denominator = 10_u128.pow(u32::try_from(fraction.len()).unwrap()) * scale.numerator;
                prop_assert_eq!((numerator + denominator / 2) / denominator, u128::from(quantity), "{}", text);
            }
        }
    }
}

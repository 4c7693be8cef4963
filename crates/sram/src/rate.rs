//! Exact rates of transfer.

use event_kernel::Cycles;
use tile_program::Bytes;

/// A rate of `bytes / cycles`, exact and reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    bytes: u64,
    cycles: u64,
}

impl Rate {
    /// `bytes` in every `cycles` cycles.
    ///
    /// # Panics
    /// If either is zero: a caller's mistake.
    #[must_use]
    pub fn new(bytes: u64, cycles: u64) -> Self {
        assert!(bytes > 0 && cycles > 0, "a rate must be above zero");
        let (mut a, mut b) = (bytes, cycles);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self {
            bytes: bytes / a,
            cycles: cycles / a,
        }
    }

    /// The least whole number of cycles in which so many bytes can pass.
    ///
    /// # Panics
    /// If that number does not fit 64 bits.
    #[must_use]
    pub fn cycles_for(self, bytes: Bytes) -> Cycles {
        let cycles =
            (u128::from(bytes.get()) * u128::from(self.cycles)).div_ceil(self.bytes.into());
        Cycles(u64::try_from(cycles).expect("a transfer longer than 2^64 cycles"))
    }

    /// Bytes and cycles of the reduced fraction.
    #[must_use]
    pub fn as_fraction(self) -> (u64, u64) {
        (self.bytes, self.cycles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_time_is_the_least_that_suffices(
            bytes in 1u64..1 << 20, cycles in 1u64..1 << 10, amount in 0u64..1 << 40,
        ) {
            let time = u128::from(Rate::new(bytes, cycles).cycles_for(Bytes(amount)).get());
            let need = u128::from(amount) * u128::from(cycles);
            prop_assert!(time * u128::from(bytes) >= need);
            prop_assert!(time == 0 || (time - 1) * u128::from(bytes) < need);
        }
    }
}

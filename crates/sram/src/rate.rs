//! Exact rates of transfer.

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

    /// Bytes and cycles of the reduced fraction.
    #[must_use]
    pub fn as_fraction(self) -> (u64, u64) {
        (self.bytes, self.cycles)
    }
}

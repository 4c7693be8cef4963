//! Scratchpads: capacity, banks, ports, double buffering.
//!
//! A scratchpad is an array of equal banks, each with one port of some width that serves one
//! access a cycle. It is double-buffered by bank: one half of the banks faces the units that
//! compute, the other half faces the DMA, and the halves change places tile by tile. So the two
//! sides never meet at a port, and each has half of the scratchpad's bandwidth:
//!
//! ```text
//!            ┌──────── banks ────────┐
//!   DMA ═══► │ b0 b1 b2 b3 │ b4 … b7 │ ═══► array, vector unit
//!            └── fill half ┴ use half┘
//! ```
//!
//! A scratchpad of a single bank is shared in time: each side gets every other cycle. How the units
//! of a side share its ports is set down at [`arbitrate`].
//!
//! The crate counts bytes and rates. It does not know programs, the units that use a scratchpad,
//! main memory, clocks or energy.

mod port;

pub use port::arbitrate;

use port::{DmaPorts, Ports};

use quantities::{Bits, Bytes, Ratio};

/// How a scratchpad is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The number of bytes that the scratchpad can hold.
    pub capacity: Bytes,
    /// The number of equal banks, at least one.
    pub banks: u64,
    /// The width of a bank's one port, in bytes a cycle.
    pub port: Bytes,
}

/// A claim that does not fit: the program asked for more than the scratchpad holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked} asked of a scratchpad of {capacity} that already holds {held}")]
pub struct Overflow {
    /// The number of bytes that the claim asked for.
    pub asked: Bytes,
    /// The number of bytes that were held already.
    pub held: Bytes,
    /// The number of bytes that the scratchpad can hold.
    pub capacity: Bytes,
}

/// A scratchpad at run time: who holds how much, and how much has moved through it.
#[derive(Clone, Debug)]
pub struct Scratchpad {
    /// `None` for a scratchpad without limits.
    geometry: Option<Geometry>,
    held: Bytes,
    peak: Bytes,
    filled: Bytes,
    drained: Bytes,
    read: Bits,
    written: Bits,
    accesses: Bits,
    pub(crate) ports: Ports,
    dma: DmaPorts,
}

impl Scratchpad {
    /// An empty scratchpad; without a geometry it has no limits.
    #[must_use]
    pub fn new(geometry: Option<Geometry>) -> Self {
        let none = Bytes::ZERO;
        Self {
            geometry,
            held: none,
            peak: none,
            filled: none,
            drained: none,
            read: Bits::ZERO,
            written: Bits::ZERO,
            accesses: Bits::ZERO,
            ports: Ports::default(),
            dma: DmaPorts::default(),
        }
    }

    /// Bytes a cycle that each side (computing units; DMA) can move; `None` without limits.
    #[must_use]
    pub fn side_rate(&self) -> Option<Ratio> {
        let Geometry { banks, port, .. } = self.geometry?;
        // An odd bank changes sides with every tile; on average each side has half of the ports.
        Ratio::new(banks * port.get(), 2)
    }

    /// Claims bytes of the scratchpad.
    ///
    /// # Errors
    /// [`Overflow`] if they do not fit; nothing is taken then.
    pub fn take(&mut self, bytes: Bytes) -> Result<(), Overflow> {
        // Without limits, as much as 64 bits count.
        let capacity = self.geometry.map_or(Bytes(u64::MAX), |pad| pad.capacity);
        let held = self.held.checked_add(bytes);
        let held = held.filter(|&held| held <= capacity).ok_or(Overflow {
            asked: bytes,
            held: self.held,
            capacity,
        })?;
        self.held = held;
        self.peak = self.peak.max(held);
        Ok(())
    }

    /// Releases bytes that were claimed before.
    ///
    /// # Panics
    /// If more is given back than is held: a program's mistake.
    pub fn give(&mut self, bytes: Bytes) {
        assert!(
            bytes <= self.held,
            "{bytes} given back to a scratchpad that holds {}",
            self.held
        );
        self.held -= bytes;
    }

    /// Records bytes that the DMA wrote into it.
    pub fn count_filled(&mut self, bytes: Bytes) {
        self.filled += bytes;
    }

    /// Records bytes that the DMA read from it.
    pub fn count_drained(&mut self, bytes: Bytes) {
        self.drained += bytes;
    }

    /// Records what a computing unit read from it and wrote to it, and what of that its ports
    /// carried: a partial sum that is added to is read and written in one access. `None` if one of
    /// the sums leaves 64 bits; it then stays as it was.
    #[must_use]
    pub fn count_used(&mut self, read: Bits, written: Bits, accesses: Bits) -> Option<()> {
        self.read = self.read.checked_add(read)?;
        self.written = self.written.checked_add(written)?;
        self.accesses = self.accesses.checked_add(accesses)?;
        Some(())
    }

    /// The first cycle at which data of the DMA that is there at a cycle has passed the ports.
    pub fn pass_dma(&mut self, at: u64, data: Bytes) -> u64 {
        match self.side_rate() {
            Some(rate) => self.dma.pass(rate, at, data),
            None => at,
        }
    }

    /// What the ports that face the computing units carried.
    #[must_use]
    pub fn accesses(&self) -> Bits {
        self.accesses
    }

    /// The number of bytes held now.
    #[must_use]
    pub fn held(&self) -> Bytes {
        self.held
    }

    /// The most that was ever held.
    #[must_use]
    pub fn peak(&self) -> Bytes {
        self.peak
    }

    /// The number of bytes that the DMA wrote into it.
    #[must_use]
    pub fn filled(&self) -> Bytes {
        self.filled
    }

    /// The number of bytes that the DMA read from it.
    #[must_use]
    pub fn drained(&self) -> Bytes {
        self.drained
    }

    /// What arrays and the vector unit read from it.
    #[must_use]
    pub fn read(&self) -> Bits {
        self.read
    }

    /// What arrays and the vector unit wrote to it.
    #[must_use]
    pub fn written(&self) -> Bits {
        self.written
    }

    /// How it is built; `None` without limits.
    #[must_use]
    pub fn geometry(&self) -> Option<Geometry> {
        self.geometry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scratchpad(capacity: u64) -> Scratchpad {
        Scratchpad::new(Some(Geometry {
            capacity: Bytes(capacity),
            banks: 4,
            port: Bytes(8),
        }))
    }

    #[test]
    fn a_claim_that_does_not_fit_takes_nothing() {
        let mut pad = scratchpad(100);
        pad.take(Bytes(60)).unwrap();
        let error = pad.take(Bytes(41)).unwrap_err();
        assert_eq!(
            error,
            Overflow {
                asked: Bytes(41),
                held: Bytes(60),
                capacity: Bytes(100)
            }
        );
        assert_eq!(pad.held(), Bytes(60));
        pad.take(Bytes(40)).unwrap();
        assert_eq!(pad.peak(), Bytes(100));
    }

    #[test]
    fn a_claim_or_a_count_past_64_bits_is_refused_whatever_the_limits() {
        for mut pad in [scratchpad(100), Scratchpad::new(None)] {
            pad.take(Bytes(60)).unwrap();
            let error = pad.take(Bytes(u64::MAX)).unwrap_err();
            assert_eq!((error.asked, error.held), (Bytes(u64::MAX), Bytes(60)));
            assert_eq!(pad.held(), Bytes(60));
            let half = Bits(1 << 63);
            assert!(pad.count_used(half, Bits::ZERO, half).is_some());
            assert!(pad.count_used(half, Bits::ZERO, half).is_none());
            assert_eq!(pad.accesses(), half);
        }
    }

    #[test]
    fn each_side_has_half_of_the_ports() {
        assert_eq!(scratchpad(1).side_rate(), Ratio::new(16, 1));
        assert_eq!(Scratchpad::new(None).side_rate(), None);
    }

    proptest! {
        #[test]
        fn what_is_taken_and_given_balances(claims in prop::collection::vec(0u64..50, 0..40)) {
            let mut pad = scratchpad(400);
            let taken: Vec<_> =
                claims.into_iter().map(Bytes).filter(|&bytes| pad.take(bytes).is_ok()).collect();
            prop_assert_eq!(taken.iter().copied().sum::<Bytes>(), pad.held());
            prop_assert!(pad.held() <= Bytes(400));
            for bytes in taken {
                pad.give(bytes);
            }
            prop_assert_eq!(pad.held(), Bytes::ZERO);
        }
    }
}

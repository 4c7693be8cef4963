//! What an array answers to a case: when, and what.

use std::fmt;
use std::str::FromStr;

use pe_array::TileError;
use pe_array::grid::{Arithmetic, Floats, Integers};
use tile_program::Dataflow;

use super::case::{Case, Kind, Shape};
use super::random::SplitMix;

/// When a fold's first operand enters, its last sum is complete, its last result is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// The cycle in which the first operands are at PE (0, 0).
    pub first_operand: u64,
    /// The edge at which the last PE's sum is complete.
    pub last_mac: u64,
    /// The edge at which the last result is in its tap register.
    pub last_result: u64,
}

/// What an array answers to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Cycles until the last result.
    pub total: u64,
    /// Steps whose weight was a zero trit.
    pub gated: u64,
    /// FNV-1a hash of the results, row by row, four little-endian bytes each.
    pub results: u64,
    /// The stamps of each fold, in the order of the run.
    pub folds: Vec<Stamps>,
}

impl Answer {
    /// The hash that stands for the stamps of all folds in a record.
    #[must_use]
    pub fn stamps_hash(&self) -> u64 {
        let mut hash = Fnv::default();
        for fold in &self.folds {
            for stamp in [fold.first_operand, fold.last_mac, fold.last_result] {
                hash.bytes(&stamp.to_le_bytes());
            }
        }
        hash.0
    }
}

/// As the testbench prints it.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:016x}", self.total, self.gated, self.results)?;
        self.folds.iter().try_for_each(|fold| {
            let Stamps {
                first_operand,
                last_mac,
                last_result,
            } = fold;
            write!(f, " {first_operand},{last_mac},{last_result}")
        })
    }
}

impl FromStr for Answer {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| ());
        let mut fields = text.split(' ');
        let mut next = || fields.next().ok_or(());
        let (total, gated) = (number(next()?)?, number(next()?)?);
        let results = u64::from_str_radix(next()?, 16).map_err(|_| ())?;
        let folds = fields
            .map(|field| {
                let stamps: Vec<u64> = field.split(',').map(number).collect::<Result<_, _>>()?;
                let &[first_operand, last_mac, last_result] = stamps.as_slice() else {
                    return Err(());
                };
                Ok(Stamps {
                    first_operand,
                    last_mac,
                    last_result,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            total,
            gated,
            results,
            folds,
        })
    }
}

impl Case {
    /// What the laws and the functional arithmetic answer.
    ///
    /// # Errors
    /// A dimension of zero, or a tile past 64 bits.
    pub fn expect(&self) -> Result<Answer, TileError> {
        let timing = self.timing()?;
        let folds = timing
            .folds()
            .map(|fold| Stamps {
                first_operand: fold.first_operand.get(),
                last_mac: fold.last_mac.get(),
                last_result: fold.last_result.get(),
            })
            .collect();
        let (results, gated) = self.products();
        Ok(Answer {
            total: timing.total.get(),
            gated,
            results,
            folds,
        })
    }

    /// Hash of the products, and steps with a zero weight.
    fn products(&self) -> (u64, u64) {
        let Shape { m, n, k } = self.shape;
        let kind = self
            .design
            .kind
            .element()
            .kind()
            .expect("a kind of the RTL");
        let mut random = SplitMix(self.seed);
        let mut draw = |count: u64, side| -> Vec<u16> {
            (0..count)
                .map(|_| self.operand(side, random.next()))
                .collect()
        };
        let (mut hash, mut gated) = (Fnv::default(), 0);
        for _ in 0..self.repeat {
            let (a, b) = (draw(m * k, Side::Activation), draw(k * n, Side::Weight));
            if let Some(floats) = Floats::of(&kind) {
                self.product(&floats, &a, &b, |sum| hash.bytes(&sum.to_le_bytes()));
                continue;
            }
            let integers = Integers::of(&kind).expect("neither floating nor integer");
            let activation = |bits: u16| i32::from(bits as u8 as i8);
            let weight = |bits: u16| match self.design.kind {
                Kind::Binary => i32::from(bits) * 2 - 1,
                // Two's complement trits: 3 is −1.
                Kind::Ternary => [0, 1, 0, -1][usize::from(bits)],
                _ => i32::from(bits as u8 as i8),
            };
            let a: Vec<i32> = a.into_iter().map(activation).collect();
            let b: Vec<i32> = b.into_iter().map(weight).collect();
            let zeros = b.iter().filter(|weight| **weight == 0).count() as u64;
            gated += kind.gated_steps(m, zeros).expect("a case is small");
            self.product(&integers, &a, &b, |sum| {
                hash.bytes(&(sum as u32).to_le_bytes());
            });
        }
        (hash.0, gated)
    }

    /// An operand drawn from 64 random bits, as the testbench draws it.
    fn operand(&self, side: Side, random: u64) -> u16 {
        match (self.design.kind, side) {
            (Kind::Bf16, _) => {
                // Sums that round; products around the subnormals; anything, NaN included.
                if self.seed % 4 == 3 && (random >> 32).is_multiple_of(16) {
                    return random as u16;
                }
                let exponent = match self.seed % 4 {
                    2 => 45 + (random >> 16) % 40,
                    _ => 119 + (random >> 16) % 16,
                };
                (random as u16 & 0x807F) | (exponent as u16) << 7
            }
            (Kind::Binary, Side::Weight) => random as u16 & 1,
            (Kind::Ternary, Side::Weight) => [0, 1, 3][(random % 3) as usize],
            _ => random as u16 & 0xFF,
        }
    }

    /// Sums in the order of k; those of several folds (WS, IS) added one after another.
    fn product<X: Arithmetic>(
        &self,
        arithmetic: &X,
        a: &[X::Operand],
        b: &[X::Operand],
        mut result: impl FnMut(X::Sum),
    ) {
        let Shape { m, n, k } = self.shape;
        let (m, n, k) = (m as usize, n as usize, k as usize);
        let depth = match self.design.dataflow {
            Dataflow::OutputStationary => k,
            _ => self.design.rows as usize,
        };
        for i in 0..m {
            for j in 0..n {
                let fold = |start: usize| {
                    (start..k.min(start + depth)).fold(arithmetic.zero(), |sum, k_| {
                        arithmetic.step(sum, a[i * k + k_], b[k_ * n + j])
                    })
                };
                let first = fold(0);
                let sum = (depth..k)
                    .step_by(depth)
                    .fold(first, |sum, start| arithmetic.add(sum, fold(start)));
                result(sum);
            }
        }
    }
}

/// Which operand of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Activation,
    Weight,
}

/// FNV-1a, 64 bits.
pub(crate) struct Fnv(pub(crate) u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Fnv {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}

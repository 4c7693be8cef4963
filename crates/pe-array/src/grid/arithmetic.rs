//! What PEs compute, bit for bit.

use crate::{NumberFormat, PeKind};

/// The multiplication and accumulation that a PE does.
pub trait Arithmetic {
    /// The type of an operand, as the PE receives it.
    type Operand: Copy;
    /// A partial sum.
    type Sum: Copy;

    /// What sums start from.
    fn zero(&self) -> Self::Sum;

    /// sum + a · b, rounded or wrapped as the PE does it; the same for b · a.
    fn step(&self, sum: Self::Sum, a: Self::Operand, b: Self::Operand) -> Self::Sum;

    /// sum + sum, as the accumulators behind the array do it.
    fn add(&self, sum: Self::Sum, other: Self::Sum) -> Self::Sum;
}

/// Integer PEs (binary, ternary, INT4, INT8, INT16): exact products, two's-complement sums that
/// wrap at the accumulator's width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integers {
    bits: u32,
}

impl Integers {
    /// The arithmetic of a kind with an integer accumulator; `None` for other kinds.
    #[must_use]
    pub fn of(kind: &PeKind) -> Option<Self> {
        let accumulator = kind.accumulator;
        accumulator.is_integer().then(|| Self {
            bits: accumulator.bits().get() as u32,
        })
    }

    fn wrap(self, value: i64) -> i64 {
        let unused = i64::BITS - self.bits;
        value << unused >> unused
    }
}

impl Arithmetic for Integers {
    type Operand = i32;
    type Sum = i64;

    fn zero(&self) -> i64 {
        0
    }

    fn step(&self, sum: i64, a: i32, b: i32) -> i64 {
        self.wrap(sum + i64::from(a) * i64::from(b))
    }

    fn add(&self, sum: i64, other: i64) -> i64 {
        self.wrap(sum + other)
    }
}

/// Floating PEs (BF16, FP16) with FP32 sums: the product is rounded to FP32 (it is exact unless it
/// is subnormal), the sum is rounded to nearest even; subnormals are kept, and every NaN is the
/// quiet NaN 7FC00000. Operands and sums are bit patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floats {
    operand: NumberFormat,
}

impl Floats {
    /// The arithmetic of a kind with floating operands; `None` for other kinds.
    #[must_use]
    pub fn of(kind: &PeKind) -> Option<Self> {
        let floating = matches!(kind.weight, NumberFormat::Bf16 | NumberFormat::Fp16);
        floating.then_some(Self {
            operand: kind.weight,
        })
    }

    fn widen(self, bits: u16) -> f32 {
        match self.operand {
            NumberFormat::Fp16 => half(bits),
            _ => f32::from_bits(u32::from(bits) << 16),
        }
    }
}

fn canonical(value: f32) -> u32 {
    if value.is_nan() {
        0x7FC0_0000
    } else {
        value.to_bits()
    }
}

/// IEEE half precision to single, exactly.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1F);
    let fraction = f32::from(bits & 0x3FF);
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction > 0.0 => f32::NAN,
        31 => sign * f32::INFINITY,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

impl Arithmetic for Floats {
    type Operand = u16;
    type Sum = u32;

    fn zero(&self) -> u32 {
        0
    }

    fn step(&self, sum: u32, a: u16, b: u16) -> u32 {
        canonical(f32::from_bits(sum) + self.widen(a) * self.widen(b))
    }

    fn add(&self, sum: u32, other: u32) -> u32 {
        canonical(f32::from_bits(sum) + f32::from_bits(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Element, Variant};

    #[test]
    fn half_precision_widens_exactly() {
        for (bits, value) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0001, 2f32.powi(-24)),
            (0x03FF, 1023.0 * 2f32.powi(-24)),
            (0xFC00, f32::NEG_INFINITY),
            (0x8000, -0.0),
        ] {
            assert_eq!(half(bits).to_bits(), f32::to_bits(value), "{bits:04X}");
        }
        assert!(half(0x7C01).is_nan());
    }

    #[test]
    fn integer_sums_wrap_at_the_width_of_the_accumulator() {
        let element = Element::Ternary {
            activation: None,
            accumulator: Some(NumberFormat::Int16),
            variant: Variant::Parallel,
        };
        let integers = Integers::of(&element.kind().unwrap()).unwrap();
        assert_eq!(integers.step(32767, 1, 1), -32768);
        assert_eq!(integers.add(-32768, -1), 32767);
    }

    #[test]
    fn floating_sums_round_to_nearest_even() {
        let floats = Floats::of(&Element::Bf16 { accumulator: None }.kind().unwrap()).unwrap();
        let (one, tiny) = (0x3F80, 0x3380); // 1 and 2^-24: half of the last place of 1
        let sum = floats.step(0, one, one);
        assert_eq!(floats.step(sum, one, tiny), 1f32.to_bits());
        let odd = (1f32 + f32::EPSILON).to_bits();
        assert_eq!(
            floats.step(odd, one, tiny),
            (1f32 + 2.0 * f32::EPSILON).to_bits()
        );
    }
}

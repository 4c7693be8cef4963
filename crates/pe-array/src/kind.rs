//! PE kinds, as data.

use std::sync::LazyLock;

use config::FieldError;
use serde::{Deserialize, Serialize};

use crate::{NumberFormat, Variant};

/// Everything the laws and reports need to know of a PE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PeKind {
    /// The kind's name: `Ternary`.
    pub name: &'static str,
    /// The number format of operand A.
    pub activation: NumberFormat,
    /// The number format of operand B.
    pub weight: NumberFormat,
    /// The number format of partial sums and results.
    pub accumulator: NumberFormat,
    /// Cycles between two steps of one PE.
    pub initiation_interval: u64,
    /// Pipeline stages from operand to accumulator; 1 = added in the cycle the interval ends.
    pub latency: u64,
    /// Products of one step: 1, the group of a lookup table, or the lanes of a dot product.
    #[serde(skip_serializing_if = "is_one")]
    pub group: u64,
    /// Whether its weights need no multiplier (1-bit or ternary).
    pub matmul_free: bool,
    /// Whether a zero weight leaves adder and accumulator as they were (ternary).
    #[serde(skip)]
    pub gates_zeros: bool,
}

fn is_one(group: &u64) -> bool {
    *group == 1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum KindName {
    Binary,
    Ternary,
    Int4,
    Int8,
    Bf16,
    Fp16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindRow {
    kind: KindName,
    activation: NumberFormat,
    weight: NumberFormat,
    accumulator: NumberFormat,
    interval: u64,
    latency: u64,
    #[serde(default)]
    wide: Vec<Wide>,
}

/// The operands that a kind takes in several passes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wide {
    activation: NumberFormat,
    weight: NumberFormat,
    passes: u64,
}

static KINDS: LazyLock<Vec<KindRow>> = LazyLock::new(|| {
    // Cannot fail: the file is part of the crate, and a test reads it.
    ron::from_str(include_str!("../data/pe-kinds.ron")).expect("the shipped PE kinds parse")
});

impl KindName {
    const fn text(self) -> &'static str {
        match self {
            Self::Binary => "Binary",
            Self::Ternary => "Ternary",
            Self::Int4 => "Int4",
            Self::Int8 => "Int8",
            Self::Bf16 => "Bf16",
            Self::Fp16 => "Fp16",
        }
    }

    fn row(self) -> &'static KindRow {
        KINDS
            .iter()
            .find(|row| row.kind == self)
            .expect("a test reads a row for every kind")
    }
}

/// Passes that operands of these formats take; `None` if the kind does not take them.
fn passes(row: &KindRow, activation: NumberFormat, weight: NumberFormat) -> Option<u64> {
    if (activation, weight) == (row.activation, row.weight) {
        return Some(1);
    }
    // The adder of a PE that only adds is as wide as the design says.
    if row.weight.is_matmul_free() && weight == row.weight {
        let fits = matches!(
            activation,
            NumberFormat::Int4 | NumberFormat::Int8 | NumberFormat::Int16
        );
        return fits.then_some(1);
    }
    row.wide
        .iter()
        .find(|wide| (wide.activation, wide.weight) == (activation, weight))
        .map(|wide| wide.passes)
}

/// A kind with what is given, the rest from its data.
pub(crate) fn resolve(
    name: KindName,
    [activation, weight, accumulator]: [Option<NumberFormat>; 3],
    variant: Variant,
) -> Result<PeKind, FieldError> {
    let row = name.row();
    let activation = activation.unwrap_or(row.activation);
    let weight = weight.unwrap_or(row.weight);
    let passes = passes(row, activation, weight).ok_or_else(|| {
        let field = if activation == row.activation {
            "element.weight"
        } else {
            "element.activation"
        };
        let text = name.text();
        FieldError::new(
            field,
            format!("{text} PEs do not take {activation} times {weight}"),
        )
        .help(taken(row))
    })?;
    let (serial, group) = match variant {
        Variant::Parallel => (1, 1),
        Variant::BitSerial { .. } | Variant::Lookup { .. } if !activation.is_integer() => {
            let message = format!("{} PEs take no bits or tables", name.text());
            return Err(
                FieldError::new("element.variant", message).help("Parallel or Dot(lanes: ..)")
            );
        }
        Variant::BitSerial { bits } => {
            positive("bits", bits)?;
            (activation.bits().get().div_ceil(bits), 1)
        }
        Variant::Lookup { group } => {
            positive("group", group)?;
            (1, group)
        }
        Variant::Dot { lanes } => {
            if !(1..=MOST_LANES).contains(&lanes) {
                return Err(
                    FieldError::new("element.variant", format!("lanes: {lanes}"))
                        .help(format!("1 to {MOST_LANES}")),
                );
            }
            (1, lanes)
        }
    };
    let kind = PeKind {
        name: name.text(),
        activation,
        weight,
        accumulator: accumulator.unwrap_or(row.accumulator),
        initiation_interval: row.interval * passes * serial,
        latency: row.latency,
        group,
        matmul_free: row.weight.is_matmul_free(),
        gates_zeros: row.weight == NumberFormat::Trit,
    };
    kind.check_accumulator()?;
    Ok(kind)
}

fn taken(row: &KindRow) -> String {
    if row.weight.is_matmul_free() {
        return "activations of Int4, Int8 or Int16".to_owned();
    }
    let own = format!("{} times {}", row.activation, row.weight);
    row.wide.iter().fold(own, |list, wide| {
        format!("{list}, {} times {}", wide.activation, wide.weight)
    })
}

/// The most lanes of a dot-product PE; no tree of adders is wider.
const MOST_LANES: u64 = 1 << 12;

/// A group, or the bits of a cycle. No design takes more than 16.
fn positive(what: &str, value: u64) -> Result<(), FieldError> {
    if (1..=16).contains(&value) {
        return Ok(());
    }
    Err(FieldError::new("element.variant", format!("{what}: {value}")).help("1 to 16"))
}

impl PeKind {
    fn check_accumulator(&self) -> Result<(), FieldError> {
        let fits = if self.weight.is_integer() {
            self.accumulator.is_integer()
                && self.accumulator.bits().get()
                    >= (self.activation.bits().get() + self.weight.bits().get() - 1)
                        .max(self.activation.bits().get() + 1)
        } else {
            self.accumulator == NumberFormat::Fp32
        };
        if fits {
            return Ok(());
        }
        let Self {
            name,
            activation,
            accumulator,
            ..
        } = self;
        let field = "element.accumulator";
        Err(if self.weight.is_integer() {
            let message =
                format!("sums of {name} products of {activation} do not fit {accumulator}");
            FieldError::new(field, message)
                .help("Int16, Int20, Int24 or Int32, wider than the activation")
        } else {
            let message = format!("{name} PEs do not accumulate in {accumulator}");
            FieldError::new(field, message).help("Fp32")
        })
    }

    /// The greatest magnitude of a product of two operands; `None` for floating formats.
    #[must_use]
    pub fn greatest_product(&self) -> Option<u64> {
        Some(self.activation.magnitude()? * self.weight.magnitude()?)
    }

    /// The greatest reduction length K whose sums always fit the accumulator, with every operand
    /// at its greatest magnitude; `None` for floating accumulators, which do not wrap.
    ///
    /// K · |activation| · |weight| ≤ 2^(bits − 1) − 1.
    #[must_use]
    pub fn greatest_reduction(&self) -> Option<u64> {
        let greatest = self.accumulator.magnitude()? - 1;
        Some(greatest / self.greatest_product()?)
    }

    /// Steps of a GEMM of `m` rows of activations whose adder a zero weight keeps still:
    /// `zero_weights` of them in the K × N weights, each met by every row.
    ///
    /// Zero for kinds that do not gate; `None` past 64 bits.
    #[must_use]
    pub fn gated_steps(&self, m: u64, zero_weights: u64) -> Option<u64> {
        if self.gates_zeros {
            m.checked_mul(zero_weights)
        } else {
            Some(0)
        }
    }
}

/// The kind of that name, taking operands of other formats: narrower ones as its own, wider ones
/// in more passes.
pub(crate) fn at(
    kind: &PeKind,
    activation: NumberFormat,
    weight: NumberFormat,
) -> Result<PeKind, FieldError> {
    let row = KINDS
        .iter()
        .find(|row| row.kind.text() == kind.name)
        .expect("a kind is made from its row");
    let narrow = |format: NumberFormat, own: NumberFormat| {
        format.is_integer() && own.is_integer() && format.bits() <= own.bits()
    };
    let widened = (
        if narrow(activation, row.activation) {
            row.activation
        } else {
            activation
        },
        if narrow(weight, row.weight) {
            row.weight
        } else {
            weight
        },
    );
    let (Some(own), Some(other)) = (
        passes(row, kind.activation, kind.weight),
        passes(row, widened.0, widened.1),
    ) else {
        let text = kind.name;
        let message = format!("{text} PEs do not take {activation} times {weight}");
        return Err(FieldError::new("element", message).help(taken(row)));
    };
    let kind = PeKind {
        activation,
        weight,
        initiation_interval: kind.initiation_interval / own * other,
        ..*kind
    };
    kind.check_accumulator()?;
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;

    fn kind(text: &str) -> Result<PeKind, FieldError> {
        ron::from_str::<Element>(text).unwrap().kind()
    }

    #[test]
    fn elements_read_as_an_architect_writes_them() {
        for (text, name) in [
            ("Ternary(activation: Int8, accumulator: Int24)", "Ternary"),
            ("Ternary(variant: Lookup(group: 3))", "Ternary"),
            ("Int8(variant: Dot(lanes: 64))", "Int8"),
            ("Binary(activation: Int16)", "Binary"),
            ("Int4()", "Int4"),
            ("Int8()", "Int8"),
            ("Bf16(accumulator: Fp32)", "Bf16"),
            ("Fp16()", "Fp16"),
        ] {
            assert_eq!(kind(text).unwrap().name, name);
        }
    }

    #[test]
    fn an_accumulator_holds_sums_up_to_its_greatest_reduction() {
        for (text, greatest) in [
            ("Ternary(accumulator: Int24)", Some(65_535)),
            ("Ternary(accumulator: Int16)", Some(255)),
            ("Int8()", Some(131_071)),
            (
                "Int8(activation: Int16, weight: Int16, accumulator: Int48)",
                Some(131_071),
            ),
            ("Bf16()", None),
        ] {
            assert_eq!(kind(text).unwrap().greatest_reduction(), greatest, "{text}");
        }
    }

    #[test]
    fn what_a_kind_cannot_work_with_is_refused_at_its_field() {
        for (text, path) in [
            ("Ternary(accumulator: Fp32)", "element.accumulator"),
            ("Ternary(accumulator: Int8)", "element.accumulator"),
            ("Bf16(accumulator: Int32)", "element.accumulator"),
            ("Binary(activation: Bf16)", "element.activation"),
            ("Int8(activation: Int24)", "element.activation"),
            ("Int8(weight: Trit)", "element.weight"),
            ("Fp16(variant: BitSerial(bits: 1))", "element.variant"),
        ] {
            assert_eq!(kind(text).unwrap_err().path, path, "{text}");
        }
        for variant in [
            Variant::Lookup { group: 0 },
            Variant::BitSerial { bits: 99 },
            Variant::Dot { lanes: 0 },
            Variant::Dot { lanes: 5000 },
        ] {
            let element = Element::Ternary {
                activation: None,
                accumulator: None,
                variant,
            };
            let error = element.kind().unwrap_err();
            assert_eq!(error.path, "element.variant", "{variant:?}");
        }
    }

    #[test]
    fn a_bit_serial_pe_takes_a_cycle_for_each_bit_of_the_activation() {
        let interval = |text| kind(text).unwrap().initiation_interval;
        assert_eq!(interval("Ternary(variant: BitSerial(bits: 1))"), 8);
        assert_eq!(interval("Ternary(variant: BitSerial(bits: 3))"), 3);
        assert_eq!(
            interval("Binary(activation: Int16, variant: BitSerial(bits: 4))"),
            4
        );
    }

    #[test]
    fn int8_takes_wider_operands_at_half_and_a_quarter_of_its_speed() {
        let interval = |text| kind(text).unwrap().initiation_interval;
        assert_eq!(interval("Int8(activation: Int16)"), 2);
        assert_eq!(interval("Int8(weight: Int16)"), 2);
        assert_eq!(interval("Int8(activation: Int16, weight: Int16)"), 4);
    }

    #[test]
    fn one_kind_serves_several_precisions() {
        let int8 = kind("Int8(accumulator: Int48)").unwrap();
        let interval = |a, w| at(&int8, a, w).map(|kind| kind.initiation_interval);
        assert_eq!(interval(NumberFormat::Int8, NumberFormat::Int8), Ok(1));
        assert_eq!(interval(NumberFormat::Int4, NumberFormat::Trit), Ok(1));
        assert_eq!(interval(NumberFormat::Int16, NumberFormat::Int8), Ok(2));
        assert_eq!(interval(NumberFormat::Int16, NumberFormat::Int16), Ok(4));
        assert!(interval(NumberFormat::Bf16, NumberFormat::Bf16).is_err());
        let wide = kind("Int8(activation: Int16, accumulator: Int48)").unwrap();
        let back = at(&wide, NumberFormat::Int8, NumberFormat::Int8).unwrap();
        assert_eq!(back.initiation_interval, 1);
    }

    #[test]
    fn only_ternary_pes_gate_zeros() {
        assert_eq!(kind("Ternary()").unwrap().gated_steps(5, 30), Some(150));
        assert_eq!(kind("Binary()").unwrap().gated_steps(5, 30), Some(0));
        assert_eq!(kind("Ternary()").unwrap().gated_steps(u64::MAX, 2), None);
    }
}

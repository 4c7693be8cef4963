//! SRAM by capacity and width.

use crate::technology::Source;
use crate::unit::{Area, PerEvent, Power};

/// Figures of a macro of one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macro {
    /// Energy of a read access of the whole width.
    pub read: PerEvent,
    /// Energy of a write access of the whole width.
    pub write: PerEvent,
    /// The leakage of all macros together.
    pub leakage: Power,
    /// The placed area of all macros.
    pub area: Area,
}

/// The macros of a technology, and where their figures come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SramTable {
    /// By width in bits; each by capacity in bytes. None is empty; both ascend.
    pub(crate) widths: Vec<(u64, Vec<(u64, Macro)>)>,
    pub(crate) read_from: Source,
    pub(crate) write_from: Source,
    pub(crate) leakage_from: Source,
    pub(crate) area_from: Source,
}

impl SramTable {
    /// A bank of so many bytes, read and written so many bits at a time.
    ///
    /// Between two macros of the table a straight line; beyond them, energy goes with the square
    /// root of the capacity, area and leakage in proportion to it; an access wider than the table
    /// costs in proportion to its width, one that is narrower costs a whole access.
    pub(crate) fn bank(&self, bytes: u64, width_bits: u64) -> Macro {
        let at = |index: usize| at_capacity(&self.widths[index].1, bytes);
        let above = self
            .widths
            .partition_point(|(width, _)| *width <= width_bits);
        if above == 0 {
            return at(0);
        }
        let (low, narrow) = (self.widths[above - 1].0, at(above - 1));
        let Some((high, _)) = self.widths.get(above) else {
            let wide = |figure: PerEvent| scaled(figure, u128::from(width_bits), u128::from(low));
            return Macro {
                read: wide(narrow.read),
                write: wide(narrow.write),
                ..narrow
            };
        };
        between(&narrow, &at(above), width_bits - low, high - low)
    }
}

fn at_capacity(points: &[(u64, Macro)], bytes: u64) -> Macro {
    let above = points.partition_point(|(capacity, _)| *capacity <= bytes);
    match (
        above.checked_sub(1).map(|below| points[below]),
        points.get(above),
    ) {
        (Some((low, small)), Some((high, large))) => {
            between(&small, large, bytes - low, high - low)
        }
        (Some(point), None) => beyond(point, bytes),
        (None, Some(point)) => beyond(*point, bytes),
        (None, None) => unreachable!("a table without macros is refused when it is read"),
    }
}

/// A macro larger or smaller than any of the table.
fn beyond((capacity, known): (u64, Macro), bytes: u64) -> Macro {
    // Square roots with 20 binary places: capacities are at most 2^40.
    let root = |bytes: u64| (u128::from(bytes) << 40).isqrt();
    let energy = |figure| scaled(figure, root(bytes), root(capacity));
    let share = |value: u128| value.saturating_mul(u128::from(bytes)) / u128::from(capacity);
    Macro {
        read: energy(known.read),
        write: energy(known.write),
        leakage: Power::nanowatts(share(known.leakage.get())),
        area: Area::square_nanometres(share(known.area.get())),
    }
}

/// The point `part / whole` of the way from one macro to another.
fn between(from: &Macro, to: &Macro, part: u64, whole: u64) -> Macro {
    let line = |a: u128, b: u128| {
        let (part, whole) = (u128::from(part), u128::from(whole));
        (a * (whole - part) + b * part) / whole
    };
    let energy = |a: PerEvent, b: PerEvent| {
        let value = line(a.attojoules().into(), b.attojoules().into());
        bounded(value)
    };
    Macro {
        read: energy(from.read, to.read),
        write: energy(from.write, to.write),
        leakage: Power::nanowatts(line(from.leakage.get(), to.leakage.get())),
        area: Area::square_nanometres(line(from.area.get(), to.area.get())),
    }
}

fn scaled(figure: PerEvent, by: u128, over: u128) -> PerEvent {
    bounded(u128::from(figure.attojoules()).saturating_mul(by) / over.max(1))
}

/// An energy held at the greatest that an event may cost.
fn bounded(attojoules: u128) -> PerEvent {
    let held =
        u64::try_from(attojoules).map_or(PerEvent::GREATEST, |value| value.min(PerEvent::GREATEST));
    PerEvent::new(held).expect("held within the bound")
}

#[cfg(test)]
mod tests {
    use crate::Technology;
    use proptest::prelude::*;

    #[test]
    fn the_macros_of_the_table_come_back_exactly() {
        let table = Technology::shipped("45nm").unwrap().sram;
        let mut macros = 0;
        for (width, points) in &table.widths {
            for (capacity, known) in points {
                assert_eq!(table.bank(*capacity, *width), *known);
                macros += 1;
            }
        }
        assert_eq!(macros, 27);
    }

    #[test]
    fn the_least_access_is_one_of_the_narrowest_macro() {
        let table = Technology::shipped("7nm").unwrap().sram;
        assert_eq!(table.bank(1 << 20, 8), table.bank(1 << 20, 64));
        let wide = table.bank(1 << 20, 512);
        assert_eq!(wide.read.attojoules(), 8 * 14_000_000);
        assert_eq!(wide.area, table.bank(1 << 20, 64).area);
    }

    proptest! {
        #[test]
        fn a_larger_bank_never_costs_less(
            bytes in 1u64..1 << 40, more in 0u64..1 << 30, width in 1u64..1 << 13,
        ) {
            for name in Technology::names() {
                let table = Technology::shipped(name).unwrap().sram;
                let (small, large) = (table.bank(bytes, width), table.bank(bytes + more, width));
                prop_assert!(small.read <= large.read && small.write <= large.write);
                prop_assert!(small.area <= large.area && small.leakage <= large.leakage);
            }
        }
    }
}

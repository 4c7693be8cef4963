//! Timing presets: the numbers of a device under a name, each with its source and mark.

use serde::Deserialize;

use crate::expression::Parameters;

/// One number of a preset, as `presets/timings.csv` has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Number {
    /// The name of the preset that the number belongs to.
    pub preset: String,
    /// The parameter: an organisation field or a timing parameter in cycles.
    pub parameter: String,
    /// The value; a whole number for all but `standard`.
    pub value: String,
    /// How sure it is: `simulator preset`, `derived`, `assumed`.
    pub mark: String,
    /// Where it comes from.
    pub source: String,
}

/// How a channel unit is built: the smallest independently scheduled data bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Ranks (stack ids for HBM3) on the unit's bus.
    pub ranks: u64,
    /// Bank groups of a rank.
    pub bank_groups: u64,
    /// Banks of a group.
    pub banks_per_group: u64,
    /// Rows of a bank.
    pub rows_per_bank: u64,
    /// Bytes of a row, over all devices of the rank.
    pub row_bytes: u64,
    /// Bytes of one burst.
    pub access_bytes: u64,
}

impl Organisation {
    /// Bursts of a row.
    #[must_use]
    pub const fn columns(&self) -> u64 {
        self.row_bytes / self.access_bytes
    }

    /// Bytes of the unit, or `None` past 64 bits.
    #[must_use]
    pub fn capacity_bytes(&self) -> Option<u64> {
        [
            self.bank_groups,
            self.banks_per_group,
            self.rows_per_bank,
            self.row_bytes,
        ]
        .into_iter()
        .try_fold(self.ranks, u64::checked_mul)
    }
}

/// A device with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name that configurations give.
    pub name: String,
    /// The standard whose constraint table holds.
    pub standard: String,
    /// How a channel unit is built.
    pub organisation: Organisation,
    /// The clock period in femtoseconds.
    pub clock_femtoseconds: u64,
    /// Channel units of a device, module or stack, where the source says.
    pub units_per_device: Option<u64>,
    /// Timing parameters in cycles.
    pub timings: Parameters,
}

const TIMINGS: &str = include_str!("../presets/timings.csv");

/// Every number of every preset, with its mark and source.
///
/// # Panics
/// If the shipped file does not parse: our own mistake, caught by a test.
#[must_use]
pub fn numbers() -> Vec<Number> {
    csv::Reader::from_reader(TIMINGS.as_bytes())
        .into_deserialize()
        .collect::<Result<_, _>>()
        .expect("the shipped table parses")
}

/// The names of the shipped presets, in the order of the table.
#[must_use]
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = numbers().into_iter().map(|number| number.preset).collect();
    names.dedup();
    names
}

/// A shipped preset.
///
/// # Panics
/// If the shipped table lacks a number: our own mistake, caught by a test.
#[must_use]
pub fn named(name: &str) -> Option<Preset> {
    let mut standard = String::new();
    let mut values = Parameters::new();
    for number in numbers().into_iter().filter(|n| n.preset == name) {
        if number.parameter == "standard" {
            standard = number.value;
        } else {
            let value = number.value.parse().expect("the shipped numbers parse");
            values.insert(number.parameter, value);
        }
    }
    if standard.is_empty() {
        return None;
    }
    let mut take = |parameter: &str| values.remove(parameter);
    let units_per_device = take("channel_units_per_device_or_stack");
    take("dq_bits_per_channel_unit");
    let mut need = |parameter| take(parameter).expect("the shipped presets are complete");
    let organisation = Organisation {
        ranks: need("ranks"),
        bank_groups: need("bank_groups"),
        banks_per_group: need("banks_per_group"),
        rows_per_bank: need("rows_per_bank"),
        row_bytes: need("row_bytes"),
        access_bytes: need("access_bytes"),
    };
    Some(Preset {
        name: name.to_owned(),
        standard,
        organisation,
        clock_femtoseconds: need("tCK_fs"),
        units_per_device,
        timings: values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::Standard;

    #[test]
    fn every_preset_has_its_standard_and_every_number_its_rules_need() {
        let names = names();
        assert_eq!(names.len(), 17);
        for name in names {
            let preset = named(&name).unwrap();
            let standard = Standard::named(&preset.standard).unwrap();
            standard.rules(&preset.timings).unwrap();
        }
    }

    #[test]
    fn every_number_has_a_mark_and_a_source() {
        for number in numbers() {
            assert!(
                !number.mark.is_empty() && !number.source.is_empty(),
                "{number:?}"
            );
        }
    }
}

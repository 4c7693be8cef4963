//! Energy by command.

use serde::Deserialize;

use crate::preset::Preset;
use crate::standard::Standard;
use crate::vocabulary::Counters;

/// Energies of a device's commands in picojoules, as `presets/energy.csv` has them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EnergyTable {
    /// The presets it holds for: those whose names begin so.
    pub presets: String,
    /// One activate with its precharge, for the row bytes the source names.
    pub activate_pj: f64,
    /// Row bytes that `activate_pj` is for; another row size scales it.
    pub activate_row_bytes: u64,
    /// Energy of reading one bit, in picojoules.
    pub read_pj_per_bit: f64,
    /// Energy of writing one bit, in picojoules.
    pub write_pj_per_bit: f64,
    /// Energy of one all-bank refresh, in picojoules.
    pub refresh_pj: f64,
    /// Standby power with rows open, in milliwatts, for one channel unit.
    pub background_mw: f64,
    /// How sure the figures are.
    pub mark: String,
    /// Where they come from, and what they count.
    pub source: String,
}

/// Energy in picojoules by what it was spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Energy {
    /// Energy of opening and closing rows, in picojoules.
    pub activate_pj: f64,
    /// Energy of the bursts that were read, in picojoules.
    pub read_pj: f64,
    /// Energy of the bursts that were written, in picojoules.
    pub write_pj: f64,
    /// Energy of the refresh commands, in picojoules.
    pub refresh_pj: f64,
    /// Energy of the standby currents over the whole time, in picojoules.
    pub background_pj: f64,
}

impl Energy {
    /// The sum of all parts.
    #[must_use]
    pub fn total_pj(&self) -> f64 {
        self.activate_pj + self.read_pj + self.write_pj + self.refresh_pj + self.background_pj
    }
}

const ENERGY: &str = include_str!("../presets/energy.csv");

impl EnergyTable {
    /// Every shipped table.
    ///
    /// # Panics
    /// If the shipped file does not parse: our own mistake, caught by a test.
    #[must_use]
    pub fn all() -> Vec<Self> {
        csv::Reader::from_reader(ENERGY.as_bytes())
            .into_deserialize()
            .collect::<Result<_, _>>()
            .expect("the shipped table parses")
    }

    /// The table of a preset, where a source has one: the longest name that the preset's begins
    /// with.
    #[must_use]
    pub fn of(preset: &Preset) -> Option<Self> {
        Self::all()
            .into_iter()
            .filter(|table| preset.name.starts_with(&table.presets))
            .max_by_key(|table| table.presets.len())
    }

    /// The energy of what a channel unit did in so many seconds.
    #[must_use]
    pub fn energy(&self, preset: &Preset, counters: &Counters, seconds: f64) -> Energy {
        let organisation = &preset.organisation;
        let bits = (organisation.access_bytes * 8) as f64;
        let row_share = organisation.row_bytes as f64 / self.activate_row_bytes as f64;
        let banks = (organisation.bank_groups * organisation.banks_per_group) as usize;
        let turns = Standard::named(&preset.standard).map_or(banks, |standard| {
            let of_group = organisation.banks_per_group as usize;
            standard.refresh.per_bank.turns(banks, of_group)
        });
        let refreshes = counters.refreshes as f64 + counters.bank_refreshes as f64 / turns as f64;
        Energy {
            activate_pj: counters.activates as f64 * self.activate_pj * row_share,
            read_pj: counters.reads as f64 * bits * self.read_pj_per_bit,
            write_pj: counters.writes as f64 * bits * self.write_pj_per_bit,
            refresh_pj: refreshes * self.refresh_pj,
            // A milliwatt is 1e9 picojoules a second.
            background_pj: self.background_mw * 1e9 * seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset;

    #[test]
    fn a_streamed_gigabyte_of_hbm2_costs_what_the_paper_says() {
        let preset = preset::named("HBM2-2000").unwrap();
        let table = EnergyTable::of(&preset).unwrap();
        let rows = 1_000_000;
        let counters = Counters {
            reads: rows * 32,
            activates: rows,
            ..Counters::default()
        };
        let energy = table.energy(&preset, &counters, 0.0);
        let pj_per_bit = energy.total_pj() / (rows as f64 * 1024.0 * 8.0);
        assert!((3.5..3.97).contains(&pj_per_bit), "{pj_per_bit}");
    }

    #[test]
    fn every_table_names_mark_and_source() {
        for table in EnergyTable::all() {
            assert!(!table.mark.is_empty() && !table.source.is_empty());
        }
    }
}

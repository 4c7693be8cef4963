//! A DRAM standard as data: command set, refresh rules and the constraint table.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::command::Command;
use crate::expression::{ExpressionError, Parameters, evaluate};

/// How far around a command its constraint reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Scope {
    /// The same bank.
    Bank,
    /// The same bank group, the bank itself included.
    Group,
    /// The same rank (or stack id), the bank itself included.
    Rank,
    /// Every other rank (or stack id) of the same unit.
    OtherRank,
    /// The whole channel, or pseudo channel where there are such.
    Unit,
}

/// The command buses of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum CommandBus {
    /// One command a cycle.
    Single,
    /// One row command and one column command a cycle (HBM).
    RowAndColumn,
}

/// How a standard refreshes its banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshRules {
    /// What one all-bank refresh covers: [`Scope::Rank`] or [`Scope::Unit`].
    pub scope: Scope,
    /// How many refreshes may be owed.
    pub postpone: u32,
    /// Which banks are refreshed together where not all are.
    pub per_bank: BankRefresh,
}

/// The banks that a refresh of single banks covers with one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum BankRefresh {
    /// Banks are refreshed all at once only.
    Never,
    /// One bank: REFpb (HBM2: REFsb).
    One,
    /// The bank of a number in all groups: DDR5's REFsb.
    SameOfGroups,
    /// A bank of each half: GDDR6's REFp2b.
    Pair,
}

impl BankRefresh {
    /// How many commands it takes to refresh so many banks, in groups of so many, once. The banks
    /// of one command are so far apart in their numbers.
    #[must_use]
    pub fn turns(self, banks: usize, of_group: usize) -> usize {
        match self {
            Self::Never => 1,
            Self::One => banks,
            Self::SameOfGroups => of_group,
            Self::Pair => (banks / 2).max(1),
        }
    }
}

/// One line of the constraint table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// The banks that the constraint reaches.
    pub scope: Scope,
    /// The commands from which it counts.
    pub from: Vec<Command>,
    /// The commands that wait.
    pub to: Vec<Command>,
    /// The number of cycles that they wait, as a sum of timing parameters.
    pub latency: String,
    /// Counts from the n-th last `from`: 4 for tFAW, 1 for all others.
    #[serde(default = "one")]
    pub window: u8,
}

const fn one() -> u8 {
    1
}

/// A standard, as its file in `standards/` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// The name, as presets give it.
    pub name: String,
    /// The command buses of a channel.
    pub command_bus: CommandBus,
    /// Cycles of the bus that commands take, where rules count from the last edge to the last
    /// edge; 1 for those not named.
    #[serde(default)]
    pub lengths: BTreeMap<Command, u64>,
    /// Cycles of the bus that commands take, where rules count from the first edge.
    #[serde(default)]
    pub occupies: BTreeMap<Command, u64>,
    /// Whether the data clock stops between bursts and needs a CAS to start (LPDDR5).
    #[serde(default)]
    pub data_clock_stops: bool,
    /// How the standard refreshes its banks.
    pub refresh: RefreshRules,
    /// The constraint table.
    pub constraints: Vec<Constraint>,
}

const STANDARDS: [(&str, &str); 9] = [
    ("DDR3", include_str!("../standards/ddr3.ron")),
    ("DDR4", include_str!("../standards/ddr4.ron")),
    ("DDR5", include_str!("../standards/ddr5.ron")),
    ("LPDDR4", include_str!("../standards/lpddr4.ron")),
    ("LPDDR5", include_str!("../standards/lpddr5.ron")),
    ("HBM2", include_str!("../standards/hbm2.ron")),
    ("HBM2E", include_str!("../standards/hbm2e.ron")),
    ("HBM3", include_str!("../standards/hbm3.ron")),
    ("GDDR6", include_str!("../standards/gddr6.ron")),
];

impl Standard {
    /// The names of the shipped standards.
    pub fn names() -> impl Iterator<Item = &'static str> {
        STANDARDS.iter().map(|(name, _)| *name)
    }

    /// A shipped standard.
    ///
    /// # Panics
    /// If the shipped file does not parse: our own mistake, caught by a test.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (_, text) = STANDARDS.iter().find(|(known, _)| *known == name)?;
        match ron::from_str(text) {
            Ok(standard) => Some(standard),
            Err(error) => panic!("standards/{name}: {error}"),
        }
    }

    /// Cycles of its bus that a command takes.
    #[must_use]
    pub fn bus_cycles(&self, command: Command) -> u64 {
        let length = |map: &BTreeMap<Command, u64>| map.get(&command).copied().unwrap_or(1);
        length(&self.lengths).max(length(&self.occupies))
    }

    /// The constraint table with its latencies in cycles, one rule a command pair.
    ///
    /// # Errors
    /// If a latency names a parameter that `parameters` lacks.
    pub fn rules(&self, parameters: &Parameters) -> Result<Vec<Rule>, ExpressionError> {
        let length =
            |command| i64::try_from(self.lengths.get(&command).copied().unwrap_or(1)).unwrap_or(1);
        let mut rules = Vec::new();
        for (line, constraint) in self.constraints.iter().enumerate() {
            let latency = evaluate(&constraint.latency, parameters)?;
            for &from in &constraint.from {
                for &to in &constraint.to {
                    let cycles = latency + length(from) - length(to);
                    rules.push(Rule {
                        line,
                        scope: constraint.scope,
                        from,
                        to,
                        cycles: u64::try_from(cycles).unwrap_or(0),
                        window: constraint.window,
                    });
                }
            }
        }
        Ok(rules)
    }
}

/// One command pair of the constraint table, in cycles from first edge to first edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The line of the constraint table that it comes from.
    pub line: usize,
    /// The banks that the constraint reaches.
    pub scope: Scope,
    /// The command from which it counts.
    pub from: Command,
    /// The command that waits.
    pub to: Command,
    /// The number of cycles that it waits; 0 never binds.
    pub cycles: u64,
    /// It counts from the n-th last command `from`: 4 for tFAW, 1 for all others.
    pub window: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_standard_parses_under_its_name() {
        for name in Standard::names() {
            assert_eq!(Standard::named(name).unwrap().name, name);
        }
        assert_eq!(Standard::named("DDR9"), None);
    }
}

//! When each bank may take each command: the constraint table at work.
//!
//! A bank's earliest cycle of a command is the greatest of what commands to the bank itself demand,
//! what all others of its group demand, and of what all others of its rank demand. So a command is
//! noted once for its bank, once for its group and once a rank that it reaches, and a look-up reads
//! three numbers.

use std::sync::Arc;

use crate::command::{Command, Place};
use crate::standard::{Rule, Scope};

/// The numbers of a unit's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Ranks (or stack ids) of the unit.
    pub ranks: usize,
    /// Bank groups of a rank.
    pub groups: usize,
    /// Banks of a group.
    pub banks: usize,
}

impl Shape {
    /// All banks of the unit; bank `i` is rank-major, then group, then bank.
    #[must_use]
    pub const fn total_banks(self) -> usize {
        self.ranks * self.groups * self.banks
    }

    /// Banks of a rank.
    #[must_use]
    pub const fn banks_per_rank(self) -> usize {
        self.groups * self.banks
    }

    /// Where a bank of the first unit, and a row and a column of it, are in the device.
    #[must_use]
    pub const fn place(self, bank: usize, row: u32, column: u32) -> Place {
        let group = bank / self.banks;
        Place {
            pseudo_channel: 0,
            rank: (group / self.groups) as u8,
            group: (group % self.groups) as u8,
            bank: (bank % self.banks) as u8,
            row,
            column,
        }
    }
}

/// What a command does to the earliest cycle of another one.
#[derive(Clone, Copy, Debug)]
struct Effect {
    /// The place that it raises, counted from the first of the bank, the group, or all ranks.
    at: usize,
    cycles: u64,
}

/// A rule over a window of commands.
#[derive(Clone, Debug)]
struct Window {
    rule: Rule,
    /// The slot of the command that it keeps back.
    to: usize,
    /// Its first ring, of those of the places it counts at: `rule.window` cycles, and the position
    /// of the oldest one behind them.
    rings: usize,
}

/// What commands of one kind do.
#[derive(Clone, Debug, Default)]
struct Effects {
    bank: Vec<Effect>,
    group: Vec<Effect>,
    /// By the rank of the command.
    ranks: Vec<Vec<Effect>>,
    windows: Vec<Window>,
}

/// What does not change: one for all channels of a memory, so that they share its place in the
/// caches.
#[derive(Debug)]
struct Law {
    shape: Shape,
    /// The constraints that a command puts on later ones, indexed by command.
    effects: Vec<Effects>,
    /// The group and the rank of each bank.
    places: Vec<(u16, u16)>,
    /// The slot of each command among those that are tracked.
    slots: [u8; Command::COUNT],
    /// The number of commands that are tracked.
    tracked: usize,
    /// The first places of groups and of ranks; those of banks come before.
    groups: usize,
    ranks: usize,
}

/// The earliest cycles of a unit's banks.
#[derive(Clone, Debug)]
pub struct Timing {
    law: Arc<Law>,
    /// A place for each tracked command: by bank, from commands to the bank; by group, from
    /// commands to any bank that reach the group alone; by rank, from commands to any bank that
    /// reach the rank.
    earliest: Vec<u64>,
    /// The times of the last commands under a [`Window`].
    rings: Vec<u64>,
}

/// A time of no command.
const NONE: u64 = u64::MAX;

impl Law {
    /// The law, and the rings of its windows without a command.
    fn new(shape: Shape, rules: &[Rule], tracked: &[Command]) -> (Self, Vec<u64>) {
        let mut slots = [u8::MAX; Command::COUNT];
        for (slot, command) in (0..).zip(tracked) {
            slots[*command as usize] = slot;
        }
        let place = |bank| {
            let rank = bank / shape.banks_per_rank();
            ((bank / shape.banks) as u16, rank as u16)
        };
        let groups = shape.total_banks() * tracked.len();
        let none = Effects {
            ranks: vec![Vec::new(); shape.ranks],
            ..Effects::default()
        };
        let mut law = Self {
            shape,
            effects: vec![none; Command::COUNT],
            places: (0..shape.total_banks()).map(place).collect(),
            slots,
            tracked: tracked.len(),
            groups,
            ranks: groups + shape.ranks * shape.groups * tracked.len(),
        };
        let mut rings = Vec::new();
        for rule in rules {
            let alone = rule.scope == Scope::OtherRank && shape.ranks == 1;
            if rule.cycles > 0 && tracked.contains(&rule.to) && !alone {
                law.add(rule, &mut rings);
            }
        }
        (law, rings)
    }

    fn add(&mut self, rule: &Rule, rings: &mut Vec<u64>) {
        let to = usize::from(self.slots[rule.to as usize]);
        if rule.window > 1 {
            let window = Window {
                rule: *rule,
                to,
                rings: rings.len(),
            };
            let mut ring = vec![NONE; window.ring()];
            ring[usize::from(rule.window)] = 0;
            rings.extend(ring.repeat(window.places(self.shape)));
            self.effects[rule.from as usize].windows.push(window);
            return;
        }
        let effect = |rank| Effect {
            at: rank * self.tracked + to,
            cycles: rule.cycles,
        };
        let of = &mut self.effects[rule.from as usize];
        match rule.scope {
            Scope::Bank => of.bank.push(effect(0)),
            Scope::Group => of.group.push(effect(0)),
            Scope::Rank | Scope::OtherRank | Scope::Unit => {
                for (from, reached) in of.ranks.iter_mut().enumerate() {
                    let told = (0..self.shape.ranks).filter(|&rank| match rule.scope {
                        Scope::Rank => rank == from,
                        Scope::OtherRank => rank != from,
                        _ => true,
                    });
                    for rank in told {
                        raise(reached, effect(rank));
                    }
                }
            }
        }
    }
}

impl Timing {
    /// No command given yet. Only the commands in `tracked` have their earliest cycles kept.
    #[must_use]
    pub fn new(shape: Shape, rules: &[Rule], tracked: &[Command]) -> Self {
        let (law, rings) = Law::new(shape, rules, tracked);
        Self {
            earliest: vec![0; law.ranks + shape.ranks * law.tracked],
            rings,
            law: Arc::new(law),
        }
    }

    /// The tree's numbers.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.law.shape
    }

    /// The bank's group and rank, each numbered over the whole unit.
    #[inline]
    #[must_use]
    pub fn group_and_rank(&self, bank: usize) -> (u16, u16) {
        self.law.places[bank]
    }

    /// The earliest cycle of a command to a bank; of a command to a whole rank, what the bank
    /// demands: it can go at the greatest of all banks of the rank.
    #[inline]
    #[must_use]
    pub fn earliest(&self, command: Command, bank: usize) -> u64 {
        let law = &*self.law;
        let (group, rank) = law.places[bank];
        let (group, rank) = (usize::from(group), usize::from(rank));
        let slot = usize::from(law.slots[command as usize]);
        debug_assert!(slot < law.tracked, "{command:?} is not tracked");
        self.earliest[bank * law.tracked + slot]
            .max(self.earliest[law.groups + group * law.tracked + slot])
            .max(self.earliest[law.ranks + rank * law.tracked + slot])
    }

    /// Whether a command to a bank moves another one's earliest cycle of other banks.
    #[must_use]
    pub fn spaces_others(&self, from: Command, to: Command) -> bool {
        let law = &*self.law;
        let slot = usize::from(law.slots[to as usize]);
        let effects = &law.effects[from as usize];
        let mut reached = effects.group.iter().chain(effects.ranks.iter().flatten());
        reached.any(|effect| effect.at % law.tracked == slot)
            || effects.windows.iter().any(|window| window.to == slot)
    }

    /// How many cycles after a cycle each command becomes possible, in each place; zero if it is by
    /// then.
    #[must_use]
    pub fn binding_after(&self, cycle: u64) -> Vec<u64> {
        let after = |earliest: &u64| earliest.saturating_sub(cycle);
        self.earliest.iter().map(after).collect()
    }

    /// Has what becomes possible only after a cycle do so so many cycles later.
    pub fn shift_after(&mut self, cycle: u64, cycles: u64) {
        for earliest in &mut self.earliest {
            if *earliest > cycle {
                *earliest += cycles;
            }
        }
    }

    /// Takes note of a command to a bank (or, for a command to a whole rank, to any of its
    /// banks).
    #[inline]
    pub fn issue(&mut self, command: Command, bank: usize, cycle: u64) {
        let law = &*self.law;
        let (group, rank) = law.places[bank];
        let (group, rank) = (usize::from(group), usize::from(rank));
        let effects = &law.effects[command as usize];
        let mut tell = |first: usize, effects: &[Effect]| {
            for effect in effects {
                let earliest = &mut self.earliest[first + effect.at];
                *earliest = (*earliest).max(cycle + effect.cycles);
            }
        };
        let of_bank = bank * law.tracked;
        let of_group = law.groups + group * law.tracked;
        tell(of_bank, &effects.bank);
        tell(of_group, &effects.group);
        tell(law.ranks, &effects.ranks[rank]);
        for window in &effects.windows {
            let (place, first) = match window.rule.scope {
                Scope::Bank => (bank, of_bank),
                Scope::Group => (group, of_group),
                Scope::Rank | Scope::OtherRank => (rank, law.ranks + rank * law.tracked),
                Scope::Unit => (0, law.ranks),
            };
            let at = window.push(&mut self.rings, place, cycle);
            let ranks = if window.rule.scope == Scope::Unit {
                law.shape.ranks
            } else {
                1
            };
            for rank in 0..ranks {
                let earliest = &mut self.earliest[first + rank * law.tracked + window.to];
                *earliest = (*earliest).max(at);
            }
        }
    }
}

/// Adds an effect; of two on the same the greater is enough.
fn raise(effects: &mut Vec<Effect>, effect: Effect) {
    let same = |other: &&mut Effect| other.at == effect.at;
    match effects.iter_mut().find(same) {
        Some(other) => other.cycles = other.cycles.max(effect.cycles),
        None => effects.push(effect),
    }
}

impl Window {
    /// Places that the rule counts commands at.
    const fn places(&self, shape: Shape) -> usize {
        match self.rule.scope {
            Scope::Bank => shape.total_banks(),
            Scope::Group => shape.ranks * shape.groups,
            Scope::Rank | Scope::OtherRank => shape.ranks,
            Scope::Unit => 1,
        }
    }

    /// Numbers of a place.
    const fn ring(&self) -> usize {
        self.rule.window as usize + 1
    }

    /// Notes a command and returns the earliest cycle of the next one.
    #[inline]
    fn push(&self, rings: &mut [u64], place: usize, cycle: u64) -> u64 {
        let length = usize::from(self.rule.window);
        let first = self.rings + place * self.ring();
        let ring = &mut rings[first..=first + length];
        let newest = ring[length] as usize;
        ring[newest] = cycle;
        let oldest = if newest + 1 == length { 0 } else { newest + 1 };
        ring[length] = oldest as u64;
        match ring[oldest] {
            NONE => 0,
            time => time + self.rule.cycles,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(scope: Scope, from: Command, to: Command, cycles: u64, window: u8) -> Rule {
        Rule {
            line: 0,
            scope,
            from,
            to,
            cycles,
            window,
        }
    }

    #[test]
    fn a_rule_reaches_its_scope_and_no_further() {
        use Command::{Activate, Read};
        let shape = Shape {
            ranks: 2,
            groups: 2,
            banks: 2,
        };
        let rules = [
            rule(Scope::Bank, Activate, Read, 9, 1),
            rule(Scope::Group, Activate, Activate, 6, 1),
            rule(Scope::Rank, Activate, Activate, 4, 1),
            rule(Scope::OtherRank, Activate, Activate, 2, 1),
        ];
        let mut timing = Timing::new(shape, &rules, &Command::ALL);
        timing.issue(Activate, 0, 100);
        let at = |bank| timing.earliest(Activate, bank);
        assert_eq!(
            [at(0), at(1), at(2), at(3), at(4), at(7)],
            [106, 106, 104, 104, 102, 102]
        );
        assert_eq!(timing.earliest(Read, 0), 109);
        assert_eq!(timing.earliest(Read, 1), 0);
    }

    #[test]
    fn a_window_counts_from_its_fourth_last_command() {
        use Command::Activate;
        let shape = Shape {
            ranks: 1,
            groups: 1,
            banks: 8,
        };
        let mut timing = Timing::new(
            shape,
            &[rule(Scope::Rank, Activate, Activate, 30, 4)],
            &[Activate],
        );
        for (bank, cycle) in [(0, 10), (1, 12), (2, 14)] {
            timing.issue(Activate, bank, cycle);
            assert_eq!(timing.earliest(Activate, 3), 0);
        }
        timing.issue(Activate, 3, 16);
        assert_eq!(timing.earliest(Activate, 4), 40);
        timing.issue(Activate, 4, 40);
        assert_eq!(timing.earliest(Activate, 5), 42);
    }
}

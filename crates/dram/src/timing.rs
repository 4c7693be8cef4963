//! When each bank may take each command: the constraint table at work.
//!
//! A bank's earliest cycle of a command is the greatest of what commands to the bank itself demand,
//! what all others of its group demand, and of what all others of its rank demand. So a command is
//! noted once for its bank, once for its group and once a rank that it reaches, and a look-up reads
//! three numbers.

use crate::command::Command;
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
}

/// What a command does to the earliest cycle of another one.
#[derive(Clone, Copy, Debug)]
struct Effect {
    /// The place in the table that it raises.
    at: usize,
    cycles: u64,
}

/// A rule over a window of commands, with the times of the last ones of each place it counts at.
#[derive(Clone, Debug)]
struct Window {
    rule: Rule,
    /// `rule.window` times a place, as rings.
    times: Vec<u64>,
    /// The ring position of the oldest time, a place.
    oldest: Vec<u8>,
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

/// Earliest cycles of each command.
type Earliest = [u64; Command::COUNT];

/// The earliest cycles of a unit's banks.
#[derive(Clone, Debug)]
pub struct Timing {
    shape: Shape,
    /// By command.
    effects: Vec<Effects>,
    /// The group and the rank of each bank.
    places: Vec<(u16, u16)>,
    /// By bank, from commands to the bank.
    of_bank: Vec<Earliest>,
    /// By group, from commands to any bank that reach the group alone.
    of_group: Vec<Earliest>,
    /// By rank and command, from commands to any bank that reach the rank; all commands of a rank
    /// together.
    of_rank: Vec<u64>,
}

impl Timing {
    /// No command given yet. Only the commands `asked` for have their earliest cycles kept.
    #[must_use]
    pub fn new(shape: Shape, rules: &[Rule], asked: &[Command]) -> Self {
        let none = Effects {
            ranks: vec![Vec::new(); shape.ranks],
            ..Effects::default()
        };
        let mut effects = vec![none; Command::COUNT];
        let binds = |rule: &&Rule| {
            let alone = rule.scope == Scope::OtherRank && shape.ranks == 1;
            rule.cycles > 0 && asked.contains(&rule.to) && !alone
        };
        for rule in rules.iter().filter(binds) {
            let of = &mut effects[rule.from as usize];
            if rule.window > 1 {
                let places = shape.total_banks();
                of.windows.push(Window {
                    rule: *rule,
                    times: vec![u64::MAX; usize::from(rule.window) * places],
                    oldest: vec![0; places],
                });
                continue;
            }
            let effect = |rank| Effect {
                at: rank * Command::COUNT + rule.to as usize,
                cycles: rule.cycles,
            };
            match rule.scope {
                Scope::Bank => of.bank.push(effect(0)),
                Scope::Group => of.group.push(effect(0)),
                Scope::Rank | Scope::OtherRank | Scope::Unit => {
                    for (from, reached) in of.ranks.iter_mut().enumerate() {
                        let told = (0..shape.ranks).filter(|&rank| match rule.scope {
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
        let place = |bank| {
            let rank = bank / shape.banks_per_rank();
            ((bank / shape.banks) as u16, rank as u16)
        };
        Self {
            shape,
            effects,
            places: (0..shape.total_banks()).map(place).collect(),
            of_bank: vec![[0; Command::COUNT]; shape.total_banks()],
            of_group: vec![[0; Command::COUNT]; shape.ranks * shape.groups],
            of_rank: vec![0; shape.ranks * Command::COUNT],
        }
    }

    /// The tree's numbers.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The bank's group and rank, each numbered over the whole unit.
    #[inline]
    #[must_use]
    pub fn group_and_rank(&self, bank: usize) -> (u16, u16) {
        self.places[bank]
    }

    /// The earliest cycle of a command to a bank; of a command to a whole rank, what the bank
    /// demands: it can go at the greatest of all banks of the rank.
    #[inline]
    #[must_use]
    pub fn earliest(&self, command: Command, bank: usize) -> u64 {
        let (group, rank) = self.places[bank];
        let command = command as usize;
        self.of_bank[bank][command]
            .max(self.of_group[usize::from(group)][command])
            .max(self.of_rank[usize::from(rank) * Command::COUNT + command])
    }

    /// Whether a command to a bank moves another one's earliest cycle of other banks.
    #[must_use]
    pub fn spaces_others(&self, from: Command, to: Command) -> bool {
        let effects = &self.effects[from as usize];
        let mut reached = effects.group.iter().chain(effects.ranks.iter().flatten());
        reached.any(|effect| effect.at % Command::COUNT == to as usize)
            || effects.windows.iter().any(|window| window.rule.to == to)
    }

    /// Takes note of a command to a bank (or, for a command to a whole rank, to any of its
    /// banks).
    #[inline]
    pub fn issue(&mut self, command: Command, bank: usize, cycle: u64) {
        let (group, rank) = self.places[bank];
        let (group, rank) = (usize::from(group), usize::from(rank));
        let effects = &mut self.effects[command as usize];
        let tell = |table: &mut [u64], effects: &[Effect]| {
            for effect in effects {
                let earliest = &mut table[effect.at];
                *earliest = (*earliest).max(cycle + effect.cycles);
            }
        };
        tell(&mut self.of_bank[bank], &effects.bank);
        tell(&mut self.of_group[group], &effects.group);
        tell(&mut self.of_rank, &effects.ranks[rank]);
        for window in &mut effects.windows {
            let to = window.rule.to as usize;
            let raise = |earliest: &mut u64, at: u64| *earliest = (*earliest).max(at);
            match window.rule.scope {
                Scope::Bank => raise(&mut self.of_bank[bank][to], window.push(bank, cycle)),
                Scope::Group => raise(&mut self.of_group[group][to], window.push(group, cycle)),
                Scope::Rank | Scope::OtherRank => {
                    let at = window.push(rank, cycle);
                    raise(&mut self.of_rank[rank * Command::COUNT + to], at);
                }
                Scope::Unit => {
                    let at = window.push(0, cycle);
                    for rank in 0..self.shape.ranks {
                        raise(&mut self.of_rank[rank * Command::COUNT + to], at);
                    }
                }
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
    /// Notes a command and returns the earliest cycle of the next one.
    #[inline]
    fn push(&mut self, place: usize, cycle: u64) -> u64 {
        let length = self.rule.window;
        let ring = place * usize::from(length);
        let oldest = &mut self.oldest[place];
        self.times[ring + usize::from(*oldest)] = cycle;
        *oldest += 1;
        if *oldest == length {
            *oldest = 0;
        }
        match self.times[ring + usize::from(*oldest)] {
            u64::MAX => 0,
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

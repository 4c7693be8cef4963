//! When each bank may take each command: the constraint table at work.
//!
//! A bank's earliest cycle of a command is the greater of what commands to the bank itself demand
//! and of what all others of its unit demand, which is the same for all banks of a group. So a
//! command is noted once for its bank and once a group that it reaches, and a look-up reads two
//! numbers.

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

    /// Groups of the unit.
    const fn total_groups(self) -> usize {
        self.ranks * self.groups
    }

    /// Whether a rule with this scope, from a command to a bank of group `from`, reaches `group`.
    const fn reaches(self, scope: Scope, from: usize, group: usize) -> bool {
        let same_rank = from / self.groups == group / self.groups;
        match scope {
            Scope::Bank => false,
            Scope::Group => from == group,
            Scope::Rank => same_rank,
            Scope::OtherRank => !same_rank,
            Scope::Unit => true,
        }
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
    /// By the group of the command.
    groups: Vec<Vec<Effect>>,
    windows: Vec<Window>,
}

/// The earliest cycles of a unit's banks.
#[derive(Clone, Debug)]
pub struct Timing {
    shape: Shape,
    /// By command.
    effects: Vec<Effects>,
    /// The group of each bank, and the rank of each group.
    group_of: Vec<u16>,
    rank_of: Vec<u16>,
    /// Earliest cycle by bank and command, from commands to the bank.
    of_bank: Vec<[u64; Command::COUNT]>,
    /// Earliest cycle by group and command, from commands to any bank that reach the group; all
    /// commands of a group together.
    of_group: Vec<u64>,
}

impl Timing {
    /// No command given yet. Only the commands `asked` for have their earliest cycles kept.
    #[must_use]
    pub fn new(shape: Shape, rules: &[Rule], asked: &[Command]) -> Self {
        let groups = shape.total_groups();
        let none = Effects {
            groups: vec![Vec::new(); groups],
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
            let effect = |group| Effect {
                at: group * Command::COUNT + rule.to as usize,
                cycles: rule.cycles,
            };
            if rule.scope == Scope::Bank {
                of.bank.push(effect(0));
            }
            // A command to a whole rank waits for all its banks: telling its first group is enough.
            let whole = matches!(rule.to, Command::PrechargeAll | Command::RefreshAll)
                && matches!(rule.scope, Scope::Rank | Scope::OtherRank | Scope::Unit);
            for (from, reached) in of.groups.iter_mut().enumerate() {
                let told = (0..groups)
                    .filter(|&group| shape.reaches(rule.scope, from, group))
                    .filter(|group| !whole || group.is_multiple_of(shape.groups));
                for group in told {
                    raise(reached, effect(group));
                }
            }
        }
        Self {
            shape,
            effects,
            group_of: (0..shape.total_banks())
                .map(|bank| (bank / shape.banks) as u16)
                .collect(),
            rank_of: (0..groups)
                .map(|group| (group / shape.groups) as u16)
                .collect(),
            of_bank: vec![[0; Command::COUNT]; shape.total_banks()],
            of_group: vec![0; groups * Command::COUNT],
        }
    }

    /// The tree's numbers.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Numbers that tell the bank's group from other groups, and its rank from other ranks.
    #[inline]
    #[must_use]
    pub fn group_and_rank(&self, bank: usize) -> (u16, u16) {
        let group = self.group_of[bank];
        (group, self.rank_of[usize::from(group)])
    }

    /// The earliest cycle of a command to a bank; of a command to a whole rank, what the bank
    /// demands: it can go at the greatest of all banks of the rank.
    #[inline]
    #[must_use]
    pub fn earliest(&self, command: Command, bank: usize) -> u64 {
        let at = usize::from(self.group_of[bank]) * Command::COUNT + command as usize;
        self.of_bank[bank][command as usize].max(self.of_group[at])
    }

    /// Whether a command to a bank moves another one's earliest cycle of other banks.
    #[must_use]
    pub fn spaces_others(&self, from: Command, to: Command) -> bool {
        let effects = &self.effects[from as usize];
        let mut reached = effects.groups.iter().flatten();
        reached.any(|effect| effect.at % Command::COUNT == to as usize)
            || effects.windows.iter().any(|window| window.rule.to == to)
    }

    /// Takes note of a command to a bank (or, for a command to a whole rank, to any of its
    /// banks).
    #[inline]
    pub fn issue(&mut self, command: Command, bank: usize, cycle: u64) {
        let group = usize::from(self.group_of[bank]);
        let effects = &mut self.effects[command as usize];
        let of_bank = &mut self.of_bank[bank];
        for effect in &effects.bank {
            let earliest = &mut of_bank[effect.at];
            *earliest = (*earliest).max(cycle + effect.cycles);
        }
        for effect in &effects.groups[group] {
            let earliest = &mut self.of_group[effect.at];
            *earliest = (*earliest).max(cycle + effect.cycles);
        }
        for window in &mut effects.windows {
            let to = window.rule.to as usize;
            let groups = match window.rule.scope {
                Scope::Bank => {
                    of_bank[to] = of_bank[to].max(window.push(bank, cycle));
                    continue;
                }
                Scope::Group => group..group + 1,
                Scope::Rank | Scope::OtherRank => {
                    let first = usize::from(self.rank_of[group]) * self.shape.groups;
                    first..first + self.shape.groups
                }
                Scope::Unit => 0..self.rank_of.len(),
            };
            let at = window.push(groups.start, cycle);
            for group in groups {
                let earliest = &mut self.of_group[group * Command::COUNT + to];
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

//! When each bank may take each command: the constraint table at work.
//!
//! Every node of the tree unit, rank, group, bank keeps the earliest cycle of each command; a
//! command raises the nodes its rules name, and a bank's earliest cycle is the greatest of its
//! path. The work of a command does not depend on the number of banks.

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

#[derive(Clone, Copy, Debug)]
struct Effect {
    scope: Scope,
    to: u8,
    cycles: u64,
}

/// A rule over a window of commands, with the times of the last ones of each node.
#[derive(Clone, Debug)]
struct Window {
    rule: Rule,
    /// `rule.window` times a node, as rings.
    times: Vec<u64>,
    /// The ring position of the oldest time, a node.
    oldest: Vec<u8>,
}

/// The earliest cycles of a unit's banks.
#[derive(Clone, Debug)]
pub struct Timing {
    shape: Shape,
    effects: Vec<Vec<Effect>>,
    windows: Vec<Window>,
    /// The node of the first bank; the others follow.
    first_bank: usize,
    /// The nodes of each bank: its own, its group's, its rank's.
    paths: Vec<[u32; 3]>,
    /// Earliest cycle by node and command.
    earliest: Vec<[u64; Command::COUNT]>,
}

const UNIT: usize = 0;

impl Timing {
    /// No command given yet. Only the commands `asked` for have their earliest cycles kept.
    #[must_use]
    pub fn new(shape: Shape, rules: &[Rule], asked: &[Command]) -> Self {
        let mut effects = vec![Vec::new(); Command::COUNT];
        let mut windows = Vec::new();
        let nodes = 1 + shape.ranks * (1 + shape.groups * (1 + shape.banks));
        let binds = |rule: &&Rule| {
            let alone = rule.scope == Scope::OtherRank && shape.ranks == 1;
            rule.cycles > 0 && asked.contains(&rule.to) && !alone
        };
        for rule in rules.iter().filter(binds) {
            if rule.window > 1 {
                windows.push(Window {
                    rule: *rule,
                    times: vec![u64::MAX; usize::from(rule.window) * nodes],
                    oldest: vec![0; nodes],
                });
            } else {
                effects[rule.from as usize].push(Effect {
                    scope: rule.scope,
                    to: rule.to as u8,
                    cycles: rule.cycles,
                });
            }
        }
        Self {
            shape,
            effects,
            windows,
            first_bank: 1 + shape.ranks * (1 + shape.groups),
            paths: (0..shape.total_banks())
                .map(|bank| Self::path_of(shape, bank))
                .collect(),
            earliest: vec![[0; Command::COUNT]; nodes],
        }
    }

    /// The tree's numbers.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    #[inline]
    const fn rank_node(rank: usize) -> usize {
        1 + rank
    }

    const fn path_of(shape: Shape, bank: usize) -> [u32; 3] {
        let group = bank / shape.banks;
        let rank = group / shape.groups;
        let groups_at = 1 + shape.ranks;
        let banks_at = groups_at + shape.ranks * shape.groups;
        [
            (banks_at + bank) as u32,
            (groups_at + group) as u32,
            (1 + rank) as u32,
        ]
    }

    #[inline]
    fn path(&self, bank: usize) -> (usize, usize, usize) {
        let [bank, group, rank] = self.paths[bank];
        (bank as usize, group as usize, rank as usize)
    }

    /// Numbers that tell the bank's group from other groups, and its rank from other ranks.
    #[inline]
    #[must_use]
    pub fn group_and_rank(&self, bank: usize) -> (u16, u16) {
        let [_, group, rank] = self.paths[bank];
        (group as u16, rank as u16)
    }

    /// The earliest cycle of a command to a bank.
    #[inline]
    #[must_use]
    pub fn earliest(&self, command: Command, bank: usize) -> u64 {
        let (bank, group, rank) = self.path(bank);
        let c = command as usize;
        self.earliest[bank][c]
            .max(self.earliest[group][c])
            .max(self.earliest[rank][c])
            .max(self.earliest[UNIT][c])
    }

    /// What a bank itself allows of [`Timing::earliest`].
    #[inline]
    #[must_use]
    pub fn earliest_of_bank(&self, command: Command, bank: usize) -> u64 {
        self.earliest[self.first_bank + bank][command as usize]
    }

    /// What all but the bank itself allow of [`Timing::earliest`]: the same for all banks of a
    /// group.
    #[inline]
    #[must_use]
    pub fn earliest_around(&self, command: Command, bank: usize) -> u64 {
        let (_, group, rank) = self.path(bank);
        let c = command as usize;
        self.earliest[group][c]
            .max(self.earliest[rank][c])
            .max(self.earliest[UNIT][c])
    }

    /// The earliest cycle of a command that covers all banks of a rank.
    #[must_use]
    pub fn earliest_all(&self, command: Command, rank: usize) -> u64 {
        let per_rank = self.shape.banks_per_rank();
        (rank * per_rank..(rank + 1) * per_rank)
            .map(|bank| self.earliest(command, bank))
            .max()
            .unwrap_or(0)
    }

    /// Takes note of a command to a bank (or, for a command to a whole rank, to any of its
    /// banks).
    #[inline]
    pub fn issue(&mut self, command: Command, bank: usize, cycle: u64) {
        let (bank_node, group_node, rank_node) = self.path(bank);
        for effect in &self.effects[command as usize] {
            let at = cycle + effect.cycles;
            let to = usize::from(effect.to);
            let node = match effect.scope {
                Scope::Bank => bank_node,
                Scope::Group => group_node,
                Scope::Rank => rank_node,
                Scope::Unit => UNIT,
                Scope::OtherRank => {
                    for rank in 0..self.shape.ranks {
                        let node = Self::rank_node(rank);
                        if node != rank_node {
                            let earliest = &mut self.earliest[node][to];
                            *earliest = at.max(*earliest);
                        }
                    }
                    continue;
                }
            };
            let earliest = &mut self.earliest[node][to];
            *earliest = at.max(*earliest);
        }
        for window in &mut self.windows {
            if window.rule.from == command {
                let node = match window.rule.scope {
                    Scope::Bank => bank_node,
                    Scope::Group => group_node,
                    Scope::Rank | Scope::OtherRank => rank_node,
                    Scope::Unit => UNIT,
                };
                let at = window.push(node, cycle);
                let earliest = &mut self.earliest[node][window.rule.to as usize];
                *earliest = at.max(*earliest);
            }
        }
    }
}

impl Window {
    /// Notes a command and returns the earliest cycle of the next one.
    #[inline]
    fn push(&mut self, node: usize, cycle: u64) -> u64 {
        let length = self.rule.window;
        let ring = node * usize::from(length);
        let oldest = &mut self.oldest[node];
        self.times[ring + usize::from(*oldest)] = cycle;
        *oldest = (*oldest + 1) % length;
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
        assert_eq!(timing.earliest_all(Activate, 0), 106);
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

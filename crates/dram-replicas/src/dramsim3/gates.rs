//! When each bank may take each command, for the five kinds of commands that this controller gives.
//!
//! The same constraint table as [`dram::timing`] works with, laid out for a controller that asks
//! for sets of banks: what a bank's own past demands is apart from the *gates* that its group and
//! its rank keep, which all banks behind them share.

use dram::command::Command;
use dram::standard::{Rule, Scope};
use dram::timing::Shape;

/// A kind of command; of column commands, those of the page policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Activate,
    Precharge,
    Read,
    Write,
    Refresh,
}

impl Kind {
    pub(super) const COUNT: usize = 5;

    const ALL: [Self; Self::COUNT] = [
        Self::Activate,
        Self::Precharge,
        Self::Read,
        Self::Write,
        Self::Refresh,
    ];

    /// The kinds of commands that the banks' queues issue.
    pub(super) const QUEUED: [Self; 4] = [Self::Activate, Self::Precharge, Self::Read, Self::Write];

    const fn of(command: Command) -> Option<Self> {
        match command {
            Command::Activate => Some(Self::Activate),
            Command::Precharge => Some(Self::Precharge),
            Command::Read | Command::ReadAuto => Some(Self::Read),
            Command::Write | Command::WriteAuto => Some(Self::Write),
            Command::RefreshAll => Some(Self::Refresh),
            _ => None,
        }
    }

    pub(super) const fn is_column(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

/// How far a wait reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Bank,
    Group,
    Rank,
}

/// A kind that waits after a command, where, and for how long.
#[derive(Clone, Copy, Debug)]
struct Wait {
    reach: Reach,
    kind: Kind,
    ticks: u64,
}

/// What a command of one kind demands of later ones.
#[derive(Clone, Debug, Default)]
struct Waits {
    /// What commands to its own rank, group and bank wait for.
    here: Vec<Wait>,
    /// What commands to the other ranks of the channel wait for.
    other_ranks: Vec<Wait>,
}

/// Whether a kind delays another one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delays {
    /// Whether it delays commands to the same bank.
    pub(super) own: bool,
    /// Whether it delays commands to other banks, by a gate.
    pub(super) others: bool,
}

impl Waits {
    fn delays(&self, kind: Kind) -> Delays {
        let here = |own: bool| {
            let mut of_kind = self.here.iter().filter(|wait| wait.kind == kind);
            of_kind.any(|wait| (wait.reach == Reach::Bank) == own)
        };
        Delays {
            own: here(true),
            others: here(false) || self.other_ranks.iter().any(|wait| wait.kind == kind),
        }
    }
}

/// The most bank groups that are told apart by their numbers.
pub(super) const GROUPS: usize = 8;

/// A bank group: its banks are behind the same gates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) banks: u64,
    pub(super) first: usize,
    pub(super) rank: usize,
}

/// The last four activates of a rank, as a ring.
#[derive(Clone, Copy, Debug, Default)]
struct FourActivates {
    /// When the window of each is over; 0 before there was one.
    over: [u64; 4],
    oldest: usize,
}

/// The earliest ticks of a channel's banks.
#[derive(Clone, Debug)]
pub(super) struct Gates {
    waits: [Waits; Kind::COUNT],
    four_activates: u64,
    delays: [[Delays; Kind::COUNT]; Kind::COUNT],
    /// What [`Self::distances`] returns for each kind.
    distances: [[u64; 3]; Kind::COUNT],
    /// Of each bank, by [`Reach`]: where in `times` those of the bank, of its group and of its rank
    /// begin.
    places: Vec<[u32; 3]>,
    /// The banks behind the same gates as a bank, by bank and kind.
    behind: Vec<[u64; Kind::COUNT]>,
    /// Earliest ticks by kind: of each bank, then of each group, then of each rank.
    times: Vec<u64>,
    first_rank: usize,
    windows: Vec<FourActivates>,
    groups: Vec<Group>,
    /// The group that each bank belongs to, indexed by bank.
    group_of: Vec<u8>,
}

/// What the rules between some commands demand, by kind, and the window of four activates.
fn waits(rules: &[Rule], commands: &[Command]) -> ([Waits; Kind::COUNT], u64) {
    let mut waits: [Waits; Kind::COUNT] = Default::default();
    let mut four_activates = 0;
    for rule in rules {
        let given = commands.contains(&rule.from) && commands.contains(&rule.to);
        let (Some(from), Some(kind)) = (Kind::of(rule.from), Kind::of(rule.to)) else {
            continue;
        };
        if !given || rule.cycles == 0 {
            continue;
        }
        if rule.window > 1 {
            four_activates = rule.cycles;
            continue;
        }
        let waits = &mut waits[from as usize];
        let wait = |reach| Wait {
            reach,
            kind,
            ticks: rule.cycles,
        };
        match rule.scope {
            Scope::Bank => waits.here.push(wait(Reach::Bank)),
            Scope::Group => waits.here.push(wait(Reach::Group)),
            Scope::Rank => waits.here.push(wait(Reach::Rank)),
            Scope::OtherRank => waits.other_ranks.push(wait(Reach::Rank)),
            Scope::Unit => {
                waits.here.push(wait(Reach::Rank));
                waits.other_ranks.push(wait(Reach::Rank));
            }
        }
    }
    (waits, four_activates)
}

/// For each kind, the banks that wait with a bank: those of its group where groups keep gates of
/// the kind, else those of its rank.
fn behind(shape: Shape, waits: &[Waits], bank: usize) -> [u64; Kind::COUNT] {
    let kept_by_groups = |kind: Kind| {
        let mut all = waits.iter().flat_map(|waits| &waits.here);
        all.any(|wait| wait.kind == kind && wait.reach == Reach::Group)
    };
    let mut behind = [0; Kind::COUNT];
    for kind in Kind::QUEUED {
        let count = if kept_by_groups(kind) {
            shape.banks
        } else {
            shape.banks_per_rank()
        };
        behind[kind as usize] = set_of_banks(bank - bank % count, count);
    }
    behind
}

/// A mask with a bit for each of `count` banks from `first` on.
const fn set_of_banks(first: usize, count: usize) -> u64 {
    (u64::MAX >> (64 - count)) << first
}

impl Gates {
    /// No command given yet. Of the rules, those between `commands` hold.
    pub(super) fn new(shape: Shape, rules: &[Rule], commands: &[Command]) -> Self {
        let (waits, four_activates) = waits(rules, commands);
        let mut delays: [_; Kind::COUNT] = waits
            .each_ref()
            .map(|waits| Kind::ALL.map(|kind| waits.delays(kind)));
        if four_activates > 0 {
            delays[Kind::Activate as usize][Kind::Activate as usize].others = true;
        }
        let distances = |kind| {
            let Waits { here, other_ranks } = &waits[kind as usize];
            let longest = |waits: &[Wait], reaches: &[Reach]| {
                let same = |wait: &&Wait| wait.kind == kind && reaches.contains(&wait.reach);
                let waits = waits.iter().filter(same);
                waits.map(|wait| wait.ticks).max().unwrap_or(0)
            };
            [
                longest(here, &[Reach::Group, Reach::Rank]),
                longest(here, &[Reach::Rank]),
                longest(other_ranks, &[Reach::Rank]),
            ]
        };
        let banks = shape.total_banks();
        let groups = shape.ranks * shape.groups;
        let group = |group| Group {
            banks: set_of_banks(group * shape.banks, shape.banks),
            first: group * shape.banks,
            rank: group / shape.groups,
        };
        let place = |bank| {
            let rank = bank / shape.banks_per_rank();
            let tables = [bank, banks + bank / shape.banks, banks + groups + rank];
            tables.map(|table| (table * Kind::COUNT) as u32)
        };
        Self {
            four_activates,
            delays,
            distances: Kind::ALL.map(distances),
            places: (0..banks).map(place).collect(),
            behind: (0..banks).map(|bank| behind(shape, &waits, bank)).collect(),
            times: vec![0; (banks + groups + shape.ranks) * Kind::COUNT],
            first_rank: (banks + groups) * Kind::COUNT,
            windows: vec![FourActivates::default(); shape.ranks],
            groups: if groups > GROUPS {
                Vec::new()
            } else {
                (0..groups).map(group).collect()
            },
            group_of: (0..banks).map(|bank| (bank / shape.banks) as u8).collect(),
            waits,
        }
    }

    #[inline]
    fn time(&self, kind: Kind, bank: usize, reach: Reach) -> u64 {
        self.times[self.places[bank][reach as usize] as usize + kind as usize]
    }

    /// What the bank's own past demands of a kind.
    #[inline]
    pub(super) fn own(&self, kind: Kind, bank: usize) -> u64 {
        self.time(kind, bank, Reach::Bank)
    }

    /// What its group and its rank demand.
    #[inline]
    pub(super) fn gate(&self, kind: Kind, bank: usize) -> u64 {
        let of_group = self.time(kind, bank, Reach::Group);
        of_group.max(self.time(kind, bank, Reach::Rank))
    }

    /// Before which tick no rank lets a kind pass.
    #[inline]
    pub(super) fn first(&self, kind: Kind) -> u64 {
        let ranks = self.times[self.first_rank..].iter();
        let of_kind = ranks.skip(kind as usize).step_by(Kind::COUNT);
        of_kind.copied().min().unwrap_or(0)
    }

    /// The banks of which [`Self::gate`] tells the same.
    #[inline]
    pub(super) fn behind(&self, kind: Kind, bank: usize) -> u64 {
        self.behind[bank][kind as usize]
    }

    /// The earliest tick of a kind to a bank; of a refresh, what this bank demands of it.
    #[inline]
    pub(super) fn earliest(&self, kind: Kind, bank: usize) -> u64 {
        self.own(kind, bank).max(self.gate(kind, bank))
    }

    /// For how long a command of a kind delays others of its kind: of the same group, of the
    /// same rank, and of other ranks.
    #[inline]
    pub(super) const fn distances(&self, kind: Kind) -> [u64; 3] {
        self.distances[kind as usize]
    }

    /// The bank groups; none if they are too many.
    #[inline]
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The number of a bank's group.
    #[inline]
    pub(super) fn group_of(&self, bank: usize) -> usize {
        usize::from(self.group_of[bank])
    }

    #[inline]
    pub(super) fn ranks(&self) -> usize {
        self.windows.len()
    }

    /// Whether a kind delays another one.
    #[inline]
    pub(super) const fn delays(&self, from: Kind, to: Kind) -> Delays {
        self.delays[from as usize][to as usize]
    }

    /// Takes note of a command to a bank (of a refresh, to any of its rank).
    #[inline]
    pub(super) fn issue(&mut self, kind: Kind, bank: usize, tick: u64) {
        let places = &self.places[bank];
        let waits = &self.waits[kind as usize];
        for wait in &waits.here {
            let earliest =
                &mut self.times[places[wait.reach as usize] as usize + wait.kind as usize];
            *earliest = (*earliest).max(tick + wait.ticks);
        }
        let rank = places[Reach::Rank as usize] as usize;
        if self.windows.len() > 1 {
            for other in (self.first_rank..self.times.len()).step_by(Kind::COUNT) {
                for wait in waits.other_ranks.iter().filter(|_| other != rank) {
                    let earliest = &mut self.times[other + wait.kind as usize];
                    *earliest = (*earliest).max(tick + wait.ticks);
                }
            }
        }
        if kind == Kind::Activate {
            let window = &mut self.windows[(rank - self.first_rank) / Kind::COUNT];
            window.over[window.oldest] = tick + self.four_activates;
            window.oldest = (window.oldest + 1) % 4;
            let earliest = &mut self.times[rank + kind as usize];
            *earliest = (*earliest).max(window.over[window.oldest]);
        }
    }
}

//! Refreshes: when they are due, the banks that they block, and their commands.

use crate::command::Command;
use crate::config::{Device, RefreshPolicy};
use crate::standard::Scope;
use crate::timing::Shape;

use super::{Controller, NEVER};

/// The cycles `[from, to)` in which a refresh held its banks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RefreshSpan {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// The banks that one all-bank refresh covers, all at once or some at a turn.
#[derive(Clone, Debug)]
struct Set {
    first_bank: usize,
    banks: usize,
    due: u64,
    owed: u32,
    /// The banks whose turn it is: the bank of this number, and every [`Refresh::turns`]th from it.
    turn: usize,
    /// The cycle since which a refresh has taken the banks, if one has.
    draining: Option<u64>,
    /// Whether it has taken all banks of the set.
    whole: bool,
    /// The last refresh, from when it took the banks until it gave them back.
    last: RefreshSpan,
}

#[derive(Clone, Debug)]
pub(super) struct Refresh {
    sets: Vec<Set>,
    per_bank: bool,
    /// The number of commands that refresh a set once.
    turns: usize,
    interval: u64,
    duration: u64,
    postpone: u32,
    /// The cycle at which the next refresh becomes owed.
    next_due: u64,
    /// The number of refreshes owed, over all sets.
    owed: u32,
}

/// A refresh-related command: to a set, and to a bank if it is not for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefreshCommand {
    set: usize,
    command: Command,
    bank: usize,
}

/// All that decides when the next refreshes go and where, as seen from one cycle.
#[derive(PartialEq, Eq)]
pub(super) struct RefreshState {
    /// Of each set: cycles until its next is due, refreshes owed, whose turn it is, whether one has
    /// taken its banks.
    sets: Vec<(u64, u32, usize, bool)>,
}

impl Refresh {
    pub(super) fn new(device: &Device, shape: Shape) -> Self {
        let policy = &device.policy;
        let per_bank = policy.refresh == RefreshPolicy::PerBank;
        let (interval, duration) = if per_bank {
            (device.timing("tREFI_pb"), device.timing("tRFC_pb"))
        } else {
            (device.timing("tREFI"), device.timing("tRFC_ab"))
        };
        let (sets, banks) = match device.standard.refresh.scope {
            Scope::Unit => (1, shape.total_banks()),
            _ => (shape.ranks, shape.banks_per_rank()),
        };
        let turns = if per_bank {
            device.standard.refresh.per_bank.turns(banks, shape.banks)
        } else {
            1
        };
        let sets: Vec<Set> = (0..sets)
            .map(|set| Set {
                first_bank: set * banks,
                banks,
                due: interval * (set as u64 + 1) / sets as u64,
                owed: 0,
                turn: 0,
                draining: None,
                whole: false,
                last: RefreshSpan::default(),
            })
            .collect();
        let off = policy.refresh == RefreshPolicy::Off;
        let soonest = sets.iter().map(|set| set.due).min();
        Self {
            next_due: if off { NEVER } else { soonest.unwrap_or(NEVER) },
            owed: 0,
            sets,
            per_bank,
            turns,
            interval,
            duration,
            postpone: policy.postpone,
        }
    }

    pub(super) const fn next_due(&self) -> u64 {
        self.next_due
    }

    /// Whether any refresh is owed.
    pub(super) const fn owed(&self) -> bool {
        self.owed > 0
    }

    /// Has the earliest due refresh be owed, and returns its set.
    fn note_due(&mut self) -> usize {
        let earliest = (0..self.sets.len()).min_by_key(|&set| self.sets[set].due);
        let earliest = earliest.unwrap_or(0);
        self.sets[earliest].due += self.interval;
        self.sets[earliest].owed += 1;
        self.owed += 1;
        let soonest = self.sets.iter().map(|set| set.due).min();
        self.next_due = soonest.unwrap_or(NEVER);
        earliest
    }

    /// Cycles after which every set has had all its turns; `None` where nothing is refreshed.
    pub(super) fn period(&self) -> Option<u64> {
        (self.next_due < NEVER).then(|| self.interval * self.turns as u64)
    }

    /// The number of refresh commands of a set in a period.
    pub(super) fn turns_of_period(&self) -> u64 {
        self.turns as u64
    }

    pub(super) fn seen_from(&self, cycle: u64) -> RefreshState {
        let seen = |set: &Set| {
            let due = set.due.saturating_sub(cycle);
            (due, set.owed, set.turn, set.draining.is_some())
        };
        RefreshState {
            sets: self.sets.iter().map(seen).collect(),
        }
    }

    /// Has everything happen so many cycles later.
    pub(super) fn shift(&mut self, cycles: u64) {
        self.next_due += cycles;
        for set in &mut self.sets {
            set.due += cycles;
            set.draining = set.draining.map(|since| since + cycles);
            set.last.from += cycles;
            set.last.to += cycles;
        }
    }

    fn set_of(&self, bank: usize) -> &Set {
        &self.sets[bank / self.sets[0].banks]
    }

    /// The banks that a set's refresh keeps from new work.
    fn kept(&self, set: usize) -> impl Iterator<Item = usize> + use<> {
        let Set {
            first_bank,
            banks,
            turn,
            whole,
            ..
        } = self.sets[set];
        let (turn, step) = if whole { (0, 1) } else { (turn, self.turns) };
        (first_bank + turn..first_bank + banks).step_by(step)
    }

    /// The banks that a set's refresh refreshes.
    fn taken(&self, set: usize) -> impl Iterator<Item = usize> + use<> {
        let set = &self.sets[set];
        (set.first_bank + set.turn..set.first_bank + set.banks).step_by(self.turns)
    }

    /// The last refresh that held a bank; an empty span at 0 if there was none.
    pub(super) fn last(&self, bank: usize) -> RefreshSpan {
        let set = self.set_of(bank);
        let last = (set.turn + self.turns - 1) % self.turns;
        if (bank - set.first_bank) % self.turns == last {
            set.last
        } else {
            RefreshSpan::default()
        }
    }
}

impl Controller {
    /// Has the earliest due refresh be owed. Activates of other banks can delay a refresh of
    /// single banks again and again: one that still waits when the next is due takes all banks.
    pub(super) fn note_refresh_due(&mut self) {
        let set = self.refresh.note_due();
        if self.refresh.sets[set].draining.is_some() {
            self.refresh.sets[set].whole = true;
            self.block_banks(set);
        }
    }

    /// The refresh command that can go first, among the sets whose refresh must go now.
    pub(super) fn next_refresh(&mut self) -> Option<(u64, RefreshCommand)> {
        let busy = self.busy();
        let mut best: Option<(u64, RefreshCommand)> = None;
        for index in 0..self.refresh.sets.len() {
            let set = &self.refresh.sets[index];
            if set.draining.is_none() {
                if set.owed == 0 || (busy && set.owed <= self.refresh.postpone) {
                    continue;
                }
                let since = (set.due - self.refresh.interval).max(self.buses.column_free);
                self.refresh.sets[index].draining = Some(since);
                self.block_banks(index);
            }
            let (command, bank) = self.refresh_command(index);
            let ready = if command == Command::Precharge {
                self.timing.earliest(command, bank)
            } else {
                let banks = self.refresh.taken(index);
                let ready = banks.map(|bank| self.timing.earliest(command, bank));
                ready.max().unwrap_or(0)
            };
            let cycle = ready.max(self.buses.row_free).max(self.decided);
            if best.is_none_or(|(at, _)| cycle < at) {
                let set = index;
                best = Some((cycle, RefreshCommand { set, command, bank }));
            }
        }
        best
    }

    /// Keeps the banks that a set's refresh takes from new work.
    fn block_banks(&mut self, set: usize) {
        for bank in self.refresh.kept(set) {
            self.banks[bank].blocked_by_refresh = true;
        }
        self.candidates.forget();
    }

    /// Opens the banks that a set's refresh took to new work again.
    fn release_banks(&mut self, set: usize) {
        for bank in self.refresh.kept(set) {
            self.banks[bank].blocked_by_refresh = false;
        }
        self.candidates.forget();
    }

    /// The command that a set's refresh needs next, and a bank that it goes to.
    fn refresh_command(&self, set: usize) -> (Command, usize) {
        let open = self.refresh.taken(set).find(|&bank| self.banks[bank].open);
        let Set {
            first_bank, turn, ..
        } = self.refresh.sets[set];
        match (self.refresh.per_bank, open) {
            (true, Some(bank)) => (Command::Precharge, bank),
            (true, None) => (Command::RefreshBank, first_bank + turn),
            (false, Some(_)) => (Command::PrechargeAll, first_bank),
            (false, None) => (Command::RefreshAll, first_bank),
        }
    }

    pub(super) fn issue_refresh(&mut self, cycle: u64, refresh: RefreshCommand) {
        let RefreshCommand { set, command, bank } = refresh;
        self.candidates.forget();
        if command == Command::RefreshBank {
            for bank in self.refresh.taken(set) {
                self.timing.issue(command, bank, cycle);
            }
        } else {
            self.timing.issue(command, bank, cycle);
        }
        self.take_row_bus(cycle, 1);
        self.note(cycle, command, bank, 0, 0);
        let counters = &mut self.account.counters;
        match command {
            Command::Precharge => {
                counters.precharges += 1;
                self.banks[bank].open = false;
            }
            Command::PrechargeAll => {
                counters.precharges_all += 1;
                let set = &self.refresh.sets[set];
                for bank in &mut self.banks[set.first_bank..set.first_bank + set.banks] {
                    bank.open = false;
                }
            }
            _ => {
                if command == Command::RefreshBank {
                    counters.bank_refreshes += 1;
                } else {
                    counters.refreshes += 1;
                }
                self.release_banks(set);
                self.refresh.sets[set].whole = false;
                self.refresh.owed -= 1;
                let duration = self.refresh.duration;
                let set = &mut self.refresh.sets[set];
                set.last = RefreshSpan {
                    from: set.draining.take().unwrap_or(cycle),
                    to: cycle + duration,
                };
                set.owed -= 1;
                set.turn = (set.turn + 1) % self.refresh.turns;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{run, violations};
    use super::*;
    use crate::config::{DramConfig, Page, Policy};

    #[test]
    fn activates_of_other_banks_do_not_keep_a_refresh_off_for_ever() {
        // Reads and writes by turns, each with an activate: the next one goes as soon as it can,
        // which is before a refresh can.
        let requests = [
            (0, 0, 1, false),
            (913, 112, 2567, true),
            (0, 0, 1, true),
            (1196, 152, 585, false),
        ];
        for preset in ["HBM2-2000", "DDR5-4800BN", "GDDR6-14000"] {
            let mut config = DramConfig::preset(preset, 1);
            config.policy = Policy {
                page: Page::Closed,
                window: 15,
                batch: 1,
                refresh: RefreshPolicy::PerBank,
                ..Policy::default()
            };
            let device = Device::new(&config).unwrap();
            let (commands, _, _) = run(&device, &requests, false);
            assert_eq!(violations(&device, &commands), Vec::<String>::new());
        }
    }
}

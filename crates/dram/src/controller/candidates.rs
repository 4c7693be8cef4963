//! What each bank of the window needs next: one command a bank.
//!
//! A bank whose open row a visit hits needs a column command for the oldest such visit; any other
//! needs an activate or a precharge for its oldest visit. What a row command changes is mended in
//! place; visits that come and go, turns and refreshes have all looked up again.

use crate::command::Command;
use crate::timing::Timing;

use super::{Controller, NEVER};

/// A visit whose row is open, the oldest of its bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Its place in the window.
    pub(super) index: u32,
    pub(super) bank: u32,
    /// Whether it passes an older visit to another row of the bank.
    pub(super) passes: bool,
}

/// A row command, and when it can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowCommand {
    pub(super) cycle: u64,
    pub(super) activate: bool,
    row: u32,
    bank: u32,
    /// The visit's place in the window.
    index: u32,
}

/// The needs of all banks of the window, by the age of their visits.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    valid: bool,
    pub(super) hits: Vec<Hit>,
    rows: Vec<RowCommand>,
    /// Counts look-ups; marks the banks that one has met.
    look_up: u64,
}

/// Which row commands of other banks wait for a row command.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowSpacing {
    /// After an activate: activates, precharges.
    activate: [bool; 2],
    /// After a precharge: activates, precharges.
    precharge: [bool; 2],
}

impl RowSpacing {
    pub(super) fn of(timing: &Timing) -> Self {
        let kinds = [Command::Activate, Command::Precharge];
        Self {
            activate: kinds.map(|to| timing.spaces_others(Command::Activate, to)),
            precharge: kinds.map(|to| timing.spaces_others(Command::Precharge, to)),
        }
    }
}

/// Marks of a bank that a look-up has met.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    /// A visit, and a visit that its row serves.
    any: u64,
    hit: u64,
}

const fn row_kind(activate: bool) -> Command {
    if activate {
        Command::Activate
    } else {
        Command::Precharge
    }
}

impl Candidates {
    /// Visits came or went, the direction turned, or a refresh changed banks.
    pub(super) fn forget(&mut self) {
        self.valid = false;
    }

    /// The oldest activate or precharge among those that can go first, by its place.
    pub(super) fn next_row(&self, free: u64) -> Option<(u64, usize)> {
        let mut best = None;
        let mut best_at = NEVER;
        for (at, command) in self.rows.iter().enumerate() {
            let cycle = command.cycle.max(free);
            if cycle < best_at {
                best_at = cycle;
                best = Some((cycle, at));
                if cycle == free {
                    break;
                }
            }
        }
        best
    }
}

impl Controller {
    /// Looks candidates up, unless they are known.
    pub(super) fn find_candidates(&mut self) {
        if self.candidates.valid && !self.plain {
            return;
        }
        let Candidates {
            valid,
            hits,
            rows,
            look_up,
        } = &mut self.candidates;
        *valid = true;
        *look_up += 1;
        hits.clear();
        rows.clear();
        let visits = &self.queues[self.direction as usize].visits;
        for (index, visit) in visits.iter().enumerate() {
            let bank = &mut self.banks[visit.bank];
            let first = bank.met.any != *look_up;
            let hit = bank.open && bank.row == visit.row;
            if hit && bank.met.hit != *look_up && (first || bank.hits < self.numbers.row_hits) {
                bank.met.hit = *look_up;
                if !bank.held {
                    hits.push(Hit {
                        index: index as u32,
                        bank: visit.bank as u32,
                        passes: !first,
                    });
                }
            }
            bank.met.any = *look_up;
        }
        for (index, visit) in visits.iter().enumerate() {
            let bank = &mut self.banks[visit.bank];
            if bank.met.hit == *look_up {
                continue;
            }
            // The bank is done with.
            bank.met.hit = *look_up;
            if !bank.held {
                rows.push(RowCommand {
                    cycle: self.timing.earliest(row_kind(!bank.open), visit.bank),
                    activate: !bank.open,
                    row: visit.row,
                    bank: visit.bank as u32,
                    index: index as u32,
                });
            }
        }
    }

    /// Gives a row command.
    pub(super) fn give_row(&mut self, cycle: u64, at: usize) {
        let RowCommand {
            activate,
            row,
            bank,
            index,
            ..
        } = self.candidates.rows[at];
        let bank = bank as usize;
        let spacing = if activate {
            self.activate(cycle, bank, row);
            self.candidates.rows.remove(at);
            let hits = &mut self.candidates.hits;
            let place = hits.partition_point(|hit| hit.index < index);
            hits.insert(
                place,
                Hit {
                    index,
                    bank: bank as u32,
                    passes: false,
                },
            );
            self.row_spacing.activate
        } else {
            self.precharge(cycle, bank);
            let command = &mut self.candidates.rows[at];
            command.activate = true;
            command.cycle = self.timing.earliest(Command::Activate, bank);
            self.row_spacing.precharge
        };
        for command in &mut self.candidates.rows {
            if spacing[usize::from(!command.activate)] {
                let kind = row_kind(command.activate);
                command.cycle = self.timing.earliest(kind, command.bank as usize);
            }
        }
    }

    fn precharge(&mut self, cycle: u64, bank: usize) {
        self.timing.issue(Command::Precharge, bank, cycle);
        self.take_row_bus(cycle, 1);
        let state = &mut self.banks[bank];
        state.open = false;
        state.wait_from = cycle;
        self.account.counters.precharges += 1;
        self.note(cycle, Command::Precharge, bank, 0, 0);
    }

    fn activate(&mut self, cycle: u64, bank: usize, row: u32) {
        self.timing.issue(Command::Activate, bank, cycle);
        self.take_row_bus(cycle, self.numbers.activate_bus);
        let precharge = self.timing_since_precharge(bank, cycle);
        let state = &mut self.banks[bank];
        state.open = true;
        state.row = row;
        state.hits = 0;
        state.wait_from = precharge;
        self.account.counters.activates += 1;
        self.note(cycle, Command::Activate, bank, row, 0);
        if self.numbers.data_clock.is_some() {
            self.note(cycle + 1, Command::Activate2, bank, row, 0);
        }
    }

    /// The bank's precharge, if the activate followed as soon as it could; else the activate.
    fn timing_since_precharge(&self, bank: usize, cycle: u64) -> u64 {
        let state = &self.banks[bank];
        if state.wait_from > 0 && cycle - state.wait_from <= 2 * (self.numbers.precharge + 1) {
            state.wait_from
        } else {
            cycle
        }
    }

    pub(super) fn take_row_bus(&mut self, cycle: u64, cycles: u64) {
        self.row_bus = cycle + cycles;
        if !self.numbers.two_buses {
            self.column_bus = self.row_bus;
        }
    }
}

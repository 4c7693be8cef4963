//! Activates and precharges.

use crate::command::Command;

use super::{Controller, NEVER};

/// What the row bus could carry next; looked up again only when something changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    valid: bool,
    commands: Vec<RowCommand>,
}

impl Rows {
    /// Something changed: a row command, a visit's end, a new visit, a turn, a refresh.
    pub(super) fn forget(&mut self) {
        self.valid = false;
    }
}

/// A row command, and when it can go.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowCommand {
    pub(super) cycle: u64,
    activate: bool,
    bank: usize,
    row: u32,
}

impl Controller {
    /// The oldest activate or precharge among those that can go first.
    pub(super) fn next_row(&mut self) -> Option<RowCommand> {
        if !self.rows.valid {
            self.look_up_rows();
        }
        let free = self.row_bus.max(self.decided);
        let mut best: Option<RowCommand> = None;
        let mut best_at = NEVER;
        for command in &self.rows.commands {
            let cycle = command.cycle.max(free);
            if cycle < best_at {
                best_at = cycle;
                best = Some(RowCommand { cycle, ..*command });
                if cycle == free {
                    break;
                }
            }
        }
        best
    }

    /// What each visit's bank needs, oldest visit first. Column commands change nothing of it, but
    /// the last of a visit.
    fn look_up_rows(&mut self) {
        let queue = &self.queues[self.direction as usize];
        self.rows.valid = true;
        self.rows.commands.clear();
        // Banks that an older visit has claimed, and banks whose open row a visit still hits.
        let mut claimed = 0u128;
        let mut hit = 0u128;
        for visit in &queue.visits {
            let bank = &self.banks[visit.bank];
            let bit = 1 << visit.bank;
            let hits = bank.open && bank.row == visit.row;
            if hits && (claimed & bit == 0 || bank.hits < self.numbers.row_hits) {
                hit |= bit;
            }
            claimed |= bit;
        }
        claimed = hit;
        for visit in &queue.visits {
            let bit = 1 << visit.bank;
            if claimed & bit != 0 || self.held(visit.bank) {
                continue;
            }
            claimed |= bit;
            let activate = !self.banks[visit.bank].open;
            let command = if activate {
                Command::Activate
            } else {
                Command::Precharge
            };
            self.rows.commands.push(RowCommand {
                cycle: self.timing.earliest(command, visit.bank),
                activate,
                bank: visit.bank,
                row: visit.row,
            });
        }
    }

    pub(super) fn give_row(&mut self, command: RowCommand) {
        let RowCommand {
            cycle, bank, row, ..
        } = command;
        self.rows.forget();
        if command.activate {
            self.activate(cycle, bank, row);
        } else {
            self.timing.issue(Command::Precharge, bank, cycle);
            self.take_row_bus(cycle, 1);
            let state = &mut self.banks[bank];
            state.open = false;
            state.wait_from = cycle;
            self.account.counters.precharges += 1;
            self.note(cycle, Command::Precharge, bank, 0, 0);
        }
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

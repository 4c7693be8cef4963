//! Refreshes: requests of the priority buffer, each for all banks of a rank or pseudo channel.

use dram::Direction;
use dram::command::Command;

use super::{Channel, Entry, NEVER};

impl Channel {
    /// Each rank, or pseudo channel, is to be refreshed.
    pub(super) fn queue_refreshes(&mut self, tick: u64) {
        self.next_refresh += self.refresh_interval.unwrap_or(NEVER - tick);
        let ranks = if self.kind.two_buses() {
            1
        } else {
            self.shape.ranks
        };
        for unit in 0..self.units.len() {
            for rank in 0..ranks {
                self.priority.push_back((unit, rank));
            }
        }
    }

    /// The command that the oldest refresh needs, and when it can go; never while it would close a
    /// bank with an active request.
    pub(super) fn refresh_command(&self, tick: u64) -> Option<(Command, u64)> {
        let &(unit, rank) = self.priority.front()?;
        let banks = self.refreshed_banks(rank);
        let state = &self.units[unit];
        let open = banks.clone().any(|bank| state.banks[bank].row.is_some());
        let command = if open {
            Command::PrechargeAll
        } else {
            Command::RefreshAll
        };
        if open && banks.clone().any(|bank| state.banks[bank].active > 0) {
            return Some((command, NEVER));
        }
        let ready = banks.map(|bank| state.timing.earliest(command, bank)).max();
        let free = ready.unwrap_or(0).max(tick).max(self.row_bus_free);
        Some((command, self.on_edge(command, unit, free)))
    }

    fn refreshed_banks(&self, rank: usize) -> std::ops::Range<usize> {
        if self.kind.two_buses() {
            0..self.shape.total_banks()
        } else {
            let per_rank = self.shape.banks_per_rank();
            rank * per_rank..(rank + 1) * per_rank
        }
    }

    pub(super) fn issue_refresh(&mut self, command: Command, tick: u64) {
        let Some(&(unit, rank)) = self.priority.front() else {
            return;
        };
        let banks = self.refreshed_banks(rank);
        let bank = banks.start;
        self.units[unit].timing.issue(command, bank, tick);
        if command == Command::PrechargeAll {
            for bank in banks {
                self.units[unit].banks[bank].row = None;
            }
        } else {
            self.priority.pop_front();
        }
        let entry = Entry {
            burst: 0,
            accepted: 0,
            unit,
            bank,
            row: 0,
            column: 0,
            direction: Direction::Read,
        };
        self.note(tick, command, &entry);
    }
}

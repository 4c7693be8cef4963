//! Column commands, one by one.

use crate::command::Command;
use crate::config::Page;
use crate::vocabulary::Direction;

use super::account::Held;
use super::{Controller, NEVER};

/// The next column command: of a hit, by its place among the candidates.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnCommand {
    pub(super) cycle: u64,
    pub(super) at: usize,
}

impl Controller {
    pub(super) fn column_kind(&self) -> Command {
        match self.direction {
            Direction::Read => Command::Read,
            Direction::Write => Command::Write,
        }
    }

    pub(super) fn data_latency(&self) -> u64 {
        match self.direction {
            Direction::Read => self.numbers.read_latency,
            Direction::Write => self.numbers.write_latency,
        }
    }

    /// The first cycle at which the buses are free for a column command.
    pub(super) fn column_free(&self) -> u64 {
        let bus = self.account.bus_end.saturating_sub(self.data_latency());
        self.column_bus.max(self.decided).max(bus)
    }

    /// The oldest column command among those that can go first.
    #[inline]
    pub(super) fn next_column(&self) -> Option<ColumnCommand> {
        let (at, cycle) = self.candidates.next_hit(self.column_free());
        (cycle < NEVER).then_some(ColumnCommand { cycle, at })
    }

    /// Gives one column command, with all that it can change.
    pub(super) fn give_column(&mut self, column: ColumnCommand) {
        let hit = self.candidates.hits[column.at];
        if hit.count > 0 {
            self.settle(column.at);
        }
        let index = hit.index as usize;
        let visit = self.queues[self.direction as usize].visits[index];
        let latency = self.data_latency();
        let mut cycle = column.cycle;
        if let Some(runs_on) = self.numbers.data_clock {
            if cycle > self.data_clock_until || self.data_clock_until == 0 {
                let start = match self.direction {
                    Direction::Read => Command::CasRead,
                    Direction::Write => Command::CasWrite,
                };
                self.note(cycle, start, visit.bank, visit.row, 0);
                cycle += 1;
            }
            self.data_clock_until = cycle + latency + self.numbers.burst + runs_on;
        }
        self.decided = column.cycle;
        let data = cycle + latency;
        self.account_for(visit.bank, cycle, data);
        let close = visit.left == 1 && self.closes(index);
        let command = match (self.direction, close) {
            (Direction::Read, false) => Command::Read,
            (Direction::Read, true) => Command::ReadAuto,
            (Direction::Write, false) => Command::Write,
            (Direction::Write, true) => Command::WriteAuto,
        };
        if close && hit.count > 0 {
            // Else this command binds later ones longer than those before it.
            self.timing.issue(self.column_kind(), visit.bank, hit.last);
        }
        self.timing.issue(command, visit.bank, cycle);
        let spacing = self.numbers.spacing[self.direction as usize];
        self.candidates.space(column.at, cycle, spacing);
        self.column_bus = cycle + 1;
        if !self.numbers.two_buses {
            self.row_bus = self.column_bus;
        }
        self.note(cycle, command, visit.bank, visit.row, visit.column);
        let bank = &mut self.banks[visit.bank];
        bank.hits += 1;
        if close {
            bank.open = false;
            bank.wait_from = cycle;
        }
        let (miss, capped) = (bank.hits == 1, bank.hits == self.numbers.row_hits);
        if close {
            self.settle_all();
            self.candidates.forget();
        }
        self.count(miss, 1);
        let known = self.queues[self.direction as usize].visits.len() - 1;
        self.finish(index, 1, data);
        if close {
            return;
        }
        if visit.left == 1 {
            self.replace_visit(column.at, known);
        } else if hit.passes && capped {
            self.end_passing(column.at);
        } else {
            let visit = &self.queues[self.direction as usize].visits[index];
            self.candidates.hits[column.at].room = self.train_room(visit, hit.passes);
        }
    }

    /// Whether the visit's last command closes the row.
    fn closes(&self, index: usize) -> bool {
        match self.policy.page {
            Page::Open { .. } => false,
            Page::Closed => true,
            Page::Adaptive { .. } => {
                let visit = self.queues[self.direction as usize].visits[index];
                let hits = |queue: &super::Queue| {
                    queue
                        .visits
                        .iter()
                        .filter(|other| other.bank == visit.bank && other.row == visit.row)
                        .count()
                };
                self.queues.iter().map(hits).sum::<usize>() == 1
            }
        }
    }

    fn account_for(&mut self, bank: usize, cycle: u64, data: u64) {
        let turns = self
            .account
            .last_direction
            .is_some_and(|last| last != self.direction);
        let turnaround = match self.direction {
            Direction::Read => self.numbers.to_read,
            Direction::Write => self.numbers.to_write,
        };
        let state = &self.banks[bank];
        let opened = state.hits == 0;
        let held = Held {
            data,
            refresh: if opened {
                self.refresh.last(bank)
            } else {
                (0, 0)
            },
            turnaround: if turns { turnaround } else { 0 },
            row_wait: if opened { cycle - state.wait_from } else { 0 },
        };
        self.account.gap(&held);
        self.account.last_direction = Some(self.direction);
        self.account
            .moved(data, self.numbers.burst, 1, self.numbers.burst);
    }

    pub(super) fn count(&mut self, miss: bool, bursts: u64) {
        let counters = &mut self.account.counters;
        match self.direction {
            Direction::Read => counters.reads += bursts,
            Direction::Write => counters.writes += bursts,
        }
        counters.bytes += bursts * self.numbers.access_bytes;
        counters.row_misses += u64::from(miss);
        counters.row_hits += bursts - u64::from(miss);
        self.served += bursts;
        self.queues[self.direction as usize].bursts -= bursts;
    }

    fn finish(&mut self, index: usize, bursts: u32, first_data: u64) {
        let queue = &mut self.queues[self.direction as usize];
        if let Some(finished) = queue.issued(index, bursts, first_data, &self.geometry) {
            self.account.finish(finished);
        }
    }
}

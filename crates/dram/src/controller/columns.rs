//! Column commands, one by one.

use crate::command::Command;
use crate::config::Page;
use crate::vocabulary::Direction;

use super::account::BurstDelay;
use super::candidates::Precedence;
use super::queue::Visit;
use super::refresh::RefreshSpan;
use super::{Controller, NEVER};

/// The next column command: its cycle, and the place of its hit among the candidates.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnCommand {
    pub(super) cycle: u64,
    pub(super) at: usize,
}

/// Bursts by whether their column command found its row in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct BurstCounts {
    /// Bursts that were not the first of their open row.
    pub(super) row_hits: u64,
    /// Bursts that were the first of their open row.
    pub(super) row_misses: u64,
}

impl Controller {
    pub(super) fn column_kind(&self) -> Command {
        match self.turn.direction {
            Direction::Read => Command::Read,
            Direction::Write => Command::Write,
        }
    }

    pub(super) fn data_latency(&self) -> u64 {
        match self.turn.direction {
            Direction::Read => self.device.read_latency,
            Direction::Write => self.device.write_latency,
        }
    }

    /// The first cycle at which the buses are free for a column command.
    pub(super) fn column_free(&self) -> u64 {
        let bus = self.account.bus_end.saturating_sub(self.data_latency());
        self.buses.column_free.max(self.decided).max(bus)
    }

    /// The oldest column command among those that can go first.
    #[inline]
    pub(super) fn next_column(&self) -> Option<ColumnCommand> {
        let (at, cycle) = self.candidates.next_hit(self.column_free());
        (cycle < NEVER).then_some(ColumnCommand { cycle, at })
    }

    /// Issues one column command and applies all that it changes.
    pub(super) fn issue_column(&mut self, column: ColumnCommand) {
        let hit = self.candidates.hits[column.at];
        if hit.count > 0 {
            self.settle(column.at);
        }
        let index = hit.index as usize;
        let visit = self.queues[self.turn.direction as usize].visits[index];
        let cycle = self.start_data_clock(column.cycle, &visit);
        self.decided = column.cycle;
        let data = cycle + self.data_latency();
        self.account_for(visit.bank, cycle, data);
        let close = visit.left == 1 && self.closes(index);
        let command = match (self.turn.direction, close) {
            (Direction::Read, false) => Command::Read,
            (Direction::Read, true) => Command::ReadAuto,
            (Direction::Write, false) => Command::Write,
            (Direction::Write, true) => Command::WriteAuto,
        };
        if close && hit.count > 0 {
            // Unless the row is closed, this command binds later ones longer than those before it.
            self.timing.issue(self.column_kind(), visit.bank, hit.last);
        }
        self.timing.issue(command, visit.bank, cycle);
        let spacing = self.device.spacing[self.turn.direction as usize];
        self.candidates.space(column.at, cycle, spacing);
        self.take_column_bus(cycle);
        self.note(cycle, command, visit.bank, visit.row, visit.column);
        let bank = &mut self.banks[visit.bank];
        bank.hits += 1;
        let (miss, capped) = (bank.hits == 1, bank.hits == self.device.row_hits);
        if close {
            bank.open = false;
            bank.wait_from = cycle;
            self.settle_all();
            self.candidates.forget();
        }
        self.count(BurstCounts {
            row_hits: u64::from(!miss),
            row_misses: u64::from(miss),
        });
        let known = self.queues[self.turn.direction as usize].visits.len() - 1;
        self.finish(index, 1, data);
        if close {
            return;
        }
        if visit.left == 1 {
            self.replace_visit(column.at, known);
        } else if hit.precedence == Precedence::PassesOlder && capped {
            self.end_passing(column.at);
        } else {
            let visit = &self.queues[self.turn.direction as usize].visits[index];
            self.candidates.hits[column.at].budget = self.train_budget(visit, hit.precedence);
        }
    }

    /// Has LPDDR5's data clock run for a column command that can go at `cycle`. Returns the cycle
    /// at which it goes, which is later if the clock must be started by a command before it.
    fn start_data_clock(&mut self, mut cycle: u64, visit: &Visit) -> u64 {
        let Some(runs_on) = self.device.data_clock else {
            return cycle;
        };
        if cycle > self.buses.data_clock_until || self.buses.data_clock_until == 0 {
            let start = match self.turn.direction {
                Direction::Read => Command::CasRead,
                Direction::Write => Command::CasWrite,
            };
            self.note(cycle, start, visit.bank, visit.row, 0);
            cycle += 1;
        }
        self.buses.data_clock_until = cycle + self.data_latency() + self.device.burst + runs_on;
        cycle
    }

    /// Occupies the column bus for a command at `cycle`, and the row bus where they are one.
    pub(super) fn take_column_bus(&mut self, cycle: u64) {
        self.buses.column_free = cycle + 1;
        if !self.device.two_buses {
            self.buses.row_free = self.buses.column_free;
        }
    }

    /// Whether the visit's last command closes the row.
    fn closes(&self, index: usize) -> bool {
        match self.policy.page {
            Page::Open { .. } => false,
            Page::Closed => true,
            Page::Adaptive { .. } => {
                let visit = self.queues[self.turn.direction as usize].visits[index];
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
            .is_some_and(|last| last != self.turn.direction);
        let turnaround = match self.turn.direction {
            Direction::Read => self.device.to_read,
            Direction::Write => self.device.to_write,
        };
        let state = &self.banks[bank];
        let opened = state.hits == 0;
        let delay = BurstDelay {
            data,
            refresh: if opened {
                self.refresh.last(bank)
            } else {
                RefreshSpan::default()
            },
            turnaround: if turns { turnaround } else { 0 },
            row_wait: if opened { cycle - state.wait_from } else { 0 },
        };
        self.account.gap(&delay);
        self.account.last_direction = Some(self.turn.direction);
        self.account
            .moved(data, self.device.burst, 1, self.device.burst);
    }

    /// Counts bursts whose column commands have been issued in the present direction.
    pub(super) fn count(&mut self, counts: BurstCounts) {
        let bursts = counts.row_hits + counts.row_misses;
        let counters = &mut self.account.counters;
        match self.turn.direction {
            Direction::Read => counters.reads += bursts,
            Direction::Write => counters.writes += bursts,
        }
        counters.bytes += bursts * self.device.access_bytes;
        counters.row_misses += counts.row_misses;
        counters.row_hits += counts.row_hits;
        self.turn.served += bursts;
        self.queues[self.turn.direction as usize].bursts -= bursts;
    }

    fn finish(&mut self, index: usize, bursts: u32, first_data: u64) {
        let queue = &mut self.queues[self.turn.direction as usize];
        if let Some(finished) = queue.issued(index, bursts, first_data, &self.geometry) {
            self.account.finish(finished);
        }
    }
}

//! Column commands: one by one, in runs between row commands, and in rounds that repeat.

use crate::command::Command;
use crate::config::Page;
use crate::memory::Direction;

use super::account::Held;
use super::{Controller, Log, NEVER};

/// The next column command: of a visit, by its place in the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnCommand {
    pub(super) cycle: u64,
    index: usize,
}

/// Column commands of one round at most; longer rounds are given one by one.
const MOST_LANES: usize = 16;

/// The last column commands of a run, to see when their pattern repeats.
#[derive(Clone, Copy, Debug, Default)]
struct Pattern {
    /// Which visit, and when; the newest last.
    last: [(usize, u64); 2 * MOST_LANES],
    length: usize,
}

impl Pattern {
    fn push(&mut self, index: usize, cycle: u64) {
        if self.length == self.last.len() {
            self.last.copy_within(1.., 0);
            self.length -= 1;
        }
        self.last[self.length] = (index, cycle);
        self.length += 1;
    }

    /// How many commands make a round, and its cycles, if the last round repeated the one before
    /// it. A command before the first round shows that nothing else was different.
    fn round(&self) -> Option<(usize, u64)> {
        let last = &self.last[..self.length];
        let (newest, _) = *last.last()?;
        let lanes = last
            .iter()
            .rev()
            .skip(1)
            .position(|(index, _)| *index == newest)?
            + 1;
        if 2 * lanes > last.len() {
            return None;
        }
        let (before, after) = last[last.len() - 2 * lanes..].split_at(lanes);
        let period = after[0].1 - before[0].1;
        let repeats = before
            .iter()
            .zip(after)
            .all(|(b, a)| b.0 == a.0 && a.1 - b.1 == period);
        repeats.then_some((lanes, period))
    }
}

impl Controller {
    fn column_kind(&self) -> Command {
        match self.direction {
            Direction::Read => Command::Read,
            Direction::Write => Command::Write,
        }
    }

    fn data_latency(&self) -> u64 {
        match self.direction {
            Direction::Read => self.numbers.read_latency,
            Direction::Write => self.numbers.write_latency,
        }
    }

    /// The oldest column command among those that can go first.
    pub(super) fn next_column(&self) -> Option<ColumnCommand> {
        let queue = &self.queues[self.direction as usize];
        let command = self.column_kind();
        let bus = self.account.bus_end.saturating_sub(self.data_latency());
        let free = self.column_bus.max(self.decided).max(bus);
        let mut passed = 0u128;
        let mut best = None;
        let mut best_at = NEVER;
        for (index, visit) in queue.visits.iter().enumerate() {
            let bank = &self.banks[visit.bank];
            let first = passed >> visit.bank & 1 == 0;
            if bank.open && bank.row == visit.row {
                if (first || bank.hits < self.numbers.row_hits) && !self.held(visit.bank) {
                    let cycle = self.timing.earliest(command, visit.bank).max(free);
                    if cycle < best_at {
                        best_at = cycle;
                        best = Some(ColumnCommand { cycle, index });
                        if cycle == free {
                            break;
                        }
                    }
                }
            } else {
                passed |= 1 << visit.bank;
            }
        }
        best
    }

    /// Gives a column command and those that follow it before `horizon`, as long as nothing but
    /// column commands can go.
    pub(super) fn give_columns(&mut self, first: ColumnCommand, horizon: u64) {
        let mut pattern = Pattern::default();
        let mut next = first;
        loop {
            let budget = self.turn_after();
            let (cycle, window_changes) = self.give_column(next);
            if self.plain || window_changes || budget <= 1 {
                return;
            }
            pattern.push(next.index, cycle);
            if let Some((lanes, period)) = pattern.round() {
                self.repeat(&pattern, lanes, period, horizon);
                pattern = Pattern::default();
                if self.turn_after() == 0 {
                    return;
                }
            }
            match self.next_column() {
                Some(column) if column.cycle < horizon => next = column,
                _ => return,
            }
        }
    }

    /// Gives one column command; returns its cycle, and whether its visit ended or its row may no
    /// longer be hit, so that row commands have to be looked at again.
    fn give_column(&mut self, column: ColumnCommand) -> (u64, bool) {
        let visit = self.queues[self.direction as usize].visits[column.index];
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
        let close = visit.left == 1 && self.closes(column.index);
        let command = match (self.direction, close) {
            (Direction::Read, false) => Command::Read,
            (Direction::Read, true) => Command::ReadAuto,
            (Direction::Write, false) => Command::Write,
            (Direction::Write, true) => Command::WriteAuto,
        };
        self.timing.issue(command, visit.bank, cycle);
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
        let capped = bank.hits == self.numbers.row_hits;
        let miss = bank.hits == 1;
        self.count(miss, 1);
        self.finish(column.index, 1, data);
        (cycle, visit.left == 1 || capped)
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

    fn count(&mut self, miss: bool, bursts: u64) {
        let counters = &mut self.account.counters;
        match self.direction {
            Direction::Read => counters.reads += bursts,
            Direction::Write => counters.writes += bursts,
        }
        counters.bytes += bursts * self.numbers.access_bytes;
        counters.row_misses += u64::from(miss);
        counters.row_hits += bursts - u64::from(miss);
        self.served += bursts;
    }

    fn finish(&mut self, index: usize, bursts: u32, first_data: u64) {
        let queue = &mut self.queues[self.direction as usize];
        if let Some(finished) = queue.issued(index, bursts, first_data, &self.geometry) {
            self.account.finish(finished);
        }
    }

    /// Gives as many further rounds of a repeating pattern as nothing can disturb: no visit ends,
    /// no row reaches its cap, no other row becomes ready, the direction does not turn, and all
    /// commands are before `horizon`.
    fn repeat(&mut self, pattern: &Pattern, lanes: usize, period: u64, horizon: u64) {
        let round = &pattern.last[pattern.length - lanes..pattern.length];
        let command = self.column_kind();
        let queue = &self.queues[self.direction as usize];
        let newest = round[lanes - 1].1;
        let shape = self.timing.shape();
        let mut lane_groups = 0u128;
        let mut lane_ranks = 0u128;
        for (index, _) in round {
            let bank = queue.visits[*index].bank;
            lane_groups |= 1 << (bank / shape.banks);
            lane_ranks |= 1 << (bank / shape.banks_per_rank());
        }
        let mut horizon = horizon;
        let mut rounds = self.turn_after().saturating_sub(1) / lanes as u64;
        for (index, visit) in queue.visits.iter().enumerate() {
            let bank = &self.banks[visit.bank];
            if round.iter().any(|(lane, _)| *lane == index) {
                rounds = rounds.min(u64::from(visit.left - 1));
                let cap = self.numbers.row_hits.saturating_sub(bank.hits + 1);
                rounds = rounds.min(u64::from(cap) / lanes as u64);
            } else if bank.open && bank.row == visit.row {
                // It may become ready in the middle of the rounds, unless it was ready before the
                // round that repeated. Places that the rounds themselves visit are ready but for
                // the rounds' own commands, which move with them.
                let path = self.timing.earliest_by_level(command, visit.bank);
                let mut ready = path[0];
                if lane_groups >> (visit.bank / shape.banks) & 1 == 0 {
                    ready = ready.max(path[1]);
                }
                if lane_ranks >> (visit.bank / shape.banks_per_rank()) & 1 == 0 {
                    ready = ready.max(path[2]);
                }
                if ready > pattern.last[pattern.length - 2 * lanes].1 {
                    horizon = horizon.min(ready);
                }
            }
        }
        if horizon <= newest {
            return;
        }
        rounds = rounds.min((horizon - 1 - newest) / period);
        if rounds == 0 {
            return;
        }
        let round: Vec<(usize, u64)> = round.to_vec();
        self.note_rounds(&round, period, rounds);
        self.give_rounds(&round, period, rounds, command);
    }

    fn give_rounds(&mut self, round: &[(usize, u64)], period: u64, rounds: u64, command: Command) {
        let latency = self.data_latency();
        let span = period * rounds;
        for &(index, cycle) in round {
            let visit = self.queues[self.direction as usize].visits[index];
            // Only the last of equal commands at equal distances binds later ones.
            self.timing.issue(command, visit.bank, cycle + span);
            let data = cycle + period + latency;
            self.queues[self.direction as usize].issued(index, rounds as u32, data, &self.geometry);
            self.banks[visit.bank].hits += rounds as u32;
        }
        let newest = round[round.len() - 1].1 + span;
        self.count(false, rounds * round.len() as u64);
        self.account.moved(
            self.account.bus_end,
            span,
            rounds * round.len() as u64,
            self.numbers.burst,
        );
        self.decided = newest;
        self.column_bus = newest + 1;
        if !self.numbers.two_buses {
            self.row_bus = self.column_bus;
        }
        if let Some(runs_on) = self.numbers.data_clock {
            self.data_clock_until = newest + latency + self.numbers.burst + runs_on;
        }
    }

    fn note_rounds(&mut self, round: &[(usize, u64)], period: u64, rounds: u64) {
        let command = self.column_kind();
        // Every round is the one before, moved on: the checker sees the first and the last.
        let step = match self.log {
            Log::Off => return,
            Log::Record(_) => 1,
            Log::Check(_) => (rounds - 1).max(1),
        };
        for turn in (1..=rounds).step_by(step as usize) {
            for &(index, cycle) in round {
                let visit = self.queues[self.direction as usize].visits[index];
                let column = visit.column + (turn - 1) as u32;
                let at = cycle + turn * period;
                self.note(at, command, visit.bank, visit.row, column);
            }
        }
    }
}

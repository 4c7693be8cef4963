//! Trains of column commands: runs of row hits, decided in one go.
//!
//! Column commands that are neither the first of their row nor the last of their visit change only
//! the distances to the next ones. A train keeps those, and tells the queue and the timing of the
//! commands of each hit at once, when something else asks. Once its commands repeat with a period,
//! all further rounds up to the next event are one jump.

use super::account::Held;
use super::candidates::{Candidates, Hit};
use super::columns::ColumnCommand;
use super::queue::Visit;
use super::{Controller, Log, NEVER};

/// Least distances of column commands of one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    pub(super) group: u64,
    pub(super) rank: u64,
    pub(super) other_rank: u64,
}

/// How regularly the last commands of trains came.
///
/// A round is as many commands as lie between two of a hit. It repeats if each of its commands
/// followed, at the same distance, the one of the same hit a round before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rhythm {
    /// Commands given.
    given: u64,
    /// Those before this one do not count: something else happened since.
    base: u64,
    /// Commands of the round, and its length in cycles.
    commands: u64,
    period: u64,
    /// Commands in a row that repeated one of the round before.
    repeats: u64,
}

impl Rhythm {
    /// Something else than the commands of trains had an influence.
    pub(super) fn forget(&mut self) {
        self.base = self.given;
        self.repeats = 0;
    }

    #[inline]
    fn note(&mut self, hit: &mut Hit, cycle: u64) {
        self.given += 1;
        if hit.number <= self.base {
            self.repeats = 0;
        } else {
            let (commands, period) = (self.given - hit.number, cycle - hit.last);
            if (commands, period) == (self.commands, self.period) {
                self.repeats += 1;
            } else {
                (self.commands, self.period) = (commands, period);
                self.repeats = 1;
            }
        }
        hit.number = self.given;
        hit.last = cycle;
    }

    const fn repeats(&self) -> bool {
        self.repeats > 0 && self.repeats >= self.commands
    }

    /// Whether a hit has part in the last round.
    const fn has(&self, hit: &Hit) -> bool {
        hit.number + self.commands > self.given
    }
}

/// What bounds a train, and what it has given.
struct Train {
    /// All its commands go before this cycle.
    limit: u64,
    /// Commands that it may still give.
    budget: u64,
    spacing: Spacing,
    burst: u64,
    /// From a command to when the data clock stops after it (LPDDR5).
    clock_runs: Option<u64>,
    clock_until: u64,
    /// The first free cycle for the next command.
    free: u64,
    first: u64,
    newest: u64,
    commands: u64,
}

impl Train {
    /// The next command, if it is one that a train may give.
    #[inline]
    fn next(&self, candidates: &Candidates) -> Option<(usize, u64)> {
        let (at, cycle) = candidates.next_hit(self.free);
        let stands = self.clock_runs.is_some() && cycle > self.clock_until;
        let may = cycle < self.limit && self.budget > 0 && !stands && candidates.hits[at].room > 0;
        may.then_some((at, cycle))
    }

    #[inline]
    fn give(&mut self, candidates: &mut Candidates, at: usize, cycle: u64) {
        let hit = &mut candidates.hits[at];
        if hit.count == 0 {
            hit.first = cycle;
        }
        hit.count += 1;
        hit.room -= 1;
        candidates.rhythm.note(hit, cycle);
        candidates.space(at, cycle, self.spacing);
        if self.commands == 0 {
            self.first = cycle;
        }
        self.commands += 1;
        self.budget -= 1;
        self.went(cycle);
    }

    /// Takes note of when the newest command went.
    fn went(&mut self, cycle: u64) {
        self.newest = cycle;
        self.free = cycle + self.burst;
        if let Some(runs) = self.clock_runs {
            self.clock_until = cycle + runs;
        }
    }

    /// How many further rounds nothing can disturb: no hit runs out, none outside the round
    /// becomes ready, the direction does not turn, and all commands are before the limit.
    fn rounds(&self, candidates: &Candidates) -> u64 {
        let rhythm = &candidates.rhythm;
        let mut rounds = self.budget / rhythm.commands;
        let mut start = self.newest;
        for hit in candidates.hits.iter().filter(|hit| rhythm.has(hit)) {
            rounds = rounds.min(u64::from(hit.room));
            start = start.min(hit.last);
        }
        let mut limit = self.limit;
        for hit in &candidates.hits {
            // What it waits for but the round's own commands may end amid the rounds.
            if !rhythm.has(hit) && hit.ready + rhythm.period > start {
                limit = limit.min(hit.ready);
            }
        }
        match (limit.saturating_sub(1)).checked_sub(self.newest) {
            Some(left) if left >= rhythm.period => rounds.min(left / rhythm.period),
            _ => 0,
        }
    }

    /// Gives so many further rounds.
    fn jump(&mut self, candidates: &mut Candidates, rounds: u64) {
        let rhythm = candidates.rhythm;
        let (span, commands) = (rhythm.period * rounds, rhythm.commands * rounds);
        for at in 0..candidates.hits.len() {
            let hit = &mut candidates.hits[at];
            if rhythm.has(hit) {
                hit.count += rounds as u32;
                hit.room -= rounds as u32;
                hit.last += span;
                hit.number += commands;
                let last = hit.last;
                candidates.space(at, last, self.spacing);
            }
        }
        candidates.rhythm.given += commands;
        self.commands += commands;
        self.budget -= commands;
        self.went(self.newest + span);
    }
}

impl Controller {
    /// Gives row and column commands, all of them before `horizon`, until the direction has to
    /// turn: until then no refresh goes.
    pub(super) fn give_until(&mut self, horizon: u64) {
        while self.candidates.valid && self.busy() && self.turn_after() > 0 {
            let column = self.next_column();
            let row = self.candidates.next_row(self.row_bus.max(self.decided));
            let row_at = row.map_or(NEVER, |(cycle, _)| cycle);
            match (column, row) {
                (Some(column), _) if column.cycle <= row_at => {
                    if column.cycle >= horizon {
                        break;
                    }
                    if !self.give_train(horizon.min(row_at.saturating_add(1)), column) {
                        self.give_column(column);
                    }
                }
                (_, Some((cycle, at))) if cycle < horizon => self.give_row(cycle, at),
                _ => break,
            }
        }
        self.settle_all();
    }

    /// Gives a column command and those that follow it before `limit`, as long as they are hits
    /// that are not the last of their visit; false if the first is none.
    fn give_train(&mut self, limit: u64, column: ColumnCommand) -> bool {
        let account = &self.account;
        let turned = account.last_direction != Some(self.direction);
        if turned
            || account.bus_end < account.busy_since
            || self.candidates.hits[column.at].room == 0
        {
            return false;
        }
        let (burst, latency) = (self.numbers.burst, self.data_latency());
        let mut train = Train {
            limit,
            budget: self.turn_after(),
            spacing: self.numbers.spacing[self.direction as usize],
            burst,
            clock_runs: self.numbers.data_clock.map(|on| on + latency + burst),
            clock_until: self.data_clock_until,
            free: self.column_free(),
            first: 0,
            newest: 0,
            commands: 0,
        };
        while let Some((at, cycle)) = train.next(&self.candidates) {
            train.give(&mut self.candidates, at, cycle);
            self.note_hit(at, cycle, 0);
            if self.candidates.rhythm.repeats() {
                let rounds = train.rounds(&self.candidates);
                if rounds > 0 {
                    self.note_rounds(rounds);
                    train.jump(&mut self.candidates, rounds);
                }
            }
        }
        if train.commands == 0 {
            return false;
        }
        self.end_train(&train, latency);
        true
    }

    fn end_train(&mut self, train: &Train, latency: u64) {
        self.account.gap(&Held {
            data: train.first + latency,
            refresh: (0, 0),
            turnaround: 0,
            row_wait: 0,
        });
        let (span, burst) = (train.newest - train.first + train.burst, train.burst);
        self.account
            .moved(train.first + latency, span, train.commands, burst);
        self.count(false, train.commands);
        self.data_clock_until = train.clock_until;
        self.decided = train.newest;
        self.column_bus = train.newest + 1;
        if !self.numbers.two_buses {
            self.row_bus = self.column_bus;
        }
    }

    /// Commands of a visit that are neither the first of the row, nor the visit's last, nor reach
    /// the cap of a row that it must not keep from an older visit for ever.
    pub(super) fn train_room(&self, visit: &Visit, passes: bool) -> u32 {
        match (self.banks[visit.bank].hits, self.numbers.row_hits) {
            (0, _) => 0,
            (hits, cap) if passes => (visit.left - 1).min(cap - 1 - hits),
            _ => visit.left - 1,
        }
    }

    /// Tells the queue and the timing of the commands of all hits.
    pub(super) fn settle_all(&mut self) {
        for at in 0..self.candidates.hits.len() {
            self.settle(at);
        }
    }

    /// Tells the queue and the timing of the commands of a hit that trains have given.
    pub(super) fn settle(&mut self, at: usize) {
        let hit = &mut self.candidates.hits[at];
        let (count, last, first) = (std::mem::take(&mut hit.count), hit.last, hit.first);
        if count == 0 {
            return;
        }
        let (bank, index) = (usize::from(hit.bank), hit.index as usize);
        // Of commands to one bank only the last binds later ones.
        self.timing.issue(self.column_kind(), bank, last);
        self.banks[bank].hits += count;
        let data = first + self.data_latency();
        let queue = &mut self.queues[self.direction as usize];
        queue.issued(index, count, data, &self.geometry);
    }

    /// Notes a command of a hit; `ahead` more come before it.
    #[inline]
    fn note_hit(&mut self, at: usize, cycle: u64, ahead: u64) {
        if matches!(self.log, Log::Off) {
            return;
        }
        let hit = self.candidates.hits[at];
        let visit = self.queues[self.direction as usize].visits[hit.index as usize];
        let column = visit.column + hit.count - 1 + ahead as u32;
        self.note(cycle, self.column_kind(), visit.bank, visit.row, column);
    }

    fn note_rounds(&mut self, rounds: u64) {
        // Every round is the one before, moved on: the checker sees the first and the last, unless
        // a data clock must not seem to stop in between.
        let step = match self.log {
            Log::Off => return,
            Log::Check(_) if self.numbers.data_clock.is_none() => (rounds - 1).max(1),
            Log::Check(_) | Log::Record(_) => 1,
        };
        let rhythm = self.candidates.rhythm;
        let hits = &self.candidates.hits;
        let mut round: Vec<usize> = (0..hits.len()).filter(|&at| rhythm.has(&hits[at])).collect();
        round.sort_unstable_by_key(|&at| hits[at].number);
        for turn in (1..=rounds).step_by(step as usize) {
            for &at in &round {
                let cycle = self.candidates.hits[at].last + turn * rhythm.period;
                self.note_hit(at, cycle, turn);
            }
        }
    }
}

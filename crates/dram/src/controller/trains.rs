//! Trains of column commands: runs of row hits, decided in one go.
//!
//! Column commands that are neither the first of their row nor the last of their visit change only
//! the distances to the next ones; they bind row commands of no bank but their own. A train keeps
//! those distances, and tells the queue and the timing of the commands of each hit at once, when
//! something else asks. Where the oldest hit, or the oldest two
//! of different bank groups by turns, keep the bus from all others, all their commands up to the
//! next event are one jump.

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

/// Commands of one hit, or of two by turns, at equal distances.
struct Run {
    /// The hits of the first and of the second command.
    hits: [usize; 2],
    start: u64,
    step: u64,
    commands: u64,
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

    /// The run that begins with the next command, if it has two commands or more.
    ///
    /// The oldest hit takes every slot of the bus that the distances in its bank group leave it; if
    /// they leave it every second one, the oldest hit of another group takes those between. All
    /// others come later: the older ones are in the first hit's group, and it is open to neither
    /// when the second takes its turn.
    #[inline]
    fn run(&self, candidates: &Candidates, at: usize, start: u64) -> Option<Run> {
        let Spacing {
            group: long,
            rank: short,
            other_rank,
        } = self.spacing;
        let short = short.max(self.burst);
        if candidates.ranks.len() > 1 && other_rank < short {
            return None;
        }
        let alone = long <= short;
        let mut limit = self.limit;
        let (mut oldest, mut second) = (None, None);
        for (other, hit) in candidates.hits.iter().enumerate() {
            if hit.ready > start {
                limit = limit.min(hit.ready);
                continue;
            }
            match oldest {
                None => oldest = Some((other, hit)),
                Some((_, oldest)) if hit.group != oldest.group => second = Some((other, hit)),
                Some(_) => continue,
            }
            if alone || second.is_some() {
                break;
            }
        }
        let (oldest, Hit { rank, .. }) = oldest?;
        let first = &candidates.hits[at];
        let (beside, step, most) = match second {
            None if at == oldest => (at, short.max(long), u64::from(first.room)),
            Some((second, hit)) if hit.rank == *rank && (at == oldest || at == second) => {
                let beside = if at == oldest { second } else { oldest };
                let hit = &candidates.hits[beside];
                let follows = candidates.spaced(hit) <= start + short;
                if long > 2 * short || !follows {
                    return None;
                }
                (
                    beside,
                    short,
                    u64::from(first.room.min(hit.room)) * 2 + u64::from(first.room > hit.room),
                )
            }
            _ => return None,
        };
        let stops = self.clock_runs.is_some_and(|runs| step > runs);
        let fit = (limit.min(NEVER - 1) - 1 - start) / step + 1;
        let commands = most.min(fit).min(self.budget);
        (commands > 1 && !stops).then_some(Run {
            hits: [at, beside],
            start,
            step,
            commands,
        })
    }

    /// Gives `commands` commands of a hit, a step apart.
    #[inline]
    fn give(&mut self, candidates: &mut Candidates, at: usize, start: u64, steps: (u64, u64)) {
        let (commands, step) = steps;
        let last = start + (commands - 1) * step;
        let hit = &mut candidates.hits[at];
        if hit.count == 0 {
            hit.first = start;
        }
        hit.count += commands as u32;
        hit.room -= commands as u32;
        hit.last = last;
        candidates.space(at, last, self.spacing);
        if self.commands == 0 {
            self.first = start;
        }
        self.commands += commands;
        self.budget -= commands;
        self.newest = self.newest.max(last);
        self.free = self.newest + self.burst;
        if let Some(runs) = self.clock_runs {
            self.clock_until = self.newest + runs;
        }
    }

    fn give_run(&mut self, candidates: &mut Candidates, run: &Run) {
        let Run {
            hits: [first, second],
            start,
            step,
            commands,
        } = *run;
        if first == second {
            self.give(candidates, first, start, (commands, step));
        } else {
            let steps = |commands| (commands, 2 * step);
            self.give(candidates, first, start, steps(commands.div_ceil(2)));
            self.give(candidates, second, start + step, steps(commands / 2));
        }
    }
}

impl Controller {
    /// Gives row and column commands, all of them before `horizon`, until the direction has to
    /// turn: until then no refresh goes.
    pub(super) fn give_until(&mut self, horizon: u64) {
        let full = !self.can_accept();
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
                        // Whoever waits for room comes in before anything else is decided.
                        if full && self.can_accept() {
                            break;
                        }
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
            if let Some(run) = train.run(&self.candidates, at, cycle) {
                self.note_run(&run);
                train.give_run(&mut self.candidates, &run);
            } else {
                self.note_hit(at, cycle, 0);
                train.give(&mut self.candidates, at, cycle, (1, 0));
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

    /// Tells the queue and the timing of the commands of all hits that trains have given.
    pub(super) fn settle_all(&mut self) {
        for at in 0..self.candidates.hits.len() {
            let Hit {
                count, bank, last, ..
            } = self.candidates.hits[at];
            if count > 0 {
                // Of commands to one bank only the last binds later ones.
                let command = self.column_kind();
                self.timing.issue(command, usize::from(bank), last);
                self.settle(at);
            }
        }
    }

    /// Tells the queue of the commands of a hit that trains have given.
    pub(super) fn settle(&mut self, at: usize) {
        let hit = &mut self.candidates.hits[at];
        let (count, first) = (std::mem::take(&mut hit.count), hit.first);
        let (bank, index) = (usize::from(hit.bank), hit.index as usize);
        self.banks[bank].hits += count;
        let data = first + self.data_latency();
        let queue = &mut self.queues[self.direction as usize];
        queue.issued(index, count, data, &self.geometry);
    }

    /// Notes a command of a hit that trains are about to give, `ahead` more before it.
    #[inline]
    fn note_hit(&mut self, at: usize, cycle: u64, ahead: u64) {
        if matches!(self.log, Log::Off) {
            return;
        }
        let hit = self.candidates.hits[at];
        let visit = self.queues[self.direction as usize].visits[hit.index as usize];
        let column = visit.column + hit.count + ahead as u32;
        self.note(cycle, self.column_kind(), visit.bank, visit.row, column);
    }

    #[inline]
    fn note_run(&mut self, run: &Run) {
        // The checker sees the first and the last of equal commands, unless a data clock must not
        // seem to stop in between.
        let inner = match self.log {
            Log::Off => return,
            Log::Check(_) if self.numbers.data_clock.is_none() => 4..run.commands.saturating_sub(4),
            Log::Check(_) | Log::Record(_) => 0..0,
        };
        let alone = run.hits[0] == run.hits[1];
        for turn in (0..run.commands).filter(|turn| !inner.contains(turn)) {
            let ahead = if alone { turn } else { turn / 2 };
            let cycle = run.start + turn * run.step;
            self.note_hit(run.hits[turn as usize % 2], cycle, ahead);
        }
    }
}

//! Trains of column commands: sequences of row hits that are decided together.
//!
//! A column command that is neither the first of its row nor the last of its visit changes only the
//! distances to later column commands; it delays row commands of its own bank alone. A train
//! keeps those distances. It reports the commands of each hit to the queue and to the timing
//! together, when the train ends. Where the oldest hit, or the oldest two of different bank groups
//! by turns, keep the bus from all others, all their commands up to the next event are one step.

use super::account::BurstDelay;
use super::candidates::{Candidates, Hit, Precedence};
use super::columns::{BurstCounts, ColumnCommand};
use super::queue::Visit;
use super::refresh::RefreshSpan;
use super::{Controller, Log, NEVER};

/// Least distances of column commands of one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    pub(super) group: u64,
    pub(super) rank: u64,
    pub(super) other_rank: u64,
}

/// Column commands at equal distances.
#[derive(Clone, Copy)]
struct EvenCommands {
    /// The cycle of the first command.
    start: u64,
    /// Cycles from each command to the next.
    step: u64,
    commands: u64,
}

/// Column commands of one hit, or of two by turns, at equal distances.
struct AlternatingHits {
    /// The hits of the first and of the second command.
    hits: [usize; 2],
    even: EvenCommands,
}

/// The bounds of a train, and the commands that it has issued.
struct Train {
    /// The cycle before which all its commands go.
    limit: u64,
    /// The number of commands that it may still issue.
    budget: u64,
    spacing: Spacing,
    burst: u64,
    /// Cycles from a command until LPDDR5's data clock stops after it.
    clock_runs: Option<u64>,
    clock_until: u64,
    /// The first free cycle for the next command.
    free: u64,
    first: u64,
    newest: u64,
    commands: u64,
}

impl Train {
    /// The next command, if it is one that a train may issue.
    #[inline]
    fn next(&self, candidates: &Candidates) -> Option<(usize, u64)> {
        let (at, cycle) = candidates.next_hit(self.free);
        let stands = self.clock_runs.is_some() && cycle > self.clock_until;
        let may =
            cycle < self.limit && self.budget > 0 && !stands && candidates.hits[at].budget > 0;
        may.then_some((at, cycle))
    }

    /// The commands at equal distances that begin with the next command, if there are at least two.
    ///
    /// The oldest hit takes every slot of the bus that the distances in its bank group leave it; if
    /// they leave it every second one, the oldest hit of another group takes those between. All
    /// others come later: the older ones are in the first hit's group, and it is open to neither
    /// when the second takes its turn.
    #[inline]
    fn alternate(&self, candidates: &Candidates, at: usize, start: u64) -> Option<AlternatingHits> {
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
        let (partner, step, most) = match second {
            None if at == oldest => (at, short.max(long), u64::from(first.budget)),
            Some((second, hit)) if hit.rank == *rank && (at == oldest || at == second) => {
                let partner = if at == oldest { second } else { oldest };
                let hit = &candidates.hits[partner];
                let follows = candidates.spaced(hit) <= start + short;
                if long > 2 * short || !follows {
                    return None;
                }
                (
                    partner,
                    short,
                    u64::from(first.budget.min(hit.budget)) * 2
                        + u64::from(first.budget > hit.budget),
                )
            }
            _ => return None,
        };
        let stops = self.clock_runs.is_some_and(|runs| step > runs);
        let fit = (limit.min(NEVER - 1) - 1 - start) / step + 1;
        let commands = most.min(fit).min(self.budget);
        (commands > 1 && !stops).then_some(AlternatingHits {
            hits: [at, partner],
            even: EvenCommands {
                start,
                step,
                commands,
            },
        })
    }

    /// Issues commands of a hit.
    #[inline]
    fn issue(&mut self, candidates: &mut Candidates, at: usize, even: EvenCommands) {
        let EvenCommands {
            start,
            step,
            commands,
        } = even;
        let last = start + (commands - 1) * step;
        let hit = &mut candidates.hits[at];
        if hit.count == 0 {
            hit.first = start;
        }
        hit.count += commands as u32;
        hit.budget -= commands as u32;
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

    fn issue_alternating(&mut self, candidates: &mut Candidates, hits: &AlternatingHits) {
        let AlternatingHits {
            hits: [first, second],
            even,
        } = *hits;
        if first == second {
            self.issue(candidates, first, even);
        } else {
            let every_second = |start, commands| EvenCommands {
                start,
                step: 2 * even.step,
                commands,
            };
            let (start, commands) = (even.start, even.commands);
            self.issue(candidates, first, every_second(start, commands.div_ceil(2)));
            let later = every_second(start + even.step, commands / 2);
            self.issue(candidates, second, later);
        }
    }
}

impl Controller {
    /// Issues the row and column commands before `horizon`, until the direction has to turn. The
    /// caller makes sure that no refresh goes before `horizon`.
    pub(super) fn issue_until(&mut self, horizon: u64) {
        let full = !self.can_accept();
        while self.candidates.valid && self.busy() && self.turn_after() > 0 {
            let column = self.next_column();
            let row = self
                .candidates
                .next_row(self.buses.row_free.max(self.decided));
            let row_at = row.map_or(NEVER, |(cycle, _)| cycle);
            match (column, row) {
                (Some(column), _) if column.cycle <= row_at => {
                    if column.cycle >= horizon {
                        break;
                    }
                    if !self.issue_train(horizon.min(row_at.saturating_add(1)), column) {
                        self.issue_column(column);
                        // A request that waits for a place in the queue enters before anything else
                        // is decided.
                        if full && self.can_accept() {
                            break;
                        }
                    }
                }
                (_, Some((cycle, at))) if cycle < horizon => self.issue_row(cycle, at),
                _ => break,
            }
        }
        self.settle_all();
    }

    /// Issues a column command and those that follow it before `limit`, as long as they are hits
    /// that are not the last of their visit. Returns false if the first is not such a hit.
    fn issue_train(&mut self, limit: u64, column: ColumnCommand) -> bool {
        let account = &self.account;
        let turned = account.last_direction != Some(self.turn.direction);
        if turned
            || account.bus_end < account.busy_since
            || self.candidates.hits[column.at].budget == 0
        {
            return false;
        }
        let (burst, latency) = (self.device.burst, self.data_latency());
        let mut train = Train {
            limit,
            budget: self.turn_after(),
            spacing: self.device.spacing[self.turn.direction as usize],
            burst,
            clock_runs: self.device.data_clock.map(|on| on + latency + burst),
            clock_until: self.buses.data_clock_until,
            free: self.column_free(),
            first: 0,
            newest: 0,
            commands: 0,
        };
        while let Some((at, cycle)) = train.next(&self.candidates) {
            if let Some(hits) = train.alternate(&self.candidates, at, cycle) {
                self.note_alternating(&hits);
                train.issue_alternating(&mut self.candidates, &hits);
            } else {
                self.note_hit(at, cycle, 0);
                let one = EvenCommands {
                    start: cycle,
                    step: 0,
                    commands: 1,
                };
                train.issue(&mut self.candidates, at, one);
            }
        }
        if train.commands == 0 {
            return false;
        }
        self.end_train(&train, latency);
        true
    }

    fn end_train(&mut self, train: &Train, latency: u64) {
        self.account.gap(&BurstDelay {
            data: train.first + latency,
            refresh: RefreshSpan::default(),
            turnaround: 0,
            row_wait: 0,
        });
        let (span, burst) = (train.newest - train.first + train.burst, train.burst);
        self.account
            .moved(train.first + latency, span, train.commands, burst);
        self.count(BurstCounts {
            row_hits: train.commands,
            row_misses: 0,
        });
        self.buses.data_clock_until = train.clock_until;
        self.decided = train.newest;
        self.take_column_bus(train.newest);
    }

    /// The number of a visit's commands that a train may issue: those that are neither the first of
    /// the row, nor the visit's last, nor reach the cap after which an older visit to another row
    /// of the bank goes first.
    pub(super) fn train_budget(&self, visit: &Visit, precedence: Precedence) -> u32 {
        let hits = self.banks[visit.bank].hits;
        match precedence {
            _ if hits == 0 => 0,
            Precedence::Oldest => visit.left - 1,
            Precedence::PassesOlder => (visit.left - 1).min(self.device.row_hits - 1 - hits),
        }
    }

    /// Reports the commands that trains have issued for all hits to the queue and the timing.
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

    /// Reports the commands that trains have issued for a hit to the queue.
    pub(super) fn settle(&mut self, at: usize) {
        let hit = &mut self.candidates.hits[at];
        let (count, first) = (std::mem::take(&mut hit.count), hit.first);
        let (bank, index) = (usize::from(hit.bank), hit.index as usize);
        self.banks[bank].hits += count;
        let data = first + self.data_latency();
        let queue = &mut self.queues[self.turn.direction as usize];
        queue.issued(index, count, data, &self.geometry);
    }

    /// Logs a command of a hit that a train is about to issue, after `ahead` others of the hit.
    #[inline]
    fn note_hit(&mut self, at: usize, cycle: u64, ahead: u64) {
        if matches!(self.log, Log::Off) {
            return;
        }
        let hit = self.candidates.hits[at];
        let visit = self.queues[self.turn.direction as usize].visits[hit.index as usize];
        let column = visit.column + hit.count + ahead as u32;
        self.note(cycle, self.column_kind(), visit.bank, visit.row, column);
    }

    #[inline]
    fn note_alternating(&mut self, hits: &AlternatingHits) {
        let AlternatingHits { hits, even } = *hits;
        // The checker sees the first and the last of equal commands, unless a data clock must not
        // seem to stop in between.
        let skipped = match self.log {
            Log::Off => return,
            Log::Check(_) if self.device.data_clock.is_none() => 4..even.commands.saturating_sub(4),
            Log::Check(_) | Log::Record(_) => 0..0,
        };
        let alone = hits[0] == hits[1];
        for turn in (0..even.commands).filter(|turn| !skipped.contains(turn)) {
            let ahead = if alone { turn } else { turn / 2 };
            let cycle = even.start + turn * even.step;
            self.note_hit(hits[turn as usize % 2], cycle, ahead);
        }
    }
}

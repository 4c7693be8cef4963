//! Trains of column commands: runs of row hits between row commands, decided in one go.
//!
//! Between two row commands only column commands change anything, and those that are neither the
//! first of their row nor the last of their visit change only the distances to the next ones. So
//! a train keeps the ready times of its lanes (the visits whose row is open) by itself, and tells
//! the rest of the controller at its end. Once its commands repeat with a period, all further
//! rounds up to the next event are one jump.

use super::account::Held;
use super::queue::Visit;
use super::{Controller, Log, NEVER};

/// A visit whose row is open.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    /// When its next command can go, and when it could at the train's start.
    ready: u64,
    ready_at_start: u64,
    first: u64,
    last: u64,
    /// Commands that the train may give it, and has given it.
    room: u32,
    count: u32,
    index: u16,
    bank: u16,
    group: u16,
    rank: u16,
}

/// Lanes of a train. While one of the oldest rows can go as soon as the bus is free, younger rows
/// need not be looked at.
const MOST_LANES: usize = 6;
/// Commands looked back at to see a period.
const LOOK_BACK: usize = 2 * MOST_LANES;

struct Train {
    lanes: [Lane; MOST_LANES],
    length: usize,
    /// Whether there are younger lanes.
    more: bool,
    /// The last commands: lane and cycle, newest last.
    recent: [(usize, u64); LOOK_BACK],
    recent_count: usize,
    /// The first free cycle for the next command.
    free: u64,
    newest: u64,
    commands: u64,
    first: u64,
}

/// Least distances of column commands of one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    pub(super) group: u64,
    pub(super) rank: u64,
    pub(super) other_rank: u64,
}

impl Train {
    fn lanes(&self) -> &[Lane] {
        &self.lanes[..self.length]
    }

    /// The oldest of the lanes that can go first, and when.
    #[inline]
    fn next(&self) -> (usize, u64) {
        let mut best = (0, NEVER);
        for (at, lane) in self.lanes().iter().enumerate() {
            let cycle = lane.ready.max(self.free);
            if cycle < best.1 {
                best = (at, cycle);
                if cycle == self.free {
                    break;
                }
            }
        }
        best
    }

    /// Every lane waits for a command of a lane.
    #[inline]
    fn space(&mut self, from: usize, cycle: u64, spacing: Spacing) {
        let Lane { group, rank, .. } = self.lanes[from];
        for lane in &mut self.lanes[..self.length] {
            let distance = if lane.group == group {
                spacing.group
            } else if lane.rank == rank {
                spacing.rank
            } else {
                spacing.other_rank
            };
            lane.ready = lane.ready.max(cycle + distance);
        }
    }

    fn give(&mut self, at: usize, cycle: u64, spacing: Spacing, burst: u64) {
        let lane = &mut self.lanes[at];
        if lane.count == 0 {
            lane.first = cycle;
        }
        if self.commands == 0 {
            self.first = cycle;
        }
        lane.count += 1;
        lane.room -= 1;
        lane.last = cycle;
        self.commands += 1;
        self.newest = cycle;
        self.free = cycle + burst;
        self.space(at, cycle, spacing);
        if self.recent_count == LOOK_BACK {
            self.recent.copy_within(LOOK_BACK / 2.., 0);
            self.recent_count = LOOK_BACK / 2;
        }
        self.recent[self.recent_count] = (at, cycle);
        self.recent_count += 1;
    }

    /// The last round and its period, if it repeated the one before it.
    fn round(&self) -> Option<(usize, u64)> {
        let recent = &self.recent[..self.recent_count];
        let (newest, _) = *recent.last()?;
        let mut earlier = recent.iter().rev().skip(1);
        let lanes = earlier.position(|(lane, _)| *lane == newest)? + 1;
        if 2 * lanes > recent.len() {
            return None;
        }
        let (before, after) = recent[recent.len() - 2 * lanes..].split_at(lanes);
        let period = after[0].1 - before[0].1;
        let repeats = before
            .iter()
            .zip(after)
            .all(|(b, a)| b.0 == a.0 && a.1 - b.1 == period);
        repeats.then_some((lanes, period))
    }

    /// How many further rounds nothing can disturb: no lane runs out, no lane outside the round
    /// becomes ready, the direction does not turn, and all commands are before `horizon`.
    fn rounds(&self, lanes: usize, period: u64, horizon: u64, budget: u64) -> u64 {
        let round = &self.recent[self.recent_count - lanes..self.recent_count];
        let start = self.recent[self.recent_count - 2 * lanes].1;
        let mut horizon = horizon;
        let mut rounds = budget / lanes as u64;
        for (at, lane) in self.lanes().iter().enumerate() {
            if round.iter().any(|(member, _)| *member == at) {
                rounds = rounds.min(u64::from(lane.room));
            } else if lane.ready_at_start > start {
                // What it waits for but the round's own commands may end amid the rounds.
                horizon = horizon.min(lane.ready_at_start);
            }
        }
        if horizon <= self.newest {
            return 0;
        }
        rounds.min((horizon - 1 - self.newest) / period)
    }

    fn jump(&mut self, lanes: usize, period: u64, rounds: u64, spacing: Spacing, burst: u64) {
        let span = period * rounds;
        for at in self.recent_count - lanes..self.recent_count {
            let (member, cycle) = self.recent[at];
            let lane = &mut self.lanes[member];
            lane.count += rounds as u32;
            lane.room -= rounds as u32;
            lane.last = cycle + span;
            self.space(member, cycle + span, spacing);
        }
        self.commands += rounds * lanes as u64;
        self.newest += span;
        self.free = self.newest + burst;
        self.recent_count = 0;
    }
}

impl Controller {
    /// Gives the column commands that follow one just given, all of them before `horizon`: hits
    /// that are not the last of their visit.
    pub(super) fn give_train(&mut self, horizon: u64) {
        let mut budget = self.turn_after();
        if budget == 0 {
            return;
        }
        let mut train = Train {
            lanes: [Lane::default(); MOST_LANES],
            length: 0,
            more: false,
            recent: [(0, 0); LOOK_BACK],
            recent_count: 0,
            free: 0,
            newest: 0,
            commands: 0,
            first: 0,
        };
        self.form_train(&mut train);
        if train.length == 0 {
            return;
        }
        let burst = self.numbers.burst;
        let latency = self.data_latency();
        let spacing = self.numbers.spacing[self.direction as usize];
        let clock_runs_on = self.numbers.data_clock.map(|on| on + latency + burst);
        while budget > 0 {
            let (at, cycle) = train.next();
            let stands = clock_runs_on.is_some() && cycle > self.data_clock_until;
            let unsure = train.more && cycle > train.free;
            if cycle >= horizon || train.lanes[at].room == 0 || stands || unsure {
                break;
            }
            train.give(at, cycle, spacing, burst);
            self.note_train(&train.lanes[at], 1, cycle, 0);
            budget -= 1;
            if let Some((lanes, period)) = train.round() {
                let rounds = train.rounds(lanes, period, horizon, budget);
                if rounds > 0 {
                    self.note_rounds(&train, lanes, period, rounds);
                    train.jump(lanes, period, rounds, spacing, burst);
                    budget -= rounds * lanes as u64;
                }
            }
            if let Some(runs_on) = clock_runs_on {
                self.data_clock_until = train.newest + runs_on;
            }
        }
        self.end_train(&train);
    }

    /// The open rows that visits hit, in the order of the window.
    fn form_train(&self, train: &mut Train) {
        let visits = &self.queues[self.direction as usize].visits;
        let command = self.column_kind();
        let bus = self.account.bus_end.saturating_sub(self.data_latency());
        train.free = self.column_bus.max(self.decided).max(bus);
        for hit in &self.candidates.hits {
            // A younger hit that passes an older request shares its row's cap with others: from
            // there on it goes one by one.
            if hit.passes || train.length == MOST_LANES {
                train.more = true;
                return;
            }
            let visit = &visits[hit.index as usize];
            let ready = self.timing.earliest(command, visit.bank);
            let (group, rank) = self.timing.group_and_rank(visit.bank);
            train.lanes[train.length] = Lane {
                ready,
                ready_at_start: ready,
                room: self.train_room(visit),
                index: hit.index as u16,
                bank: visit.bank as u16,
                group,
                rank,
                ..Lane::default()
            };
            train.length += 1;
        }
    }

    /// Commands of a visit that are neither the first of the row, nor the visit's last, nor reach
    /// the cap.
    fn train_room(&self, visit: &Visit) -> u32 {
        let hits = self.banks[visit.bank].hits;
        let cap = self.numbers.row_hits;
        if hits == 0 {
            return 0;
        }
        let to_cap = if hits < cap { cap - 1 - hits } else { u32::MAX };
        (visit.left - 1).min(to_cap)
    }

    fn end_train(&mut self, train: &Train) {
        if train.commands == 0 {
            return;
        }
        let command = self.column_kind();
        let latency = self.data_latency();
        let burst = self.numbers.burst;
        for lane in train.lanes().iter().filter(|lane| lane.count > 0) {
            // Of commands to one bank only the last binds later ones.
            self.timing
                .issue(command, usize::from(lane.bank), lane.last);
            self.banks[usize::from(lane.bank)].hits += lane.count;
            let queue = &mut self.queues[self.direction as usize];
            let data = lane.first + latency;
            queue.issued(usize::from(lane.index), lane.count, data, &self.geometry);
        }
        let data = train.first + latency;
        self.account.gap(&Held {
            data,
            refresh: (0, 0),
            turnaround: 0,
            row_wait: 0,
        });
        let span = train.newest - train.first + burst;
        self.account.moved(data, span, train.commands, burst);
        self.count(false, train.commands);
        self.decided = train.newest;
        self.column_bus = train.newest + 1;
        if !self.numbers.two_buses {
            self.row_bus = self.column_bus;
        }
    }

    /// Notes a command of a lane that has had `count` of the train's; `ahead` more come before it.
    fn note_train(&mut self, lane: &Lane, count: u32, cycle: u64, ahead: u64) {
        if matches!(self.log, Log::Off) {
            return;
        }
        let visit = self.queues[self.direction as usize].visits[usize::from(lane.index)];
        let column = visit.column + lane.count - count + ahead as u32;
        let command = self.column_kind();
        self.note(cycle, command, visit.bank, visit.row, column);
    }

    fn note_rounds(&mut self, train: &Train, lanes: usize, period: u64, rounds: u64) {
        // Every round is the one before, moved on: the checker sees the first and the last, unless
        // a data clock must not seem to stop in between.
        let step = match self.log {
            Log::Off => return,
            Log::Check(_) if self.numbers.data_clock.is_none() => (rounds - 1).max(1),
            Log::Check(_) | Log::Record(_) => 1,
        };
        for turn in (1..=rounds).step_by(step as usize) {
            for &(member, cycle) in &train.recent[train.recent_count - lanes..train.recent_count] {
                let lane = train.lanes[member];
                self.note_train(&lane, 0, cycle + turn * period, turn - 1);
            }
        }
    }
}

//! DRAMsim3's controller, command for command.
//!
//! A read queue and a write buffer feed one command queue a bank; a round-robin pointer over those
//! queues chooses the command of each tick. See the crate's README for the policy in words.
//!
//! What each bank's queue can give is kept, and looked up again only where a command or a moved
//! request can have changed it; so is what the next command is.

mod bank;
mod gates;
mod hits;
mod plan;
mod queue;
mod refresh;
mod requests;
mod setup;
mod waiting;

use dram::Direction;
use dram::command::{Command, Issued};
use dram::timing::Shape;

use super::driver::{Arrived, ChannelStatistics, Recording, RequestChannel};

use bank::Bank;
use gates::{Gates, Kind};
use plan::Plan;
use refresh::Refreshes;
use requests::Requests;
pub(crate) use setup::{Setup, facts};
use waiting::{Filter, Waiting};

/// Writes that stay in the write buffer when nothing else is to do.
const IDLE_WRITES: usize = 8;

const NEVER: u64 = u64::MAX;

/// When a row closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PagePolicy {
    /// A row closes when its bank needs another row or a refresh.
    Open,
    /// A row closes after each column command.
    Closed,
}

/// A command that is issued for an entry of a bank's queue.
#[derive(Clone, Copy, Debug)]
struct IssuedCommand {
    kind: Kind,
    bank: usize,
    /// The place of the entry in the bank's queue.
    entry: usize,
}

/// What has become of a request that was to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    /// All queues can issue what they could before.
    Same,
    /// A queue can issue something else than before.
    Changed,
    /// A write waits for a read of its burst, and ends the drain.
    HeldUp,
}

/// One channel of DRAMsim3: its queues, banks and refresh.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    shape: Shape,
    gates: Gates,
    banks: Vec<Bank>,
    plan: Plan,
    requests: Requests,
    reads: Waiting,
    writes: Waiting,
    reads_under_way: Filter,
    writes_under_way: Filter,
    /// The banks whose queue is full, one bit a bank.
    full: u64,
    /// The commands of each kind, by the page policy.
    commands: [Command; Kind::COUNT],
    /// Reads merged with an earlier one of the same burst: burst, accepted.
    merged: Vec<(u64, u64)>,
    draining: usize,
    /// The queue that issued the last command.
    pointer: usize,
    queued: usize,
    refreshes: Refreshes,
    read_return: u64,
    write_data: u64,
    page: PagePolicy,
    two_commands: bool,
    queue_depth: usize,
    buffer_depth: usize,
    next_event: u64,
    statistics: ChannelStatistics,
    log: Option<Vec<Issued>>,
}

impl Channel {
    pub(crate) fn new(setup: &Setup, recording: Recording) -> Self {
        let banks = setup.shape.total_banks();
        Self {
            shape: setup.shape,
            gates: setup.gates.clone(),
            banks: vec![Bank::new(setup.queue_depth); banks],
            plan: Plan::new(),
            requests: Requests::new(),
            reads: Waiting::new(banks),
            writes: Waiting::new(banks),
            reads_under_way: Filter::EMPTY,
            writes_under_way: Filter::EMPTY,
            full: 0,
            commands: setup.commands(),
            merged: Vec::new(),
            draining: 0,
            pointer: 0,
            queued: 0,
            refreshes: Refreshes::new(setup.refresh_interval, setup.shape),
            read_return: setup.read_return,
            write_data: setup.write_data,
            page: setup.page,
            two_commands: setup.two_commands,
            queue_depth: setup.queue_depth,
            buffer_depth: setup.buffer_depth,
            next_event: 0,
            statistics: ChannelStatistics::default(),
            log: recording.log(),
        }
    }

    /// Step 4: the first queue after the pointer that can give a command now; moves the pointer.
    #[inline]
    fn queue_command(&mut self, tick: u64) -> Option<IssuedCommand> {
        let next = self.plan.next(tick, &self.gates);
        if next.tick > tick {
            return None;
        }
        let at = self.turn(next.banks);
        Some(self.ready_choice(at, tick))
    }

    /// The first of some banks after the pointer, else up to it; moves the pointer there.
    #[inline]
    const fn turn(&mut self, banks: u64) -> usize {
        let after = banks & !(u64::MAX >> (63 - self.pointer));
        let first = if after == 0 { banks } else { after };
        self.pointer = first.trailing_zeros() as usize;
        self.pointer
    }

    /// The first of the entries of a bank's queue whose command can go now: one can.
    #[inline]
    fn ready_choice(&self, at: usize, tick: u64) -> IssuedCommand {
        let choices = &self.banks[at].choices;
        let can_go = |kind| choices.has(kind) && self.gates.earliest(kind, at) <= tick;
        let entry = |kind| choices.entry(kind);
        let kind = match choices.row {
            Some(row) if can_go(row) => row,
            _ if !can_go(Kind::Write) => Kind::Read,
            _ if can_go(Kind::Read) && entry(Kind::Read) < entry(Kind::Write) => Kind::Read,
            _ => Kind::Write,
        };
        IssuedCommand {
            kind,
            bank: at,
            entry: entry(kind),
        }
    }

    #[inline]
    fn note(&mut self, tick: u64, kind: Kind, at: usize, row: u32, column: u32) {
        let command = self.commands[kind as usize];
        self.statistics.commands[command as usize] += 1;
        if let Some(log) = &mut self.log {
            log.push(Issued {
                cycle: tick,
                command,
                place: self.shape.place(at, row, column),
            });
        }
    }

    fn issue_refresh(&mut self, tick: u64, kind: Kind, at: usize) {
        self.gates.issue(kind, at, tick);
        self.plan.issued(kind, at, &self.gates);
        self.note(tick, kind, at, 0, 0);
        if kind == Kind::Precharge {
            self.banks[at].close(&self.requests);
            self.plan.set(at, &self.banks[at].choices, &self.gates);
        } else {
            self.refreshes.gone();
            self.plan.freeze(self.refreshes.frozen());
        }
    }

    /// Issues a command of a bank's queue.
    #[inline]
    fn issue(&mut self, tick: u64, command: IssuedCommand) {
        let IssuedCommand {
            kind,
            bank: at,
            entry: index,
        } = command;
        if kind.is_column() {
            self.issue_column(tick, kind, at, index);
            return;
        }
        self.gates.issue(kind, at, tick);
        self.plan.issued(kind, at, &self.gates);
        let bank = &mut self.banks[at];
        let entry = self.requests.get(bank.oldest());
        let (row, column) = (entry.row, entry.column);
        let same = if kind == Kind::Activate {
            bank.open(&self.requests)
        } else {
            bank.close(&self.requests)
        };
        if !same {
            self.plan.set(at, &bank.choices, &self.gates);
        }
        self.note(tick, kind, at, row, column);
    }

    /// Issues a column command, which finishes its request; true if its bank's queue can give after
    /// it what it could before.
    #[inline]
    fn issue_column(&mut self, tick: u64, kind: Kind, at: usize, index: usize) -> bool {
        self.gates.issue(kind, at, tick);
        self.plan.issued(kind, at, &self.gates);
        self.take_hit(tick, kind, at, index)
    }

    /// Takes out of its bank's queue what a column command is for; true if that can give after it
    /// what it could before.
    #[inline]
    fn take_hit(&mut self, tick: u64, kind: Kind, at: usize, index: usize) -> bool {
        let bank = &mut self.banks[at];
        let (id, same) = bank.take(index, self.page, &self.requests);
        if !same {
            self.plan.set(at, &bank.choices, &self.gates);
        }
        self.statistics.row_misses += u64::from(bank.hits == 1);
        self.queued -= 1;
        self.full &= !(1 << at);
        let entry = self.requests.get(id);
        let (burst, accepted, row, column) = (entry.burst, entry.accepted, entry.row, entry.column);
        self.requests.remove(id);
        self.note(tick, kind, at, row, column);
        if kind == Kind::Write {
            self.writes_under_way.remove(burst);
            self.statistics.last_write_command = Some(tick);
            self.statistics.last_write_done = tick + self.write_data;
        } else {
            self.reads_under_way.remove(burst);
            self.return_read(tick + self.read_return, burst, accepted);
        }
        same
    }

    #[inline]
    fn return_read(&mut self, done: u64, burst: u64, accepted: u64) {
        self.statistics.returned(accepted, done);
        if !self.merged.is_empty() {
            let statistics = &mut self.statistics;
            self.merged.retain(|&(merged, accepted)| {
                if merged == burst {
                    statistics.returned(accepted, done);
                }
                merged != burst
            });
        }
    }

    #[inline]
    fn reads_burst(&self, burst: u64, bank: usize) -> bool {
        let requests = &self.requests;
        self.reads_under_way.may_have(burst)
            && (self.banks[bank].has(burst, Direction::Read, requests)
                || self.reads.has(burst, bank, requests))
    }

    #[inline]
    fn writes_burst(&self, burst: u64, bank: usize) -> bool {
        let requests = &self.requests;
        self.writes_under_way.may_have(burst)
            && (self.banks[bank].has(burst, Direction::Write, requests)
                || self.writes.has(burst, bank, requests))
    }

    #[inline]
    const fn starts_draining(&self) -> bool {
        self.draining == 0
            && (self.writes.len() >= self.buffer_depth
                || (self.writes.len() > IDLE_WRITES && self.queued == 0))
    }

    /// Step 6: moves a request from the read queue or the write buffer to its bank's queue.
    #[inline]
    fn move_request(&mut self) -> Moved {
        if self.starts_draining() {
            self.draining = self.writes.len();
        }
        let from = if self.draining > 0 {
            &mut self.writes
        } else {
            &mut self.reads
        };
        let Some(at) = from.first_beside(self.full) else {
            return Moved::Same;
        };
        let id = from.oldest(at);
        if self.draining > 0 {
            if self.reads_burst(self.requests.get(id).burst, at) {
                self.draining = 0;
                return Moved::HeldUp;
            }
            self.draining -= 1;
            self.writes.remove_oldest(at, &self.requests);
        } else {
            from.remove_oldest(at, &self.requests);
        }
        self.queued += 1;
        let bank = &mut self.banks[at];
        let same = bank.push(id, &self.requests);
        self.full |= u64::from(bank.queued() >= self.queue_depth) << at;
        if same {
            return Moved::Same;
        }
        self.plan.set(at, &bank.choices, &self.gates);
        Moved::Changed
    }

    /// Whether step 6 would do anything.
    #[inline]
    const fn can_move(&self) -> bool {
        let from = if self.draining > 0 {
            &self.writes
        } else {
            &self.reads
        };
        from.banks & !self.full != 0 || self.starts_draining()
    }

    #[inline]
    fn find_next_event(&mut self, tick: u64) -> u64 {
        if self.can_move() {
            return tick + 1;
        }
        let next = self.plan.next(tick + 1, &self.gates);
        let refresh = self.refreshes.next_event(&self.banks, &self.gates);
        next.tick.min(refresh).max(tick + 1)
    }
}

impl RequestChannel for Channel {
    #[inline]
    fn has_room(&self, direction: Direction) -> bool {
        let waiting = match direction {
            Direction::Read => &self.reads,
            Direction::Write => &self.writes,
        };
        waiting.len() < self.buffer_depth
    }

    #[inline]
    fn offer(&mut self, tick: u64, request: &Arrived) -> bool {
        if !self.has_room(request.direction) {
            return false;
        }
        let (burst, bank) = (request.burst, usize::from(request.bank));
        if self.writes_burst(burst, bank) {
            // A write to a burst that is to be written is absorbed.
            if request.direction == Direction::Read {
                self.statistics.returned(tick, tick + 2);
            }
        } else if request.direction == Direction::Read && self.reads_burst(burst, bank) {
            self.merged.push((burst, tick));
        } else {
            let id = self.requests.add(tick, request);
            if request.direction == Direction::Write {
                self.writes.push(id, &mut self.requests);
                self.writes_under_way.add(burst);
            } else {
                self.reads.push(id, &mut self.requests);
                self.reads_under_way.add(burst);
            }
        }
        true
    }

    fn note_offers(&mut self, tick: u64) {
        if self.can_move() {
            self.next_event = self.next_event.min(tick + 1);
        }
    }

    fn tick(&mut self, tick: u64) {
        if tick == self.refreshes.next {
            self.refreshes.fall_due();
            self.plan.freeze(self.refreshes.frozen());
        }
        let refresh = self.refreshes.command(tick, &self.banks, &self.gates);
        let first = if let Some((kind, at)) = refresh {
            self.issue_refresh(tick, kind, at);
            Some(kind)
        } else if let Some(command) = self.queue_command(tick) {
            self.issue(tick, command);
            Some(command.kind)
        } else {
            None
        };
        if self.two_commands
            && let Some(first) = first
            && let Some(command) = self.queue_command(tick)
            && command.kind.is_column() != first.is_column()
        {
            self.issue(tick, command);
        }
        self.move_request();
        self.next_event = self.find_next_event(tick);
    }

    fn next_event(&self) -> u64 {
        self.next_event
    }

    fn run(
        &mut self,
        tick: u64,
        to: u64,
        offers: impl FnMut(&mut Self, u64) -> Option<u64>,
    ) -> Option<u64> {
        self.run_hits(tick, to, offers)
    }

    fn done(&self) -> bool {
        self.queued == 0
            && self.reads.len() == 0
            && self.draining == 0
            && self.writes.len() <= IDLE_WRITES
    }

    fn statistics(&self) -> &ChannelStatistics {
        &self.statistics
    }

    fn take_commands(&mut self) -> Vec<Issued> {
        self.log.take().unwrap_or_default()
    }
}
